//! The sockets: HTTP/1.1 with kept-alive connections, GET only, on loopback only.
//!
//! It is written by hand because a page is half a megabyte and clients ask for thousands in a second: each connection
//! has one buffer, and each answer is rendered into it behind its head and sent in one write.

#![expect(clippy::disallowed_methods, reason = "a fake server has a clock and makes its clients wait")]

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::chance::{below, join};
use super::endpoint::{Counted, Endpoints, Head};
use super::faults::Fault;
use super::request::Request;

/// Longest head of a request: ours has a few hundred bytes.
const LONGEST_HEAD: usize = 16 * 1024;
/// Most headers of a request.
const MOST_HEADERS: usize = 64;
/// Room before a body. The head of the answer is written there once the body's length is known.
const HEAD_ROOM: usize = 1_024;
/// Pieces of a slow body.
const DRIPS: u32 = 20;
/// Time for the first half of a body to arrive before the connection is reset: a reset overtakes bytes that are still
/// unread.
const BEFORE_RESET: Duration = Duration::from_millis(20);

/// The behaviour of the connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manners {
    /// Wait before each answer.
    pub(super) latency: Duration,
    /// The most that chance adds to the latency.
    pub(super) jitter: Duration,
    /// Whether answers are compressed for clients that take it.
    pub(super) gzip: bool,
}

/// Accepts connections until dropped.
pub(super) async fn serve(listener: TcpListener, endpoints: Arc<Endpoints>, manners: Manners) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let endpoints = Arc::clone(&endpoints);
                tokio::spawn(async move {
                    // A client that goes away in the middle does not matter here.
                    let _ = Connection::new(stream, endpoints, manners).run().await;
                });
            }
            // The process is probably out of file descriptors: this gives the open connections time to end.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// The head of a request.
struct Read<'a> {
    request: Request<'a>,
    /// Length of the head.
    length: usize,
    takes_gzip: bool,
    /// Whether the connection ends after the answer.
    last: bool,
}

/// The first request in the received bytes; `None` while its head is incomplete.
fn read_head(received: &[u8]) -> Result<Option<Read<'_>>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = parsed.parse(received)? else { return Ok(None) };
    let (method, target) = (parsed.method.unwrap_or_default(), parsed.path.unwrap_or_default());
    let mut request = Request { method, target, ..Request::default() };
    // No request that the simulator answers has a body, so a body is not read, but ends the connection.
    let mut last = parsed.version == Some(0) || method != "GET";
    let mut takes_gzip = false;
    for header in parsed.headers.iter() {
        let value = std::str::from_utf8(header.value).ok().map(str::trim);
        match header.name.to_ascii_lowercase().as_str() {
            "authorization" => request.authorization = value,
            "stripe-version" => request.version = value,
            "stripe-account" => request.account = value,
            "stripe-context" => request.context = value,
            "accept-encoding" => takes_gzip = value.is_some_and(|value| value.contains("gzip")),
            "connection" => last |= value.is_some_and(|value| value.eq_ignore_ascii_case("close")),
            "content-length" => last |= value != Some("0"),
            "transfer-encoding" => last = true,
            _ => {}
        }
    }
    Ok(Some(Read { request, length, takes_gzip, last }))
}

struct Connection {
    stream: TcpStream,
    endpoints: Arc<Endpoints>,
    manners: Manners,
    /// The answer: [`HEAD_ROOM`] bytes, then the body.
    out: Vec<u8>,
}

/// Whether another request may follow.
type Open = bool;

impl Connection {
    fn new(stream: TcpStream, endpoints: Arc<Endpoints>, manners: Manners) -> Self {
        Self { stream, endpoints, manners, out: Vec::new() }
    }

    async fn run(mut self) -> std::io::Result<()> {
        self.stream.set_nodelay(true)?;
        let mut received: Vec<u8> = Vec::with_capacity(4_096);
        let mut piece = [0; 4_096];
        loop {
            match read_head(&received) {
                Ok(Some(read)) => {
                    let length = read.length;
                    if !self.respond(read).await? {
                        return Ok(());
                    }
                    received.drain(..length);
                }
                Ok(None) if received.len() < LONGEST_HEAD => {
                    let count = self.stream.read(&mut piece).await?;
                    if count == 0 {
                        return Ok(());
                    }
                    received.extend_from_slice(&piece[..count]);
                }
                _ => {
                    let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                    return self.stream.write_all(answer).await;
                }
            }
        }
    }

    async fn respond(&mut self, read: Read<'_>) -> std::io::Result<Open> {
        let counted = self.endpoints.count(&read.request);
        if matches!(counted.fault, Some(Fault::Hang)) {
            self.endpoints.record(&read.request, &counted, 0);
            return self.hang().await;
        }
        if matches!(counted.fault, Some(Fault::ResetHead)) {
            self.endpoints.record(&read.request, &counted, 0);
            return self.stream.set_zero_linger().map(|()| false);
        }
        let wait = self.latency(counted.number);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let (start, length) = self.render(&read, &counted);
        self.send(start, length, counted.fault.as_ref()).await.map(|open| open && !read.last)
    }

