//! Objects that are listed again without a change: they do not become rows again.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher;

use crate::page::{Page, Row};

/// The content of the newest row of each object, as far as it was read from the table.
///
/// It takes 80 bytes an object at most, however long ids and hashes are. Two ids that share a key cost a row that lands again, and
/// lose none.
#[derive(Debug, Default)]
pub struct Newest {
    keys: RandomState,
    rows: HashMap<u64, Newer>,
    /// Whether objects land again without a change.
    pub lands_all: bool,
}

/// A row: its commit, the beginning of its content's hash, and where its payload was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newer {
    commit_version: i64,
    content: [u64; 2],
    /// Whether its payload was in an event.
    pub(super) is_of_event: bool,
    /// Whether that event says that the object has left its list: a state of its own, with the payload of the last one.
    is_deletion: bool,
    /// Whether the object announces a change.
    pub(super) is_due: bool,
    /// When the object was created, in seconds since 1970.
    pub(super) created: Option<i64>,
}

/// A row of the raw table, as far as its state goes.
#[derive(Debug, Clone, Copy)]
pub struct State<'a> {
    /// Id of the object.
    pub id: &'a str,
    /// Version of the commit.
    pub commit_version: i64,
    /// Hash of its content, as it is stored.
    pub sha256: &'a str,
    /// Whether its payload was in an event.
    pub is_of_event: bool,
    /// Whether that event says that the object has left its list.
    pub is_deletion: bool,
    /// Whether the object announces a change.
    pub is_due: bool,
    /// When the object was created, in seconds since 1970.
    pub created: Option<i64>,
}

impl Newest {
    /// Takes in a row of the table; rows may come in any order.
    pub fn add(&mut self, state: State<'_>) {
        let State { id, commit_version, sha256, is_of_event, is_deletion, is_due, created } = state;
        let row = Newer { commit_version, content: content(sha256), is_of_event, is_deletion, is_due, created };
        match self.rows.entry(self.keys.hash_one(id)) {
            Entry::Vacant(place) => {
                place.insert(row);
            }
            Entry::Occupied(mut place) if place.get().commit_version < commit_version => {
                place.insert(row);
            }
            Entry::Occupied(_) => {}
        }
    }

    /// The newest row of an object.
    pub(super) fn get(&self, id: &str) -> Option<Newer> {
        self.rows.get(&self.keys.hash_one(id)).copied()
    }

    /// Whether the newest row of an object has the same state.
    pub(super) fn has(&self, row: Row<'_>, is_deletion: bool) -> bool {
        let sha256 = row.content_sha256.unwrap_or(row.sha256);
        let is_same = |newest: Newer| newest.content == content(sha256) && newest.is_deletion == is_deletion;
        !self.lands_all && self.get(row.id).is_some_and(is_same)
    }

    /// Leaves out the listed objects of a page whose newest rows have the same state, unless they land again anyway.
    /// Returns how many.
    pub(super) fn leave_out(&self, page: &mut Page, lands_again: impl Fn(Row<'_>) -> bool) -> usize {
        let before = page.len();
        let is_left_out = |row: Row<'_>| self.has(row, false) && !lands_again(row);
        if !self.rows.is_empty() && page.rows().any(is_left_out) {
            page.retain(|row| !is_left_out(row));
        }
        before - page.len()
    }
}

/// A hash that was stored as hex, shortened to sixteen bytes: nobody finds two contents that share them.
fn content(sha256: &str) -> [u64; 2] {
    let half = |at: usize| u64::from_str_radix(sha256.get(at..at + 16)?, 16).ok();
    // Text that is not a hash is equal to no content's hash.
    half(0).zip(half(16)).map_or([0; 2], |(high, low)| [high, low])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::decode;
    use crate::stripe::entities::by_name;

    fn page(receipt: &str) -> Page {
        let object = |id: &str| format!(r#"{{"id":"{id}","object":"charge","created":7,"receipt_url":"{receipt}"}}"#);
        let objects = ["ch_1", "ch_2", "ch_3"].map(object).join(",");
        let body = format!(r#"{{"object":"list","data":[{objects}],"has_more":false}}"#);
        decode(body.as_bytes(), by_name("charges").unwrap()).unwrap()
    }

    #[test]
    fn an_object_is_left_out_if_its_newest_row_has_its_content() {
        let (before, mut now) = (page("https://a/1"), page("https://a/2"));
        let of = |page: &Page, row: usize| page.rows().nth(row).unwrap().content_sha256.unwrap().to_owned();
        let mut newest = Newest::default();
        assert_eq!(newest.leave_out(&mut now, |_| false), 0);
        let mut add = |id: &str, commit_version: i64, sha256: &str| {
            newest.add(State {
                id,
                commit_version,
                sha256,
                is_of_event: false,
                is_deletion: false,
                is_due: false,
                created: None,
            });
        };
        add("ch_1", 5, &of(&before, 0));
        // It went from this content to another one and back; rows come in any order.
        add("ch_2", 6, &of(&before, 1));
        add("ch_2", 4, "00");
        add("ch_3", 6, "00");
        add("ch_3", 4, &of(&before, 2));
        assert_eq!(newest.leave_out(&mut now, |_| false), 2);
        assert_eq!(now.ids.iter().flatten().collect::<Vec<_>>(), ["ch_3"]);
        assert_ne!(now.sha256.value(0), before.sha256.value(2), "the links differ");
    }
}
