//! The body of a list answer, sliced into rows: each object's text as it was sent, without the whitespace between
//! its tokens, and the few facts about it that the protocol needs.

mod content;
mod decoders;
mod error;
mod joints;
mod lanes;
mod nesting;
mod pass;
mod rows;
mod scan;
#[cfg(test)]
mod tests;
mod text_pool;

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::BytesMut;
use serde::Deserialize;

use crate::stripe::entities::Entity;
use crate::stripe::window::TIMES;
pub use decoders::Decoders;
pub use error::{Expected, Fault, PageError};
use joints::Joints;
use pass::{Pass, SLACK, unescaped};
use rows::Columns;
pub use rows::{Page, Refused, Row};
use scan::Members;
pub use text_pool::TextPool;
use text_pool::Texts;

/// Slices the bodies of list answers, one after the other.
///
/// It has room for the longest body so far. It writes each object at the beginning of that room, which is in the
/// processor's nearest cache, and copies it from there behind the object before: to memory of a [`TextPool`], or to the
/// page's own if there is no pool. It also remembers the text between the scalars of the objects so far: objects with
/// the same text cost little.
#[derive(Debug, Default)]
pub struct Decoder {
    room: Vec<u8>,
    texts: Texts,
    /// By list, whose objects are much alike.
    joints: HashMap<&'static str, Joints>,
}

impl Decoder {
    /// A decoder that takes memory from that pool.
    #[must_use]
    pub fn new(pool: TextPool) -> Self {
        Self { texts: Texts::new(pool), ..Self::default() }
    }

    /// Slices the body of an answer to a request for `most` objects.
    ///
    /// An element of `data` that cannot be a row is refused, and the others stay. When this returns, the rest of the
    /// body has been checked, also the parts that are not kept. If a key comes twice, the last one counts.
    ///
    /// # Errors
    /// The body is not a whole, valid list, or has more than `most` elements.
    pub fn decode(&mut self, body: &[u8], entity: &'static Entity, most: usize) -> Result<Page, PageError> {
        if self.room.len() < body.len() + SLACK {
            let length = body.len() + SLACK;
            self.room = vec![0; if length > KEPT_ROOM { length.max(LONG) } else { length }];
        }
        let mut own = BytesMut::new();
        let texts = self.texts.room(body.len(), &mut own);
        let joints = self.joints.entry(entity.name).or_default();
        let page = slice(body, &Asked { entity, most }, &mut self.room, texts, joints);
        if self.room.len() > KEPT_ROOM {
            self.room = Vec::new();
        }
        page.map_err(|error| *error)
    }
}

/// Slices one body with any number of objects, see [`Decoder::decode`].
///
/// # Errors
/// The same.
pub fn decode(body: &[u8], entity: &'static Entity) -> Result<Page, PageError> {
    Decoder::default().decode(body, entity, usize::MAX)
}

/// Capacity of a buffer for long contents, in bytes; only the part that is written to takes memory. When a buffer of at
/// most 32 MiB is freed, glibc expects more buffers of that length, and from then on keeps all freed memory up to that
/// length for itself: with dozens of lists, hundreds of megabytes. A longer buffer goes back to the system at once.
pub const LONG: usize = 33 << 20;

/// Longest room that a decoder keeps for the next body, in bytes. A longer body is rare: its room is allocated again.
const KEPT_ROOM: usize = 2 << 20;

/// The request that a body answers.
struct Asked<'a> {
    entity: &'a Entity,
    /// The number of objects asked for.
    most: usize,
}

fn slice(
    body: &[u8],
    asked: &Asked<'_>,
    room: &mut [u8],
    texts: &mut BytesMut,
    joints: &mut Joints,
) -> pass::Result<Page> {
    let mut pass = Pass::new(body, room);
    pass.blank();
    check_start(body, pass.at)?;
    // If there are bytes that are not characters, they are the fault, not an error that follows from them.
    envelope(pass, asked, texts, joints).or_else(|error| check_utf8(body).and(Err(error)))
}

/// Slices the list that is next. Bytes that are not characters are an error here as well, but not with their place.
fn envelope(mut pass: Pass<'_>, asked: &Asked<'_>, texts: &mut BytesMut, joints: &mut Joints) -> pass::Result<Page> {
    let start = pass.at;
    let (mut object, mut data, mut has_more) = (None, None, None);
    let mut members = Members::enter(&mut pass);
    loop {
        // Nothing of the envelope's own text is kept.
        pass.end = 0;
        let Some(key) = members.next(&mut pass)? else { break };
        let member = pass.position(key, &["object", "data", "has_more"]);
        if member == 1 && pass.next() == b'[' {
            data = Some(elements(&mut pass, asked, texts, joints)?);
            continue;
        }
        let (at, value) = (pass.at, pass.end);
        pass.value(1)?;
        if std::str::from_utf8(&pass.output[..pass.end]).is_err() {
            return fault(Fault::NotUtf8, at);
        }
        let text = &pass.output[value..pass.end];
        match member {
            0 => object = Some((at, text_of(text).map(Cow::into_owned))),
            1 => data = None,
            2 => {
                has_more = match text {
                    b"true" => Some(true),
                    b"false" => Some(false),
                    _ => None,
                };
            }
            _ => {}
        }
    }
    pass.blank();
    if pass.at < pass.body.len() {
        return fault(Fault::DataAfterEnd, pass.at);
    }
    match object {
        Some((_, Some(object))) if object == "list" => {}
        Some((at, found)) => return fault(Fault::NotAList(found), at),
        None => return fault(Fault::NotAList(None), start),
    }
    let Some(page) = data else { return fault(Fault::NoData, start) };
    let Some(has_more) = has_more else { return fault(Fault::NoHasMore, start) };
    Ok(Page { has_more, ..page })
}

