//! Lands everything a Stripe account holds as raw, immutable rows in Delta tables.
//!
//! Rooms, top-down; each may use those below it: `python` (the binding) → `http_client` (sockets, clock, randomness) →
//! `run` (an attempt; pure from here down) → `walk` (reading one list), `raw` (the raw tables) → `checkpoint`, `page`,
//! `pace` → `stripe` (lists, requests, answers) → `options`, `columns`, `store`, `digest` → `error` → `text` → `secrets`.
//! `simulator` stands beside them: a fake Stripe that nothing in the product uses.

pub mod checkpoint;
pub mod columns;
pub mod digest;
pub mod error;
#[cfg(feature = "http")]
pub mod http_client;
pub mod options;
pub mod pace;
pub mod page;
pub mod raw;
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
