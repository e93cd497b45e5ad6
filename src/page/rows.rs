//! A page as columns, as the tables need it.

use arrow_array::builder::StringBuilder;
use arrow_array::{Array, StringArray};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use bytes::BytesMut;
use sha2::{Digest, Sha256};

use super::content::{Keys, hashes};
use super::error::Fault;
use crate::digest::Hex;

/// One answered page, sliced: columns with one value per object, in the order of the list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The objects' `id`.
    pub ids: StringArray,
    /// Their time field, in seconds since 1970; `None` if it is missing or cannot be used.
    pub created: Vec<Option<i64>>,
    /// SHA-256 over their compact text, as hex.
    pub sha256: StringArray,
    /// SHA-256 over their content, as hex: their compact text without the links that Stripe makes anew for each answer.
    /// Null where that is the whole text; `None` if it is for all.
    pub content_sha256: Option<StringArray>,
    /// Their compact text.
    pub json: StringArray,
    /// Ids of the objects whose time should be there but cannot be used.
    pub undated: Vec<String>,
    /// Elements of the answer that cannot be rows.
    pub refused: Vec<Refused>,
    /// Id of the answer's last element that has one, refused or not: the next page starts after it.
    pub last_id: Option<String>,
    /// Whether the list continues after this page.
    pub has_more: bool,
}

/// An element of a list's `data` that cannot be a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its position in `data`, from 0.
    pub position: usize,
    /// Its id, if it has one.
    pub id: Option<String>,
    /// The reason.
    pub fault: Fault,
    /// SHA-256 over its text, to recognise it.
    pub sha256: [u8; 32],
}

/// One object of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'page> {
    /// The object's `id`.
    pub id: &'page str,
    /// The object's time field, in seconds since 1970; `None` if it is missing or cannot be used.
    pub created: Option<i64>,
    /// SHA-256 over the object's compact text, as hex.
    pub sha256: &'page str,
    /// SHA-256 over its content, as hex; `None` if that is its whole text.
    pub content_sha256: Option<&'page str>,
    /// The object's text as it was sent, without the whitespace between its tokens.
    pub json: &'page str,
}

impl Page {
    /// Number of its objects.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.created.len()
    }

    /// Whether it has no objects.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.created.is_empty()
    }

    /// Number of elements in the answer's `data`, the refused ones included.
    #[must_use]
    pub const fn elements(&self) -> usize {
        self.created.len() + self.refused.len()
    }

    /// Its objects, in the order of the list.
    #[must_use]
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = Row<'_>> + ExactSizeIterator {
        (0..self.len()).map(|row| Row {
            id: self.ids.value(row),
            created: self.created[row],
            sha256: self.sha256.value(row),
            content_sha256: self
                .content_sha256
                .as_ref()
                .filter(|hashes| hashes.is_valid(row))
                .map(|hashes| hashes.value(row)),
            json: self.json.value(row),
        })
    }

    /// Keeps the first `rows` objects and the elements refused before the next one; the list then continues after them.
    pub fn truncate(&mut self, rows: usize) {
        let mut row = 0;
        self.retain(|_| {
            row += 1;
            row <= rows
        });
        self.refused.truncate(self.refused_before(rows + 1));
        let behind_rows = &self.refused[self.refused_before(rows)..];
        let last_refused = behind_rows.iter().filter_map(|refused| refused.id.clone()).next_back();
        self.last_id = last_refused.or_else(|| self.last_row_id());
        self.has_more = true;
    }

    /// Leaves the elements refused after the last object to the next page.
    pub fn leave_refused_end(&mut self) {
        self.refused.truncate(self.refused_before(self.len()));
        self.last_id = self.last_row_id();
    }

    /// Number of refused elements that have fewer than `rows` objects before them.
    fn refused_before(&self, rows: usize) -> usize {
        self.refused.iter().enumerate().take_while(|(index, refused)| refused.position - index < rows).count()
    }

    fn last_row_id(&self) -> Option<String> {
        self.len().checked_sub(1).map(|last| self.ids.value(last).to_owned())
    }

    /// Takes an object out of the rows, as one that cannot be a row.
    pub fn refuse(&mut self, row: usize, fault: Fault) {
        let Some(refused) = self.rows().nth(row) else { return };
        let (id, sha256) = (Some(refused.id.to_owned()), Sha256::digest(refused.json).into());
        let at = self.refused_before(row + 1);
        self.refused.insert(at, Refused { position: row + at, id, fault, sha256 });
        let mut number = 0;
        self.retain(|_| {
            number += 1;
            number != row + 1
        });
    }

    /// Keeps the objects that `keep` accepts, in their order, and drops the others.
    pub fn retain(&mut self, mut keep: impl FnMut(Row<'_>) -> bool) {
        let kept: Vec<Row<'_>> = self.rows().filter(|row| keep(*row)).collect();
        let columns = Self::of(&kept);
        self.replace(columns);
    }

    /// Adds the objects of other pages behind its own, and the elements of them that cannot be rows.
    pub fn append(&mut self, others: &[Self]) {
        if others.is_empty() {
            return;
        }
        let rows: Vec<Row<'_>> = self.rows().chain(others.iter().flat_map(Self::rows)).collect();
        let columns = Self::of(&rows);
        self.undated.extend(others.iter().flat_map(|other| other.undated.iter().cloned()));
        self.refused.extend(others.iter().flat_map(|other| other.refused.iter().cloned()));
        self.replace(columns);
    }

    /// The columns of these objects, and nothing else.
    fn of(rows: &[Row<'_>]) -> Self {
        let content_sha256: StringArray = rows.iter().map(|row| row.content_sha256).collect();
        Self {
            ids: StringArray::from_iter_values(rows.iter().map(|row| row.id)),
            created: rows.iter().map(|row| row.created).collect(),
            sha256: StringArray::from_iter_values(rows.iter().map(|row| row.sha256)),
            content_sha256: Some(content_sha256).filter(|hashes| hashes.null_count() < hashes.len()),
            json: StringArray::from_iter_values(rows.iter().map(|row| row.json)),
            undated: Vec::new(),
            refused: Vec::new(),
            last_id: None,
            has_more: false,
        }
    }

    /// Takes over the columns of another page.
    fn replace(&mut self, Self { ids, created, sha256, content_sha256, json, .. }: Self) {
        (self.ids, self.created, self.sha256) = (ids, created, sha256);
        (self.content_sha256, self.json) = (content_sha256, json);
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::of(&[])
    }
}

/// Number of objects in a full page.
const FULL: usize = 100;

/// The columns of a page, as far as its objects have been copied.
pub(super) struct Columns<'texts> {
    ids: StringBuilder,
    created: Vec<Option<i64>>,
    /// The keys whose links are not content.
    volatile: Keys,
    sha256: StringBuilder,
    content_sha256: StringBuilder,
    json: &'texts mut BytesMut,
    /// The offsets at which the texts begin, and behind them the one at which the last text ends.
    offsets: Vec<i32>,
    undated: Vec<String>,
    refused: Vec<Refused>,
    /// Id of the last element that has one, if that element was refused.
    last_refused: Option<String>,
}

