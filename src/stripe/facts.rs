//! Facts about a page, beside its objects.

use std::sync::Arc;

use super::window::Range;

/// A page's place in its list, and how Stripe answered the request. Its rows, its event and the coverage agree on this.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageFacts {
    /// Id of the object whose list it is of; `None` if the account has the list.
    pub parent: Option<Arc<str>>,
    /// The range it was read for.
    pub range: Range,
    /// The cursor that the request was sent with; `None` at the top of a range.
    pub starting_after: Option<String>,
    /// Id of the answer's last object; `None` if the page closes its range.
    pub next_cursor: Option<String>,
    /// Whether the list goes on behind the page: as answered, or true because the page was cut short.
    pub has_more: bool,
    /// HTTP status; 0 if no request was made for the page: its rows were in events.
    pub http_status: i64,
    /// `Request-Id`.
    pub request_id: Option<String>,
    /// `Stripe-Version`, as answered.
    pub api_version: Option<String>,
}

impl PageFacts {
    /// Whether the page covers everything down to its range's lower bound.
    #[must_use]
    pub const fn closes(&self) -> bool {
        self.next_cursor.is_none()
    }

    /// Whether a request was made for it. Else it has no place in its list.
    #[must_use]
    pub const fn was_requested(&self) -> bool {
        self.http_status != 0
    }
}
