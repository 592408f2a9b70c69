//! Functions that SQLite lacks or is built without: times of the catalog, mathematics, statistics.

use std::ffi::c_int;

use cryptobot_model::{Timeframe, Timestamp};
use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;

use crate::aggregates::{Moments, Pairs, Pick, Quantile, Statistic};

/// The functions beside those of SQLite, for messages.
pub(crate) const NAMES: [&str; 24] = [
    "ms(time)",
    "iso(ts)",
    "bucket(ts,'1h')",
    "sqrt(x)",
    "exp(x)",
    "ln(x)",
    "log(x)",
    "log10(x)",
    "log2(x)",
    "pow(x,y)",
    "power(x,y)",
    "floor(x)",
    "ceil(x)",
    "stddev(x)",
    "stddev_pop(x)",
    "variance(x)",
    "var_pop(x)",
    "median(x)",
    "quantile(x,q)",
    "corr(x,y)",
    "covar(x,y)",
    "slope(y,x)",
    "first(x,ts)",
    "last(x,ts)",
];

/// The same result for the same arguments, and no effect.
const PURE: FunctionFlags = FunctionFlags::SQLITE_UTF8
    .union(FunctionFlags::SQLITE_DETERMINISTIC)
    .union(FunctionFlags::SQLITE_INNOCUOUS);

/// Makes the functions known to a connection.
pub(crate) fn register(connection: &Connection) -> rusqlite::Result<()> {
    times(connection)?;
    mathematics(connection)?;
    for (name, statistic) in [
        ("stddev", Statistic::Deviation),
        ("stddev_pop", Statistic::DeviationOfAll),
        ("variance", Statistic::Variance),
        ("var_pop", Statistic::VarianceOfAll),
    ] {
        connection.create_window_function(name, 1, PURE, Moments(statistic))?;
    }
    for (name, statistic) in
        [("corr", Statistic::Correlation), ("covar", Statistic::Covariance), ("slope", Statistic::Slope)]
    {
        connection.create_window_function(name, 2, PURE, Pairs(statistic))?;
    }
    connection.create_aggregate_function("median", 1, PURE, Quantile)?;
    connection.create_aggregate_function("quantile", 2, PURE, Quantile)?;
    connection.create_aggregate_function("first", 2, PURE, Pick { last: false })?;
    connection.create_aggregate_function("last", 2, PURE, Pick { last: true })
}

fn times(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_scalar_function("ms", 1, PURE, |context| match context.get_raw(0) {
        ValueRef::Null => Ok(None),
        ValueRef::Integer(ts) => Ok(Some(ts)),
        other => {
            let text =
                other.as_str().map_err(|_| wrong("ms(time): give a text such as '2024-01-01T12:00'"))?;
            let at = text.replacen(' ', "T", 1).parse::<Timestamp>();
            at.map(|at| Some(at.millis())).map_err(|error| wrong(&format!("ms('{text}'): {error}")))
        }
    })?;
    connection.create_scalar_function("iso", 1, PURE, |context| {
        let ts: Option<i64> = context.get(0)?;
        Ok(ts.map(|ts| Timestamp::from_millis(ts).to_string()))
    })?;
    connection.create_scalar_function("bucket", 2, PURE, |context| {
        let (ts, length): (Option<i64>, String) = (context.get(0)?, context.get(1)?);
        let length = length.parse::<Timeframe>();
        let length = length.map_err(|error| wrong(&format!("bucket(ts, timeframe): {error}")))?;
        Ok(ts.map(|ts| length.open_of(Timestamp::from_millis(ts)).millis()))
    })
}

fn wrong(problem: &str) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(problem.into())
}

/// A function of the real numbers.
type Real = fn(f64) -> f64;

/// A function of a number; what has no value in the numbers is NULL.
fn of_number(connection: &Connection, name: &str, function: Real) -> rusqlite::Result<()> {
    connection.create_scalar_function(name, 1, PURE, move |context| {
        let value: Option<f64> = context.get(0)?;
        Ok(value.map(function).filter(|value| value.is_finite()))
    })
}

fn mathematics(connection: &Connection) -> rusqlite::Result<()> {
    let functions: [(&str, Real); 8] = [
        ("sqrt", f64::sqrt),
        ("exp", libm::exp),
        ("ln", libm::log),
        ("log", libm::log10),
        ("log10", libm::log10),
        ("log2", libm::log2),
        ("floor", f64::floor),
        ("ceil", f64::ceil),
    ];
    for (name, function) in functions {
        of_number(connection, name, function)?;
    }
    for name in ["pow", "power"] {
        connection.create_scalar_function(name, 2, PURE, |context| {
            let both = pair(context)?;
            Ok(both.map(|(x, y)| libm::pow(x, y)).filter(|value| value.is_finite()))
        })?;
    }
    Ok(())
}

/// Two numbers; `None` = one of them is NULL.
pub(crate) fn pair(context: &Context<'_>) -> rusqlite::Result<Option<(f64, f64)>> {
    let number = |index: c_int| context.get::<Option<f64>>(index as usize);
    Ok(number(0)?.zip(number(1)?))
}
