//! What the host keeps of a strategy that faulted: how it is treated, and when a fresh instance may take over.

use cryptobot_model::{Timestamp, Wants};

use crate::feed::NEVER;
use crate::setup::{FaultPolicy, Restart};

/// The faults of one strategy.
#[derive(Clone, Debug)]
pub(crate) struct Custody {
    pub(crate) policy: FaultPolicy,
    /// What a running instance wants and may have open.
    pub(crate) wants: Wants,
    pub(crate) max_open_orders: usize,
    /// Restarts that still count.
    restarts: Vec<Timestamp>,
    /// When a fresh instance takes over; [`NEVER`] while none does.
    pub(crate) restart_at: Timestamp,
}

impl Custody {
    pub(crate) const fn new(policy: FaultPolicy, wants: Wants, max_open_orders: usize) -> Self {
        Self { policy, wants, max_open_orders, restarts: Vec::new(), restart_at: NEVER }
    }

    /// Plans the restart after a fault, where the policy has one left: the back-off doubles with each restart within
    /// the window.
    pub(crate) fn plan(&mut self, now: Timestamp) {
        let Some(Restart { max, window_ns, backoff_ns }) = self.policy.restart else { return };
        self.restarts.retain(|restart| restart.0 > now.0.saturating_sub(window_ns));
        let recent = self.restarts.len();
        if recent < max as usize {
            let factor = 1_i64.checked_shl(recent as u32).filter(|factor| *factor > 0).unwrap_or(i64::MAX);
            self.restart_at = Timestamp(now.0.saturating_add(backoff_ns.saturating_mul(factor))).min(NEVER);
        }
    }

    /// A fresh instance takes over now.
    pub(crate) fn restarted(&mut self, now: Timestamp) {
        self.restart_at = NEVER;
        self.restarts.push(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESTART: Restart = Restart { max: 3, window_ns: 1_000, backoff_ns: 10 };

    fn custody(restart: Option<Restart>) -> Custody {
        Custody::new(FaultPolicy { restart, ..FaultPolicy::default() }, Wants::default(), 1)
    }

    /// Faults at once after every restart; returns the times between.
    fn delays(custody: &mut Custody, mut now: Timestamp) -> Vec<i64> {
        let mut delays = Vec::new();
        loop {
            custody.plan(now);
            if custody.restart_at == NEVER {
                return delays;
            }
            delays.push(custody.restart_at.0 - now.0);
            now = custody.restart_at;
            custody.restarted(now);
        }
    }

    #[test]
    fn the_back_off_doubles_until_the_budget_is_spent() {
        let mut custody = custody(Some(RESTART));
        assert_eq!(delays(&mut custody, Timestamp(0)), [10, 20, 40]);
        // What lies before the window counts no longer: of the restarts at 10, 30 and 70 only the last does, and not for long.
        assert_eq!(delays(&mut custody, Timestamp(1_035)), [20, 40, 40]);
        assert_eq!(delays(&mut custody, Timestamp(9_000)), [10, 20, 40]);
    }

    #[test]
    fn without_a_policy_there_is_no_restart() {
        assert!(delays(&mut custody(None), Timestamp(0)).is_empty());
    }

    #[test]
    fn absurd_numbers_do_not_overflow() {
        let restart = Restart { max: 100, window_ns: i64::MAX, backoff_ns: i64::MAX / 2 };
        assert!(delays(&mut custody(Some(restart)), Timestamp(1)).len() <= 2);
    }
}
