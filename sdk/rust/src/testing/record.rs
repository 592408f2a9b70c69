//! What a run on a tape leaves behind.

use crate::{Level, Order, OrderEvent, OrderId, OrderKind, PositionClose, Side, Signal};

/// An order as the strategy placed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// When.
    pub ts: i64,
    /// Its symbol.
    pub symbol: String,
    /// Its id.
    pub id: OrderId,
    /// The order.
    pub order: Order<OrderKind>,
    /// Whether it closes the whole position, whatever its quantity.
    pub close_position: bool,
    /// The entry that wakes it; 0 = none.
    pub parent: OrderId,
    /// The other order of its pair; 0 = none.
    pub sibling: OrderId,
    /// The target, where it came from `target_position`.
    pub target: Option<f64>,
}

/// A signal as the strategy gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct Signaled {
    /// When.
    pub ts: i64,
    /// Its symbol.
    pub symbol: String,
    /// The id of its entry.
    pub id: OrderId,
    /// The signal.
    pub signal: Signal,
}

/// An execution.
#[derive(Clone, Debug, PartialEq)]
pub struct Fill {
    /// Close time of the bar it happened in.
    pub ts: i64,
    /// Its symbol.
    pub symbol: String,
    /// Its order.
    pub id: OrderId,
    /// Buy or sell.
    pub side: Side,
    /// Amount.
    pub quantity: f64,
    /// Price.
    pub price: f64,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    /// When.
    pub ts: i64,
    /// Its level.
    pub level: Level,
    /// Its text.
    pub message: String,
}

/// Everything a strategy did on a tape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TapeRun {
    /// Orders, those of `target_position`, of brackets and of sized signals included, in the order they were placed.
    pub orders: Vec<Placed>,
    /// Signals, whether they were sized or refused.
    pub signals: Vec<Signaled>,
    /// Executions.
    pub fills: Vec<Fill>,
    /// Events of orders, whether the strategy wanted them or not.
    pub events: Vec<OrderEvent>,
    /// Positions that went flat or changed sides.
    pub closed: Vec<PositionClose>,
    /// The log.
    pub logs: Vec<LogLine>,
    /// Positions at the end by symbol, in the order of the tape.
    pub positions: Vec<(String, f64)>,
    /// Equity at the end, at the last closes.
    pub equity: f64,
}

impl TapeRun {
    /// Position of the first symbol at the end.
    pub fn position(&self) -> f64 {
        self.positions.first().map_or(0.0, |(_, position)| *position)
    }

    /// Position of a symbol at the end; 0 for one that is not on the tape.
    pub fn position_of(&self, symbol: &str) -> f64 {
        self.positions.iter().find(|(name, _)| name == symbol).map_or(0.0, |(_, position)| *position)
    }

    /// The targets that led to orders, in their order.
    pub fn targets(&self) -> Vec<f64> {
        self.orders.iter().filter_map(|placed| placed.target).collect()
    }

    /// The first difference to another run, for people.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        first_difference("order", &self.orders, &other.orders)
            .or_else(|| first_difference("signal", &self.signals, &other.signals))
            .or_else(|| first_difference("fill", &self.fills, &other.fills))
            .or_else(|| first_difference("closed position", &self.closed, &other.closed))
            .or_else(|| first_difference("log line", &self.logs, &other.logs))
            .or_else(|| (self != other).then(|| "order events or the account differ".to_owned()))
    }
}

fn first_difference<T: PartialEq + std::fmt::Debug>(
    what: &str,
    expected: &[T],
    found: &[T],
) -> Option<String> {
    if expected == found {
        return None;
    }
    let length = expected.len().max(found.len());
    let at = (0..length).find(|at| expected.get(*at) != found.get(*at))?;
    Some(format!("{what} {at} is {:?}, not {:?}", found.get(at), expected.get(at)))
}
