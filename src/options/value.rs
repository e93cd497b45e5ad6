//! How an option is written, and how its text or number becomes a value of its type.

use std::time::Duration;

use serde_json::Value as Json;

use super::refuse_secret;
use crate::error::{Error, Result, foreign};

/// How an option's value is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A whole number within bounds (inclusive).
    Integer {
        /// Smallest value allowed.
        minimum: i64,
        /// Largest value allowed.
        maximum: i64,
    },
    /// A decimal number within bounds (inclusive).
    Decimal {
        /// Smallest value allowed.
        minimum: f64,
        /// Largest value allowed.
        maximum: f64,
    },
    /// A decimal number within bounds (inclusive), or `auto`.
    AutoDecimal {
        /// Smallest value allowed.
        minimum: f64,
        /// Largest value allowed.
        maximum: f64,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Free text, checked where it is used.
    Text,
    /// Text that becomes an HTTP header.
    Header,
}

/// One option.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Its name, in snake case; the table of options gives it.
    pub name: &'static str,
    /// How its value is written.
    pub kind: Kind,
    /// Default, as a user would write it.
    pub default: &'static str,
    /// Unit of a number; empty for text.
    pub unit: &'static str,
    /// Its effect, in one line.
    pub help: &'static str,
}

/// A value that a user wrote for an option: text on a command line and in the environment, in Python a number as well.
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Decimal(f64),
}

impl Written {
    /// As a message repeats it.
    fn quoted(&self) -> String {
        match self {
            Self::Text(text) => foreign(text),
            Self::Integer(number) => number.to_string(),
            // A whole number keeps its point, which says why it was refused.
            Self::Decimal(number) => format!("{number:?}"),
        }
    }

    fn is_auto(&self) -> bool {
        matches!(self, Self::Text(text) if text.trim() == "auto")
    }
}

/// A type that options have.
pub(super) trait Value: Sized {
    /// The value that was written for the option of that row.
    fn read(row: &Row, written: &Written) -> Result<Self>;

    /// As RUN_STARTED records it.
    fn recorded(&self) -> Json;
}

/// The value of the option of that row: the one that was written, or its default.
pub(super) fn read<V: Value>(row: &Row, written: Option<Written>) -> Result<V> {
    let written = written.unwrap_or_else(|| Written::Text(row.default.to_owned()));
    if let Written::Text(text) = &written {
        refuse_secret(row.name, text)?;
    }
    V::read(row, &written)
}

impl Value for i64 {
    fn read(row: &Row, written: &Written) -> Result<Self> {
        let Kind::Integer { minimum, maximum } = row.kind else { return Err(row.has_another_type()) };
        let number = match written {
            Written::Text(text) => text.trim().parse().ok(),
            Written::Integer(number) => Some(*number),
            Written::Decimal(_) => None,
        };
        number
            .filter(|number| (minimum..=maximum).contains(number))
            .ok_or_else(|| row.out_of_bounds(written, minimum, maximum, "a whole number"))
    }

    fn recorded(&self) -> Json {
        (*self).into()
    }
}

impl Value for u64 {
    fn read(row: &Row, written: &Written) -> Result<Self> {
        Self::try_from(i64::read(row, written)?).map_err(|_| row.has_another_type())
    }

    fn recorded(&self) -> Json {
        (*self).into()
    }
}

impl Value for u32 {
    fn read(row: &Row, written: &Written) -> Result<Self> {
        Self::try_from(i64::read(row, written)?).map_err(|_| row.has_another_type())
    }

    fn recorded(&self) -> Json {
        (*self).into()
    }
}

