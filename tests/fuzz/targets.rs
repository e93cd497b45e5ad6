//! What is fuzzed: functions of bytes that panic where a promise is broken. libFuzzer runs them (`just fuzz`), and
//! `tests/fuzz.rs` runs them over what it has found.
#![allow(dead_code, unused_imports, reason = "each binary of the fuzzer uses one of them")]

mod checkpoint;
mod input;
mod oracle;
mod page;

pub(crate) use checkpoint::checkpoint;
pub(crate) use page::{minify, page};
