//! Bodies, and what is sliced of them.

use sha2::{Digest, Sha256};

use super::*;
use crate::digest::Hex;
use crate::entities::by_name;

fn decode_as(entity: &str, body: &str) -> Result<Page, PageError> {
    decode(body.as_bytes(), by_name(entity).unwrap())
}

fn charges(elements: &str) -> Result<Page, PageError> {
    decode_as("charges", &format!(r#"{{"object": "list", "data": [{elements}], "has_more": false}}"#))
}

fn charge(members: &str) -> String {
    format!(r#"{{"id": "ch_1", "object": "charge", "created": 7{members}}}"#)
}

fn texts(page: &Page) -> Vec<&str> {
    page.rows().map(|row| row.json).collect()
}

#[test]
fn nothing_but_whitespace_between_tokens_is_removed() {
    let long = "9".repeat(400);
    for value in [
        long.as_str(),
        "1.10",
        "1E5",
        "-0",
        "0",
        "-0.0e+00",
        r#""\ud800""#,
        "\"a  b\\n\\\"\\\\\\/\\u00e9 \u{e9}\u{1f600}\"",
        r#"{"a":1,"a":2}"#,
        "[[],{},[[null,true,false]]]",
    ] {
        let page = charges(&charge(&format!(",\t\r\n \"value\" :  {value} \n"))).unwrap();
        let compact = format!(r#"{{"id":"ch_1","object":"charge","created":7,"value":{value}}}"#);
        assert_eq!(texts(&page), [compact.as_str()]);
        assert_eq!(page.sha256.value(0), Hex::new(&Sha256::digest(&compact).into()).as_ref());
    }
}

#[test]
fn rows_know_their_id_time_and_place() {
    let page = decode_as(
        "charges",
        r#"{"has_more":true,"extra":{"data":[1]},"data":[{"created":-5,"object":"charge","id":"b"},
            {"id":"a","livemode":false,"object":"charge","created":9223372036854775807}],"object":"list"} "#,
    )
    .unwrap();
    let facts: Vec<_> = page.rows().map(|row| (row.id, row.created, row.json.len())).collect();
    assert_eq!(facts, [("b", Some(-5), 41), ("a", Some(i64::MAX), 75)]);
    assert!(page.has_more);
}

#[test]
fn keys_and_ids_may_be_written_with_escapes() {
    let page = decode_as(
        "charges",
        r#"{"\u006fbject":"l\u0069st","d\u0061ta":[{"i\u0064":"ch\u005f1\u00e9","object":"\u0063harge","created":1}],
            "\u0068as_more":false}"#,
    )
    .unwrap();
    assert_eq!(page.ids.value(0), "ch_1\u{e9}");
    assert!(texts(&page)[0].starts_with(r#"{"i\u0064":"#));
}

#[test]
fn of_equal_keys_the_last_counts() {
    let page = decode_as(
        "charges",
        r#"{"object":"x","data":[{"id":"a","object":"charge","created":1}],"has_more":0,"object":"list",
            "has_more":true,
            "data":[{"id":1,"object":7,"created":1.5,"id":"b","object":"charge","created":2}]}"#,
    )
    .unwrap();
    assert_eq!((page.len(), page.ids.value(0), page.created[0]), (1, "b", Some(2)));
}

#[test]
fn keys_inside_an_object_are_not_its_own() {
    let page = charges(&charge(r#", "inner": {"id": 5, "object": "x", "created": "y"}"#)).unwrap();
    assert_eq!((page.ids.value(0), page.created[0]), ("ch_1", Some(7)));
}

#[test]
fn only_an_optional_time_may_be_missing() {
    let list = |members: &str| {
        format!(r#"{{"object":"list","has_more":false,"data":[{{"id":"a","object":"account"{members}}}]}}"#)
    };
    for (members, created) in [("", None), (r#","created":null"#, None), (r#","created":3"#, Some(3))] {
        assert_eq!(decode_as("accounts", &list(members)).unwrap().created, [created]);
    }
    let fault = decode_as("accounts", &list(r#","created":"3""#)).unwrap_err().fault;
    assert_eq!(fault, Fault::TimeNotAnInteger("created"));
}

#[test]
fn an_empty_list_is_a_page() {
    for data in ["[]", "[\n  ]"] {
        let page = decode_as("charges", &format!(r#"{{"object":"list","data":{data},"has_more":false}}"#)).unwrap();
        assert_eq!((page.json.value_data(), page.rows().len(), page.has_more), (&b""[..], 0, false));
    }
}

#[test]
fn dropped_rows_take_their_text_along() {
    let element = |id: &str| format!(r#"{{"id":"{id}","object":"charge","created":1}}"#);
    let ids = ["a", "bb", "ccc", "dddd"];
    let whole = charges(&ids.map(element).join(",")).unwrap();
    for kept in 0..16 {
        let is_kept = |id: &str| kept >> (id.len() - 1) & 1 == 1;
        let mut page = whole.clone();
        page.retain(|row| is_kept(row.id));
        let expected: Vec<_> = ids.into_iter().filter(|id| is_kept(id)).map(element).collect();
        assert_eq!(texts(&page), expected);
        assert_eq!(page.json.value_data(), expected.concat().as_bytes());
        assert_eq!(page, charges(&expected.join(",")).unwrap());
    }
}

#[test]
fn values_nest_128_levels_and_no_more() {
    // The list, its data and the charge are three of them.
    for (levels, fits) in [(125, true), (126, false)] {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"{"a": "#, "}")] {
            let value = format!("{}1{}", open.repeat(levels), close.repeat(levels));
            let answer = charges(&charge(&format!(r#","deep":{value}"#)));
            assert_eq!(answer.map_err(|error| error.fault).err(), (!fits).then_some(Fault::TooDeep));
        }
    }
}

#[test]
fn two_hundred_thousand_levels_are_refused_on_a_small_stack() {
    let levels = 200_000;
    let bodies = ["[", r#"{"a":"#, "[ {\"a\" : "].map(|open| {
        let deep = open.repeat(levels);
        [format!(r#"{{"object":"list","data":[{{"a":{deep}"#), format!(r#"{{"a":{deep}"#)]
    });
    let reading = std::thread::Builder::new().stack_size(256 * 1024).spawn(move || {
        for body in bodies.as_flattened() {
            let error = decode_as("charges", body).unwrap_err();
            assert_eq!(error.fault, Fault::TooDeep);
            assert!(error.to_string().starts_with("the JSON is more than 128 levels deep (byte "), "{error}");
        }
    });
    reading.unwrap().join().unwrap();
}

#[test]
fn a_nul_is_kept_as_an_escape_and_refused_as_a_byte() {
    let escaped = charge(r#","a\u0000":"\u0000 \u0000""#);
    assert_eq!(texts(&charges(&escaped).unwrap()), [escaped.replace(r#"": "#, r#"":"#).replace(", ", ",")]);
    for (members, expected) in [
        (",\"a\":\"\0\"", Expected::EscapedControl),
        (",\"\0\":1", Expected::EscapedControl),
        (",\0\"a\":1", Expected::Key),
        (",\"a\":\0", Expected::Value),
        (",\"a\":1\0", Expected::CommaOrEnd),
    ] {
        let error = charges(&charge(members)).unwrap_err();
        assert_eq!(error.fault, Fault::Syntax(expected), "{members:?}");
    }
    let whole = r#"{"object":"list","data":[],"has_more":false}"#;
    assert_eq!(decode_as("charges", &format!("{whole}\0")).unwrap_err().fault, Fault::DataAfterEnd);
    assert_eq!(decode_as("charges", &format!("\0{whole}")).unwrap_err().fault, Fault::NotJson);
}

#[test]
fn bytes_that_are_no_utf8_are_refused_wherever_they_stand() {
    let whole = format!(r#"{{"object":"list","data":[{}],"has_more":false}}"#, charge(r#","a":"bc""#));
    // No beginning, overlong, half a surrogate pair, beyond Unicode, cut short, and UTF-16.
    for bytes in [&b"\x80"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xff\xfe"] {
        for at in 1..=whole.len() {
            let body = [&whole.as_bytes()[..at], bytes, &whole.as_bytes()[at..], b" "].concat();
            let error = decode(&body, by_name("charges").unwrap()).unwrap_err();
            assert_eq!((error.fault, error.at), (Fault::NotUtf8, at));
        }
    }
    let utf16: Vec<u8> = whole.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(decode(&utf16, by_name("charges").unwrap()).unwrap_err().fault, Fault::Syntax(Expected::Key));
}

#[test]
fn keys_keep_their_order_their_spelling_and_their_doubles() {
    let text =
        r#"{"z":1,"created":7,"\ud800":2,"a":3,"object":"charge","\u0061":4,"a":5,"":6,"\udfff\ud800":7,"id":"ch_1"}"#;
    assert_eq!(texts(&charges(text).unwrap()), [text]);
}

#[test]
fn strings_keys_and_numbers_of_megabytes_are_kept_to_the_byte() {
    let long = 3 << 20;
    for value in ["\u{e9}\\n\\ud800x".repeat(long / 10), "a".repeat(long), "\\\\".repeat(long / 2)] {
        let text = format!(r#"{{"id":"ch_1","object":"charge","created":7,"{value}":"{value}"}}"#);
        assert_eq!(texts(&charges(&text).unwrap()), [text]);
    }
    let digits = "7".repeat(long);
    let text = format!(r#"{{"id":"ch_1","object":"charge","created":7,"a":-{digits}.{digits}E+{digits}}}"#);
    assert_eq!(texts(&charges(&text).unwrap()), [text]);
    let error = charges(&charge(&format!(r#","created":{digits}"#))).unwrap_err();
    assert_eq!(error.fault, Fault::TimeNotAnInteger("created"));
}

#[test]
fn an_object_with_a_name_of_megabytes_is_refused_in_one_short_line() {
    let line = charges(&format!(r#"{{"object":"{}"}}"#, "\\n\\u202e".repeat(1 << 18))).unwrap_err().to_string();
    assert!(line.len() < 10_000 && !line.contains(char::is_control), "{line}");
}

#[test]
fn every_fault_of_an_answer_is_told_with_its_place() {
    let list = |found: Option<&str>| Fault::NotAList(found.map(str::to_owned));
    for (body, fault, at) in [
        ("", Fault::Truncated, 0),
        (" \n", Fault::Truncated, 2),
        ("<html>", Fault::NotJson, 0),
        ("\u{feff}{}", Fault::NotJson, 0),
        ("upstream error", Fault::NotJson, 0),
        (" []", Fault::NotAnObject, 1),
        ("\"list\"", Fault::NotAnObject, 0),
        ("{", Fault::Truncated, 1),
        (r#"{"error":{}}"#, list(None), 0),
        (r#"{"object":"search","data":[],"has_more":true}"#, list(Some("search")), 10),
        (r#"{"object":1,"data":[],"has_more":true}"#, list(None), 10),
        (r#"{"object":"list","has_more":true}"#, Fault::NoData, 0),
        (r#"{"object":"list","data":{},"has_more":true}"#, Fault::NoData, 0),
        (r#"{"object":"list","data":[]}"#, Fault::NoHasMore, 0),
        (r#"{"object":"list","data":[],"has_more":null}"#, Fault::NoHasMore, 0),
        (r#"{"object":"list","data":[],"has_more":true}}"#, Fault::DataAfterEnd, 43),
        (r#"{"a":1,}"#, Fault::Syntax(Expected::Key), 7),
        (r#"{,"a":1}"#, Fault::Syntax(Expected::Key), 1),
        (r#"{"data":[,]}"#, Fault::Syntax(Expected::Value), 9),
    ] {
        let error = decode_as("charges", body).unwrap_err();
        assert_eq!((error.fault, error.at), (fault, at), "{body}");
    }
    for (body, fault, at) in [
        (&b"{\"a\":\"\xff\"}"[..], Fault::NotUtf8, 6),
        // What does not begin like JSON is told as such, characters or not: compressed bytes, above all.
        (b"\x1f\x8b\x08\0\0\xff", Fault::NotJson, 0),
        (b"<html>\xe9", Fault::NotJson, 0),
        (b"[\"\xff\"]", Fault::NotAnObject, 0),
    ] {
        let error = decode(body, by_name("charges").unwrap()).unwrap_err();
        assert_eq!((error.fault, error.at), (fault, at));
    }
}

#[test]
fn every_fault_of_an_element_is_told_with_its_place() {
    let other = |found: Option<&str>| Fault::OtherObject { expected: "charge", found: found.map(str::to_owned) };
    let no_integer = Fault::TimeNotAnInteger("created");
    let syntax = Fault::Syntax;
    let before = r#"{"object":"list","has_more":false,"data":["#;
    for (element, fault, at) in [
        ("1", Fault::ElementNotAnObject, 0),
        (r#"{"object":"charge","created":1}"#, Fault::NoId, 0),
        (r#"{"id":"","object":"charge","created":1}"#, Fault::NoId, 6),
        (r#"{"id":7,"object":"charge","created":1}"#, Fault::NoId, 6),
        (r#"{"id":"\ud800","object":"charge","created":1}"#, Fault::NoId, 6),
        (r#"{"id":"a","created":1}"#, other(None), 0),
        (r#"{"id":"a","object":"refund"}"#, other(Some("refund")), 19),
        (r#"{"id":"a","object":"charge"}"#, Fault::NoTime("created"), 0),
        (r#"{"created":null,"id":"a","object":"charge"}"#, Fault::NoTime("created"), 11),
        (r#"{"created":1.0,"id":"a","object":"charge"}"#, no_integer.clone(), 11),
        (r#"{"created":1e3,"id":"a","object":"charge"}"#, no_integer.clone(), 11),
        (r#"{"created":{},"id":"a","object":"charge"}"#, no_integer.clone(), 11),
        (r#"{"created":9223372036854775808,"id":"a","object":"charge"}"#, no_integer, 11),
        (r#"{"a" 1}"#, syntax(Expected::Colon), 5),
        (r#"{"a":}"#, syntax(Expected::Value), 5),
        (r#"{"a":nul}"#, syntax(Expected::Value), 5),
        (r#"{"a": falsy,"b":1}"#, syntax(Expected::Value), 6),
        (r#"{"a":1 "b":2}"#, syntax(Expected::CommaOrEnd), 7),
        (r#"{"a":01}"#, syntax(Expected::CommaOrEnd), 6),
        (r#"{"a": 01,"b":1}"#, syntax(Expected::CommaOrEnd), 7),
        (r#"{"a":[1}"#, syntax(Expected::CommaOrEnd), 7),
        (r#"{"a":1.}"#, syntax(Expected::Digit), 7),
        (r#"{"a":-}"#, syntax(Expected::Digit), 6),
        (r#"{"a":1e+}"#, syntax(Expected::Digit), 8),
        (r#"{"a":"\x"}"#, syntax(Expected::Escape), 7),
        (r#"{"a":"\u00g0"}"#, syntax(Expected::Escape), 10),
        ("{\"a\":\"\n\"}", syntax(Expected::EscapedControl), 6),
    ] {
        let error = decode_as("charges", &format!("{before}{element}]}}")).unwrap_err();
        assert_eq!(error, PageError { fault, at: before.len() + at, element: Some(0) }, "{element}");
    }
}

#[test]
fn a_body_cut_anywhere_is_told_as_cut() {
    let whole = format!(
        "{{ \"object\" : \"list\", \"data\": [{}], \"has_more\": true, \"url\": \"\u{e9}\\u00e9\"}}",
        charge(r#", "a": [-1.5e+7, null, {"b": false}], "metadata": {}"#)
    );
    for end in 0..whole.len() {
        let error = decode(&whole.as_bytes()[..end], by_name("charges").unwrap()).unwrap_err();
        assert!(error.is_truncated(), "{end}: {error}");
    }
    assert!(decode_as("charges", &whole).is_ok());
}

#[test]
fn messages_carry_nothing_of_the_payload_but_the_name_of_the_object() {
    let error = charges(r#"{"id":"secret","object":"a\u001bb","created":1}"#).unwrap_err();
    let expected = "an object of the list is no 'charge' but 'a\\u{1b}b' (byte 52, element 0)";
    assert_eq!(error.to_string(), expected);
}
