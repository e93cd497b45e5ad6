//! The raw tables: makes rows of a page, and reads rows again.

pub mod batches;
pub mod rows;

pub use batches::{ADDED, Batches, RowFacts, schema};
pub use rows::{RECOVERY_COLUMNS, Row, rows};
