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
    /// Until a time, at which what is left expires.
    Gtd(Timestamp),
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
    /// Becomes a limit order when `source` touches `trigger`.
    StopLimit {
        /// Wakes a buy from below, a sell from above.
        trigger: P,
        /// The price that is watched.
        source: TriggerSource,
        /// Worst acceptable price once it is awake.
        price: P,
        /// How long it lives.
        tif: TimeInForce,
    },
    /// Becomes a market order when `source` touches `trigger` from the other side than a stop.
    TakeProfitMarket {
        /// Wakes a buy from above, a sell from below.
        trigger: P,
        /// The price that is watched.
        source: TriggerSource,
    },
    /// Becomes a limit order when `source` touches `trigger` from the other side than a stop.
    TakeProfitLimit {
        /// Wakes a buy from above, a sell from below.
        trigger: P,
        /// The price that is watched.
        source: TriggerSource,
        /// Worst acceptable price once it is awake.
        price: P,
        /// How long it lives.
        tif: TimeInForce,
    },
    /// A stop-market order whose trigger follows the best price since it was activated and never goes back.
    TrailingStop {
        /// How far behind the best price the trigger stays.
        callback: Callback<P>,
        /// Price whose touch starts it; without one it starts when it arrives.
        activation: Option<P>,
        /// The price that is watched.
        source: TriggerSource,
    },
}

/// How far a trailing stop stays behind the best price.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Callback<P> {
    /// A share of the best price, in basis points.
    Bps(f64),
    /// A distance in price.
    Distance(P),
}

/// Which way the watched price has to move to wake an order of a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Against a position of the other side: a sell from above, a buy from below.
    Stop,
    /// In favour of a position of the other side: a sell from below, a buy from above.
    TakeProfit,
}

impl<P: Copy> OrderKind<P> {
    /// The same kind with every price turned into another number; `None` where one of them has no counterpart.
    /// `limit` and `trigger` turn limit prices and triggers; a trailing stop's activation and distance are triggers.
    pub fn try_map<Q>(
        &self,
        limit: impl Fn(P) -> Option<Q>,
        trigger: impl Fn(P) -> Option<Q>,
    ) -> Option<OrderKind<Q>> {
        Some(match *self {
            Self::Market => OrderKind::Market,
            Self::Limit { price, tif } => OrderKind::Limit { price: limit(price)?, tif },
            Self::StopMarket { trigger: at, source } => {
                OrderKind::StopMarket { trigger: trigger(at)?, source }
            }
            Self::StopLimit { trigger: at, source, price, tif } => {
                OrderKind::StopLimit { trigger: trigger(at)?, source, price: limit(price)?, tif }
            }
            Self::TakeProfitMarket { trigger: at, source } => {
                OrderKind::TakeProfitMarket { trigger: trigger(at)?, source }
            }
            Self::TakeProfitLimit { trigger: at, source, price, tif } => {
                OrderKind::TakeProfitLimit { trigger: trigger(at)?, source, price: limit(price)?, tif }
            }
            Self::TrailingStop { callback, activation, source } => OrderKind::TrailingStop {
                callback: match callback {
                    Callback::Bps(bps) => Callback::Bps(bps),
                    Callback::Distance(distance) => Callback::Distance(trigger(distance)?),
                },
                activation: match activation {
                    Some(at) => Some(trigger(at)?),
                    None => None,
                },
                source,
            },
        })
    }

    /// What wakes the order: the direction and the watched price; `None` for orders that are awake from the start.
    pub const fn trigger(&self) -> Option<(Trigger, TriggerSource)> {
        match *self {
            Self::Market | Self::Limit { .. } => None,
            Self::StopMarket { source, .. }
            | Self::StopLimit { source, .. }
            | Self::TrailingStop { source, .. } => Some((Trigger::Stop, source)),
            Self::TakeProfitMarket { source, .. } | Self::TakeProfitLimit { source, .. } => {
                Some((Trigger::TakeProfit, source))
            }
        }
    }

