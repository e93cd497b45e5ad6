//! What became of an object since it was made, and the bytes that follow from it.
//!
//! An object that changed is not kept as bytes: the number of its changes is enough to make them again. So a hundred
//! thousand changes take a few megabytes, and each event can show the object as it was then.

use std::ops::Range;
use std::sync::Arc;

use super::shape::ELEMENT_INDENT;

/// The state of one object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    /// How often it was changed.
    pub(super) changes: u32,
    /// How many items each of its own lists has got.
    pub(super) items_added: u32,
    /// How many of the first items each of these lists has lost.
    pub(super) items_removed: u32,
    /// Its bytes, if a test gave it others; they have all changes in them.
    pub(super) given: Option<Arc<[u8]>>,
}

/// The member of `metadata` that a change sets. An object without `metadata` has another description.
const CHANGE: &str = "change";

/// Changes the object that begins at `start`, for the time with that number, and returns `previous_attributes`: the
/// member that changed, as it was before. `None` if it has no member that can change; then it stays as it is.
pub(super) fn change(out: &mut Vec<u8>, start: usize, number: u32) -> Option<String> {
    let object = &out[start..];
    if let Some(metadata) = value_of(object, "metadata").filter(|value| object[value.start] == b'{') {
        let inside = &object[metadata.clone()];
        if let Some(value) = value_of(inside, CHANGE) {
            let before = String::from_utf8_lossy(&inside[value.clone()]).into_owned();
            let from = start + metadata.start;
            out.splice(from + value.start..from + value.end, format!("\"{number}\"").into_bytes());
            return Some(format!("{{\"metadata\": {{\"{CHANGE}\": {before}}}}}"));
        }
        let comma = if inside[1..].trim_ascii_start().starts_with(b"}") { "" } else { "," };
        let member = format!("\n{}\"{CHANGE}\": \"{number}\"{comma}", " ".repeat(ELEMENT_INDENT + 4));
        let at = start + metadata.start + 1;
        out.splice(at..at, member.into_bytes());
        return Some(format!("{{\"metadata\": {{\"{CHANGE}\": null}}}}"));
    }
    let value = value_of(object, "description")?;
    let before = String::from_utf8_lossy(&object[value.clone()]).into_owned();
    out.splice(start + value.start..start + value.end, format!("\"Change {number}\"").into_bytes());
    Some(format!("{{\"description\": {before}}}"))
}

