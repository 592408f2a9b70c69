//! Bars of the trades of a market, one after the other.

use cryptobot_engine::BarBlock;
use cryptobot_model::{Timeframe, Timestamp};

/// Builds the bars of a length from trades in order of time. The first bar is the one that it is told to begin with, if
/// something was traded before, else the first with a trade. Where nothing is traded the price stands and the volume is 0.
#[derive(Clone, Debug)]
pub(crate) struct BarBuilder {
    timeframe: Timeframe,
    /// Open of the first bar, ms since the epoch.
    from_ms: i64,
    /// Price of the newest trade before the first bar.
    before: Option<f64>,
    open: Option<OpenBar>,
}

/// The bar under way.
#[derive(Clone, Copy, Debug)]
struct OpenBar {
    open_ms: i64,
    /// First, highest, lowest and last price.
    prices: [f64; 4],
    volume: f64,
    is_traded: bool,
}

impl BarBuilder {
    /// Bars from the one that opens at `from` on.
    pub(crate) const fn new(timeframe: Timeframe, from: Timestamp) -> Self {
        Self { timeframe, from_ms: from.millis(), before: None, open: None }
    }

    /// Takes a trade; bars that are complete with it go to the end of the block.
    pub(crate) fn trade(&mut self, ts: Timestamp, price: f64, quantity: f64, block: &mut BarBlock) {
        let open_ms = self.timeframe.open_of(ts).millis();
        if open_ms < self.from_ms {
            self.before = Some(price);
            return;
        }
        let (from_ms, before) = (self.from_ms, self.before);
        let open = self.open.get_or_insert_with(|| match before {
            Some(before) => OpenBar::flat(from_ms, before),
            None => OpenBar::flat(open_ms, price),
        });
        open.close_until(open_ms, self.timeframe.millis(), block);
        open.add(price, quantity);
    }

    /// Ends with the bar that closes at `to`.
    pub(crate) fn finish(&mut self, to: Timestamp, block: &mut BarBlock) {
        let begun = self.open.take().or_else(|| Some(OpenBar::flat(self.from_ms, self.before?)));
        if let Some(mut open) = begun {
            open.close_until(to.millis(), self.timeframe.millis(), block);
        }
    }
}

impl OpenBar {
    const fn flat(open_ms: i64, price: f64) -> Self {
        Self { open_ms, prices: [price; 4], volume: 0.0, is_traded: false }
    }

    fn add(&mut self, price: f64, quantity: f64) {
        if !std::mem::replace(&mut self.is_traded, true) {
            self.prices = [price; 4];
        }
        let [_, high, low, close] = &mut self.prices;
        (*high, *low, *close) = (high.max(price), low.min(price), price);
        self.volume += quantity;
    }

    /// Closes bars until the one that opens at `open_ms` is under way.
    fn close_until(&mut self, open_ms: i64, length_ms: i64, block: &mut BarBlock) {
        while self.open_ms < open_ms {
            let [open, high, low, close] = self.prices;
            block.open_ms.push(self.open_ms);
            block.open.push(open);
            block.high.push(high);
            block.low.push(low);
            block.close.push(close);
            block.volume.push(self.volume);
            *self = Self::flat(self.open_ms + length_ms, close);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_704_067_200_000;

    fn bars(trades: &[(i64, f64, f64)], from_s: i64, to_s: i64) -> Vec<(i64, [f64; 4], f64)> {
        let at = |seconds: i64| Timestamp::from_millis(START + seconds * 1_000);
        let (mut builder, mut block) = (BarBuilder::new(Timeframe::MINUTE, at(from_s)), BarBlock::default());
        for (second, price, quantity) in trades {
            builder.trade(at(*second), *price, *quantity, &mut block);
        }
        builder.finish(at(to_s), &mut block);
        let row = |row: usize| {
            let prices = [block.open[row], block.high[row], block.low[row], block.close[row]];
            ((block.open_ms[row] - START) / 1_000, prices, block.volume[row])
        };
        (0..block.len()).map(row).collect()
    }

    #[test]
    fn prices_stand_where_nothing_is_traded() {
        let trades = [(61, 5.0, 1.0), (70, 7.0, 2.0), (119, 6.0, 1.0), (241, 4.0, 1.0)];
        let expected = [
            (60, [5.0, 7.0, 5.0, 6.0], 4.0),
            (120, [6.0; 4], 0.0),
            (180, [6.0; 4], 0.0),
            (240, [4.0; 4], 1.0),
            (300, [4.0; 4], 0.0),
        ];
        assert_eq!(bars(&trades, 0, 360), expected, "the first bar is the first with a trade");
        assert_eq!(bars(&trades, 0, 240), expected[..3], "what begins at the end is not whole");
    }

    #[test]
    fn a_price_from_before_makes_the_first_bar() {
        assert_eq!(
            bars(&[(59, 9.0, 1.0), (125, 8.0, 1.0)], 60, 180),
            [(60, [9.0; 4], 0.0), (120, [8.0; 4], 1.0)]
        );
        assert_eq!(bars(&[(59, 9.0, 1.0)], 60, 180), [(60, [9.0; 4], 0.0), (120, [9.0; 4], 0.0)]);
        assert_eq!(bars(&[], 60, 180), []);
    }
}
