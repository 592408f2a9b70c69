//! When a working order trades on a bar, and at what price.

use crate::{Bar, OrderKind, Side, Tif};

/// What a bar does to an order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outcome {
    /// Nothing.
    Rests,
    /// It trades at a price.
    Trades(f64),
    /// It ends without trading.
    Ends,
}

/// What `bar` does to an order that was there when it opened.
pub(super) fn outcome(side: Side, kind: OrderKind, bar: &Bar) -> Outcome {
    match kind {
        OrderKind::Market => Outcome::Trades(bar.open),
        OrderKind::Limit { price, tif } => {
            let reached = match side {
                Side::Buy => bar.open <= price || bar.low < price,
                Side::Sell => bar.open >= price || bar.high > price,
            };
            let at_once = match side {
                Side::Buy => bar.open <= price,
                Side::Sell => bar.open >= price,
            };
            match tif {
                Tif::Ioc | Tif::Fok if at_once => Outcome::Trades(price),
                Tif::Ioc | Tif::Fok => Outcome::Ends,
                Tif::Gtc | Tif::Gtx if reached => Outcome::Trades(price),
                Tif::Gtc | Tif::Gtx => Outcome::Rests,
            }
        }
        OrderKind::Stop { trigger, .. } => match side {
            Side::Buy if bar.high >= trigger => Outcome::Trades(trigger.max(bar.open)),
            Side::Sell if bar.low <= trigger => Outcome::Trades(trigger.min(bar.open)),
            Side::Buy | Side::Sell => Outcome::Rests,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TriggerSource;

    const BAR: Bar = Bar { ts: 1, open: 100.0, high: 110.0, low: 90.0, close: 105.0, volume: 1.0 };

    #[test]
    fn orders_trade_at_the_prices_of_the_rules() {
        let stop = |trigger| OrderKind::Stop { trigger, source: TriggerSource::Last };
        let limit = |price, tif| OrderKind::Limit { price, tif };
        assert_eq!(outcome(Side::Buy, OrderKind::Market, &BAR), Outcome::Trades(100.0));
        assert_eq!(outcome(Side::Buy, stop(108.0), &BAR), Outcome::Trades(108.0));
        assert_eq!(outcome(Side::Sell, stop(102.0), &BAR), Outcome::Trades(100.0));
        assert_eq!(outcome(Side::Sell, stop(89.0), &BAR), Outcome::Rests);
        assert_eq!(outcome(Side::Buy, limit(95.0, Tif::Gtc), &BAR), Outcome::Trades(95.0));
        assert_eq!(outcome(Side::Buy, limit(90.0, Tif::Gtc), &BAR), Outcome::Rests);
        assert_eq!(outcome(Side::Buy, limit(95.0, Tif::Ioc), &BAR), Outcome::Ends);
    }
}
