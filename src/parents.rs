//! The objects whose lists a run asks for: the **parents** of a list that is not the account's own.
//!
//! A parent is asked when its newest row does not have the whole list: because it shows only the first items, or none. So
//! the work list of a run follows from the rows of the parents' raw table alone, as far as they had landed when the run
//! began.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use arrow_array::RecordBatch;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::columns::Columns;
use crate::error::Result;
use crate::stripe::children::{Parent, shown_by};
use crate::stripe::entities::Entity;
use crate::stripe::events;

/// The columns that [`Parents::add_shown`] reads.
pub const SHOWN_COLUMNS: [&str; 3] = ["_stripe_id", "_commit_version", "_raw_json"];
/// The columns that [`Parents::add`] reads.
pub const COLUMNS: [&str; 3] = ["_stripe_id", "_commit_version", "_event_type"];
/// The columns that [`ParentRow::all`] reads.
pub const AUDITED_COLUMNS: [&str; 5] = ["_stripe_account", "_stripe_id", "_commit_version", "_event_type", "_raw_json"];
/// In the compact text of an object: one of its lists is cut off. (Inside of a string the quotes have backslashes.)
pub const CUT: &str = r#""has_more":true"#;

/// What a row of a parent shows of its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shown {
    version: i64,
    is_cut: bool,
}

/// The newest row of a parent.
#[derive(Debug, Clone, Copy)]
struct Newest {
    version: i64,
    is_deleted: bool,
}

/// Rows of parents, as far as a run needs them. What the rows show comes first, then all rows; else in any order.
#[derive(Debug)]
pub struct Parents {
    of: &'static Parent,
    /// Whether all of them are asked, whatever they show.
    asks_all: bool,
    deletion: Option<&'static str>,
    shown: HashMap<Arc<str>, Shown>,
    newest: HashMap<Arc<str>, Newest>,
}

impl Parents {
    /// No rows yet.
    #[must_use]
    pub fn of(parent: &'static Parent, asks_all: bool) -> Self {
        let deletion = events::of(parent.list()).deleted;
        Self { of: parent, asks_all, deletion, shown: HashMap::new(), newest: HashMap::new() }
    }

    /// Takes in rows with [`SHOWN_COLUMNS`]: at least all that may show something of the list.
    ///
    /// # Errors
    /// Columns that this project does not write.
    pub fn add_shown(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = Columns(batch);
        for row in 0..batch.num_rows() {
            let json = columns.required_text("_raw_json", row)?;
            if self.of.is_shown && !json.contains(CUT) {
                continue;
            }
            let Some(is_cut) = is_cut(json, self.of.member) else { continue };
            let shown = Shown { version: columns.required_long("_commit_version", row)?, is_cut };
            self.show(columns.required_text("_stripe_id", row)?, shown);
        }
        Ok(())
    }

    fn show(&mut self, id: &str, shown: Shown) {
        let newest = self.shown.entry(Arc::from(id)).or_insert(shown);
        if newest.version < shown.version {
            *newest = shown;
        }
    }

