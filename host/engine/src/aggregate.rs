//! Higher bars built from the base bars of an instrument while the run goes on.

use cryptobot_model::{Bar, Timeframe, Timestamp};
use cryptobot_sim::BarInterval;

use crate::feed::NEVER;

/// Builds the bars of one higher timeframe.
#[derive(Clone, Debug)]
pub(crate) struct Aggregator {
    timeframe: Timeframe,
    /// The open bar; its `ts` is the close time it will have.
    bar: Bar,
    has_content: bool,
    /// The first bar is dropped when the data begin in the middle of it.
    is_first: bool,
    keep: bool,
}

impl Aggregator {
    pub(crate) fn new(timeframe: Timeframe) -> Self {
        let bar = Bar { ts: Timestamp(i64::MIN), open: 0.0, high: 0.0, low: 0.0, close: 0.0, volume: 0.0 };
        Self { timeframe, bar, has_content: false, is_first: true, keep: true }
    }

    pub(crate) fn push(&mut self, interval: &BarInterval) {
        let base = &interval.bar;
        if self.has_content && interval.open_ts < self.bar.ts {
            self.bar.high = self.bar.high.max(base.high);
            self.bar.low = self.bar.low.min(base.low);
            self.bar.close = base.close;
            self.bar.volume += base.volume;
            return;
        }
        let opens = self.timeframe.open_of(interval.open_ts);
        self.keep = !self.is_first || opens == interval.open_ts;
        self.is_first = false;
        self.has_content = true;
        self.bar = Bar { ts: opens.plus(self.timeframe.nanos()), ..*base };
    }

    /// Length of its bars.
    pub(crate) fn length_ns(&self) -> i64 {
        self.timeframe.nanos()
    }

    /// When the open bar closes; `None` where there is none.
    pub(crate) fn opened_until(&self) -> Option<Timestamp> {
        self.has_content.then_some(self.bar.ts)
    }

    /// When the open bar closes; [`NEVER`] where there is none.
    pub(crate) fn closes_at(&self) -> Timestamp {
        self.opened_until().unwrap_or(NEVER)
    }

    /// The open bar once its time has come; `None` for a first bar of which the beginning is missing.
    pub(crate) fn close(&mut self) -> Option<Bar> {
        self.has_content = false;
        self.keep.then_some(self.bar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(open: i64, price: f64) -> BarInterval {
        let open_ts = Timestamp::from_millis(open * 60_000);
        let bar = Bar {
            ts: open_ts.plus(60_000_000_000),
            open: price,
            high: price + 1.0,
            low: price - 1.0,
            close: price,
            volume: 2.0,
        };
        BarInterval { open_ts, bar }
    }

    fn closed(minutes: &[i64]) -> Vec<(i64, Option<f64>)> {
        let mut aggregator = Aggregator::new("5m".parse().unwrap());
        let mut bars = Vec::new();
        for minute_of in minutes {
            let interval = minute(*minute_of, *minute_of as f64);
            if aggregator.closes_at() < interval.bar.ts && aggregator.closes_at() <= interval.open_ts {
                bars.push((
                    aggregator.closes_at().millis() / 60_000,
                    aggregator.close().map(|bar| bar.volume),
                ));
            }
            aggregator.push(&interval);
            if aggregator.closes_at() == interval.bar.ts {
                bars.push((
                    aggregator.closes_at().millis() / 60_000,
                    aggregator.close().map(|bar| bar.volume),
                ));
            }
        }
        bars
    }

    #[test]
    fn bars_close_on_the_grid() {
        assert_eq!(closed(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), [(5, Some(10.0)), (10, Some(10.0))]);
    }

    #[test]
    fn a_first_bar_without_its_beginning_is_dropped_and_a_hole_is_not() {
        assert_eq!(closed(&[2, 3, 4, 6, 7, 8, 11]), [(5, None), (10, Some(6.0))]);
    }
}