    /// The name in tables and reports.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Market => "market",
            Self::Limit { .. } => "limit",
            Self::StopMarket { .. } => "stop-market",
            Self::StopLimit { .. } => "stop-limit",
            Self::TakeProfitMarket { .. } => "take-profit-market",
            Self::TakeProfitLimit { .. } => "take-profit-limit",
            Self::TrailingStop { .. } => "trailing-stop",
        }
    }

    /// The price at which it is woken; `None` for orders that are awake and for trailing stops, whose trigger moves.
    pub const fn trigger_price(&self) -> Option<P> {
        match *self {
            Self::StopMarket { trigger, .. }
            | Self::StopLimit { trigger, .. }
            | Self::TakeProfitMarket { trigger, .. }
            | Self::TakeProfitLimit { trigger, .. } => Some(trigger),
            Self::Market | Self::Limit { .. } | Self::TrailingStop { .. } => None,
        }
    }

    /// When an order of this kind expires, where it does so at a time.
    pub const fn deadline(&self) -> Option<Timestamp> {
        match *self {
            Self::Limit { tif: TimeInForce::Gtd(at), .. }
            | Self::StopLimit { tif: TimeInForce::Gtd(at), .. }
            | Self::TakeProfitLimit { tif: TimeInForce::Gtd(at), .. } => Some(at),
            _ => None,
        }
    }

    /// The limit price and how long it lives, where there is one.
    pub const fn limit(&self) -> Option<(P, TimeInForce)> {
        match *self {
            Self::Limit { price, tif }
            | Self::StopLimit { price, tif, .. }
            | Self::TakeProfitLimit { price, tif, .. } => Some((price, tif)),
            _ => None,
        }
    }
}

/// What binds an order to a position or to other orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderTerms {
    /// May only reduce the strategy's position.
    pub reduce_only: bool,
    /// Closes the whole position that is there when it is executed; its quantity is not used.
    pub close_position: bool,
    /// It sleeps until this order is filled, and lives for as much as was filled; [`OrderId::NONE`] = none.
    pub parent: OrderId,
    /// What is filled of one is taken off the other, and the end of one by its execution ends the other; a cancel or a
    /// date ends only its own. [`OrderId::NONE`] = none.
    pub sibling: OrderId,
}

impl OrderTerms {
    /// Bound to nothing.
    pub const FREE: Self =
        Self { reduce_only: false, close_position: false, parent: OrderId::NONE, sibling: OrderId::NONE };
    /// May only reduce.
    pub const REDUCE_ONLY: Self = Self { reduce_only: true, ..Self::FREE };

    /// Bound to nothing but, where asked for, to reducing.
    pub const fn reducing(reduce_only: bool) -> Self {
        Self { reduce_only, ..Self::FREE }
    }
}

