//! The content of an object: its text without the links that Stripe makes anew for each answer. Two answers with the same
//! content show the same state of the object.

use std::ops::Range;

use memchr::memmem::Finder;
use sha2::{Digest, Sha256};

/// The two hashes of an object's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hashes {
    /// Over the whole text.
    pub(super) whole: [u8; 32],
    /// Over its content; `None` if the text has nothing else.
    pub(super) content: Option<[u8; 32]>,
}

/// Keys whose values are their owners', and not Stripe's: what is in them is content, whatever its keys are called.
const OWNERS: [&str; 2] = ["metadata", "return_url"];

/// The keys whose values have links, made ready to be searched for.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    volatile: Vec<Finder<'static>>,
    owners: Vec<Finder<'static>>,
}

impl Keys {
    /// These keys. The links in their values, at any depth, are not content; but all that an account's owner writes is.
    pub(super) fn new(volatile: &[&str]) -> Self {
        let owners: &[&str] = if volatile.is_empty() { &[] } else { &OWNERS };
        let finders = |keys: &[&str]| {
            // In a compact text, this is the key: within a string, a quote has a backslash before it.
            keys.iter().map(|key| Finder::new(&format!("\"{key}\":")).into_owned()).collect()
        };
        Self { volatile: finders(volatile), owners: finders(owners) }
    }

    /// Whether no link is left out of the content.
    pub(super) const fn is_empty(&self) -> bool {
        self.volatile.is_empty()
    }
}

/// Hashes a compact text.
///
/// The quote before a link stays, so that no content is equal to a whole text.
pub(super) fn hashes(json: &[u8], keys: &Keys) -> Hashes {
    let links = links(json, keys);
    let Some(first) = links.first() else {
        return Hashes { whole: Sha256::digest(json).into(), content: None };
    };
    // The part before the first link is hashed once.
    let mut content = Sha256::new_with_prefix(&json[..=first.start]);
    let whole = content.clone().chain_update(&json[first.start + 1..]);
    let ends = links.iter().skip(1).map(|link| link.start + 1).chain([json.len()]);
    for (link, end) in links.iter().zip(ends) {
        content.update(&json[link.end..end]);
    }
    Hashes { whole: whole.finalize().into(), content: Some(content.finalize().into()) }
}

/// The links in the values of those keys, in their order: strings, with their quotes.
fn links(json: &[u8], keys: &Keys) -> Vec<Range<usize>> {
    let mut links = Vec::new();
    for key in &keys.volatile {
        values(json, key).for_each(|at| links_at(json, at, &mut links));
    }
    if links.is_empty() {
        return links;
    }
    let mut owners = Vec::new();
    for key in &keys.owners {
        values(json, key).for_each(|at| links_at(json, at, &mut owners));
    }
    links.retain(|link| !owners.contains(link));
    links.sort_unstable_by_key(|link| link.start);
    // A volatile key may be inside the value of another.
    links.dedup();
    links
}

/// Where the values of a key begin.
fn values<'text>(json: &'text [u8], key: &'text Finder<'_>) -> impl Iterator<Item = usize> + 'text {
    let length = key.needle().len();
    key.find_iter(json).filter(|at| *at > 0 && json[at - 1] != b'\\').map(move |at| at + length)
}

/// Adds the links of the value that begins there: itself, or those in it.
fn links_at(json: &[u8], start: usize, links: &mut Vec<Range<usize>>) {
    let (mut at, mut depth) = (start, 0_usize);
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => {
                let end = string_end(json, at);
                let is_link = json[at + 1..].starts_with(b"https://") || json[at + 1..].starts_with(b"http://");
                if is_link && json.get(end) != Some(&b':') {
                    links.push(at..end);
                }
                at = end;
            }
            b'{' | b'[' => (at, depth) = (at + 1, depth + 1),
            b'}' | b']' => (at, depth) = (at + 1, depth.saturating_sub(1)),
            _ => at += 1,
        }
        // A number or a literal has no link: what follows it is not of interest, and the first byte of it is enough.
        if depth == 0 {
            break;
        }
    }
}

/// The end of the string that begins there, behind its quote.
fn string_end(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &json[at.min(json.len())..]) {
        at += found + 1;
        if json[at - 1] == b'"' {
            return at;
        }
        at += 1;
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(json: &str) -> Option<String> {
        let keys = Keys::new(&["receipt_url", "next_action"]);
        let links = links(json.as_bytes(), &keys);
        let mut content = json.to_owned();
        for link in links.iter().rev() {
            content.replace_range(link.start + 1..link.end, "");
        }
        let hashes = hashes(json.as_bytes(), &keys);
        assert_eq!(hashes.whole, <[u8; 32]>::from(Sha256::digest(json)));
        assert_eq!(hashes.content, (!links.is_empty()).then(|| Sha256::digest(&content).into()));
        (!links.is_empty()).then_some(content)
    }

    #[test]
    fn the_links_of_volatile_keys_are_not_content() {
        for (json, expected) in [
            (r#"{"id":"ch_1"}"#, None),
            (r#"{"receipt_url":null,"id":"ch_1"}"#, None),
            (r#"{"receipt_url":7}"#, None),
            (r#"{"receipt_url":"soon"}"#, None),
            (r#"{"receipt_url":"https://a/b","id":"ch_1"}"#, Some(r#"{"receipt_url":","id":"ch_1"}"#)),
            (r#"{"id":"ch_1","receipt_url":"http:\/\/a"}"#, None),
            (r#"{"id":"ch_1","receipt_url":"http://a\"\\"}"#, Some(r#"{"id":"ch_1","receipt_url":"}"#)),
            (
                r#"{"a":[{"receipt_url":"https://a"},{"receipt_url":"https://b"}]}"#,
                Some(r#"{"a":[{"receipt_url":"},{"receipt_url":"}]}"#),
            ),
            (
                r#"{"next_action":{"type":"x","x":{"url":"https://a","n":["https://b",1]}},"url":"https://c"}"#,
                Some(r#"{"next_action":{"type":"x","x":{"url":","n":[",1]}},"url":"https://c"}"#),
            ),
            // A list of links is not the empty list.
            (r#"{"next_action":["https://a"]}"#, Some(r#"{"next_action":["]}"#)),
            // A key may look like a link.
            (r#"{"next_action":{"https://a":1}}"#, None),
            (
                r#"{"next_action":{"x":{"receipt_url":"https://a"}}}"#,
                Some(r#"{"next_action":{"x":{"receipt_url":"}}}"#),
            ),
            // These are the owner's.
            (r#"{"metadata":{"receipt_url":"https://a","next_action":"https://b"}}"#, None),
            (r#"{"next_action":{"x":{"return_url":"https://a"}}}"#, None),
            (
                r#"{"metadata":{"receipt_url":"https://a"},"receipt_url":"https://a"}"#,
                Some(r#"{"metadata":{"receipt_url":"https://a"},"receipt_url":"}"#),
            ),
            // In a string, the key is text.
            (r#"{"note":"\"receipt_url\":\"https://a\""}"#, None),
            (r#"{"note":"receipt_url","x":"https://a"}"#, None),
            (r#"{"xreceipt_url":"https://a","x\"receipt_url":"https://a"}"#, None),
        ] {
            assert_eq!(content(json).as_deref(), expected, "{json}");
        }
    }
}
