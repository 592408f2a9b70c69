//! Feature sets: named columns of indicators that models are trained with and strategies are served.

use crate::input::{Book, FuturesData, Input, Trade};
use crate::kind::{CreateError, Indicator, Kind, Ohlcv};
use crate::sets::{Amount, Definition, Feature};

const NS_PER_DAY: i64 = 86_400_000_000_000;

/// A column that is asked for: a name for an output of an indicator.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSpec {
    /// Name of the column.
    pub name: String,
    /// Name of the indicator.
    pub kind: String,
    /// Parameters as (name, value); those that are absent have the indicator's defaults.
    pub params: Vec<(String, f64)>,
    /// Name of the output; empty where the indicator has only one.
    pub output: String,
}

/// What a strategy asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum WantedFeature {
    /// The columns of a set, or a single one of a set, by name.
    Named(String),
    /// A column of its own.
    Own(ColumnSpec),
}

/// A column of a feature set.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The indicator that it is an output of.
    pub kind: &'static str,
    /// All of the indicator's parameters.
    pub params: Vec<(&'static str, f64)>,
    /// Name of the indicator's output.
    pub output: &'static str,
    /// The first input with a value, counted from 1.
    pub warmup: u32,
}

/// A column with the indicator that it is an output of.
pub(crate) struct Resolved<I: 'static> {
    pub(crate) kind: &'static Kind<I>,
    /// Values of the indicator's parameters in their order.
    pub(crate) values: Vec<f64>,
    /// Number of the output.
    pub(crate) output: usize,
    pub(crate) column: Column,
}

impl ColumnSpec {
    /// Finds the indicator and checks parameters and output.
    pub(crate) fn resolve<I: Input>(&self) -> Result<Resolved<I>, CreateError> {
        let wrong = |what: &str| CreateError(format!("feature `{}`: {what}", self.name));
        if !is_column_name(&self.name) {
            return Err(CreateError(format!(
                "`{}` is no name of a feature: 1 to 64 letters, digits and `_`, no digit first",
                self.name.escape_default()
            )));
        }
        let kind = crate::bank::find::<I>(&self.kind).map_err(|error| wrong(&error.0))?;
        let output = match (self.output.as_str(), kind.outputs) {
            ("", [_]) => Some(0),
            (name, outputs) => outputs.iter().position(|output| *output == name),
        };
        let output = output.ok_or_else(|| {
            wrong(&format!("name one of the outputs of `{}`: {}", kind.name, kind.outputs.join(", ")))
        })?;
        let values = kind.resolve(&self.params).map_err(|error| wrong(&error.0))?;
        let column = Column {
            name: self.name.clone(),
            kind: kind.name,
            params: kind.params.iter().map(|param| param.name).zip(values.iter().copied()).collect(),
            output: kind.outputs[output],
            warmup: (kind.warmup)(&values),
        };
        Ok(Resolved { kind, values, output, column })
    }
}

/// Names go into files and scripts: they are identifiers everywhere.
fn is_column_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(plain) && !name.as_bytes()[0].is_ascii_digit()
}

impl Definition {
    /// Its columns for bars of a length in ns (for other inputs: that of the bars that they go with); some periods are a
    /// day of such bars.
    pub fn columns(&self, bar_ns: i64) -> Result<Vec<ColumnSpec>, CreateError> {
        check_length(bar_ns)?;
        Ok(self.features.iter().map(|feature| feature.column(bar_ns)).collect())
    }
}

impl Feature {
    fn column(&self, bar_ns: i64) -> ColumnSpec {
        let amount = |amount: &Amount| match amount {
            Amount::Is(value) => *value,
            Amount::BarsPerDay => (NS_PER_DAY / bar_ns) as f64,
        };
        ColumnSpec {
            name: self.name.to_owned(),
            kind: self.kind.to_owned(),
            params: self.params.iter().map(|(name, value)| ((*name).to_owned(), amount(value))).collect(),
            output: self.output.to_owned(),
        }
    }
}

fn check_length(bar_ns: i64) -> Result<(), CreateError> {
    if (1..=NS_PER_DAY).contains(&bar_ns) {
        Ok(())
    } else {
        Err(CreateError(format!("features need bars of at most a day, not of {bar_ns} ns")))
    }
}

/// The columns of an input that a name stands for: those of a set, or one of them; none where this input has neither.
pub fn named<I: Input>(name: &str, bar_ns: i64) -> Result<Vec<ColumnSpec>, CreateError> {
    check_length(bar_ns)?;
    if let Some(set) = I::SETS.iter().find(|set| set.name == name) {
        return set.columns(bar_ns);
    }
    let mut features = I::SETS.iter().flat_map(|set| set.features);
    Ok(features.find(|feature| feature.name == name).map(|one| one.column(bar_ns)).into_iter().collect())
}

