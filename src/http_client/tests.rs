//! The client against a server on loopback that sends a test's answers byte for byte.

mod bodies;

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

use super::connections::USER_AGENT;
use super::*;
use crate::error::Class;

const CANARY: &str = "rk_test_CANARY9f3a";

/// The server's action after it has sent an answer.
#[derive(Clone, Copy)]
enum Then {
    /// Serves the next answer on the same connection.
    Continue,
    /// Closes the connection in order.
    Close,
    /// Breaks it: the client sees a reset.
    Reset,
    /// Says nothing more and leaves it open.
    Hang,
    /// Sends these bytes for as long as the client takes them.
    Repeat(&'static [u8]),
}

struct Server {
    origin: String,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
}

impl Server {
    /// Serves the answers in order, one per request; then it accepts no more.
    async fn start(answers: Vec<(Vec<u8>, Then)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (requests, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
        let server = Self { origin, requests: Arc::clone(&requests), connections: Arc::clone(&connections) };
        tokio::spawn(async move {
            let mut answers = answers.into_iter();
            let mut next = answers.next();
            while next.is_some() {
                let (mut socket, _) = listener.accept().await.unwrap();
                *connections.lock().unwrap() += 1;
                while let Some((answer, then)) = next.take() {
                    let head = read_head(&mut socket).await;
                    requests.lock().unwrap().push(head);
                    socket.write_all(&answer).await.unwrap();
                    next = answers.next();
                    match then {
                        Then::Continue => continue,
                        Then::Close => {}
                        Then::Reset => {
                            // The client should have read the answer before the reset throws it away.
                            tokio::time::sleep(Duration::from_millis(20)).await;
                            socket.set_zero_linger().unwrap();
                        }
                        Then::Hang => std::future::pending().await,
                        Then::Repeat(bytes) => while socket.write_all(bytes).await.is_ok() {},
                    }
                    break;
                }
            }
        });
        server
    }

    /// Asks a server with one answer, by a client with the canary key and that time-out.
    async fn ask(answer: impl Into<Vec<u8>>, then: Then, timeout: Duration) -> (Outcome, String) {
        let server = Self::start(vec![(answer.into(), then)]).await;
        let outcome = client(&server.origin, timeout).send(&request()).await;
        (outcome, server.requests.lock().unwrap().join(""))
    }
}

async fn read_head(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

fn client(origin: &str, request_timeout: Duration) -> HttpClient {
    client_with(origin, &Options { request_timeout, ..Options::default() })
}

fn client_with(origin: &str, options: &Options) -> HttpClient {
    let key = ApiKey::parse(CANARY).unwrap();
    let origin = Origin::parse(origin, key.mode()).unwrap();
    HttpClient::new(&key, origin, options).unwrap()
}

fn request() -> Request {
    Request::to("/v1/charges", Vec::new(), "2026-11-18.endive".to_owned(), None)
}

fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

const PATIENT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn an_answer_arrives_with_the_values_of_its_headers() {
    let answer = "HTTP/1.1 429 Too Many Requests\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nRequest-Id: req_1\r\n\
        Stripe-Version: 2026-11-18.endive\r\nRetry-After: 3\r\nStripe-Should-Retry: true\r\n\
        Stripe-Rate-Limited-Reason: global-rate\r\nContent-Length: 4\r\n\r\nbody";
    let (outcome, _) = Server::ask(answer, Then::Close, PATIENT).await;
    let expected = Response {
        status: 429,
        request_id: Some("req_1".to_owned()),
        api_version: Some("2026-11-18.endive".to_owned()),
        date: Some(784_111_777),
        retry_after: Some(Duration::from_secs(3)),
        should_retry: Some(true),
        rate_limited_reason: Some("global-rate".to_owned()),
        body: b"body".to_vec(),
    };
    assert_eq!(outcome, Outcome::Answered(expected));
}

#[tokio::test]
async fn a_request_is_sent_to_the_letter() {
    let server = Server::start(vec![(ok("{}"), Then::Close)]).await;
    let query = vec![("limit", "100".to_owned()), ("created[gte]", "1".to_owned()), ("ending_before", "a&b=".into())];
    let request = Request { query, account: Some("acct_1".to_owned()), ..request() };
    client(&server.origin, PATIENT).send(&request).await;
    let head = server.requests.lock().unwrap().join("");
    let mut lines: Vec<&str> = head.trim_end().split("\r\n").collect();
    let first = lines.remove(0);
    lines.sort_unstable();
    assert_eq!(first, "GET /v1/charges?limit=100&created%5Bgte%5D=1&ending_before=a%26b%3D HTTP/1.1");
    let host = format!("host: {}", server.origin.trim_start_matches("http://"));
    let agent = format!("user-agent: {USER_AGENT}");
    let authorization = format!("authorization: Bearer {CANARY}");
    let mut expected =
        [&host, &agent, &authorization, "accept: */*", "accept-encoding: gzip", "stripe-account: acct_1"].to_vec();
    expected.push("stripe-version: 2026-11-18.endive");
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

#[test]
fn a_path_of_accounts_and_any_account_of_an_organisation_are_named_as_context() {
    for (key, account, expected) in [
        (CANARY, "acct_1", "stripe-account: acct_1"),
        (CANARY, "acct_1/acct_2", "stripe-context: acct_1/acct_2"),
        ("sk_org_test_CANARY", "acct_1", "stripe-context: acct_1"),
    ] {
        let key = ApiKey::parse(key).unwrap();
        let origin = Origin::parse("https://api.stripe.com", key.mode()).unwrap();
        let client = HttpClient::new(&key, origin, &Options::default()).unwrap();
        let message = client.shared.message(&Request { account: Some(account.to_owned()), ..request() }).unwrap();
        let headers = message.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        assert_eq!(headers.filter(|line| line.contains(": acct_")).collect::<Vec<_>>(), [expected]);
    }
}

#[tokio::test]
async fn an_account_with_a_path_is_reached_by_it() {
    let server = Server::start(vec![(ok("{}"), Then::Close), (ok("{}"), Then::Close)]).await;
    let client = client(&server.origin, PATIENT);
    client.reach_by(["acct_1/acct_2".to_owned(), "acct_3".to_owned()]);
    for account in ["acct_2", "acct_3"] {
        client.send(&Request { account: Some(account.to_owned()), ..request() }).await;
    }
    let head = server.requests.lock().unwrap().join("");
    let named: Vec<&str> = head.split("\r\n").filter(|line| line.contains(": acct_")).collect();
    assert_eq!(named, ["stripe-context: acct_1/acct_2", "stripe-account: acct_3"]);
}

#[tokio::test]
async fn connections_are_reused() {
    let server = Server::start(vec![(ok("1"), Then::Continue), (ok("2"), Then::Continue), (ok("3"), Then::Hang)]).await;
    let client = client(&server.origin, PATIENT);
    for _ in 0..3 {
        assert!(matches!(client.clone().send(&request()).await, Outcome::Answered(_)));
    }
    assert_eq!((server.requests.lock().unwrap().len(), *server.connections.lock().unwrap()), (3, 1));
}

#[tokio::test]
async fn a_buffer_that_was_taken_back_holds_the_next_body_and_nothing_of_the_last() {
    let answers = ["long".repeat(1000), "short".to_owned(), "long".repeat(LARGEST_BUFFER / 4 + 1), "last".to_owned()];
    let server = Server::start(answers.iter().map(|body| (ok(body), Then::Continue)).collect()).await;
    let client = client(&server.origin, PATIENT);
    let mut capacities = Vec::new();
    for expected in &answers {
        let Outcome::Answered(response) = client.send(&request()).await else { panic!("no answer") };
        assert_eq!(response.body, expected.as_bytes());
        capacities.push(response.body.capacity());
        client.reuse(response.body);
    }
    // One that is so large is not kept.
    assert!(capacities[1] == capacities[0] && capacities[2] > LARGEST_BUFFER && capacities[3] < 1000, "{capacities:?}");
}

#[tokio::test]
async fn the_deadline_covers_the_head_and_the_body() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
    let drip = "HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n";
    let cases = [("", Then::Hang), (cut, Then::Hang), (drip, Then::Hang)];
    for (answer, then) in cases {
        let begun = Instant::now();
        let (outcome, _) = Server::ask(answer, then, Duration::from_millis(200)).await;
        let expected = Outcome::Failed(Failure::Timeout, "no complete answer within 0.2 seconds".to_owned());
        assert_eq!(outcome, expected);
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

/// The failure and its line, checked to be one line without address, path and key.
fn failed(outcome: Outcome) -> (Failure, String) {
    let Outcome::Failed(failure, line) = outcome else { panic!("an answer: {outcome:?}") };
    for secret in ["CANARY", "127.0.0.1", "http://", "/v1/", "\n"] {
        assert!(!line.contains(secret), "{line}");
    }
    assert!(!line.is_empty());
    (failure, line)
}

#[tokio::test]
async fn an_answer_cut_short_is_a_read_failure() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
    let half_chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf";
    for (answer, then, said) in [
        (half, Then::Reset, "reset"),
        (half, Then::Close, "end of file"),
        (half_chunked, Then::Close, "end of file"),
        ("HTTP/1.1 200 OK\r\nContent-Le", Then::Close, "connection closed"),
        ("", Then::Close, "connection closed"),
        ("", Then::Reset, "reset"),
        ("220 smtp.example ESMTP\r\n\r\n", Then::Close, "invalid HTTP version"),
    ] {
        let (failure, line) = failed(Server::ask(answer, then, PATIENT).await.0);
        assert_eq!(failure, Failure::Read, "{line}");
        assert!(line.contains(said), "{answer:?}: {line}");
    }
}

#[tokio::test]
async fn no_server_is_a_connect_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (failure, line) = failed(client(&origin, PATIENT).send(&request()).await);
    assert_eq!(failure, Failure::Connect);
    assert!(line.contains("refused"), "{line}");
}

#[tokio::test]
async fn a_server_without_tls_is_a_connect_failure_over_https() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest).await;
    });
    let (failure, line) = failed(client(&origin, PATIENT).send(&request()).await);
    assert_eq!(failure, Failure::Connect);
    assert!(line.contains("corrupt") || line.contains("invalid"), "{line}");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let elsewhere = Server::start(vec![(ok("{}"), Then::Close)]).await;
        let answer =
            format!("HTTP/1.1 {status}\r\nLocation: {}/v1/charges\r\nContent-Length: 0\r\n\r\n", elsewhere.origin);
        let (failure, line) = failed(Server::ask(answer, Then::Close, PATIENT).await.0);
        assert_eq!((failure, &line[..8]), (Failure::Redirect, &*format!("HTTP {}", &status[..3])));
        assert_eq!(*elsewhere.connections.lock().unwrap(), 0);
    }
}

