//! The same as `page::decode`, as simple as can be: serde_json's parser, and a minifier that looks at one byte at a
//! time. It says only whether there is a page, and not why there is none.

use arrow_array::StringArray;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use stripe_raw_rs::page::{Fault, Page, Refused};
use stripe_raw_rs::stripe::entities::Entity;

/// An object's members in order, duplicates and all. Keys are kept as they are written: serde_json has no text for one
/// with a lone surrogate, and a page may hold one.
struct Members<'body>(Vec<(&'body RawValue, &'body RawValue)>);

impl<'body> Members<'body> {
    /// The values under a key.
    fn all(&self, key: &str) -> impl Iterator<Item = &'body RawValue> {
        let is_named = move |name: &RawValue| text_of(name).as_deref() == Some(key);
        self.0.iter().filter(move |(name, _)| is_named(name)).map(|(_, value)| *value)
    }

    fn last(&self, key: &str) -> Option<&'body RawValue> {
        self.all(key).last()
    }
}

impl<'body> Deserialize<'body> for Members<'body> {
    fn deserialize<D: Deserializer<'body>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'body> Visitor<'body> for InOrder {
            type Value = Members<'body>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'body>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

fn text_of(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// The page in a body, if there is one.
pub(super) fn decode(body: &[u8], entity: &Entity) -> Option<Page> {
    let list: Members<'_> = serde_json::from_slice(body).ok()?;
    let mut page = None;
    // The value of each `data` is checked, even if another one follows that counts.
    for data in list.all("data") {
        page = if data.get().starts_with('[') { Some(elements(data, entity)?) } else { None };
    }
    let page = Page { has_more: serde_json::from_str(list.last("has_more")?.get()).ok()?, ..page? };
    (text_of(list.last("object")?)? == "list").then_some(page)
}

fn elements(data: &RawValue, entity: &Entity) -> Option<Page> {
    let data: Vec<&RawValue> = serde_json::from_str(data.get()).ok()?;
    let (mut ids, mut times, mut hashes, mut texts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut contents = Vec::new();
    let (mut undated, mut refused, mut last_id) = (Vec::new(), Vec::new(), None);
    for (position, element) in data.into_iter().enumerate() {
        let digest = Sha256::digest(minified(element.get().as_bytes())).into();
        let mut refuse = |id, fault| refused.push(Refused { position, id, fault, sha256: digest });
        if !element.get().starts_with('{') {
            refuse(None, Fault::ElementNotAnObject);
            continue;
        }
        let object: Members<'_> = serde_json::from_str(element.get()).ok()?;
        let id = object.last("id").and_then(text_of).filter(|id| !id.is_empty());
        last_id = id.clone().or(last_id);
        let found = object.last("object").and_then(text_of);
        if found.as_deref() != Some(entity.object) {
            refuse(id, Fault::OtherObject { expected: entity.object, found });
            continue;
        }
        let Some(id) = id else {
            refuse(None, Fault::NoId);
            continue;
        };
        let time = object.last(entity.dated_by()).map(RawValue::get).filter(|time| *time != "null");
        // This is not done by serde_json, for which -0 is not a whole number.
        let created = time.and_then(|time| time.parse().ok()).filter(|time| (0..253_402_300_800).contains(time));
        if created.is_none() && (time.is_some() || entity.window.is_filtered()) {
            undated.push(id.clone());
        }
        let text = minified(element.get().as_bytes());
        ids.push(id);
        times.push(created);
        hashes.push(sha256(&text));
        let text = String::from_utf8(text).ok()?;
        let content = content(serde_json::from_str(&text).ok()?, entity.volatile, false);
        contents.push((content != text).then(|| sha256(content.as_bytes())));
        texts.push(text);
    }
    let column = |texts: Vec<String>| StringArray::from_iter_values(texts);
    let (ids, sha256, json) = (column(ids), column(hashes), column(texts));
    let content_sha256 = contents.iter().any(Option::is_some).then(|| contents.into_iter().collect());
    Some(Page { ids, created: times, sha256, content_sha256, json, undated, refused, last_id, has_more: false })
}

/// A minified value without the links in it, if it is the value of a volatile key, or else of such keys in it.
fn content(value: &RawValue, volatile: &[&str], is_volatile: bool) -> String {
    let text = value.get();
    let content = |value| content(value, volatile, is_volatile);
    if let Some(rest) = text.strip_prefix('"') {
        let is_link = rest.starts_with("https://") || rest.starts_with("http://");
        return if is_volatile && is_link { "\"".to_owned() } else { text.to_owned() };
    }
    if text.starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(text).expect("it is valid");
        return format!("[{}]", items.into_iter().map(content).collect::<Vec<_>>().join(","));
    }
    if text.starts_with('{') {
        let members: Members<'_> = serde_json::from_str(text).expect("it is valid");
        let each = members.0.into_iter().map(|(key, value)| {
            let is_named = |names: &[&str]| names.iter().any(|name| key.get() == format!("\"{name}\""));
            let text = if is_named(&["metadata", "return_url"]) {
                value.get().to_owned()
            } else {
                self::content(value, volatile, is_volatile || is_named(volatile))
            };
            format!("{}:{text}", key.get())
        });
        return format!("{{{}}}", each.collect::<Vec<_>>().join(","));
    }
    text.to_owned()
}

/// SHA-256 as hex.
pub(super) fn sha256(text: &[u8]) -> String {
    Sha256::digest(text).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// A valid text without the whitespace between its tokens.
pub(super) fn minified(text: &[u8]) -> Vec<u8> {
    let (mut in_string, mut is_escaped) = (false, false);
    let is_kept = |byte: &u8| {
        if in_string {
            in_string = is_escaped || *byte != b'"';
            is_escaped = !is_escaped && *byte == b'\\';
            return true;
        }
        in_string = *byte == b'"';
        !byte.is_ascii_whitespace()
    };
    text.iter().copied().filter(is_kept).collect()
}
