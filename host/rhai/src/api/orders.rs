//! Orders, orders of several steps, and signals.
//!
//! Nothing is judged here but the shape of what a script says. Numbers go to the desk as they were given, and what makes
//! no sense comes back as a refusal.

use cryptobot_engine::Bracket;
use cryptobot_model::{
    Callback, OrderId, OrderKind, OrderTerms, Side, TimeInForce, Timestamp, TriggerSource,
};
use rhai::{Dynamic, INT, ImmutableString as Text, Map};

use super::{Api, Function};
use crate::context::{Answer, Context, mistake, number};
use crate::values;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        call: "target_position(quantity)",
        doc: "Trades the difference between the position and `quantity`; negative = short, 0 = out. Answers 0 where \
              nothing is to do.",
    },
    Function {
        call: "target_share(share)",
        doc: "As `target_position`, with a share of the equity: 0.5 is half, -0.5 short. It is divided equally among the \
              symbols and leaves room in the margin.",
    },
    Function {
        call: "buy(quantity, [how])",
        doc: "Buys at the market, or as `how` says; answers the number of the order. See [How](#how).",
    },
    Function { call: "sell(quantity, [how])", doc: "As `buy`." },
    Function { call: "cancel(order)", doc: "Cancels an order by its number." },
    Function { call: "cancel_all()", doc: "Cancels all orders of the symbol." },
];

pub(super) const ADVANCED: &[Function] = &[
    Function {
        call: "buy_bracket(quantity, legs)",
        doc: "Buys with a stop and a target, of which the first to fill ends the other: \
              `buy_bracket(1.0, #{stop: 95.0, target: 110.0})`. `entry` makes the entry a limit order. Answers the number \
              of the entry; the stop has the next one, the target the one after.",
    },
    Function { call: "sell_bracket(quantity, legs)", doc: "As `buy_bracket`, for a short position." },
    Function {
        call: "buy_pair(quantity, how, how)",
        doc: "Two orders of which at most one is filled. Answers the number of the first; the second has the next one.",
    },
    Function { call: "sell_pair(quantity, how, how)", doc: "As `buy_pair`." },
    Function {
        call: "close_long(how)",
        doc: "Sells the whole long position that is there when a price is touched: `close_long(#{stop: 95.0})` or \
              `#{take_profit: 110.0}`.",
    },
    Function { call: "close_short(how)", doc: "As `close_long`, buying a short position back." },
    Function {
        call: "modify(order, quantity, price)",
        doc: "New quantity in all and new price (its trigger where it has no limit) of an order that rests.",
    },
];

pub(super) const SIGNALS: &[Function] = &[Function {
    call: "signal(side, confidence, [exits])",
    doc: "Asks for a position that the host sizes: `signal(\"buy\", 0.8, #{stop: 95.0, target: 110.0})`. Confidence is \
          from 0 to 1.",
}];

/// Part of the free margin that an entry may use, so that prices may move until it fills.
const MARGIN_USE: f64 = 0.98;

pub(super) fn register(api: &mut Api<'_>) {
    api.add1("target_position", |context, quantity: Dynamic| {
        let quantity = number("quantity", &quantity)?;
        target(context, quantity)
    });
    api.add1("target_share", |context, share: Dynamic| {
        let quantity = quantity_of_share(context, number("share", &share)?)?;
        target(context, quantity)
    });
    api.add1("cancel", |context, id: INT| {
        context.symbol()?;
        Ok(context.desk.cancel(OrderId(id as u64))?)
    });
    api.add("cancel_all", |context| {
        let series = context.main()?;
        Ok(context.desk.cancel_all(series)?)
    });
    api.add3("modify", |context, id: INT, quantity: Dynamic, price: Dynamic| {
        context.symbol()?;
        let (quantity, price) = (number("quantity", &quantity)?, number("price", &price)?);
        Ok(context.desk.modify(OrderId(id as u64), quantity, price)?)
    });
    sided(api, Side::Buy, ["buy", "buy_bracket", "buy_pair", "close_short"]);
    sided(api, Side::Sell, ["sell", "sell_bracket", "sell_pair", "close_long"]);
    api.add2("signal", |context, side: Text, confidence: Dynamic| {
        signal(context, &side, &confidence, &Map::new())
    });
    api.add3("signal", |context, side: Text, confidence: Dynamic, exits: Map| {
        signal(context, &side, &confidence, &exits)
    });
}

