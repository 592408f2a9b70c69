//! Parameters: declared once, described to the host, read from it.

use std::ops::RangeInclusive;

use serde::Serialize;

use crate::{Param, ParamSpec, Value};

/// A set of parameters. Implemented by [`params!`](crate::params!).
pub trait Parameters: Serialize + Default + 'static {
    /// The declaration, for the host and its users.
    fn specs() -> Vec<ParamSpec>;

    /// Reads the values the host gives.
    ///
    /// # Errors
    /// Names a value that is of another type than declared.
    fn from_values(values: &[Param]) -> Result<Self, String>;
}

/// A type a parameter may have: `bool`, `i64`, `u32`, `u64`, `f64` or `String`.
pub trait ParamType: Sized {
    /// As a value of the contract.
    fn to_value(&self) -> Value;

    /// From a value of the contract; `None` where it is of another type.
    fn from_value(value: &Value) -> Option<Self>;

    /// As a bound of a range; `None` for what has no order.
    fn bound(&self) -> Option<f64> {
        match self.to_value() {
            Value::Integer(whole) => Some(whole as f64),
            Value::Number(number) => Some(number),
            Value::Flag(_) | Value::Text(_) => None,
        }
    }
}

macro_rules! whole {
    ($($type:ty),*) => {
        $(impl ParamType for $type {
            fn to_value(&self) -> Value {
                Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
            }

            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    Value::Integer(whole) => Self::try_from(*whole).ok(),
                    _ => None,
                }
            }
        })*
    };
}
whole!(i64, u32, u64);

impl ParamType for f64 {
    fn to_value(&self) -> Value {
        Value::Number(*self)
    }

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => Some(*number),
            Value::Integer(whole) => Some(*whole as Self),
            Value::Flag(_) | Value::Text(_) => None,
        }
    }
}

impl ParamType for bool {
    fn to_value(&self) -> Value {
        Value::Flag(*self)
    }

    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Flag(flag) = value { Some(*flag) } else { None }
    }
}

impl ParamType for String {
    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }

    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text.clone()) } else { None }
    }
}

/// A specification without range and step, for the macro.
#[doc(hidden)]
pub fn spec<T: ParamType>(name: &str, default: &T, doc: &[&str]) -> ParamSpec {
    ParamSpec {
        name: name.to_owned(),
        default: default.to_value(),
        min: None,
        max: None,
        step: None,
        tunable: false,
        doc: doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ").trim().to_owned(),
    }
}

/// Sets a range, for the macro.
#[doc(hidden)]
pub fn set_range<T: ParamType>(spec: &mut ParamSpec, range: &RangeInclusive<T>) {
    spec.min = range.start().bound();
    spec.max = range.end().bound();
}

/// Sets a step, for the macro.
#[doc(hidden)]
pub fn set_step<T: ParamType>(spec: &mut ParamSpec, step: &T) {
    spec.step = step.bound();
}

/// Reads one value, for the macro.
#[doc(hidden)]
pub fn read<T: ParamType>(values: &[Param], name: &str, default: T) -> Result<T, String> {
    match values.iter().find(|param| param.name == name) {
        None => Ok(default),
        Some(param) => T::from_value(&param.value)
            .ok_or_else(|| format!("parameter `{name}` is not of its declared type: {:?}", param.value)),
    }
}

/// Declares the parameters of a strategy.
///
/// ```
/// cryptobot_sdk::params! {
///     /// The parameters.
///     pub struct Params {
///         /// Bars in the fast average.
///         fast: u32 = 10, range = 2..=500, step = 1;
///         /// Share of equity per position.
///         stake: f64 = 0.5, range = 0.01..=1.0, step = 0.05, tunable = true;
///         /// Whether to sell short.
///         short: bool = true;
///     }
/// }
/// assert_eq!(Params::default().fast, 10);
/// ```
///
/// The documentation of a field is what users read in `host plugin inspect`; range and step are what `--set` checks
/// and sweeps walk through.
#[macro_export]
macro_rules! params {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])*
                $field:ident: $type:ty = $default:expr
                    $(, range = $range:expr)? $(, step = $step:expr)? $(, tunable = $tunable:expr)?;
            )*
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, PartialEq, $crate::__serde::Serialize, $crate::__serde::Deserialize)]
        #[serde(crate = "::cryptobot_sdk::__serde")]
        $visibility struct $name {
            $($(#[doc = $doc])* pub $field: $type,)*
        }

        impl ::std::default::Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $crate::params::Parameters for $name {
            fn specs() -> ::std::vec::Vec<$crate::ParamSpec> {
                let default = Self::default();
                ::std::vec![$({
                    #[allow(unused_mut, reason = "a parameter may have neither range nor step")]
                    let mut spec = $crate::params::spec(::std::stringify!($field), &default.$field, &[$($doc),*]);
                    $($crate::params::set_range::<$type>(&mut spec, &$range);)?
                    $($crate::params::set_step::<$type>(&mut spec, &$step);)?
                    $(spec.tunable = $tunable;)?
                    spec
                }),*]
            }

            fn from_values(values: &[$crate::Param]) -> ::std::result::Result<Self, ::std::string::String> {
                let default = Self::default();
                Ok(Self {
                    $($field: $crate::params::read(values, ::std::stringify!($field), default.$field)?,)*
                })
            }
        }
    };
}

/// For a strategy without parameters.
impl Parameters for () {
    fn specs() -> Vec<ParamSpec> {
        Vec::new()
    }

    fn from_values(_values: &[Param]) -> Result<Self, String> {
        Ok(())
    }
}