    fn latency(&self, number: u64) -> Duration {
        let jitter = u64::try_from(self.manners.jitter.as_micros()).unwrap_or(u64::MAX);
        let chance = below(join(join(self.endpoints.seed, 4), number), jitter.saturating_add(1));
        self.manners.latency + Duration::from_micros(chance)
    }

    /// Puts the answer into the buffer; returns the start of its head and the promised length of its body.
    fn render(&mut self, read: &Read<'_>, counted: &Counted) -> (usize, usize) {
        self.out.clear();
        self.out.resize(HEAD_ROOM, 0);
        let mut head = self.endpoints.answer(&read.request, counted, &mut self.out);
        self.endpoints.record(&read.request, counted, head.status);
        if matches!(counted.fault, Some(Fault::Truncate)) {
            self.out.truncate(HEAD_ROOM + (self.out.len() - HEAD_ROOM) * 2 / 3);
        }
        if self.manners.gzip && read.takes_gzip && compress(&mut self.out).is_ok() {
            head.headers.push(("Content-Encoding", "gzip".to_owned()));
        }
        let length = self.out.len() - HEAD_ROOM;
        let text = self.head_text(&head, length, read.last);
        let start = HEAD_ROOM.saturating_sub(text.len());
        // All values in a head are bounded, and together they are shorter than the room.
        self.out[start..HEAD_ROOM].copy_from_slice(&text.as_bytes()[..HEAD_ROOM - start]);
        (start, length)
    }

    fn head_text(&self, head: &Head, length: usize, last: bool) -> String {
        let mut text = format!(
            "HTTP/1.1 {} {}\r\nServer: nginx\r\nDate: {}\r\nContent-Type: {}\r\nContent-Length: {length}\r\nConnection: {}\r\n",
            head.status,
            reason_of(head.status),
            self.endpoints.clock.date(),
            head.content_type,
            if last { "close" } else { "keep-alive" },
        );
        for (name, value) in &head.headers {
            text.extend([name, ": ", value, "\r\n"]);
        }
        text.push_str("\r\n");
        text
    }

    async fn send(&mut self, start: usize, length: usize, fault: Option<&Fault>) -> std::io::Result<Open> {
        let half = HEAD_ROOM + length / 2;
        match fault {
            Some(Fault::Reset) => {
                self.stream.write_all(&self.out[start..half]).await?;
                tokio::time::sleep(BEFORE_RESET).await;
                self.stream.set_zero_linger()?;
                Ok(false)
            }
            Some(Fault::Cut) => {
                self.stream.write_all(&self.out[start..half]).await?;
                self.stream.shutdown().await?;
                Ok(false)
            }
            Some(Fault::Slow(time)) => {
                self.stream.write_all(&self.out[start..HEAD_ROOM]).await?;
                let drip = (length / DRIPS as usize).max(1);
                for piece in self.out[HEAD_ROOM..].chunks(drip) {
                    tokio::time::sleep(*time / DRIPS).await;
                    self.stream.write_all(piece).await?;
                }
                Ok(true)
            }
            _ => self.stream.write_all(&self.out[start..]).await.map(|()| true),
        }
    }

    /// Sends nothing until the client goes away.
    async fn hang(&mut self) -> std::io::Result<Open> {
        let mut ignored = [0; 256];
        while self.stream.read(&mut ignored).await? > 0 {}
        Ok(false)
    }
}

/// Compresses the bytes behind the room for the head.
fn compress(out: &mut Vec<u8>) -> std::io::Result<()> {
    let mut encoder = GzEncoder::new(vec![0; HEAD_ROOM], Compression::fast());
    encoder.write_all(&out[HEAD_ROOM..])?;
    *out = encoder.finish()?;
    Ok(())
}

const fn reason_of(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 | 302 | 303 | 307 | 308 => "Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Request Failed",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        424 => "Failed Dependency",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_complete() {
        assert!(read_head(b"GET /v1/charges HTTP/1.1\r\nHost: x\r\n").unwrap().is_none());
        let text =
            b"GET /v1/charges?limit=1 HTTP/1.1\r\nauthorization: Bearer sk_1\r\nSTRIPE-VERSION: 2019-05-16\r\n\r\nGET";
        let read = read_head(text).unwrap().unwrap();
        assert_eq!((read.length, read.last), (text.len() - 3, false));
        assert_eq!(read.request.authorization, Some("Bearer sk_1"));
        assert_eq!((read.request.target, read.request.version), ("/v1/charges?limit=1", Some("2019-05-16")));
        assert!(read_head(b"not HTTP\r\n\r\n").is_err());
    }

    #[test]
    fn a_body_ends_the_connection() {
        assert!(read_head(b"POST /v1/charges HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello").unwrap().unwrap().last);
        assert!(read_head(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap().unwrap().last);
        assert!(read_head(b"GET / HTTP/1.0\r\n\r\n").unwrap().unwrap().last);
    }

    #[test]
    fn compression_keeps_the_room_for_the_head() {
        let mut out = vec![0; HEAD_ROOM];
        out.extend_from_slice(&[b'x'; 10_000]);
        compress(&mut out).unwrap();
        assert!(out.len() < HEAD_ROOM + 200 && out[HEAD_ROOM..].starts_with(&[0x1f, 0x8b]));
    }
}
