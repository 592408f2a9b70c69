//! Bars of a longer timeframe, built from the bars of a series while they come.

use crate::kind::{CreateError, Ohlcv};

const NS_PER_DAY: i64 = 86_400_000_000_000;

/// Builds longer bars on the grid of the epoch. A bar is given when it has closed, never before; the first one is dropped
/// where the series begins in the middle of it. The engine builds the bars of a strategy's longer series in the same way.
#[derive(Clone, Debug)]
pub(crate) struct Higher {
    /// Length of the bars of the series, ns.
    base_ns: i64,
    /// Length of the longer bars, ns.
    pub(crate) length_ns: i64,
    /// The open bar; its `ts` is the close time that it will have.
    open: Option<Ohlcv>,
    is_first: bool,
    keep: bool,
}

impl Higher {
    /// Bars of `length_ns` from bars of `base_ns`.
    pub(crate) fn new(base_ns: i64, length_ns: i64) -> Result<Self, CreateError> {
        let fits = base_ns > 0 && length_ns > base_ns && length_ns % base_ns == 0 && length_ns <= NS_PER_DAY;
        if !fits {
            return Err(CreateError(format!(
                "bars of {length_ns} ns cannot be built from bars of {base_ns} ns: they must be a multiple, at most a day"
            )));
        }
        Ok(Self { base_ns, length_ns, open: None, is_first: true, keep: true })
    }

    /// Takes the next bar of the series and gives the longer bars that have closed: one usually, two after a hole.
    #[inline]
    pub(crate) fn push(&mut self, bar: &Ohlcv, mut closed: impl FnMut(&Ohlcv)) {
        let opens = bar.ts - self.base_ns;
        match &mut self.open {
            Some(open) if opens < open.ts => {
                open.high = open.high.max(bar.high);
                open.low = open.low.min(bar.low);
                open.close = bar.close;
                open.volume += bar.volume;
            }
            _ => {
                self.close(i64::MAX, &mut closed);
                let begins = opens - opens.rem_euclid(self.length_ns);
                self.keep = !self.is_first || begins == opens;
                self.is_first = false;
                self.open = Some(Ohlcv { ts: begins + self.length_ns, ..*bar });
            }
        }
        self.close(bar.ts, &mut closed);
    }

    fn close(&mut self, now: i64, closed: &mut impl FnMut(&Ohlcv)) {
        if let Some(open) = self.open.take_if(|open| open.ts <= now)
            && self.keep
        {
            closed(&open);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The volumes of the bars of 5 that have closed with each bar of 1 that opens at such times.
    fn closed(opens: &[i64]) -> Vec<(i64, f64, f64)> {
        let mut higher = Higher::new(1, 5).unwrap();
        let mut all = Vec::new();
        for open in opens {
            let price = *open as f64;
            let bar = Ohlcv { ts: open + 1, open: price, high: price, low: price, close: price, volume: 1.0 };
            higher.push(&bar, |bar| all.push((bar.ts, bar.open, bar.volume)));
        }
        all
    }

    #[test]
    fn bars_close_on_the_grid_and_not_before() {
        assert_eq!(closed(&[0, 1, 2, 3]), []);
        assert_eq!(closed(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), [(5, 0.0, 5.0), (10, 5.0, 5.0)]);
    }

    #[test]
    fn a_first_bar_without_its_beginning_is_dropped_and_a_hole_is_not() {
        assert_eq!(closed(&[2, 3, 4, 6, 7, 8, 11]), [(10, 6.0, 3.0)]);
        // After a hole two bars close at once: the one before it, and one of which only the end is there.
        assert_eq!(closed(&[0, 1, 2, 9]), [(5, 0.0, 3.0), (10, 9.0, 1.0)]);
    }

    #[test]
    fn only_multiples_can_be_built() {
        for (base, length) in [(0, 5), (5, 5), (2, 5), (1, NS_PER_DAY + 1)] {
            assert!(Higher::new(base, length).unwrap_err().0.contains("must be a multiple"));
        }
    }
}
