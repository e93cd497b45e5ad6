//! Rules that hold for every page, over generated pages: `page::decode` against the oracle that the fuzz targets use, too.

use proptest::prelude::*;
use stripe_raw_rs::page::{Decoder, Fault, decode};
use stripe_raw_rs::stripe::entities::{Entity, by_name};

#[path = "bench/charges.rs"]
mod charges;
#[path = "fuzz/oracle.rs"]
mod oracle;

fn entity() -> &'static Entity {
    by_name("charges").expect("a list of Stripe's")
}

/// JSON without whitespace between its tokens yet: some may follow each token.
type Tokens = Vec<String>;

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        (0..2000_u32).prop_map(|number| number.to_string()),
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?",
        Just("9".repeat(400)),
    ]
}

fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ -!#-\\[\\]-~]{0,12}",
        1 => "[ -!#-\\[\\]-~]{20,70}",
        1 => "[\u{80}-\u{10ffff}]{1,4}",
        1 => Just("\u{7f}".to_owned()),
        1 => "\\\\[\"\\\\/bfnrt]",
        1 => "\\\\u[0-9a-fA-F]{4}",
        1 => Just("\\ud800".to_owned()),
    ];
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![number(), string(), "null|true|false"]
}

fn joined(items: Vec<Tokens>, open: &str, close: &str) -> Tokens {
    let mut tokens = vec![open.to_owned()];
    for (position, item) in items.into_iter().enumerate() {
        if position > 0 {
            tokens.push(",".to_owned());
        }
        tokens.extend(item);
    }
    tokens.push(close.to_owned());
    tokens
}

fn object(members: Vec<(String, Tokens)>) -> Tokens {
    let member = |(key, value): (String, Tokens)| [vec![key, ":".to_owned()], value].concat();
    joined(members.into_iter().map(member).collect(), "{", "}")
}

fn value() -> impl Strategy<Value = Tokens> {
    let key = prop_oneof![string(), Just("\"a\"".to_owned()), Just("\"id\"".to_owned())];
    scalar().prop_map(|scalar| vec![scalar]).prop_recursive(6, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(|items| joined(items, "[", "]")),
            proptest::collection::vec((key.clone(), inner), 0..6).prop_map(object),
        ]
    })
}

/// A charge with members of any kind between those that count.
fn charge() -> impl Strategy<Value = Tokens> {
    let members = proptest::collection::vec(("\"[a-z_]{1,40}\"|\"\\\\u00e9\"|\"\\\\ud800\"|\"\u{e9}\"", value()), 0..8);
    (members, "[a-z]{1,40}", any::<i64>()).prop_flat_map(|(mut members, id, created)| {
        members.push(("\"id\"".to_owned(), vec![format!("\"{id}\"")]));
        members.push(("\"object\"".to_owned(), vec!["\"charge\"".to_owned()]));
        members.push(("\"created\"".to_owned(), vec![created.to_string()]));
        // A generated member of the same name may be before the one that counts, but not behind it.
        members.retain({
            let mut remaining = members.len();
            move |(key, _)| {
                remaining -= 1;
                remaining < 3 || !matches!(key.as_str(), "\"id\"" | "\"object\"" | "\"created\"")
            }
        });
        Just(members).prop_shuffle().prop_map(object)
    })
}

fn list() -> impl Strategy<Value = (Vec<Tokens>, Tokens)> {
    (proptest::collection::vec(charge(), 0..4), value(), any::<bool>()).prop_flat_map(|(charges, other, has_more)| {
        let member = |key: &str, value: Tokens| (format!("\"{key}\""), value);
        let members = vec![
            member("object", vec!["\"list\"".to_owned()]),
            member("data", joined(charges.clone(), "[", "]")),
            member("has_more", vec![has_more.to_string()]),
            member("other", other),
        ];
        (Just(charges), Just(members).prop_shuffle().prop_map(object))
    })
}

/// The way in which whitespace is chosen.
#[derive(Debug, Clone)]
enum Space {
    None,
    Pretty,
    Any(Vec<String>),
}

fn space() -> impl Strategy<Value = Space> {
    prop_oneof![
        Just(Space::None),
        Just(Space::Pretty),
        proptest::collection::vec("[ \n\r\t]{0,3}| {10,40}", 1..30).prop_map(Space::Any),
    ]
}

fn printed(tokens: &Tokens, space: &Space) -> Vec<u8> {
    let mut text = String::new();
    let mut depth = 0_usize;
    for (position, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "{" | "[" => depth += 1,
            "}" | "]" => depth -= 1,
            _ => {}
        }
        match space {
            Space::None => text.push_str(token),
            Space::Any(choices) => text.extend([choices[position % choices.len()].as_str(), token]),
            Space::Pretty => {
                if matches!(token.as_str(), "}" | "]") {
                    text.extend(["\n", &"  ".repeat(depth)]);
                }
                text.push_str(token);
                match token.as_str() {
                    ":" => text.push(' '),
                    "{" | "[" | "," => text.extend(["\n", &"  ".repeat(depth)]),
                    _ => {}
                }
            }
        }
    }
    text.into_bytes()
}