    /// Takes in rows with [`COLUMNS`]: all rows of the parents.
    ///
    /// # Errors
    /// Columns that this project does not write.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = Columns(batch);
        for row in 0..batch.num_rows() {
            let id = columns.required_text("_stripe_id", row)?;
            let known = self.shown.get_key_value(id).map(|(id, _)| Arc::clone(id));
            if self.of.is_shown && known.is_none() && !self.asks_all {
                // Each of its rows shows the whole list.
                continue;
            }
            let is_deleted = self.deletion.is_some() && columns.text("_event_type", row)? == self.deletion;
            let newer = Newest { version: columns.required_long("_commit_version", row)?, is_deleted };
            self.renew(known.unwrap_or_else(|| Arc::from(id)), newer);
        }
        Ok(())
    }

    fn renew(&mut self, id: Arc<str>, newer: Newest) {
        match self.newest.entry(id) {
            Entry::Vacant(place) => {
                place.insert(newer);
            }
            Entry::Occupied(mut place) if place.get().version < newer.version => {
                place.insert(newer);
            }
            Entry::Occupied(_) => {}
        }
    }

    /// Takes in a row that an audit has read.
    pub fn extend(&mut self, row: &ParentRow) {
        if let Some(is_cut) = row.is_cut {
            self.show(&row.id, Shown { version: row.version, is_cut });
        }
        self.renew(Arc::clone(&row.id), Newest { version: row.version, is_deleted: row.is_deleted });
    }

    /// The parents to ask, by id. One that was deleted has no list any more.
    #[must_use]
    pub fn to_ask(&self) -> Vec<Arc<str>> {
        let is_asked = |id: &Arc<str>, newest: &Newest| {
            let shown = self.shown.get(id).filter(|shown| shown.version == newest.version);
            !newest.is_deleted && (self.asks_all || shown.map_or(!self.of.is_shown, |shown| shown.is_cut))
        };
        let asked = self.newest.iter().filter(|(id, newest)| is_asked(id, newest));
        let mut ids: Vec<Arc<str>> = asked.map(|(id, _)| Arc::clone(id)).collect();
        ids.sort_unstable();
        ids
    }
}

/// A row of a parent, as an audit needs it.
#[derive(Debug)]
pub struct ParentRow {
    /// Connected account; `None` for the key's own.
    pub account: Option<String>,
    /// Version of the commit.
    pub version: i64,
    id: Arc<str>,
    is_deleted: bool,
    is_cut: Option<bool>,
}

impl ParentRow {
    /// The rows of a batch, with [`AUDITED_COLUMNS`].
    ///
    /// # Errors
    /// Columns that this project does not write.
    pub fn all(batch: &RecordBatch, parent: &Parent) -> Result<Vec<Self>> {
        let (columns, deletion) = (Columns(batch), events::of(parent.list()).deleted);
        let row = |row: usize| {
            let json = columns.required_text("_raw_json", row)?;
            let may_show = !parent.member.is_empty() && (!parent.is_shown || json.contains(CUT));
            Ok(Self {
                account: columns.text("_stripe_account", row)?.map(str::to_owned),
                version: columns.required_long("_commit_version", row)?,
                id: Arc::from(columns.required_text("_stripe_id", row)?),
                is_deleted: deletion.is_some() && columns.text("_event_type", row)? == deletion,
                is_cut: if may_show { is_cut(json, parent.member) } else { None },
            })
        };
        (0..batch.num_rows()).map(row).collect()
    }
}

/// Whether an object shows only the beginning of a list that all objects of its list show.
#[must_use]
pub fn is_cut_off(json: &str, entity: &Entity) -> bool {
    // Most objects show all: only the others are parsed.
    memchr::memmem::find(json.as_bytes(), CUT.as_bytes()).is_some()
        && shown_by(entity)
            .filter_map(|child| child.parent.as_ref())
            .any(|parent| is_cut(json, parent.member) == Some(true))
}

