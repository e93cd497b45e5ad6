//! Values: one pass checks the grammar and copies everything except the whitespace between tokens.
//!
//! A page should cost little more than hashing it, so bytes are not looked at one by one: a look at the next 16 or 32
//! finds the end of a token, and all of them are copied, however short the token is; the next token overwrites the
//! surplus. So the output is longer than the body by `SLACK`, and bytes behind the body's end read as zeros, which the
//! grammar does not allow. And of the objects of a list, which are alike, only the scalars are read: the text between
//! two of them is compared with the text that was there before, see `joints`.
#![expect(clippy::inline_always, reason = "a position stays in a register only if no other function borrows it")]

use super::error::{Expected, Fault, PageError};
use super::joints::{Joints, Next, START, Step, UNKNOWN};
use super::nesting::Nesting;
use super::pass::{Key, Pass, Result};

/// Most values inside each other: enough for any Stripe object, and few enough for every reader of the tables.
const MAX_DEPTH: u32 = 128;

/// The place of a member's value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// Its beginning in the output.
    pub(super) start: usize,
    /// Its end in the output; of an object or array, that of the bracket that opens it.
    pub(super) end: usize,
}

impl Pass<'_> {
    /// Copies a value that is inside `depth` others; anything may be in it.
    pub(super) fn value(&mut self, depth: u32) -> Result<()> {
        let mut nesting = Nesting::START;
        while self.joint(depth, &mut nesting, &[], &mut [])? != Next::End {
            self.scalar()?;
            if nesting == Nesting::START {
                break;
            }
        }
        Ok(())
    }

    /// Copies an object that is inside `depth` others. Returns the places of its members with those names; of several
    /// with the same name, the last.
    pub(super) fn object<const NAMES: usize>(
        &mut self,
        depth: u32,
        names: &[&str; NAMES],
        joints: &mut Joints,
    ) -> Result<[Option<Span>; NAMES]> {
        let mut pass = Pass { body: self.body, output: &mut *self.output, at: self.at, end: self.end };
        let outcome = pass.object_in_registers(depth, names, joints);
        (self.at, self.end) = (pass.at, pass.end);
        outcome
    }

    #[inline(always)]
    fn object_in_registers<const NAMES: usize>(
        &mut self,
        depth: u32,
        names: &[&str; NAMES],
        joints: &mut Joints,
    ) -> Result<[Option<Span>; NAMES]> {
        let mut spans = [const { None }; NAMES];
        let mut nesting = Nesting::START;
        let mut previous = START;
        loop {
            let (before, at, start) = (nesting, self.at, self.end);
            let next = if let Some(body) = self.body.get(at..)
                && let Some(output) = self.output.get_mut(start..)
                && let Some((place, joint)) = joints.copy(previous, body, output)
            {
                let (raw, compact) = joint.lengths();
                self.at += raw;
                self.end += compact;
                nesting = joint.after;
                previous = place;
                joint.next
            } else {
                let next;
                (previous, next) = self.new_joint(depth, previous, &mut nesting, names, &mut spans, joints)?;
                next
            };
            if joints.looks_back {
                joints.trail.push(Step { place: previous, before, at, start, end: (self.at, self.end) });
            }
            let Next::Scalar(name) = next else {
                joints.look_back(self.body, self.output);
                return Ok(spans);
            };
            let start = self.end;
            self.scalar()?;
            if let Some(name) = name {
                spans[name] = Some(Span { start, end: self.end });
            }
        }
    }

    /// Copies a joint that did not follow the previous one before, and remembers that it does.
    #[cold]
    fn new_joint<const NAMES: usize>(
        &mut self,
        depth: u32,
        previous: usize,
        nesting: &mut Nesting,
        names: &[&str; NAMES],
        spans: &mut [Option<Span>; NAMES],
        joints: &mut Joints,
    ) -> Result<(usize, Next)> {
        let (at, start, before) = (self.at, self.end, *nesting);
        let next = self.joint(depth, nesting, names, spans)?;
        // A joint that holds such a member's value, an object or array, is not remembered: a copy from memory would not
        // note the fact.
        let has_facts = spans.iter().flatten().any(|fact| fact.start >= start);
        let place = if has_facts {
            UNKNOWN
        } else {
            let (raw, compact) = (&self.body[at..self.at], &self.output[start..self.end]);
            joints.remember(previous, before, raw, compact, *nesting, next)
        };
        Ok((place, next))
    }

    /// Copies the text before the next scalar, or before the end. Notes the spans of objects and arrays in it.
    fn joint<const NAMES: usize>(
        &mut self,
        depth: u32,
        nesting: &mut Nesting,
        names: &[&str; NAMES],
        spans: &mut [Option<Span>; NAMES],
    ) -> Result<Next> {
        let mut has_ended = *nesting != Nesting::START;
        // The position of the name of the outermost object's current member, until its value begins.
        let mut name = None;
        loop {
            if has_ended {
                // A value has ended, and with it perhaps some of those around it.
                loop {
                    if *nesting == Nesting::START {
                        return Ok(Next::End);
                    }
                    self.blank();
                    let next = self.next();
                    if next == b',' {
                        self.copy(next);
                        break;
                    }
                    if next != closing(nesting.is_in_array()) {
                        return self.stopped(Expected::CommaOrEnd);
                    }
                    self.copy(next);
                    *nesting = nesting.leave();
                }
                self.blank();
            }
            if *nesting != Nesting::START && !nesting.is_in_array() {
                let key = self.key()?;
                let is_outermost = nesting.depth() == 1;
                name = is_outermost.then(|| self.position(key, names)).filter(|name| *name < NAMES);
            }
            let first = self.next();
            if !matches!(first, b'{' | b'[') {
                return Ok(Next::Scalar(name));
            }
            if let Some(name) = name.take() {
                spans[name] = Some(Span { start: self.end, end: self.end + 1 });
            }
            if depth + nesting.depth() >= MAX_DEPTH {
                return Err(Box::new(PageError::new(Fault::TooDeep, self.at)));
            }
            self.copy(first);
            self.blank();
            let next = self.next();
            has_ended = next == closing(first == b'[');
            if has_ended {
                self.copy(next);
            } else {
                *nesting = nesting.enter(first == b'[');
            }
        }
    }

    /// Copies a string, a number or a literal.
    #[inline(always)]
    fn scalar(&mut self) -> Result<()> {
        match self.next() {
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.literal(),
        }
    }
}

#[inline(always)]
const fn closing(is_array: bool) -> u8 {
    if is_array { b']' } else { b'}' }
}

/// The members of an object, one after the other; the caller copies the value of one before it asks for the next.
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

    /// The next member's key; `None` after the closing brace.
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
