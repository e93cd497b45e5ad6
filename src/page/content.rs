//! The content of an object: its text without the links that Stripe makes anew for each answer. Two answers with the same
//! content show the same state of the object.

use std::ops::Range;

use memchr::memmem;
use sha2::{Digest, Sha256};

/// The two hashes of an object's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hashes {
    /// Over the whole text.
    pub(crate) whole: [u8; 32],
    /// Over its content; `None` if the text has nothing else.
    pub(crate) content: Option<[u8; 32]>,
}

/// Keys whose values are their owners', and not Stripe's: what is in them is content, whatever its keys are called.
const OWNERS: [&str; 2] = ["metadata", "return_url"];

/// Hashes a compact text. The links in the values of the `volatile` keys, at any depth, are not content; but all that an
/// account's owner writes is.
///
/// The quote before a link stays, so that no content is equal to a whole text.
pub(crate) fn hashes(json: &[u8], volatile: &[&str]) -> Hashes {
    let links = links(json, volatile);
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
fn links(json: &[u8], volatile: &[&str]) -> Vec<Range<usize>> {
    let in_values = |keys: &[&str]| -> Vec<Range<usize>> {
        keys.iter().flat_map(|key| values(json, key)).flat_map(|at| links_at(json, at)).collect()
    };
    let mut links = in_values(volatile);
    if links.is_empty() {
        return links;
    }
    let owners = in_values(&OWNERS);
    links.retain(|link| !owners.contains(link));
    links.sort_unstable_by_key(|link| link.start);
    // A volatile key may be inside the value of another.
    links.dedup();
    links
}

/// Where the values of a key begin.
///
/// In a compact text, `"key":` is that key: within a string, a quote has a backslash before it.
fn values<'text>(json: &'text [u8], key: &str) -> impl Iterator<Item = usize> + 'text {
    let written = format!("\"{key}\":");
    let length = written.len();
    let found: Vec<usize> = memmem::find_iter(json, &written).collect();
    found.into_iter().filter(|at| *at > 0 && json[at - 1] != b'\\').map(move |at| at + length)
}

/// The links of the value that begins there: itself, or those in it.
fn links_at(json: &[u8], start: usize) -> Vec<Range<usize>> {
    let mut links = Vec::new();
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
    links
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
        let links = links(json.as_bytes(), &["receipt_url", "next_action"]);
        let mut content = json.to_owned();
        for link in links.iter().rev() {
            content.replace_range(link.start + 1..link.end, "");
        }
        let hashes = hashes(json.as_bytes(), &["receipt_url", "next_action"]);
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