/// Whether an object shows only the beginning of one of its lists; `None` if it does not show the list.
fn is_cut(json: &str, member: &str) -> Option<bool> {
    #[derive(Deserialize)]
    struct List {
        has_more: bool,
    }
    let mut value = json;
    for name in member.split('/') {
        let members: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(value).ok()?;
        value = members.get(name)?.get();
    }
    serde_json::from_str::<List>(value).ok().map(|list| list.has_more)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, StringArray};

    use super::*;
    use crate::stripe::entities::by_name;

    /// Rows of (id, attempt, what the object shows), where `gone` is a deletion.
    fn asked(child: &str, rows: &[(&str, i64, &str)]) -> Vec<String> {
        let parent = by_name(child).unwrap().parent.as_ref().unwrap();
        let kind = events::of(parent.list()).deleted;
        let text = |values: Vec<Option<String>>| Arc::new(StringArray::from(values)) as ArrayRef;
        let list = |shown: &str| format!(r#"{{"object":"list","data":[],"has_more":{}}}"#, shown == "cut");
        let json = |shown: &str| match shown {
            "nothing" | "gone" => r#"{"metadata":{"a":"\"has_more\":true"}}"#.to_owned(),
            _ => format!(r#"{{"id":"x","{}":{}}}"#, parent.member, list(shown)),
        };
        let batch = RecordBatch::try_from_iter([
            ("_stripe_id", text(rows.iter().map(|row| Some(row.0.to_owned())).collect())),
            ("_commit_version", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1))) as ArrayRef),
            ("_event_type", text(rows.iter().map(|row| kind.filter(|_| row.2 == "gone").map(str::to_owned)).collect())),
            ("_raw_json", text(rows.iter().map(|row| Some(json(row.2))).collect())),
        ])
        .unwrap();
        let mut parents = Parents::of(parent, false);
        parents.add_shown(&batch).unwrap();
        parents.add(&batch).unwrap();
        parents.to_ask().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_parent_that_shows_its_list_is_asked_if_its_newest_row_is_cut_off() {
        let rows = [
            ("in_cut", 1, "whole"),
            ("in_cut", 2, "cut"),
            ("in_whole", 1, "cut"),
            ("in_whole", 2, "whole"),
            ("in_gone", 1, "cut"),
            ("in_gone", 2, "gone"),
            ("in_nothing", 1, "nothing"),
        ];
        assert_eq!(asked("invoices_lines", &rows), ["in_cut"]);
        let backwards: Vec<_> = rows.into_iter().rev().collect();
        assert_eq!(asked("invoices_lines", &backwards), ["in_cut"]);
    }

    #[test]
    fn a_parent_that_shows_nothing_is_always_asked() {
        let rows = [("cus_1", 1, "nothing"), ("cus_2", 1, "whole"), ("cus_3", 1, "cut"), ("cus_4", 1, "gone")];
        assert_eq!(asked("customers_tax_ids", &rows), ["cus_1", "cus_3"]);
        let rows = [("cus_1", 1, "nothing"), ("cus_4", 1, "nothing"), ("cus_4", 2, "gone")];
        assert_eq!(asked("customers_balance_transactions", &rows), ["cus_1"]);
    }

    #[test]
    fn an_object_is_cut_off_if_a_list_that_all_show_is() {
        let invoices = by_name("invoices").unwrap();
        for (json, expected) in [
            (r#"{"lines":{"has_more":true}}"#, true),
            (r#"{"lines":{"has_more":false},"payments":{"has_more":true}}"#, false),
            (r#"{"lines":{"has_more":false,"data":[{"taxes":{"has_more":true}}]}}"#, false),
            (r#"{"metadata":{"a":"\"has_more\":true"}}"#, false),
        ] {
            assert_eq!(is_cut_off(json, invoices), expected, "{json}");
        }
        assert!(!is_cut_off(r#"{"lines":{"has_more":true}}"#, by_name("charges").unwrap()));
    }

    #[test]
    fn a_list_is_found_where_its_member_says() {
        for (json, member, expected) in [
            (r#"{"lines":{"has_more":true}}"#, "lines", Some(true)),
            (r#"{"lines":{"has_more":false,"data":[{"lines":{"has_more":true}}]}}"#, "lines", Some(false)),
            (r#"{"a":{"b":{"has_more":true}}}"#, "a/b", Some(true)),
            (r#"{"a":null}"#, "a/b", None),
            (r#"{"lines":null}"#, "lines", None),
            (r#"{"lines":{"has_more":"yes"}}"#, "lines", None),
            ("[]", "lines", None),
        ] {
            assert_eq!(is_cut(json, member), expected, "{json}");
        }
    }
}
