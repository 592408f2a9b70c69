//! Orders of more than one step, and signals: what goes through the interfaces `advanced-orders` and `signals`.

use serde::{Deserialize, Serialize};

use crate::{Host, Order, OrderId, OrderKind, Side, TriggerSource};

pub use crate::bindings::cryptobot::plugin::advanced_orders::Exit;

/// A stop or take-profit for the whole position, made by [`Order::close_at_stop`] and [`Order::close_at_target`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClosePosition {
    /// The order's side: sell closes a long position.
    pub side: Side,
    /// Stop or take-profit.
    pub exit: Exit,
    /// Price whose touch closes the position.
    pub trigger: f64,
    /// The price that is watched.
    pub source: TriggerSource,
}

impl ClosePosition {
    /// The same order, watching another price.
    #[must_use]
    pub const fn source(mut self, source: TriggerSource) -> Self {
        self.source = source;
        self
    }
}

/// An entry with the orders that protect it, made by [`Order::bracket`]:
/// `Order::bracket(Side::Buy, 1.0, 95.0).entry(99.5).target(110.0)`.
///
/// Stop and target sleep until the entry fills, only reduce, and end each other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bracket {
    /// Side of the entry.
    pub side: Side,
    /// Amount in base units, positive.
    pub quantity: f64,
    /// Limit price of the entry; a market order without one.
    pub entry: Option<f64>,
    /// Trigger of the stop-market order.
    pub stop: f64,
    /// Trigger of the take-profit-market order.
    pub target: Option<f64>,
    /// The price that stop and target watch.
    pub source: TriggerSource,
}

impl Bracket {
    /// The same bracket with a limit order as its entry.
    #[must_use]
    pub const fn entry(mut self, price: f64) -> Self {
        self.entry = Some(price);
        self
    }

    /// The same bracket with a target.
    #[must_use]
    pub const fn target(mut self, trigger: f64) -> Self {
        self.target = Some(trigger);
        self
    }

    /// The same bracket, whose stop and target watch another price.
    #[must_use]
    pub const fn source(mut self, source: TriggerSource) -> Self {
        self.source = source;
        self
    }
}

/// Two orders of one side and quantity of which at most one is filled (one cancels the other), made by
/// [`Order::pair`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Buy or sell.
    pub side: Side,
    /// Amount in base units, positive.
    pub quantity: f64,
    /// Kind and prices of the one.
    pub first: OrderKind,
    /// Kind and prices of the other.
    pub second: OrderKind,
    /// Both may only reduce the position.
    pub reduce_only: bool,
}

impl Pair {
    /// The same pair, which may only reduce the position.
    #[must_use]
    pub const fn reduce_only(mut self) -> Self {
        self.reduce_only = true;
        self
    }
}

/// The orders of a bracket or of a sized signal. Without a stop or target the id stands for nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BracketIds {
    /// The entry.
    pub entry: OrderId,
    /// The stop: the entry's id plus 1.
    pub stop: OrderId,
    /// The target: the entry's id plus 2.
    pub target: OrderId,
}

impl BracketIds {
    const fn of(entry: OrderId) -> Self {
        Self { entry, stop: entry + 1, target: entry + 2 }
    }
}

/// A wish to be in the market that the host sizes: `Signal::new(Side::Buy, 0.8).stop(95.0).target(110.0)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Buy or sell.
    pub side: Side,
    /// How sure the strategy is, 0 to 1.
    pub confidence: f64,
    /// Price at which the idea is wrong.
    pub stop: Option<f64>,
    /// Price at which it has paid.
    pub target: Option<f64>,
}

impl Signal {
    /// A signal without stop and target.
    pub const fn new(side: Side, confidence: f64) -> Self {
        Self { side, confidence, stop: None, target: None }
    }

    /// The same signal with a stop, which many sizers need.
    #[must_use]
    pub const fn stop(mut self, price: f64) -> Self {
        self.stop = Some(price);
        self
    }

    /// The same signal with a target.
    #[must_use]
    pub const fn target(mut self, price: f64) -> Self {
        self.target = Some(price);
        self
    }
}

mod sealed {
    pub trait Sealed {}
}

/// What [`Host::submit`] takes: a single order, a bracket, a pair, or the close of a position.
///
/// Which imports a plugin has is decided by the types it submits, so that one without brackets and the like does not
/// import `advanced-orders`.
pub trait Submit: sealed::Sealed {
    /// The ids of what is placed.
    type Ids;

    #[doc(hidden)]
    fn submit(&self, host: &mut Host, series: u32) -> Self::Ids;
}

impl sealed::Sealed for Order {}
impl Submit for Order {
    type Ids = OrderId;

    #[inline]
    fn submit(&self, host: &mut Host, series: u32) -> OrderId {
        host.backend.submit(series, self)
    }
}

impl sealed::Sealed for Order<OrderKind> {}
impl Submit for Order<OrderKind> {
    type Ids = OrderId;

    fn submit(&self, host: &mut Host, series: u32) -> OrderId {
        host.backend.submit_any(series, self)
    }
}

impl sealed::Sealed for ClosePosition {}
impl Submit for ClosePosition {
    type Ids = OrderId;

    fn submit(&self, host: &mut Host, series: u32) -> OrderId {
        host.backend.close_position(series, self)
    }
}

impl sealed::Sealed for Bracket {}
impl Submit for Bracket {
    type Ids = BracketIds;

    fn submit(&self, host: &mut Host, series: u32) -> BracketIds {
        BracketIds::of(host.backend.submit_bracket(series, self))
    }
}

impl sealed::Sealed for Pair {}
impl Submit for Pair {
    type Ids = [OrderId; 2];

    fn submit(&self, host: &mut Host, series: u32) -> [OrderId; 2] {
        let first = host.backend.submit_pair(series, self);
        [first, first + 1]
    }
}

impl Host {
    /// Asks to be in the market; the host chooses the size and places the entry with its stop and target, or refuses
    /// with a reason.
    pub fn signal(&mut self, series: &crate::Series, signal: &Signal) -> BracketIds {
        BracketIds::of(self.backend.signal(series.id, signal))
    }
}
