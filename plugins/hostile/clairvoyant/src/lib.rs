//! A strategy that abuses its page of bars. With single bars it is honest: it is long above the close before and short
//! below. With a page it knows the next close (`peek`), or breaks the contract in one of the other ways; with single bars
//! it may act as if it had a page (`leap`).
#![allow(unsafe_code, missing_docs, unused_qualifications, clippy::pedantic)] // Generated bindings.

use std::cell::RefCell;

use crate::cryptobot::plugin::types::Value;
use crate::cryptobot::plugin::{orders, paging};
use crate::exports::cryptobot::plugin::events::{Bar, Guest as Events, OrderEvent, PositionClose};
use crate::exports::cryptobot::plugin::lifecycle::{
    Guest as Lifecycle, Info, Param, ParamSpec, SeriesInfo, SeriesSpec, Wants,
};
use crate::exports::cryptobot::plugin::paged::{Guest as Paged, Row};

wit_bindgen::generate!({ path: "../../../wit/v0.1", world: "paged-strategy" });

/// Numbers of a row: a bar without indicators.
const ROW: usize = 7;
const CLOSE: usize = 5;

#[derive(Default)]
struct State {
    behaviour: String,
    closes: Vec<f64>,
    before: f64,
    long: Option<bool>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

struct Clairvoyant;

export!(Clairvoyant);

impl State {
    /// Asks for the side that the price goes to; tells whether it asked.
    fn follow(&mut self, from: f64, to: f64) -> bool {
        let long = to > from;
        let turns = from != 0.0 && to != from && self.long != Some(long);
        if turns {
            self.long = Some(long);
            orders::target_position(0, if long { 1.0 } else { -1.0 });
        }
        turns
    }

    fn run(&mut self, at: u32, until: u32) -> u32 {
        match self.behaviour.as_str() {
            "beyond" => return until + 1,
            "nowhere" => return at,
            "outside" => paging::cursor(until),
            "backwards" => {
                paging::cursor(until - 1);
                paging::cursor(at);
            }
            "again" => {
                orders::target_position(0, 1.0);
                paging::cursor(at);
                paging::cursor(at + 1);
            }
            "onwards" => {
                orders::target_position(0, 1.0);
                paging::cursor(at);
                return until;
            }
            _ => {}
        }
        for row in at..until {
            // It says where it is every other time, and asks for something there or one later.
            if row % 2 == 0 {
                paging::cursor(row);
            }
            let close = self.closes[row as usize];
            let next = self.closes.get(row as usize + 1).copied().unwrap_or(close);
            let (from, to) = if self.behaviour == "peek" { (close, next) } else { (self.before, close) };
            self.before = close;
            let turns = from != 0.0 && to != from && self.long != Some(to > from);
            if turns {
                self.follow(from, to);
                return row + 1;
            }
        }
        until
    }
}

impl Paged for Clairvoyant {
    fn layout(_step: Vec<Row>, _look_back: u32) {}

    fn load_page(rows: Vec<u64>) {
        let closes = rows.chunks(ROW).map(|row| f64::from_bits(row[CLOSE])).collect();
        STATE.with_borrow_mut(|state| state.closes = closes);
    }

    fn run(at: u32, until: u32) -> u32 {
        STATE.with_borrow_mut(|state| state.run(at, until))
    }
}

impl Lifecycle for Clairvoyant {
    fn describe() -> Info {
        Info {
            name: "clairvoyant".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            state_version: 1,
            warmup_bars: 0,
            params: vec![
                ParamSpec {
                    name: "behaviour".into(),
                    default: Value::Text("peek".into()),
                    min: None,
                    max: None,
                    step: None,
                    tunable: false,
                    doc: "honest, peek, beyond, nowhere, outside, backwards, again, onwards or leap".into(),
                },
                ParamSpec {
                    name: "luck".into(),
                    default: Value::Integer(1),
                    min: Some(1.0),
                    max: Some(10.0),
                    step: Some(1.0),
                    tunable: false,
                    doc: "Nothing; something to sweep over.".into(),
                },
            ],
            series: vec![SeriesSpec { role: "base".into(), timeframe_ns: None }],
            wants: Wants::BARS,
        }
    }

    fn init(params: Vec<Param>, _series: Vec<SeriesInfo>) -> Result<(), String> {
        let behaviour = params.into_iter().find_map(|param| match param.value {
            Value::Text(text) => Some(text),
            _ => None,
        });
        let behaviour = behaviour.unwrap_or_default();
        STATE.with_borrow_mut(|state| *state = State { behaviour, ..State::default() });
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

impl Events for Clairvoyant {
    fn on_bar(_series: u32, bar: Bar) {
        STATE.with_borrow_mut(|state| {
            if state.behaviour == "leap" {
                paging::cursor(30);
            }
            let before = std::mem::replace(&mut state.before, bar.close);
            state.follow(before, bar.close);
        });
    }

    fn on_order(_event: OrderEvent) {}
    fn on_position_close(_close: PositionClose) {}
    fn on_timer(_id: u32, _now: i64) {}
}
