//! A list that is read and written nowhere.

use std::collections::BTreeMap;

use super::{Attempt, JointGroup, LandedByAccount, Planner, RunContext};
use crate::checkpoint::{Circumstances, Histories};
use crate::columns::Columns;
use crate::error::Result;
use crate::options::Options;
use crate::stripe::entities::Entity;
use crate::stripe::exchange::Now;
use crate::stripe::scope::Scope;

impl Attempt {
    /// An attempt at the whole list of the key's own account, whose pairs nobody commits.
    ///
    /// # Errors
    /// Options with which nothing can be planned.
    pub fn uncommitted(
        entity: &'static Entity,
        options: &Options,
        origin: String,
        now: Now,
        new_id: &mut dyn FnMut() -> String,
    ) -> Result<Self> {
        let context = RunContext {
            scope: Scope { entity, account: None },
            livemode: None,
            settings: String::new(),
            options: options.clone(),
            store_id: String::new(),
            owner: String::new(),
            nonce: new_id(),
            library_version: env!("CARGO_PKG_VERSION").to_owned(),
            has_asked_lists: false,
            may_lack: false,
        };
        let wishes = Circumstances::new(now, String::new());
        let mut planner = Planner::new(context, BTreeMap::new(), origin, wishes, Vec::new(), vec![None]);
        planner.begin(&Histories::default(), LandedByAccount::default(), now, new_id)
    }
}

impl JointGroup {
    /// Ids of the objects in its rows.
    ///
    /// # Errors
    /// Columns that this project does not write.
    pub fn ids(&self) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        for batch in &self.rows.batches {
            for row in 0..batch.num_rows() {
                ids.push(Columns(batch).required_text("_stripe_id", row)?.to_owned());
            }
        }
        Ok(ids)
    }
}
