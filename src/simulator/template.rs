//! The language of the templates in `shapes/`: JSON with directives in angle brackets.
//!
//! These are resolved when a shape is made: `<pick a|b>`, `<repeat 1|3 text>`, `<object>`, `<time>`, `<path>`,
//! `<dated text>` (nothing for objects without a time); picks of
//! one name (`<pick#order a|b>`) draw the same. These are resolved per object, always with the same width: `<id>`,
//! `<created+3600>`, `<ref charges>` (an id of another list), `<token 24>`, `<hex 8>`, `<digits 4>`, `<number 4>` (no
//! leading zero); places of one name (`<number#amount 4>`) hold the same.

use crate::stripe::entities::Entity;

/// The template of an entity's objects.
pub(super) fn template(entity: &Entity) -> &'static str {
    match entity.name {
        "accounts" => include_str!("shapes/account.template"),
        "balance_transactions" => include_str!("shapes/balance_transaction.template"),
        "charges" => include_str!("shapes/charge.template"),
        "customers" => include_str!("shapes/customer.template"),
        "events" => include_str!("shapes/event.template"),
        "invoices" => include_str!("shapes/invoice.template"),
        "payment_intents" => include_str!("shapes/payment_intent.template"),
        "refunds" => include_str!("shapes/refund.template"),
        "subscriptions" => include_str!("shapes/subscription.template"),
        _ => include_str!("shapes/any.template"),
    }
}

/// The first directive of a text: the text before it, inside its brackets, and after it.
pub(super) fn next_directive(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.find('<')?;
    let mut depth = 0_usize;
    for (at, character) in text[start..].char_indices() {
        match character {
            '<' => depth += 1,
            '>' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&text[..start], &text[start + 1..start + at], &text[start + at + 1..]));
        }
    }
    None
}

/// `pick#order a|b` as (`pick`, `order`, `a|b`).
pub(super) fn parts(directive: &str) -> (&str, &str, &str) {
    let (head, argument) = directive.split_once(char::is_whitespace).unwrap_or((directive, ""));
    let (word, name) = head.split_once('#').unwrap_or((head, ""));
    (word, name, argument)
}

/// The alternatives of `a|<pick b|c>`: bars inside brackets do not count.
pub(super) fn alternatives(text: &str) -> Vec<&str> {
    let (mut found, mut from, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, character) in text.char_indices() {
        match character {
            '<' => depth += 1,
            '>' => depth -= 1,
            '|' if depth == 0 => {
                found.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    found.push(&text[from..]);
    found
}

/// JSON text as Stripe prints it: two spaces a level, the tokens untouched. `level` spaces are before it already.
pub(super) fn pretty(json: &str, level: usize) -> String {
    let (mut printed, mut indent) = (String::with_capacity(2 * json.len()), level);
    let (mut in_string, mut escaped, mut in_directive) = (false, false, false);
    let new_line = |printed: &mut String, indent: usize| {
        printed.push('\n');
        printed.extend(std::iter::repeat_n(' ', indent));
    };
    for character in json.chars() {
        if in_string {
            printed.push(character);
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
            continue;
        }
        match character {
            '{' | '[' => {
                indent += 2;
                printed.push(character);
                new_line(&mut printed, indent);
            }
            '}' | ']' => {
                indent -= 2;
                let trimmed = printed.trim_end().len();
                let empty = printed[..trimmed].ends_with(['{', '[']);
                printed.truncate(trimmed);
                if empty && character == ']' {
                    printed.push('\n');
                }
                new_line(&mut printed, indent);
                printed.push(character);
            }
            ',' => {
                printed.push(',');
                new_line(&mut printed, indent);
            }
            ':' => printed.push_str(": "),
            // Directives such as `<number 4>` are in the places of numbers: their space is not white space of the JSON.
            character if character.is_whitespace() && !in_directive => {}
            character => {
                in_string = character == '"';
                in_directive = character == '<' || (in_directive && character != '>');
                printed.push(character);
            }
        }
    }
    printed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directive_may_hold_others() {
        let (before, inside, after) = next_directive("a<pick b|<token 3>>c<id>").unwrap();
        assert_eq!((before, inside, after), ("a", "pick b|<token 3>", "c<id>"));
        assert_eq!(parts("pick#order a b|c"), ("pick", "order", "a b|c"));
        assert_eq!(alternatives("b|<pick x|y>|"), ["b", "<pick x|y>", ""]);
        assert!(next_directive("nothing here").is_none());
    }

    #[test]
    fn json_is_printed_with_its_tokens_untouched() {
        let printed = pretty(r#"{"a\"{,:" :1.10,"b":[] ,"c":{}, "d":[1,<number 4>]}"#, 0);
        let expected = "{\n  \"a\\\"{,:\": 1.10,\n  \"b\": [\n\n  ],\n  \"c\": {\n  },\n  \"d\": [\n    1,\n    <number 4>\n  ]\n}";
        assert_eq!(printed, expected);
    }
}
