//! The text between an object's scalars, as far as it was seen.
//!
//! The objects of a list are alike: the same keys in the same order, the same brackets, the same whitespace. The text
//! between two scalars is a joint, and each joint is remembered together with those that followed it. Bytes that equal
//! a joint need no parsing: they were parsed before, in the same place of an object or array, and mean the same. And
//! the processor knows where the scalar behind begins before it has looked at a single byte.
//!
//! Many of the scalars are alike as well, `null` above all. Joints with nothing but such scalars between them are
//! remembered as one, too: the longer the joints, the fewer steps. Only a few objects of each page show which scalars
//! those are, because noting it costs time.
#![expect(clippy::inline_always, reason = "a position stays in a register only if no other function borrows it")]

use std::collections::HashMap;
use std::mem::take;

use super::nesting::Nesting;

/// Longest joint that is remembered, in bytes of the body.
const LONGEST: usize = 1024;

/// Most bytes that are remembered before all joints are forgotten. The joints of the simulator's charges, which come in
/// many shapes, take 120 KB.
const MOST: usize = 512 << 10;
/// Memory of a joint beside its texts, in bytes.
const JOINT: usize = 384;
/// Longest scalar that is expected to stay the same.
const LONGEST_SCALAR: usize = 128;

/// Number of an object's joints for which there is always room: most objects have fewer.
const USUAL_TRAIL: usize = 1024;

/// A scalar is expected to stay the same once it was the same this many times in a row.
const CONSTANT: u8 = 8;

/// The thing that follows a joint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// A scalar. If its member is one of those asked for, the position of its name among them.
    Scalar(Option<usize>),
    /// The object has ended.
    End,
}

/// The text between two scalars.
#[derive(Debug)]
pub(super) struct Joint {
    /// As it is in the body.
    raw: Box<[u8]>,
    /// Without whitespace.
    compact: Box<[u8]>,
    /// The nesting after it.
    pub(super) after: Nesting,
    pub(super) next: Next,
    /// The joints that were last found behind it, the latest first; [`START`] stands for none. Each begins in the
    /// objects and arrays that this one leads to.
    followers: [usize; 4],
    /// The scalar that was last seen behind it, and how often in a row.
    scalar: Vec<u8>,
    times: u8,
}

impl Joint {
    fn new(raw: &[u8], compact: &[u8], after: Nesting, next: Next) -> Self {
        let (raw, compact) = (raw.into(), compact.into());
        Self { raw, compact, after, next, followers: [START; 4], scalar: Vec::new(), times: 0 }
    }

    /// Copies it without its whitespace, if the body begins with it.
    #[inline(always)]
    fn copy(&self, body: &[u8], output: &mut [u8]) -> bool {
        let Some((found, behind)) = body.split_at_checked(self.raw.len()) else { return false };
        let is_scalar = matches!(behind.first(), Some(b'"' | b'n' | b't' | b'f' | b'-' | b'0'..=b'9'));
        if *found != *self.raw || !is_scalar && self.next != Next::End {
            return false;
        }
        output[..self.compact.len()].copy_from_slice(&self.compact);
        true
    }

    /// Its length in the body, and its length without whitespace.
    #[inline(always)]
    pub(super) const fn lengths(&self) -> (usize, usize) {
        (self.raw.len(), self.compact.len())
    }
}

/// The beginning of each object, as a joint of no length.
pub(super) const START: usize = 0;
/// A joint that is not remembered.
pub(super) const UNKNOWN: usize = 1;

/// A joint in an object that is looked back on.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) place: usize,
    /// The nesting where it begins.
    pub(super) before: Nesting,
    pub(super) at: usize,
    pub(super) start: usize,
    /// Its end, in the body and in the output.
    pub(super) end: (usize, usize),
}

/// The joints of the objects so far.
#[derive(Debug)]
pub(super) struct Joints {
    known: Vec<Joint>,
    /// Their places in `known`, by the nesting where they begin and their bytes in the body.
    places: HashMap<(Nesting, Vec<u8>), usize>,
    /// The memory that they take, in bytes.
    size: usize,
    /// Whether the object that is being read will be looked back on.
    pub(super) looks_back: bool,
    /// Its joints so far, if it will be.
    pub(super) trail: Vec<Step>,
}

impl Default for Joints {
    fn default() -> Self {
        let reserved = [START, UNKNOWN].map(|_| Joint::new(&[], &[], Nesting::START, Next::End));
        Self { known: reserved.into(), places: HashMap::new(), size: 0, looks_back: false, trail: Vec::new() }
    }
}

