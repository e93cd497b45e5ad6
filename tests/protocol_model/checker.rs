//! The checker of the models: it visits every state that can be reached, nearest first.

use std::fmt;

/// A model: a state of the world, and what can happen next.
pub(crate) trait World: Copy + Eq + fmt::Debug {
    /// An event that can happen.
    type Move: Copy + fmt::Display;
    /// A fault that no state may have.
    type Violation: Copy + fmt::Debug + PartialEq;
    /// The rules of the processes, and how many of everything there are.
    type Rules;

    /// A number that differs between almost all states.
    fn hash(&self) -> u64;

    /// Tells each move that is possible, with the state after it.
    fn each_move(&self, rules: &Self::Rules, tell: &mut dyn FnMut(Self::Move, Result<Self, Self::Violation>));

    /// The fault of the state, if it has one.
    fn violation(&self) -> Option<Self::Violation>;

    /// Whether all work is done.
    fn is_terminal(&self) -> bool;
}

/// All states found, in the order found, and the origin of each.
struct Found<W: World> {
    states: Vec<W>,
    origins: Vec<(u32, Option<W::Move>)>,
    /// A hash table of positions in `states`; its length is a power of two, at most half of it is used.
    places: Vec<u32>,
}

const FREE: u32 = u32::MAX;

impl<W: World> Found<W> {
    fn new(first: &W) -> Self {
        let mut found = Self { states: Vec::new(), origins: Vec::new(), places: vec![FREE; 1 << 16] };
        found.insert(first, 0, None);
        found
    }

    fn place(&self, state: &W) -> usize {
        let mask = self.places.len() - 1;
        let mut place = usize::try_from(state.hash() >> 24).expect("64 bits") & mask;
        while self.places[place] != FREE && self.states[self.places[place] as usize] != *state {
            place = (place + 1) & mask;
        }
        place
    }

    /// Whether the state is new.
    fn insert(&mut self, state: &W, origin: u32, action: Option<W::Move>) -> bool {
        let mut place = self.place(state);
        if self.places[place] != FREE {
            return false;
        }
        if self.states.len() * 2 >= self.places.len() {
            self.places = vec![FREE; self.places.len() * 2];
            for index in 0..self.states.len() {
                let place = self.place(&self.states[index]);
                self.places[place] = u32::try_from(index).expect("fewer than 2^32 states");
            }
            place = self.place(state);
        }
        self.places[place] = u32::try_from(self.states.len()).expect("fewer than 2^32 states");
        self.states.push(*state);
        self.origins.push((origin, action));
        true
    }

    /// The moves that lead to the state at `index`.
    fn story(&self, mut index: u32) -> Vec<String> {
        let mut story = Vec::new();
        while let (origin, Some(action)) = self.origins[index as usize] {
            story.push(action.to_string());
            index = origin;
        }
        story.reverse();
        story
    }
}

/// The result of an exploration.
#[derive(Debug)]
pub(crate) struct Report<V> {
    pub(crate) states: usize,
    /// States in which all work is done.
    pub(crate) terminal: usize,
    pub(crate) violation: Option<V>,
    /// The shortest way to the violation.
    pub(crate) story: Vec<String>,
}

/// Visits every state, nearest first, and stops at the first violation.
pub(crate) fn explore<W: World>(first: &W, rules: &W::Rules) -> Report<W::Violation> {
    let mut found = Found::new(first);
    let mut terminal = 0;
    let mut next = 0;
    while next < found.states.len() {
        let state = found.states[next];
        let origin = u32::try_from(next).expect("fewer than 2^32 states");
        next += 1;
        let mut violation = None;
        state.each_move(rules, &mut |action, successor| {
            if violation.is_some() {
                return;
            }
            match successor {
                Ok(successor) => {
                    if found.insert(&successor, origin, Some(action)) {
                        terminal += usize::from(successor.is_terminal());
                        violation = successor.violation();
                    }
                }
                Err(seen) => {
                    // Such a state cannot be represented; it counts, and the story ends with it.
                    found.states.push(state);
                    found.origins.push((origin, Some(action)));
                    violation = Some(seen);
                }
            }
        });
        if violation.is_some() {
            let index = u32::try_from(found.states.len() - 1).expect("fewer than 2^32 states");
            return Report { states: found.states.len(), terminal, violation, story: found.story(index) };
        }
    }
    Report { states: found.states.len(), terminal, violation: None, story: Vec::new() }
}
