//! The query of a list request: read, checked, and refused in Stripe's words.

use super::list::Window;
use super::refusal::Refusal;
use crate::stripe::entities::Entity;
use crate::stripe::window;

/// Objects of a page if no limit is sent.
const DEFAULT_LIMIT: usize = 10;
/// Most objects of a page.
const LARGEST_LIMIT: i64 = 100;

/// The start of a page, as the request gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cursor {
    /// At the newest object.
    None,
    /// `starting_after`: older than this id.
    StartingAfter(String),
    /// `ending_before`: newer than this id.
    EndingBefore(String),
}

/// A query that can be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) limit: usize,
    pub(super) cursor: Cursor,
    pub(super) window: Window,
    /// Whether the entity's fixed query was sent, so that nothing is left out.
    pub(super) complete: bool,
    /// The members of the objects that are to be expanded.
    pub(super) expand: Vec<String>,
}

impl Query {
    /// Reads the part of a URL after its question mark.
    ///
    /// A parameter that Stripe knows but the simulator cannot filter by (`customer`, say) is refused too: a filter
    /// without effect would be worse than none. `expand[]` is accepted; only lists of items are expanded.
    pub(super) fn read(text: &str, entity: &Entity) -> Result<Self, Refusal> {
        let mut query = Self {
            limit: if entity.has_pages { DEFAULT_LIMIT } else { usize::MAX - 1 },
            cursor: Cursor::None,
            window: Window::ALL,
            complete: entity.fixed_query.is_empty(),
            expand: Vec::new(),
        };
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair_of(pair)?;
            query.take(&name, value, entity)?;
        }
        Ok(query)
    }

    fn take(&mut self, name: &str, value: String, entity: &Entity) -> Result<(), Refusal> {
        match name {
            "limit" | "starting_after" | "ending_before" if !entity.has_pages => return Err(unknown(name)),
            "limit" => self.limit = limit(&value)?,
            "starting_after" | "ending_before" => {
                if self.cursor != Cursor::None {
                    let message = "You cannot parameterize ending_before and starting_after in the same request.";
                    return Err(Refusal::parameter("parameters_exclusive", name, message));
                }
                if value.is_empty() {
                    let message = format!(
                        "You passed an empty string for '{name}'. We assume empty values are an attempt to unset a \
                         parameter; however '{name}' cannot be unset."
                    );
                    return Err(Refusal::parameter("parameter_invalid_empty", name, message));
                }
                let after = name == "starting_after";
                self.cursor = if after { Cursor::StartingAfter(value) } else { Cursor::EndingBefore(value) };
            }
            _ if is_expand(name) => self.expand.extend(value.strip_prefix("data.").map(str::to_owned)),
            _ if filters(entity, name) => {
                let window = window(name, &value).ok_or_else(|| unknown(name))??;
                self.window = self.window.and(window);
            }
            _ => {
                let Some(fixed) = entity.fixed_query.iter().find(|fixed| fixed.0 == name) else {
                    return Err(unknown(name));
                };
                if value != fixed.1 {
                    let message =
                        format!("Invalid {name}: must be {} here, the simulator filters by no other.", fixed.1);
                    return Err(Refusal::parameter("parameter_invalid_string", name, message));
                }
                self.complete = true;
            }
        }
        Ok(())
    }
}

/// A query for items of the list of one object.
#[derive(Debug)]
pub(super) struct AskedItems {
    /// Id of the object.
    pub(super) parent: String,
    pub(super) query: Query,
}

impl AskedItems {
    /// Reads the query of a request for the list of one object. `parent` is the id that the path has.
    pub(super) fn read(child: &'static Entity, parent: Option<String>, text: &str) -> Result<Self, Refusal> {
        let parameter = child.parent.as_ref().map_or("", |parent| parent.parameter);
        let (mut named, mut rest) = (parent, Vec::new());
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair_of(pair)?;
            if !parameter.is_empty() && name == parameter {
                named = Some(value);
            } else {
                rest.push(pair);
            }
        }
        let missing = || {
            let message = format!("Missing required param: {parameter}.");
            Refusal::parameter("parameter_missing", parameter, message)
        };
        // Such lists have pages, but no other filter: a list that has just that stands for them.
        let of = if child.has_pages { &PLAIN } else { child };
        let query = Query::read(&rest.join("&"), of)?;
        Ok(Self { parent: named.ok_or_else(missing)?, query })
    }
}

/// A list with pages and without filters.
static PLAIN: Entity = Entity { window: window::Window::Client, fixed_query: &[], ..crate::stripe::registry::MOST };

fn pair_of(text: &str) -> Result<(String, String), Refusal> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    Ok((decoded(name)?, decoded(value)?))
}

fn is_expand(name: &str) -> bool {
    name.starts_with("expand[") && name.ends_with(']')
}

/// Refuses the query of a request for one object if it asks for more than to expand something.
pub(super) fn only_expand(text: &str) -> Result<(), Refusal> {
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, _) = pair_of(pair)?;
        if !is_expand(&name) {
            return Err(unknown(&name));
        }
    }
    Ok(())
}

/// Whether Stripe filters the list by such a parameter. Some lists that must be walked whole have the filter, too: it
/// leaves out objects without a time.
fn filters(entity: &Entity, name: &str) -> bool {
    match entity.window {
        window::Window::Created | window::Window::Whole => name == "created" || name.starts_with("created["),
        window::Window::AfterBefore => matches!(name, "created_after" | "created_before"),
        window::Window::Client => false,
    }
}

