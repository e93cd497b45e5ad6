//! Decoders for all lists together, one for each worker.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::text_pool::Texts;
use super::{Decoder, TextPool};

/// As many decoders as there are workers that decode at the same time. Clones share them.
///
/// A decoder has megabytes of buffers, and there are dozens of lists: so it belongs to a worker. The chunk that texts are
/// written to belongs to a list: pages of several lists in one chunk would keep it in use until the last of these lists
/// has committed.
#[derive(Debug, Clone, Default)]
pub struct Decoders {
    idle: Arc<Mutex<Vec<Decoder>>>,
    pool: TextPool,
    /// The list's, while no worker has it.
    texts: Arc<Mutex<Texts>>,
}

impl Decoders {
    /// Decoders that take memory for texts from that pool.
    #[must_use]
    pub fn new(pool: TextPool) -> Self {
        Self { pool, ..Self::default() }
    }

    /// The same decoders for another list.
    #[must_use]
    pub fn for_list(&self) -> Self {
        Self { texts: Arc::default(), ..self.clone() }
    }

    /// Lends a decoder, the one that was used last.
    pub fn with<T>(&self, decode: impl FnOnce(&mut Decoder) -> T) -> T {
        let last = lock(&self.idle).pop();
        let mut decoder = last.unwrap_or_default();
        let texts = std::mem::take(&mut *lock(&self.texts));
        decoder.texts = texts.of(&self.pool);
        let result = decode(&mut decoder);
        // If another worker has brought a chunk back meanwhile, the pool gets that one.
        drop(std::mem::replace(&mut *lock(&self.texts), std::mem::take(&mut decoder.texts)));
        lock(&self.idle).push(decoder);
        result
    }
}

/// A panic while the lock was held has already been reported; behind it is plain data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::entities::by_name;

    #[test]
    fn there_are_as_many_decoders_as_decode_at_the_same_time() {
        let decoders = Decoders::default();
        for _ in 0..3 {
            decoders.with(|_| decoders.for_list().with(|_| ()));
            assert_eq!(lock(&decoders.idle).len(), 2);
        }
    }

    #[test]
    fn the_texts_of_a_list_follow_each_other_in_its_own_chunk() {
        let name = "n".repeat(70_000);
        let body = format!(
            r#"{{"object":"list","data":[{{"id":"ch_1","object":"charge","created":1,"name":"{name}"}}],"has_more":false}}"#
        );
        let charges = Decoders::new(TextPool::default());
        let refunds = charges.for_list();
        let text = |decoders: &Decoders| {
            let charges = by_name("charges").unwrap();
            let page = decoders.with(|decoder| decoder.decode(body.as_bytes(), charges, 100)).unwrap();
            (page.json.value_data().as_ptr() as usize, page)
        };
        let pages = [text(&charges), text(&refunds), text(&charges), text(&refunds)];
        let length = pages[0].1.json.value_data().len();
        for (first, second) in [(0, 2), (1, 3)] {
            assert_eq!(pages[second].0 - pages[first].0, length, "page {second} follows page {first}");
        }
    }
}
