//! An order at the exchange, and the prices that move it.

use cryptobot_model::{
    Callback, OrderEvent, OrderEventKind, OrderId, OrderKind, OrderRequest, Price, Quantity, RefusalReason,
    Side, Timestamp, Trigger, TriggerSource,
};
use cryptobot_risk::Grid;

use crate::book::Report;

/// How an order meets the market when it next does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Just arrived: it may take, and its trigger may not have been touched yet.
    New,
    /// Its numbers changed or its parent was filled: it may take, and its trigger may have been touched.
    Moved,
    /// Part of the book.
    Resting,
}

/// An order at the exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Working {
    pub(crate) order: OrderRequest,
    pub(crate) remaining: Quantity,
    /// The price that moves it: its trigger while it sleeps, else its limit. NaN for market orders, which never rest,
    /// and for trailing stops that have not started.
    pub(crate) level: f64,
    pub(crate) standing: Standing,
    /// It waits for its trigger.
    pub(crate) asleep: bool,
    /// It waits for its parent's fill.
    pub(crate) waits: bool,
    /// Best price that a trailing stop has seen; NaN before it started.
    best: f64,
}

impl Working {
    pub(crate) fn new(order: OrderRequest) -> Self {
        let level = order.kind.trigger_price().or(order.kind.limit().map(|(price, _)| price));
        Self {
            order,
            remaining: order.quantity,
            level: level.map_or(f64::NAN, Price::to_f64),
            standing: Standing::New,
            asleep: order.kind.trigger().is_some(),
            waits: order.terms.parent.is_some(),
            best: f64::NAN,
        }
    }

    /// What it waits for: the direction and the watched price; `None` once it is awake.
    pub(crate) const fn watches(&self) -> Option<(Trigger, TriggerSource)> {
        if self.asleep { self.order.kind.trigger() } else { None }
    }

    /// Whether a watched price wakes it.
    pub(crate) fn wakes_at(&self, trigger: Trigger, price: f64) -> bool {
        // A stop that buys and a take-profit that sells are touched from below.
        if (trigger == Trigger::Stop) == (self.order.side == Side::Buy) {
            price >= self.level
        } else {
            price <= self.level
        }
    }

    /// Whether `price` trades through its limit.
    pub(crate) fn traded_through(&self, price: f64) -> bool {
        match self.order.side {
            Side::Buy => price < self.level,
            Side::Sell => price > self.level,
        }
    }

    /// Whether it is a price from its level on upward that moves it, or one downward; `None` where it is no single level,
    /// or not only prices.
    pub(crate) fn moves_up_at(&self) -> Option<bool> {
        let follows = matches!(self.order.kind, OrderKind::TrailingStop { .. }) && self.asleep;
        if follows || self.standing != Standing::Resting || self.level.is_nan() || self.deadline().is_some() {
            return None;
        }
        let buys = self.order.side == Side::Buy;
        Some(match self.watches() {
            Some((trigger, _)) => (trigger == Trigger::Stop) == buys,
            None => !buys,
        })
    }

    /// The time at which it expires.
    pub(crate) const fn deadline(&self) -> Option<Timestamp> {
        self.order.kind.deadline()
    }

    /// A watched price moves a trailing stop: it starts it, or takes its trigger along. The trigger never goes back.
    pub(crate) fn follow(&mut self, price: f64, grid: &Grid) {
        let OrderKind::TrailingStop { callback, .. } = self.order.kind else { return };
        if !self.asleep || !self.is_followed_by(price) {
            return;
        }
        self.best = price;
        let away = self.order.side.sign();
        let trigger = match callback {
            Callback::Bps(bps) => price * (1.0 + away * bps * 1e-4),
            Callback::Distance(distance) => price + away * distance.to_f64(),
        };
        self.level = grid.adverse_price(trigger, self.order.side).map_or(f64::NAN, Price::to_f64);
    }

    /// Whether a watched price starts a trailing stop or is better than the best it has seen.
    pub(crate) fn is_followed_by(&self, price: f64) -> bool {
        let OrderKind::TrailingStop { activation, .. } = self.order.kind else { return false };
        // A stop that sells follows rising prices, one that buys falling ones.
        let ahead = |of: f64| match self.order.side {
            Side::Sell => price > of,
            Side::Buy => price < of,
        };
        if self.best.is_nan() {
            activation.is_none_or(|at| ahead(at.to_f64()) || price == at.to_f64())
        } else {
            ahead(self.best)
        }
    }

    /// Whether it waits for an order's fill.
    pub(crate) fn waits_for(&self, parent: OrderId) -> bool {
        self.waits && self.order.terms.parent == parent
    }

    /// Limits an order that waited to what its parent was filled for.
    pub(crate) fn release(&mut self, filled: Quantity) {
        self.waits = false;
        self.standing = Standing::Moved;
        self.order.quantity = self.order.quantity.min(filled);
        self.remaining = self.order.quantity;
    }

