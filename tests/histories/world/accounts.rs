//! Many accounts, as Stripe would answer for them.

#![expect(clippy::ref_option, reason = "names are keys of maps")]

use stripe_raw_rs::stripe::exchange::{Failure, Outcome, Request};

use super::{Object, World, insert};

/// What Stripe says to a request for the list of an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It answers.
    #[default]
    Readable,
    /// The key lacks a permission there.
    Refused,
    /// The account has revoked its access.
    Revoked,
    /// The account does not have the product.
    Lacks,
    /// No answer comes in time.
    Silent,
}

/// One of many accounts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Account {
    /// Newest first. Its ids are those of other accounts, too.
    pub(crate) list: Vec<Object>,
    pub(crate) standing: Standing,
    /// Whether it was ever other than readable.
    pub(crate) was_refused: bool,
    /// The times of all objects that it ever had.
    pub(crate) ever: Vec<i64>,
}

impl World {
    /// The list of an account.
    pub(super) fn list_of(&self, account: &Option<String>) -> &[Object] {
        self.accounts.get(account).map_or(&self.list, |account| &account.list)
    }

    /// The answer to a request for an account that cannot be read.
    pub(super) fn refusal(&self, request: &Request) -> Option<Outcome> {
        let name = request.account.as_deref().unwrap_or_default();
        let (status, said) = match self.accounts.get(&request.account)?.standing {
            Standing::Readable => return None,
            Standing::Silent => return Some(Outcome::Failed(Failure::Timeout, "late".to_owned())),
            Standing::Refused => {
                (403, format!("The key does not have the required permissions for this endpoint on account '{name}'."))
            }
            Standing::Revoked => (403, format!("The key does not have access to account '{name}'.")),
            Standing::Lacks => (400, "Your account is not set up to use it.".to_owned()),
        };
        let body = format!(r#"{{"error":{{"type":"invalid_request_error","message":"{said}"}}}}"#);
        Some(self.answer(status, &body))
    }

    /// A new object of one of many accounts, created `age` seconds ago.
    pub(crate) fn create_in(&mut self, account: &Option<String>, age: i64) {
        let created = self.time() - age;
        let account = self.accounts.get_mut(account).unwrap();
        account.ever.push(created);
        let id = format!("ch_{:06}", account.ever.len());
        insert(&mut account.list, Object { id, created, is_undated: false, is_stray: false, state: 0 });
    }

    /// From now on, Stripe says that of the account.
    pub(crate) fn stand(&mut self, account: &Option<String>, standing: Standing) {
        let account = self.accounts.get_mut(account).unwrap();
        account.standing = standing;
        account.was_refused |= standing != Standing::Readable;
    }
}
