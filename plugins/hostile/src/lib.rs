//! A strategy that misbehaves on demand, for tests of the sandbox.
//!
//! The parameter `behaviour` names what it does, the parameter `in` the callback in which it does it. It is written
//! against the bare bindings: the SDK must not protect it. `none` is honest: it flips its position on every bar; `idle` does
//! nothing on bars, which is what the cost of a call is measured with.
#![allow(clippy::panic)] // Misbehaving is its purpose.
#![allow(unsafe_code, missing_docs, unused_qualifications, clippy::pedantic)] // Generated bindings.

use std::cell::{Cell, RefCell};
use std::hint::black_box;

use crate::cryptobot::plugin::advanced_orders::{
    self, Bracket, Callback, Exit, Kind, Lifetime, Limit, Trailing, Trigger,
};
use crate::cryptobot::plugin::{clock, features, indicators, log, market, orders, signals, timers};
use crate::exports::cryptobot::plugin::events::{Bar, Guest as Events, OrderEvent, PositionClose};
use crate::exports::cryptobot::plugin::lifecycle::{
    Guest as Lifecycle, Info, Param, ParamSpec, SeriesInfo, SeriesSpec, Wants,
};
use cryptobot::plugin::types::{Side, Tif, TriggerSource, Value};

wit_bindgen::generate!({ path: "../../wit/v0.1", world: "strategy" });

struct Hostile;

export!(Hostile);

#[derive(Default)]
struct State {
    behaviour: String,
    callback: String,
    bars: u64,
    hoard: Vec<Vec<u8>>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
    static IDLE: Cell<bool> = const { Cell::new(false) };
}

impl Lifecycle for Hostile {
    fn describe() -> Info {
        let text = |name: &str, default: &str| ParamSpec {
            name: name.into(),
            default: Value::Text(default.into()),
            min: None,
            max: None,
            step: None,
            tunable: false,
            doc: String::new(),
        };
        Info {
            name: "hostile".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            state_version: 1,
            warmup_bars: 0,
            params: vec![text("behaviour", "none"), text("in", "on-bar")],
            series: vec![SeriesSpec { role: "main".into(), timeframe_ns: None }],
            wants: Wants::BARS | Wants::ORDERS | Wants::POSITION_CLOSES | Wants::TIMERS,
        }
    }

    fn init(params: Vec<Param>, _series: Vec<SeriesInfo>) -> Result<(), String> {
        let mut texts = params.into_iter().map(|param| match param.value {
            Value::Text(text) => text,
            other => panic!("{other:?} is no text"),
        });
        STATE.with_borrow_mut(|state| {
            state.behaviour = texts.next().unwrap_or_default();
            state.callback = texts.next().unwrap_or_default();
        });
        IDLE.set(behaviour("on-bar").as_deref() == Some("idle"));
        if behaviour("init").as_deref() == Some("refuse") {
            return Err("I would\nrather\u{1b}[31m not".into());
        }
        misbehave("init");
        Ok(())
    }

    fn snapshot() -> Vec<u8> {
        misbehave("snapshot");
        if behaviour("snapshot").as_deref() == Some("huge-snapshot") {
            return vec![1; 32 << 20];
        }
        STATE.with_borrow(|state| state.bars.to_le_bytes().to_vec())
    }

    fn restore(_version: u32, bytes: Vec<u8>) -> Result<(), String> {
        misbehave("restore");
        let bytes = bytes.try_into().map_err(|_| "the state must have 8 bytes".to_owned())?;
        STATE.with_borrow_mut(|state| state.bars = u64::from_le_bytes(bytes));
        Ok(())
    }

    fn tune(_params: Vec<Param>) -> Result<(), String> {
        misbehave("tune");
        Err("I would rather not".into())
    }

    fn stop() {
        misbehave("stop");
    }
}

impl Events for Hostile {
    fn on_bar(_series: u32, _bar: Bar) {
        if IDLE.get() {
            return;
        }
        let bars = STATE.with_borrow_mut(|state| {
            state.bars += 1;
            state.bars
        });
        orders::target_position(0, if bars.is_multiple_of(2) { -1.0 } else { 1.0 });
        if behaviour("on-timer").is_some() {
            timers::set(1, clock::now() + 1_000_000_000);
        }
        misbehave("on-bar");
    }

    fn on_order(_event: OrderEvent) {
        misbehave("on-order");
    }

    fn on_position_close(_close: PositionClose) {
        misbehave("on-position-close");
    }

    fn on_timer(_id: u32, _now: i64) {
        misbehave("on-timer");
    }
}

