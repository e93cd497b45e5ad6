//! The raw tables: makes rows of a page, and reads rows again.

pub mod batches;
mod due;
pub mod rows;

pub use batches::{ADDED, Batches, EVENT, RowFacts, schema};
pub use rows::{RECOVERY_COLUMNS, Row, rows};
