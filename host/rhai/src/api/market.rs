//! Closed bars and what is known of the symbol.

use cryptobot_engine::Column;
use cryptobot_model::{SeriesId, SeriesInfo};
use rhai::{Array, Dynamic, INT, ImmutableString as Text};

use super::{Api, Function};
use crate::context::{Answer, Context};
use crate::declare::count;
use crate::values::{Series, column};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        call: "close([series], [n])",
        doc: "Close of the newest closed bar, or of the one `n` bars before; NaN where there is none.",
    },
    Function { call: "open([series], [n])", doc: "Open of that bar." },
    Function { call: "high([series], [n])", doc: "High of that bar." },
    Function { call: "low([series], [n])", doc: "Low of that bar." },
    Function { call: "volume([series], [n])", doc: "Volume of that bar, in base units." },
    Function { call: "bar([series], n)", doc: "The whole bar `n` bars ago; `()` where there is none." },
    Function { call: "bars([series])", doc: "Number of closed bars that can be read." },
    Function {
        call: "window([series], column, n)",
        doc: "List of the newest `n` values, oldest first: `window(\"close\", 20)`. Fewer where there are fewer.",
    },
];

pub(super) const SYMBOL: &[Function] = &[
    Function { call: "symbol()", doc: "Name of the symbol that is being served." },
    Function { call: "symbols()", doc: "Number of symbols of the run: they share one account." },
    Function { call: "venue()", doc: "The exchange." },
    Function { call: "timeframe([series])", doc: "Length of the bars, ns." },
    Function { call: "tick()", doc: "Smallest step of a price." },
    Function { call: "lot()", doc: "Smallest step of a quantity." },
    Function { call: "min_notional()", doc: "Smallest value of an order, in the currency of the account." },
];

pub(super) fn register(api: &mut Api<'_>) {
    for (name, column) in [
        ("open", Column::Open),
        ("high", Column::High),
        ("low", Column::Low),
        ("close", Column::Close),
        ("volume", Column::Volume),
    ] {
        value(api, name, column);
    }
    api.add1("bar", |context, n: INT| bar(context, Series(0), n));
    api.add2("bar", bar);
    api.add("bars", |context| length(context, Series(0)));
    api.add1("bars", length);
    api.add2("window", |context, name: Text, n: INT| window(context, Series(0), &name, n));
    api.add3("window", |context, series: Series, name: Text, n: INT| window(context, series, &name, n));
    symbol(api);
}

fn value(api: &mut Api<'_>, name: &'static str, of: Column) {
    api.add(name, move |context| at(context, Series(0), of, 0));
    api.add1(name, move |context, n: INT| at(context, Series(0), of, n));
    api.add1(name, move |context, series: Series| at(context, series, of, 0));
    api.add2(name, move |context, series: Series, n: INT| at(context, series, of, n));
}

fn at(context: &mut Context, series: Series, of: Column, n: INT) -> Answer<f64> {
    let (series, n) = (context.series(series.0)?, count("bars ago", n)?);
    let bar = context.desk.bars(series)?.and_then(|bars| bars.get(n));
    Ok(bar.map_or(f64::NAN, |bar| match of {
        Column::Ts => bar.ts.0 as f64,
        Column::Open => bar.open,
        Column::High => bar.high,
        Column::Low => bar.low,
        Column::Close => bar.close,
        Column::Volume => bar.volume,
    }))
}

fn bar(context: &mut Context, series: Series, n: INT) -> Answer<Dynamic> {
    let (series, n) = (context.series(series.0)?, count("bars ago", n)?);
    let bar = context.desk.bars(series)?.and_then(|bars| bars.get(n)).copied();
    Ok(bar.map_or(Dynamic::UNIT, Dynamic::from))
}

fn length(context: &mut Context, series: Series) -> Answer<INT> {
    let series = context.series(series.0)?;
    Ok(context.desk.bars(series)?.map_or(0, |bars| bars.len() as INT))
}

fn window(context: &mut Context, series: Series, name: &str, n: INT) -> Answer<Array> {
    let (series, column, n) = (context.series(series.0)?, column(name)?, count("a number of bars", n)?);
    Ok(context.desk.window(series, column, n)?.into_iter().map(Dynamic::from).collect())
}

fn symbol(api: &mut Api<'_>) {
    api.add("symbol", |context| Ok(Text::from(context.symbol()?.name.as_str())));
    api.add("symbols", |context| {
        context.symbol()?;
        Ok(context.symbols.len() as INT)
    });
    api.add("venue", |context| info(context, Series(0), |info| Text::from(info.venue.as_str())));
    api.add("timeframe", |context| info(context, Series(0), |info| info.timeframe.nanos()));
    api.add1("timeframe", |context, series: Series| info(context, series, |info| info.timeframe.nanos()));
    api.add("tick", |context| info(context, Series(0), |info| info.tick));
    api.add("lot", |context| info(context, Series(0), |info| info.lot));
    api.add("min_notional", |context| info(context, Series(0), |info| info.min_notional));
}

fn info<R>(context: &mut Context, series: Series, read: fn(&SeriesInfo) -> R) -> Answer<R> {
    let series: SeriesId = context.series(series.0)?;
    Ok(read(context.desk.series_info(series)?))
}
