//! The items of an object's own lists: some of these the object shows up to the tenth item, and each list's own address
//! serves all.

use std::ops::Range;

use super::chance::{below, join, mix, of_name};
use super::list::Placed;
use super::query::{Cursor, Query};
use super::refusal::Refusal;
use super::row::Row;
use super::shape::ELEMENT_INDENT;
use super::state::{State, value_of};
use super::template::pretty;
use crate::stripe::children::{MOST_SHOWN, Parent};
use crate::stripe::entities::Entity;

/// One kind of list that the objects of another list have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Items {
    pub(super) of: &'static Entity,
    pub(super) parent: &'static Parent,
    /// The most items of one object as it was made; more than an object shows.
    pub(super) most: u32,
}

/// The list of one object.
struct Whole<'a> {
    of: &'static Entity,
    parent: &'static Parent,
    row: &'a Row,
    object: Placed,
    /// Numbers of the items: new ones come last.
    numbers: Range<usize>,
}

impl Items {
    /// Every third object has more items than it shows.
    fn whole<'a>(self, row: &'a Row, object: Placed, state: &State) -> Whole<'a> {
        let list = if self.parent.is_shown { 7 } else { of_name(self.of.name) };
        let chance = join(row.key ^ list, u64::from(object.serial));
        let shown = MOST_SHOWN as u64;
        let count = if chance.is_multiple_of(3) {
            shown + 1 + below(mix(chance), u64::from(self.most).saturating_sub(shown))
        } else {
            1 + below(mix(chance), shown)
        };
        let number = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let end = number(count.saturating_add(u64::from(state.items_added)));
        let numbers = number(state.items_removed.into()).min(end)..end;
        Whole { of: self.of, parent: self.parent, row, object, numbers }
    }

    /// All items of one object, as JSON.
    pub(super) fn all(self, row: &Row, object: Placed, state: &State) -> Vec<String> {
        let whole = self.whole(row, object, state);
        whole.numbers.clone().map(|number| whole.item(number)).collect()
    }

    /// The newest item of one object, as an event has it: with the object's id. `None` if there is none.
    pub(super) fn told(self, row: &Row, object: Placed, state: &State, id: &str) -> Option<String> {
        let item = self.all(row, object, state).pop()?;
        Some(item.replacen('{', &format!("{{\"{}\": \"{id}\", ", self.parent.named_by), 1))
    }

    /// Gives the object that begins at `start` its list, in place of the one that its template has. A list that an object
    /// shows only if it is asked to is added if it `is_asked`.
    pub(super) fn show(
        self,
        row: &Row,
        object: Placed,
        state: &State,
        is_asked: bool,
        out: &mut Vec<u8>,
        start: usize,
    ) {
        let place = value_of(&out[start..], self.parent.member).filter(|_| !self.parent.member.is_empty());
        if place.is_none() && !self.parent.is_shown && !is_asked {
            return;
        }
        let whole = self.whole(row, object, state);
        let (member, count) = (ELEMENT_INDENT + 2, whole.numbers.len());
        let items: Vec<String> = whole.numbers.clone().take(MOST_SHOWN).map(|number| whole.item(number)).collect();
        let list = format!(
            "{{\"object\": \"list\", \"data\": [{}], \"has_more\": {}, \"total_count\": {}, \"url\": \"{}\"}}",
            items.join(","),
            count > MOST_SHOWN,
            count,
            whole.url()
        );
        let list = pretty(&list, member).into_bytes();
        if let Some(place) = place {
            out.splice(start + place.start..start + place.end, list);
            return;
        }
        let end = format!("\n{}}}", " ".repeat(ELEMENT_INDENT));
        out.truncate(out.len().saturating_sub(end.len()));
        out.extend_from_slice(format!(",\n{}\"{}\": ", " ".repeat(member), self.parent.member).as_bytes());
        out.extend_from_slice(&list);
        out.extend_from_slice(end.as_bytes());
    }

    /// Appends the answer to a request for the sub-list of one object.
    pub(super) fn page(
        self,
        row: &Row,
        object: Placed,
        state: &State,
        query: &Query,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let whole = self.whole(row, object, state);
        let Range { start, end: behind } = whole.numbers.clone();
        let place = |id: &String, param: &str| {
            let place = (start..behind).find(|number| whole.id(*number) == *id);
            place.ok_or_else(|| Refusal::no_such_object(whole.kind(start), id, param))
        };
        let (numbers, has_more) = match &query.cursor {
            Cursor::EndingBefore(id) => {
                let end = place(id, "ending_before")?;
                let first = end.saturating_sub(query.limit).max(start);
                (first..end, first > start)
            }
            cursor => {
                let first = match cursor {
                    Cursor::StartingAfter(id) => place(id, "starting_after")? + 1,
                    _ => start,
                };
                let end = behind.min(first.saturating_add(query.limit));
                (first..end, end < behind)
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
        let (path, named) = self.of.address(&self.row.identifiers.id(self.object.serial));
        named.map_or(path.clone(), |(parameter, id)| format!("{path}?{parameter}={id}"))
    }

    /// Items of one place have the same id in all objects: ids are unique within one object only.
    fn id(&self, number: usize) -> String {
        let prefix = match self.parent.member {
            "items" => "si_",
            "lines" => "il_",
            "list_items" => "rsli_",
            "refunds" if self.parent.is_shown => "fr_",
            "reversals" => "trr_",
            _ => "item_",
        };
        format!("{prefix}{:016x}", join(self.row.key, number as u64))
    }

    /// Value of `object` in that item: some lists have several kinds.
    fn kind(&self, number: usize) -> &'static str {
        let kinds = self.of.object.split('|');
        let count = kinds.clone().count();
        kinds.clone().nth(number % count).unwrap_or(self.of.object)
    }

    fn item(&self, number: usize) -> String {
        let amount = join(self.row.key ^ u64::from(self.object.serial), number as u64) % 10_000;
        let time = match self.of.time_field {
            Some("created") | None => String::new(),
            Some(field) => format!("\"{field}\": {}, ", self.object.created),
        };
        format!(
            "{{\"id\": \"{}\", \"object\": \"{}\", {time}\"amount\": {amount}, \"created\": {}, \"description\": \
             \"{} \\u00d7 caf\\u00e9 \\/ \\\"gro\u{df}\\\"\", \"metadata\": {{}}, \"quantity_decimal\": \"{}.50\"}}",
            self.id(number),
            self.kind(number),
            self.object.created,
            number + 1,
            number + 1
        )
    }
}
