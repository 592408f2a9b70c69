//! Orders as values.

use serde::{Deserialize, Serialize};

use crate::{OrderEventKind, Side, Tif, TriggerSource};

/// What an order does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum OrderKind {
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

/// An order to [`submit`](crate::Host::submit): `Order::stop(Side::Sell, 1.0, 95.0, TriggerSource::Mark).reduce_only()`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Buy or sell.
    pub side: Side,
    /// Amount in base units, positive. The host rounds it toward zero to the lot.
    pub quantity: f64,
    /// Kind and prices.
    pub kind: OrderKind,
    /// May only reduce the position.
    pub reduce_only: bool,
}

impl Order {
    /// A market order.
    pub const fn market(side: Side, quantity: f64) -> Self {
        Self { side, quantity, kind: OrderKind::Market, reduce_only: false }
    }

    /// A limit order that stays until it is cancelled.
    pub const fn limit(side: Side, quantity: f64, price: f64) -> Self {
        Self { side, quantity, kind: OrderKind::Limit { price, tif: Tif::Gtc }, reduce_only: false }
    }

    /// A stop-market order.
    pub const fn stop(side: Side, quantity: f64, trigger: f64, source: TriggerSource) -> Self {
        Self { side, quantity, kind: OrderKind::Stop { trigger, source }, reduce_only: false }
    }

    /// The same order with another life time; only limit orders have one.
    #[must_use]
    pub const fn tif(mut self, tif: Tif) -> Self {
        if let OrderKind::Limit { price, .. } = self.kind {
            self.kind = OrderKind::Limit { price, tif };
        }
        self
    }

    /// The same order, which may only reduce the position.
    #[must_use]
    pub const fn reduce_only(mut self) -> Self {
        self.reduce_only = true;
        self
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
}