impl Joints {
    /// Begins an object, and notes whether it will be looked back on.
    pub(super) fn begin(&mut self, looks_back: bool) {
        self.looks_back = looks_back;
        self.trail.clear();
        // The room of an object with very many scalars is given back.
        self.trail.shrink_to(USUAL_TRAIL);
    }

    /// Copies the joint that follows one, if it is one of those that followed it before.
    #[inline(always)]
    pub(super) fn copy(&self, previous: usize, body: &[u8], output: &mut [u8]) -> Option<(usize, &Joint)> {
        for follower in self.known[previous].followers {
            if follower == START {
                break;
            }
            let joint = &self.known[follower];
            if joint.copy(body, output) {
                return Some((follower, joint));
            }
        }
        None
    }

    /// Remembers a joint, and that it followed another one.
    #[cold]
    pub(super) fn remember(
        &mut self,
        previous: usize,
        before: Nesting,
        raw: &[u8],
        compact: &[u8],
        after: Nesting,
        next: Next,
    ) -> usize {
        if raw.len() > LONGEST {
            return UNKNOWN;
        }
        let key = (before, raw.to_vec());
        let place = if let Some(place) = self.places.get(&key) {
            *place
        } else {
            let size = JOINT + 2 * raw.len() + compact.len();
            if self.size + size > MOST {
                *self = Self::default();
                return UNKNOWN;
            }
            self.size += size;
            self.known.push(Joint::new(raw, compact, after, next));
            self.places.insert(key, self.known.len() - 1);
            self.known.len() - 1
        };
        self.follow(previous, place);
        place
    }

    /// Remembers that a joint followed another one.
    fn follow(&mut self, previous: usize, place: usize) {
        if previous == UNKNOWN || place == UNKNOWN {
            return;
        }
        let followers = &mut self.known[previous].followers;
        // It goes to the front; its old place, or that of the follower unseen for longest, becomes free.
        let last = followers.len() - 1;
        let found = followers.iter().position(|follower| *follower == place).unwrap_or(last);
        followers[found] = place;
        followers[..=found].rotate_right(1);
    }

    /// Looks back on an object whose joints were noted: joints that have only constant scalars between them become one.
    #[inline]
    pub(super) fn look_back(&mut self, body: &[u8], output: &[u8]) {
        if self.looks_back {
            let trail = take(&mut self.trail);
            self.join(&trail, body, output);
            self.trail = trail;
        }
    }

    #[cold]
    fn join(&mut self, trail: &[Step], body: &[u8], output: &[u8]) {
        let mut previous = START;
        let mut first = 0;
        for (at, step) in trail.iter().enumerate() {
            let goes_on = trail.get(at + 1).is_some_and(|next| {
                self.is_constant(step.place, &body[step.end.0..next.at])
                    && next.place != UNKNOWN
                    && next.end.0 - trail[first].at <= LONGEST
            });
            if goes_on {
                continue;
            }
            let begin = &trail[first];
            let place = if first == at {
                self.follow(previous, step.place);
                step.place
            } else {
                let Joint { after, next, .. } = self.known[step.place];
                let (raw, compact) = (&body[begin.at..step.end.0], &output[begin.start..step.end.1]);
                self.remember(previous, begin.before, raw, compact, after, next)
            };
            if place == UNKNOWN && first != at {
                // All joints were forgotten: the trail's places are gone.
                return;
            }
            previous = place;
            first = at + 1;
        }
    }

    /// Whether the scalar behind a joint has been the same for a while, this one included.
    fn is_constant(&mut self, place: usize, scalar: &[u8]) -> bool {
        let joint = &mut self.known[place];
        if place == UNKNOWN || joint.next != Next::Scalar(None) || scalar.len() > LONGEST_SCALAR {
            joint.times = 0;
            return false;
        }
        if joint.scalar != scalar {
            joint.scalar.clear();
            joint.scalar.extend(scalar);
            joint.times = 0;
        }
        joint.times = joint.times.saturating_add(1);
        joint.times >= CONSTANT
    }
}

#[cfg(test)]
mod tests {
    use super::super::pass::{Pass, SLACK};
    use super::super::{Decoder, decode};
    use super::*;
    use crate::stripe::entities::by_name;

