//! When a working order trades on a bar, and at what price.
//!
//! A bar does not tell its path, so that what may have come first is taken to have: stops and trailing stops see the
//! whole bar, whenever they came to life in it; limits and take-profits that came to life inside it see only its close.

use super::desk::reason;
use crate::{Bar, Callback, Lifetime, OrderKind, Side, Tif};

/// When an order came to be in a bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Since {
    /// It was there at the open.
    Open,
    /// It came to life inside the bar, at this price.
    Inside(f64),
}

/// What a bar does to an order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outcome {
    /// Nothing.
    Rests,
    /// It trades at a price.
    Trades(f64),
    /// It is awake from now on: a limit order.
    Wakes(Since),
    /// It ends without trading, for a reason.
    Ends(u32),
}

/// A bar as an order meets it.
struct View<'a> {
    bar: &'a Bar,
    since: Since,
    /// The price the order meets first.
    start: f64,
    /// The extremes that the price has certainly had since then.
    high: f64,
    low: f64,
}

/// What `bar` does to an order that is in it `since`. `best` is the best price of a trailing stop once it trails.
pub(super) fn outcome(
    side: Side,
    kind: OrderKind,
    best: &mut Option<f64>,
    since: Since,
    bar: &Bar,
) -> Outcome {
    let (start, high, low) = match since {
        Since::Open => (bar.open, bar.high, bar.low),
        Since::Inside(at) => (at, at.max(bar.close), at.min(bar.close)),
    };
    let view = View { bar, since, start, high, low };
    match kind {
        OrderKind::Market => Outcome::Trades(start),
        OrderKind::Limit { price, lifetime } => view.limit(side, price, lifetime),
        OrderKind::Stop { trigger, .. } => view.stop(side, trigger).map_or(Outcome::Rests, Outcome::Trades),
        OrderKind::StopLimit { trigger, .. } => view.wakes(view.stop(side, trigger)),
        OrderKind::TakeProfit { trigger, .. } => {
            view.take_profit(side, trigger).map_or(Outcome::Rests, Outcome::Trades)
        }
        OrderKind::TakeProfitLimit { trigger, .. } => view.wakes(view.take_profit(side, trigger)),
        OrderKind::TrailingStop { callback, activation, .. } => view.trail(side, callback, activation, best),
    }
}

