//! What the registry says of an indicator: name, input, parameters, outputs, warm-up, and how it is made.
//!
//! An indicator is a plain struct and one entry in the table of its family, made by the macro `kinds!`:
//!
//! ```text
//! ema(period: u32 = 20 in 1..=MAX) -> ["value"], from period;
//!     "close", "Exponential moving average", source "TA-Lib", oracle "TA-Lib EMA";
//!     Ema::new(period)? => |i, bar| i.update(bar.close)
//! ```

use std::error::Error;
use std::fmt;

use crate::period::PeriodError;

/// A bar as indicators see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ohlcv {
    /// Close time, ns since 1970-01-01 UTC: the moment from which the bar is known.
    pub ts: i64,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Traded amount in base units.
    pub volume: f64,
}

impl Ohlcv {
    /// `(high + low + close) / 3`.
    #[inline]
    pub fn typical(&self) -> f64 {
        (self.high + self.low + self.close) / 3.0
    }

    /// `(high + low) / 2`.
    #[inline]
    pub fn median(&self) -> f64 {
        f64::midpoint(self.high, self.low)
    }
}

/// A parameter of an indicator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KindParam {
    /// Name.
    pub name: &'static str,
    /// Value where none is given.
    pub default: f64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Whether only whole numbers are accepted.
    pub whole: bool,
}

/// A kind of indicator that is fed with values of `I`: bars unless something else is said.
#[derive(Debug)]
pub struct Kind<I: 'static = Ohlcv> {
    /// The name strategies use.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// The parts of its input that it is computed from: `close`, `high`, `low` or several of them.
    pub input: &'static str,
    /// Its parameters in the order of `warmup` and `build`.
    pub params: &'static [KindParam],
    /// Names of its outputs; an output's number is its position.
    pub outputs: &'static [&'static str],
    /// The first input with a value, as a formula of the parameters.
    pub warmup_formula: &'static str,
    /// The first input with a value, counted from 1.
    pub warmup: fn(&[f64]) -> u32,
    /// Where the formula was published.
    pub source: &'static str,
    /// What a test compares its outputs with: a function of TA-Lib, or the published definition, computed apart
    /// from this crate.
    pub oracle: &'static str,
    pub(crate) build: fn(&[f64]) -> Built<I>,
}

impl<I> Clone for Kind<I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I> Copy for Kind<I> {}

/// Why an indicator cannot be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateError(pub String);

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for CreateError {}

impl<I> Kind<I> {
    /// The values of its parameters in their order: those given by name, and the defaults of the others.
    pub fn resolve(&self, given: &[(String, f64)]) -> Result<Vec<f64>, CreateError> {
        let known = || self.params.iter().map(describe).collect::<Vec<_>>().join(", ");
        for (position, (name, _)) in given.iter().enumerate() {
            if !self.params.iter().any(|param| param.name == name) {
                let takes = if self.params.is_empty() { "nothing".to_owned() } else { known() };
                return Err(CreateError(format!(
                    "`{}` has no parameter `{name}`; it takes {takes}",
                    self.name
                )));
            }
            if given[..position].iter().any(|(earlier, _)| earlier == name) {
                return Err(CreateError(format!("`{}`: parameter `{name}` is given twice", self.name)));
            }
        }
        let value = |param: &KindParam| {
            let given = given.iter().find(|(name, _)| name == param.name);
            let value = given.map_or(param.default, |(_, value)| *value);
            let inside = (param.min..=param.max).contains(&value);
            if inside && (!param.whole || value.fract() == 0.0) {
                Ok(value)
            } else {
                Err(CreateError(format!("`{}` takes {}, not {} = {value}", self.name, known(), param.name)))
            }
        };
        self.params.iter().map(value).collect()
    }

    /// The indicator with such parameters.
    pub(crate) fn built(&self, params: &[f64]) -> Result<Box<dyn Feed<I>>, CreateError> {
        (self.build)(params).map_err(|error| CreateError(format!("`{}`: {error}", self.name)))
    }

    /// A new indicator by itself, with parameters as (name, value); those that are absent have their defaults.
    pub fn start(&self, given: &[(String, f64)]) -> Result<Indicator<I>, CreateError> {
        let indicator = self.built(&self.resolve(given)?)?;
        Ok(Indicator { indicator, values: vec![f64::NAN; self.outputs.len()] })
    }
}

/// For example `period (whole, 1..=100000, default 20)`.
fn describe(param: &KindParam) -> String {
    let whole = if param.whole { "whole, " } else { "" };
    format!("{} ({whole}{}..={}, default {})", param.name, param.min, param.max, param.default)
}

/// An indicator of any kind with its newest values.
#[derive(Clone, Debug)]
pub struct Indicator<I: 'static = Ohlcv> {
    indicator: Box<dyn Feed<I>>,
    values: Vec<f64>,
}

impl<I> Indicator<I> {
    /// Takes the next input and returns the outputs in their order; NaN while warming up.
    #[inline]
    pub fn update(&mut self, input: &I) -> &[f64] {
        self.indicator.feed(input, &mut self.values);
        &self.values
    }

