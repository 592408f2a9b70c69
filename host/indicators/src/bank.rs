//! The indicators of one strategy, created by name and read by dense handle.

use crate::feature::ColumnSpec;
use crate::higher::Higher;
use crate::input::{Book, FuturesData, Input, Pair, Trade};
use crate::kind::{CreateError, Feed, Kind, Ohlcv};

mod features;

use features::Features;
pub use features::{FeatureColumn, GivenColumns, Lengths};

/// Values that are kept per output.
pub const HISTORY: usize = 256;
/// Indicators that one strategy may have.
pub const MAX_INDICATORS: usize = 1_000;
/// Bound of the sum of all periods of a strategy's indicators: at most 32 bytes are kept per unit of period.
pub const MAX_TOTAL_PERIOD: f64 = 1_000_000.0;

/// One indicator with its newest values.
#[derive(Clone, Debug)]
struct Entry {
    /// Boxed, as what follows: bars do not touch it, and entries stand close to each other.
    is: Box<Wanted>,
    /// What makes longer bars for it of those of the series, where it is not fed with these.
    higher: Option<Box<Higher>>,
    indicator: Box<dyn Feed<Ohlcv>>,
    outputs: usize,
    /// Ring of `HISTORY` rows of `outputs` values, a row for each bar of the series; NaN before the first bar.
    history: Vec<f64>,
    /// Row of the newest values: the ring has 256 rows, so that the byte wraps by itself.
    newest: u8,
}

impl Entry {
    fn new(is: Wanted, indicator: Box<dyn Feed<Ohlcv>>, outputs: usize) -> Self {
        let (higher, history) = (is.higher.clone().map(Box::new), vec![f64::NAN; HISTORY * outputs]);
        Self { is: Box::new(is), higher, indicator, outputs, history, newest: 0 }
    }

    #[inline]
    fn feed(&mut self, bar: &Ohlcv) {
        self.newest = self.newest.wrapping_add(1);
        let row = usize::from(self.newest) * self.outputs;
        if self.higher.is_none() {
            self.indicator.feed(bar, &mut self.history[row..row + self.outputs]);
        } else {
            self.feed_higher(bar, row);
        }
    }

    /// Repeats the row before, unless longer bars have closed.
    #[inline(never)]
    fn feed_higher(&mut self, bar: &Ohlcv, row: usize) {
        let before = usize::from(self.newest.wrapping_sub(1)) * self.outputs;
        self.history.copy_within(before..before + self.outputs, row);
        let values = &mut self.history[row..row + self.outputs];
        if let Some(higher) = &mut self.higher {
            higher.push(bar, |closed| self.indicator.feed(closed, values));
        }
    }

    fn fed(mut self, bar: Ohlcv) -> Self {
        self.feed(&bar);
        self
    }
}

/// What tells one entry of a bank from another.
#[derive(Clone, Debug)]
struct Wanted {
    what: What,
    series: usize,
    higher: Option<Higher>,
}

/// What an entry is.
#[derive(Clone, Debug)]
enum What {
    /// An indicator with the values of its parameters.
    Kind(&'static Kind, Vec<f64>),
    /// Columns that are computed elsewhere.
    Given(Vec<ColumnSpec>),
}

impl PartialEq for Wanted {
    fn eq(&self, other: &Self) -> bool {
        let length = |wanted: &Self| wanted.higher.as_ref().map(|higher| higher.length_ns);
        let same = match (&self.what, &other.what) {
            (What::Kind(one, params), What::Kind(two, others)) => one.name == two.name && params == others,
            (What::Given(one), What::Given(two)) => one == two,
            _ => false,
        };
        same && self.series == other.series && length(self) == length(other)
    }
}

impl Wanted {
    fn start(&self) -> Result<Entry, CreateError> {
        match &self.what {
            What::Kind(kind, params) => Ok(Entry::new(self.clone(), kind.built(params)?, kind.outputs.len())),
            What::Given(_) => {
                Err(CreateError("columns that are computed elsewhere have to be given".to_owned()))
            }
        }
    }
}

/// Indicators by handle, grouped by the series that feeds them.
#[derive(Clone, Debug, Default)]
pub struct Bank {
    entries: Vec<Entry>,
    /// Sets of features by handle: columns of the entries.
    features: Vec<Features>,
    /// Handles per series, in the order of their creation.
    of_series: Vec<Vec<u32>>,
    /// The bank that this one takes over from, until that is settled.
    predecessor: Option<Box<Bank>>,
}

impl Bank {
    /// An empty bank for a number of series.
    pub fn new(series: usize) -> Self {
        Self { of_series: vec![Vec::new(); series], ..Self::default() }
    }

