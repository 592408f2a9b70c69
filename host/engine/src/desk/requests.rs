//! What a strategy leaves on its desk for the engine.

use cryptobot_model::{OrderId, OrderKind, OrderTerms, SeriesId, Side, Timestamp, TriggerSource};

/// What a strategy wants done, in the numbers it gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Intent {
    /// A new order.
    Order {
        /// The id it was given.
        id: OrderId,
        /// The series it is for.
        series: SeriesId,
        /// Buy or sell.
        side: Side,
        /// Amount as given.
        quantity: f64,
        /// Kind and prices as given.
        kind: OrderKind<f64>,
        /// What binds it to a position or to other orders.
        terms: OrderTerms,
        /// The target, where the order came from `target-position`.
        target: Option<f64>,
    },
    /// An order without a size: the host sizes it and adds its stop and target.
    Signal(Signal),
    /// New numbers for an order that rests.
    Modify {
        /// The order.
        id: OrderId,
        /// New quantity in all, as given.
        quantity: f64,
        /// New limit price, or trigger where it has none, as given.
        price: f64,
    },
    /// Cancel one order.
    Cancel {
        /// The order.
        id: OrderId,
    },
    /// Cancel all orders of a series' instrument.
    CancelAll {
        /// The series.
        series: SeriesId,
    },
}

/// A wish to be in the market, without a size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Signal {
    /// The id of the entry; stop and target have the two that follow.
    pub id: OrderId,
    /// The series it is for.
    pub series: SeriesId,
    /// Buy or sell.
    pub side: Side,
    /// How sure the strategy is, 0 to 1.
    pub confidence: f64,
    /// Price at which the idea is wrong.
    pub stop: Option<f64>,
    /// Price at which it has paid.
    pub target: Option<f64>,
}

/// An entry with the orders that protect it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bracket {
    /// Limit price of the entry; a market order without one.
    pub entry: Option<f64>,
    /// Trigger of the stop.
    pub stop: f64,
    /// Trigger of the take-profit.
    pub target: Option<f64>,
    /// The price that stop and take-profit watch.
    pub source: TriggerSource,
}

/// A wish about a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerCommand {
    /// Call back at a time; replaces a timer of the same number.
    Set {
        /// The strategy's number for it.
        id: u32,
        /// When.
        at: Timestamp,
    },
    /// Forget a timer.
    Cancel {
        /// The strategy's number for it.
        id: u32,
    },
}
