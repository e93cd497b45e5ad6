//! Pages of any bytes, and of generated JSON.

use stripe_raw_rs::page::{Decoder, Fault, Page, decode};
use stripe_raw_rs::stripe::entities::{Entity, by_name};

use super::input::Input;
use super::oracle;

/// Nested levels that are refused, one more than allowed.
const TOO_DEEP: usize = 129;

fn entity(name: &str) -> &'static Entity {
    by_name(name).expect("a list of Stripe's")
}

/// Takes any bytes as a body: for lists with a time, with a time of another name, and with an optional time, they give
/// the page that serde_json sees, or no page and one clear line.
pub(crate) fn page(data: &[u8]) {
    for name in ["charges", "invoiceitems", "accounts"] {
        let entity = entity(name);
        let mut decoder = Decoder::default();
        let first = decoder.decode(data, entity, usize::MAX);
        for _ in 0..5 {
            assert_eq!(decoder.decode(data, entity, usize::MAX), first, "an earlier page makes a difference");
        }
        match first {
            Ok(page) => {
                // The decoder gives up at an object that is too deep.
                if page.refused.iter().all(|refused| refused.fault != Fault::TooDeep) {
                    assert_eq!(Some(&page), oracle::decode(data, entity).as_ref(), "serde_json sees another page");
                }
                check(&page, entity);
            }
            Err(error) => {
                let line = error.to_string();
                assert!(!line.is_empty() && !line.contains(char::is_control), "{line:?}");
                assert!(error.at <= data.len(), "{line}");
                if error.fault == Fault::TooDeep {
                    // The body is JSON up to there, and with the bracket at that place it is too deep.
                    assert!(depth(&data[..=error.at]) >= TOO_DEEP, "{line}");
                } else {
                    assert_eq!(oracle::decode(data, entity), None, "{line}");
                }
            }
        }
    }
}