    fn charge(members: &str) -> String {
        format!("{{\n  \"id\": \"ch_1\",\n  \"object\": \"charge\",\n  \"created\": 7{members}\n}}")
    }

    fn list(charges: &[String]) -> String {
        format!(r#"{{"object": "list", "data": [{}], "has_more": false}}{}"#, charges.join(","), " ".repeat(64))
    }

    fn remembered(decoder: &Decoder) -> usize {
        decoder.joints.values().map(|joints| joints.known.len()).sum()
    }

    fn agree(decoder: &mut Decoder, body: &str, entity: &str) {
        let entity = by_name(entity).unwrap();
        let after_others = decoder.decode(body.as_bytes(), entity, usize::MAX);
        assert_eq!(after_others, decode(body.as_bytes(), entity), "{body}");
    }

    #[test]
    fn anything_may_follow_a_joint() {
        let values = [
            "null",
            "1",
            "-1.5e3",
            "\"a\"",
            "{}",
            "[]",
            "{\"a\": 1}",
            "[1]",
            " 1",
            "\n1",
            "\t1",
            "",
            "x",
            "nul",
            "01",
            "]",
            "}",
            ",",
        ];
        for first in values {
            for second in values {
                for name in ["other", "id", "object", "created"] {
                    let charges =
                        [first, first, second, first].map(|value| charge(&format!(",\n  \"{name}\": {value}")));
                    let mut decoder = Decoder::default();
                    agree(&mut decoder, &list(&charges), "charges");
                    agree(&mut decoder, &list(&[charge(",\n  \"id\": \"b\""), charges[2].clone()]), "charges");
                }
            }
        }
    }

    /// As many pages as it takes until a constant scalar is no longer a step.
    const PAGES: usize = CONSTANT as usize;

    #[test]
    fn a_scalar_that_stayed_the_same_may_become_anything() {
        let values = [
            "null",
            "1",
            "12",
            "-1.5e3",
            "\"a\"",
            "\"\\\"\"",
            "{}",
            "[1]",
            "{\"id\": 1}",
            " 1",
            "",
            "nul",
            "01",
            "]",
            ",",
        ];
        let shape = |first: &str, second: &str| {
            charge(&format!(",\n  \"a\": null,\n  \"b\": {{\n    \"c\": {first}, \"d\": [{second}, {second}]\n  }}"))
        };
        for first in &values[..10] {
            for second in values {
                let mut decoder = Decoder::default();
                for _ in 0..PAGES {
                    agree(&mut decoder, &list(&[shape(first, first), shape(first, first)]), "charges");
                }
                agree(&mut decoder, &list(&[shape(first, first), shape(second, first)]), "charges");
                agree(&mut decoder, &list(&[shape(first, second), shape(first, first)]), "charges");
                agree(&mut decoder, &list(&[shape(second, second), shape(first, first)]), "charges");
                let cut = list(&[shape(first, first)]);
                for end in 0..cut.len() {
                    let entity = by_name("charges").unwrap();
                    assert_eq!(
                        decoder.decode(&cut.as_bytes()[..end], entity, usize::MAX),
                        super::super::decode(&cut.as_bytes()[..end], entity)
                    );
                }
            }
        }
    }

    #[test]
    fn a_constant_scalar_is_no_longer_a_step() {
        let steps = |decoder: &mut Decoder, charge: &str| {
            let joints = decoder.joints.entry("charges").or_default();
            joints.begin(false);
            let (body, mut room) = ([charge.as_bytes(), &[b' '; 64]].concat(), vec![0; charge.len() + 64 + SLACK]);
            Pass::new(&body, &mut room).object(2, &["id", "object", "created"], joints).unwrap();
            let mut place = START;
            std::iter::from_fn(|| {
                place = joints.known[place].followers[0];
                (place != START).then_some(())
            })
            .count()
        };
        let member = |n| format!(",\n  \"a{n}\": null, \"b{n}\": {{\"c{n}\": true, \"d{n}\": 1}}");
        let long = charge(&(1..=40).map(member).collect::<String>());
        let mut decoder = Decoder::default();
        // One step before each of its 123 scalars, and the one that ends it.
        assert_eq!(steps(&mut decoder, &long), 124);
        for _ in 0..PAGES {
            agree(&mut decoder, &list(&[long.clone(), long.clone()]), "charges");
        }
        // The three members asked for stay steps of their own, and no joint is longer than the longest.
        assert!(long.len() > LONGEST && long.len() < 2 * LONGEST);
        assert_eq!(steps(&mut decoder, &long), 5);
        // So does a scalar that no longer stays the same.
        for page in 0..2 * PAGES {
            let other = long.replacen("true", &page.to_string(), 1);
            agree(&mut decoder, &list(&[other.clone(), other]), "charges");
        }
        assert_eq!(steps(&mut decoder, &long.replacen("true", "-1", 1)), 6);
    }

    #[test]
    fn objects_that_look_the_same_add_no_joints() {
        let shapes = [charge(""), charge(",\n  \"a\": {\n    \"b\": [1, 2]\n  }"), charge(",\n  \"a\": null")];
        let mut decoder = Decoder::default();
        agree(&mut decoder, &list(&shapes), "charges");
        let before = remembered(&decoder);
        agree(&mut decoder, &list(&[&shapes[..], &shapes[..]].concat()), "charges");
        assert_eq!(remembered(&decoder), before);
    }

    #[test]
    fn a_joint_is_a_different_one_inside_other_objects_and_arrays() {
        for (first, second) in
            [("[[1, 2]]", "[1, 2]"), ("[{\"a\": 1}]", "{\"a\": 1}"), ("{\"a\": 1, \"id\": 1}", "1, \"id\": 1")]
        {
            let charges = [first, second, first].map(|value| charge(&format!(",\n  \"a\": {value}")));
            agree(&mut Decoder::default(), &list(&charges), "charges");
        }
    }

    #[test]
    fn joints_that_are_not_remembered_and_those_around_them_are_read_each_time() {
        let long = "k".repeat(LONGEST);
        let outside = format!(",\n  \"a\": null,\n  \"{long}\": 1, \"b\": 2, \"c\": {{\"d\": 3}}");
        let inside = format!(",\n  \"a\": {{\n  \"{long}\": 1, \"b\": 2}}, \"c\": 3");
        let twice = ",\n  \"a\": null,\n  \"id\": {\"b\": 1}, \"id\": \"ch_2\"".to_owned();
        let mut decoder = Decoder::default();
        for members in [[&outside, &outside], [&inside, &outside], [&twice, &twice], [&inside, &twice]] {
            for _ in 0..PAGES {
                agree(&mut decoder, &list(&members.map(|members| charge(members))), "charges");
            }
        }
    }

    #[test]
    fn joints_that_became_one_are_a_different_one_inside_other_objects() {
        let mut decoder = Decoder::default();
        for page in 0..2 * PAGES {
            let outside = format!(", \"a\": {page}, \"b\": null, \"c\": \"d\", \"e\": {page}");
            let inside =
                format!(", \"f\": {{\"a\": {page}, \"b\": null, \"c\": \"d\", \"e\": {page}, \"g{page}\": 1}}");
            agree(&mut decoder, &list(&[charge(&outside), charge(&inside)]), "charges");
        }
    }

    #[test]
    fn another_list_has_its_own_names() {
        let item = |time: &str| format!(r#"{{"id": "a", "object": "invoiceitem", "date": {time}, "created": 9}}"#);
        let mut decoder = Decoder::default();
        agree(&mut decoder, &list(&[item("1").replace("invoiceitem", "charge")]), "charges");
        agree(&mut decoder, &list(&[item("2"), item("3")]), "invoiceitems");
        agree(&mut decoder, &list(&[item("4").replace("invoiceitem", "charge")]), "charges");
    }

    #[test]
    fn endless_new_keys_are_kept_and_forgotten() {
        let most = MOST / JOINT;
        let charges: Vec<_> = (0..2 * most).map(|number| charge(&format!(",\n  \"key_{number}\": 1"))).collect();
        let mut decoder = Decoder::default();
        agree(&mut decoder, &list(&charges), "charges");
        assert!((2..most).contains(&remembered(&decoder)));
        assert!(decoder.joints.values().all(|joints| joints.size <= MOST));
    }

    #[test]
    fn a_joint_is_remembered_up_to_its_length_and_no_longer() {
        for length in (0..200).chain(LONGEST - 50..LONGEST + 10) {
            let charges: Vec<_> = (0..3).map(|_| charge(&format!(",\n  \"{}\": 1", "k".repeat(length)))).collect();
            let mut decoder = Decoder::default();
            agree(&mut decoder, &list(&charges), "charges");
            let differing = [charges[0].clone(), charges[0].replacen("k\"", "K\"", 1)];
            agree(&mut decoder, &list(&differing), "charges");
        }
    }
}
