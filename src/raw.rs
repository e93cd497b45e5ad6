//! The raw tables: a page as rows of one, and rows of one as a page again.

pub mod batches;
pub mod rows;

pub use batches::{Batches, RowFacts, schema};
pub use rows::{RECOVERY_COLUMNS, Row, rows};
