//! The usual member of an object: how Stripe writes it, and short. This is where a page's time goes.
#![expect(clippy::inline_always, reason = "a position stays in a register only if no other function is lent it")]

use super::lanes::{LANES, Lanes};
use super::pass::{Key, Pass, SLACK, is_indented};
use super::scan::Fact;

/// What a usual member fits in: a key of 32 bytes with colon and space, a value as long, a comma, and one more look.
const WINDOW: usize = SLACK;

const SMALL_WINDOW: &str = "a usual member fits in the window";
const NULL: u32 = u32::from_le_bytes(*b"null");
const TRUE: u32 = u32::from_le_bytes(*b"true");
const ALSE: u32 = u32::from_le_bytes(*b"alse");

/// How far a member was usual.
pub(super) enum Usual {
    /// Not even its key: nothing was copied.
    Nothing,
    /// Its key: the value is next, or whitespace.
    Key(Key, Fact),
    /// Its value, too: its end is next.
    Value(Key, Fact),
    /// All of it: the next member is next.
    Member(Key, Fact),
}

/// How much whitespace there is, as far as seen: what is written once in a way goes on like that.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Style {
    /// Behind a colon: one space or none.
    spaces: usize,
    /// Before a member, with the newline.
    indentation: u32,
}

impl Style {
    /// Where the indentation is not followed any further: it has bits to be shifted by it.
    const MAX_INDENTATION: u32 = 30;

    /// Before a member one level deeper.
    #[inline(always)]
    pub(super) fn indent(&mut self) -> u32 {
        self.indentation = (self.indentation + 2).min(Self::MAX_INDENTATION);
        self.indentation
    }

    /// Before a closing brace or bracket.
    #[inline(always)]
    pub(super) fn outdent(&mut self) -> u32 {
        self.indentation = self.indentation.saturating_sub(2);
        self.indentation
    }

    /// Before the next member of the same object.
    #[inline(always)]
    pub(super) fn indentation(self) -> u32 {
        self.indentation
    }
}

impl Pass<'_> {
    /// Copies as much of a member as is written the way Stripe writes it and short: the key, its value unless that is
    /// an object or array, the comma and the space before the next member.
    ///
    /// One check of bounds does instead of a dozen; and whitespace is compared with what came before instead of being
    /// measured, so that the processor knows the next member's place before it has seen the space.
    #[inline(always)]
    pub(super) fn usual_member(&mut self, style: &mut Style) -> Usual {
        let Some(body) = self.body.get(self.at..).and_then(<[u8]>::first_chunk::<WINDOW>) else {
            return Usual::Nothing;
        };
        let Some(output) = self.output.get_mut(self.end..).and_then(<[u8]>::first_chunk_mut::<WINDOW>) else {
            return Usual::Nothing;
        };
        let Some(colon) = usual_string(body, output, 0, 0) else { return Usual::Nothing };
        let spaces = style.spaces & 1;
        if body[colon] != b':' || (body[colon + 1] == b' ') != (spaces == 1) {
            style.spaces ^= 1;
            return Usual::Nothing;
        }
        output[colon] = b':';
        let (value, copy) = (colon + 1 + spaces, colon + 1);
        let key = Key { start: self.end + 1, end: self.end + colon - 1, may_have_escapes: false };
        let mut fact = Fact { at: self.at + value, start: self.end + copy, end: self.end + copy };
        let Some(comma) = usual_value(body, output, value, copy) else {
            self.at += value;
            self.end += copy;
            return Usual::Key(key, fact);
        };
        fact.end = self.end + comma - spaces;
        let other = !Lanes::load(lanes_of(body, comma + 1)).blank();
        let measured = other.trailing_zeros() as usize;
        if body[comma] != b',' || measured >= LANES || body[comma + 1 + measured] <= b' ' {
            self.at += comma;
            self.end += comma - spaces;
            return Usual::Value(key, fact);
        }
        output[comma - spaces] = b',';
        if !is_indented(other, style.indentation) {
            style.indentation = measured_again(other);
        }
        self.at += comma + 1 + style.indentation as usize;
        self.end += comma + 1 - spaces;
        Usual::Member(key, fact)
    }
}

/// Out of line, lest the compiler makes every step wait for it.
#[cold]
#[inline(never)]
fn measured_again(other: u32) -> u32 {
    other.trailing_zeros()
}

/// The bytes at a place of the window, which leaves room for them at every place it is asked for.
#[inline(always)]
fn lanes_of(window: &[u8; WINDOW], at: usize) -> &[u8; LANES] {
    window[at..].first_chunk().expect(SMALL_WINDOW)
}

#[inline(always)]
fn lanes_of_mut(window: &mut [u8; WINDOW], at: usize) -> &mut [u8; LANES] {
    window[at..].first_chunk_mut().expect(SMALL_WINDOW)
}

/// Copies a string of less than 32 bytes without escapes. Answers where it ends in the window.
#[inline(always)]
fn usual_string(body: &[u8; WINDOW], output: &mut [u8; WINDOW], from: usize, to: usize) -> Option<usize> {
    let (low, high) = (Lanes::load(lanes_of(body, from)), Lanes::load(lanes_of(body, from + LANES)));
    low.store(lanes_of_mut(output, to));
    high.store(lanes_of_mut(output, to + LANES));
    let quotes = low.quote() | high.quote() << LANES;
    let others = low.unplain() | high.unplain() << LANES;
    // Without the opening one.
    let closing = quotes & !1;
    let up_to_closing = closing ^ closing.wrapping_sub(1);
    let is_usual = quotes & 1 == 1 && closing != 0 && others & up_to_closing == 0;
    is_usual.then_some(from + closing.trailing_zeros() as usize + 1)
}

/// Copies such a string, a short whole number that is not negative, or a literal. Answers where it ends in the window.
#[inline(always)]
fn usual_value(body: &[u8; WINDOW], output: &mut [u8; WINDOW], from: usize, to: usize) -> Option<usize> {
    if body[from] == b'"' {
        return usual_string(body, output, from, to);
    }
    let lanes = Lanes::load(lanes_of(body, from));
    lanes.store(lanes_of_mut(output, to));
    let word = |from: usize| body[from..].first_chunk().copied().map(u32::from_le_bytes);
    if body[from].is_ascii_digit() {
        let count = (!lanes.digit()).trailing_zeros() as usize;
        let has_more = matches!(body[from + count], b'.' | b'e' | b'E' | b'0'..=b'9');
        let has_leading_zero = body[from] == b'0' && count > 1;
        return (!has_more && !has_leading_zero).then_some(from + count);
    }
    match word(from) {
        Some(NULL | TRUE) => Some(from + 4),
        _ if word(from + 1) == Some(ALSE) && body[from] == b'f' => Some(from + 5),
        _ => None,
    }
}