/// Checks the rules for every page: its rows split its text, each is compact JSON with its hash, and they are the same
/// rows if they are decoded again as a list of their own.
fn check(page: &Page, entity: &'static Entity) {
    let texts: Vec<&str> = page.rows().map(|row| row.json).collect();
    assert_eq!(texts.concat().as_bytes(), page.json.value_data());
    for (row, text) in page.rows().zip(&texts) {
        assert_eq!(oracle::minified(text.as_bytes()), text.as_bytes());
        assert_eq!(row.sha256, oracle::sha256(text.as_bytes()));
        assert!(depth(text.as_bytes()) < TOO_DEEP - 2, "{text}");
    }
    let body = format!(r#"{{"object":"list","data":[{}],"has_more":{}}}"#, texts.join(","), page.has_more);
    let last_id = page.rows().next_back().map(|row| row.id.to_owned());
    let rows = Page { refused: Vec::new(), last_id, ..page.clone() };
    assert_eq!(decode(body.as_bytes(), entity), Ok(rows));
}

/// The most objects and arrays that are open at once.
fn depth(text: &[u8]) -> usize {
    let (mut in_string, mut is_escaped, mut open, mut most) = (false, false, 0_usize, 0);
    for byte in text {
        match byte {
            b'\\' if in_string => is_escaped = !is_escaped,
            b'"' if !is_escaped => in_string = !in_string,
            b'{' | b'[' if !in_string => open += 1,
            b'}' | b']' if !in_string => open = open.saturating_sub(1),
            _ => {}
        }
        is_escaped &= *byte == b'\\';
        most = most.max(open);
    }
    most
}

/// JSON written twice: with whitespace sprinkled between its tokens, and without.
#[derive(Default)]
struct Written {
    spaced: String,
    compact: String,
}

impl Written {
    fn token(&mut self, input: &mut Input<'_>, token: &str) {
        self.compact.push_str(token);
        self.spaced.push_str(token);
        match input.byte() {
            0..100 => {}
            100..150 => self.spaced.push(' '),
            // The indentation is like that of Stripe, and also deeper than the fast path follows.
            long @ 150..220 => {
                self.spaced.push('\n');
                self.spaced.push_str(&"  ".repeat(usize::from(long - 150)));
            }
            220.. => self.spaced.push_str(input.choice(&["\t", "\r\n", "\r", "  ", " \n", "\n\t\t"])),
        }
    }

    fn value(&mut self, input: &mut Input<'_>, depth: usize) {
        match input.byte() % 8 {
            0..2 => self.token(input, "null"),
            2 => {
                let literal = input.choice(&["true", "false"]);
                self.token(input, literal);
            }
            3 => {
                let number = number(input);
                self.token(input, &number);
            }
            4..6 => {
                let string = string(input);
                self.token(input, &string);
            }
            6 if depth > 0 => self.members(input, "[", "]", |this, input| this.value(input, depth - 1)),
            _ if depth > 0 => self.members(input, "{", "}", |this, input| this.member(input, depth - 1)),
            _ => self.token(input, "0"),
        }
    }

    fn member(&mut self, input: &mut Input<'_>, depth: usize) {
        let key = string(input);
        self.token(input, &key);
        self.token(input, ":");
        self.value(input, depth);
    }

    fn members(
        &mut self,
        input: &mut Input<'_>,
        open: &str,
        close: &str,
        mut one: impl FnMut(&mut Self, &mut Input<'_>),
    ) {
        self.token(input, open);
        for position in 0..input.byte() % 8 {
            if position > 0 {
                self.token(input, ",");
            }
            one(self, input);
        }
        self.token(input, close);
    }

    /// An object of the list: members of any kind, then those that count; members of the same name may be before
    /// them.
    fn charge(&mut self, input: &mut Input<'_>, number: usize) {
        self.token(input, "{");
        for _ in 0..input.byte() % 8 {
            self.member(input, 6);
            self.token(input, ",");
        }
        let facts = [("\"id\"", format!("\"ch_{number}\"")), ("\"object\"", "\"charge\"".to_owned())];
        for (key, value) in facts {
            self.token(input, key);
            self.token(input, ":");
            self.token(input, &value);
            self.token(input, ",");
        }
        self.token(input, "\"created\"");
        self.token(input, ":");
        let created = input.long().to_string();
        self.token(input, &created);
        self.token(input, "}");
    }
}

fn number(input: &mut Input<'_>) -> String {
    let digits = |input: &mut Input<'_>| -> String {
        let count = 1 + usize::from(input.byte() % 40);
        (0..count).map(|_| char::from(b'0' + input.byte() % 10)).collect()
    };
    let mut number = input.choice(&["", "-"]).to_owned();
    match digits(input).trim_start_matches('0') {
        "" => number.push('0'),
        whole => number.push_str(whole),
    }
    if input.byte() % 4 == 1 {
        number.push('.');
        number.push_str(&digits(input));
    }
    if input.byte() % 4 == 1 {
        number.push_str(input.choice(&["e", "E", "e+", "E-"]));
        number.push_str(&digits(input));
    }
    number
}

fn string(input: &mut Input<'_>) -> String {
    let mut string = "\"".to_owned();
    for _ in 0..input.byte() % 64 {
        match input.byte() {
            b'"' => string.push_str("\\\""),
            b'\\' => string.push_str(input.choice(&["\\\\", "\\u0000", "\\ud800", "\\n", "\\/", "\\uDFFF"])),
            plain @ b' '..=b'~' => string.push(char::from(plain)),
            other => string.push(input.choice(&[
                'a',
                '\u{7f}',
                '\u{e9}',
                '\u{2028}',
                '\u{1f600}',
                'b',
                char::from(other | 0x80),
            ])),
        }
    }
    string.push('"');
    string
}

/// Generated objects with whitespace sprinkled between their tokens are the same objects without it, to the byte.
pub(crate) fn minify(data: &[u8]) {
    let mut input = Input(data);
    let mut list = Written::default();
    let mut texts = Vec::new();
    for token in ["{", "\"object\"", ":", "\"list\"", ",", "\"data\"", ":", "["] {
        list.token(&mut input, token);
    }
    while !input.is_empty() && texts.len() < 8 {
        if !texts.is_empty() {
            list.token(&mut input, ",");
        }
        let start = list.compact.len();
        list.charge(&mut input, texts.len());
        texts.push(list.compact[start..].to_owned());
    }
    for token in ["]", ",", "\"has_more\"", ":", "true", "}"] {
        list.token(&mut input, token);
    }
    let entity = entity("charges");
    let page = decode(list.spaced.as_bytes(), entity).unwrap_or_else(|error| panic!("{error}: {}", list.spaced));
    let found: Vec<_> = page.rows().map(|row| row.json).collect();
    assert_eq!(found, texts, "{}", list.spaced);
    assert_eq!(decode(list.compact.as_bytes(), entity), Ok(page));
}
