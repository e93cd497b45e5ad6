//! The body of an answer: received within a deadline, inflated, and bounded.

use std::io::Write as _;
use std::time::Duration;

use flate2::write::MultiGzDecoder;
use reqwest::header::CONTENT_ENCODING;
use tokio::time::{Instant, timeout_at};

use super::arrivals::Arrival;
use super::cause;
use crate::error::foreign;
use crate::page::LONG;
use crate::stripe::exchange::Failure;

/// Largest body, inflated, in bytes: 32 MiB. A page is at most 100 objects, and a hundred large invoices are 10 MiB; a
/// longer body is not a page, and a few hundred KiB of gzip can become anything.
pub(super) const LARGEST: usize = 32 * 1024 * 1024;
/// Bytes that are inflated at once, and the most bytes that they can become.
const SLICE: usize = 1024;
const MOST_INFLATED: usize = 1040 * SLICE;
/// Bytes that are reserved at once, whatever length the answer gives. A longer body counts as long.
const RESERVED: usize = 1024 * 1024;

/// The reason why there is no complete answer, as a class and one line.
pub(super) type Broken = (Failure, String);

/// The time by which an answer must be whole. Time in which we do not wait for the server does not count.
pub(super) struct Deadline {
    at: Instant,
    seconds: f64,
}

impl Deadline {
    pub(super) fn after(span: Duration) -> Self {
        Self { at: Instant::now() + span, seconds: span.as_secs_f64() }
    }

    /// The future's result, if it comes in time.
    pub(super) async fn wait<F: Future>(&self, future: F) -> Result<F::Output, Broken> {
        let late = || (Failure::Timeout, format!("no complete answer within {} seconds", self.seconds));
        timeout_at(self.at, future).await.map_err(|_| late())
    }
}

/// The encoding of a body.
#[derive(Debug, PartialEq, Eq)]
enum Encoding {
    Plain,
    Gzip,
}

/// The encoding in `Content-Encoding`, by any of its names.
fn encoding(answer: &reqwest::Response) -> Result<Encoding, Broken> {
    let Some(value) = answer.headers().get(CONTENT_ENCODING) else { return Ok(Encoding::Plain) };
    let value = String::from_utf8_lossy(value.as_bytes());
    match value.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(Encoding::Plain),
        "gzip" | "x-gzip" => Ok(Encoding::Gzip),
        _ => Err((Failure::Encoding, format!("it is encoded as '{}', but only gzip was asked for", foreign(&value)))),
    }
}

/// Reads the body into an empty buffer. The caller, who needs the body, gives back the answer's places in `arrival`.
pub(super) async fn read(
    mut answer: reqwest::Response,
    mut buffer: Vec<u8>,
    deadline: &mut Deadline,
    arrival: &mut Arrival,
) -> Result<Vec<u8>, Broken> {
    let encoding = encoding(&answer)?;
    let length = answer.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
    if encoding == Encoding::Plain {
        buffer.reserve_exact(length.min(RESERVED));
    }
    let mut body = Body::new(&encoding, buffer);
    while let Some(chunk) = deadline.wait(answer.chunk()).await?.map_err(cause::explain)? {
        for slice in body.slices(&chunk) {
            let length = body.add(slice)?;
            if length > LARGEST {
                return Err((Failure::TooLarge, format!("the body is larger than {LARGEST} bytes")));
            }
            let began = Instant::now();
            arrival.admit(length).await;
            deadline.at += began.elapsed();
        }
    }
    body.finish()
}

/// The bytes that have arrived.
enum Body {
    Plain(Vec<u8>),
    /// Several members one after the other are one body. The flag says whether there was any.
    Gzip(Box<MultiGzDecoder<Vec<u8>>>, bool),
}

impl Body {
    fn new(encoding: &Encoding, buffer: Vec<u8>) -> Self {
        match encoding {
            Encoding::Plain => Self::Plain(buffer),
            Encoding::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(buffer)), false),
        }
    }

    /// Splits a chunk into pieces to add.
    fn slices<'chunk>(&self, chunk: &'chunk [u8]) -> impl Iterator<Item = &'chunk [u8]> + use<'chunk> {
        chunk.chunks(match self {
            Self::Plain(_) => chunk.len().max(1),
            Self::Gzip(..) => SLICE,
        })
    }

    /// Adds a piece. Returns the new length of the body.
    fn add(&mut self, slice: &[u8]) -> Result<usize, Broken> {
        match self {
            Self::Plain(bytes) => {
                make_room(bytes, slice.len());
                bytes.extend_from_slice(slice);
                Ok(bytes.len())
            }
            Self::Gzip(decoder, has_begun) => {
                *has_begun = true;
                make_room(decoder.get_mut(), MOST_INFLATED);
                decoder.write_all(slice).map_err(|error| uninflated(&error))?;
                Ok(decoder.get_ref().len())
            }
        }
    }

    fn finish(self) -> Result<Vec<u8>, Broken> {
        match self {
            Self::Plain(bytes) => Ok(bytes),
            Self::Gzip(decoder, true) => decoder.finish().map_err(|error| uninflated(&error)),
            // An answer without a body is not an empty archive.
            Self::Gzip(..) => Ok(Vec::new()),
        }
    }
}

/// A body that turns out to be long gets a buffer for any length.
fn make_room(bytes: &mut Vec<u8>, more: usize) {
    let length = bytes.len() + more;
    if length > bytes.capacity() && bytes.len() > RESERVED {
        bytes.reserve_exact(LONG.max(length) - bytes.len());
    }
}

fn uninflated(error: &std::io::Error) -> Broken {
    (Failure::Read, format!("it cannot be inflated: {}", foreign(&error.to_string())))
}
