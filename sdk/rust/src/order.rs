//! Orders as values: single ones here, those of several steps in [`advanced`](crate::advanced).

use serde::{Deserialize, Serialize};

use crate::advanced::{Bracket, ClosePosition, Exit, Pair};
use crate::{Callback, Lifetime, OrderEventKind, Side, Tif, TriggerSource};

/// The kinds that every plugin may use: those of the contract's interface `orders`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum BasicKind {
    /// Trades at the best price there is.
    Market,
    /// Trades at `price` or better.
    Limit {
        /// Worst acceptable price.
        price: f64,
        /// How long it lives.
        tif: Tif,
    },
    /// Becomes a market order when `source` touches `trigger`.
    Stop {
        /// Wakes a buy from below, a sell from above.
        trigger: f64,
        /// The price that is watched.
        source: TriggerSource,
    },
}

/// All kinds of orders: those of the contract's interface `advanced-orders`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum OrderKind {
    /// Trades at the best price there is.
    Market,
    /// Trades at `price` or better.
    Limit {
        /// Worst acceptable price.
        price: f64,
        /// How long it lives.
        lifetime: Lifetime,
    },
    /// Becomes a market order when `source` touches `trigger`.
    Stop {
        /// Wakes a buy from below, a sell from above.
        trigger: f64,
        /// The price that is watched.
        source: TriggerSource,
    },
    /// Becomes a limit order when `source` touches `trigger`.
    StopLimit {
        /// Wakes a buy from below, a sell from above.
        trigger: f64,
        /// The price that is watched.
        source: TriggerSource,
        /// Worst acceptable price once it is awake.
        price: f64,
        /// How long it lives.
        lifetime: Lifetime,
    },
    /// Becomes a market order when `source` touches `trigger` from the other side than a stop.
    TakeProfit {
        /// Wakes a buy from above, a sell from below.
        trigger: f64,
        /// The price that is watched.
        source: TriggerSource,
    },
    /// Becomes a limit order when `source` touches `trigger` from the other side than a stop.
    TakeProfitLimit {
        /// Wakes a buy from above, a sell from below.
        trigger: f64,
        /// The price that is watched.
        source: TriggerSource,
        /// Worst acceptable price once it is awake.
        price: f64,
        /// How long it lives.
        lifetime: Lifetime,
    },
    /// A stop whose trigger follows the best price and never goes back.
    TrailingStop {
        /// How far the trigger stays behind the best price.
        callback: Callback,
        /// Price whose touch starts it; without one it starts when it arrives.
        activation: Option<f64>,
        /// The price that is watched.
        source: TriggerSource,
    },
}

/// Until cancelled, as orders live unless they are told otherwise.
const GTC: Lifetime = Lifetime::Tif(Tif::Gtc);

/// Kinds that watch a price watch the mark price unless [`OrderKind::source`] says otherwise.
impl OrderKind {
    /// A limit that stays until it is cancelled.
    pub const fn limit(price: f64) -> Self {
        Self::Limit { price, lifetime: GTC }
    }

    /// A stop-market.
    pub const fn stop(trigger: f64) -> Self {
        Self::Stop { trigger, source: TriggerSource::Mark }
    }

    /// A stop-limit.
    pub const fn stop_limit(trigger: f64, price: f64) -> Self {
        Self::StopLimit { trigger, source: TriggerSource::Mark, price, lifetime: GTC }
    }

    /// A take-profit-market.
    pub const fn take_profit(trigger: f64) -> Self {
        Self::TakeProfit { trigger, source: TriggerSource::Mark }
    }

    /// A take-profit-limit.
    pub const fn take_profit_limit(trigger: f64, price: f64) -> Self {
        Self::TakeProfitLimit { trigger, source: TriggerSource::Mark, price, lifetime: GTC }
    }

    /// A trailing stop this many basis points behind the best price.
    pub const fn trailing_bps(bps: f64) -> Self {
        Self::TrailingStop { callback: Callback::Bps(bps), activation: None, source: TriggerSource::Mark }
    }

    /// A trailing stop this distance in price behind the best price.
    pub const fn trailing_by(distance: f64) -> Self {
        let callback = Callback::Distance(distance);
        Self::TrailingStop { callback, activation: None, source: TriggerSource::Mark }
    }

