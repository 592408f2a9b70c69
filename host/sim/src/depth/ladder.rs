//! One side of a book: quantities by key, where the highest key is the best price.
//!
//! Nearly all changes happen near the best price. These levels are a flat window of counts with a bit set over it, so
//! that a change is a store and finding the next best level a scan of a few words. Levels below the window are kept
//! in an ordered map. The window always holds the best level.

use std::collections::BTreeMap;

/// Levels in the window. In recordings of BTCUSDT 95 % (futures, tick 0.1) and 90 % (spot, tick 0.01) of the changes are
/// nearer than this to the best price. Half of it made replays a third slower; twice as much made them 6 to 30 % faster,
/// but a book should leave room in the cache for others.
const WINDOW: usize = 16_384;
const WORDS: usize = WINDOW / 64;
/// Where in the window the best level is put, so that it can rise and fall before the window has to move.
const HOME: i64 = WINDOW as i64 * 3 / 4;
/// A best level below this makes the window move down.
const LOW: usize = WINDOW / 4;

#[derive(Clone, Debug)]
pub(super) struct Ladder {
    /// Key of the window's first level.
    base: i64,
    lots: Vec<i64>,
    /// One bit per level of the window that is not empty.
    occupied: Vec<u64>,
    /// Position of the best level in the window; `None` when the ladder is empty.
    best: Option<usize>,
    /// Levels below the window.
    far: BTreeMap<i64, i64>,
}

impl Ladder {
    pub(super) fn new() -> Self {
        Self { base: 0, lots: vec![0; WINDOW], occupied: vec![0; WORDS], best: None, far: BTreeMap::new() }
    }

    pub(super) fn clear(&mut self) {
        self.lots.fill(0);
        self.occupied.fill(0);
        self.best = None;
        self.far.clear();
    }

    /// Key and quantity of the best level.
    #[inline]
    pub(super) fn best(&self) -> Option<(i64, i64)> {
        self.best.map(|at| (self.base + at as i64, self.lots[at]))
    }

    /// Quantity at a key.
    #[inline]
    pub(super) fn get(&self, key: i64) -> i64 {
        match self.position(key) {
            Some(at) => self.lots[at],
            None => self.far.get(&key).copied().unwrap_or(0),
        }
    }

    /// Replaces the quantity at a key and returns the old one.
    #[inline]
    pub(super) fn set(&mut self, key: i64, lots: i64) -> i64 {
        match self.position(key) {
            Some(at) if self.best.is_some() => self.set_near(at, lots),
            _ => self.set_far(key, lots),
        }
    }

    /// Levels from the best on.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        let near = std::iter::successors(self.best, |&at| self.next_below(at));
        let near = near.map(|at| (self.base + at as i64, self.lots[at]));
        near.chain(self.far.iter().rev().map(|(&key, &lots)| (key, lots)))
    }

    #[inline]
    fn position(&self, key: i64) -> Option<usize> {
        let at = key.wrapping_sub(self.base) as u64;
        (at < WINDOW as u64).then_some(at as usize)
    }

    #[inline]
    fn set_near(&mut self, at: usize, lots: i64) -> i64 {
        let before = std::mem::replace(&mut self.lots[at], lots);
        let bit = 1_u64 << (at % 64);
        if lots > 0 {
            self.occupied[at / 64] |= bit;
            if self.best.is_none_or(|best| at > best) {
                self.best = Some(at);
            }
        } else if before > 0 {
            self.occupied[at / 64] &= !bit;
            if self.best == Some(at) {
                self.lose_best(at);
            }
        }
        before
    }

    #[inline]
    fn next_below(&self, at: usize) -> Option<usize> {
        let mut word = at / 64;
        let mut bits = self.occupied[word] & ((1_u64 << (at % 64)) - 1);
        while bits == 0 {
            word = word.checked_sub(1)?;
            bits = self.occupied[word];
        }
        Some(word * 64 + 63 - bits.leading_zeros() as usize)
    }

    fn lose_best(&mut self, at: usize) {
        self.best = self.next_below(at);
        match self.best {
            Some(best) if best >= LOW => {}
            Some(best) if !self.far.is_empty() => self.move_window(self.base + best as i64),
            Some(_) => {}
            None => {
                if let Some((&key, _)) = self.far.last_key_value() {
                    self.move_window(key);
                }
            }
        }
    }

    /// A key outside the window, or any key of an empty ladder.
    #[cold]
    fn set_far(&mut self, key: i64, lots: i64) -> i64 {
        let beats_all = self.best().is_none_or(|(best, _)| key > best);
        if lots > 0 && beats_all {
            self.move_window(key);
            return self.set_near(HOME as usize, lots);
        }
        if beats_all {
            return 0;
        }
        let before = if lots > 0 { self.far.insert(key, lots) } else { self.far.remove(&key) };
        before.unwrap_or(0)
    }

    /// Moves the window so that `best` is at home, where `best` is at least as high as every level.
    fn move_window(&mut self, best: i64) {
        for word in 0..WORDS {
            let mut bits = std::mem::take(&mut self.occupied[word]);
            while bits != 0 {
                let at = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                self.far.insert(self.base + at as i64, std::mem::take(&mut self.lots[at]));
            }
        }
        self.base = best.saturating_sub(HOME);
        self.best = None;
        for (key, lots) in self.far.split_off(&self.base) {
            let at = (key - self.base) as usize;
            self.set_near(at, lots);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> impl Strategy<Value = i64> {
        prop_oneof![
            6 => -200_i64..200,
            3 => -20_000_i64..20_000,
            1 => -5_000_000_i64..5_000_000,
        ]
    }

    proptest! {
        /// The ladder is an ordered map, whatever the window does.
        #[test]
        fn a_ladder_is_a_sorted_map(changes in prop::collection::vec((key(), 0_i64..4), 1..400)) {
            let (mut ladder, mut map) = (Ladder::new(), BTreeMap::new());
            for (key, lots) in changes {
                let before = if lots > 0 { map.insert(key, lots) } else { map.remove(&key) };
                prop_assert_eq!(ladder.set(key, lots), before.unwrap_or(0));
                prop_assert_eq!(ladder.get(key), lots);
                prop_assert_eq!(ladder.best(), map.last_key_value().map(|(&key, &lots)| (key, lots)));
            }
            let expected: Vec<_> = map.into_iter().rev().collect();
            prop_assert_eq!(ladder.iter().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn the_window_follows_a_falling_market() {
        let mut ladder = Ladder::new();
        for key in 0..50_000 {
            ladder.set(-key, key + 1);
        }
        for key in 0..49_999 {
            assert_eq!(ladder.best(), Some((-key, key + 1)));
            assert_eq!(ladder.set(-key, 0), key + 1);
        }
        assert_eq!(ladder.best(), Some((-49_999, 50_000)));
    }
}
