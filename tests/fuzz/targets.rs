//! The fuzz targets: functions of bytes that panic if a promise is broken. libFuzzer runs them (`just fuzz`), and
//! `tests/fuzz.rs` runs them over the inputs that it has found.
#![allow(dead_code, unused_imports, reason = "each binary of the fuzzer uses one of them")]

mod checkpoint;
mod input;
mod oracle;
mod page;

pub(crate) use checkpoint::checkpoint;
pub(crate) use page::{minify, page};