impl View<'_> {
    fn limit(&self, side: Side, price: f64, lifetime: Lifetime) -> Outcome {
        let (at_once, through) = match side {
            Side::Buy => (self.start <= price, self.low < price),
            Side::Sell => (self.start >= price, self.high > price),
        };
        match (lifetime, self.since) {
            (Lifetime::Tif(Tif::Gtx), Since::Inside(_)) if at_once => Outcome::Ends(reason::WOULD_TAKE),
            (_, Since::Inside(at)) if at_once => Outcome::Trades(at),
            (Lifetime::Tif(Tif::Ioc | Tif::Fok), _) if !at_once => Outcome::Ends(reason::NOT_FILLABLE),
            _ if at_once || through => Outcome::Trades(price),
            _ => Outcome::Rests,
        }
    }

    /// The price at which a stop is touched: the worse of trigger and start.
    fn stop(&self, side: Side, trigger: f64) -> Option<f64> {
        match side {
            Side::Buy => (self.bar.high >= trigger).then(|| trigger.max(self.start)),
            Side::Sell => (self.bar.low <= trigger).then(|| trigger.min(self.start)),
        }
    }

    /// The price at which a take-profit is touched: the trigger, or the start where that is beyond it.
    fn take_profit(&self, side: Side, trigger: f64) -> Option<f64> {
        match side {
            Side::Buy => (self.low <= trigger).then(|| trigger.min(self.start)),
            Side::Sell => (self.high >= trigger).then(|| trigger.max(self.start)),
        }
    }

    fn wakes(&self, touched: Option<f64>) -> Outcome {
        match touched {
            None => Outcome::Rests,
            Some(at) if self.since == Since::Open && at == self.start => Outcome::Wakes(Since::Open),
            Some(at) => Outcome::Wakes(Since::Inside(at)),
        }
    }

    /// The trigger rests where it was until the bar is over; then it follows the bar's best price, and has been touched
    /// if the close is beyond it.
    fn trail(
        &self,
        side: Side,
        callback: Callback,
        activation: Option<f64>,
        best: &mut Option<f64>,
    ) -> Outcome {
        let trigger = |best: f64| {
            let distance = match callback {
                Callback::Bps(bps) => best * bps / 10_000.0,
                Callback::Distance(distance) => distance,
            };
            best + side.sign() * distance
        };
        if best.is_none() && activation.is_none() {
            *best = Some(self.start);
        }
        if let Some(touched) = best.and_then(|best| self.stop(side, trigger(best))) {
            return Outcome::Trades(touched);
        }
        let (reached, is_active, followed) = match side {
            Side::Buy => {
                (self.low, activation.is_some_and(|at| self.low <= at), best.map(|b| b.min(self.low)))
            }
            Side::Sell => {
                (self.high, activation.is_some_and(|at| self.high >= at), best.map(|b| b.max(self.high)))
            }
        };
        *best = followed.or_else(|| is_active.then_some(reached));
        match best.map(trigger) {
            Some(at) if side.sign() * (self.bar.close - at) >= 0.0 => Outcome::Trades(at),
            _ => Outcome::Rests,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAR: Bar = Bar { ts: 1, open: 100.0, high: 110.0, low: 90.0, close: 105.0, volume: 1.0 };

    fn met(side: Side, kind: OrderKind, since: Since) -> Outcome {
        outcome(side, kind, &mut None, since, &BAR)
    }

    #[test]
    fn orders_trade_at_the_prices_of_the_rules() {
        use OrderKind as Kind;
        let ioc = Kind::limit(95.0).lifetime(Lifetime::Tif(Tif::Ioc));
        for (side, kind, expected) in [
            (Side::Buy, Kind::Market, Outcome::Trades(100.0)),
            (Side::Buy, Kind::stop(108.0), Outcome::Trades(108.0)),
            (Side::Sell, Kind::stop(102.0), Outcome::Trades(100.0)),
            (Side::Sell, Kind::stop(89.0), Outcome::Rests),
            (Side::Buy, Kind::limit(95.0), Outcome::Trades(95.0)),
            (Side::Buy, Kind::limit(90.0), Outcome::Rests),
            (Side::Buy, ioc, Outcome::Ends(reason::NOT_FILLABLE)),
            (Side::Sell, Kind::take_profit(110.0), Outcome::Trades(110.0)),
            (Side::Sell, Kind::take_profit(99.0), Outcome::Trades(100.0)),
            (Side::Buy, Kind::take_profit(89.0), Outcome::Rests),
            (Side::Sell, Kind::stop_limit(95.0, 94.0), Outcome::Wakes(Since::Inside(95.0))),
            (Side::Sell, Kind::stop_limit(101.0, 104.0), Outcome::Wakes(Since::Open)),
        ] {
            assert_eq!(met(side, kind, Since::Open), expected, "{side:?} {kind:?}");
        }
    }

    #[test]
    fn inside_a_bar_the_worse_half_is_believed() {
        let inside = Since::Inside(97.0);
        // The low may have come later, the high may have come before.
        assert_eq!(met(Side::Sell, OrderKind::stop(91.0), inside), Outcome::Trades(91.0));
        assert_eq!(met(Side::Sell, OrderKind::take_profit(109.0), inside), Outcome::Rests);
        assert_eq!(met(Side::Sell, OrderKind::take_profit(104.0), inside), Outcome::Trades(104.0));
        assert_eq!(met(Side::Sell, OrderKind::limit(96.0), inside), Outcome::Trades(97.0));
        let post_only = OrderKind::limit(96.0).lifetime(Lifetime::Tif(Tif::Gtx));
        assert_eq!(met(Side::Sell, post_only, inside), Outcome::Ends(reason::WOULD_TAKE));
    }

    #[test]
    fn a_trailing_stop_follows_the_best_price() {
        let bar = |open: f64, high, low, close| Bar { open, high, low, close, ..BAR };
        let kind = OrderKind::trailing_by(5.0);
        let mut best = None;
        let mut meet = |side, kind, bar: Bar| (outcome(side, kind, &mut best, Since::Open, &bar), best);
        // Its first trigger is 95; then it follows to 107.
        assert_eq!(meet(Side::Sell, kind, bar(100.0, 112.0, 96.0, 111.0)), (Outcome::Rests, Some(112.0)));
        // It does not go back.
        assert_eq!(meet(Side::Sell, kind, bar(111.0, 111.5, 108.0, 109.0)), (Outcome::Rests, Some(112.0)));
        assert_eq!(meet(Side::Sell, kind, bar(109.0, 110.0, 106.0, 109.0)).0, Outcome::Trades(107.0));
        // From 112 to 120 and down to 114 in one bar: through 115.
        assert_eq!(meet(Side::Sell, kind, bar(112.0, 120.0, 111.0, 114.0)).0, Outcome::Trades(115.0));

        let mut best = None;
        let short = OrderKind::trailing_bps(100.0).activation(95.0);
        let meet = outcome(Side::Buy, short, &mut best, Since::Open, &bar(100.0, 104.0, 96.0, 97.0));
        assert_eq!((meet, best), (Outcome::Rests, None));
        let meet = outcome(Side::Buy, short, &mut best, Since::Open, &bar(97.0, 97.0, 90.0, 90.5));
        assert_eq!((meet, best), (Outcome::Rests, Some(90.0)));
        let meet = outcome(Side::Buy, short, &mut best, Since::Open, &bar(90.5, 91.0, 90.2, 90.3));
        assert_eq!(meet, Outcome::Trades(90.0 * 1.01));
    }
}
