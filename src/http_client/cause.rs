//! The reason why no complete answer arrived, as a class and one line.

use std::error::Error as _;

use crate::error::foreign;
use crate::stripe::exchange::Failure;

/// The meaning of an error of the HTTP library. Its own text is "error sending request for url (...)": the address is
/// not for logs, and the reason is at the end of the chain of sources.
pub(super) fn explain(error: reqwest::Error) -> (Failure, String) {
    // A socket's own time-out (ETIMEDOUT) is a broken connection like any other; `Failure::Timeout` is our deadline.
    let failure = if error.is_connect() { Failure::Connect } else { Failure::Read };
    (failure, line(error))
}

/// The two innermost causes, e.g. "tcp connect error: Connection refused (os error 111)": the last says what, the
/// one before it says where. For an error without sources, its own text, without address.
pub(super) fn line(error: reqwest::Error) -> String {
    let mut causes: Vec<String> = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        // One of these inside another would show its address again.
        if !cause.is::<reqwest::Error>() {
            let said = cause.to_string();
            // A wrapper that quotes its source has said it already.
            if !causes.last().is_some_and(|outer| outer.ends_with(&said)) {
                causes.push(said);
            }
        }
        source = cause.source();
    }
    let innermost = causes.len().saturating_sub(2);
    if causes.is_empty() { foreign(&error.without_url().to_string()) } else { foreign(&causes[innermost..].join(": ")) }
}