#[derive(Debug, Clone)]
enum Change {
    Replace(u8),
    Insert(u8),
    Delete,
    Cut,
}

fn changed(mut body: Vec<u8>, at: usize, change: &Change) -> Vec<u8> {
    match change {
        Change::Replace(byte) => body[at] = *byte,
        Change::Insert(byte) => body.insert(at, *byte),
        Change::Delete => drop(body.remove(at)),
        Change::Cut => body.truncate(at),
    }
    body
}

fn change() -> impl Strategy<Value = Change> {
    let byte = || prop_oneof![proptest::sample::select(b" \n\t\"\\{}[]:,-+.019eEu\0".to_vec()), any::<u8>()];
    prop_oneof![
        byte().prop_map(Change::Replace),
        byte().prop_map(Change::Insert),
        Just(Change::Delete),
        Just(Change::Cut)
    ]
}

/// Both decoders give the same page, or none; they may differ in the depth only.
fn agrees(body: &[u8]) -> Result<(), TestCaseError> {
    agrees_after(&mut Decoder::default(), body)
}

/// The same for a decoder that has seen other pages.
fn agrees_after(decoder: &mut Decoder, body: &[u8]) -> Result<(), TestCaseError> {
    match decoder.decode(body, entity(), usize::MAX) {
        Err(error) if error.fault == Fault::TooDeep => {}
        Ok(page) if page.refused.iter().any(|refused| refused.fault == Fault::TooDeep) => {}
        Err(error) => prop_assert_eq!(oracle::decode(body, entity()), None, "{}", error),
        Ok(page) => prop_assert_eq!(oracle::decode(body, entity()), Some(page)),
    }
    Ok(())
}

proptest! {
    #[test]
    fn objects_are_kept_whole_whatever_they_hold((charges, list) in list(), space in space()) {
        let body = printed(&list, &space);
        let page = decode(&body, entity()).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(page.len(), charges.len());
        for (row, charge) in page.rows().zip(&charges) {
            prop_assert_eq!(row.json, charge.concat());
            prop_assert_eq!(oracle::minified(&printed(charge, &space)), row.json.as_bytes());
        }
        agrees(&body)?;
    }

    #[test]
    fn a_changed_page_is_accepted_only_if_serde_json_accepts_it_too(
        (_, list) in list(),
        space in space(),
        at in any::<proptest::sample::Index>(),
        change in change(),
    ) {
        let body = printed(&list, &space);
        let at = at.index(body.len());
        let mut decoder = Decoder::default();
        // As often as the decoder needs until it expects the bytes that stay the same.
        for _ in 0..5 {
            agrees_after(&mut decoder, &body)?;
        }
        agrees_after(&mut decoder, &changed(body, at, &change))?;
    }

    #[test]
    fn no_page_leaves_a_trace_in_the_next(
        (_, before) in list(),
        (_, list) in list(),
        space in space(),
        at in any::<proptest::sample::Index>(),
        change in change(),
    ) {
        let mut decoder = Decoder::default();
        let _ = decoder.decode(&printed(&before, &space), entity(), usize::MAX);
        let body = printed(&list, &space);
        let at = at.index(body.len());
        for body in [changed(body.clone(), at, &change), body.clone(), changed(body.clone(), at, &change), body] {
            let line = |error: stripe_raw_rs::page::PageError| error.to_string();
            let after_others = decoder.decode(&body, entity(), usize::MAX);
            prop_assert_eq!(after_others.map_err(line), decode(&body, entity()).map_err(line));
        }
    }

    #[test]
    fn a_list_cut_short_is_reported_as_cut((_, list) in list(), space in space(), at in any::<proptest::sample::Index>()) {
        let body = printed(&list, &space);
        let error = decode(&body[..at.index(body.trim_ascii_end().len())], entity()).expect_err("half a list");
        prop_assert!(error.is_truncated(), "{}", error);
    }

    #[test]
    fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200), is_inside in any::<bool>()) {
        let before: &[u8] = if is_inside { br#"{"object": "list", "data": [{"id": "#  } else { b"" };
        agrees(&[before, &body].concat())?;
    }
}

/// Changes every byte of a charge as Stripe prints it, since the fast path was made for such text.
#[test]
fn a_changed_page_of_stripes_is_accepted_only_if_serde_json_accepts_it_too() {
    let body = charges::page(1);
    let mut decoder = Decoder::default();
    agrees_after(&mut decoder, &body).expect("a page");
    let changes: Vec<_> =
        b" \n\"\\{]:,-0e\0\x80".iter().flat_map(|byte| [Change::Replace(*byte), Change::Insert(*byte)]).collect();
    for at in 0..body.len() {
        // All changes take turns at every kind of place; a byte is deleted at every place.
        for change in [&changes[at % changes.len()], &changes[(at * 7 + at / 7) % changes.len()], &Change::Delete] {
            let body = changed(body.clone(), at, change);
            if let Err(error) = agrees(&body).and_then(|()| agrees_after(&mut decoder, &body)) {
                panic!("{change:?} at {at}: {error}");
            }
        }
    }
}
