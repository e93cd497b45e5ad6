//! The body of a list answer, sliced into rows: each object's text as it was sent, without the whitespace between
//! its tokens, and the few facts about it that the protocol needs.

mod error;

use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::entities::{Entity, Time};
pub use error::{Expected, Fault, PageError};

/// One answered page, sliced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Compact text of all objects kept, one after the other, with nothing between them. Valid UTF-8.
    pub json: Vec<u8>,
    /// One row per object, in the order of the list.
    pub rows: Vec<Row>,
    /// Whether the list goes on behind this page.
    pub has_more: bool,
}

/// One object of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// End of the object's text in [`Page::json`]; the text begins at the end of the row before.
    pub end: usize,
    /// The object's `id`.
    pub id: String,
    /// The object's time field, in seconds since 1970. `None` only where the entity's time is optional.
    pub created: Option<i64>,
    /// SHA-256 over the object's compact text.
    pub sha256: [u8; 32],
}

impl Page {
    /// Where a row's text is in [`Page::json`].
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn span(&self, row: usize) -> Range<usize> {
        let start = if row == 0 { 0 } else { self.rows[row - 1].end };
        start..self.rows[row].end
    }

    /// A row's compact text.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn text(&self, row: usize) -> &[u8] {
        &self.json[self.span(row)]
    }

    /// Keeps the rows that `keep` approves, in their order, and drops the others with their text.
    pub fn retain(&mut self, mut keep: impl FnMut(&Row) -> bool) {
        let Self { json, rows, .. } = self;
        let mut start = 0;
        let mut kept = 0;
        rows.retain_mut(|row| {
            let span = start..row.end;
            start = row.end;
            if !keep(row) {
                return false;
            }
            let length = span.len();
            if span.start != kept {
                json.copy_within(span, kept);
            }
            kept += length;
            row.end = kept;
            true
        });
        json.truncate(kept);
    }
}

/// An object's members in order, duplicates and all.
struct Members<'body>(Vec<(String, &'body RawValue)>);

impl<'body> Members<'body> {
    fn last(&self, key: &str) -> Option<&'body RawValue> {
        self.0.iter().rev().find(|(name, _)| name == key).map(|(_, value)| *value)
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

/// Slices the body of a list answer.
///
/// # Errors
/// Anything that is not a whole, valid list of the entity's objects, each with an id and its time.
pub fn decode(body: &[u8], entity: &Entity) -> Result<Page, PageError> {
    let whole = |fault| PageError::new(fault, 0);
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => return Err(PageError::new(Fault::Truncated, body.len())),
        Some(b'{') => {}
        Some(b'[' | b'"') => return Err(whole(Fault::NotAnObject)),
        Some(_) => return Err(whole(Fault::NotJson)),
    }
    let text = std::str::from_utf8(body).map_err(|error| {
        let fault = if error.error_len().is_none() { Fault::Truncated } else { Fault::NotUtf8 };
        PageError::new(fault, error.valid_up_to())
    })?;
    let members: Members<'_> = serde_json::from_str(text).map_err(|error| {
        let at = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>()
            + error.column().saturating_sub(1);
        if error.is_eof() { PageError::new(Fault::Truncated, at) } else { PageError::syntax(Expected::Value, at) }
    })?;
    let object: Option<String> = members.last("object").and_then(|value| serde_json::from_str(value.get()).ok());
    if object.as_deref() != Some("list") {
        return Err(whole(Fault::NotAList(object)));
    }
    let data: Vec<&RawValue> = members
        .last("data")
        .and_then(|value| serde_json::from_str(value.get()).ok())
        .ok_or_else(|| whole(Fault::NoData))?;
    let has_more = members
        .last("has_more")
        .and_then(|value| serde_json::from_str(value.get()).ok())
        .ok_or_else(|| whole(Fault::NoHasMore))?;
    let mut page = Page { json: Vec::with_capacity(body.len()), rows: Vec::with_capacity(data.len()), has_more };
    for (position, element) in data.into_iter().enumerate() {
        let at = element.get().as_ptr() as usize - body.as_ptr() as usize;
        let row = slice(element.get(), entity, &mut page.json)
            .map_err(|fault| PageError::new(fault, at).in_element(position))?;
        page.rows.push(row);
    }
    Ok(page)
}

fn slice(element: &str, entity: &Entity, json: &mut Vec<u8>) -> Result<Row, Fault> {
    let members: Members<'_> = serde_json::from_str(element).map_err(|_| Fault::ElementNotAnObject)?;
    let found: Option<String> = members.last("object").and_then(|value| serde_json::from_str(value.get()).ok());
    if found.as_deref() != Some(entity.object) {
        return Err(Fault::OtherObject { expected: entity.object, found });
    }
    let id: String = members
        .last("id")
        .and_then(|value| serde_json::from_str(value.get()).ok())
        .filter(|id: &String| !id.is_empty())
        .ok_or(Fault::NoId)?;
    let field = entity.time.field();
    let created = match (members.last(field).map(RawValue::get), entity.time) {
        (None | Some("null"), Time::Always(_)) => return Err(Fault::NoTime(field)),
        (None | Some("null"), Time::Optional(_)) => None,
        (Some(number), _) => Some(serde_json::from_str(number).map_err(|_| Fault::TimeNotAnInteger(field))?),
    };
    let start = json.len();
    minify(element.as_bytes(), json);
    Ok(Row { end: json.len(), id, created, sha256: Sha256::digest(&json[start..]).into() })
}

fn minify(text: &[u8], json: &mut Vec<u8>) {
    let mut in_string = false;
    let mut escaped = false;
    for &byte in text {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            in_string = byte == b'"';
        }
        json.push(byte);
    }
}