/// What is asked for in this callback.
fn behaviour(callback: &str) -> Option<String> {
    STATE.with_borrow(|state| (state.callback == callback).then(|| state.behaviour.clone()))
}

fn misbehave(callback: &str) {
    let Some(behaviour) = behaviour(callback) else {
        return;
    };
    match behaviour.as_str() {
        "trap" => trap(),
        "panic" => panic_like_the_sdk(),
        "loop" => spin(),
        "allocate" => allocate(),
        "recurse" => _ = black_box(recurse(black_box(1))),
        "flood-logs" => (0..1_000_000).for_each(|_| log::write(log::Level::Trace, "flood")),
        "huge-logs" => huge_logs(),
        "flood-orders" => (0..1_000_000).for_each(|_| _ = orders::market_order(0, Side::Buy, 1.0, false)),
        "flood-nan" => flood_nan(),
        "one-nan" => one_nan(),
        "nan-everywhere" => nan_everywhere(),
        "flood-brackets" => (0..1_000_000).for_each(|_| _ = bracket(0, 95.0)),
        "flood-pairs" => (0..1_000_000).for_each(|_| _ = pair(0)),
        "flood-modify" => (0..1_000_000).for_each(|id| advanced_orders::modify(id, 1.0, 1.0)),
        "flood-signals" => (0..1_000_000).for_each(|_| _ = signals::signal(0, Side::Buy, 0.5, None, None)),
        "unknown-modify" => advanced_orders::modify(u64::MAX, 1.0, 1.0),
        "bracket-elsewhere" => _ = bracket(7, 95.0),
        "pair-elsewhere" => _ = pair(7),
        "close-elsewhere" => _ = close_position(7, 95.0),
        "signal-elsewhere" => _ = signals::signal(7, Side::Buy, 0.5, None, None),
        "flood-timers" => (0..1_000_000).for_each(|id| timers::set(id, i64::MAX)),
        "flood-indicators" => (0..1_000_000).for_each(|_| _ = indicators::create("sma", 0, &[period(2.0)])),
        "huge-indicator" => huge_indicator(),
        "flood-features" => (0..1_000_000).for_each(|_| _ = features_of("technical_fast", 0)),
        "odd-features" => odd_features(),
        "features-elsewhere" => _ = features_of("technical_fast", 7),
        "unknown-series" => _ = orders::market_order(7, Side::Buy, 1.0, false),
        "unknown-order" => orders::cancel(123_456_789),
        "huge-window" => huge_window(),
        "broken-text" => broken_text(),
        "grow" => grow(),
        "hoard" => STATE.with_borrow_mut(|state| state.hoard.push(black_box(vec![1; 1 << 20]))),
        "huge-list" => _ = indicators::create("sma", 0, &vec![period(2.0); 200_000]),
        "indicators" => _ = indicators::create("sma", 0, &[period(2.0)]),
        "infinity" => infinity(),
        "forge" => forge(),
        "slow" => (0..150_000_000_u64).for_each(|round| _ = black_box(round)),
        "timer-storm" => timers::set(1, clock::now() + 1),
        "order-storm" => {
            (0..3).for_each(|_| _ = orders::limit_order(0, Side::Buy, 0.01, 1.0, Tif::Gtc, false))
        }
        _ => {}
    }
}

fn trap() -> ! {
    std::process::abort()
}

/// The SDK logs a panic's message before it aborts.
fn panic_like_the_sdk() {
    log::write(log::Level::Error, "panicked at src/lib.rs:1:\nthe market\u{7} is closed");
    panic!("the market is closed")
}

fn spin() {
    let mut rounds = 0_u64;
    loop {
        rounds = black_box(rounds.wrapping_add(1));
    }
}

/// 8 GB in pieces of 16 MB, kept.
fn allocate() {
    for _ in 0..512 {
        STATE.with_borrow_mut(|state| state.hoard.push(black_box(vec![1; 16 << 20])));
    }
}

#[allow(unconditional_recursion)] // The point of it.
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    recurse(frame[0] + 1) + frame[15]
}

fn huge_logs() {
    let line = "x".repeat(1 << 20);
    (0..50).for_each(|_| log::write(log::Level::Error, &line));
}

/// NaN limit prices, each with another payload.
fn flood_nan() {
    for payload in 0..500 {
        let nan = f64::from_bits(0x7ff8_0000_0000_0000 | payload);
        orders::limit_order(0, Side::Buy, 1.0, nan, Tif::Gtc, false);
    }
}

