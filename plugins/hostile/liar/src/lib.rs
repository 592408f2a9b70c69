//! A strategy whose description contradicts itself: its default lies outside its own range.
#![allow(unsafe_code, missing_docs, unused_qualifications, clippy::pedantic)] // Generated bindings.

use crate::cryptobot::plugin::types::Value;
use crate::exports::cryptobot::plugin::events::{Bar, Guest as Events, OrderEvent, PositionClose};
use crate::exports::cryptobot::plugin::lifecycle::{
    Guest as Lifecycle, Info, Param, ParamSpec, SeriesInfo, SeriesSpec, Wants,
};

wit_bindgen::generate!({ path: "../../../wit/v0.1", world: "strategy" });

struct Liar;

export!(Liar);

impl Lifecycle for Liar {
    fn describe() -> Info {
        Info {
            name: "liar".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            state_version: 1,
            warmup_bars: 0,
            params: vec![ParamSpec {
                name: "fast".into(),
                default: Value::Integer(10),
                min: Some(20.0),
                max: Some(30.0),
                step: None,
                tunable: false,
                doc: String::new(),
            }],
            series: vec![SeriesSpec { role: "main".into(), timeframe_ns: None }],
            wants: Wants::BARS,
        }
    }

    fn init(_params: Vec<Param>, _series: Vec<SeriesInfo>) -> Result<(), String> {
        Ok(())
    }

    fn snapshot() -> Vec<u8> {
        Vec::new()
    }

    fn restore(_version: u32, _state: Vec<u8>) -> Result<(), String> {
        Ok(())
    }

    fn tune(_params: Vec<Param>) -> Result<(), String> {
        Ok(())
    }

    fn stop() {}
}

impl Events for Liar {
    fn on_bar(_series: u32, _bar: Bar) {}
    fn on_order(_event: OrderEvent) {}
    fn on_position_close(_close: PositionClose) {}
    fn on_timer(_id: u32, _now: i64) {}
}