#[cold]
fn fault<T>(fault: Fault, at: usize) -> pass::Result<T> {
    Err(Box::new(PageError::new(fault, at)))
}

/// A body that does not begin as an object gets an error of its own: it never came from Stripe's list.
fn check_start(body: &[u8], at: usize) -> pass::Result<()> {
    match body.get(at) {
        Some(b'{') => Ok(()),
        Some(b'[' | b'"') => fault(Fault::NotAnObject, at),
        Some(_) => fault(Fault::NotJson, at),
        None => fault(Fault::Truncated, at),
    }
}

/// A character cut in two at the very end belongs to a body cut short.
fn check_utf8(body: &[u8]) -> pass::Result<()> {
    match std::str::from_utf8(body) {
        Ok(_) => Ok(()),
        Err(error) if error.error_len().is_none() => fault(Fault::Truncated, body.len()),
        Err(error) => fault(Fault::NotUtf8, error.valid_up_to()),
    }
}

/// Objects of each page from which joints are learned more thoroughly than from the others.
const LOOKED_BACK_ON: usize = 2;

/// Copies the objects of `data`, without what is between them.
fn elements(pass: &mut Pass<'_>, asked: &Asked<'_>, texts: &mut BytesMut, joints: &mut Joints) -> pass::Result<Page> {
    let start = pass.at;
    let mut columns = Columns::new(texts, asked.entity.volatile);
    pass.at += 1;
    pass.blank();
    if pass.next() == b']' {
        pass.at += 1;
    } else {
        loop {
            let position = columns.elements();
            if position == asked.most {
                return fault(Fault::TooMany(asked.most), pass.at);
            }
            pass.end = 0;
            element(pass, asked.entity, joints, &mut columns).map_err(|error| Box::new(error.in_element(position)))?;
            pass.blank();
            match pass.next() {
                b',' => pass.at += 1,
                b']' => {
                    pass.at += 1;
                    break;
                }
                _ => return pass.stopped(Expected::CommaOrEnd),
            }
            pass.blank();
        }
    }
    // Only strings can hold bytes that are not characters, and all strings are in here.
    columns.page().map_or_else(|| fault(Fault::NotUtf8, start), Ok)
}

/// Copies one object of `data` and notes its spans, or notes why it cannot be a row.
fn element(pass: &mut Pass<'_>, entity: &Entity, joints: &mut Joints, columns: &mut Columns<'_>) -> pass::Result<()> {
    let start_at = pass.at;
    if pass.next() != b'{' {
        // Broken JSON is reported as such: only a whole value can be of the wrong kind.
        pass.value(2)?;
        return refuse(&pass.output[..pass.end], None, Fault::ElementNotAnObject, start_at, columns);
    }
    joints.begin(columns.len() < LOOKED_BACK_ON);
    let spans = match pass.object(2, &["id", "object", entity.dated_by()], joints) {
        Err(error) if error.fault == Fault::TooDeep => {
            pass.at = start_at;
            pass.skip()?;
            return refuse(&pass.body[start_at..pass.at], None, Fault::TooDeep, start_at, columns);
        }
        spans => spans?,
    };
    let json = &pass.output[..pass.end];
    let [id, object, time] = spans.map(|fact| fact.map(|fact| &json[fact.start..fact.end]));
    let id = id.and_then(text_of).filter(|id| !id.is_empty());
    let found = object.and_then(text_of);
    if !found.as_deref().is_some_and(|found| entity.has_object(found)) {
        let fault = Fault::OtherObject { expected: entity.object, found: found.map(Cow::into_owned) };
        return refuse(json, id, fault, start_at, columns);
    }
    let Some(id) = id else { return refuse(json, None, Fault::NoId, start_at, columns) };
    let time = time.filter(|time| *time != b"null");
    let created = time.and_then(|time| std::str::from_utf8(time).ok()?.parse().ok()).filter(|at| TIMES.contains(at));
    let may_lack_it = time.is_none() && !entity.window.is_filtered();
    if created.is_none() && !may_lack_it {
        columns.undated(&id);
    }
    columns.push(&id, created, json).map_or_else(|| fault(Fault::TooLong, start_at), Ok)
}

/// Notes an element that cannot be a row. Nothing of it is kept, so no other code looks at its characters.
#[cold]
fn refuse(
    text: &[u8],
    id: Option<Cow<'_, str>>,
    why: Fault,
    start_at: usize,
    columns: &mut Columns<'_>,
) -> pass::Result<()> {
    if std::str::from_utf8(text).is_err() {
        return fault(Fault::NotUtf8, start_at);
    }
    columns.refuse(text, id.map(Cow::into_owned), why);
    Ok(())
}

/// The `livemode` of an object, if it has one.
#[must_use]
pub fn livemode(json: &str) -> Option<bool> {
    #[derive(Deserialize)]
    struct Object {
        livemode: bool,
    }
    serde_json::from_str(json).ok().map(|object: Object| object.livemode)
}

/// The text of a JSON string; `None` if the value is not a string, or one that no text can hold (lone surrogates).
fn text_of(value: &[u8]) -> Option<Cow<'_, str>> {
    let quoted = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if quoted.contains(&b'\\') {
        return unescaped(quoted).map(Cow::Owned);
    }
    std::str::from_utf8(quoted).ok().map(Cow::Borrowed)
}
