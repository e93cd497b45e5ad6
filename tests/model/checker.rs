//! The checker of the model: it visits every state that can be reached, nearest first.

use std::fmt;

use super::{ALL, GONE, OBJECTS, State, Step, Variant, Violation};

/// An event that can happen next.
#[derive(Debug, Clone, Copy)]
enum Move {
    Deletes(usize),
    Starts(usize),
    Killed(usize, Step),
    Does(usize, Step),
}

impl fmt::Display for Move {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deletes(object) => write!(formatter, "Stripe deletes object {object}"),
            Self::Starts(process) => write!(formatter, "process {process} starts"),
            Self::Killed(process, step) => write!(formatter, "process {process} is killed before {step:?}"),
            Self::Does(process, step) => write!(formatter, "process {process} does {step:?}"),
        }
    }
}

/// All states found, in the order found, and the origin of each.
struct Found {
    states: Vec<State>,
    origins: Vec<(u32, Move)>,
    /// A hash table of positions in `states`; its length is a power of two, at most half of it is used.
    places: Vec<u32>,
}

const FREE: u32 = u32::MAX;

impl Found {
    fn new() -> Self {
        let mut found = Self { states: Vec::new(), origins: Vec::new(), places: vec![FREE; 1 << 16] };
        found.insert(&State::FIRST, 0, Move::Starts(0));
        found
    }

    fn place(&self, state: &State) -> usize {
        let mask = self.places.len() - 1;
        let mut place = usize::try_from(state.hash() >> 24).expect("64 bits") & mask;
        while self.places[place] != FREE && self.states[self.places[place] as usize] != *state {
            place = (place + 1) & mask;
        }
        place
    }

    /// Whether the state is new.
    fn insert(&mut self, state: &State, origin: u32, action: Move) -> bool {
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
        while index != 0 {
            let (origin, action) = self.origins[index as usize];
            story.push(action.to_string());
            index = origin;
        }
        story.reverse();
        story
    }
}

/// The result of an exploration.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) states: usize,
    /// States in which the run is completed and no process is under way.
    pub(crate) terminal: usize,
    pub(crate) violation: Option<Violation>,
    /// The shortest way to the violation.
    pub(crate) story: Vec<String>,
}

/// Visits every state, nearest first, and stops at the first violation.
pub(crate) fn explore(variant: Variant, processes: usize, deletions: u32) -> Report {
    let mut found = Found::new();
    let mut terminal = 0;
    let mut next = 0;
    while next < found.states.len() {
        let state = found.states[next];
        let origin = u32::try_from(next).expect("fewer than 2^32 states");
        next += 1;
        let mut violation = None;
        let mut reach = |successor: Result<State, Violation>, action: Move| {
            if violation.is_some() {
                return;
            }
            match successor {
                Ok(successor) => {
                    if found.insert(&successor, origin, action) {
                        terminal += usize::from(successor.at_rest() && successor.completed());
                        violation = successor.violation();
                    }
                }
                Err(seen) => {
                    // The state with the two rows cannot be represented; it counts, and the story ends with it.
                    found.states.push(state);
                    found.origins.push((origin, action));
                    violation = Some(seen);
                }
            }
        };
        if (ALL & !state.alive).count_ones() < deletions {
            for object in (0..OBJECTS).filter(|object| state.alive & (1 << object) != 0) {
                reach(Ok(State { alive: state.alive & !(1 << object), ..state }), Move::Deletes(object));
            }
        }
        let started = state.processes.iter().take_while(|process| process.step != Step::NotStarted).count();
        if started < processes {
            reach(state.step(variant, started), Move::Starts(started));
        }
        for id in 0..started {
            let step = state.processes[id].step;
            if step != Step::Gone {
                let mut killed = state;
                killed.processes[id] = GONE;
                reach(Ok(killed), Move::Killed(id, step));
                reach(state.step(variant, id), Move::Does(id, step));
            }
        }
        if violation.is_some() {
            let index = u32::try_from(found.states.len() - 1).expect("fewer than 2^32 states");
            return Report { states: found.states.len(), terminal, violation, story: found.story(index) };
        }
    }
    Report { states: found.states.len(), terminal, violation: None, story: Vec::new() }
}
