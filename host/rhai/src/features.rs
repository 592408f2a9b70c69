//! Features that the top of a script declares: named columns of indicators, of the main series or another one.

use std::sync::Arc;

use cryptobot_engine::{Desk, Fault, FaultKind};
use cryptobot_indicators::feature::wanted_columns;
use cryptobot_indicators::{Bank, ColumnSpec, FeatureSet, Lengths, Ohlcv, WantedFeature};
use cryptobot_model::{SeriesId, Timeframe};
use rhai::{Array, Dynamic, ImmutableString as Text, Map};

use crate::context::{Answer, Context, described, mistake, number};
use crate::values::{Features, Line, Series, Slot};

/// Features that every symbol gets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FeatureSpec {
    pub(crate) role: usize,
    pub(crate) wanted: Vec<WantedFeature>,
    pub(crate) higher_ns: Option<i64>,
    /// Names of the columns.
    pub(crate) columns: Vec<String>,
    /// Bars of the series until all columns have values.
    pub(crate) warmup_bars: u32,
}

impl FeatureSpec {
    /// Makes the columns on a series of a symbol and returns their handle.
    pub(crate) fn subscribe(&self, desk: &mut Desk, series: SeriesId) -> Result<u32, Fault> {
        let made = desk.feature_columns(&self.wanted, series, self.higher_ns)?;
        let made = made.and_then(|(columns, lengths)| desk.subscribe(&columns, series, lengths));
        made.map_err(|error| Fault::new(FaultKind::Refused, error.to_string()))
    }
}

impl Context {
    /// `features(wanted, series, timeframe)`: features of every symbol.
    pub(crate) fn declare_features(
        &mut self,
        wanted: &Dynamic,
        series: Series,
        timeframe: Option<&str>,
    ) -> Answer<Features> {
        self.declaring("ask for features")?;
        let wanted = match wanted.read_lock::<Array>() {
            Some(list) => list.iter().map(feature).collect::<Answer<Vec<_>>>()?,
            None => vec![feature(wanted)?],
        };
        let higher_ns = match timeframe.map(str::parse::<Timeframe>).transpose() {
            Ok(timeframe) => timeframe.map(Timeframe::nanos),
            Err(error) => return mistake(format!("{error}")),
        };
        // The length of the main series is known when the script is started; until then bars of a minute stand in.
        let bar_ns = self.declared.series.get(series.0).and_then(|spec| spec.timeframe_ns);
        let lengths = Lengths { bar_ns: bar_ns.unwrap_or(Timeframe::MINUTE.nanos()), higher_ns };
        let spec = match tried(&wanted, lengths) {
            Ok((columns, warmup_bars)) => {
                FeatureSpec { role: series.0, wanted, higher_ns, columns, warmup_bars }
            }
            Err(error) => return mistake(error.to_string()),
        };
        if self.declared.columns() + spec.columns.len() > self.indicators_left as usize {
            return mistake(format!("a script may have {} indicators", self.indicators_left));
        }
        self.declared.features.push(spec);
        Ok(Features(self.declared.features.len() as u32 - 1))
    }

    /// A column of features by its name.
    pub(crate) fn feature(&self, features: Features, name: &str) -> Answer<Line> {
        let Some(spec) = self.declared.features.get(features.0 as usize) else {
            return mistake("there are no such features");
        };
        match spec.columns.iter().position(|column| column == name) {
            Some(column) => Ok(Line { slot: Slot::Features(features.0), output: column as u32 }),
            None => {
                mistake(format!("these features have no `{name}`; they have {}", spec.columns.join(", ")))
            }
        }
    }

    /// The newest values of all columns, by name.
    pub(crate) fn feature_values(&mut self, features: Features) -> Answer<Map> {
        let columns = self.declared.features.get(features.0 as usize).map(|spec| spec.columns.clone());
        let mut values = Map::new();
        for (column, name) in columns.unwrap_or_default().into_iter().enumerate() {
            let line = Line { slot: Slot::Features(features.0), output: column as u32 };
            values.insert(name.into(), self.read(line, 0)?.into());
        }
        Ok(values)
    }
}

/// Made for a trial, so that what is wrong is refused where it stands in the script: names of the columns, and bars until
/// those of bars have values.
fn tried(
    wanted: &[WantedFeature],
    lengths: Lengths,
) -> Result<(Vec<String>, u32), cryptobot_indicators::CreateError> {
    let columns = wanted_columns(wanted, lengths.higher_ns.unwrap_or(lengths.bar_ns))?;
    let mut bank = Bank::new(1);
    let handle = bank.subscribe(&columns, 0, lengths, std::iter::empty, |_| Ok(Arc::default()))?;
    let names = bank.feature_columns(handle).iter().map(|column| column.name.clone()).collect();
    let of_bars = |column: &&ColumnSpec| FeatureSet::<Ohlcv>::of(std::slice::from_ref(column)).ok();
    let warmup = columns.iter().filter_map(|column| of_bars(&column)).map(|set| set.warmup()).max();
    let ratio = lengths.higher_ns.map_or(1, |higher_ns| (higher_ns / lengths.bar_ns) as u32);
    Ok((names, warmup.unwrap_or(0).saturating_mul(ratio)))
}

/// `"rsi_14"`, or `#{name: "low", indicator: "bollinger", params: #{period: 30}, output: "lower"}`.
fn feature(value: &Dynamic) -> Answer<WantedFeature> {
    if let Some(name) = value.read_lock::<Text>() {
        return Ok(WantedFeature::Named(name.to_string()));
    }
    let Some(map) = value.read_lock::<Map>() else {
        return mistake(format!(
            "a feature is a name, or #{{name: \"low\", indicator: \"bollinger\", params: #{{period: 30}}, output: \"lower\"}}, \
             not {}",
            described(value)
        ));
    };
    let known = ["name", "indicator", "params", "output"];
    if let Some(other) = map.keys().find(|key| !known.contains(&key.as_str())) {
        return mistake(format!("a feature has {}, not `{other}`", known.join(", ")));
    }
    let text = |key: &str| match map.get(key).map(|value| value.clone().into_immutable_string()) {
        None => Ok(String::new()),
        Some(Ok(text)) => Ok(text.to_string()),
        Some(Err(_)) => mistake(format!("`{key}` of a feature is a text")),
    };
    let params = match map.get("params").map(Dynamic::read_lock::<Map>) {
        None => Vec::new(),
        Some(Some(params)) => params
            .iter()
            .map(|(name, value)| Ok((name.to_string(), number(name, value)?)))
            .collect::<Answer<_>>()?,
        Some(None) => return mistake("`params` of a feature is a map such as #{period: 30}"),
    };
    let (name, kind, output) = (text("name")?, text("indicator")?, text("output")?);
    Ok(WantedFeature::Own(ColumnSpec { name, kind, params, output }))
}
