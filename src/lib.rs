//! Lands everything in a Stripe account as raw, immutable rows in Delta tables.
//!
//! resources/docs/contributing.md describes the modules; `tests/test_layers.py` checks which may use which. `simulator`
//! is separate from them: a fake Stripe that nothing in the product uses.

pub mod ask;
pub mod changes;
pub mod checkpoint;
pub mod columns;
pub mod digest;
pub mod error;
#[cfg(feature = "http")]
pub mod http_client;
pub mod options;
pub mod pace;
pub mod page;
pub mod parents;
pub mod raw;
pub mod read;
pub mod remedy;
pub mod run;
pub mod secrets;
#[cfg(feature = "simulator")]
pub mod simulator;
pub mod store;
pub mod stripe;
pub mod text;
pub mod walk;

#[cfg(feature = "python")]
mod python;
