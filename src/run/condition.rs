//! Reads of a table, as values.

/// The value that a condition compares with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text; `None` stands for null.
    Text(Option<String>),
    /// A whole number.
    Long(i64),
    /// Microseconds since 1970.
    Timestamp(i64),
}

/// One condition of a read: column, operator, value.
pub type Condition = (&'static str, &'static str, Value);
