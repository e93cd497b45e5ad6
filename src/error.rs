//! Errors, as values with fields: callers branch on the class, never on the text of a message of ours.

use std::fmt;

pub use crate::remedy::Remedy;
pub use crate::text::{foreign, nearest, one_line};

/// `Result` of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// The class of an error: callers branch on it, and `error_class` of a RUN_FAILED event holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// An option, a key, a lake or a name that cannot be used as given. Exit code 2; nothing was written.
    Usage,
    /// 401: Stripe does not know the key.
    Authentication,
    /// 403: the key lacks a permission.
    Permission,
    /// 400 or 404: the account does not have the product that the list belongs to.
    Product,
    /// 429, and the retries are used up.
    RateLimit,
    /// Any other refusal: 400, 404 and the like.
    Request,
    /// 5xx, or another answer worth a retry, and the retries are used up.
    Server,
    /// No complete answer arrived: connect, read, TLS, time-out.
    Connection,
    /// An answer that breaks the list contract: not a list, another object, time that runs backwards.
    Answer,
    /// Events or rows in a table that the protocol cannot have written.
    Table,
    /// Another process works on the same entity and is probably alive. Exit code 75.
    Held,
    /// Another process took over the run; nothing that we wrote after that point is visible. Exit code 75.
    Fenced,
    /// `max_requests` is used up. Exit code 1.
    Budget,
    /// A bug in this program. Exit code 1.
    Internal,
    /// The run was asked to stop. Exit code 130.
    Interrupted,
    /// The run was given up: the next one reads its window again.
    Abandoned,
    /// The run was given up: the next one begins at the beginning of the account.
    Reset,
}

impl Class {
    /// Its name in events, logs and Python.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usage => "Usage",
            Self::Authentication => "Authentication",
            Self::Permission => "Permission",
            Self::Product => "Product",
            Self::RateLimit => "RateLimit",
            Self::Request => "Request",
            Self::Server => "Server",
            Self::Connection => "Connection",
            Self::Answer => "Answer",
            Self::Table => "Table",
            Self::Held => "Held",
            Self::Fenced => "Fenced",
            Self::Budget => "Budget",
            Self::Internal => "Internal",
            Self::Interrupted => "Interrupted",
            Self::Abandoned => "Abandoned",
            Self::Reset => "Reset",
        }
    }
}

/// One error: one plain line (what, where, what to do) and the fields a program may want.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The value that callers branch on.
    pub class: Class,
    /// One line for a person. Text from outside is escaped and cut, and never holds the key.
    pub message: String,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Stripe's `error.code`.
    pub code: Option<String>,
    /// Stripe's `Request-Id`.
    pub request_id: Option<String>,
    /// The option that helps, if one does. It is the message's last clause, which the surface writes.
    pub remedy: Option<Remedy>,
}

impl Error {
    /// An error of that class that no HTTP answer caused.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), status: None, code: None, request_id: None, remedy: None }
    }

    /// The same, with the option that helps.
    #[must_use]
    pub fn with(self, remedy: Remedy) -> Self {
        Self { remedy: Some(remedy), ..self }
    }

    /// Bad input.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Class::Usage, message)
    }

    /// An answer that breaks the contract of an entity's list: says what is wrong with it, and which answer it was.
    pub fn answer(entity: &str, what: impl fmt::Display, request_id: Option<&str>) -> Self {
        let message = format!("{entity}: {what} [request {}]", request_id.unwrap_or("without id"));
        Self { request_id: request_id.map(str::to_owned), ..Self::new(Class::Answer, message) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        self.remedy.map_or(Ok(()), |remedy| write!(formatter, "; {}", remedy.text().replace(['{', '}'], "")))
    }
}

impl std::error::Error for Error {}

/// A number of things, as a message writes it: `1 page`, `2 pages`.
#[must_use]
pub fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