fn forbidden(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Stripe's refusal of a restricted key that may not ask.
fn refusal(account: &str) -> String {
    let said = format!("It lacks the permission for this endpoint on account '{account}'. Having 'rak_x' would help.");
    format!(r#"{{"error":{{"type":"invalid_request_error","message":"{said}"}}}}"#)
}

#[tokio::test]
async fn without_a_network_the_question_for_the_account_is_given_up_in_seconds() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let seconds = |seconds: f64| Duration::from_secs_f64(seconds);
    for (options, tries, least, most) in [
        (Options { backoff_base: seconds(0.01), max_retries: 2, ..Options::default() }, "after 2 retries", 0.0, 2.0),
        (Options { backoff_base: seconds(3.0), backoff_jitter: 0.0, ..Options::default() }, "after 1 retry", 3.0, 9.0),
    ] {
        let began = Instant::now();
        let client = client_with(&origin, &options);
        for _ in 0..2 {
            let error = client.account_id().await.unwrap_err();
            assert_eq!(error.class, Class::Connection);
            let line = format!("{origin}: no connection to the API {tries} (");
            assert!(error.message.starts_with(&line) && error.message.contains("refused"), "{error}");
        }
        let took = began.elapsed();
        assert!(took >= seconds(least) && took < seconds(most), "{took:?}");
    }
}

#[tokio::test]
async fn the_account_is_known_if_an_answer_names_it_and_else_not() {
    for (answer, expected) in [
        (ok(r#"{"id":"acct_1Ab","object":"account"}"#), Some("acct_1Ab")),
        (ok(r#"{"id":"acct_1\n'"}"#), None),
        (ok(r#"{"id":"cus_1"}"#), None),
        (ok("{"), None),
        (forbidden(r#"{"id":"acct_1Ab"}"#), None),
        (forbidden(&refusal("acct_1Ab")), Some("acct_1Ab")),
        (forbidden(&refusal("<b>")), None),
        (Vec::new(), None),
    ] {
        let server = Server::start(vec![(answer, Then::Close)]).await;
        let client = client(&server.origin, PATIENT);
        for _ in 0..2 {
            assert_eq!(client.account_id().await.unwrap().as_deref(), expected);
        }
        let requests = server.requests.lock().unwrap();
        assert!(requests[0].starts_with("GET /v1/account HTTP/1.1\r\n"));
        assert_eq!(requests.len(), 1, "asked once");
    }
}

#[tokio::test]
async fn a_header_that_cannot_be_sent_opens_no_connection() {
    let server = Server::start(vec![(ok("{}"), Then::Close)]).await;
    let request = Request { account: Some("acct_1\r\nX: y".to_owned()), ..request() };
    let (failure, line) = failed(client(&server.origin, PATIENT).send(&request).await);
    assert_eq!((failure, line.contains("stripe-account")), (Failure::Connect, true), "{line}");
    assert_eq!(*server.connections.lock().unwrap(), 0);
}

#[test]
fn a_live_key_and_an_origin_checked_for_a_test_key_make_no_client() {
    let origin = Origin::parse("http://127.0.0.1:1", Mode::Test).unwrap();
    let key = ApiKey::parse("rk_live_CANARY").unwrap();
    let error = HttpClient::new(&key, origin, &Options::default()).unwrap_err();
    assert_eq!(error.class, Class::Usage);
    assert!(!format!("{error:?}").contains("CANARY"));
}

/// All events of a thread, as lines `target level field=value ...`.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} {}", event.metadata().target(), event.metadata().level()));
        event.record(&mut line);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.0);
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

#[tokio::test]
async fn nothing_printed_or_logged_holds_the_key_the_query_or_the_payload() {
    let lines = Lines::default();
    let guard = tracing::subscriber::set_default(lines.clone());
    // While there is only one subscriber, tracing asks the first thread that meets an event whether it is wanted, and
    // the other tests' threads have no subscriber. If there are two, it asks them all.
    let second = tracing::Dispatch::new(lines.clone());
    let body = "HTTP/1.1 200 OK\r\nRequest-Id: req_7\r\nContent-Length: 7\r\n\r\nPAYLOAD";
    let server = Server::start(vec![(body.into(), Then::Close), (Vec::new(), Then::Close)]).await;
    let client = client(&server.origin, PATIENT);
    let request = Request { query: vec![("starting_after", "CURSOR".to_owned())], ..request() };
    let outcomes = [client.send(&request).await, client.send(&request).await];
    drop((guard, second));
    let printed = format!("{client:?} {client:#?} {request:?} {outcomes:?}");
    assert!(!printed.contains("CANARY"), "{printed}");
    let lines = lines.0.lock().unwrap();
    // The events of the libraries below us count, too: a user who turns them on must not find the key either.
    assert!(!lines.iter().any(|line| line.contains("CANARY")), "{lines:#?}");
    let ours: Vec<&String> = lines.iter().filter(|line| line.starts_with("stripe_raw_rs ")).collect();
    let [answered, failed] = ours[..] else { panic!("{ours:#?}") };
    assert!(
        answered.starts_with("stripe_raw_rs DEBUG message=answered path=\"/v1/charges\" status=200 elapsed_ms=")
            && answered.ends_with(" bytes=7 request_id=\"req_7\""),
        "{answered}"
    );
    assert!(failed.contains(" message=not answered ") && failed.contains(" failure=Read "), "{failed}");
    assert!(!ours.iter().any(|line| line.contains("CURSOR") || line.contains("PAYLOAD")), "{ours:#?}");
}