fn sided(api: &mut Api<'_>, side: Side, [plain, bracket, pair, close]: [&'static str; 4]) {
    api.add1(plain, move |context, quantity: Dynamic| place(context, side, &quantity, &Map::new()));
    api.add2(plain, move |context, quantity: Dynamic, how: Map| place(context, side, &quantity, &how));
    api.add2(bracket, move |context, quantity: Dynamic, legs: Map| brackets(context, side, &quantity, &legs));
    api.add3(pair, move |context, quantity: Dynamic, first: Map, second: Map| {
        pairs(context, side, &quantity, &first, &second)
    });
    api.add1(close, move |context, how: Map| closing(context, side, &how));
}

fn id(order: OrderId) -> INT {
    order.0 as INT
}

fn target(context: &mut Context, quantity: f64) -> Answer<INT> {
    let series = context.main()?;
    Ok(id(context.desk.target_position(series, quantity)?))
}

/// Quantity at the newest price that is worth `share` of the equity, divided equally among the symbols, and fits the
/// margin that is free when the present position is closed. The same rule as in the Rust SDK.
fn quantity_of_share(context: &mut Context, share: f64) -> Answer<f64> {
    let series = context.main()?;
    let symbols = context.symbols.len() as f64;
    let desk = &context.desk;
    let price = desk.account.marks.get(desk.series_info(series)?.instrument.index());
    let own = desk.position(series)?.abs() * price;
    let wanted = share.abs() / symbols * desk.account.equity();
    let notional = wanted.min(MARGIN_USE * (desk.account.available_margin() + own));
    if share == 0.0 {
        return Ok(0.0);
    }
    Ok(share.signum() * notional.max(0.0) / price)
}

fn place(context: &mut Context, side: Side, quantity: &Dynamic, how: &Map) -> Answer<INT> {
    let (series, quantity) = (context.main()?, number("quantity", quantity)?);
    let how = How::of(how)?;
    let terms = OrderTerms::reducing(how.reduce_only);
    Ok(id(context.desk.submit(series, side, quantity, how.kind()?, terms)?))
}

fn pairs(context: &mut Context, side: Side, quantity: &Dynamic, first: &Map, second: &Map) -> Answer<INT> {
    let (series, quantity) = (context.main()?, number("quantity", quantity)?);
    let (first, second) = (How::of(first)?, How::of(second)?);
    let terms = OrderTerms::reducing(first.reduce_only || second.reduce_only);
    let kinds = [first.kind()?, second.kind()?];
    Ok(id(context.desk.submit_pair(series, side, quantity, kinds, terms)?))
}

fn closing(context: &mut Context, side: Side, how: &Map) -> Answer<INT> {
    let series = context.main()?;
    let kind = How::of(how)?.kind()?;
    if !matches!(kind, OrderKind::StopMarket { .. } | OrderKind::TakeProfitMarket { .. }) {
        return mistake("a position is closed by `#{stop: price}` or `#{take_profit: price}`");
    }
    let terms = OrderTerms { close_position: true, ..OrderTerms::FREE };
    Ok(id(context.desk.submit(series, side, 0.0, kind, terms)?))
}

fn brackets(context: &mut Context, side: Side, quantity: &Dynamic, legs: &Map) -> Answer<INT> {
    let (series, quantity) = (context.main()?, number("quantity", quantity)?);
    known("a bracket", legs, &["entry", "stop", "target", "watch"])?;
    let Some(stop) = price(legs, "stop")? else {
        return mistake("a bracket needs a stop: `#{stop: price}`");
    };
    let bracket = Bracket {
        entry: price(legs, "entry")?,
        stop,
        target: price(legs, "target")?,
        source: watched(legs)?.unwrap_or(TriggerSource::Mark),
    };
    Ok(id(context.desk.submit_bracket(series, side, quantity, &bracket)?))
}

fn signal(context: &mut Context, side: &str, confidence: &Dynamic, exits: &Map) -> Answer<INT> {
    let (series, side) = (context.main()?, values::side(side)?);
    known("a signal", exits, &["stop", "target"])?;
    let (stop, target) = (price(exits, "stop")?, price(exits, "target")?);
    Ok(id(context.desk.signal(series, side, number("confidence", confidence)?, stop, target)?))
}

/// How an order is to be executed, as a script says it.
#[derive(Debug)]
struct How {
    limit: Option<f64>,
    stop: Option<f64>,
    take_profit: Option<f64>,
    trail: Option<Callback<f64>>,
    activation: Option<f64>,
    lifetime: Option<TimeInForce>,
    watch: Option<TriggerSource>,
    reduce_only: bool,
}