    /// Begins a succession: the bank is empty again, and an indicator that is created now and was there before, of the
    /// same kind with the same parameters on the same series, carries on with its values. It ends with
    /// [`Bank::settle`] or [`Bank::roll_back`].
    pub fn succeed(&mut self) {
        let successor = Self::new(self.of_series.len());
        self.predecessor = Some(Box::new(std::mem::replace(self, successor)));
    }

    /// Ends a succession: what was not created again is gone.
    pub fn settle(&mut self) {
        self.predecessor = None;
    }

    /// Ends a succession: everything is as it was before.
    pub fn roll_back(&mut self) {
        if let Some(predecessor) = self.predecessor.take() {
            *self = *predecessor;
        }
    }

    /// Creates an indicator on a series and returns its handle; parameters are (name, value), the defaults of the
    /// kind apply to those that are absent. The same kind with the same parameters on the same series has one
    /// handle, however often it is asked for.
    pub fn create(
        &mut self,
        kind: &str,
        series: usize,
        params: &[(String, f64)],
    ) -> Result<u32, CreateError> {
        self.create_after(kind, series, params, std::iter::empty())
    }

    /// As [`Bank::create`]; in a succession an indicator that was not there before is fed with the `past` bars of its
    /// series, oldest first.
    pub fn create_after(
        &mut self,
        kind: &str,
        series: usize,
        params: &[(String, f64)],
        past: impl Iterator<Item = Ohlcv>,
    ) -> Result<u32, CreateError> {
        let kind = find(kind)?;
        let params = kind.resolve(params)?;
        let wanted = Wanted { what: What::Kind(kind, params), series, higher: None };
        self.add(&wanted, past, Wanted::start)
    }

    /// The handle of an entry, which is made where it is not there yet.
    fn add(
        &mut self,
        wanted: &Wanted,
        past: impl Iterator<Item = Ohlcv>,
        start: impl FnOnce(&Wanted) -> Result<Entry, CreateError>,
    ) -> Result<u32, CreateError> {
        let (series, count) = (wanted.series, self.of_series.len());
        let Some(handles) = self.of_series.get_mut(series) else {
            return Err(CreateError(format!("there is no series {series}; this strategy has {count}")));
        };
        if let Some(handle) = self.entries.iter().position(|entry| *entry.is == *wanted) {
            return Ok(handle as u32);
        }
        check_room(&self.entries, wanted)?;
        let inherited =
            self.predecessor.as_ref().map(|before| before.entries.iter().find(|old| *old.is == *wanted));
        let entry = match inherited {
            Some(Some(running)) => running.clone(),
            Some(None) => past.fold(start(wanted)?, Entry::fed),
            None => start(wanted)?,
        };
        let handle = self.entries.len() as u32;
        handles.push(handle);
        self.entries.push(entry);
        Ok(handle)
    }

    /// Whether there is no indicator.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Feeds a closed bar to the indicators of a series.
    pub fn update(&mut self, series: usize, bar: &Ohlcv) {
        let Some(handles) = self.of_series.get(series) else {
            return;
        };
        for handle in handles {
            self.entries[*handle as usize].feed(bar);
        }
    }

    /// The outputs that a bar of a series gives a new value, by handle and number.
    pub fn outputs_of(&self, series: usize) -> impl Iterator<Item = (u32, u32)> {
        let handles = self.of_series.get(series).into_iter().flatten();
        handles.flat_map(|handle| {
            let outputs = self.entries[*handle as usize].outputs as u32;
            (0..outputs).map(move |output| (*handle, output))
        })
    }

    /// Value of an output `n` bars ago; NaN while warming up, beyond the last [`HISTORY`] bars, and for handles and
    /// outputs that do not exist.
    pub fn value(&self, handle: u32, output: u32, n: u32) -> f64 {
        let Some(entry) = self.entries.get(handle as usize) else {
            return f64::NAN;
        };
        let output = output as usize;
        match u8::try_from(n) {
            Ok(n) if output < entry.outputs => {
                let value = entry.history[usize::from(entry.newest.wrapping_sub(n)) * entry.outputs + output];
                // The sign of a NaN is up to the processor and the compiler: one stands for all.
                if value.is_nan() { f64::NAN } else { value }
            }
            _ => f64::NAN,
        }
    }
}

/// The kind with a name; the error says which one may be meant.
pub(crate) fn find<I: Input>(name: &str) -> Result<&'static Kind<I>, CreateError> {
    I::kind(name).ok_or_else(|| unknown::<I>(name))
}