fn unknown(name: &str) -> Refusal {
    Refusal::parameter("parameter_unknown", name, format!("Received unknown parameter: {name}"))
}

fn integer(name: &str, value: &str) -> Result<i64, Refusal> {
    value
        .parse()
        .map_err(|_| Refusal::parameter("parameter_invalid_integer", name, format!("Invalid integer: {value}")))
}

fn limit(value: &str) -> Result<usize, Refusal> {
    let bound = |message: String| Refusal::parameter("parameter_invalid_integer", "limit", message);
    match integer("limit", value)? {
        ..=0 => Err(bound("This value must be greater than or equal to 1.".to_owned())),
        number @ 1..=LARGEST_LIMIT => Ok(usize::try_from(number).unwrap_or(DEFAULT_LIMIT)),
        _ => {
            Err(bound(format!("This value must be less than or equal to {LARGEST_LIMIT} (it currently is '{value}').")))
        }
    }
}

/// The window of one `created` parameter; `None` if there is no such parameter.
fn window(name: &str, value: &str) -> Option<Result<Window, Refusal>> {
    let of = |make: fn(i64) -> Window| Some(integer(name, value).map(make));
    match name {
        "created" => of(|at| Window { from: at, until: at.saturating_add(1) }),
        "created[gt]" | "created_after" => of(|at| Window { from: at.saturating_add(1), ..Window::ALL }),
        "created[gte]" => of(|at| Window { from: at, ..Window::ALL }),
        "created[lt]" | "created_before" => of(|at| Window { until: at, ..Window::ALL }),
        "created[lte]" => of(|at| Window { until: at.saturating_add(1), ..Window::ALL }),
        _ => None,
    }
}

/// The text with percent escapes resolved and spaces for plus signs.
pub(super) fn decoded(text: &str) -> Result<String, Refusal> {
    let malformed = || Refusal::request("Invalid query string: it is not percent-encoded UTF-8.");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        bytes.push(match first {
            b'+' => b' ',
            b'%' => {
                let digits =
                    after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or_else(malformed)?;
                rest = &after[2..];
                u8::from_str_radix(digits, 16).map_err(|_| malformed())?
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).map_err(|_| malformed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::entities::by_name;

    fn read(text: &str) -> Result<Query, Refusal> {
        Query::read(text, by_name("charges").unwrap())
    }

    fn refused(text: &str) -> String {
        read(text).unwrap_err().body("req_1")
    }

    #[test]
    fn an_empty_query_is_the_ten_newest_of_all_times() {
        let query = read("").unwrap();
        assert_eq!((query.limit, query.cursor, query.window), (10, Cursor::None, Window::ALL));
    }

    #[test]
    fn time_filters_meet_in_one_window() {
        let window = |text| read(text).unwrap().window;
        assert_eq!(window("created[gte]=5&created[lt]=9"), Window { from: 5, until: 9 });
        assert_eq!(window("created%5Bgt%5D=5&created%5Blte%5D=9"), Window { from: 6, until: 10 });
        assert_eq!(window("created=7"), Window { from: 7, until: 8 });
    }

    #[test]
    fn escapes_are_undone_in_cursors() {
        let query = read("starting_after=25%25+off%20%26%20more%2Fx&expand[]=data.customer").unwrap();
        assert_eq!(query.cursor, Cursor::StartingAfter("25% off & more/x".to_owned()));
        assert!(read("starting_after=%zz").is_err() && read("starting_after=%ff").is_err() && read("a=%2").is_err());
    }

    #[test]
    fn a_parameter_that_stripe_refuses_is_refused_by_name() {
        for (text, code, param) in [
            ("limit=0", "parameter_invalid_integer", "limit"),
            ("limit=101", "parameter_invalid_integer", "limit"),
            ("limit=ten", "parameter_invalid_integer", "limit"),
            ("created[gte]=x", "parameter_invalid_integer", "created[gte]"),
            ("created[since]=1", "parameter_unknown", "created[since]"),
            ("colour=red", "parameter_unknown", "colour"),
            ("status=all", "parameter_unknown", "status"),
            ("starting_after=a&ending_before=b", "parameters_exclusive", "ending_before"),
            ("starting_after=", "parameter_invalid_empty", "starting_after"),
        ] {
            let body = refused(text);
            assert!(
                body.contains(&format!("\"{code}\"")) && body.contains(&format!("\"param\": \"{param}\"")),
                "{body}"
            );
        }
    }

    #[test]
    fn each_list_has_the_filters_and_pages_that_stripe_gives_it() {
        for (entity, query, is_known) in [
            ("payment_records", "created_after=4&created_before=9", true),
            ("payment_records", "created[gte]=5", false),
            ("charges", "created_after=4", false),
            ("quotes", "created[gte]=5", false),
            ("quotes", "limit=1&starting_after=qt_1", true),
            ("reporting_report_types", "", true),
            ("reporting_report_types", "limit=1", false),
        ] {
            assert_eq!(Query::read(query, by_name(entity).unwrap()).is_ok(), is_known, "{entity}?{query}");
        }
        let window =
            Query::read("created_after=4&created_before=9", by_name("payment_records").unwrap()).unwrap().window;
        assert_eq!(window, Window { from: 5, until: 9 });
    }

    #[test]
    fn the_fixed_query_of_an_entity_is_known() {
        let subscriptions = by_name("subscriptions").unwrap();
        assert!(Query::read("status=all", subscriptions).unwrap().complete);
        assert!(!Query::read("", subscriptions).unwrap().complete);
        assert!(Query::read("status=odd", subscriptions).is_err());
    }
}
