//! The strategy of the benchmark job, natively and as plain arrays.

use std::cmp::Ordering;

use cryptobot_engine::{Desk, Fault};
use cryptobot_model::{Bar, SeriesId};

use crate::native::Logic;

/// Long above, short below the crossing of two moving averages of closes; from the bar on where both exist.
#[derive(Clone, Debug)]
pub struct SmaFlip {
    fast: Window,
    slow: Window,
    /// Bars until both averages exist.
    missing: usize,
    quantity: f64,
    target: f64,
}

impl SmaFlip {
    /// Averages over `fast` and `slow` bars, a position of `quantity`.
    pub fn new(fast: usize, slow: usize, quantity: f64) -> Self {
        let missing = fast.max(slow) - 1;
        Self { fast: Window::new(fast), slow: Window::new(slow), missing, quantity, target: 0.0 }
    }
}

impl SmaFlip {
    /// Takes a close; returns the position to be in where that has changed.
    #[expect(clippy::inline_always, reason = "a few instructions, in the loop over a stretch of bars")]
    #[inline(always)]
    pub fn flip(&mut self, close: f64) -> Option<f64> {
        let (fast, slow) = (self.fast.push(close), self.slow.push(close));
        if self.missing > 0 {
            self.missing -= 1;
            return None;
        }
        let target = match fast.partial_cmp(&slow) {
            Some(Ordering::Greater) => self.quantity,
            Some(Ordering::Less) => -self.quantity,
            _ => self.target,
        };
        let flips = target != self.target;
        self.target = target;
        flips.then_some(target)
    }
}

impl Logic for SmaFlip {
    #[expect(clippy::inline_always, reason = "a few instructions, in the loop over a stretch of bars")]
    #[inline(always)]
    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, bar: &Bar) -> Result<(), Fault> {
        match self.flip(bar.close) {
            Some(target) => desk.target_position(series, target).map(drop),
            None => Ok(()),
        }
    }
}

/// A mean over the last closes.
#[derive(Clone, Debug)]
struct Window {
    values: Vec<f64>,
    length: f64,
    next: usize,
    sum: f64,
}

impl Window {
    fn new(length: usize) -> Self {
        Self { values: vec![0.0; length], length: length as f64, next: 0, sum: 0.0 }
    }

    /// Takes the newest close; returns the mean, which means something once there were closes enough.
    fn push(&mut self, value: f64) -> f64 {
        let oldest = &mut self.values[self.next];
        self.sum += value - *oldest;
        *oldest = value;
        self.next = if self.next + 1 == self.values.len() { 0 } else { self.next + 1 };
        self.sum / self.length
    }
}

/// Orders and final equity of the job over plain arrays: no engine, no ledger, cents instead of decimals.
///
/// Fills are at the next open with a taker fee and no slippage; the open position is marked at the last close.
pub fn by_hand(
    open: &[f64],
    close: &[f64],
    fast: usize,
    slow: usize,
    quantity: f64,
    cash: f64,
    fee: f64,
) -> (u64, f64) {
    let mean = |end: usize, length: usize| close[end + 1 - length..=end].iter().sum::<f64>() / length as f64;
    let (mut cash, mut position, mut orders) = (cash, 0.0, 0);
    for bar in slow - 1..close.len() {
        let (quick, lazy) = (mean(bar, fast), mean(bar, slow));
        let target = if quick > lazy {
            quantity
        } else if quick < lazy {
            -quantity
        } else {
            position
        };
        if target == position {
            continue;
        }
        orders += 1;
        if let Some(price) = open.get(bar + 1) {
            let traded: f64 = target - position;
            cash -= traded * price + traded.abs() * price * fee;
            position = target;
        }
    }
    let last = close.last().copied().unwrap_or(0.0);
    (orders, cash + position * last)
}
