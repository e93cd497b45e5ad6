//! What a reading is asked for.

use super::Columns;
use crate::error::{Error, Result, counted, foreign};
use crate::options::Options;
use crate::stripe::entities::{is_named, select};
use crate::stripe::expand;
use crate::stripe::scope::Scope;
use crate::stripe::window::Range;

/// One list, a window of it, and the columns of its rows.
#[derive(Debug, Clone)]
pub struct Query {
    /// The list and its account.
    pub scope: Scope,
    /// The seconds whose objects are wanted.
    pub window: Range,
    /// The columns of the rows.
    pub columns: Columns,
    /// Members of the objects that every request asks for.
    pub(super) expand: Vec<&'static str>,
}

impl Query {
    /// A query for the list of that name.
    ///
    /// # Errors
    /// `Class::Usage` if there is no such list, if it is not the account's own, if the window is empty, or if the objects
    /// of the list have no time that a window could limit.
    pub fn new(
        name: &str,
        account: Option<String>,
        window: Range,
        columns: Columns,
        options: &Options,
    ) -> Result<Self> {
        let selected = select(name)?;
        let entity = match selected[..] {
            [entity] if is_named(name, entity) && !name.trim().is_empty() => entity,
            _ => {
                return Err(Error::usage(format!(
                    "one list is read at a time, and '{}' is {}: name one of them, such as {}",
                    foreign(name.trim()),
                    counted(selected.len(), "list", "lists"),
                    selected.first().map_or("charges", |first| first.name)
                )));
            }
        };
        if let Some(parent) = &entity.parent {
            return Err(Error::usage(format!(
                "{} is not a list of the account: each of its {} has one; land them, or read {}",
                entity.name, parent.entity, parent.entity
            )));
        }
        if entity.time_field.is_none() && window != Range::default() {
            return Err(Error::usage(format!(
                "{}: its objects have no time, so start and end cannot be used",
                entity.name
            )));
        }
        if window.is_empty() {
            return Err(Error::usage("end must be later than start"));
        }
        let expand = expand::members(&options.expand, entity)?;
        Ok(Self { scope: Scope { entity, account }, window, columns, expand })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, window: Range) -> String {
        Query::new(name, None, window, Columns::all(), &Options::default()).unwrap_err().to_string()
    }

    #[test]
    fn a_list_is_named_as_elsewhere_and_is_one_list_of_the_account() {
        let query = |name: &str| Query::new(name, None, Range::default(), Columns::all(), &Options::default());
        assert_eq!(query("payment-intents").unwrap().scope.entity.name, "payment_intents");
        for (name, said) in [
            ("charge", "did you mean"),
            ("", "one list is read at a time, and '' is 5 lists: name one of them, such as balance_transactions"),
            ("issuing", "'issuing' is 7 lists"),
            ("charges,refunds", "'charges,refunds' is 2 lists"),
            ("customers/tax_ids", "customers_tax_ids is not a list of the account: each of its customers has one"),
        ] {
            assert!(refused(name, Range::default()).contains(said), "{}", refused(name, Range::default()));
        }
    }

    #[test]
    fn a_window_has_a_second_inside_and_a_time_to_go_by() {
        let window = |gte, lt| Range { gte: Some(gte), lt: Some(lt) };
        assert_eq!(refused("charges", window(7, 7)), "end must be later than start");
        assert!(refused("payment_links", window(7, 8)).contains("have no time"));
    }
}
