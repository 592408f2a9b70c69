//! What a plugin did, as lines that people write in a case and read in a difference.

use cryptobot_engine::{Intent, Signal};
use cryptobot_model::{
    Callback, OrderId, OrderKind, OrderTerms, Price, SeriesId, SeriesInfo, Side, TimeInForce,
};

/// A number as a plugin gave it, rounded to eight places.
pub(super) fn number(value: f64) -> String {
    Price::from_f64(value).map_or_else(|| value.to_string(), |exact| exact.to_string())
}

/// What a plugin asked for, in one line without its time.
pub(super) fn intent(intent: &Intent, series: &[SeriesInfo]) -> String {
    let symbol = |id: SeriesId| series.get(id.index()).map_or("?", |info| &info.symbol);
    match *intent {
        Intent::Order { series, target: Some(target), .. } => {
            format!("target {} {}", number(target), symbol(series))
        }
        Intent::Order { series, side, quantity, kind, terms, .. } => {
            let quantity = if terms.close_position { "all".to_owned() } else { number(quantity) };
            format!(
                "{} {quantity} {} {}{}",
                buy_or_sell(side),
                symbol(series),
                of_kind(&kind),
                binding(terms)
            )
        }
        Intent::Signal(Signal { series, side, confidence, stop, target, .. }) => {
            let price = |name: &str, price: Option<f64>| {
                price.map(|price| format!(" {name} {}", number(price))).unwrap_or_default()
            };
            let (side, confidence) = (buy_or_sell(side), number(confidence));
            let protection = [price("stop", stop), price("target", target)].concat();
            format!("signal {side} {} confidence {confidence}{protection}", symbol(series))
        }
        Intent::Modify { id, quantity, price } => {
            format!("modify order {} to {} at {}", id.sequence(), number(quantity), number(price))
        }
        Intent::Cancel { id } => format!("cancel order {}", id.sequence()),
        Intent::CancelAll { series } => format!("cancel all {}", symbol(series)),
    }
}

pub(super) fn buy_or_sell(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

/// `stop-limit 95 94.5 ioc`: the name of a kind with its prices.
fn of_kind(kind: &OrderKind<f64>) -> String {
    let mut words = vec![kind.name().to_owned()];
    words.extend(kind.trigger_price().map(number));
    if let OrderKind::TrailingStop { callback, activation, .. } = kind {
        words.push(match callback {
            Callback::Bps(bps) => format!("{} bps", number(*bps)),
            Callback::Distance(distance) => number(*distance),
        });
        words.extend(activation.map(|activation| format!("from {}", number(activation))));
    }
    if let Some((price, tif)) = kind.limit() {
        words.push(number(price));
        words.extend(lifetime(tif));
    }
    words.join(" ")
}

/// Nothing for the usual one, good till cancelled.
fn lifetime(tif: TimeInForce) -> Option<String> {
    match tif {
        TimeInForce::Gtc => None,
        TimeInForce::Ioc => Some("ioc".to_owned()),
        TimeInForce::Fok => Some("fok".to_owned()),
        TimeInForce::Gtx => Some("gtx".to_owned()),
        TimeInForce::Gtd(until) => Some(format!("until {until}")),
    }
}

/// What binds an order, each with a blank before it.
fn binding(terms: OrderTerms) -> String {
    let OrderTerms { reduce_only, parent, sibling, .. } = terms;
    let related = |name: &str, id: OrderId| id.is_some().then(|| format!(" {name} order {}", id.sequence()));
    let words =
        [reduce_only.then(|| " reduce-only".to_owned()), related("after", parent), related("or", sibling)];
    words.into_iter().flatten().collect()
}
