//! An event's payload, as far as following changes needs it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::Report;
use crate::stripe::children::of_event;
use crate::stripe::entities::Entity;
use crate::stripe::events::{Coverage, list_of, of};
use crate::stripe::window::TIMES;

/// What an event says about an object of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) entity: &'static Entity,
    /// Id of the object.
    pub(super) id: String,
    /// When the object was created.
    pub(super) created: Option<i64>,
    pub(super) report: Report,
}

#[derive(Deserialize)]
struct Payload<'json> {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    created: i64,
    api_version: Option<String>,
    #[serde(borrow)]
    data: Data<'json>,
}

#[derive(Deserialize)]
struct Data<'json> {
    #[serde(borrow)]
    object: &'json RawValue,
}

/// What an object says about itself. Its other members are passed over, which takes a fraction of the time.
#[derive(Debug, Default)]
struct Facts {
    id: String,
    created: Option<i64>,
    date: Option<i64>,
    object: String,
    is_stub: bool,
}

impl Facts {
    /// `None` if the text is no object with an id.
    fn of(json: &str, entity: &'static Entity) -> Option<Self> {
        let facts = Members(entity).deserialize(&mut serde_json::Deserializer::from_str(json)).ok()?;
        (!facts.id.is_empty()).then_some(facts)
    }
}

