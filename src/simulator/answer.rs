//! The answers: a page as Stripe prints it, and as a fault changes it, and one object.

use super::account::Account;
use super::faults::{Fault, Member};
use super::list::Page;
use super::query::AskedItems;
use super::refusal::Refusal;
use super::row::Row;
use super::shape::ELEMENT_INDENT;
use super::state::{at_depth, value_of};
use crate::stripe::entities::{ENTITIES, Entity};

impl Account {
    /// Appends a page.
    pub(super) fn write_page(
        &self,
        row: &Row,
        page: &Page,
        expand: &[String],
        fault: Option<&Fault>,
        out: &mut Vec<u8>,
    ) {
        let wrong = |member| matches!(fault, Some(Fault::WrongType(wrong)) if *wrong == member);
        let (objects, brackets) =
            if wrong(Member::Data) { (&[][..], ['{', '}']) } else { (page.objects.as_slice(), ['[', ']']) };
        out.extend_from_slice(format!("{{\n  \"object\": \"list\",\n  \"data\": {}\n", brackets[0]).as_bytes());
        for (index, placed) in objects.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(b",\n");
            }
            out.extend_from_slice(&[b' '; ELEMENT_INDENT]);
            let chosen = index == objects.len() / 2;
            let stray = chosen && matches!(fault, Some(Fault::WrongObject));
            let row = if stray { self.row_at((row.at + 1) % ENTITIES.len()) } else { row };
            let start = out.len();
            self.render(row, *placed, out);
            row.expand(*placed, expand, out, start);
            if chosen && wrong(Member::Created) {
                quote_number(out, start, row.entity.dated_by());
            }
        }
        let quote = if wrong(Member::HasMore) { "\"" } else { "" };
        let end = format!(
            "\n  {},\n  \"has_more\": {quote}{}{quote},\n  \"url\": \"{}\"\n}}\n",
            brackets[1], page.has_more, row.entity.path
        );
        out.extend_from_slice(end.as_bytes());
    }

    /// Appends the answer to a request for the list of one object.
    pub(super) fn child_list(
        &self,
        child: &Entity,
        asked: &AskedItems,
        path: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let Some(parent) = &child.parent else { return Ok(()) };
        let row = self.row(parent.list());
        let object = row.find(&asked.parent).ok_or_else(|| match parent.parameter {
            "" => Refusal::missing(row.entity.object, &asked.parent),
            parameter => Refusal::no_such_object(row.entity.object, &asked.parent, parameter),
        })?;
        if let Some(items) = row.items_of(child) {
            return items.page(row, object, &row.state(object), &asked.query, out);
        }
        let mut bytes = Vec::new();
        self.render(row, object, &mut bytes);
        if value_of(&bytes, parent.member).is_some() {
            // The object shows a list of its template, which is all that there is of it.
            return Err(Refusal::unknown_url("GET", path));
        }
        out.extend_from_slice(b"{\n  \"object\": \"list\",\n  \"data\": [],\n  \"has_more\": false\n}\n");
        Ok(())
    }

    /// Appends the answer to a request for one object.
    pub(super) fn retrieve(&self, entity: &Entity, id: &str, now: i64, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let row = self.row(entity);
        let is_events = self.is_events(row);
        if is_events {
            self.expire(now);
        }
        let found = row.find(id).filter(|placed| !is_events || self.events.is_visible(*placed, now));
        if let Some(placed) = found {
            let mut element = Vec::new();
            self.render(row, placed, &mut element);
            at_depth(&element, 0, out);
            out.push(b'\n');
            return Ok(());
        }
        if row.event_facts.deleted_stub && row.is_deleted(id) {
            let object = entity.object;
            let stub = format!("{{\n  \"id\": \"{id}\",\n  \"object\": \"{object}\",\n  \"deleted\": true\n}}\n");
            out.extend_from_slice(stub.as_bytes());
            return Ok(());
        }
        Err(if self.is_aged_out(row, id) { Refusal::aged_out_of_path(id) } else { Refusal::missing(entity.object, id) })
    }
}

/// Changes a page as a fault says.
pub(super) fn distort(page: &mut Page, fault: Option<&Fault>) {
    match fault {
        Some(Fault::Empty) => *page = Page { objects: Vec::new(), has_more: true },
        Some(Fault::More) => page.has_more = true,
        Some(Fault::NoMore) => page.has_more = false,
        Some(Fault::Short) => {
            page.objects.truncate(page.objects.len().div_ceil(2));
            page.has_more = false;
        }
        _ => {}
    }
}

/// Puts an object's own member of that name, a number, in quotes. The object begins at `start`.
fn quote_number(out: &mut Vec<u8>, start: usize, name: &str) {
    let key = format!("\n{}\"{name}\": ", " ".repeat(ELEMENT_INDENT + 2));
    let Some(at) = out[start..].windows(key.len()).position(|window| window == key.as_bytes()) else { return };
    let begin = start + at + key.len();
    let digits = out[begin..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    out.insert(begin + digits, b'"');
    out.insert(begin, b'"');
}
