//! What an exchange lets one address ask for in a while.

use std::sync::{Mutex, PoisonError};

/// A limit of a venue: so much weight in each window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// What it counts, for people.
    pub name: &'static str,
    /// Largest weight in a window.
    pub limit: u32,
    /// Length of a window, ms. Windows begin on its multiples since the epoch.
    pub window_ms: i64,
    /// The header by which the exchange says what was used of the window, by everyone behind this address.
    pub used_header: Option<&'static str>,
}

impl Pool {
    /// What a download takes of a window: a tenth is left for what else runs behind the address.
    pub fn share(&self) -> u32 {
        (self.limit - self.limit / 10).max(1)
    }
}

/// A pool and what was used of it.
#[derive(Debug)]
pub(crate) struct Budget {
    pool: Pool,
    used: Mutex<Used>,
}

#[derive(Clone, Copy, Debug)]
struct Used {
    /// Number of the window since the epoch.
    window: i64,
    weight: u32,
    /// Nothing is asked before, ms.
    paused_until_ms: i64,
}

impl Budget {
    pub(crate) fn new(pool: Pool) -> Self {
        Self { pool, used: Mutex::new(Used { window: 0, weight: 0, paused_until_ms: 0 }) }
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Takes weight for one request, or says when to try again, in ms since the epoch.
    pub(crate) fn take(&self, now_ms: i64, weight: u32) -> Result<(), i64> {
        self.with(now_ms, |pool, used| {
            if now_ms < used.paused_until_ms {
                return Err(used.paused_until_ms);
            }
            // A request that is heavier than the share is let through at the beginning of a window.
            if used.weight > 0 && used.weight.saturating_add(weight) > pool.share() {
                return Err((used.window + 1) * pool.window_ms);
            }
            used.weight = used.weight.saturating_add(weight);
            Ok(())
        })
    }

    /// What the exchange says was used of the window. It may count others as well, never fewer than were asked.
    pub(crate) fn observe(&self, now_ms: i64, weight: u32) {
        self.with(now_ms, |_, used| used.weight = used.weight.max(weight));
    }

    /// Nothing is asked before a moment.
    pub(crate) fn pause(&self, now_ms: i64, until_ms: i64) {
        self.with(now_ms, |_, used| used.paused_until_ms = used.paused_until_ms.max(until_ms));
    }

    /// The weight used of the present window.
    pub(crate) fn used(&self, now_ms: i64) -> u32 {
        self.with(now_ms, |_, used| used.weight)
    }

    fn with<T>(&self, now_ms: i64, act: impl FnOnce(&Pool, &mut Used) -> T) -> T {
        // Four numbers, valid at every moment, whoever panicked.
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let window = now_ms.div_euclid(self.pool.window_ms);
        if window > used.window {
            (used.window, used.weight) = (window, 0);
        }
        act(&self.pool, &mut used)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POOL: Pool = Pool { name: "weight", limit: 100, window_ms: 60_000, used_header: None };

    #[test]
    fn a_full_window_waits_for_the_next_one() {
        let budget = Budget::new(POOL);
        assert_eq!(budget.take(1_000, 80), Ok(()));
        assert_eq!(budget.take(2_000, 11), Err(60_000));
        assert_eq!(budget.take(2_000, 10), Ok(()));
        assert_eq!(budget.take(60_000, 90), Ok(()));
    }

    #[test]
    fn what_others_used_counts() {
        let budget = Budget::new(POOL);
        assert_eq!(budget.take(1_000, 5), Ok(()));
        budget.observe(1_500, 88);
        assert_eq!(budget.take(2_000, 5), Err(60_000));
        budget.observe(2_000, 3);
        assert_eq!(budget.used(2_000), 88, "what was used is not unused");
    }

    #[test]
    fn a_ban_lasts_over_windows() {
        let budget = Budget::new(POOL);
        budget.pause(1_000, 125_000);
        assert_eq!(budget.take(61_000, 1), Err(125_000));
        assert_eq!(budget.take(125_000, 1), Ok(()));
    }

    proptest! {
        #[test]
        fn no_window_is_overdrawn(asks in prop::collection::vec((0_i64..20_000, 1_u32..40), 1..200)) {
            let budget = Budget::new(POOL);
            let (mut now, mut windows) = (0, std::collections::BTreeMap::new());
            for (pause, weight) in asks {
                now += pause;
                match budget.take(now, weight) {
                    Ok(()) => *windows.entry(now / POOL.window_ms).or_insert(0) += weight,
                    Err(until) => prop_assert!(until > now && until <= now + POOL.window_ms),
                }
            }
            prop_assert!(windows.values().all(|&used| used <= POOL.share()), "{windows:?}");
        }
    }
}