    /// The newest outputs.
    #[inline]
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

/// A new indicator, or why its parameters do not fit.
pub(crate) type Built<I> = Result<Box<dyn Feed<I>>, PeriodError>;

/// What an update returns, written to the outputs in their order.
pub trait Outputs {
    /// Writes the values; `outputs` is as long as [`Kind::outputs`].
    fn write(self, outputs: &mut [f64]);
}

impl Outputs for f64 {
    #[inline]
    fn write(self, outputs: &mut [f64]) {
        outputs[0] = self;
    }
}

impl<const N: usize> Outputs for [f64; N] {
    #[inline]
    fn write(self, outputs: &mut [f64]) {
        outputs.copy_from_slice(&self);
    }
}

/// Any indicator that takes values of `I`.
pub(crate) trait Feed<I>: fmt::Debug + Send + Sync {
    /// Takes the next input and writes the outputs in their order; `outputs` is as long as [`Kind::outputs`].
    fn feed(&mut self, input: &I, outputs: &mut [f64]);
    /// A copy with the same state.
    fn copied(&self) -> Box<dyn Feed<I>>;
}

impl<I: 'static> Clone for Box<dyn Feed<I>> {
    fn clone(&self) -> Self {
        (**self).copied()
    }
}

/// An indicator and what it takes of its input.
struct Fed<T, F> {
    indicator: T,
    feed: F,
}

impl<T: fmt::Debug, F> fmt::Debug for Fed<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.indicator.fmt(f)
    }
}

impl<I, T, F, O> Feed<I> for Fed<T, F>
where
    T: Clone + fmt::Debug + Send + Sync + 'static,
    F: Fn(&mut T, &I) -> O + Copy + Send + Sync + 'static,
    O: Outputs,
{
    #[inline]
    fn feed(&mut self, input: &I, outputs: &mut [f64]) {
        (self.feed)(&mut self.indicator, input).write(outputs);
    }

    fn copied(&self) -> Box<dyn Feed<I>> {
        Box::new(Self { indicator: self.indicator.clone(), feed: self.feed })
    }
}

/// An indicator with the function that updates it from its input.
pub(crate) fn fed<I, T, F, O>(indicator: T, feed: F) -> Box<dyn Feed<I>>
where
    T: Clone + fmt::Debug + Send + Sync + 'static,
    F: Fn(&mut T, &I) -> O + Copy + Send + Sync + 'static,
    O: Outputs,
{
    Box::new(Fed { indicator, feed })
}

/// The type of a parameter.
pub(crate) trait Number {
    const WHOLE: bool;
    fn of(value: f64) -> Self;
}

impl Number for u32 {
    const WHOLE: bool = true;
    fn of(value: f64) -> Self {
        value as Self
    }
}

impl Number for f64 {
    const WHOLE: bool = false;
    fn of(value: f64) -> Self {
        value
    }
}

/// A table of kinds: see the module's documentation.
macro_rules! kinds {
    ($input:ty: $(
        $name:ident($($param:ident: $type:ident = $default:literal in $min:literal..=$max:tt),*)
        -> [$($output:literal),+], from $warmup:expr;
        $columns:literal, $title:literal, source $source:literal, oracle $oracle:literal;
        $new:expr => $feed:expr
    ),+ $(,)?) => {
        &[$($crate::kind::Kind {
            name: stringify!($name),
            title: $title,
            input: $columns,
            params: &[$($crate::kind::KindParam {
                name: stringify!($param),
                default: $default as f64,
                min: $min as f64,
                max: $max as f64,
                whole: <$type as $crate::kind::Number>::WHOLE,
            }),*],
            outputs: &[$($output),+],
            warmup_formula: stringify!($warmup),
            #[allow(unused, reason = "tables are regular")]
            warmup: |values| {
                let mut values = values.iter();
                $(let $param: $type = $crate::kind::Number::of(*values.next().unwrap_or(&f64::NAN));)*
                $warmup
            },
            source: $source,
            oracle: $oracle,
            #[allow(unused, clippy::redundant_closure_for_method_calls, reason = "tables are regular")]
            build: |values| {
                let mut values = values.iter();
                $(let $param: $type = $crate::kind::Number::of(*values.next().unwrap_or(&f64::NAN));)*
                Ok($crate::kind::fed::<$input, _, _, _>($new, $feed))
            },
        }),+]
    };
}
pub(crate) use kinds;

/// A struct of named outputs, all of them NaN at first.
macro_rules! outputs {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        pub struct $name {
            $($(#[$field_meta])* pub $field: f64),+
        }

        impl $name {
            /// No values yet.
            pub const NAN: Self = Self { $($field: f64::NAN),+ };
        }

        impl $crate::kind::Outputs for $name {
            #[inline]
            fn write(self, outputs: &mut [f64]) {
                outputs.copy_from_slice(&[$(self.$field),+]);
            }
        }
    };
}
pub(crate) use outputs;
