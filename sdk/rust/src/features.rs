//! Named columns of indicators that the host computes: feature sets, single features, columns of one's own.

use std::cell::RefCell;
use std::fmt::Write as _;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Series;
use crate::indicator::note_missing;
use crate::indicators::{ColumnSpec, FeatureColumn, WantedFeature};

thread_local! {
    /// The features that this instance has asked for: as with indicators, a restored state finds its own again by what
    /// they are.
    static CREATED: RefCell<Vec<Features>> = const { RefCell::new(Vec::new()) };
}

/// What a strategy wants to know about a series.
///
/// ```
/// # use cryptobot_sdk::{FeatureQuery, HOUR};
/// let query = FeatureQuery::of("technical_fast")
///     .and("atr_14")
///     .define("low_band", "bollinger", &[("period", 30.0)], "lower")
///     .every(4 * HOUR);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeatureQuery {
    pub(crate) wanted: Vec<WantedFeature>,
    pub(crate) timeframe_ns: Option<i64>,
}

impl FeatureQuery {
    /// The columns of a feature set, or a single one of a set, by name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self::default().and(name)
    }

    /// Another set or feature.
    #[must_use]
    pub fn and(mut self, name: &str) -> Self {
        self.wanted.push(WantedFeature::Named(name.to_owned()));
        self
    }

    /// A column of one's own: an output of an indicator; `output` may be empty where there is only one.
    #[must_use]
    pub fn define(mut self, name: &str, kind: &str, params: &[(&str, f64)], output: &str) -> Self {
        self.wanted.push(WantedFeature::Own(ColumnSpec {
            name: name.to_owned(),
            kind: kind.to_owned(),
            params: params.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
            output: output.to_owned(),
        }));
        self
    }

    /// Computes the columns from bars of this length, ns, instead of the series' own: a multiple of theirs, at most a
    /// day. A longer bar counts from the bar of the series on with which it has closed.
    #[must_use]
    pub fn every(mut self, timeframe_ns: i64) -> Self {
        self.timeframe_ns = Some(timeframe_ns);
        self
    }

    /// The query on a series in words, the same for the same query.
    fn description(&self, series: &Series) -> String {
        let mut text = "features".to_owned();
        for wanted in &self.wanted {
            // Writing to a String cannot fail.
            let _ = match wanted {
                WantedFeature::Named(name) => write!(text, " {name}"),
                WantedFeature::Own(ColumnSpec { name, kind, params, output }) => {
                    write!(text, " {name}={kind}{params:?}.{output}")
                }
            };
        }
        let Series { venue, symbol, role, timeframe_ns, .. } = series;
        let length = self.timeframe_ns.unwrap_or(*timeframe_ns);
        let _ = write!(text, " of {length} on {venue} {symbol} {role} {timeframe_ns}");
        text
    }
}

/// Features of a series, made by [`Host::features`](crate::Host::features). They survive snapshot and restore as
/// indicators do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    pub(crate) handle: u32,
    pub(crate) columns: Vec<FeatureColumn>,
    description: String,
}

impl Features {
    /// Names of the columns, in the order of their values.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// Number of a column.
    ///
    /// # Errors
    /// Names the columns that there are.
    pub fn column(&self, name: &str) -> Result<u32, String> {
        let place = self.names().position(|of_column| of_column == name);
        place.map(|place| place as u32).ok_or_else(|| {
            let names: Vec<&str> = self.names().collect();
            format!("there is no feature `{name}` here; there are {}", names.join(", "))
        })
    }
}

/// Forgets the features of an earlier instance on this thread.
pub(crate) fn forget_all() {
    CREATED.with_borrow_mut(Vec::clear);
}

/// Notes features that the host has made.
pub(crate) fn remember(
    handle: u32,
    columns: Vec<FeatureColumn>,
    query: &FeatureQuery,
    series: &Series,
) -> Features {
    let features = Features { handle, columns, description: query.description(series) };
    CREATED.with_borrow_mut(|created| created.push(features.clone()));
    features
}

impl Serialize for Features {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.description.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Features {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let description = String::deserialize(deserializer)?;
        let found = CREATED.with_borrow(|created| {
            created.iter().find(|features| features.description == description).cloned()
        });
        Ok(found.unwrap_or_else(|| {
            note_missing(description.clone());
            Self { handle: u32::MAX, columns: Vec::new(), description }
        }))
    }
}
