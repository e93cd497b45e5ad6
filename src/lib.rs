//! Lands everything a Stripe account holds as raw, immutable rows in Delta tables.
//!
//! Rooms, top-down; each may use those below it:
//! `python` (the binding) → `http_client` (sockets, clock, randomness) → `run` (the machine; pure from here down) →
//! `audit`, `checkpoint`, `raw_batch`, `probe`, `witness` → `page`, `retry`, `pace`, `ranges`, `columns` → `entities`, `options`, `exchange`, `error` → `text` → `secrets`.
//! `simulator` stands beside them: a fake Stripe that nothing in the product uses.

pub mod audit;
pub mod checkpoint;
pub mod columns;
pub mod digest;
pub mod entities;
pub mod error;
pub mod exchange;
#[cfg(feature = "http")]
pub mod http_client;
pub mod options;
pub mod pace;
pub mod page;
pub mod probe;
pub mod ranges;
pub mod raw_batch;
pub mod retry;
pub mod run;
pub mod secrets;
#[cfg(feature = "simulator")]
pub mod simulator;
pub mod store;
pub mod text;
pub mod witness;

#[cfg(feature = "python")]
mod python;
