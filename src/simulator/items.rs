//! The items of an object's sub-list: the object shows the first ten, and the sub-list's own address serves all.

use super::chance::{below, join, mix};
use super::list::Placed;
use super::query::{Cursor, Query};
use super::refusal::Refusal;
use super::row::Row;
use super::shape::ELEMENT_INDENT;
use super::state::value_of;
use super::template::pretty;
use crate::stripe::sublists::{MOST_ITEMS, SubList};

/// The sub-lists of one list's objects.
#[derive(Debug, Clone, Copy)]
pub(super) struct Items {
    pub(super) of: &'static SubList,
    /// The most items of one object; more than an object shows.
    pub(super) most: u32,
}

/// The sub-list of one object.
struct Whole<'a> {
    of: &'static SubList,
    row: &'a Row,
    parent: Placed,
    count: usize,
}

impl Items {
    /// Every third object has more items than it shows.
    fn whole(self, row: &Row, parent: Placed) -> Whole<'_> {
        let chance = join(row.key ^ 7, u64::from(parent.serial));
        let shown = MOST_ITEMS as u64;
        let count = if chance.is_multiple_of(3) {
            shown + 1 + below(mix(chance), u64::from(self.most).saturating_sub(shown))
        } else {
            1 + below(mix(chance), shown)
        };
        Whole { of: self.of, row, parent, count: usize::try_from(count).unwrap_or(usize::MAX) }
    }

    /// Gives the object that begins at `start` its sub-list, in place of the one that its template has.
    pub(super) fn show(self, row: &Row, parent: Placed, out: &mut Vec<u8>, start: usize) {
        let whole = self.whole(row, parent);
        let member = ELEMENT_INDENT + 2;
        let items: Vec<String> = (0..whole.count.min(MOST_ITEMS)).map(|number| whole.item(number)).collect();
        let list = format!(
            "{{\"object\": \"list\", \"data\": [{}], \"has_more\": {}, \"total_count\": {}, \"url\": \"{}\"}}",
            items.join(","),
            whole.count > MOST_ITEMS,
            whole.count,
            whole.url()
        );
        let list = pretty(&list, member).into_bytes();
        if let Some(place) = value_of(&out[start..], self.of.member) {
            out.splice(start + place.start..start + place.end, list);
            return;
        }
        let end = format!("\n{}}}", " ".repeat(ELEMENT_INDENT));
        out.truncate(out.len().saturating_sub(end.len()));
        out.extend_from_slice(format!(",\n{}\"{}\": ", " ".repeat(member), self.of.member).as_bytes());
        out.extend_from_slice(&list);
        out.extend_from_slice(end.as_bytes());
    }

    /// Appends the answer to a request for the sub-list of one object.
    pub(super) fn page(self, row: &Row, parent: Placed, query: &Query, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let whole = self.whole(row, parent);
        let place = |id: &String, param: &str| {
            let place = (0..whole.count).find(|number| whole.id(*number) == *id);
            place.ok_or_else(|| Refusal::no_such_object(self.of.object, id, param))
        };
        let (numbers, has_more) = match &query.cursor {
            Cursor::EndingBefore(id) => {
                let end = place(id, "ending_before")?;
                let first = end.saturating_sub(query.limit);
                (first..end, first > 0)
            }
            cursor => {
                let first = match cursor {
                    Cursor::StartingAfter(id) => place(id, "starting_after")? + 1,
                    _ => 0,
                };
                let end = whole.count.min(first.saturating_add(query.limit));
                (first..end, end < whole.count)
            }
        };
        let items: Vec<String> = numbers.map(|number| whole.item(number)).collect();
        let page = format!(
            "{{\"object\": \"list\", \"data\": [{}], \"has_more\": {has_more}, \"url\": \"{}\"}}",
            items.join(","),
            whole.url()
        );
        out.extend_from_slice(pretty(&page, 0).as_bytes());
        out.push(b'\n');
        Ok(())
    }
}

impl Whole<'_> {
    fn url(&self) -> String {
        self.of.url(&self.row.identifiers.id(self.parent.serial))
    }

    /// Items of one place have the same id in all objects: ids are unique within one object only.
    fn id(&self, number: usize) -> String {
        let prefix = match self.of.member {
            "items" => "si_",
            "lines" => "il_",
            "list_items" => "rsli_",
            "refunds" => "fr_",
            _ => "trr_",
        };
        format!("{prefix}{:016x}", join(self.row.key, number as u64))
    }

    fn item(&self, number: usize) -> String {
        let amount = join(self.row.key ^ u64::from(self.parent.serial), number as u64) % 10_000;
        format!(
            "{{\"id\": \"{}\", \"object\": \"{}\", \"amount\": {amount}, \"created\": {}, \"description\": \
             \"{} \\u00d7 caf\\u00e9 \\/ \\\"gro\u{df}\\\"\", \"metadata\": {{}}, \"quantity_decimal\": \"{}.50\"}}",
            self.id(number),
            self.of.object,
            self.parent.created,
            number + 1,
            number + 1
        )
    }
}