/// There is no such kind of this input, but perhaps one of another, or one with a similar name.
fn unknown<I: Input>(name: &str) -> CreateError {
    if let Some(input) = input_of(name) {
        return CreateError(format!("`{name}` is computed from {input}, not from {}", I::NAME));
    }
    // A name that is no name is not worth the comparison.
    let wanted = name.get(..name.len().min(64)).unwrap_or_default();
    let kinds = I::FAMILIES.iter().flat_map(|family| family.kinds);
    let similar = kinds.map(|kind| (edits(wanted, kind.name), kind.name)).min();
    let hint = match similar {
        Some((edits, similar)) if edits <= similar.len() / 2 => format!("did you mean `{similar}`?"),
        _ => "the reference of indicators lists them all".to_owned(),
    };
    CreateError(format!("there is no indicator `{name}`; {hint}"))
}

/// What the indicator with a name is computed from: [`Input::NAME`] of its input.
pub fn input_of(name: &str) -> Option<&'static str> {
    fn has<I: Input>(name: &str) -> Option<&'static str> {
        I::kind(name).map(|_| I::NAME)
    }
    has::<Ohlcv>(name)
        .or_else(|| has::<Pair>(name))
        .or_else(|| has::<Trade>(name))
        .or_else(|| has::<Book>(name))
        .or_else(|| has::<FuturesData>(name))
}

/// How many characters have to be inserted, removed or replaced to make one name of the other (Levenshtein 1966).
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// What an indicator keeps in memory grows with its periods.
fn total_period(wanted: &Wanted) -> f64 {
    match &wanted.what {
        What::Kind(kind, params) => {
            kind.params.iter().zip(params).filter(|(param, _)| param.whole).map(|(_, value)| value).sum()
        }
        What::Given(_) => 0.0,
    }
}

