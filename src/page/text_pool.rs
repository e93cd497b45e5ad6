//! Memory for the texts of pages, used again once the pages are gone.
//!
//! Taken and freed page by page, it would go back to the system and come from it again, with a fault for each 4 KiB: a
//! tenth of what a page costs. And the holes that it leaves would be parted among what is small, so that the answers
//! behind it are received in memory that no cache has.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;

/// Bytes of a chunk: some pages of most lists.
const CHUNK: usize = 2 << 20;

/// Memory for the texts of pages. Clones share it.
///
/// It has as much as the pages that were there at the same time needed, in chunks of 2 MiB, until the last clone is
/// dropped. A page keeps its chunk from being used again.
#[derive(Debug, Clone, Default)]
pub struct TextPool {
    /// What is left of chunks that were too full for another page.
    rests: Arc<Mutex<Vec<BytesMut>>>,
}

impl TextPool {
    /// Exchanges what is left of a chunk for one with room for `length` bytes.
    fn exchange(&self, rest: Option<BytesMut>, length: usize) -> BytesMut {
        // A panic while the lock was held has already been reported; the rests are plain data.
        let mut rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        rests.extend(rest);
        let wanted = length.max(CHUNK);
        if let Some(free) = rests.iter_mut().position(|rest| rest.try_reclaim(wanted)) {
            return rests.swap_remove(free);
        }
        // Those that are free are too small. They make room for the new one, so that all of them together do not grow.
        rests.retain_mut(|rest| !rest.try_reclaim(CHUNK));
        BytesMut::with_capacity(wanted)
    }
}

/// A body of fewer bytes gets memory of its own: small pages of many lists would keep as many chunks from use.
const LEAST: usize = 64 << 10;

/// Where a decoder writes texts to.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pool: TextPool,
    chunk: Option<BytesMut>,
    small: BytesMut,
}

impl Texts {
    pub(super) fn new(pool: TextPool) -> Self {
        Self { pool, ..Self::default() }
    }

    /// Empty, and with room for `length` bytes. What is split off belongs to whoever splits it off.
    pub(super) fn room(&mut self, length: usize) -> &mut BytesMut {
        if length < LEAST {
            self.small = BytesMut::with_capacity(length);
            return &mut self.small;
        }
        let mut rest = self.chunk.take();
        // What a page with an error has left behind.
        rest.iter_mut().for_each(BytesMut::clear);
        let chunk = match rest {
            Some(rest) if rest.capacity() >= length => rest,
            rest => self.pool.exchange(rest, length),
        };
        self.chunk.insert(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    /// The text of a page, whose bytes are all the same.
    fn text(texts: &mut Texts, byte: u8, length: usize) -> Bytes {
        let room = texts.room(length);
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
        // Six pages each; one is being filled, and one was still in use when the first page of a group came.
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
    fn a_page_longer_than_a_chunk_has_room_and_chunks_that_are_free_make_way_for_it() {
        let pool = TextPool::default();
        let mut texts = Texts::new(pool.clone());
        drop((0..30).map(|number| text(&mut texts, number, PAGE)).collect::<Vec<_>>());
        assert_eq!(rests(&pool), 4);
        let long = text(&mut texts, 1, 5 * CHUNK);
        assert_eq!(rests(&pool), 0);
        let other = text(&mut texts, 2, PAGE);
        assert!(long.iter().all(|byte| *byte == 1) && other.iter().all(|byte| *byte == 2));
        drop((long, other));
        // It serves short ones as well.
        drop((0..10 * 6).map(|number| text(&mut texts, number, PAGE)).collect::<Vec<_>>());
        assert!(rests(&pool) < 10);
    }

    #[test]
    fn what_a_page_with_an_error_left_behind_is_not_in_the_next_one() {
        let mut texts = Texts::default();
        texts.room(PAGE).extend([1; 100]);
        assert_eq!(text(&mut texts, 2, PAGE), vec![2; PAGE]);
    }

    #[test]
    fn a_small_page_takes_no_chunk() {
        let pool = TextPool::default();
        let mut texts = Texts::new(pool.clone());
        let pages: Vec<Bytes> = (0..100).map(|number| text(&mut texts, number, LEAST - 1)).collect();
        assert_eq!((rests(&pool), texts.chunk.is_none()), (0, true));
        assert!((0..).zip(&pages).all(|(number, page)| page.iter().all(|byte| *byte == number)));
    }
}
