//! Bodies, and the pages sliced from them.

use sha2::{Digest, Sha256};

use super::*;
use crate::digest::Hex;
use crate::stripe::entities::by_name;

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

fn faults(page: &Page) -> Vec<Fault> {
    page.refused.iter().map(|refused| refused.fault.clone()).collect()
}

#[test]
fn only_whitespace_between_tokens_is_removed() {
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
        r#"{"has_more":true,"extra":{"data":[1]},"data":[{"created":0,"object":"charge","id":"b"},
            {"id":"a","livemode":false,"object":"charge","created":253402300799}],"object":"list"} "#,
    )
    .unwrap();
    let spans: Vec<_> = page.rows().map(|row| (row.id, row.created, row.json.len())).collect();
    assert_eq!(spans, [("b", Some(0), 40), ("a", Some(253_402_300_799), 68)]);
    assert_eq!((page.elements(), page.last_id.as_deref(), page.has_more), (2, Some("a"), true));
    assert!(page.undated.is_empty() && page.refused.is_empty());
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
fn an_object_lands_with_any_time() {
    for (time, created) in [
        (r#","created":3"#, Some(3)),
        (r#","created":-0"#, Some(0)),
        ("", None),
        (r#","created":null"#, None),
        (r#","created":"3""#, None),
        (r#","created":3.0"#, None),
        (r#","created":3e3"#, None),
        (r#","created":-3"#, None),
        (r#","created":true"#, None),
        (r#","created":[3]"#, None),
        (r#","created":{"at":3}"#, None),
        (r#","created":253402300800"#, None),
        (r#","created":9007199254740993"#, None),
        (r#","created":9223372036854775808"#, None),
    ] {
        for (list, object, may_lack_it) in [("charges", "charge", false), ("accounts", "account", true)] {
            let text = format!(r#"{{"id":"a","object":"{object}"{time}}}"#);
            let page = decode_as(list, &format!(r#"{{"object":"list","has_more":false,"data":[{text}]}}"#)).unwrap();
            assert_eq!((&page.created[..], &texts(&page)[..]), (&[created][..], &[text.as_str()][..]));
            let is_odd = created.is_none() && !(may_lack_it && matches!(time, "" | r#","created":null"#));
            assert_eq!(page.undated, ["a"][..usize::from(is_odd)], "{list}: {time}");
        }
    }
}

#[test]
fn more_objects_than_asked_for_are_refused_at_the_first_too_many() {
    let body = format!(r#"{{"object":"list","has_more":false,"data":[{0},{0},{0}]}}"#, charge(""));
    let decode = |most| Decoder::default().decode(body.as_bytes(), by_name("charges").unwrap(), most);
    assert_eq!(decode(3).unwrap().len(), 3);
    let error = decode(2).unwrap_err();
    assert_eq!((error.fault.clone(), &body[error.at..=error.at + 4]), (Fault::TooMany(2), r#"{"id""#));
    assert!(error.is_no_list() && error.to_string().contains("more than the 2 objects asked for"), "{error}");
}

#[test]
fn an_empty_list_is_a_page() {
    for data in ["[]", "[\n  ]"] {
        let page = decode_as("charges", &format!(r#"{{"object":"list","data":{data},"has_more":false}}"#)).unwrap();
        assert_eq!((page.json.value_data(), page.rows().len(), page.has_more), (&b""[..], 0, false));
    }
}

#[test]
fn dropped_rows_take_their_text_with_them() {
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
        // The next page's start does not depend on a row.
        assert_eq!(page.last_id.take().as_deref(), Some("dddd"));
        assert_eq!(page, Page { last_id: None, ..charges(&expected.join(",")).unwrap() });
    }
}

#[test]
fn a_page_that_is_cut_short_continues_after_its_last_element_with_an_id() {
    let (nameless, other) = (r#"{"object":"charge"}"#, r#"{"id":"re_1","object":"refund"}"#);
    let charge = |id: &str| charge("").replace("ch_1", id);
    let elements = [&charge("a"), nameless, &charge("b"), other, nameless, &charge("c")];
    let whole = charges(&elements.join(",")).unwrap();
    for (rows, refused, last_id) in
        [(3, &[1, 3, 4][..], Some("c")), (2, &[1, 3, 4], Some("re_1")), (1, &[1], Some("a")), (0, &[], None)]
    {
        let mut page = whole.clone();
        page.truncate(rows);
        let positions: Vec<_> = page.refused.iter().map(|refused| refused.position).collect();
        assert_eq!((page.len(), &positions[..], page.last_id.as_deref()), (rows, refused, last_id));
        assert!(page.has_more);
    }
}

#[test]
fn values_nest_128_levels_and_no_more() {
    // The list, its data and the charge are three of them.
    for (levels, fits) in [(125, true), (126, false)] {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"{"a": "#, "}")] {
            let value = format!("{}1{}", open.repeat(levels), close.repeat(levels));
            let page = charges(&charge(&format!(r#","deep":{value}"#))).unwrap();
            assert_eq!(faults(&page), [Fault::TooDeep][..usize::from(!fits)]);
            // Beside the objects it has one level more.
            let beside = format!(r#"{{"object":"list","data":[],"has_more":false,"deep":{value}}}"#);
            assert!(decode_as("charges", &beside).is_ok());
            let deeper = beside.replace('1', "[[1]]");
            assert_eq!(decode_as("charges", &deeper).err().map(|error| error.fault), (!fits).then_some(Fault::TooDeep));
        }
    }
}

#[test]
fn two_hundred_thousand_levels_are_refused_on_a_small_stack() {
    let levels = 200_000;
    let reading = std::thread::Builder::new().stack_size(256 * 1024).spawn(move || {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"[ {"a" : "#, "} ]")] {
            let deep = [&open.repeat(levels), r#""]}\"""#, &close.repeat(levels)].concat();
            let page = charges(&[charge(""), format!(r#"{{"a":{deep}}}"#), charge("")].join(",")).unwrap();
            assert_eq!((page.len(), faults(&page)), (2, vec![Fault::TooDeep]));
            assert_eq!((page.refused[0].position, page.refused[0].id.as_deref()), (1, None));
            for body in [format!(r#"{{"object":"list","data":[{{"a":{deep}"#), format!(r#"{{"data":[{{"a":{deep}}}"#)] {
                assert!(decode_as("charges", &body).unwrap_err().is_truncated());
            }
            let error = decode_as("charges", &format!(r#"{{"a":{deep}"#)).unwrap_err();
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
fn bytes_that_are_not_utf8_are_refused_wherever_they_are() {
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
    let page = charges(&charge(&format!(r#","created":{digits}"#))).unwrap();
    assert_eq!((page.created[0], &page.undated[..]), (None, &["ch_1".to_owned()][..]));
}

#[test]
fn an_object_with_a_name_of_megabytes_is_refused_in_one_short_line() {
    let page = charges(&format!(r#"{{"object":"{}"}}"#, "\\n\\u202e".repeat(1 << 18))).unwrap();
    let line = page.refused[0].fault.to_string();
    assert!(line.len() < 10_000 && !line.contains(char::is_control), "{line}");
}

#[test]
fn every_fault_of_an_answer_is_reported_with_its_place() {
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
        // A body that does not begin like JSON is reported as such, characters or not: above all, compressed bytes.
        (b"\x1f\x8b\x08\0\0\xff", Fault::NotJson, 0),
        (b"<html>\xe9", Fault::NotJson, 0),
        (b"[\"\xff\"]", Fault::NotAnObject, 0),
    ] {
        let error = decode(body, by_name("charges").unwrap()).unwrap_err();
        assert_eq!((error.fault, error.at), (fault, at));
    }
}

#[test]
fn broken_json_in_an_element_is_reported_with_its_place() {
    let syntax = Fault::Syntax;
    let before = r#"{"object":"list","has_more":false,"data":["#;
    for (element, fault, at) in [
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
fn an_element_that_cannot_be_a_row_is_refused_with_its_place_and_the_others_stay() {
    let other = |found: Option<&str>| Fault::OtherObject { expected: "charge", found: found.map(str::to_owned) };
    for (element, id, fault) in [
        ("1", None, Fault::ElementNotAnObject),
        ("null", None, Fault::ElementNotAnObject),
        (r#"[{"id":"a"}]"#, None, Fault::ElementNotAnObject),
        (r#"{"object":"charge","created":1}"#, None, Fault::NoId),
        (r#"{"id":"","object":"charge","created":1}"#, None, Fault::NoId),
        (r#"{"id":7,"object":"charge","created":1}"#, None, Fault::NoId),
        (r#"{"id":"\ud800","object":"charge","created":1}"#, None, Fault::NoId),
        (r#"{"id":"a","created":1}"#, Some("a"), other(None)),
        (r#"{"id":"a","object":["charge"]}"#, Some("a"), other(None)),
        (r#"{"id":"a","object":"refund"}"#, Some("a"), other(Some("refund"))),
        ("{}", None, other(None)),
    ] {
        let (first, last) = (charge(""), charge("").replace("ch_1", "ch_2"));
        let sha256 = Sha256::digest(element.replace(": ", ":")).into();
        let refused = |position| Refused { position, id: id.map(str::to_owned), fault: fault.clone(), sha256 };
        let page = charges(&[&first, element, &last].join(",")).unwrap();
        assert_eq!((page.len(), page.elements(), &page.refused[..]), (2, 3, &[refused(1)][..]), "{element}");
        assert_eq!(page.last_id.as_deref(), Some("ch_2"), "{element}");
        let page = charges(&[&first, element, element].join(",")).unwrap();
        assert_eq!(page.refused, [refused(1), refused(2)], "{element}");
        assert_eq!(page.last_id.as_deref(), id.or(Some("ch_1")), "the last element that has an id: {element}");
        assert_eq!(texts(&page), [first.replace(": ", ":").replace(", ", ",")], "{element}");
    }
}

#[test]
fn a_body_cut_anywhere_is_reported_as_cut() {
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
fn messages_hold_nothing_of_the_payload_except_the_name_of_the_object() {
    let page = charges(r#"{"id":"secret","object":"a\u001bb","created":1}"#).unwrap();
    let expected = "an object of the list is not a 'charge' but a 'a\\u{1b}b'";
    assert_eq!(page.refused[0].fault.to_string(), expected);
}