fn check_room(entries: &[Entry], wanted: &Wanted) -> Result<(), CreateError> {
    if entries.len() >= MAX_INDICATORS {
        return Err(CreateError(format!("a strategy may have {MAX_INDICATORS} indicators")));
    }
    let kept: f64 = entries.iter().map(|entry| total_period(&entry.is)).sum();
    if kept + total_period(wanted) > MAX_TOTAL_PERIOD {
        return Err(CreateError(format!(
            "the periods of a strategy's indicators may add up to {MAX_TOTAL_PERIOD}; shorten some"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KINDS;
    use crate::moving_average::Sma;

    fn param(name: &str, value: f64) -> (String, f64) {
        (name.to_owned(), value)
    }

    fn bar(close: f64) -> Ohlcv {
        Ohlcv { ts: 0, open: close, high: close + 1.0, low: close - 1.0, close, volume: 1.0 }
    }

    fn feed(bank: &mut Bank, series: usize, close: f64) {
        bank.update(series, &bar(close));
    }

    #[test]
    fn values_follow_the_bars_of_their_own_series() {
        let mut bank = Bank::new(2);
        let fast = bank.create("sma", 0, &[param("period", 2.0)]).unwrap();
        let other = bank.create("sma", 1, &[param("period", 2.0)]).unwrap();
        assert_eq!((fast, other), (0, 1));
        for close in [1.0, 3.0, 5.0] {
            feed(&mut bank, 0, close);
        }
        assert_eq!([bank.value(fast, 0, 0), bank.value(fast, 0, 1)], [4.0, 2.0]);
        assert!(bank.value(fast, 0, 2).is_nan());
        assert!(bank.value(other, 0, 0).is_nan());
        assert!(bank.value(9, 0, 0).is_nan() && bank.value(fast, 1, 0).is_nan());
        feed(&mut bank, 7, 1.0);
    }

    #[test]
    fn the_last_256_values_are_kept() {
        let mut bank = Bank::new(1);
        let handle = bank.create("sma", 0, &[param("period", 3.0)]).unwrap();
        let mut sma = Sma::new(3).unwrap();
        let values: Vec<f64> = (0..1_000).map(|i| f64::from(i) * 1.5).collect();
        let expected: Vec<f64> = values.iter().map(|value| sma.update(*value)).collect();
        for value in &values {
            feed(&mut bank, 0, *value);
        }
        for n in 0..HISTORY {
            assert_eq!(bank.value(handle, 0, n as u32), expected[expected.len() - 1 - n]);
        }
        assert!(bank.value(handle, 0, 256).is_nan() && bank.value(handle, 0, u32::MAX).is_nan());
    }

    #[test]
    fn every_kind_has_its_first_value_where_the_table_says() {
        for kind in KINDS {
            let mut bank = Bank::new(1);
            let handle = bank.create(kind.name, 0, &[]).unwrap();
            let defaults: Vec<f64> = kind.params.iter().map(|param| param.default).collect();
            let warmup = (kind.warmup)(&defaults);
            for bar in 1..=warmup {
                feed(&mut bank, 0, 100.0 + f64::from(bar % 7));
                for output in 0..kind.outputs.len() as u32 {
                    let value = bank.value(handle, output, 0);
                    assert_eq!(value.is_nan(), bar < warmup, "{} output {output} at bar {bar}", kind.name);
                }
            }
        }
    }

    #[test]
    fn the_same_indicator_has_one_handle() {
        let mut bank = Bank::new(1);
        let first = bank.create("rsi", 0, &[]).unwrap();
        assert_eq!(bank.create("rsi", 0, &[param("period", 14.0)]), Ok(first));
        assert_ne!(bank.create("rsi", 0, &[param("period", 15.0)]), Ok(first));
    }

    #[test]
    fn a_successor_carries_on_with_what_was_there_and_feeds_the_rest() {
        let period = |value: f64| [param("period", value)];
        let past = |closes: &[f64]| closes.iter().map(|close| bar(*close)).collect::<Vec<_>>().into_iter();
        let mut bank = Bank::new(1);
        let ema = bank.create("ema", 0, &period(2.0)).unwrap();
        for close in [1.0, 3.0, 8.0, 2.0] {
            feed(&mut bank, 0, close);
        }
        let before = bank.value(ema, 0, 0);

        bank.succeed();
        let sma = bank.create_after("sma", 0, &period(2.0), past(&[8.0, 2.0])).unwrap();
        let same = bank.create_after("ema", 0, &period(2.0), past(&[99.0])).unwrap();
        assert_eq!((sma, same), (0, 1));
        assert_eq!([bank.value(sma, 0, 0), bank.value(same, 0, 0)], [5.0, before]);
        bank.roll_back();
        assert_eq!(bank.value(ema, 0, 0), before);
        assert!(bank.value(1, 0, 0).is_nan(), "what the successor made is gone");

        bank.succeed();
        bank.create_after("sma", 0, &period(2.0), past(&[8.0, 2.0])).unwrap();
        bank.settle();
        feed(&mut bank, 0, 4.0);
        assert_eq!(bank.value(0, 0, 0), 3.0);
        assert_eq!(bank.create("ema", 0, &period(2.0)), Ok(1));
        assert!(bank.value(1, 0, 0).is_nan(), "after the succession nothing is inherited");
    }

    #[test]
    fn errors_say_what_is_allowed() {
        let mut bank = Bank::new(1);
        let mut message =
            |kind: &str, params: &[(String, f64)]| bank.create(kind, 0, params).unwrap_err().to_string();
        assert_eq!(message("smma", &[]), "there is no indicator `smma`; did you mean `sma`?");
        assert_eq!(message("book_spread", &[]), "`book_spread` is computed from order books, not from bars");
        assert_eq!(message("bolinger", &[]), "there is no indicator `bolinger`; did you mean `bollinger`?");
        assert_eq!(
            message("of my own", &[]),
            "there is no indicator `of my own`; the reference of indicators lists them all"
        );
        assert_eq!(
            message("sma", &[param("length", 3.0)]),
            "`sma` has no parameter `length`; it takes period (whole, 1..=100000, default 20)"
        );
        for wrong in [0.0, 2.5, -1.0, 100_001.0, f64::NAN, f64::INFINITY] {
            let message = message("sma", &[param("period", wrong)]);
            assert!(
                message.starts_with("`sma` takes period (whole, 1..=100000, default 20), not"),
                "{message}"
            );
        }
        assert_eq!(
            message("macd", &[param("fast", 30.0)]),
            "`macd`: the fast period (30) must be below the slow one (26)"
        );
        assert_eq!(
            message("sma", &[param("period", 3.0), param("period", 4.0)]),
            "`sma`: parameter `period` is given twice"
        );
        assert_eq!(
            bank.create("sma", 1, &[]).unwrap_err().to_string(),
            "there is no series 1; this strategy has 1"
        );
    }

    #[test]
    fn number_and_memory_of_indicators_are_bounded() {
        let mut bank = Bank::new(1);
        for period in 1..=1_000 {
            bank.create("sma", 0, &[param("period", f64::from(period))]).unwrap();
        }
        assert_eq!(
            bank.create("ema", 0, &[]).unwrap_err().to_string(),
            "a strategy may have 1000 indicators"
        );
        let mut bank = Bank::new(1);
        for i in 0..10 {
            bank.create("donchian", 0, &[param("period", 100_000.0 - f64::from(i))]).unwrap();
        }
        let message = bank.create("sma", 0, &[param("period", 100.0)]).unwrap_err().to_string();
        assert_eq!(message, "the periods of a strategy's indicators may add up to 1000000; shorten some");
    }
}
