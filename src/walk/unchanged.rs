//! Objects that are listed again without a change: they do not become rows again.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher;

use crate::page::Page;

/// The content of the newest row of each object, as far as it was read from the table.
///
/// It takes 80 bytes an object at most, however long ids and hashes are. Two ids that share a key cost a row that lands again, and
/// lose none.
#[derive(Debug, Default)]
pub struct Newest {
    keys: RandomState,
    rows: HashMap<u64, Newer>,
}

/// A row: its commit, and the beginning of its content's hash.
#[derive(Debug, Clone, Copy)]
struct Newer {
    commit_version: i64,
    content: [u64; 2],
}

impl Newest {
    /// Takes in a row of the table; rows may come in any order. `sha256` is the hash of its content, as it is stored.
    pub fn add(&mut self, id: &str, commit_version: i64, sha256: &str) {
        let row = Newer { commit_version, content: content(sha256) };
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

    /// Leaves out the objects of a page whose newest rows have the same content. Returns how many.
    pub(super) fn leave_out(&self, page: &mut Page) -> usize {
        let is_unchanged = |id: &str, sha256: &str| {
            self.rows.get(&self.keys.hash_one(id)).is_some_and(|row| row.content == content(sha256))
        };
        let before = page.len();
        if !self.rows.is_empty()
            && page.rows().any(|row| is_unchanged(row.id, row.content_sha256.unwrap_or(row.sha256)))
        {
            page.retain(|row| !is_unchanged(row.id, row.content_sha256.unwrap_or(row.sha256)));
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
        assert_eq!(newest.leave_out(&mut now), 0);
        newest.add("ch_1", 5, &of(&before, 0));
        // It went from this content to another one and back; rows come in any order.
        newest.add("ch_2", 6, &of(&before, 1));
        newest.add("ch_2", 4, "00");
        newest.add("ch_3", 6, "00");
        newest.add("ch_3", 4, &of(&before, 2));
        assert_eq!(newest.leave_out(&mut now), 2);
        assert_eq!(now.ids.iter().flatten().collect::<Vec<_>>(), ["ch_3"]);
        assert_ne!(now.sha256.value(0), before.sha256.value(2), "the links differ");
    }
}
