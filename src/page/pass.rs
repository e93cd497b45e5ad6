//! One pass over a JSON text, token by token: copies, skips, and finds text that the grammar does not allow.
#![expect(clippy::inline_always, reason = "a position stays in a register only if no other function borrows it")]

use super::error::{Expected, Fault, PageError};
use super::lanes::{LANES, Lanes};

/// How much longer than the body the output must be: a copy may write that many bytes although few of them count.
pub(super) const SLACK: usize = 2 * LANES;

const NO_SLACK: &str = "the output is longer than the body";

/// Boxed, because a good answer should fit a register.
pub(super) type Result<T> = std::result::Result<T, Box<PageError>>;

/// A pass, and how far it has come.
#[derive(Debug)]
pub(super) struct Pass<'page> {
    pub(super) body: &'page [u8],
    pub(super) output: &'page mut [u8],
    /// Next byte of the body.
    pub(super) at: usize,
    /// End of the output: never beyond `at`, so that a copy of [`SLACK`] bytes always fits.
    pub(super) end: usize,
}

/// A member's key in the output, without its quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl<'page> Pass<'page> {
    /// Begins a pass. The output is [`SLACK`] longer than the body.
    pub(super) fn new(body: &'page [u8], output: &'page mut [u8]) -> Self {
        Self { body, output, at: 0, end: 0 }
    }

    /// The next byte, or zero at the end.
    #[inline(always)]
    pub(super) fn next(&self) -> u8 {
        byte(self.body, self.at)
    }

    #[inline(always)]
    fn look(&self) -> Lanes {
        look(self.body, self.at)
    }

    /// Writes bytes behind the output's end: only those count by which the end is then moved.
    #[inline(always)]
    fn put(&mut self, lanes: Lanes) {
        lanes.store(self.output[self.end..].first_chunk_mut().expect(NO_SLACK));
    }

    /// Moves both positions forward.
    #[inline(always)]
    fn copied(&mut self, count: usize) {
        self.at += count;
        self.end += count;
    }

    /// Copies one byte, which was looked at before.
    #[inline(always)]
    pub(super) fn copy(&mut self, byte: u8) {
        self.output[self.end] = byte;
        self.copied(1);
    }

    /// The error of a place where the grammar wants something else, or where the body ends.
    #[inline(always)]
    pub(super) fn stopped<T>(&self, expected: Expected) -> Result<T> {
        Err(stopped(self.body, self.at, expected).into())
    }

    /// Skips the object or array that is next. Nothing in it is kept, and nothing is checked except where it ends.
    #[cold]
    pub(super) fn skip(&mut self) -> Result<()> {
        let (mut open, mut in_string, mut is_escaped) = (0_usize, false, false);
        for (at, byte) in (self.at..).zip(&self.body[self.at..]) {
            match byte {
                b'"' if !is_escaped => in_string = !in_string,
                b'{' | b'[' if !in_string => open += 1,
                b'}' | b']' if !in_string => open -= 1,
                _ => {}
            }
            is_escaped = in_string && *byte == b'\\' && !is_escaped;
            if open == 0 {
                self.at = at + 1;
                return Ok(());
            }
        }
        Err(PageError::new(Fault::Truncated, self.body.len()).into())
    }

    /// Skips whitespace.
    #[inline(always)]
    pub(super) fn blank(&mut self) {
        self.at = blank_end(self.body, self.at);
    }

    /// Copies a string, from quote to quote.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<()> {
        if let Some(count) = self.usual_string() {
            self.copied(count);
            return Ok(());
        }
        let count = string_length(self.body, self.output, self.at, self.end)?;
        self.copied(count);
        Ok(())
    }

    /// Copies a string of less than 32 bytes without escapes. Returns its length.
    #[inline(always)]
    fn usual_string(&mut self) -> Option<usize> {
        let body = self.body.get(self.at..)?.first_chunk::<{ 2 * LANES }>()?.as_chunks().0;
        let output = self.output.get_mut(self.end..)?.first_chunk_mut::<{ 2 * LANES }>()?.as_chunks_mut().0;
        let (low, high) = (Lanes::load(&body[0]), Lanes::load(&body[1]));
        low.store(&mut output[0]);
        high.store(&mut output[1]);
        let quotes = low.quote() | high.quote() << LANES;
        let others = low.unplain() | high.unplain() << LANES;
        // Without the opening one.
        let closing = quotes & !1;
        let up_to_closing = closing ^ closing.wrapping_sub(1);
        (closing != 0 && others & up_to_closing == 0).then_some(closing.trailing_zeros() as usize + 1)
    }

    /// Copies a short whole number that is not negative. Returns its length.
    #[inline(always)]
    fn usual_number(&mut self) -> Option<usize> {
        let body = self.body.get(self.at..)?.first_chunk::<{ LANES + 1 }>()?;
        let output = self.output.get_mut(self.end..)?.first_chunk_mut::<LANES>()?;
        let lanes = Lanes::load(body.first_chunk()?);
        lanes.store(output);
        let count = (!lanes.digit()).trailing_zeros() as usize;
        let has_more = matches!(body.get(count)?, b'.' | b'e' | b'E' | b'0'..=b'9');
        let has_leading_zero = body[0] == b'0' && count > 1;
        (count > 0 && !has_more && !has_leading_zero).then_some(count)
    }

    /// Copies a number. The byte after it is not looked at: no byte that may follow belongs to a number.
    #[inline(always)]
    pub(super) fn number(&mut self) -> Result<()> {
        if let Some(count) = self.usual_number() {
            self.copied(count);
            return Ok(());
        }
        let rest = number_end(self.body, self.at)?;
        let count = rest - self.at;
        self.output[self.end..self.end + count].copy_from_slice(&self.body[self.at..rest]);
        self.copied(count);
        Ok(())
    }

    /// Copies `null`, `true` or `false`.
    #[inline(always)]
    pub(super) fn literal(&mut self) -> Result<()> {
        self.put(self.look());
        match self.body.get(self.at..).and_then(<[u8]>::first_chunk) {
            Some(b"null" | b"true") => self.copied(4),
            Some(b"fals") if byte(self.body, self.at + 4) == b'e' => self.copied(5),
            _ => return Err(no_value(self.body, self.at).into()),
        }
        Ok(())
    }

    /// Copies a member's key and the colon, and skips to its value.
    pub(super) fn key(&mut self) -> Result<Key> {
        if self.next() != b'"' {
            return self.stopped(Expected::Key);
        }
        let start = self.end + 1;
        self.string()?;
        let key = Key { start, end: self.end - 1 };
        self.blank();
        if self.next() != b':' {
            return self.stopped(Expected::Colon);
        }
        self.copy(b':');
        self.blank();
        Ok(key)
    }

    /// The position of a key among the names, however it is written; `NAMES` if it is not one of them.
    pub(super) fn position<const NAMES: usize>(&self, key: Key, names: &[&str; NAMES]) -> usize {
        let text = &self.output[key.start..key.end];
        let position = names.iter().position(|name| name.as_bytes() == text);
        position.unwrap_or_else(|| position_by_escapes(text, names))
    }
}

