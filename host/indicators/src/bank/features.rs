//! Named columns of a bank's indicators: what strategies are served as features.

use std::sync::Arc;

use super::{Bank, Entry, Wanted, What, input_of};
use crate::feature::{ColumnSpec, Resolved};
use crate::higher::Higher;
use crate::input::Input;
use crate::kind::{CreateError, Feed, Ohlcv};

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

/// Columns that are not computed from bars, for every bar of a series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GivenColumns {
    /// Close times of the bars, ns since 1970-01-01 UTC, rising.
    pub ts: Vec<i64>,
    /// The values of all columns, one bar after the other; NaN where a column has no value.
    pub values: Vec<f64>,
}

/// Reads given columns along with the bars of a series.
#[derive(Clone, Debug)]
struct Lookup {
    given: Arc<GivenColumns>,
    /// The first row that is not before the newest bar.
    next: usize,
}

impl Feed<Ohlcv> for Lookup {
    #[inline]
    fn feed(&mut self, bar: &Ohlcv, outputs: &mut [f64]) {
        let GivenColumns { ts, values } = &*self.given;
        while ts.get(self.next).is_some_and(|ts| *ts < bar.ts) {
            self.next += 1;
        }
        let row = values.get(self.next * outputs.len()..(self.next + 1) * outputs.len());
        match row {
            Some(row) if ts.get(self.next) == Some(&bar.ts) => outputs.copy_from_slice(row),
            _ => outputs.fill(f64::NAN),
        }
    }

    fn copied(&self) -> Box<dyn Feed<Ohlcv>> {
        Box::new(self.clone())
    }
}

impl Bank {
    /// Makes the indicators of named columns on a series and returns the handle of the set. With [`Lengths::higher_ns`]
    /// the columns are computed from longer bars, which are built from the bars of the series: a value is there from the
    /// bar on with which the longer one has closed, and stays until the next one does.
    ///
    /// Columns that are not computed from bars are asked for of `given`, all of them at once, in their order.
    ///
    /// In a succession an indicator that was there before carries on; another one is fed with the `past` bars of the
    /// series, oldest first.
    pub fn subscribe<P: Iterator<Item = Ohlcv>>(
        &mut self,
        columns: &[ColumnSpec],
        series: usize,
        lengths: Lengths,
        past: impl Fn() -> P,
        given: impl FnOnce(&[ColumnSpec]) -> Result<Arc<GivenColumns>, CreateError>,
    ) -> Result<u32, CreateError> {
        let higher = lengths.higher_ns.map(|length_ns| Higher::new(lengths.bar_ns, length_ns)).transpose()?;
        check_names(columns)?;
        let is_given =
            |column: &&ColumnSpec| input_of(&column.kind).is_some_and(|input| input != Ohlcv::NAME);
        let elsewhere: Vec<ColumnSpec> = columns.iter().filter(is_given).cloned().collect();
        let lookup = self.given(&elsewhere, series, higher.is_some(), &past, given)?;
        let (mut made, mut looked_up) = (Vec::with_capacity(columns.len()), 0);
        for column in columns {
            let name = column.name.clone();
            if let Some(indicator) = lookup.filter(|_| is_given(&column)) {
                made.push(FeatureColumn { name, indicator, output: looked_up });
                looked_up += 1;
                continue;
            }
            let Resolved { kind, values, output, .. } = column.resolve()?;
            let wanted = Wanted { what: What::Kind(kind, values), series, higher: higher.clone() };
            let indicator = self.add(&wanted, past(), Wanted::start)?;
            made.push(FeatureColumn { name, indicator, output: output as u32 });
        }
        let set = Features { columns: made };
        let known = self.features.iter().position(|other| *other == set);
        let handle = known.unwrap_or_else(|| {
            self.features.push(set);
            self.features.len() - 1
        });
        Ok(handle as u32)
    }