/// New numbers for an order that rests. On exchanges and here it loses its place in the queue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amendment {
    /// The order.
    pub id: OrderId,
    /// Its new quantity in all, filled part included.
    pub quantity: Quantity,
    /// Its new limit price, or trigger where it has no limit.
    pub price: Price,
    /// Event time of the decision.
    pub decided_at: Timestamp,
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
    /// What binds it to a position or to other orders.
    pub terms: OrderTerms,
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
    /// Its trigger would have been touched at once.
    WouldTrigger = 12,
    /// Its time came.
    GoodTillDate = 13,
    /// The other order of its pair was filled or ended.
    Sibling = 14,
    /// The order it waited for ended without a fill.
    Parent = 15,
    /// The position was liquidated.
    Liquidated = 16,
    /// Beyond the price band of the instrument.
    PriceBand = 17,
    /// More than the largest quantity of the instrument.
    AboveMaximum = 18,
    /// More leverage than the instrument's bracket allows.
    LeverageExceeded = 19,
    /// Too much notional in one instrument.
    InstrumentNotional = 20,
    /// Too much notional in all.
    PortfolioNotional = 21,
    /// Too many positions.
    TooManyPositions = 22,
    /// Too many orders in a time.
    OrderRate = 23,
    /// Too far from the mark price.
    PriceCollar = 24,
    /// Too much lost if its stop is hit.
    RiskPerTrade = 25,
    /// Too much lost if all stops are hit.
    PortfolioHeat = 26,
    /// Too much in instruments that move together.
    CorrelatedExposure = 27,
    /// Too soon after the last trade of the pair.
    Cooldown = 28,
    /// The same signal again.
    DuplicateSignal = 29,
    /// Too little traded volume.
    ThinMarket = 30,
    /// Too much movement.
    HighVolatility = 31,
    /// Trading is halted.
    TradingHalted = 32,
    /// Only orders that reduce positions are accepted.
    ReducingOnly = 33,
    /// The sizer needs a stop.
    MissingStop = 34,
    /// The stop is too near or too far.
    StopDistance = 35,
    /// The price jumped.
    CircuitBreaker = 36,
    /// A loss limit was reached.
    LossLimit = 37,
    /// Too few closed trades for the sizer.
    KellySample = 38,
    /// The signal's confidence is too low.
    LowConfidence = 39,
    /// The host has no sizer for orders without a quantity.
    NoSizer = 40,
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
            Self::WouldTrigger => "would-trigger",
            Self::GoodTillDate => "good-till-date",
            Self::Sibling => "sibling",
            Self::Parent => "parent",
            Self::Liquidated => "liquidated",
            Self::PriceBand => "price-band",
            Self::AboveMaximum => "above-maximum",
            Self::LeverageExceeded => "leverage-exceeded",
            Self::InstrumentNotional => "instrument-notional",
            Self::PortfolioNotional => "portfolio-notional",
            Self::TooManyPositions => "too-many-positions",
            Self::OrderRate => "order-rate",
            Self::PriceCollar => "price-collar",
            Self::RiskPerTrade => "risk-per-trade",
            Self::PortfolioHeat => "portfolio-heat",
            Self::CorrelatedExposure => "correlated-exposure",
            Self::Cooldown => "cooldown",
            Self::DuplicateSignal => "duplicate-signal",
            Self::ThinMarket => "thin-market",
            Self::HighVolatility => "high-volatility",
            Self::TradingHalted => "trading-halted",
            Self::ReducingOnly => "reducing-only",
            Self::MissingStop => "missing-stop",
            Self::StopDistance => "stop-distance",
            Self::CircuitBreaker => "circuit-breaker",
            Self::LossLimit => "loss-limit",
            Self::KellySample => "kelly-sample",
            Self::LowConfidence => "low-confidence",
            Self::NoSizer => "no-sizer",
        }
    }

    /// What a venue answers where it refuses an order of this side and time in force for this reason: code and name, as
    /// its own error list has them. `None` where it has no such refusal, or its list is not known here.
    pub fn venue_error(self, venue: &str, side: Side, tif: Option<TimeInForce>) -> Option<&'static str> {
        if venue == "binance-usdm" { self.binance_error(side, tif) } else { None }
    }

    const fn binance_error(self, side: Side, tif: Option<TimeInForce>) -> Option<&'static str> {
        Some(match (self, side) {
            (Self::InvalidArgument, _) => "-1102 MANDATORY_PARAM_EMPTY_OR_MALFORMED",
            (Self::BelowMinimum, _) => "-4164 MIN_NOTIONAL",
            (Self::InsufficientMargin, _) => "-2019 MARGIN_NOT_SUFFICIENT",
            (Self::NothingToReduce, _) => "-2022 REDUCE_ONLY_REJECT",
            (Self::TooManyOrders, _) => "-2025 MAX_OPEN_ORDER_EXCEEDED",
            (Self::WouldTake, _) => "-5022 GTX_ORDER_REJECT",
            // What is left of an immediate-or-cancel or a market order expires without an error.
            (Self::NotFillable, _) if matches!(tif, Some(TimeInForce::Fok)) => "-5021 FOK_ORDER_REJECT",
            (Self::UnknownOrder, _) => "-2011 CANCEL_REJECTED",
            (Self::WouldTrigger, _) => "-2021 ORDER_WOULD_IMMEDIATELY_TRIGGER",
            (Self::PriceBand, Side::Buy) => "-4016 PRICE_HIGHTER_THAN_MULTIPLIER_UP",
            (Self::PriceBand, Side::Sell) => "-4024 PRICE_LOWER_THAN_MULTIPLIER_DOWN",
            (Self::AboveMaximum, _) => "-4005 QTY_GREATER_THAN_MAX_QTY",
            (Self::LeverageExceeded, _) => "-2027 MAX_LEVERAGE_RATIO",
            (Self::OrderRate, _) => "-1015 TOO_MANY_ORDERS",
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_venue_names_its_own_errors() {
        let error = |reason: RefusalReason, side, tif| reason.venue_error("binance-usdm", side, tif);
        let below = RefusalReason::BelowMinimum;
        assert_eq!(error(below, Side::Buy, None), Some("-4164 MIN_NOTIONAL"));
        assert_eq!(below.venue_error("ethereal", Side::Buy, None), None, "its list is not known");
        let band = [Side::Buy, Side::Sell].map(|side| error(RefusalReason::PriceBand, side, None));
        assert_eq!(
            band,
            [Some("-4016 PRICE_HIGHTER_THAN_MULTIPLIER_UP"), Some("-4024 PRICE_LOWER_THAN_MULTIPLIER_DOWN")]
        );
        let unfilled = |tif| error(RefusalReason::NotFillable, Side::Buy, Some(tif));
        assert_eq!(unfilled(TimeInForce::Fok), Some("-5021 FOK_ORDER_REJECT"));
        assert_eq!(unfilled(TimeInForce::Ioc), None, "it expires");
        assert_eq!(error(RefusalReason::Cooldown, Side::Buy, None), None, "the host's own");
    }
}
