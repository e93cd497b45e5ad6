//! The reason why the body of an answer is not a page.

use std::fmt;

use crate::error::foreign;

/// The reason why the body of an answer is not a page, and the place.
///
/// Its text holds nothing of the payload except the value of `object`, so it may be logged as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageError {
    /// The fault.
    pub fault: Fault,
    /// Offset in the body, in bytes: where reading stopped, or where the wrong value begins.
    pub at: usize,
    /// Position in `data`, from 0, if one element has the fault.
    pub element: Option<usize>,
}

/// A fault of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The body ends before the list does. The connection was cut; another request may help.
    Truncated,
    /// The body does not even begin like JSON: a web page of a proxy, compressed bytes, a plain text.
    NotJson,
    /// A byte sequence that is not UTF-8.
    NotUtf8,
    /// JSON's grammar needs something else here.
    Syntax(Expected),
    /// More than 128 values inside each other: in an element, or beside `data`.
    TooDeep,
    /// The objects' texts are longer than 2 GiB together, more than a column of one page can hold.
    TooLong,
    /// Something other than whitespace follows the list.
    DataAfterEnd,
    /// The answer is a JSON value, but not an object.
    NotAnObject,
    /// `object` is not `list`: its value, if that is a string.
    NotAList(Option<String>),
    /// `data` is missing or not an array.
    NoData,
    /// `has_more` is missing or not a boolean.
    NoHasMore,
    /// An element is not an object.
    ElementNotAnObject,
    /// An element has no `id` that is a non-empty string.
    NoId,
    /// An element is not the kind of object that the list holds.
    OtherObject {
        /// The kind that the list holds.
        expected: &'static str,
        /// The kind that the element gives, if it is a string.
        found: Option<String>,
    },
    /// There are more elements than objects asked for, which is this number.
    TooMany(usize),
    /// It is above the objects before it, in a part of the list that has been read already.
    OutOfOrder,
    /// Stripe does not answer with the list of this object, for the reason in this line.
    ListRefused(String),
}

/// The thing that JSON's grammar needs at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// A value of any kind.
    Value,
    /// A member's name, in quotes.
    Key,
    /// The colon behind a member's name.
    Colon,
    /// A comma, or the end of the object or array.
    CommaOrEnd,
    /// A digit of a number.
    Digit,
    /// One of JSON's escapes behind a backslash.
    Escape,
    /// The escape of a control character, which is there as a raw byte.
    EscapedControl,
}

impl Expected {
    const fn name(self) -> &'static str {
        match self {
            Self::Value => "a value",
            Self::Key => "a key",
            Self::Colon => "a colon",
            Self::CommaOrEnd => "a comma or an end",
            Self::Digit => "a digit",
            Self::Escape => "an escape",
            Self::EscapedControl => "no raw control character",
        }
    }
}

impl PageError {
    /// Whether the body only stops too early: this is worth another request, while any other fault would come back.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        matches!(self.fault, Fault::Truncated)
    }

    /// Whether the body is not a list of Stripe's at all, rather than a list with a fault in it.
    #[must_use]
    pub const fn is_no_list(&self) -> bool {
        matches!(
            self.fault,
            Fault::NotJson
                | Fault::NotAnObject
                | Fault::NotAList(_)
                | Fault::NoData
                | Fault::NoHasMore
                | Fault::TooMany(_)
        )
    }

    pub(super) const fn new(fault: Fault, at: usize) -> Self {
        Self { fault, at, element: None }
    }

    pub(super) const fn syntax(expected: Expected, at: usize) -> Self {
        Self::new(Fault::Syntax(expected), at)
    }

    pub(super) fn in_element(self, element: usize) -> Self {
        Self { element: Some(element), ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => formatter.write_str("the body ends too early"),
            Self::NotJson => formatter.write_str("the body is not JSON"),
            Self::NotUtf8 => formatter.write_str("the body is not UTF-8"),
            Self::Syntax(expected) => write!(formatter, "the JSON is broken: expected {}", expected.name()),
            Self::TooDeep => formatter.write_str("the JSON is more than 128 levels deep"),
            Self::TooLong => {
                formatter.write_str("the objects of the page are longer than 2 GiB; ask for fewer at once")
            }
            Self::DataAfterEnd => formatter.write_str("data follows the end of the list"),
            Self::NotAnObject => formatter.write_str("the answer is not a JSON object"),
            Self::NotAList(Some(found)) => write!(formatter, "the answer is not a list but '{}'", foreign(found)),
            Self::NotAList(None) => {
                formatter.write_str("the answer is not a list: it does not say \"object\": \"list\"")
            }
            Self::NoData => formatter.write_str("the list has no array 'data'"),
            Self::NoHasMore => formatter.write_str("the list has no boolean 'has_more'"),
            Self::ElementNotAnObject => formatter.write_str("an element of 'data' is not an object"),
            Self::NoId => formatter.write_str("an object has no 'id'"),
            Self::OtherObject { expected, found: Some(found) } => {
                write!(formatter, "an object of the list is not a '{expected}' but a '{}'", foreign(found))
            }
            Self::OtherObject { expected, found: None } => {
                write!(formatter, "an object of the list does not say that it is a '{expected}'")
            }
            Self::TooMany(1) => formatter.write_str("the list has more than the one object asked for"),
            Self::TooMany(most) => write!(formatter, "the list has more than the {most} objects asked for"),
            Self::OutOfOrder => {
                formatter.write_str("it is newer than the objects before it, so it may have been read before")
            }
            Self::ListRefused(line) => formatter.write_str(line),
        }
    }
}

impl fmt::Display for PageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (byte {}", self.fault, self.at)?;
        if let Some(element) = self.element {
            write!(formatter, ", element {element}")?;
        }
        formatter.write_str(")")
    }
}

impl std::error::Error for PageError {}