impl How {
    const KEYS: [&str; 10] = [
        "limit",
        "stop",
        "take_profit",
        "trail",
        "trail_bps",
        "activation",
        "tif",
        "good_until",
        "watch",
        "reduce_only",
    ];

    fn of(map: &Map) -> Answer<Self> {
        known("an order", map, &Self::KEYS)?;
        let trail = match (price(map, "trail")?, price(map, "trail_bps")?) {
            (Some(distance), None) => Some(Callback::Distance(distance)),
            (None, Some(bps)) => Some(Callback::Bps(bps)),
            (None, None) => None,
            (Some(_), Some(_)) => {
                return mistake("an order trails by `trail` or by `trail_bps`, not by both");
            }
        };
        Ok(Self {
            limit: price(map, "limit")?,
            stop: price(map, "stop")?,
            take_profit: price(map, "take_profit")?,
            trail,
            activation: price(map, "activation")?,
            lifetime: lifetime(map)?,
            watch: watched(map)?,
            reduce_only: match map.get("reduce_only") {
                None => false,
                Some(flag) => match flag.as_bool() {
                    Ok(flag) => flag,
                    Err(_) => return mistake("`reduce_only` is true or false"),
                },
            },
        })
    }

    fn kind(&self) -> Answer<OrderKind<f64>> {
        let source = self.watch.unwrap_or(TriggerSource::Mark);
        let tif = self.lifetime.unwrap_or(TimeInForce::Gtc);
        let kind = match (self.stop, self.take_profit, self.trail, self.limit) {
            (None, None, None, None) => OrderKind::Market,
            (None, None, None, Some(price)) => OrderKind::Limit { price, tif },
            (Some(trigger), None, None, None) => OrderKind::StopMarket { trigger, source },
            (Some(trigger), None, None, Some(price)) => OrderKind::StopLimit { trigger, source, price, tif },
            (None, Some(trigger), None, None) => OrderKind::TakeProfitMarket { trigger, source },
            (None, Some(trigger), None, Some(price)) => {
                OrderKind::TakeProfitLimit { trigger, source, price, tif }
            }
            (None, None, Some(callback), None) => {
                OrderKind::TrailingStop { callback, activation: self.activation, source }
            }
            _ => {
                return mistake(
                    "an order has one of `stop`, `take_profit` and `trail`, the first two also with `limit`",
                );
            }
        };
        if self.lifetime.is_some() && self.limit.is_none() {
            return mistake("`tif` and `good_until` are for orders with a `limit`");
        }
        if self.watch.is_some() && kind.trigger().is_none() {
            return mistake("`watch` is for orders with a `stop`, a `take_profit` or a `trail`");
        }
        if self.activation.is_some() && self.trail.is_none() {
            return mistake("`activation` is for orders with a `trail`");
        }
        Ok(kind)
    }
}

/// Refuses a name that means nothing.
fn known(what: &str, map: &Map, names: &[&str]) -> Answer<()> {
    match map.keys().find(|key| !names.contains(&key.as_str())) {
        Some(key) => mistake(format!("{what} has no `{key}`; it may have {}", names.join(", "))),
        None => Ok(()),
    }
}

fn price(map: &Map, name: &str) -> Answer<Option<f64>> {
    map.get(name)
        .filter(|value| !value.is_unit())
        .map(|value| number(&format!("`{name}`"), value))
        .transpose()
}

fn lifetime(map: &Map) -> Answer<Option<TimeInForce>> {
    if let Some(until) = map.get("good_until") {
        return match until.as_int() {
            Ok(ts) => Ok(Some(TimeInForce::Gtd(Timestamp(ts)))),
            Err(_) => mistake("`good_until` is a time, for example now() + days(1)"),
        };
    }
    let Some(name) = map.get("tif") else { return Ok(None) };
    match name.clone().into_string().as_deref() {
        Ok("gtc") => Ok(Some(TimeInForce::Gtc)),
        Ok("ioc") => Ok(Some(TimeInForce::Ioc)),
        Ok("fok") => Ok(Some(TimeInForce::Fok)),
        Ok("post-only") => Ok(Some(TimeInForce::Gtx)),
        _ => mistake("`tif` is \"gtc\", \"ioc\", \"fok\" or \"post-only\""),
    }
}

fn watched(map: &Map) -> Answer<Option<TriggerSource>> {
    let Some(name) = map.get("watch") else { return Ok(None) };
    match name.clone().into_string().as_deref() {
        Ok("mark") => Ok(Some(TriggerSource::Mark)),
        Ok("last") => Ok(Some(TriggerSource::Last)),
        _ => mistake("`watch` is \"mark\" or \"last\""),
    }
}
