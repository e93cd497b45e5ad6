//! A client of the simulator over a real socket, for its tests.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use super::*;
use crate::stripe::entities::Entity;

pub(super) const KEY: &str = "Authorization: Bearer sk_test_1\r\n";
pub(super) const END: i64 = 1_800_000_000;

/// One answer; `whole` says whether all promised bytes came.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    pub(super) whole: bool,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(super) fn ids(&self) -> Vec<String> {
        let page = self.json();
        page["data"].as_array().unwrap().iter().map(|object| object["id"].as_str().unwrap().to_owned()).collect()
    }

    pub(super) fn has_more(&self) -> bool {
        self.json()["has_more"].as_bool().unwrap()
    }

    pub(super) fn error(&self, field: &str) -> String {
        self.json()["error"][field].as_str().unwrap_or_default().to_owned()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

pub(super) fn read_answer(stream: &mut TcpStream, received: &mut Vec<u8>) -> Answer {
    let mut piece = vec![0; 65_536];
    loop {
        if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(received[..end].to_vec()).unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap().parse().unwrap();
            let status = head[9..12].parse().unwrap();
            let mut body = received.split_off(end + 4);
            while body.len() < length {
                match stream.read(&mut piece) {
                    Ok(0) | Err(_) => return Answer { status, head, body, whole: false },
                    Ok(count) => body.extend_from_slice(&piece[..count]),
                }
            }
            *received = body.split_off(length);
            return Answer { status, head, body, whole: true };
        }
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "no head");
        received.extend_from_slice(&piece[..count]);
    }
}

pub(super) fn ask(simulator: &StripeSimulator, target: &str, headers: &str) -> Answer {
    let mut stream = TcpStream::connect(simulator.address).unwrap();
    stream.write_all(format!("GET {target} HTTP/1.1\r\nHost: x\r\n{headers}\r\n").as_bytes()).unwrap();
    read_answer(&mut stream, &mut Vec::new())
}

pub(super) fn get(simulator: &StripeSimulator, target: &str) -> Answer {
    ask(simulator, target, KEY)
}

pub(super) fn settings() -> Settings {
    Settings { objects: 2_000, end: Some(END), ..Settings::default() }
}

pub(super) fn start(settings: Settings) -> StripeSimulator {
    StripeSimulator::start(settings).unwrap()
}

pub(super) fn escaped(id: &str) -> String {
    id.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat()
}

/// Ids of a walk from the newest to the oldest object.
pub(super) fn walk(simulator: &StripeSimulator, path: &str, limit: usize) -> Vec<String> {
    let (mut seen, mut cursor): (Vec<String>, String) = (Vec::new(), String::new());
    loop {
        let page = get(simulator, &format!("{path}limit={limit}{cursor}"));
        assert_eq!(page.status, 200, "{}", String::from_utf8_lossy(&page.body));
        seen.extend(page.ids());
        if !page.has_more() {
            return seen;
        }
        cursor = format!("&starting_after={}", escaped(seen.last().unwrap()));
    }
}

/// An account that has no events yet.
pub(super) fn without_events() -> Settings {
    Settings { counts: BTreeMap::from([("events".into(), 0)]), frozen_clock: true, ..settings() }
}

/// JSON without the white space between its tokens: numbers and strings keep their bytes.
pub(super) fn compact(json: &[u8]) -> String {
    let (mut text, mut in_string, mut escaped) = (String::new(), false, false);
    for character in std::str::from_utf8(json).unwrap().chars() {
        if in_string || !character.is_whitespace() {
            text.push(character);
        }
        in_string = if in_string { escaped || character != '"' } else { character == '"' };
        escaped = in_string && !escaped && character == '\\';
    }
    text
}

/// An object as its list serves it, compact.
pub(super) fn object(simulator: &StripeSimulator, entity: &str, id: &str) -> String {
    compact(&simulator.object_bytes(entity, id).unwrap().unwrap())
}

/// The answer to a request for one object.
pub(super) fn by_id(simulator: &StripeSimulator, path: &str, id: &str) -> Answer {
    get(simulator, &format!("{path}/{}", escaped(id)))
}

/// The parameters that every request to a list carries, each with an ampersand behind it.
pub(super) fn fixed_query(entity: &Entity) -> String {
    entity.fixed().map(|(name, value)| format!("{name}={value}&")).collect::<Vec<_>>().concat()
}
