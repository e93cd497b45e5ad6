//! Bodies: whole, cut, compressed, and longer than the bound.

use super::super::body::LARGEST;
use super::*;

/// `{"object":"list"}` in gzip.
const GZIP: [u8; 37] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 202, 79, 202, 74, 77, 46, 81, 178, 82, 202, 201, 44, 46, 81, 170, 5, 0,
    236, 89, 202, 233, 17, 0, 0, 0,
];

fn gzip(head: &str, body: &[u8]) -> Vec<u8> {
    encoded("gzip", head, body)
}

fn encoded(encoding: &str, head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n{head}\r\n").as_bytes(), body].concat()
}

#[tokio::test]
async fn gzip_is_read_under_each_of_its_names_and_in_any_number_of_members() {
    let twice = [GZIP, GZIP].concat();
    let length = |body: &[u8]| format!("Content-Length: {}\r\n", body.len());
    for (encoding, body, times) in [
        ("GZIP", &GZIP[..], 1),
        ("x-gzip", &GZIP, 1),
        (" X-Gzip ", &GZIP, 1),
        ("gzip", &twice, 2),
        ("gzip", &[], 0),
        ("identity", br#"{"object":"list"}"#, 1),
        ("", br#"{"object":"list"}"#, 1),
    ] {
        let (outcome, _) = Server::ask(encoded(encoding, &length(body), body), Then::Close, PATIENT).await;
        let Outcome::Answered(response) = outcome else { panic!("{encoding}: {outcome:?}") };
        assert_eq!(response.body, br#"{"object":"list"}"#.repeat(times), "{encoding}");
    }
    for half in [&twice[..50], &[&GZIP[..], b"more"].concat()] {
        let (outcome, _) = Server::ask(gzip(&length(half), half), Then::Close, PATIENT).await;
        assert_eq!(failed(outcome).0, Failure::Read, "the second member is not whole");
    }
}

#[tokio::test]
async fn an_encoding_that_was_not_asked_for_is_reported_as_such() {
    for encoding in ["br", "deflate", "gzip, gzip", "\u{e9}"] {
        let (failure, line) = failed(Server::ask(encoded(encoding, "", &GZIP), Then::Close, PATIENT).await.0);
        assert_eq!(failure, Failure::Encoding);
        assert!(line.starts_with("it is encoded as '") && line.ends_with("', but only gzip was asked for"), "{line}");
    }
}

#[tokio::test]
async fn a_compressed_body_is_inflated_and_must_be_whole() {
    let (outcome, _) = Server::ask(gzip("Content-Length: 37\r\n", &GZIP), Then::Close, PATIENT).await;
    let Outcome::Answered(response) = outcome else { panic!("{outcome:?}") };
    assert_eq!(response.body, br#"{"object":"list"}"#);
    let cut = gzip("Connection: close\r\n", &GZIP[..25]);
    assert_eq!(failed(Server::ask(cut, Then::Close, PATIENT).await.0).0, Failure::Read);
    let forged = [&GZIP[..29], &[0; 8]].concat();
    let forged = gzip("Content-Length: 37\r\n", &forged);
    assert_eq!(failed(Server::ask(forged, Then::Close, PATIENT).await.0).0, Failure::Read);
}

/// The beginning of a deflate stream that never ends, and the 13 bytes that continue it: a literal zero, then "258
/// bytes more of it" over and over, 13 bits each, so that 8 of them end where they began within a byte.
fn endless_zeros() -> (Vec<u8>, Vec<u8>) {
    let header = "010"; // not the last block; fixed codes (01, low bit first)
    let literal = "00110000";
    let repeat = "1100010100000"; // length 258 is code 285, distance 1 is code 0
    let bits: Vec<u8> = [header, literal, &repeat.repeat(16)].concat().bytes().map(|bit| bit - b'0').collect();
    let bytes: Vec<u8> =
        bits.chunks_exact(8).map(|byte| byte.iter().rev().fold(0, |sum, bit| (sum << 1) | bit)).collect();
    let gzip_header = [31, 139, 8, 0, 0, 0, 0, 0, 0, 255];
    ([&gzip_header[..], &bytes[..13]].concat(), bytes[13..26].to_vec())
}

#[tokio::test]
async fn a_bomb_is_cut_off_at_the_bound_and_not_read_to_its_end() {
    let (beginning, period) = endless_zeros();
    let bomb = Then::Repeat(period.repeat(1_000).leak());
    let (failure, line) = failed(Server::ask(gzip("Connection: close\r\n", &beginning), bomb, PATIENT).await.0);
    // An endless answer can only be given up, so memory never held more than the bound.
    assert_eq!((failure, line.as_str()), (Failure::TooLarge, "the body is larger than 33554432 bytes"));
}

#[tokio::test]
async fn a_body_of_exactly_the_bound_is_an_answer() {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGEST}\r\n\r\n");
    let (outcome, _) = Server::ask([head.as_bytes(), &vec![b' '; LARGEST]].concat(), Then::Hang, PATIENT).await;
    assert!(matches!(outcome, Outcome::Answered(Response { body, .. }) if body.len() == LARGEST));
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", LARGEST + 1);
    let (outcome, _) = Server::ask(head, Then::Repeat(&[b' '; 8_192]), PATIENT).await;
    assert_eq!(failed(outcome).0, Failure::TooLarge);
}
