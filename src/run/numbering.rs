//! The numbers of a run's commits, and of the events in them.

use super::wave;

/// Who numbers the commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// The run: one after the other.
    Run,
    /// The attempt, for several runs.
    Attempt,
    /// What they have, see [`wave`].
    Wave,
}

/// The numbers of the commits of one attempt at a run.
#[derive(Debug)]
pub(super) struct Numbering {
    sequence: i64,
    by: By,
    /// How many events each commit of a wave has of this run so far.
    ordinals: [usize; wave::COMMITS],
}

impl Numbering {
    pub(super) const fn new() -> Self {
        Self { sequence: 0, by: By::Run, ordinals: [0; wave::COMMITS] }
    }

    /// The newest commit.
    pub(super) const fn sequence(&self) -> i64 {
        self.sequence
    }

    pub(super) const fn next_sequence(&mut self) -> i64 {
        match self.by {
            By::Run => self.sequence += 1,
            By::Attempt => {}
            By::Wave => self.sequence = wave::PAGES,
        }
        self.sequence
    }

    /// Takes the number of the commit that others share.
    pub(super) fn join(&mut self, sequence: i64) {
        if !self.is_in_wave() {
            self.sequence = sequence;
            self.by = By::Attempt;
        }
    }

    /// The run is one of a wave.
    pub(super) const fn in_wave(&mut self) {
        self.by = By::Wave;
    }

    pub(super) fn is_in_wave(&self) -> bool {
        self.by == By::Wave
    }

    /// Number of the first of so many events in a commit of the run. A commit of a wave has those of several groups.
    pub(super) fn next_ordinal(&mut self, sequence: i64, count: usize) -> usize {
        if !self.is_in_wave() {
            return 0;
        }
        let Some(next) = usize::try_from(sequence).ok().and_then(|at| self.ordinals.get_mut(at)) else { return 0 };
        *next += count;
        *next - count
    }
}
