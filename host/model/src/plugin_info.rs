//! What a plugin says of itself, and the series it is given.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::params::ParamError;
use crate::{InstrumentId, OrderEventKind, ParamSpec, ParamValue, SeriesId, Timeframe};

/// The kinds of events a plugin asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools)] // One switch per kind of event, as the contract's flags have it.
pub struct Wants {
    /// Closed bars of its series.
    pub bars: bool,
    /// Trades.
    pub trades: bool,
    /// Best bid and ask.
    pub quotes: bool,
    /// Order books.
    pub book: bool,
    /// Mark prices.
    pub mark: bool,
    /// Funding payments.
    pub funding: bool,
    /// Every step of its own orders.
    pub orders: bool,
    /// Its positions when they close.
    pub position_closes: bool,
    /// Timers it has set.
    pub timers: bool,
    /// Model predictions.
    pub predictions: bool,
    /// Of its own orders only what became of them: see [`OrderEventKind::is_outcome`].
    pub outcomes: bool,
}

impl Wants {
    /// Whether it is to be told of a step of its orders.
    pub const fn tell(self, kind: OrderEventKind) -> bool {
        self.orders || (self.outcomes && kind.is_outcome())
    }
}

/// A series a plugin asks for, once per symbol of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesSpec {
    /// The plugin's name for it, for example `signal` or `trend`.
    pub role: String,
    /// Its timeframe; `None` = the run's base timeframe.
    pub timeframe_ns: Option<i64>,
}

/// The answer of `describe`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PluginInfo {
    /// Name.
    pub name: String,
    /// Version of the plugin, semver.
    pub version: String,
    /// Version of its snapshot format.
    pub state_version: u32,
    /// Bars of the base series before its signals mean anything.
    pub warmup_bars: u32,
    /// Parameters it takes.
    pub params: Vec<ParamSpec>,
    /// Series it asks for.
    pub series: Vec<SeriesSpec>,
    /// Events it asks for.
    pub wants: Wants,
}

impl PluginInfo {
    /// All parameters in the declared order: what is given, checked, and the defaults of the others.
    pub fn complete(
        &self,
        given: &BTreeMap<String, ParamValue>,
    ) -> Result<Vec<(String, ParamValue)>, ParamError> {
        if let Some(name) = given.keys().find(|name| !self.params.iter().any(|spec| spec.name == **name)) {
            let (name, plugin) = (name.clone(), self.name.clone());
            return Err(ParamError::Unknown { name, plugin, known: self.listed_params() });
        }
        let value = |spec: &ParamSpec| {
            let value = match given.get(&spec.name) {
                None => Ok(spec.default.clone()),
                Some(value) => spec.accept(value.clone()),
            };
            value.map(|value| (spec.name.clone(), value))
        };
        self.params.iter().map(value).collect()
    }

    /// Its parameters for people: `fast (integer, 2..500), slow (…)`.
    pub fn listed_params(&self) -> String {
        if self.params.is_empty() {
            return "none".to_owned();
        }
        let one = |spec: &ParamSpec| match spec.range() {
            range if range.is_empty() => format!("{} ({})", spec.name, spec.default.param_type()),
            range => format!("{} ({}, {range})", spec.name, spec.default.param_type()),
        };
        self.params.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// A series as it is given to a plugin in `init`: its id is its position in the list.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesInfo {
    /// Handle of the series.
    pub id: SeriesId,
    /// The role it was asked for under.
    pub role: String,
    /// The instrument behind it.
    pub instrument: InstrumentId,
    /// Its symbol.
    pub symbol: String,
    /// Its venue.
    pub venue: String,
    /// Length of its bars.
    pub timeframe: Timeframe,
    /// Smallest step of a price.
    pub tick: f64,
    /// Smallest step of a quantity.
    pub lot: f64,
    /// Smallest notional of an order.
    pub min_notional: f64,
}
