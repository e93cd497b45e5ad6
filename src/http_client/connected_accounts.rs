//! The accounts that are connected to the key's own, from their list.

use super::{Driver, Resources, new_ulid, now};
use crate::error::{Class, Error, Result};
use crate::options::Options;
use crate::run::{Attempt, Run};
use crate::stripe::entities::by_name;

const LIST: &str = "accounts";

/// Ids of the connected accounts, as Stripe lists them now. They are read like any list, but written nowhere.
///
/// # Errors
/// As for a run of the list.
pub async fn connected_accounts(resources: &Resources, options: &Options) -> Result<Vec<String>> {
    let entity = by_name(LIST).ok_or_else(|| Error::new(Class::Internal, "the registry has no list of accounts"))?;
    let origin = resources.client.origin().as_str().to_owned();
    let driver = Driver::new(Attempt::uncommitted(entity, options, origin, now(), &mut new_ulid)?);
    driver.begin(resources)?;
    let mut ids = Vec::new();
    // Nothing of it is kept, so the next run does not go on with it.
    let used_up = |error: Error| match error.class {
        Class::Budget => {
            let most = options.max_requests;
            let what = format!("max_requests {most} is used up before all connected accounts are known");
            Error::new(Class::Budget, format!("accounts: {what}; allow more, or name the accounts"))
        }
        _ => error,
    };
    while let Some(group) = driver.next_group().await.map_err(used_up)? {
        ids.extend(group.ids()?);
    }
    // An account that cannot be read is one that would be left out.
    driver.with(|attempt| attempt.only().and_then(Run::refusal)).map_or(Ok(ids), Err)
}