    /// The same kind, watching another price; only kinds with a trigger do.
    #[must_use]
    pub const fn source(mut self, watched: TriggerSource) -> Self {
        match &mut self {
            Self::Stop { source, .. }
            | Self::StopLimit { source, .. }
            | Self::TakeProfit { source, .. }
            | Self::TakeProfitLimit { source, .. }
            | Self::TrailingStop { source, .. } => *source = watched,
            Self::Market | Self::Limit { .. } => {}
        }
        self
    }

    /// The same kind with another life time; only kinds with a limit price have one.
    #[must_use]
    pub const fn lifetime(mut self, lives: Lifetime) -> Self {
        match &mut self {
            Self::Limit { lifetime, .. }
            | Self::StopLimit { lifetime, .. }
            | Self::TakeProfitLimit { lifetime, .. } => *lifetime = lives,
            Self::Market | Self::Stop { .. } | Self::TakeProfit { .. } | Self::TrailingStop { .. } => {}
        }
        self
    }

    /// The same kind, trailing only from the touch of a price on; only trailing stops do.
    #[must_use]
    pub const fn activation(mut self, price: f64) -> Self {
        if let Self::TrailingStop { activation, .. } = &mut self {
            *activation = Some(price);
        }
        self
    }
}

impl From<BasicKind> for OrderKind {
    fn from(kind: BasicKind) -> Self {
        match kind {
            BasicKind::Market => Self::Market,
            BasicKind::Limit { price, tif } => Self::Limit { price, lifetime: Lifetime::Tif(tif) },
            BasicKind::Stop { trigger, source } => Self::Stop { trigger, source },
        }
    }
}

/// An order to [`submit`](crate::Host::submit): `Order::stop(Side::Sell, 1.0, 95.0).reduce_only()`.
///
/// Market, limit and stop orders go through the contract's interface `orders`. The other kinds are orders of
/// [`OrderKind`] and go through `advanced-orders`, which a plugin imports only if it submits one. Triggers watch the
/// mark price unless `source` says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order<K = BasicKind> {
    /// Buy or sell.
    pub side: Side,
    /// Amount in base units, positive. The host rounds it toward zero to the lot.
    pub quantity: f64,
    /// Kind and prices.
    pub kind: K,
    /// May only reduce the position.
    pub reduce_only: bool,
}

impl<K> Order<K> {
    const fn new(side: Side, quantity: f64, kind: K) -> Self {
        Self { side, quantity, kind, reduce_only: false }
    }

    /// The same order, which may only reduce the position.
    #[must_use]
    pub const fn reduce_only(mut self) -> Self {
        self.reduce_only = true;
        self
    }
}

impl Order {
    /// A market order.
    pub const fn market(side: Side, quantity: f64) -> Self {
        Self::new(side, quantity, BasicKind::Market)
    }

    /// A limit order that stays until it is cancelled.
    pub const fn limit(side: Side, quantity: f64, price: f64) -> Self {
        Self::new(side, quantity, BasicKind::Limit { price, tif: Tif::Gtc })
    }

    /// A stop-market order.
    pub const fn stop(side: Side, quantity: f64, trigger: f64) -> Self {
        Self::new(side, quantity, BasicKind::Stop { trigger, source: TriggerSource::Mark })
    }

    /// The same order with another life time; only limit orders have one.
    #[must_use]
    pub const fn tif(mut self, tif: Tif) -> Self {
        if let BasicKind::Limit { price, .. } = self.kind {
            self.kind = BasicKind::Limit { price, tif };
        }
        self
    }

    /// The same order, watching another price; only stops do.
    #[must_use]
    pub const fn source(mut self, source: TriggerSource) -> Self {
        if let BasicKind::Stop { trigger, .. } = self.kind {
            self.kind = BasicKind::Stop { trigger, source };
        }
        self
    }

    /// The same order, of which at `ts` (event time, ns) expires what is left; only limit orders do. It goes through
    /// `advanced-orders`.
    #[must_use]
    pub fn until(self, ts: i64) -> Order<OrderKind> {
        Order::<OrderKind>::from(self).until(ts)
    }
}

/// Orders of the interface `advanced-orders`.
impl Order {
    /// A stop-limit order: a limit order at `price` once `trigger` is touched.
    pub const fn stop_limit(side: Side, quantity: f64, trigger: f64, price: f64) -> Order<OrderKind> {
        Order::new(side, quantity, OrderKind::stop_limit(trigger, price))
    }

