//! Bars of prices on the grid, added up exactly.

use cryptobot_model::Timeframe;

/// A bar in ticks and lots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TickBar {
    pub open_ms: i64,
    pub open: i64,
    pub high: i64,
    pub low: i64,
    pub close: i64,
    pub lots: i64,
    /// Lots that takers bought.
    pub bought: i64,
    /// Sum of ticks times lots.
    pub turnover: i128,
    pub trades: i64,
}

impl TickBar {
    const fn flat(open_ms: i64, ticks: i64) -> Self {
        Self {
            open_ms,
            open: ticks,
            high: ticks,
            low: ticks,
            close: ticks,
            lots: 0,
            bought: 0,
            turnover: 0,
            trades: 0,
        }
    }
}

/// Builds the bars of one length. Where nothing happens the price stands.
#[derive(Debug)]
pub(super) struct Bars {
    timeframe: Timeframe,
    bar: TickBar,
    /// Whether the bar has a price of its own.
    begun: bool,
}

impl Bars {
    /// Bars from a time on its grid; until something happens the price is that of `ticks`.
    pub fn new(timeframe: Timeframe, from_ms: i64, ticks: i64) -> Self {
        Self { timeframe, bar: TickBar::flat(from_ms, ticks), begun: false }
    }

    /// Hands over the bars that end by a time; stops where one is not taken.
    pub fn advance<E>(
        &mut self,
        ts_ms: i64,
        mut take: impl FnMut(TickBar) -> Result<(), E>,
    ) -> Result<(), E> {
        let length = self.timeframe.millis();
        while self.bar.open_ms + length <= ts_ms {
            take(self.bar)?;
            self.bar = TickBar::flat(self.bar.open_ms + length, self.bar.close);
            self.begun = false;
        }
        Ok(())
    }

    /// Adds a price of the bar under way.
    pub fn price(&mut self, ticks: i64) {
        let bar = &mut self.bar;
        if !self.begun {
            (bar.open, bar.high, bar.low) = (ticks, ticks, ticks);
            self.begun = true;
        }
        bar.high = bar.high.max(ticks);
        bar.low = bar.low.min(ticks);
        bar.close = ticks;
    }

    /// Adds a trade of the bar under way.
    pub fn trade(&mut self, ticks: i64, lots: i64, buy: bool) {
        self.price(ticks);
        self.bar.lots += lots;
        self.bar.bought += if buy { lots } else { 0 };
        self.bar.turnover += i128::from(ticks) * i128::from(lots);
        self.bar.trades += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trades_become_bars_and_silence_a_flat_one() {
        let mut bars = Bars::new(Timeframe::MINUTE, 0, 100);
        let mut done = Vec::new();
        let mut advance = |bars: &mut Bars, ts_ms| {
            let taken: Result<(), ()> = bars.advance(ts_ms, |bar| {
                done.push(bar);
                Ok(())
            });
            taken.unwrap();
            done.clone()
        };
        bars.trade(102, 3, true);
        bars.trade(99, 2, false);
        assert!(advance(&mut bars, 59_999).is_empty());
        assert_eq!(advance(&mut bars, 120_000).len(), 2);
        bars.trade(103, 1, true);
        let done = advance(&mut bars, 180_000);
        let first = TickBar {
            open_ms: 0,
            open: 102,
            high: 102,
            low: 99,
            close: 99,
            lots: 5,
            bought: 3,
            turnover: 504,
            trades: 2,
        };
        assert_eq!(done[0], first);
        assert_eq!(done[1], TickBar::flat(60_000, 99));
        assert_eq!((done[2].open, done[2].low, done[2].open_ms), (103, 103, 120_000));
    }
}
