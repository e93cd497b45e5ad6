//! The machine step by step: how it takes an answer, and how it takes up the work of an earlier attempt.

mod answers;
mod audit;
mod claim;
mod client;
mod ending;
mod groups;
mod odd;
mod order;
mod reader;
mod recovery;
mod splitting;
mod windows;
