//! The inputs that fuzzing has found, run again: every input of the corpus, and thousands of changed ones that are the
//! same each time. `just fuzz` goes on from there.

use std::path::Path;

#[path = "fuzz/targets.rs"]
mod targets;

/// How many changed inputs each target gets.
const EXECUTIONS: usize = 20_000;
/// No change makes an input longer.
const LONGEST: usize = 4096;

/// Numbers that look random and are the same each time (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 32).expect("32 bits") % bound.max(1)
    }

    /// One of the inputs with a few changes: bytes replaced, left out, put in, or taken over from another input.
    fn changed(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(4) {
            let at = self.below(input.len() + 1);
            let until = (at + 1 + self.below(8)).min(input.len());
            let byte = match self.below(3) {
                0 => b"{}[]\",:\\ \n-+.0eEtfnu"[self.below(20)],
                _ => self.below(256).to_le_bytes()[0],
            };
            match self.below(6) {
                0 | 1 if at < input.len() => input[at] = byte,
                2 => drop(input.drain(at..until)),
                3 => {
                    let repeated = input[at..until].to_vec();
                    input.splice(at..at, repeated);
                }
                4 => {
                    let other = &corpus[self.below(corpus.len())];
                    let from = self.below(other.len());
                    let until = (from + self.below(64)).min(other.len());
                    input.splice(at..at, other[from..until].iter().copied());
                }
                5 if self.below(8) == 0 => input.truncate(at),
                _ => input.insert(at, byte),
            }
        }
        input.truncate(LONGEST);
        input
    }
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut paths: Vec<_> = folder.read_dir().expect("a corpus").map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("an input")).collect()
}

/// Runs a target, and names an input that breaks a promise.
fn run(target: &str, run: impl Fn(&[u8]) + std::panic::RefUnwindSafe) {
    let corpus = corpus(target);
    assert!(!corpus.is_empty(), "no input for {target}");
    let mut numbers = Numbers(0x5eed_0000_0000_0001);
    let changed = (0..EXECUTIONS).map(|_| numbers.changed(&corpus));
    for input in corpus.iter().cloned().chain(changed) {
        if let Err(panic) = std::panic::catch_unwind(|| run(&input)) {
            eprintln!("the input was b\"{}\"", input.escape_ascii());
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn no_body_near_the_corpus_breaks_a_page() {
    run("page", targets::page);
}

#[test]
fn no_whitespace_near_the_corpus_changes_a_row() {
    run("minify", targets::minify);
}

#[test]
fn no_events_near_the_corpus_break_a_plan() {
    run("checkpoint", targets::checkpoint);
}
