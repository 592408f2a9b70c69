//! Named columns of a bank's indicators: what strategies are served as features.

use super::{Bank, Wanted};
use crate::feature::{ColumnSpec, Resolved};
use crate::higher::Higher;
use crate::kind::{CreateError, Ohlcv};

/// Lengths of bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    /// Of the series' bars, ns.
    pub bar_ns: i64,
    /// Of the bars that the columns are computed from, ns, where these are longer ones.
    pub higher_ns: Option<i64>,
}

/// A column of a set of features, and the output of an indicator that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureColumn {
    /// Its name.
    pub name: String,
    /// Handle of the indicator.
    pub indicator: u32,
    /// Number of the output.
    pub output: u32,
}

/// The columns of one set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Features {
    columns: Vec<FeatureColumn>,
}

impl Bank {
    /// Makes the indicators of named columns on a series and returns the handle of the set. With [`Lengths::higher_ns`]
    /// the columns are computed from longer bars, which are built from the bars of the series: a value is there from the
    /// bar on with which the longer one has closed, and stays until the next one does.
    ///
    /// In a succession an indicator that was there before carries on; another one is fed with the `past` bars of the
    /// series, oldest first.
    pub fn subscribe<P: Iterator<Item = Ohlcv>>(
        &mut self,
        columns: &[ColumnSpec],
        series: usize,
        lengths: Lengths,
        past: impl Fn() -> P,
    ) -> Result<u32, CreateError> {
        let higher = lengths.higher_ns.map(|length_ns| Higher::new(lengths.bar_ns, length_ns)).transpose()?;
        let resolved = columns.iter().map(ColumnSpec::resolve).collect::<Result<Vec<_>, _>>()?;
        let mut made: Vec<FeatureColumn> = Vec::with_capacity(columns.len());
        for Resolved { kind, values, output, column } in resolved {
            if made.iter().any(|other| other.name == column.name) {
                return Err(CreateError(format!("feature `{}` is there twice", column.name)));
            }
            let wanted = Wanted { kind, series, params: values, higher: higher.clone() };
            let indicator = self.add(&wanted, past())?;
            made.push(FeatureColumn { name: column.name, indicator, output: output as u32 });
        }
        if made.is_empty() {
            return Err(CreateError("a set of features needs a column".to_owned()));
        }
        let set = Features { columns: made };
        let known = self.features.iter().position(|other| *other == set);
        let handle = known.unwrap_or_else(|| {
            self.features.push(set);
            self.features.len() - 1
        });
        Ok(handle as u32)
    }

    /// The columns of a set of features; none for a handle that does not exist.
    pub fn feature_columns(&self, handle: u32) -> &[FeatureColumn] {
        self.features.get(handle as usize).map_or(&[], |set| &set.columns)
    }

