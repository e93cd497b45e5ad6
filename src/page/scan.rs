//! Values: one pass checks the grammar and copies everything but the whitespace between tokens.
//!
//! A page should cost little more than hashing it, so bytes are not looked at one by one: a look at the next 16 or 32
//! finds the end of a run, and all of them are copied, however short the run is; what was copied too much is
//! overwritten by what comes next. Hence the output is longer than the body by `SLACK`, and what lies behind the
//! body's end reads as zeros, which no grammar allows.
#![expect(clippy::inline_always, reason = "a position stays in a register only if no other function is lent it")]

use super::error::{Expected, Fault, PageError};
use super::pass::{Key, Pass, Result};
use super::usual::{Style, Usual};

/// Most values inside each other: enough for any Stripe object, little enough for every reader of the tables.
const MAX_DEPTH: u32 = 128;

/// Where a member's value is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fact {
    /// Its begin in the body.
    pub(super) at: usize,
    /// Its begin in the output.
    pub(super) start: usize,
    /// Its end in the output.
    pub(super) end: usize,
}

impl Pass<'_> {
    /// Copies a value that is inside `depth` others, whatever is in it.
    pub(super) fn value(&mut self, depth: u32) -> Result<()> {
        self.value_with([], depth).map(|[]| ())
    }

    /// Copies a value that is inside `depth` others. If it is an object, answers where its members of those names
    /// are; of several with the same name, the last.
    pub(super) fn value_with<const NAMES: usize>(
        &mut self,
        names: [&str; NAMES],
        depth: u32,
    ) -> Result<[Option<Fact>; NAMES]> {
        let mut pass = Pass { body: self.body, output: &mut *self.output, at: self.at, end: self.end };
        let outcome = pass.value_in_registers(names, depth);
        (self.at, self.end) = (pass.at, pass.end);
        outcome
    }

    #[inline(always)]
    fn value_in_registers<const NAMES: usize>(
        &mut self,
        names: [&str; NAMES],
        depth: u32,
    ) -> Result<[Option<Fact>; NAMES]> {
        let mut facts = [const { None }; NAMES];
        // Which of the names the outermost object's current member has; none is `NAMES`.
        let mut current = NAMES;
        let mut inside = 0;
        // One bit for each object or array around, the innermost lowest: set for arrays.
        let mut arrays = 0_u128;
        let mut style = Style::default();
        'values: loop {
            'value: {
                if inside > 0 && arrays & 1 == 0 {
                    let usual = self.usual_member(&mut style);
                    let (key, fact) = match usual {
                        Usual::Member(key, fact) | Usual::Value(key, fact) | Usual::Key(key, fact) => (key, fact),
                        Usual::Nothing => {
                            let key = self.key()?;
                            (key, Fact { at: self.at, start: self.end, end: self.end })
                        }
                    };
                    if NAMES > 0 && inside == 1 {
                        current = self.position(key, &names);
                        if let Some(known) = facts.get_mut(current) {
                            *known = Some(fact);
                        }
                    }
                    match usual {
                        Usual::Member(..) => continue 'values,
                        Usual::Value(..) => break 'value,
                        Usual::Key(..) if self.next() <= b' ' => self.blank(),
                        Usual::Key(..) | Usual::Nothing => {}
                    }
                }
                let first = self.next();
                match first {
                    b'"' => {
                        self.string()?;
                    }
                    b'{' | b'[' => {
                        if depth + inside >= MAX_DEPTH {
                            return Err(Box::new(PageError::new(Fault::TooDeep, self.at)));
                        }
                        self.copy(first);
                        self.indentation(style.indent());
                        let next = self.next();
                        if next != closing(first == b'[') {
                            inside += 1;
                            arrays = arrays << 1 | u128::from(first == b'[');
                            continue 'values;
                        }
                        self.copy(next);
                        style.outdent();
                    }
                    b'-' | b'0'..=b'9' => self.number()?,
                    _ => self.literal()?,
                }
            }
            // A value has ended, and with it perhaps some of those around it.
            loop {
                if inside == 0 {
                    return Ok(facts);
                }
                if inside == 1
                    && let Some(Some(fact)) = facts.get_mut(current)
                {
                    fact.end = self.end;
                    current = NAMES;
                }
                let next = self.next();
                if next == b',' {
                    self.copy(next);
                    self.indentation(style.indentation());
                    break;
                }
                if next == closing(arrays & 1 == 1) {
                    self.copy(next);
                    inside -= 1;
                    arrays >>= 1;
                } else if matches!(next, b' ' | b'\n' | b'\t' | b'\r') {
                    self.indentation(style.outdent());
                } else {
                    return self.stopped(Expected::CommaOrEnd);
                }
            }
        }
    }
}

#[inline(always)]
const fn closing(is_array: bool) -> u8 {
    if is_array { b']' } else { b'}' }
}

/// The members of an object, one after the other; whoever asks for one copies its value before asking for the next.
#[derive(Debug)]
pub(super) struct Members {
    is_first: bool,
}

impl Members {
    /// Enters the object whose opening brace is next.
    pub(super) fn enter(pass: &mut Pass<'_>) -> Self {
        pass.copy(b'{');
        Self { is_first: true }
    }

    /// The next member's key; `None` behind the closing brace.
    pub(super) fn next(&mut self, pass: &mut Pass<'_>) -> Result<Option<Key>> {
        pass.blank();
        match pass.next() {
            b'}' => {
                pass.copy(b'}');
                return Ok(None);
            }
            b',' if !self.is_first => {
                pass.copy(b',');
                pass.blank();
            }
            _ if !self.is_first => return pass.stopped(Expected::CommaOrEnd),
            _ => {}
        }
        self.is_first = false;
        pass.key().map(Some)
    }
}
