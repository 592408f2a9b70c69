//! Feature sets: named columns of indicators that models are trained with and strategies are served.

use std::fmt::Write;

use crate::input::Input;
use crate::kind::{CreateError, Indicator, Ohlcv};
use crate::sets::{Amount, Definition, Feature};

const NS_PER_DAY: i64 = 86_400_000_000_000;

/// A column of a feature set.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// The indicator that it is an output of.
    pub kind: &'static str,
    /// All of the indicator's parameters.
    pub params: Vec<(&'static str, f64)>,
    /// Name of the indicator's output.
    pub output: &'static str,
    /// The first input with a value, counted from 1.
    pub warmup: u32,
}

/// What a feature set computes. Two sets with the same [`Schema::canonical`] text give the same numbers: what was trained
/// on one can be served with the other. The schema's hash is the SHA-256 of that text.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// Name of the set.
    pub set: &'static str,
    /// Name of its input.
    pub input: &'static str,
    /// Length of a bar, ns.
    pub bar_ns: i64,
    /// Its columns in the order of their values.
    pub columns: Vec<Column>,
}

impl Schema {
    /// The schema as text, always the same bytes: a line for the set, one for each column.
    pub fn canonical(&self) -> String {
        let mut text = format!("features 1 {} of {}, {} ns\n", self.set, self.input, self.bar_ns);
        for column in &self.columns {
            let params: Vec<String> =
                column.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{} = {}({}).{} from {}",
                column.name,
                column.kind,
                params.join(", "),
                column.output,
                column.warmup
            );
        }
        text
    }

    /// The first input at which every column has a value, counted from 1.
    pub fn warmup(&self) -> u32 {
        self.columns.iter().map(|column| column.warmup).max().unwrap_or(0)
    }
}

/// A feature set that is fed with inputs and gives one value per column.
#[derive(Clone, Debug)]
pub struct FeatureSet<I: 'static = Ohlcv> {
    indicators: Vec<Indicator<I>>,
    /// Indicator and output of each column.
    sources: Vec<(usize, usize)>,
    values: Vec<f64>,
    schema: Schema,
}

impl<I: Input> FeatureSet<I> {
    /// The set with a name for bars of a length in ns (for other inputs: that of the bars that they go with); some periods
    /// are a day of such bars.
    pub fn new(name: &str, bar_ns: i64) -> Result<Self, CreateError> {
        let definition = I::SETS.iter().find(|set| set.name == name).ok_or_else(|| {
            let known: Vec<&str> = I::SETS.iter().map(|set| set.name).collect();
            CreateError(format!(
                "there is no feature set `{name}` of {}; there are {}",
                I::NAME,
                known.join(", ")
            ))
        })?;
        Self::of(definition, bar_ns)
    }

    /// The set of a definition.
    pub fn of(definition: &Definition, bar_ns: i64) -> Result<Self, CreateError> {
        if !(1..=NS_PER_DAY).contains(&bar_ns) {
            return Err(CreateError(format!("features need bars of at most a day, not of {bar_ns} ns")));
        }
        let schema = Schema { set: definition.name, input: I::NAME, bar_ns, columns: Vec::new() };
        let mut set = Self { indicators: Vec::new(), sources: Vec::new(), values: Vec::new(), schema };
        for feature in definition.features {
            set.add(feature)?;
        }
        Ok(set)
    }

