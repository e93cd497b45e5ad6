//! Decoders for all lists together, one for each worker.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Decoder, TextPool};

/// As many decoders as there are workers that decode at the same time. Clones share them.
///
/// A decoder has megabytes of buffers, and there are dozens of lists: so it belongs to a worker, and not to a list.
#[derive(Debug, Clone, Default)]
pub struct Decoders {
    idle: Arc<Mutex<Vec<Decoder>>>,
    texts: TextPool,
}

impl Decoders {
    /// Decoders that take memory for texts from that pool.
    #[must_use]
    pub fn new(texts: TextPool) -> Self {
        Self { idle: Arc::default(), texts }
    }

    /// Lends a decoder, the one that was used last.
    pub fn with<T>(&self, decode: impl FnOnce(&mut Decoder) -> T) -> T {
        // A panic while the lock was held has already been reported; the decoders are plain data.
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let last = idle().pop();
        let mut decoder = last.unwrap_or_else(|| Decoder::new(self.texts.clone()));
        let result = decode(&mut decoder);
        idle().push(decoder);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_decoders_as_decode_at_the_same_time() {
        let decoders = Decoders::default();
        for _ in 0..3 {
            decoders.with(|_| decoders.clone().with(|_| ()));
            assert_eq!(decoders.idle.lock().unwrap().len(), 2);
        }
    }
}
