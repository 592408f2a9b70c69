//! What `plugins/sma-flip` does, written for contract 0.0.1 without any SDK: long while the fast average of closes is above
//! the slow one, short while it is below.
#![cfg(target_arch = "wasm32")]

use std::cell::RefCell;

use bindings::cryptobot::plugin::types::{
    Bar, OrderEvent, OrderStep, Param, ParamSpec, SeriesInfo, SeriesSpec, Value, Wants,
};
use bindings::cryptobot::plugin::{log, orders};
use bindings::exports::cryptobot::plugin::{events, lifecycle};
use cryptobot_indicators::Sma;

#[allow(
    missing_docs,
    unsafe_code,
    unused_qualifications,
    clippy::pedantic,
    reason = "generated from the contract"
)]
mod bindings {
    wit_bindgen::generate!({ path: "../../../../wit/v0.0", world: "strategy" });
}

/// One symbol.
struct Crossover {
    fast: Sma,
    slow: Sma,
    quantity: f64,
    target: f64,
}

thread_local! {
    static SYMBOLS: RefCell<Vec<Crossover>> = const { RefCell::new(Vec::new()) };
}

impl Crossover {
    fn new(params: &[Param]) -> Result<Self, String> {
        let number =
            |name: &str| match params.iter().find(|param| param.name == name).map(|param| &param.value) {
                Some(Value::Integer(whole)) => Ok(*whole as f64),
                Some(Value::Number(number)) => Ok(*number),
                _ => Err(format!("no parameter {name}")),
            };
        Ok(Self {
            fast: Sma::new(number("fast")? as u32).map_err(|error| error.to_string())?,
            slow: Sma::new(number("slow")? as u32).map_err(|error| error.to_string())?,
            quantity: number("quantity")?,
            target: 0.0,
        })
    }

    fn on_bar(&mut self, series: u32, bar: &Bar) {
        let (fast, slow) = (self.fast.update(bar.close), self.slow.update(bar.close));
        let target = if fast > slow {
            self.quantity
        } else if fast < slow {
            -self.quantity
        } else {
            return;
        };
        if target != self.target {
            self.target = target;
            orders::target_position(series, target);
        }
    }
}

struct Plugin;

impl lifecycle::Guest for Plugin {
    fn describe() -> lifecycle::Info {
        let param = |name: &str, default, min: f64| ParamSpec {
            name: name.to_owned(),
            default,
            min: Some(min),
            max: None,
            doc: String::new(),
        };
        lifecycle::Info {
            name: "first-draft".to_owned(),
            version: "0.0.1".to_owned(),
            state_version: 1,
            warmup_bars: 30,
            params: vec![
                param("fast", Value::Integer(10), 1.0),
                param("slow", Value::Integer(30), 2.0),
                param("quantity", Value::Number(1.0), 0.0),
            ],
            series: vec![SeriesSpec { role: "main".to_owned(), timeframe_ns: None }],
            wants: Wants::BARS | Wants::ORDERS,
        }
    }

    fn init(params: Vec<Param>, series: Vec<SeriesInfo>) -> Result<(), String> {
        let symbols = series.iter().map(|_| Crossover::new(&params)).collect::<Result<Vec<_>, _>>()?;
        SYMBOLS.set(symbols);
        Ok(())
    }

    fn snapshot() -> Vec<u8> {
        SYMBOLS.with_borrow(|symbols| symbols.iter().flat_map(|symbol| symbol.target.to_le_bytes()).collect())
    }

    fn restore(state_version: u32, state: Vec<u8>) -> Result<(), String> {
        if state_version != 1 {
            return Err(format!("state version {state_version}"));
        }
        SYMBOLS.with_borrow_mut(|symbols| {
            for (symbol, bytes) in symbols.iter_mut().zip(state.as_chunks::<8>().0) {
                symbol.target = f64::from_le_bytes(*bytes);
            }
        });
        Ok(())
    }

    fn stop() {}
}

impl events::Guest for Plugin {
    fn on_bar(series: u32, bar: Bar) {
        SYMBOLS.with_borrow_mut(|symbols| {
            if let Some(symbol) = symbols.get_mut(series as usize) {
                symbol.on_bar(series, &bar);
            }
        });
    }

    fn on_order(event: OrderEvent) {
        if event.step == OrderStep::Refused {
            log::write(log::Level::Warn, &format!("order {} was refused", event.id));
        }
    }

    fn on_timer(_id: u32, _now: i64) {}
}

#[allow(unsafe_code, reason = "the component's exports are foreign functions")]
const _: () = {
    bindings::export!(Plugin with_types_in bindings);
};
