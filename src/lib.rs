//! Lands everything a Stripe account holds as raw, immutable rows in Delta tables.
//!
//! Rooms, top-down; each may use those below it:
//! `python` (the binding) → `http_client` (sockets, clock, randomness) → `run` (the machine; pure from here down) →
//! `page`, `retry`, `ranges`, `checkpoint`, `raw_batch`, `audit` → `entities`, `options`, `exchange`, `error`.
//! `simulator` stands beside them: a fake Stripe that nothing in the product uses.

pub mod entities;
pub mod error;
pub mod exchange;
pub mod options;
