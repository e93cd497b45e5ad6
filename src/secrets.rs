//! Stripe's secrets in a text: found by their form, anywhere in it. This process's own secrets are found by their
//! value.

mod known;

use std::borrow::Cow;

pub use self::known::remember;

/// The beginnings of Stripe's secrets, up to the first underscore.
const KINDS: [&[u8]; 4] = [b"sk", b"rk", b"ek", b"whsec"];
/// The mode that follows the beginning of a key. A text with it can only be a secret; a text without it may be a word
/// of some language.
const MODES: [&[u8]; 3] = [b"test_", b"live_", b"org_"];
/// The text that replaces a secret.
const MASK: &str = "***";
/// A key without a mode has at least this many characters after its prefix.
const SHORTEST_TAIL: usize = 16;

/// The text with a mask over everything that is, or looks like, a Stripe secret.
#[must_use]
pub fn masked(text: &str) -> Cow<'_, str> {
    let formed = covered(text, |from| next_formed(text, from).map(|found| (found.shown, found.end)));
    match covered(&formed, known::finder(&formed)) {
        Cow::Borrowed(_) => formed,
        Cow::Owned(masked) => Cow::Owned(masked),
    }
}

/// Whether the text holds a Stripe secret, or held one before it was masked: no option's value may. It may hold a name
/// that only begins like an old key, such as `sk_lake`.
#[must_use]
pub fn holds_secret(text: &str) -> bool {
    let mut from = 0;
    while let Some(found) = next_formed(text, from) {
        let tail = &text.as_bytes()[found.shown..found.end];
        let key_like = tail.len() >= SHORTEST_TAIL && tail.iter().any(u8::is_ascii_digit) && !tail.contains(&b'_');
        if found.certain || key_like {
            return true;
        }
        from = found.end;
    }
    text.contains(MASK) || known::finder(text)(0).is_some()
}

/// The text with a mask in place of each span that `next` finds, from an offset on.
fn covered(text: &str, mut next: impl FnMut(usize) -> Option<(usize, usize)>) -> Cow<'_, str> {
    let mut result = String::new();
    let mut from = 0;
    while let Some((start, end)) = next(from) {
        result.push_str(&text[from..start]);
        result.push_str(MASK);
        from = end;
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    result.push_str(&text[from..]);
    Cow::Owned(result)
}

/// A text that has the form of a secret.
struct Formed {
    /// End of the prefix, which names the kind and is shown.
    shown: usize,
    end: usize,
    /// Whether nothing else has this form.
    certain: bool,
}

/// The next secret by its form: a prefix, and after it the characters that a key may consist of.
fn next_formed(text: &str, from: usize) -> Option<Formed> {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        let underscore = at + text[at..].find('_')?;
        at = underscore + 1;
        let (start, kind) = KINDS
            .iter()
            .find_map(|kind| {
                let start = underscore.checked_sub(kind.len()).filter(|start| *start >= from)?;
                bytes[start..underscore].eq_ignore_ascii_case(kind).then_some((start, *kind))
            })
            .unwrap_or((0, b""));
        let tail = bytes[at..].iter().take_while(|byte| is_key(**byte)).count();
        let certain = match kind {
            b"" => continue,
            b"whsec" => true,
            _ => MODES
                .iter()
                .any(|mode| bytes[at..].get(..mode.len()).is_some_and(|next| next.eq_ignore_ascii_case(mode))),
        };
        if tail > 0 && (certain || (kind != b"ek" && stands_alone(text, start))) {
            return Some(Formed { shown: at, end: at + tail, certain });
        }
    }
}

/// The asterisks are those of a secret that was masked before.
fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'*'
}

/// Whether the character before that place is not a letter or a digit. The characters of an escape do not count as
/// such.
fn stands_alone(text: &str, start: usize) -> bool {
    let before = &text[..start];
    !before.chars().next_back().is_some_and(char::is_alphanumeric) || ends_in_escape(before.as_bytes())
}

/// `%20`, `\n`, `\x20`, `\u0020`, `\U00000020`.
fn ends_in_escape(before: &[u8]) -> bool {
    let ends = |sign: &[u8], digits: usize| {
        before
            .split_at_checked(before.len().wrapping_sub(digits))
            .is_some_and(|(head, tail)| head.ends_with(sign) && tail.iter().all(u8::is_ascii_hexdigit))
    };
    matches!(before, [.., b'\\', _]) || ends(b"%", 2) || ends(b"\\x", 2) || ends(b"\\u", 4) || ends(b"\\U", 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_masked_wherever_it_stands() {
        for (text, said) in [
            ("The key 'rk_live_ab12CD' may not", "The key 'rk_***' may not"),
            ("sk_test_1 whsec_zz. ek_live_2", "sk_*** whsec_***. ek_***"),
            ("xrk_test_aB1 X_RK_LIVE_2", "xrk_*** X_RK_***"),
            ("Bearer%20rk_test_aB1 Bearer%20sk_aB1", "Bearer%20rk_*** Bearer%20sk_***"),
            ("\\nsk_a \\x20sk_a \\u0020sk_a \\U00000020sk_a", "\\nsk_*** \\x20sk_*** \\u0020sk_*** \\U00000020sk_***"),
            ("*sk_a _sk_a -sk_a", "*sk_*** _sk_*** -sk_***"),
            ("sk_***", "sk_***"),
        ] {
            assert_eq!(masked(text), said);
        }
    }

    #[test]
    fn words_are_left_as_they_are() {
        for text in [
            "task_force and disk_x",
            "work_item, rak_charge_read, week_1, ek_1",
            "1sk_a 2%0sk_a ésk_a",
            "sk_ sk_é whsec_",
            "_",
            "",
        ] {
            assert!(matches!(masked(text), Cow::Borrowed(left) if left == text), "{text}");
            assert!(!holds_secret(text), "{text}");
        }
    }

    #[test]
    fn a_name_may_begin_like_a_key_but_not_be_one() {
        for (text, secret) in [
            ("./sk_lake", false),
            ("rk_warehouse_of_many_letters", false),
            ("sk_lake_2024_production", false),
            ("sk_4eC39HqLyjWDarjtT1zdp7dc", true),
            ("rk_test_1", true),
            ("lake/whsec_1", true),
            ("rk_***", true),
        ] {
            assert_eq!(holds_secret(text), secret, "{text}");
        }
    }
}