    /// A take-profit-market order: wakes a sell from below, a buy from above.
    pub const fn take_profit(side: Side, quantity: f64, trigger: f64) -> Order<OrderKind> {
        Order::new(side, quantity, OrderKind::take_profit(trigger))
    }

    /// A take-profit-limit order.
    pub const fn take_profit_limit(side: Side, quantity: f64, trigger: f64, price: f64) -> Order<OrderKind> {
        Order::new(side, quantity, OrderKind::take_profit_limit(trigger, price))
    }

    /// A trailing stop this many basis points behind the best price.
    pub const fn trailing_bps(side: Side, quantity: f64, bps: f64) -> Order<OrderKind> {
        Order::new(side, quantity, OrderKind::trailing_bps(bps))
    }

    /// A trailing stop this distance in price behind the best price.
    pub const fn trailing_by(side: Side, quantity: f64, distance: f64) -> Order<OrderKind> {
        Order::new(side, quantity, OrderKind::trailing_by(distance))
    }

    /// A stop for the whole position that is there when it triggers. `side` is the order's: sell closes a long.
    pub const fn close_at_stop(side: Side, trigger: f64) -> ClosePosition {
        ClosePosition { side, exit: Exit::Stop, trigger, source: TriggerSource::Mark }
    }

    /// A take-profit for the whole position that is there when it triggers.
    pub const fn close_at_target(side: Side, trigger: f64) -> ClosePosition {
        ClosePosition { side, exit: Exit::TakeProfit, trigger, source: TriggerSource::Mark }
    }

    /// A market entry that is protected by a stop from its fill on; see [`Bracket`] for a limit entry and a target.
    pub const fn bracket(side: Side, quantity: f64, stop: f64) -> Bracket {
        Bracket { side, quantity, entry: None, stop, target: None, source: TriggerSource::Mark }
    }

    /// Two orders of which at most one is filled.
    pub const fn pair(side: Side, quantity: f64, first: OrderKind, second: OrderKind) -> Pair {
        Pair { side, quantity, first, second, reduce_only: false }
    }
}

impl Order<OrderKind> {
    /// The same order with another life time; only kinds with a limit price have one.
    #[must_use]
    pub const fn tif(mut self, tif: Tif) -> Self {
        self.kind = self.kind.lifetime(Lifetime::Tif(tif));
        self
    }

    /// The same order, of which at `ts` (event time, ns) expires what is left; only kinds with a limit price do.
    #[must_use]
    pub const fn until(mut self, ts: i64) -> Self {
        self.kind = self.kind.lifetime(Lifetime::Until(ts));
        self
    }

    /// The same order, watching another price; only kinds with a trigger do.
    #[must_use]
    pub const fn source(mut self, source: TriggerSource) -> Self {
        self.kind = self.kind.source(source);
        self
    }

    /// The same trailing stop, which starts when `price` is touched.
    #[must_use]
    pub const fn activation(mut self, price: f64) -> Self {
        self.kind = self.kind.activation(price);
        self
    }
}

impl From<Order> for Order<OrderKind> {
    fn from(order: Order) -> Self {
        let Order { side, quantity, kind, reduce_only } = order;
        Self { side, quantity, kind: kind.into(), reduce_only }
    }
}

impl PartialEq<Order> for Order<OrderKind> {
    fn eq(&self, other: &Order) -> bool {
        *self == Self::from(*other)
    }
}

impl Side {
    /// +1 for buy, −1 for sell.
    pub const fn sign(self) -> f64 {
        match self {
            Self::Buy => 1.0,
            Self::Sell => -1.0,
        }
    }

    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

impl OrderEventKind {
    /// Whether the order is over.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Rejected | Self::Filled | Self::Cancelled | Self::Expired)
    }

    /// Whether the order was executed, completely or in part.
    pub const fn is_fill(self) -> bool {
        matches!(self, Self::PartiallyFilled | Self::Filled)
    }

    /// Whether it tells what became of the order, an execution or its end: the steps that
    /// [`Wants::OUTCOMES`](crate::Wants) asks for.
    pub const fn is_outcome(self) -> bool {
        self.is_final() || self.is_fill()
    }
}