    /// The entry of columns that are computed elsewhere; `None` where there are none.
    fn given<P: Iterator<Item = Ohlcv>>(
        &mut self,
        columns: &[ColumnSpec],
        series: usize,
        is_higher: bool,
        past: &impl Fn() -> P,
        given: impl FnOnce(&[ColumnSpec]) -> Result<Arc<GivenColumns>, CreateError>,
    ) -> Result<Option<u32>, CreateError> {
        let Some(first) = columns.first() else { return Ok(None) };
        if is_higher {
            return Err(CreateError(format!(
                "feature `{}`: only columns of bars can be had of a longer timeframe",
                first.name
            )));
        }
        let wanted = Wanted { what: What::Given(columns.to_vec()), series, higher: None };
        let start = |wanted: &Wanted| {
            let lookup = Lookup { given: given(columns)?, next: 0 };
            Ok(Entry::new(wanted.clone(), Box::new(lookup), columns.len()))
        };
        self.add(&wanted, past(), start).map(Some)
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

fn check_names(columns: &[ColumnSpec]) -> Result<(), CreateError> {
    if columns.is_empty() {
        return Err(CreateError("a set of features needs a column".to_owned()));
    }
    for (index, column) in columns.iter().enumerate() {
        if columns[..index].iter().any(|other| other.name == column.name) {
            return Err(CreateError(format!("feature `{}` is there twice", column.name)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feature::{FeatureSet, WantedFeature, named, wanted_columns};

    const MINUTE: i64 = 60_000_000_000;

    fn bar(minute: i64) -> Ohlcv {
        let close = 100.0 + (minute * minute % 37) as f64;
        let ts = (minute + 1) * MINUTE;
        Ohlcv { ts, open: close - 0.5, high: close + 1.0, low: close - 1.0, close, volume: 1.0 }
    }

    fn no_past() -> std::iter::Empty<Ohlcv> {
        std::iter::empty()
    }

    fn nothing_given(columns: &[ColumnSpec]) -> Result<Arc<GivenColumns>, CreateError> {
        Err(CreateError(format!("nothing is known of {}", columns[0].name)))
    }

    const BASE: Lengths = Lengths { bar_ns: MINUTE, higher_ns: None };
    const HIGHER: Lengths = Lengths { bar_ns: MINUTE, higher_ns: Some(5 * MINUTE) };

    #[test]
    fn columns_are_those_of_the_set_beside_others() {
        let columns = named::<Ohlcv>("technical_standard", MINUTE).unwrap();
        let mut bank = Bank::new(1);
        bank.create("rsi", 0, &[]).unwrap();
        let handle = bank.subscribe(&columns, 0, BASE, no_past, nothing_given).unwrap();
        assert_eq!(
            bank.subscribe(&columns, 0, BASE, no_past, nothing_given),
            Ok(handle),
            "the same set has one handle"
        );
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
        let handle = bank.subscribe(&columns, 0, HIGHER, no_past, nothing_given).unwrap();
        let base = bank.subscribe(&columns, 0, BASE, no_past, nothing_given).unwrap();
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
        let handle = bank.subscribe(&columns, 0, HIGHER, no_past, nothing_given).unwrap();
        (0..300).for_each(|minute| bank.update(0, &bar(minute)));
        let before: Vec<u64> = (0..4).map(|column| bank.feature(handle, column, 0).to_bits()).collect();
        bank.succeed();
        assert!(bank.feature(handle, 0, 0).is_nan(), "the new version has asked for nothing yet");
        let past = || (0..300).map(bar);
        let fresh = bank.subscribe(&columns, 0, BASE, past, nothing_given).unwrap();
        let carried = bank.subscribe(&columns, 0, HIGHER, || std::iter::once(bar(7)), nothing_given).unwrap();
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
            bank.subscribe(columns, 0, lengths, no_past, nothing_given).unwrap_err().to_string()
        };
        assert_eq!(error(&[], BASE), "a set of features needs a column");
        let odd = Lengths { bar_ns: MINUTE, higher_ns: Some(90_000_000_000) };
        assert!(error(&columns, odd).contains("cannot be built from bars of 60000000000 ns"));
        columns.extend(columns.clone());
        assert_eq!(error(&columns, BASE), "feature `rsi_14` is there twice");
        columns[1] =
            ColumnSpec { name: "x".to_owned(), kind: "taker_ratio".to_owned(), ..columns[0].clone() };
        assert_eq!(error(&columns, BASE), "nothing is known of x");
        assert_eq!(
            error(&columns, HIGHER),
            "feature `x`: only columns of bars can be had of a longer timeframe"
        );
    }

    #[test]
    fn given_columns_are_read_along_with_the_bars() {
        let columns = wanted_columns(
            &["taker_ratio", "rsi_14", "funding_rate"].map(|name| WantedFeature::Named(name.to_owned())),
            MINUTE,
        )
        .unwrap();
        // Nothing is known of minute 1, and nothing after minute 3.
        let given = Arc::new(GivenColumns {
            ts: [0, 2, 3].map(|minute| bar(minute).ts).to_vec(),
            values: vec![0.5, f64::NAN, 0.7, 1.0, 0.8, 2.0],
        });
        let mut bank = Bank::new(1);
        let handle = bank.subscribe(&columns, 0, BASE, no_past, |asked| {
            assert_eq!(
                asked.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(),
                ["taker_ratio", "funding_rate"]
            );
            Ok(Arc::clone(&given))
        });
        let handle = handle.unwrap();
        assert_eq!(bank.subscribe(&columns, 0, BASE, no_past, nothing_given), Ok(handle));
        let values = |bank: &Bank| [bank.feature(handle, 0, 0), bank.feature(handle, 2, 0)].map(f64::to_bits);
        let nan = f64::NAN;
        for (minute, expected) in
            [[0.5, nan], [nan, nan], [0.7, 1.0], [0.8, 2.0], [nan, nan]].into_iter().enumerate()
        {
            bank.update(0, &bar(minute as i64));
            assert_eq!(values(&bank), expected.map(f64::to_bits), "{minute}");
        }
        assert_eq!(bank.feature(handle, 0, 1), 0.8);
        bank.succeed();
        let carried = bank.subscribe(&columns, 0, BASE, no_past, nothing_given).unwrap();
        assert_eq!(bank.feature(carried, 0, 2), 0.7);
    }
}