/// The place of the value of an object's own member; `None` if the bytes are no object with such a member. The bytes
/// may be anything: a test can give an object bytes that are not JSON.
pub(super) fn value_of(object: &[u8], name: &str) -> Option<Range<usize>> {
    let mut at = 0;
    let mut depth = 0_usize;
    // The own member that is being read: its key, and the start of its value.
    let (mut key, mut start) = (0..0, None);
    while let Some(byte) = object.get(at) {
        match byte {
            b'"' => {
                let end = end_of_string(object, at)?;
                if depth == 1 && start.is_none() {
                    key = at + 1..end - 1;
                }
                at = end;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b':' if depth == 1 && start.is_none() => start = Some(at + 1),
            b',' | b'}' if depth == 1 => {
                if let Some(start) = start.take()
                    && object[key.clone()] == *name.as_bytes()
                {
                    let leading = object[start..at].len() - object[start..at].trim_ascii_start().len();
                    let value = start + leading..start + object[start..at].trim_ascii_end().len();
                    return (!value.is_empty()).then_some(value);
                }
                if *byte == b'}' {
                    return None;
                }
            }
            b'}' | b']' => depth = depth.checked_sub(1)?,
            byte if depth == 0 && !byte.is_ascii_whitespace() => return None,
            _ => {}
        }
        at += 1;
    }
    None
}

/// The end of the string whose first quote is at `at`.
fn end_of_string(text: &[u8], at: usize) -> Option<usize> {
    let mut place = at + 1;
    loop {
        match text.get(place)? {
            b'\\' => place += 2,
            b'"' => return Some(place + 1),
            _ => place += 1,
        }
    }
}

/// Appends an object that was printed as an element of a list, as it is printed behind `depth` spaces. Its tokens stay
/// as they are: no string of JSON holds a line break.
pub(super) fn at_depth(object: &[u8], depth: usize, out: &mut Vec<u8>) {
    let (more, less) = (depth.saturating_sub(ELEMENT_INDENT), ELEMENT_INDENT.saturating_sub(depth));
    for (number, line) in object.split(|byte| *byte == b'\n').enumerate() {
        if number == 0 {
            out.extend_from_slice(line);
            continue;
        }
        out.push(b'\n');
        let spaces = line.iter().take_while(|byte| **byte == b' ').count();
        // A blank line, as in an empty array, has no indent. An object that a test gave may have none anywhere.
        let added = if spaces > 0 { more } else { 0 };
        out.extend(std::iter::repeat_n(b' ', added));
        out.extend_from_slice(&line[spaces.min(less)..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value<'a>(object: &'a str, name: &str) -> Option<&'a str> {
        value_of(object.as_bytes(), name).map(|place| &object[place])
    }

    #[test]
    fn a_members_value_is_found_at_the_objects_own_depth_only() {
        let object = r#"{"a": {"b": "}"}, "b" : "x\"\\", "c": [1, {"d": 2}] , "e":-1.5}"#;
        assert_eq!((value(object, "b"), value(object, "a")), (Some(r#""x\"\\""#), Some(r#"{"b": "}"}"#)));
        assert_eq!((value(object, "c"), value(object, "e")), (Some(r#"[1, {"d": 2}]"#), Some("-1.5")));
        assert_eq!((value(object, "d"), value(object, "x")), (None, None));
        for odd in ["", "[]", "null", "{", "{\"b", "{\"b\\", "}{", "{\"b\": }", "{]}", "not JSON: \"b\": 1,"] {
            assert_eq!(value(odd, "b"), None, "{odd}");
        }
    }

    #[test]
    fn each_change_differs_and_says_what_was_before() {
        let mut object = b"{\n      \"metadata\": {\n      }\n    }".to_vec();
        assert_eq!(change(&mut object, 0, 1).as_deref(), Some(r#"{"metadata": {"change": null}}"#));
        assert_eq!(object, b"{\n      \"metadata\": {\n        \"change\": \"1\"\n      }\n    }");
        assert_eq!(change(&mut object, 0, 2).as_deref(), Some(r#"{"metadata": {"change": "1"}}"#));
        let mut object = b"{\"metadata\": {\"a\": 1}, \"description\": \"old\"}".to_vec();
        change(&mut object, 0, 1).unwrap();
        let changed: serde_json::Value = serde_json::from_slice(&object).unwrap();
        assert_eq!((&changed["metadata"]["change"], &changed["metadata"]["a"]), (&"1".into(), &1.into()));
        let mut object = b"{\"description\": \"old\"}".to_vec();
        assert_eq!(change(&mut object, 0, 3).as_deref(), Some(r#"{"description": "old"}"#));
        assert_eq!(object, b"{\"description\": \"Change 3\"}");
        assert_eq!(change(&mut b"{\"metadata\": null}".to_vec(), 0, 1), None);
    }

    #[test]
    fn at_another_depth_only_the_indent_differs() {
        let element = b"{\n      \"a\": [\n\n      ],\n      \"b\": \"\\n    x\"\n    }";
        let (mut deeper, mut top) = (Vec::new(), Vec::new());
        at_depth(element, 8, &mut deeper);
        at_depth(element, 0, &mut top);
        assert_eq!(deeper, b"{\n          \"a\": [\n\n          ],\n          \"b\": \"\\n    x\"\n        }");
        assert_eq!(top, b"{\n  \"a\": [\n\n  ],\n  \"b\": \"\\n    x\"\n}");
    }
}
