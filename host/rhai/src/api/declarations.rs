//! `strategy`, `param`, `series`, and indicators with what can be done with them.

use cryptobot_indicators::{KINDS, Kind};
use rhai::{Array, Dynamic, FLOAT, INT, ImmutableString as Text, Map};

use super::{Api, Function};
use crate::context::{Answer, Context, mistake, number};
use crate::declare::{self, ParamOptions};
use crate::values::{Line, Series};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        call: "param(name, default, [range], [doc], [more])",
        doc: "Declares a parameter and answers its value: the default, or what `--set name=value` says. `range` is \
              `2..200` or `[0.0, 1.0]`, both ends included. `more` is `#{step: 1, tunable: true}`.",
    },
    Function {
        call: "series(name, timeframe)",
        doc: "One more series of bars of each symbol, such as `series(\"trend\", \"1d\")`. The series of the run is `main`.",
    },
    Function {
        call: "strategy(name, [version])",
        doc: "Names the strategy; without it the name is that of the file and the version 0.1.0.",
    },
];

pub(super) const INDICATORS: &[Function] = &[
    Function { call: "sma([series], [period])", doc: "Simple moving average of closes." },
    Function { call: "ema([series], [period])", doc: "Exponential moving average of closes." },
    Function { call: "wma([series], [period])", doc: "Linearly weighted moving average of closes." },
    Function { call: "stddev([series], [period])", doc: "Standard deviation of closes." },
    Function {
        call: "bollinger([series], [period], [width])",
        doc: "Bollinger bands: `.upper`, `.middle`, `.lower`, `.percent_b`, `.bandwidth`.",
    },
    Function { call: "rsi([series], [period])", doc: "Relative strength index, 0 to 100." },
    Function { call: "atr([series], [period])", doc: "Average true range, in the units of the price." },
    Function {
        call: "macd([series], [fast], [slow], [signal])",
        doc: "Convergence and divergence of averages: `.line`, `.signal`, `.histogram`.",
    },
    Function { call: "roc([series], [period])", doc: "Rate of change in percent." },
    Function { call: "highest([series], [period])", doc: "Highest high, the newest bar included." },
    Function { call: "lowest([series], [period])", doc: "Lowest low, the newest bar included." },
    Function {
        call: "donchian([series], [period])",
        doc: "Channel of highest high and lowest low: `.upper`, `.middle`, `.lower`.",
    },
    Function {
        call: "indicator(kind, [series], [settings])",
        doc: "Any indicator of the [list](indicators.md) by its name with named settings: `indicator(\"macd\", #{fast: 5})`. \
              Each is a function by its name, too: `keltner(20, 10, 1.5).upper`.",
    },
    Function {
        call: "crosses_above(a, b)",
        doc: "Whether `a` was at or below `b` one bar ago and is above it now. Both are indicators, or one is a number.",
    },
    Function {
        call: "crosses_below(a, b)",
        doc: "Whether `a` was at or above `b` one bar ago and is below it now.",
    },
];

pub(super) fn register(api: &mut Api<'_>) {
    declarations(api);
    api.add2("indicator", |context, kind: Text, settings: Map| named(context, &kind, Series(0), &settings));
    api.add3("indicator", |context, kind: Text, series: Series, settings: Map| {
        named(context, &kind, series, &settings)
    });
    api.add1("indicator", |context, kind: Text| named(context, &kind, Series(0), &Map::new()));
    for kind in KINDS {
        of_kind(api, kind);
    }
    lines(api);
    operators(api);
    api.add2("crosses_above", |context, a: Dynamic, b: Dynamic| {
        Ok(at(context, &a, 1)? <= at(context, &b, 1)? && at(context, &a, 0)? > at(context, &b, 0)?)
    });
    api.add2("crosses_below", |context, a: Dynamic, b: Dynamic| {
        Ok(at(context, &a, 1)? >= at(context, &b, 1)? && at(context, &a, 0)? < at(context, &b, 0)?)
    });
}