#[inline(always)]
fn byte(body: &[u8], at: usize) -> u8 {
    body.get(at).copied().unwrap_or(0)
}

/// The bytes at a place, with zeros behind the end. The copy of the last few is another branch, so that the usual one
/// is a plain load.
#[inline(always)]
fn look(body: &[u8], at: usize) -> Lanes {
    match body.get(at..).and_then(<[u8]>::first_chunk) {
        Some(bytes) => Lanes::load(bytes),
        None => Lanes::load(&last_bytes(body, at)),
    }
}

#[cold]
fn last_bytes(body: &[u8], at: usize) -> [u8; LANES] {
    let rest = body.get(at..).unwrap_or_default();
    let mut bytes = [0; LANES];
    bytes[..rest.len()].copy_from_slice(rest);
    bytes
}

/// The end of the whitespace that begins there.
fn blank_end(body: &[u8], mut at: usize) -> usize {
    loop {
        let count = (!look(body, at).blank()).trailing_zeros() as usize;
        at += count;
        if count < LANES {
            // Tabs and carriage returns are whitespace, too, but not Stripe's: no need for speed.
            if !matches!(byte(body, at), b'\t' | b'\r') {
                return at;
            }
            at += 1;
        }
    }
}

#[cold]
fn stopped(body: &[u8], at: usize, expected: Expected) -> PageError {
    if at >= body.len() { PageError::new(Fault::Truncated, body.len()) } else { PageError::syntax(expected, at) }
}

/// A literal that the end of the body cuts short is not broken.
#[cold]
fn no_value(body: &[u8], at: usize) -> PageError {
    let rest = body.get(at..).unwrap_or_default();
    let is_cut = ["null", "true", "false"].iter().any(|literal| literal.as_bytes().starts_with(rest));
    stopped(body, if is_cut { body.len() } else { at }, Expected::Value)
}

/// Copies a string. Returns its length.
fn string_length(body: &[u8], output: &mut [u8], at: usize, end: usize) -> Result<usize> {
    let mut pass = Pass { body, output, at, end };
    pass.copy(b'"');
    loop {
        let lanes = pass.look();
        pass.put(lanes);
        let special = lanes.quote() | lanes.unplain();
        if special == 0 {
            pass.copied(LANES);
            continue;
        }
        pass.copied(special.trailing_zeros() as usize);
        match pass.next() {
            b'"' => return Ok(pass.at + 1 - at),
            b'\\' => {
                pass.put(pass.look());
                pass.copied(escape(body, pass.at)?);
            }
            _ => return pass.stopped(Expected::EscapedControl),
        }
    }
}

/// Length of the escape that begins there.
fn escape(body: &[u8], at: usize) -> Result<usize> {
    match byte(body, at + 1) {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(2),
        b'u' => match (at + 2..at + 6).find(|digit| !byte(body, *digit).is_ascii_hexdigit()) {
            None => Ok(6),
            Some(broken) => Err(stopped(body, broken, Expected::Escape).into()),
        },
        _ => Err(stopped(body, at + 1, Expected::Escape).into()),
    }
}

/// The end of the number that begins there.
fn number_end(body: &[u8], mut at: usize) -> Result<usize> {
    let digits = |at: usize| {
        let count = body[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 { Err(stopped(body, at, Expected::Digit)) } else { Ok(at + count) }
    };
    at += usize::from(byte(body, at) == b'-');
    at = if byte(body, at) == b'0' { at + 1 } else { digits(at)? };
    if byte(body, at) == b'.' {
        at = digits(at + 1)?;
    }
    if matches!(byte(body, at), b'e' | b'E') {
        at += 1;
        at = digits(at + usize::from(matches!(byte(body, at), b'+' | b'-')))?;
    }
    Ok(at)
}

fn position_by_escapes<const NAMES: usize>(text: &[u8], names: &[&str; NAMES]) -> usize {
    let key = if text.contains(&b'\\') { unescaped(text) } else { None };
    names.iter().position(|name| key.as_deref() == Some(*name)).unwrap_or(NAMES)
}

/// The text between two quotes, with its escapes resolved; `None` if no text can hold it: lone surrogates.
pub(super) fn unescaped(text: &[u8]) -> Option<String> {
    serde_json::from_slice(&[b"\"", text, b"\""].concat()).ok()
}