/// The members of an object of that list.
struct Members(&'static Entity);

impl<'de> DeserializeSeed<'de> for Members {
    type Value = Facts;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Facts, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = Facts;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Facts, A::Error> {
        let mut facts = Facts::default();
        while let Some(key) = members.next_key::<Cow<'de, str>>()? {
            match &*key {
                "id" => members.next_value::<Value>()?.as_str().unwrap_or_default().clone_into(&mut facts.id),
                "object" => members.next_value::<Value>()?.as_str().unwrap_or_default().clone_into(&mut facts.object),
                "deleted" => facts.is_stub = members.next_value::<Value>()? == true,
                key if key == self.0.dated_by() => facts.created = time(&members.next_value()?),
                "date" => facts.date = time(&members.next_value()?),
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(facts)
    }
}

fn time(value: &Value) -> Option<i64> {
    value.as_i64().filter(|at| TIMES.contains(at))
}

/// Reads an event; `None` if no list of the registry has its object, or if it does not say which object it is about. Of
/// those an account has some: of previews, which have no id, and of types that are newer than the registry.
pub(super) fn read(json: &str) -> Option<Told> {
    let Payload { id: event_id, kind, created: at, api_version, data } = serde_json::from_str(json).ok()?;
    let entity = list_of(&kind)?;
    let facts = of(entity);
    if facts.coverage == Coverage::None {
        // Its events are about objects that the list does not have.
        return None;
    }
    let event_type = facts.types.iter().copied().find(|known| *known == kind)?;
    let body = data.object.get();
    let Facts { id, created, date, object, is_stub } = Facts::of(body, entity)?;
    // Before 2019 objects were dated by another member.
    let created = created.or(date);
    let is_sound = entity.has_object(&object);
    let is_deletion = facts.deleted == Some(event_type) || is_stub;
    let (body, sha256) = (body.to_owned(), Sha256::digest(body).into());
    let report = Report { event_id, event_type, at, api_version, body, sha256, is_deletion, is_sound };
    Some(Told { entity, id, created, report })
}

/// What an event says about a list that an object has: one of its items came, changed or went.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ToldOfItem {
    /// Name of the list of the objects that have such lists.
    pub(super) of: &'static str,
    /// Whether each of them shows the beginning of it.
    pub(super) is_shown: bool,
    pub(super) parent_id: String,
    pub(super) event_id: String,
    pub(super) at: i64,
}

/// Reads an event of an item; `None` if its object is none, or if it does not name the object whose list it is in.
pub(super) fn read_item(json: &str) -> Option<ToldOfItem> {
    let Payload { id: event_id, kind, created: at, data, .. } = serde_json::from_str(json).ok()?;
    let mut parents = of_event(&kind).peekable();
    let named_by = parents.peek()?.named_by;
    let item: serde_json::Map<String, Value> = serde_json::from_str(data.object.get()).ok()?;
    let parent_id = item.get(named_by)?.as_str()?.to_owned();
    let (of, is_shown) = parents.fold(("", false), |found, parent| (parent.entity, found.1 || parent.is_shown));
    Some(ToldOfItem { of, is_shown, parent_id, event_id, at })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, object: &str) -> String {
        format!(
            r#"{{"id":"evt_1","object":"event","type":"{kind}","created":50,"api_version":"2026-09-30.endive","data":{{"object":{object},"previous_attributes":{{"object":{{"id":"no"}}}}}}}}"#
        )
    }

    #[test]
    fn an_event_tells_of_an_object_as_it_was_sent() {
        let body = r#"{"id":"ch_1","object":"charge","created":40,"amount":1.10,"items":[{"id":"x"}]}"#;
        let told = read(&event("charge.refunded", body)).unwrap();
        assert_eq!((told.entity.name, told.id.as_str(), told.created), ("charges", "ch_1", Some(40)));
        assert_eq!((told.report.event_type, told.report.at, told.report.is_deletion), ("charge.refunded", 50, false));
        assert_eq!((told.report.body.as_str(), told.report.event_id.as_str()), (body, "evt_1"));
        assert_eq!(told.report.api_version.as_deref(), Some("2026-09-30.endive"));
    }

    #[test]
    fn an_object_is_gone_by_the_type_of_the_event_or_by_its_stub() {
        for (kind, object, expected) in [
            ("customer.deleted", r#"{"id":"cus_1","object":"customer","created":1}"#, true),
            ("customer.updated", r#"{"id":"cus_1","object":"customer","deleted":true}"#, true),
            ("customer.updated", r#"{"id":"cus_1","object":"customer","deleted":false}"#, false),
            ("customer.subscription.deleted", r#"{"id":"sub_1","object":"subscription","created":1}"#, false),
        ] {
            assert_eq!(read(&event(kind, object)).unwrap().report.is_deletion, expected, "{kind} {object}");
        }
    }

    #[test]
    fn an_event_of_no_list_or_of_no_object_tells_nothing() {
        for json in [
            event("balance.available", r#"{"object":"balance"}"#),
            event("a.type.of.tomorrow", r#"{"id":"x_1"}"#),
            event("invoice.upcoming", r#"{"object":"invoice","created":1}"#),
            event("charge.updated", "null"),
            event("charge.updated", r#"{"id":""}"#),
            event("charge.updated", r#"{"id":7}"#),
            r#"{"id":"evt_1","type":"charge.updated","created":5}"#.to_owned(),
            r#"{"id":"evt_1","type":"charge.updated","created":5,"data":{}}"#.to_owned(),
            r#"{"id":"evt_1","type":7,"created":5,"data":{"object":{"id":"ch_1"}}}"#.to_owned(),
        ] {
            assert_eq!(read(&json), None, "{json}");
        }
    }

    #[test]
    fn an_event_of_an_item_names_the_object_that_has_the_list() {
        let of = |json: &str| read_item(json).map(|told| (told.of, told.is_shown, told.parent_id));
        let source = event("customer.source.updated", r#"{"id":"card_1","object":"card","customer":"cus_1"}"#);
        assert_eq!(of(&source), Some(("customers", false, "cus_1".to_owned())));
        let refund = event("application_fee.refund.updated", r#"{"id":"fr_1","object":"fee_refund","fee":"fee_1"}"#);
        assert_eq!(of(&refund), Some(("application_fees", true, "fee_1".to_owned())));
        let tax_id = event("customer.tax_id.deleted", r#"{"id":"txi_1","object":"tax_id","customer":"cus_1"}"#);
        assert_eq!((read(&tax_id), of(&tax_id).is_some()), (None, true));
        for json in [
            event("charge.updated", r#"{"id":"ch_1","customer":"cus_1"}"#),
            event("customer.source.updated", r#"{"id":"card_1","object":"card","customer":null}"#),
            event("customer.source.updated", "[]"),
        ] {
            assert_eq!(of(&json), None, "{json}");
        }
    }

    #[test]
    fn a_time_that_no_page_would_take_is_none() {
        for (created, expected) in [("7", Some(7)), ("-1", None), ("\"7\"", None), ("7000000000000", None)] {
            let object = format!(r#"{{"id":"ch_1","object":"charge","created":{created}}}"#);
            assert_eq!(read(&event("charge.updated", &object)).unwrap().created, expected, "{created}");
        }
    }
}
