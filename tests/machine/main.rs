//! The machine step by step: how it takes an answer, and how it takes up the work of an earlier attempt.

mod answers;
mod audit;
#[path = "../chance/mod.rs"]
#[expect(dead_code, reason = "others use the rest of it")]
mod chance;
mod claim;
mod client;
mod ending;
mod groups;
mod jumps;
mod odd;
mod order;
mod reader;
mod recovery;
mod splitting;
mod windows;