    /// Adds a column; columns of the same indicator share it.
    fn add(&mut self, feature: &Feature) -> Result<(), CreateError> {
        let wrong = |what: &str| CreateError(format!("feature `{}`: {what}", feature.name));
        let kind = I::kind(feature.kind).ok_or_else(|| wrong("there is no such indicator"))?;
        let output = kind.outputs.iter().position(|name| *name == feature.output);
        let output = output.ok_or_else(|| wrong("its indicator has no such output"))?;
        let given: Vec<(String, f64)> = feature
            .params
            .iter()
            .map(|(name, amount)| match amount {
                Amount::Is(value) => ((*name).to_owned(), *value),
                Amount::BarsPerDay => ((*name).to_owned(), (NS_PER_DAY / self.schema.bar_ns) as f64),
            })
            .collect();
        let values = kind.resolve(&given)?;
        let params: Vec<(&str, f64)> =
            kind.params.iter().map(|param| param.name).zip(values.clone()).collect();
        let same = |column: &Column| column.kind == kind.name && column.params == params;
        let source = if let Some(column) = self.schema.columns.iter().position(same) {
            self.sources[column].0
        } else {
            self.indicators.push(kind.start(&given)?);
            self.indicators.len() - 1
        };
        self.sources.push((source, output));
        self.values.push(f64::NAN);
        self.schema.columns.push(Column {
            name: feature.name,
            kind: kind.name,
            warmup: (kind.warmup)(&values),
            params,
            output: feature.output,
        });
        Ok(())
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

    /// What it computes.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Book, FuturesData, Trade};
    use crate::sets::{OF_BARS, OF_BOOKS, OF_FUTURES, OF_TRADES};

    const QUARTER_HOUR: i64 = 900_000_000_000;

    #[test]
    fn every_set_can_be_made_for_usual_bars() {
        for bar_ns in [60_000_000_000, QUARTER_HOUR, 3_600_000_000_000] {
            for definition in OF_BARS {
                let set = FeatureSet::<Ohlcv>::new(definition.name, bar_ns).unwrap();
                assert_eq!(set.schema().columns.len(), definition.features.len());
            }
            assert!(OF_TRADES.iter().all(|set| FeatureSet::<Trade>::of(set, bar_ns).is_ok()));
            assert!(OF_BOOKS.iter().all(|set| FeatureSet::<Book>::of(set, bar_ns).is_ok()));
            assert!(OF_FUTURES.iter().all(|set| FeatureSet::<FuturesData>::of(set, bar_ns).is_ok()));
        }
    }

    #[test]
    fn a_schema_says_what_is_computed() {
        let set = FeatureSet::<Ohlcv>::new("technical_fast", QUARTER_HOUR).unwrap();
        assert_eq!(
            set.schema().canonical(),
            "features 1 technical_fast of bars, 900000000000 ns\n\
             sma_cross_5_20 = sma_cross(fast=5, slow=20).value from 21\n\
             rsi_14 = rsi(period=14).value from 15\n\
             macd_fast = macd_percent(fast=6, slow=13, signal=5).histogram from 17\n\
             bb_position = bollinger(period=20, width=2).percent-b from 20\n"
        );
        assert_eq!(set.schema().warmup(), 21);
        let hourly = FeatureSet::<Ohlcv>::new("volatility_metrics", 3_600_000_000_000).unwrap();
        let day = &hourly.schema().columns[1];
        assert_eq!((day.params[0], day.warmup), (("period", 24.0), 25));
    }

    #[test]
    fn columns_are_the_outputs_of_their_indicators() {
        let mut set = FeatureSet::<Ohlcv>::new("technical_standard", QUARTER_HOUR).unwrap();
        assert_eq!(set.indicators.len(), 5, "three columns share an indicator");
        let mut alone: Vec<(Indicator<Ohlcv>, usize)> = set
            .schema()
            .columns
            .iter()
            .map(|column| {
                let kind = Ohlcv::kind(column.kind).unwrap();
                let given: Vec<(String, f64)> =
                    column.params.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
                let output = kind.outputs.iter().position(|name| *name == column.output).unwrap();
                (kind.start(&given).unwrap(), output)
            })
            .collect();
        let warmup = set.schema().warmup();
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
    fn errors_name_what_there_is() {
        let wrong = FeatureSet::<Trade>::new("technical_fast", QUARTER_HOUR).unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "there is no feature set `technical_fast` of trades; there are microstructure"
        );
        let week = FeatureSet::<Ohlcv>::new("technical_fast", 7 * NS_PER_DAY).unwrap_err();
        assert_eq!(week.to_string(), "features need bars of at most a day, not of 604800000000000 ns");
    }
}
