//! What is known of a page, beside its objects.

use super::window::Range;

/// Where a page stands in its list, and how Stripe answered it. Its rows, its event and the coverage say the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageFacts {
    /// The range it was read for.
    pub range: Range,
    /// The cursor that the request was sent with; `None` at the top of a range.
    pub starting_after: Option<String>,
    /// Id of the answer's last object; `None` when the page closes its range.
    pub next_cursor: Option<String>,
    /// As answered.
    pub has_more: bool,
    /// HTTP status.
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
}
