//! Orders as a strategy asks for them and as the host normalises them.

use serde::{Deserialize, Serialize};

use crate::{InstrumentId, OrderId, Price, Quantity, SeriesId, StrategyId, Timestamp};

/// Buy or sell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Buy: the position grows.
    Buy,
    /// Sell: the position shrinks or goes short.
    Sell,
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

    /// `quantity` with this side's sign: positive for buy, negative for sell.
    pub fn signed(self, quantity: Quantity) -> Quantity {
        match self {
            Self::Buy => quantity,
            Self::Sell => -quantity,
        }
    }
}

/// How long an order lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeInForce {
    /// Until cancelled.
    Gtc,
    /// What can be filled at once is filled, the rest is cancelled.
    Ioc,
    /// All at once or nothing.
    Fok,
    /// Post-only: rejected when it would take.
    Gtx,
}

/// Which price wakes a stop order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TriggerSource {
    /// The mark price.
    Mark,
    /// The last traded price.
    Last,
}

/// What an order does when it reaches the exchange, generic over the kind of number: `f64` as the plugin gave
/// it, [`Price`] once it is on the instrument's grid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderKind<P> {
    /// At the best price there is.
    Market,
    /// At `price` or better.
    Limit {
        /// Worst acceptable price.
        price: P,
        /// How long it lives.
        tif: TimeInForce,
    },
    /// Becomes a market order when `source` touches `trigger`.
    StopMarket {
        /// Wakes a buy from below, a sell from above.
        trigger: P,
        /// The price that is watched.
        source: TriggerSource,
    },
}

/// An order as it goes to a venue: numbers are on the instrument's grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OrderRequest {
    /// Client order id.
    pub id: OrderId,
    /// Owner.
    pub strategy: StrategyId,
    /// The owner's series it was given for.
    pub series: SeriesId,
    /// What to trade.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Amount, positive.
    pub quantity: Quantity,
    /// Kind and prices.
    pub kind: OrderKind<Price>,
    /// May only reduce the strategy's position.
    pub reduce_only: bool,
    /// Event time at which the strategy decided.
    pub decided_at: Timestamp,
}

/// Why an order was refused before it reached the exchange, or ended without being filled. The numbers are part
/// of the plugin contract (`order-event.reason`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u32)]
pub enum RefusalReason {
    /// A number that is not finite, negative where it may not be, or beyond what the host accepts.
    InvalidArgument = 1,
    /// Zero after rounding to the lot, or less than the minimum notional.
    BelowMinimum = 2,
    /// The position after the order would exceed the strategy's equity times its leverage.
    InsufficientMargin = 3,
    /// Reduce-only, and there is no position that it would reduce.
    NothingToReduce = 4,
    /// Too many orders open at once.
    TooManyOrders = 5,
    /// A post-only order that would have taken.
    WouldTake = 6,
    /// Fill-or-kill or immediate-or-cancel, and the market did not fill it.
    NotFillable = 7,
    /// Orders are not accepted at this moment (during `init`).
    NotAccepting = 8,
    /// The strategy was quarantined after a fault.
    Quarantined = 9,
    /// No open order has that id.
    UnknownOrder = 10,
    /// No market data of the instrument has been seen yet.
    NoMarket = 11,
}

impl RefusalReason {
    /// The number plugins see.
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// The name in journals, reports and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid-argument",
            Self::BelowMinimum => "below-minimum",
            Self::InsufficientMargin => "insufficient-margin",
            Self::NothingToReduce => "nothing-to-reduce",
            Self::TooManyOrders => "too-many-orders",
            Self::WouldTake => "would-take",
            Self::NotFillable => "not-fillable",
            Self::NotAccepting => "not-accepting",
            Self::Quarantined => "quarantined",
            Self::UnknownOrder => "unknown-order",
            Self::NoMarket => "no-market",
        }
    }
}
