//! A page as columns, in which the tables want it.

use arrow_array::StringArray;
use arrow_array::builder::StringBuilder;
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use bytes::BytesMut;
use sha2::{Digest, Sha256};

use crate::digest::Hex;

/// One answered page, sliced: columns with one value per object, in the order of the list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The objects' `id`.
    pub ids: StringArray,
    /// Their time field, in seconds since 1970. `None` only where the entity's time is optional.
    pub created: Vec<Option<i64>>,
    /// SHA-256 over their compact text, as hex.
    pub sha256: StringArray,
    /// Their compact text.
    pub json: StringArray,
    /// Whether the list goes on behind this page.
    pub has_more: bool,
}

/// One object of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'page> {
    /// The object's `id`.
    pub id: &'page str,
    /// The object's time field, in seconds since 1970. `None` only where the entity's time is optional.
    pub created: Option<i64>,
    /// SHA-256 over the object's compact text, as hex.
    pub sha256: &'page str,
    /// The object's text as it was sent, without the whitespace between its tokens.
    pub json: &'page str,
}

impl Page {
    /// How many objects it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.created.len()
    }

    /// Whether it has no objects.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.created.is_empty()
    }

    /// Its objects, in the order of the list.
    #[must_use]
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = Row<'_>> + ExactSizeIterator {
        (0..self.len()).map(|row| Row {
            id: self.ids.value(row),
            created: self.created[row],
            sha256: self.sha256.value(row),
            json: self.json.value(row),
        })
    }

    /// Keeps the objects that `keep` approves, in their order, and drops the others.
    pub fn retain(&mut self, mut keep: impl FnMut(Row<'_>) -> bool) {
        let kept: Vec<Row<'_>> = self.rows().filter(|row| keep(*row)).collect();
        *self = Self {
            ids: StringArray::from_iter_values(kept.iter().map(|row| row.id)),
            created: kept.iter().map(|row| row.created).collect(),
            sha256: StringArray::from_iter_values(kept.iter().map(|row| row.sha256)),
            json: StringArray::from_iter_values(kept.iter().map(|row| row.json)),
            has_more: self.has_more,
        };
    }
}

/// Objects of a full page.
const FULL: usize = 100;

/// The columns of a page, as far as its objects have been copied.
pub(super) struct Columns<'texts> {
    ids: StringBuilder,
    created: Vec<Option<i64>>,
    sha256: StringBuilder,
    json: &'texts mut BytesMut,
    /// Where the texts begin, and behind the last where it ends.
    offsets: Vec<i32>,
}

impl<'texts> Columns<'texts> {
    /// Columns without values. The texts are written to `json`, which is empty.
    pub(super) fn new(json: &'texts mut BytesMut) -> Self {
        let mut offsets = Vec::with_capacity(FULL + 1);
        offsets.push(0);
        Self {
            ids: StringBuilder::with_capacity(FULL, FULL * 32),
            created: Vec::with_capacity(FULL),
            sha256: StringBuilder::with_capacity(FULL, FULL * 64),
            json,
            offsets,
        }
    }

    /// How many objects they have.
    pub(super) const fn len(&self) -> usize {
        self.created.len()
    }

    /// Adds an object, and hashes its text. `None` where the texts together are longer than a column can be.
    pub(super) fn push(&mut self, id: &str, created: Option<i64>, json: &[u8]) -> Option<()> {
        self.ids.append_value(id);
        self.created.push(created);
        self.sha256.append_value(Hex::new(&Sha256::digest(json).into()));
        self.json.extend_from_slice(json);
        self.offsets.push(i32::try_from(self.json.len()).ok()?);
        Some(())
    }

    /// The page. `None` where bytes of a text are no characters.
    pub(super) fn page(mut self) -> Option<Page> {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        let json = StringArray::try_new(offsets, Buffer::from(self.json.split().freeze()), None).ok()?;
        let (ids, sha256) = (self.ids.finish(), self.sha256.finish());
        Some(Page { ids, created: self.created, sha256, json, has_more: false })
    }
}