impl<'texts> Columns<'texts> {
    /// Columns without values. The texts are written to `json`, which is empty.
    pub(super) fn new(json: &'texts mut BytesMut, volatile: &[&str]) -> Self {
        let mut offsets = Vec::with_capacity(FULL + 1);
        offsets.push(0);
        Self {
            ids: StringBuilder::with_capacity(FULL, FULL * 32),
            created: Vec::with_capacity(FULL),
            volatile: Keys::new(volatile),
            sha256: StringBuilder::with_capacity(FULL, FULL * 64),
            content_sha256: StringBuilder::with_capacity(FULL, if volatile.is_empty() { 0 } else { FULL * 64 }),
            json,
            offsets,
            undated: Vec::new(),
            refused: Vec::new(),
            last_refused: None,
        }
    }

    /// Number of their objects.
    pub(super) const fn len(&self) -> usize {
        self.created.len()
    }

    /// Number of elements so far, the refused ones included.
    pub(super) const fn elements(&self) -> usize {
        self.created.len() + self.refused.len()
    }

    /// Notes an element that cannot be a row.
    #[cold]
    pub(super) fn refuse(&mut self, text: &[u8], id: Option<String>, fault: Fault) {
        if id.is_some() {
            self.last_refused.clone_from(&id);
        }
        let sha256 = Sha256::digest(text).into();
        self.refused.push(Refused { position: self.elements(), id, fault, sha256 });
    }

    /// Notes that the time of the object with that id cannot be used.
    #[cold]
    pub(super) fn undated(&mut self, id: &str) {
        self.undated.push(id.to_owned());
    }

    /// Adds an object, and hashes its text and its content. `None` if the texts together are longer than a column can be.
    pub(super) fn push(&mut self, id: &str, created: Option<i64>, json: &[u8]) -> Option<()> {
        self.last_refused = None;
        self.ids.append_value(id);
        self.created.push(created);
        let hashes = hashes(json, &self.volatile);
        self.sha256.append_value(Hex::new(&hashes.whole));
        if !self.volatile.is_empty() {
            self.content_sha256.append_option(hashes.content.as_ref().map(Hex::new));
        }
        self.json.extend_from_slice(json);
        self.offsets.push(i32::try_from(self.json.len()).ok()?);
        Some(())
    }

    /// The page. `None` if bytes of a text are not characters.
    pub(super) fn page(mut self) -> Option<Page> {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        let json = StringArray::try_new(offsets, Buffer::from(self.json.split().freeze()), None).ok()?;
        let (ids, sha256) = (self.ids.finish(), self.sha256.finish());
        let last_row = || self.created.len().checked_sub(1).map(|last| ids.value(last).to_owned());
        let last_id = self.last_refused.take().or_else(last_row);
        let (created, undated, refused) = (self.created, self.undated, self.refused);
        let content_sha256 = Some(self.content_sha256.finish()).filter(|hashes| hashes.null_count() < hashes.len());
        Some(Page { ids, created, sha256, content_sha256, json, undated, refused, last_id, has_more: false })
    }
}