fn declarations(api: &mut Api<'_>) {
    api.add1("strategy", |context, name: Text| context.declare_strategy(&name, None));
    api.add2("strategy", |context, name: Text, version: Text| {
        context.declare_strategy(&name, Some(&version))
    });
    api.add2("series", |context, role: Text, timeframe: Text| context.declare_series(&role, &timeframe));
    api.add2("param", |context, name: Text, default: Dynamic| {
        context.declare_param(&name, &default, ParamOptions::default())
    });
    api.add3("param", |context, name: Text, default: Dynamic, next: Dynamic| {
        context.declare_param(&name, &default, options(&[next])?)
    });
    let context = std::rc::Rc::clone(&api.context);
    let four = move |name: Text, default: Dynamic, range: Dynamic, doc: Dynamic| -> super::Given<Dynamic> {
        Ok(context.borrow_mut().declare_param(&name, &default, options(&[range, doc])?)?)
    };
    api.engine.register_fn("param", four);
    let context = std::rc::Rc::clone(&api.context);
    let five = move |name: Text,
                     default: Dynamic,
                     range: Dynamic,
                     doc: Dynamic,
                     more: Dynamic|
          -> super::Given<Dynamic> {
        Ok(context.borrow_mut().declare_param(&name, &default, options(&[range, doc, more])?)?)
    };
    api.engine.register_fn("param", five);
}

/// What follows the default of a parameter: a range, a text, a map, in any order.
fn options(given: &[Dynamic]) -> Answer<ParamOptions> {
    let mut options = ParamOptions::default();
    for value in given {
        if let Some(range) = value.read_lock::<std::ops::Range<INT>>() {
            options.range = Some((range.start as f64, range.end as f64));
        } else if let Some(range) = value.read_lock::<std::ops::RangeInclusive<INT>>() {
            options.range = Some((*range.start() as f64, *range.end() as f64));
        } else if let Some(ends) = value.read_lock::<Array>() {
            options.range = Some(declare::ends(&ends)?);
        } else if let Some(doc) = value.read_lock::<Text>() {
            options.doc = doc.to_string();
        } else if let Some(more) = value.read_lock::<Map>() {
            options.more = more.clone();
        } else {
            return mistake(
                "after its default a parameter has a range such as 2..200, and a text that explains it",
            );
        }
    }
    Ok(options)
}

/// An indicator by its name, on the main series or another, with its first parameters or all.
fn of_kind(api: &mut Api<'_>, kind: &'static Kind) {
    let name = kind.name;
    api.add(name, move |context| positional(context, kind, Series(0), &[]));
    api.add1(name, move |context, a: Dynamic| match a.clone().try_cast::<Series>() {
        Some(series) => positional(context, kind, series, &[]),
        None => positional(context, kind, Series(0), &[a]),
    });
    api.add2(name, move |context, a: Dynamic, b: Dynamic| match a.clone().try_cast::<Series>() {
        Some(series) => positional(context, kind, series, &[b]),
        None => positional(context, kind, Series(0), &[a, b]),
    });
    api.add3(name, move |context, a: Dynamic, b: Dynamic, c: Dynamic| match a.clone().try_cast::<Series>() {
        Some(series) => positional(context, kind, series, &[b, c]),
        None => positional(context, kind, Series(0), &[a, b, c]),
    });
    let context = std::rc::Rc::clone(&api.context);
    let on_series = move |series: Series, a: Dynamic, b: Dynamic, c: Dynamic| -> super::Given<Line> {
        Ok(positional(&mut context.borrow_mut(), kind, series, &[a, b, c])?)
    };
    api.engine.register_fn(name, on_series);
}

fn positional(context: &mut Context, kind: &Kind, series: Series, given: &[Dynamic]) -> Answer<Line> {
    if given.len() > kind.params.len() {
        let names: Vec<&str> = kind.params.iter().map(|param| param.name).collect();
        return mistake(format!("`{}` takes {}", kind.name, names.join(", ")));
    }
    let named = kind.params.iter().zip(given);
    let params = named.map(|(param, value)| Ok((param.name.to_owned(), number(param.name, value)?)));
    let params = params.collect::<Answer<Vec<_>>>()?;
    context.declare_indicator(kind.name, series, params)
}

