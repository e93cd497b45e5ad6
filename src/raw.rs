//! The raw tables: makes rows of a page, and reads rows again.

pub mod batches;
mod due;
pub mod rows;
mod schema;

pub use batches::{Batches, EVENT, RowFacts};
pub use rows::{RECOVERY_COLUMNS, Row, rows};
pub use schema::{ADDED, OF_OBJECTS, schema};