/// The columns that a strategy asks for, of whatever input, on bars of a length in ns.
pub fn wanted_columns(wanted: &[WantedFeature], bar_ns: i64) -> Result<Vec<ColumnSpec>, CreateError> {
    let mut columns = Vec::new();
    for feature in wanted {
        let name = match feature {
            WantedFeature::Own(column) => {
                columns.push(column.clone());
                continue;
            }
            WantedFeature::Named(name) => name,
        };
        let before = columns.len();
        columns.extend(named::<Ohlcv>(name, bar_ns)?);
        columns.extend(named::<Trade>(name, bar_ns)?);
        columns.extend(named::<Book>(name, bar_ns)?);
        columns.extend(named::<FuturesData>(name, bar_ns)?);
        if columns.len() == before {
            return Err(unknown_name(name));
        }
    }
    Ok(columns)
}

/// There is neither a set nor a feature of such a name: what there is.
pub fn unknown_name(name: &str) -> CreateError {
    let all: [&[Definition]; 4] = [Ohlcv::SETS, Trade::SETS, Book::SETS, FuturesData::SETS];
    let sets = || all.into_iter().flatten();
    let mut names: Vec<&str> = sets().map(|set| set.name).collect();
    names.dedup();
    let features: Vec<&str> = sets().flat_map(|set| set.features).map(|feature| feature.name).collect();
    let name: String = name.chars().take(64).flat_map(char::escape_default).collect();
    CreateError(format!(
        "there is no feature set `{name}`; sets are {}; a single feature of them can be named, too: {}",
        names.join(", "),
        features.join(", ")
    ))
}

/// A feature set that is fed with inputs and gives one value per column.
#[derive(Clone, Debug)]
pub struct FeatureSet<I: 'static = Ohlcv> {
    indicators: Vec<Indicator<I>>,
    /// Indicator and output of each column.
    sources: Vec<(usize, usize)>,
    values: Vec<f64>,
    columns: Vec<Column>,
}

impl<I: Input> FeatureSet<I> {
    /// The set with a name for bars of a length in ns, see [`Definition::columns`].
    pub fn new(name: &str, bar_ns: i64) -> Result<Self, CreateError> {
        let definition = I::SETS.iter().find(|set| set.name == name).ok_or_else(|| {
            let known: Vec<&str> = I::SETS.iter().map(|set| set.name).collect();
            CreateError(format!(
                "there is no feature set `{name}` of {}; there are {}",
                I::NAME,
                known.join(", ")
            ))
        })?;
        Self::of(&definition.columns(bar_ns)?)
    }

    /// A set of such columns; those of the same indicator share it.
    pub fn of(columns: &[ColumnSpec]) -> Result<Self, CreateError> {
        let mut set = Self {
            indicators: Vec::new(),
            sources: Vec::new(),
            values: vec![f64::NAN; columns.len()],
            columns: Vec::new(),
        };
        for spec in columns {
            let Resolved { output, column, .. } = spec.resolve::<I>()?;
            if set.columns.iter().any(|other| other.name == column.name) {
                return Err(CreateError(format!("feature `{}` is there twice", column.name)));
            }
            let same = |other: &Column| other.kind == column.kind && other.params == column.params;
            let source = if let Some(earlier) = set.columns.iter().position(same) {
                set.sources[earlier].0
            } else {
                let kind = crate::bank::find::<I>(&spec.kind)?;
                set.indicators.push(kind.start(&spec.params)?);
                set.indicators.len() - 1
            };
            set.sources.push((source, output));
            set.columns.push(column);
        }
        Ok(set)
    }

    /// Takes the next input and returns the values of the columns in their order; NaN while a column warms up.
    #[inline]
    pub fn update(&mut self, input: &I) -> &[f64] {
        for indicator in &mut self.indicators {
            indicator.update(input);
        }
        for (value, (indicator, output)) in self.values.iter_mut().zip(&self.sources) {
            *value = self.indicators[*indicator].values()[*output];
        }
        &self.values
    }