    /// Value of a column of a set of features `n` bars of the series ago, as [`Bank::value`].
    pub fn feature(&self, handle: u32, column: u32, n: u32) -> f64 {
        let column = self.feature_columns(handle).get(column as usize);
        column.map_or(f64::NAN, |column| self.value(column.indicator, column.output, n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feature::{FeatureSet, named};

    const MINUTE: i64 = 60_000_000_000;

    fn bar(minute: i64) -> Ohlcv {
        let close = 100.0 + (minute * minute % 37) as f64;
        let ts = (minute + 1) * MINUTE;
        Ohlcv { ts, open: close - 0.5, high: close + 1.0, low: close - 1.0, close, volume: 1.0 }
    }

    fn no_past() -> std::iter::Empty<Ohlcv> {
        std::iter::empty()
    }

    const BASE: Lengths = Lengths { bar_ns: MINUTE, higher_ns: None };
    const HIGHER: Lengths = Lengths { bar_ns: MINUTE, higher_ns: Some(5 * MINUTE) };

    #[test]
    fn columns_are_those_of_the_set_beside_others() {
        let columns = named::<Ohlcv>("technical_standard", MINUTE).unwrap();
        let mut bank = Bank::new(1);
        bank.create("rsi", 0, &[]).unwrap();
        let handle = bank.subscribe(&columns, 0, BASE, no_past).unwrap();
        assert_eq!(bank.subscribe(&columns, 0, BASE, no_past), Ok(handle), "the same set has one handle");
        let mut set = FeatureSet::of(&columns).unwrap();
        for minute in 0..200 {
            bank.update(0, &bar(minute));
            for (column, value) in set.update(&bar(minute)).iter().enumerate() {
                assert_eq!(bank.feature(handle, column as u32, 0).to_bits(), value.to_bits());
            }
        }
        assert!(bank.feature(handle, 99, 0).is_nan() && bank.feature(9, 0, 0).is_nan());
    }

    #[test]
    fn a_longer_bar_counts_from_the_bar_on_with_which_it_closed() {
        let columns = named::<Ohlcv>("technical_fast", MINUTE).unwrap();
        let mut bank = Bank::new(1);
        let handle = bank.subscribe(&columns, 0, HIGHER, no_past).unwrap();
        let base = bank.subscribe(&columns, 0, BASE, no_past).unwrap();
        assert_ne!(handle, base);
        let mut set = FeatureSet::<Ohlcv>::of(&columns).unwrap();
        let mut expected = vec![f64::NAN; columns.len()];
        for minute in 0..403 {
            bank.update(0, &bar(minute));
            if minute % 5 == 4 {
                let parts: Vec<Ohlcv> = (minute - 4..=minute).map(bar).collect();
                let higher = Ohlcv {
                    ts: parts[4].ts,
                    open: parts[0].open,
                    high: parts.iter().map(|part| part.high).fold(f64::MIN, f64::max),
                    low: parts.iter().map(|part| part.low).fold(f64::MAX, f64::min),
                    close: parts[4].close,
                    volume: 5.0,
                };
                expected = set.update(&higher).to_vec();
            }
            for (column, value) in expected.iter().enumerate() {
                assert_eq!(bank.feature(handle, column as u32, 0).to_bits(), value.to_bits(), "{minute}");
            }
        }
        // History is counted in bars of the series.
        assert_eq!(bank.feature(handle, 1, 3).to_bits(), expected[1].to_bits());
        assert_ne!(bank.feature(handle, 1, 4), expected[1]);
    }

    #[test]
    fn a_successor_carries_on_and_feeds_what_is_new() {
        let columns = named::<Ohlcv>("technical_fast", MINUTE).unwrap();
        let mut bank = Bank::new(1);
        let handle = bank.subscribe(&columns, 0, HIGHER, no_past).unwrap();
        (0..300).for_each(|minute| bank.update(0, &bar(minute)));
        let before: Vec<u64> = (0..4).map(|column| bank.feature(handle, column, 0).to_bits()).collect();
        bank.succeed();
        assert!(bank.feature(handle, 0, 0).is_nan(), "the new version has asked for nothing yet");
        let past = || (0..300).map(bar);
        let fresh = bank.subscribe(&columns, 0, BASE, past).unwrap();
        let carried = bank.subscribe(&columns, 0, HIGHER, || std::iter::once(bar(7))).unwrap();
        let after: Vec<u64> = (0..4).map(|column| bank.feature(carried, column, 0).to_bits()).collect();
        assert_eq!(after, before);
        let mut set = FeatureSet::<Ohlcv>::of(&columns).unwrap();
        past().for_each(|bar| drop(set.update(&bar).to_vec()));
        assert_eq!(bank.feature(fresh, 1, 0).to_bits(), set.values()[1].to_bits());
        bank.roll_back();
        assert_eq!(bank.feature(handle, 0, 0).to_bits(), before[0]);
    }

    #[test]
    fn errors_name_the_feature() {
        let mut bank = Bank::new(1);
        let mut columns = named::<Ohlcv>("rsi_14", MINUTE).unwrap();
        let mut error = |columns: &[ColumnSpec], lengths| {
            bank.subscribe(columns, 0, lengths, no_past).unwrap_err().to_string()
        };
        assert_eq!(error(&[], BASE), "a set of features needs a column");
        let odd = Lengths { bar_ns: MINUTE, higher_ns: Some(90_000_000_000) };
        assert!(error(&columns, odd).contains("cannot be built from bars of 60000000000 ns"));
        columns.extend(columns.clone());
        assert_eq!(error(&columns, BASE), "feature `rsi_14` is there twice");
        columns[1].kind = "taker_ratio".to_owned();
        assert_eq!(
            error(&columns, BASE),
            "feature `rsi_14`: `taker_ratio` is computed from trades, not from bars"
        );
    }
}
