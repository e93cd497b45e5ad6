//! The raw tables: turns a page into rows of one, and rows of one into a page again.

pub mod batches;
pub mod rows;

pub use batches::{Batches, RowFacts, schema};
pub use rows::{RECOVERY_COLUMNS, Row, rows};
