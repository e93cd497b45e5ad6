//! Memory for the texts of pages. It is used again once the pages are gone.
//!
//! If it were taken and freed page by page, it would go back to the system and come from it again, with a page fault
//! for each 4 KiB: a tenth of a page's cost. And small allocations would fill the holes that it leaves, so that the
//! answers after it would be received in memory that no cache has.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::BytesMut;

use super::LONG;

/// Bytes of a chunk: some pages of most lists.
const CHUNK: usize = 2 << 20;
/// A body of fewer bytes gets memory of its own: small pages of many lists would each keep a chunk from use.
const LEAST: usize = 64 << 10;
/// A body of more bytes does, too: it would leave too much of a chunk unused. All chunks have one length, so that none
/// is kept for a length that does not come again.
const MOST: usize = CHUNK / 2;

/// Memory for the texts of pages. Clones share it.
///
/// It has as many chunks of 2 MiB as the pages that existed at the same time needed, and keeps them until the last
/// clone is dropped. A page blocks its whole chunk: a caller that keeps pages for long should copy them.
#[derive(Debug, Clone, Default)]
pub struct TextPool {
    /// The rests of chunks that were too full for another page.
    rests: Arc<Mutex<Vec<BytesMut>>>,
}

/// The pool that is shared in this process, as long as anything uses it.
static SHARED: Mutex<Weak<Mutex<Vec<BytesMut>>>> = Mutex::new(Weak::new());

impl TextPool {
    /// The pool of this process: all that have it at the same time have the same one.
    #[must_use]
    pub fn shared() -> Self {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let rests = shared.upgrade().unwrap_or_default();
        *shared = Arc::downgrade(&rests);
        Self { rests }
    }

    /// Exchanges the rest of a chunk for a whole one.
    fn exchange(&self, rest: Option<BytesMut>) -> BytesMut {
        // A panic while the lock was held has already been reported; the rests are plain data.
        let mut rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        rests.extend(rest);
        let free = rests.iter_mut().position(|rest| rest.try_reclaim(CHUNK));
        free.map_or_else(|| BytesMut::with_capacity(CHUNK), |free| rests.swap_remove(free))
    }
}

/// The place where a decoder writes texts: with a pool, the rest of a chunk.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pool: Option<TextPool>,
    chunk: Option<BytesMut>,
}

impl Texts {
    pub(super) fn new(pool: TextPool) -> Self {
        Self { pool: Some(pool), chunk: None }
    }

    /// The same, and with that pool if it has none yet.
    pub(super) fn of(mut self, pool: &TextPool) -> Self {
        self.pool.get_or_insert_with(|| pool.clone());
        self
    }

    /// An empty buffer with room for `length` bytes; it is `own` if there is nothing to share. A part that the caller
    /// splits off belongs to the caller.
    pub(super) fn room<'room>(&'room mut self, length: usize, own: &'room mut BytesMut) -> &'room mut BytesMut {
        let Some(pool) = self.pool.as_ref().filter(|_| (LEAST..=MOST).contains(&length)) else {
            own.reserve(if length > MOST { length.max(LONG) } else { length });
            return own;
        };
        let mut rest = self.chunk.take();
        // A page with an error may have left bytes in it.
        rest.iter_mut().for_each(BytesMut::clear);
        let chunk = match rest {
            Some(rest) if rest.capacity() >= length => rest,
            rest => pool.exchange(rest),
        };
        self.chunk.insert(chunk)
    }
}

impl Drop for Texts {
    fn drop(&mut self) {
        if let Some((pool, chunk)) = self.pool.take().zip(self.chunk.take()) {
            pool.rests.lock().unwrap_or_else(PoisonError::into_inner).push(chunk);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    /// The text of a page, whose bytes are all the same.
    fn text(texts: &mut Texts, byte: u8, length: usize) -> Bytes {
        let mut own = BytesMut::new();
        let room = texts.room(length, &mut own);
        assert!(room.is_empty());
        let begin = room.as_ptr();
        room.extend(std::iter::repeat_n(byte, length));
        assert_eq!(room.as_ptr(), begin, "there was no room for it");
        room.split().freeze()
    }

    fn rests(pool: &TextPool) -> usize {
        pool.rests.lock().unwrap().len()
    }

    const PAGE: usize = 300 << 10;

    #[test]
    fn pages_that_are_gone_leave_their_memory_to_those_that_come() {
        let pool = TextPool::default();
        let mut texts = Texts::new(pool.clone());
        for group in 0..20 {
            let pages: Vec<Bytes> = (0..100).map(|number| text(&mut texts, number, PAGE)).collect();
            for (number, page) in (0..).zip(&pages) {
                assert!(page.iter().all(|byte| *byte == number), "page {number} of group {group}");
            }
        }
        // Each holds six pages; one is being filled, and one was still in use when the first page of a group came.
        assert!((100 / 6 - 1..=100 / 6 + 1).contains(&rests(&pool)), "{}", rests(&pool));
    }

    #[test]
    fn a_page_that_stays_keeps_its_bytes_while_others_come_and_go() {
        let pool = TextPool::default();
        let mut lists = [Texts::new(pool.clone()), Texts::new(pool.clone())];
        let mut held = Vec::new();
        for number in 0..250 {
            let page = text(&mut lists[usize::from(number % 2)], number, PAGE);
            if number % 20 < 2 {
                held.push((number, page));
            }
        }
        assert!(held.iter().all(|(number, page)| page.iter().all(|byte| byte == number)));
        assert!(rests(&pool) < 30, "{} chunks for 25 pages", rests(&pool));
    }

    #[test]
    fn bytes_of_a_page_with_an_error_are_not_in_the_next_one() {
        let mut texts = Texts::new(TextPool::default());
        texts.room(PAGE, &mut BytesMut::new()).extend([1; 100]);
        assert_eq!(text(&mut texts, 2, PAGE), vec![2; PAGE]);
    }

    #[test]
    fn a_page_that_is_small_or_long_or_without_a_pool_takes_no_chunk() {
        let pool = TextPool::default();
        let pooled = || Texts::new(pool.clone());
        for (mut texts, length) in [(pooled(), LEAST - 1), (pooled(), MOST + 1), (Texts::default(), PAGE)] {
            let pages: Vec<Bytes> = (0..10).map(|number| text(&mut texts, number, length)).collect();
            assert_eq!((rests(&pool), texts.chunk.is_none()), (0, true));
            assert!((0..).zip(&pages).all(|(number, page)| page.iter().all(|byte| *byte == number)));
        }
    }

    #[test]
    fn a_chunk_that_was_filled_to_its_last_byte_is_used_again() {
        let pool = TextPool::default();
        let mut texts = Texts::new(pool.clone());
        for number in 0..20 {
            assert_eq!(text(&mut texts, number, MOST), vec![number; MOST]);
        }
        assert_eq!(rests(&pool), 0);
    }

    #[test]
    fn a_pool_is_shared_as_long_as_anything_has_it() {
        let first = TextPool::shared();
        let mut texts = Texts::new(first.clone());
        let page = text(&mut texts, 1, PAGE);
        let chunk = texts.chunk.take();
        first.rests.lock().unwrap().extend(chunk);
        drop((texts, first.clone()));
        let second = TextPool::shared();
        assert_eq!(rests(&second), 1);
        drop((first, second));
        assert_eq!(rests(&TextPool::shared()), 0);
        assert_eq!(page, vec![1; PAGE]);
    }
}