/// Numbers that no market has, as quantities, prices and targets.
fn infinity() {
    for number in [f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -1.0, 0.0, -0.0, f64::MIN_POSITIVE] {
        orders::market_order(0, Side::Buy, number, false);
        orders::limit_order(0, Side::Sell, 0.1, number, Tif::Gtc, false);
        orders::target_position(0, number);
        bracket(0, number);
    }
    orders::target_position(0, f64::NAN);
}

/// Cancels and changes the first orders of whoever else there may be.
fn forge() {
    for strategy in 0..4_u64 {
        for sequence in 0..20_u64 {
            let id = ((strategy + 1) << 40) | sequence;
            orders::cancel(id);
            advanced_orders::modify(id, 0.000_1, 1.0);
        }
    }
}

/// One order for NaN units, on the first bar.
fn one_nan() {
    if STATE.with_borrow(|state| state.bars == 1) {
        orders::market_order(0, Side::Buy, f64::NAN, false);
    }
}

fn bracket(series: u32, stop: f64) -> u64 {
    let bracket = Bracket { entry: Some(stop), stop, target: Some(stop), source: TriggerSource::Mark };
    advanced_orders::submit_bracket(series, Side::Buy, 1.0, bracket)
}

fn pair(series: u32) -> u64 {
    let limit = |price| Kind::Limit(Limit { price, lifetime: Lifetime::Until(i64::MIN) });
    advanced_orders::submit_pair(series, Side::Buy, 1.0, limit(1.0), limit(2.0), false)
}

fn close_position(series: u32, price: f64) -> u64 {
    let at = Trigger { price, source: TriggerSource::Mark };
    advanced_orders::close_position(series, Side::Sell, Exit::Stop, at)
}

/// Every number of the advanced orders and of a signal a NaN with a payload.
fn nan_everywhere() {
    let nan = f64::from_bits(0x7ff8_0000_dead_beef);
    let trailing = |callback| {
        Kind::TrailingStop(Trailing { callback, activation: Some(nan), source: TriggerSource::Last })
    };
    for kind in [trailing(Callback::Bps(nan)), trailing(Callback::Distance(nan))] {
        advanced_orders::submit(0, Side::Buy, nan, kind, true);
    }
    bracket(0, nan);
    close_position(0, nan);
    advanced_orders::modify(1, nan, nan);
    signals::signal(0, Side::Sell, nan, Some(nan), Some(nan));
}

fn period(value: f64) -> Param {
    Param { name: "period".into(), value: Value::Number(value) }
}

fn huge_indicator() {
    let made = indicators::create("sma", 0, &[period(1e15)]);
    log::write(log::Level::Info, &format!("{made:?}"));
}

fn features_of(name: &str, series: u32) -> Result<u32, String> {
    features::subscribe(&[features::Wanted::Named(name.into())], series, None)
}

/// Features that there are not, and columns that were never made.
fn odd_features() {
    let defined = |name: &str, param| {
        let feature = features::Feature {
            name: name.into(),
            kind: "sma".into(),
            params: vec![param],
            output: String::new(),
        };
        features::subscribe(&[features::Wanted::Defined(feature)], 0, None)
    };
    let text = Param { name: "period".into(), value: Value::Text("2".into()) };
    let odd = [
        features_of("\u{1b}[31m", 0),
        features_of("taker_ratio", 0),
        features::subscribe(&[], 0, None),
        features::subscribe(&[features::Wanted::Named("rsi_14".into())], 0, Some(i64::MIN)),
        features::subscribe(&[features::Wanted::Named("rsi_14".into())], 0, Some(61_000_000_000)),
        defined("a\nb", period(2.0)),
        defined("x", period(1e15)),
        defined("x", text),
    ];
    let read = [features::value(9, 9, 9), features::value(u32::MAX, 0, u32::MAX)];
    let none = features::columns(7).is_empty() && features::values(7).is_empty();
    let right = odd.iter().all(Result::is_err) && read.iter().all(|value| value.is_nan()) && none;
    log::write(log::Level::Info, &format!("{right} {odd:?}"));
}

fn huge_window() {
    let values = market::window(0, market::Column::Close, u32::MAX);
    log::write(log::Level::Info, &format!("window of {}", values.len()));
}

/// A text that is not UTF-8: breaks the canonical ABI.
fn broken_text() {
    let bytes = black_box([0xff_u8, 0xfe, 0xfd]);
    // SAFETY: there is none; the host must refuse it.
    let text = unsafe { std::str::from_utf8_unchecked(&bytes) };
    log::write(log::Level::Info, text);
}

/// Asks for nearly 4 GiB in one step.
#[cfg(target_arch = "wasm32")]
fn grow() {
    black_box(core::arch::wasm32::memory_grow(0, 60_000));
}

#[cfg(not(target_arch = "wasm32"))]
fn grow() {}