fn named(context: &mut Context, kind: &str, series: Series, settings: &Map) -> Answer<Line> {
    let params = settings.iter().map(|(name, value)| Ok((name.to_string(), number(name, value)?)));
    let params = params.collect::<Answer<Vec<_>>>()?;
    context.declare_indicator(kind, series, params)
}

/// The value of an indicator, or a number, some bars ago.
fn at(context: &mut Context, value: &Dynamic, bars_ago: u32) -> Answer<f64> {
    match value.clone().try_cast::<Line>() {
        Some(line) => read(context, line, bars_ago),
        None => number("what is compared with an indicator", value),
    }
}

fn read(context: &mut Context, line: Line, bars_ago: u32) -> Answer<f64> {
    context.read(line, bars_ago)
}

/// What a script reads from an indicator.
fn lines(api: &mut Api<'_>) {
    api.property("value", |context, line: &mut Line| read(context, *line, 0));
    api.property("previous", |context, line: &mut Line| read(context, *line, 1));
    api.property("ready", |context, line: &mut Line| Ok(!read(context, *line, 0)?.is_nan()));
    let mut outputs: Vec<&'static str> = KINDS.iter().flat_map(|kind| kind.outputs).copied().collect();
    outputs.sort_unstable();
    outputs.dedup();
    for output in outputs.into_iter().filter(|output| *output != "value") {
        let property = output.replace('-', "_");
        let context = std::rc::Rc::clone(&api.context);
        let name = property.clone();
        api.engine.register_get(property, move |line: &mut Line| -> super::Given<Line> {
            Ok(context.borrow().output(*line, &name)?)
        });
    }
    let context = std::rc::Rc::clone(&api.context);
    api.engine.register_indexer_get(move |line: &mut Line, bars_ago: INT| -> super::Given<FLOAT> {
        let bars_ago = declare::count("bars ago", bars_ago)?;
        Ok(read(&mut context.borrow_mut(), *line, u32::try_from(bars_ago).unwrap_or(u32::MAX))?)
    });
    let context = std::rc::Rc::clone(&api.context);
    for name in ["to_string", "print"] {
        let context = std::rc::Rc::clone(&context);
        api.engine.register_fn(name, move |line: Line| -> super::Given<Text> {
            Ok(Dynamic::from(read(&mut context.borrow_mut(), line, 0)?).to_string().into())
        });
    }
}

/// An indicator stands for its newest value where it is compared or computed with.
fn operators(api: &mut Api<'_>) {
    compare(api, ">", |a, b| a > b);
    compare(api, ">=", |a, b| a >= b);
    compare(api, "<", |a, b| a < b);
    compare(api, "<=", |a, b| a <= b);
    compare(api, "==", |a, b| a == b);
    compare(api, "!=", |a, b| a != b);
    compare(api, "+", |a, b| a + b);
    compare(api, "-", |a, b| a - b);
    compare(api, "*", |a, b| a * b);
    compare(api, "/", |a, b| a / b);
}

fn compare<R: super::Value>(api: &mut Api<'_>, operator: &'static str, f: fn(f64, f64) -> R) {
    pair(
        api,
        operator,
        f,
        |context, line: Line| read(context, line, 0),
        |context, line: Line| read(context, line, 0),
    );
    pair(api, operator, f, |context, line: Line| read(context, line, 0), |_, number: FLOAT| Ok(number));
    pair(api, operator, f, |_, number: FLOAT| Ok(number), |context, line: Line| read(context, line, 0));
    pair(api, operator, f, |context, line: Line| read(context, line, 0), |_, whole: INT| Ok(whole as f64));
    pair(api, operator, f, |_, whole: INT| Ok(whole as f64), |context, line: Line| read(context, line, 0));
}

fn pair<A: super::Value, B: super::Value, R: super::Value>(
    api: &mut Api<'_>,
    operator: &'static str,
    f: fn(f64, f64) -> R,
    left: fn(&mut Context, A) -> Answer<f64>,
    right: fn(&mut Context, B) -> Answer<f64>,
) {
    let context = std::rc::Rc::clone(&api.context);
    api.engine.register_fn(operator, move |a: A, b: B| -> super::Given<R> {
        let context = &mut context.borrow_mut();
        Ok(f(left(context, a)?, right(context, b)?))
    });
}
