//! Bars of mark prices that come every second.

use cryptobot_model::{Bar, Price, Timeframe, Timestamp};

/// Longest time between two marks of a bar, and from its opening to the first. What comes later may have missed a high.
const LONGEST_STEP_MS: i64 = 3_000;

/// Builds bars and gives those that lack nothing.
#[derive(Clone, Debug)]
pub(crate) struct MarkBars {
    timeframe: Timeframe,
    /// The bar that is open.
    bar: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    opened: Timestamp,
    bar: Bar,
    last_ms: i64,
    whole: bool,
}

impl MarkBars {
    pub(crate) const fn new(timeframe: Timeframe) -> Self {
        Self { timeframe, bar: None }
    }

    /// Takes a mark that is newer than all before; the bar before it, where that closed and lacks nothing.
    pub(crate) fn take(&mut self, at: Timestamp, price: Price) -> Option<Bar> {
        let (opened, price) = (self.timeframe.open_of(at), price.to_f64());
        if let Some(open) = &mut self.bar
            && open.opened == opened
        {
            open.whole &= at.millis() - open.last_ms <= LONGEST_STEP_MS;
            open.last_ms = at.millis();
            open.bar.high = open.bar.high.max(price);
            open.bar.low = open.bar.low.min(price);
            open.bar.close = price;
            return None;
        }
        let whole = at.millis() - opened.millis() <= LONGEST_STEP_MS;
        let ts = opened.plus(self.timeframe.nanos());
        let bar = Bar { ts, open: price, high: price, low: price, close: price, volume: 0.0 };
        let before = self.bar.replace(Open { opened, bar, last_ms: at.millis(), whole })?;
        let to_its_end = before.bar.ts.millis() - before.last_ms <= LONGEST_STEP_MS;
        (before.whole && to_its_end).then_some(before.bar)
    }

    /// Marks may be missing: the open bar is given up.
    pub(crate) fn interrupt(&mut self) {
        if let Some(open) = &mut self.bar {
            open.whole = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(marks: impl IntoIterator<Item = (i64, i128)>) -> Vec<(i64, [f64; 4])> {
        let mut building = MarkBars::new(Timeframe::MINUTE);
        let bars = marks.into_iter().filter_map(|(second, price)| {
            building.take(Timestamp::from_millis(second * 1_000 + 7), Price::from_units(price * 100_000_000))
        });
        bars.map(|bar| (bar.ts.millis() / 1_000, [bar.open, bar.high, bar.low, bar.close])).collect()
    }

    #[test]
    fn whole_minutes_become_bars() {
        let marks = (30..200).map(|second| (second, i128::from(second)));
        assert_eq!(bars(marks), [(120, [60.0, 119.0, 60.0, 119.0]), (180, [120.0, 179.0, 120.0, 179.0])]);
    }

    #[test]
    fn a_bar_that_lacks_marks_is_left_out() {
        for missing in [60..64, 80..84, 115..120] {
            let marks = (60..200).filter(|second| !missing.contains(second)).map(|second| (second, 1));
            assert_eq!(bars(marks).len(), 1, "{missing:?}");
        }
        let few = (60..200).filter(|second| second % 3 == 0).map(|second| (second, 1));
        assert_eq!(bars(few).len(), 2);
    }

    #[test]
    fn an_interrupted_bar_is_left_out() {
        let mut building = MarkBars::new(Timeframe::MINUTE);
        let take = |second: i64, building: &mut MarkBars| {
            building.take(Timestamp::from_millis(second * 1_000), Price::from_units(1)).is_some()
        };
        for second in 0..90 {
            assert_eq!(take(second, &mut building), second == 60, "{second}");
        }
        building.interrupt();
        for second in 90..200 {
            assert_eq!(take(second, &mut building), second == 180, "{second}");
        }
    }
}