    /// Takes new numbers; tells whether anything is left to fill. A trailing stop finds its price by itself, and an
    /// order that closes the position its quantity.
    pub(crate) fn amend(&mut self, quantity: Quantity, price: Price) -> bool {
        let filled = self.order.quantity - self.remaining;
        if !self.order.terms.close_position {
            self.order.quantity = quantity;
            self.remaining = quantity - filled;
        }
        match &mut self.order.kind {
            OrderKind::Limit { price: of, .. }
            | OrderKind::StopMarket { trigger: of, .. }
            | OrderKind::TakeProfitMarket { trigger: of, .. } => {
                *of = price;
                self.level = price.to_f64();
            }
            OrderKind::StopLimit { price: of, .. } | OrderKind::TakeProfitLimit { price: of, .. } => {
                *of = price;
                if !self.asleep {
                    self.level = price.to_f64();
                }
            }
            OrderKind::Market | OrderKind::TrailingStop { .. } => {}
        }
        let is_left = self.order.terms.close_position || self.remaining.signum() == 1;
        if !is_left {
            self.remaining = Quantity::ZERO;
        }
        is_left
    }

    /// Whether a change makes it meet the market anew: not while it waits for its parent, nor where what changed is the
    /// limit behind a trigger, nor a trailing stop, which keeps its own price. What is new meets the market anyway.
    pub(crate) const fn meets_when_amended(&self) -> bool {
        let watched_price_is_fixed = !self.asleep
            || matches!(self.order.kind, OrderKind::StopMarket { .. } | OrderKind::TakeProfitMarket { .. });
        !self.waits && matches!(self.standing, Standing::Resting) && watched_price_is_fixed
    }

    pub(crate) const fn id(&self) -> OrderId {
        self.order.id
    }

    /// An event of this order without an execution.
    pub(crate) fn event(&self, ts: Timestamp, kind: OrderEventKind, reason: Option<RefusalReason>) -> Report {
        let OrderRequest { strategy, series, id, side, .. } = self.order;
        let plain = OrderEvent::plain(strategy, series, id, side, ts, kind);
        Report::new(OrderEvent { remaining: self.remaining, reason, ..plain }, None)
    }
}

#[cfg(test)]
mod tests {
    use cryptobot_model::{
        ContractTerms, Instrument, InstrumentId, Money, OrderTerms, SeriesId, StrategyId, TimeInForce,
    };
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::*;

    fn grid() -> Grid {
        let instrument: Instrument = Instrument {
            venue: "test".to_owned(),
            symbol: "S".to_owned(),
            tick: Price::new("0.01".parse().unwrap()),
            lot: Quantity::new("0.001".parse().unwrap()),
            min_notional: Money::ZERO,
            maker_fee: "0".parse().unwrap(),
            taker_fee: "0".parse().unwrap(),
            funding: false,
            terms: ContractTerms::default(),
        };
        Grid::new(&instrument)
    }

    fn working(side: Side, kind: OrderKind<Price>) -> Working {
        Working::new(OrderRequest {
            id: OrderId::new(StrategyId(0), 1),
            strategy: StrategyId(0),
            series: SeriesId(0),
            instrument: InstrumentId(0),
            side,
            quantity: Quantity::new(Decimal::from(3)),
            kind,
            terms: OrderTerms::FREE,
            decided_at: Timestamp(0),
        })
    }

    #[test]
    fn an_amendment_counts_what_was_filled() {
        let price = Price::new(Decimal::from(100));
        let mut order = working(Side::Buy, OrderKind::Limit { price, tif: TimeInForce::Gtc });
        order.remaining = Quantity::new(Decimal::from(1));
        let mut more = order;
        assert!(more.amend(Quantity::new(Decimal::from(5)), price));
        assert_eq!(more.remaining.to_string(), "3");
        assert!(!order.amend(Quantity::new(Decimal::from(2)), price), "2 of 2 are filled");
        assert_eq!(order.remaining, Quantity::ZERO);
    }

    proptest! {
        /// The trigger of a trailing stop never goes back, and stays its distance behind the best price.
        #[test]
        fn a_trailing_trigger_is_monotone(
            prices in prop::collection::vec(9_000_i64..11_000, 1..60),
            sells in any::<bool>(),
            by_share in any::<bool>(),
            activation in prop::option::of(9_000_i64..11_000),
        ) {
            let side = if sells { Side::Sell } else { Side::Buy };
            let cents = |value: i64| Price::new(Decimal::new(value, 2));
            let callback = if by_share { Callback::Bps(100.0) } else { Callback::Distance(cents(125)) };
            let kind = OrderKind::TrailingStop {
                callback,
                activation: activation.map(cents),
                source: TriggerSource::Last,
            };
            let (mut order, grid) = (working(side, kind), grid());
            let mut best: Option<i64> = None;
            for price in prices {
                let before = order.level;
                order.follow(cents(price).to_f64(), &grid);
                let ahead = |of: i64| if sells { price >= of } else { price <= of };
                if best.map_or_else(|| activation.is_none_or(ahead), ahead) {
                    best = Some(price);
                }
                let Some(best) = best else {
                    prop_assert!(order.level.is_nan());
                    continue;
                };
                prop_assert!(before.is_nan() || (order.level - before) * -side.sign() >= 0.0);
                let away = if by_share { best as f64 * 0.01 } else { 125.0 };
                let exact = best as f64 + side.sign() * away;
                let behind = (order.level * 100.0 - exact) * side.sign();
                prop_assert!((-1e-6..1.0 + 1e-6).contains(&behind), "{} for {exact}", order.level);
            }
        }
    }
}