    /// The newest values of the columns.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Its columns in the order of their values.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The first input at which every column has a value, counted from 1.
    pub fn warmup(&self) -> u32 {
        self.columns.iter().map(|column| column.warmup).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sets::{OF_BARS, OF_BOOKS, OF_FUTURES, OF_TRADES};

    const QUARTER_HOUR: i64 = 900_000_000_000;

    fn can_be_made<I: Input>(sets: &[Definition], bar_ns: i64) {
        for definition in sets {
            let set = FeatureSet::<I>::of(&definition.columns(bar_ns).unwrap()).unwrap();
            assert_eq!(set.columns().len(), definition.features.len());
        }
    }

    #[test]
    fn every_set_can_be_made_for_usual_bars() {
        for bar_ns in [60_000_000_000, QUARTER_HOUR, 3_600_000_000_000] {
            can_be_made::<Ohlcv>(OF_BARS, bar_ns);
            can_be_made::<Trade>(OF_TRADES, bar_ns);
            can_be_made::<Book>(OF_BOOKS, bar_ns);
            can_be_made::<FuturesData>(OF_FUTURES, bar_ns);
        }
    }

    #[test]
    fn names_of_features_are_unique() {
        let all = [OF_BARS, OF_TRADES, OF_BOOKS, OF_FUTURES].concat();
        let mut names: Vec<&str> =
            all.iter().flat_map(|set| set.features).map(|feature| feature.name).collect();
        names.extend(all.iter().map(|set| set.name).filter(|name| *name != "microstructure"));
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }

    #[test]
    fn columns_say_what_is_computed() {
        let set = FeatureSet::<Ohlcv>::new("technical_fast", QUARTER_HOUR).unwrap();
        let told: Vec<String> = set
            .columns()
            .iter()
            .map(|column| {
                let Column { name, kind, params, output, warmup } = column;
                format!("{name} = {kind}{params:?}.{output} from {warmup}")
            })
            .collect();
        assert_eq!(
            told,
            [
                r#"sma_cross_5_20 = sma_cross[("fast", 5.0), ("slow", 20.0)].value from 21"#,
                r#"rsi_14 = rsi[("period", 14.0)].value from 15"#,
                r#"macd_fast = macd_percent[("fast", 6.0), ("slow", 13.0), ("signal", 5.0)].histogram from 17"#,
                r#"bb_position = bollinger[("period", 20.0), ("width", 2.0)].percent-b from 20"#,
            ]
        );
        assert_eq!(set.warmup(), 21);
        let hourly = FeatureSet::<Ohlcv>::new("volatility_metrics", 3_600_000_000_000).unwrap();
        let day = &hourly.columns()[1];
        assert_eq!((day.params[0], day.warmup), (("period", 24.0), 25));
    }

    #[test]
    fn columns_are_the_outputs_of_their_indicators() {
        let mut set = FeatureSet::<Ohlcv>::new("technical_standard", QUARTER_HOUR).unwrap();
        assert_eq!(set.indicators.len(), 5, "three columns share an indicator");
        let mut alone: Vec<(Indicator<Ohlcv>, usize)> = set
            .columns()
            .iter()
            .map(|column| {
                let kind = Ohlcv::kind(column.kind).unwrap();
                let given: Vec<(String, f64)> =
                    column.params.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
                let output = kind.outputs.iter().position(|name| *name == column.output).unwrap();
                (kind.start(&given).unwrap(), output)
            })
            .collect();
        let warmup = set.warmup();
        for i in 1..=200_u32 {
            let close = 100.0 + f64::from(i * i % 37);
            let bar = Ohlcv { ts: 0, open: close, high: close + 1.0, low: close - 1.0, close, volume: 1.0 };
            let values = set.update(&bar).to_vec();
            assert_eq!(values.iter().all(|value| !value.is_nan()), i >= warmup);
            for (value, (indicator, output)) in values.iter().zip(&mut alone) {
                assert_eq!(value.to_bits(), indicator.update(&bar)[*output].to_bits());
            }
        }
    }

    #[test]
    fn a_name_is_a_set_or_one_of_its_features() {
        assert_eq!(named::<Ohlcv>("technical_fast", QUARTER_HOUR).unwrap().len(), 4);
        let one = named::<Ohlcv>("realized_volatility_24h", QUARTER_HOUR).unwrap();
        assert_eq!((one.len(), one[0].params[0].1), (1, 96.0));
        assert!(named::<Trade>("technical_fast", QUARTER_HOUR).unwrap().is_empty());
        let unknown = unknown_name("tecnical\n").to_string();
        assert!(
            unknown.starts_with("there is no feature set `tecnical\\n`; sets are technical_fast, "),
            "{unknown}"
        );
        assert!(
            unknown.contains("microstructure, futures; a single") && unknown.contains(" rsi_14,"),
            "{unknown}"
        );
    }

    #[test]
    fn errors_name_what_there_is() {
        let wrong = FeatureSet::<Trade>::new("technical_fast", QUARTER_HOUR).unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "there is no feature set `technical_fast` of trades; there are microstructure"
        );
        let week = FeatureSet::<Ohlcv>::new("technical_fast", 7 * NS_PER_DAY).unwrap_err();
        assert_eq!(week.to_string(), "features need bars of at most a day, not of 604800000000000 ns");
        let of = |name: &str, kind: &str, params: &[(String, f64)], output: &str| {
            let spec = ColumnSpec {
                name: name.to_owned(),
                kind: kind.to_owned(),
                params: params.to_vec(),
                output: output.to_owned(),
            };
            FeatureSet::<Ohlcv>::of(&[spec.clone(), spec]).unwrap_err().to_string()
        };
        assert_eq!(of("x", "rsi", &[], ""), "feature `x` is there twice");
        assert_eq!(of("x", "rsj", &[], ""), "feature `x`: there is no indicator `rsj`; did you mean `rsi`?");
        assert_eq!(
            of("x", "macd", &[], ""),
            "feature `x`: name one of the outputs of `macd`: line, signal, histogram"
        );
        assert!(
            of("x", "rsi", &[("length".to_owned(), 2.0)], "")
                .starts_with("feature `x`: `rsi` has no parameter")
        );
        assert!(of("1h", "rsi", &[], "").starts_with("`1h` is no name of a feature"));
    }
}
