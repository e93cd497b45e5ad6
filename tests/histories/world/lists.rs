//! The lists of single objects, as Stripe would answer with them.

use std::collections::HashMap;

use stripe_raw_rs::stripe::exchange::{Outcome, Request};

use super::World;

/// One item of the list of an object. Its id is unique in that list only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) state: usize,
}

impl World {
    /// The answer to a request for the list of one object.
    pub(super) fn serve_list(&self, request: &Request, query: &HashMap<&str, &str>, limit: usize) -> Outcome {
        let of = |id: &&String| request.path == self.entity.address(id).0;
        let named = self.entity.parent.as_ref().and_then(|parent| query.get(parent.parameter));
        let parent = named.map_or_else(|| self.lists.keys().find(of).cloned(), |id| Some((*id).to_owned()));
        let Some(items) = parent.as_ref().and_then(|parent| self.lists.get(parent)) else {
            return self.answer(404, r#"{"error":{"type":"invalid_request_error","code":"resource_missing"}}"#);
        };
        let is_refused = |id: &String| self.refused.as_ref() == Some(id) || (self.refuses)(id);
        if parent.as_ref().is_some_and(is_refused) {
            return self.answer(self.refused_with, r#"{"error":{"type":"invalid_request_error","message":"No."}}"#);
        }
        let from = match query.get("starting_after") {
            Some(cursor) => match items.iter().position(|item| item.id == *cursor) {
                Some(at) => at + 1,
                None => return self.gone(),
            },
            None => 0,
        };
        let rest = &items[from..];
        let data: Vec<String> = rest.iter().take(limit).map(|item| self.item(item)).collect();
        let has_more = rest.len() > limit;
        self.answer(200, &format!(r#"{{"object":"list","data":[{}],"has_more":{has_more}}}"#, data.join(",")))
    }

    pub(super) fn gone(&self) -> Outcome {
        let gone = r#"{"error":{"type":"invalid_request_error","code":"resource_missing","param":"starting_after"}}"#;
        self.answer(400, gone)
    }

    pub(crate) fn item(&self, item: &Item) -> String {
        let kind = self.entity.object.split('|').next().unwrap();
        format!(r#"{{"id":"{}","object":"{kind}","created":1700000000,"state":{}}}"#, item.id, item.state)
    }
}