impl Value for f64 {
    fn read(row: &Row, written: &Written) -> Result<Self> {
        let (minimum, maximum, what) = match row.kind {
            Kind::Decimal { minimum, maximum } => (minimum, maximum, "a number"),
            Kind::AutoDecimal { minimum, maximum } => (minimum, maximum, "auto or a number"),
            Kind::Integer { .. } | Kind::Choice(_) | Kind::Text | Kind::Header => return Err(row.has_another_type()),
        };
        let number = match written {
            Written::Text(text) => text.trim().parse().ok(),
            #[expect(clippy::cast_precision_loss, reason = "bounds are far below 2^53")]
            Written::Integer(number) => Some(*number as Self),
            Written::Decimal(number) => Some(*number),
        };
        number
            .filter(|number| (minimum..=maximum).contains(number))
            .ok_or_else(|| row.out_of_bounds(written, minimum, maximum, what))
    }

    fn recorded(&self) -> Json {
        (*self).into()
    }
}

/// Written in seconds.
impl Value for Duration {
    fn read(row: &Row, written: &Written) -> Result<Self> {
        f64::read(row, written).map(Self::from_secs_f64)
    }

    fn recorded(&self) -> Json {
        self.as_secs_f64().into()
    }
}

/// `None` is `auto`.
impl Value for Option<f64> {
    fn read(row: &Row, written: &Written) -> Result<Self> {
        if written.is_auto() { Ok(None) } else { f64::read(row, written).map(Some) }
    }

    fn recorded(&self) -> Json {
        (*self).into()
    }
}

impl Value for String {
    fn read(row: &Row, written: &Written) -> Result<Self> {
        let Written::Text(text) = written else {
            return Err(Error::usage(format!("{} must be text, not {}", row.name, written.quoted())));
        };
        let is_header = || !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if row.kind == Kind::Header && !is_header() {
            return Err(Error::usage(format!(
                "{} '{}' cannot be a version: letters, digits, dots and hyphens only",
                row.name,
                foreign(text)
            )));
        }
        Ok(text.clone())
    }

    fn recorded(&self) -> Json {
        self.clone().into()
    }
}

/// Makes a type of an option that is one of some words.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// As the option is written, in the order of the choice.
            pub const WORDS: &[&str] = &[$($word),*];

            /// The word of the choice.
            #[must_use]
            pub const fn word(self) -> &'static str {
                Self::WORDS[self as usize]
            }

            /// The choice of that word.
            #[must_use]
            pub fn by_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl Value for $name {
            fn read(row: &Row, written: &Written) -> Result<Self> {
                let Written::Text(text) = written else { return Err(row.is_no_choice(Self::WORDS, written)) };
                Self::by_word(text.trim()).ok_or_else(|| row.is_no_choice(Self::WORDS, written))
            }

            fn recorded(&self) -> Json {
                self.word().into()
            }
        }
    };
}

choice! {
    /// What becomes of an object that is listed again, and has the content of its newest row.
    Repeats {
        /// It is counted.
        Skip = "skip",
        /// It becomes a row again.
        Land = "land",
    }
}

choice! {
    /// How later changes of objects land, if their events do.
    Changes {
        /// The changed objects are listed again.
        Read = "read",
        /// The newest event of each changed object has it.
        Events = "events",
        /// They do not.
        No = "no",
    }
}

/// `None` is the empty text.
impl Value for Option<String> {
    fn read(row: &Row, written: &Written) -> Result<Self> {
        String::read(row, written).map(|text| Some(text).filter(|text| !text.is_empty()))
    }

    fn recorded(&self) -> Json {
        self.clone().into()
    }
}

impl Row {
    fn out_of_bounds(
        &self,
        written: &Written,
        minimum: impl std::fmt::Display,
        maximum: impl std::fmt::Display,
        what: &str,
    ) -> Error {
        let (name, unit, written) = (self.name, self.unit, written.quoted());
        Error::usage(format!("{name} must be {what} from {minimum} to {maximum} ({unit}), not '{written}'"))
    }

    fn is_no_choice(&self, words: &[&str], written: &Written) -> Error {
        let (last, others) = words.split_last().unwrap_or((&"", &[]));
        Error::usage(format!("{} must be {} or {last}, not '{}'", self.name, others.join(", "), written.quoted()))
    }

    /// The table gives the field of this row a type that its kind does not fit.
    fn has_another_type(&self) -> Error {
        Error::usage(format!("{} has another type", self.name))
    }
}
