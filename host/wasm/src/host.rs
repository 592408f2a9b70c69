//! The imports: what a plugin may ask of the host, answered by its desk. Those about orders are in `orders`.
//!
//! Every function either answers or returns a [`Fault`](cryptobot_engine::Fault), which traps the guest and comes
//! back out of the callback as it is. Sizes that a plugin chooses are bounded here or by the desk; the bytes that
//! cross the border in one call are bounded by the store.

use cryptobot_engine::{Column, Desk, Fault, FaultKind, LogLevel};
use cryptobot_model::{SeriesId, Timestamp};
use wasmtime::Result;

use crate::bindings::cryptobot::plugin::{account, clock, indicators, log, market, random, timers, types};
use crate::limits::{Guard, Limits};
use crate::page::Page;
use crate::ticker::CallClock;

/// What a store owns.
pub(crate) struct HostState {
    pub(crate) desk: Desk,
    pub(crate) guard: Guard,
    /// The newest line of level error in this callback: a panic's message, should the callback trap.
    pub(crate) error_line: Option<String>,
    pub(crate) clock: CallClock,
    /// Boxed: most callbacks have nothing to do with it.
    pub(crate) page: Box<Page>,
    indicators_left: u32,
}

impl HostState {
    pub(crate) fn new(desk: Desk, limits: &Limits) -> Self {
        Self {
            desk,
            guard: Guard::new(limits),
            error_line: None,
            clock: CallClock::new(limits.total_ms),
            page: Box::default(),
            indicators_left: limits.indicators,
        }
    }
}

/// A text of a plugin without control characters: it ends up on terminals and in one-line messages.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl log::Host for HostState {
    fn enabled(&mut self, level: log::Level) -> Result<bool> {
        Ok(self.desk.log_enabled(level.into()))
    }

    fn write(&mut self, level: log::Level, message: String) -> Result<()> {
        let end = message.floor_char_boundary(self.desk.limits().log_line_bytes);
        let line = printable(&message[..end]);
        self.desk.log(level.into(), &line)?;
        if level == log::Level::Error {
            self.error_line = Some(line);
        }
        Ok(())
    }
}

impl clock::Host for HostState {
    fn now(&mut self) -> Result<i64> {
        Ok(self.desk.now.0)
    }
}

impl random::Host for HostState {
    fn next(&mut self) -> Result<u64> {
        Ok(self.desk.random())
    }
}

impl timers::Host for HostState {
    fn set(&mut self, id: u32, at: i64) -> Result<()> {
        Ok(self.desk.set_timer(id, Timestamp(at))?)
    }

    fn cancel(&mut self, id: u32) -> Result<()> {
        Ok(self.desk.cancel_timer(id)?)
    }
}

impl types::Host for HostState {}

impl market::Host for HostState {
    fn close(&mut self, series: u32, n: u32) -> Result<f64> {
        Ok(self.desk.close(SeriesId(series), n as usize)?)
    }

    fn bar_at(&mut self, series: u32, n: u32) -> Result<Option<types::Bar>> {
        let bars = self.desk.bars(SeriesId(series))?;
        Ok(bars.and_then(|bars| bars.get(n as usize)).map(types::Bar::from))
    }

    fn len(&mut self, series: u32) -> Result<u32> {
        Ok(self.desk.bars(SeriesId(series))?.map_or(0, |bars| bars.len() as u32))
    }

    fn window(&mut self, series: u32, column: market::Column, n: u32) -> Result<Vec<f64>> {
        // The desk answers with no more than it keeps, whatever `n` is.
        Ok(self.desk.window(SeriesId(series), column.into(), n as usize)?)
    }
}

impl account::Host for HostState {
    fn position(&mut self, series: u32) -> Result<f64> {
        Ok(self.desk.position(SeriesId(series))?)
    }

    fn average_price(&mut self, series: u32) -> Result<f64> {
        Ok(self.desk.average_price(SeriesId(series))?)
    }

    fn equity(&mut self) -> Result<f64> {
        Ok(self.desk.account.equity())
    }

    fn available_margin(&mut self) -> Result<f64> {
        Ok(self.desk.account.available_margin())
    }
}

impl indicators::Host for HostState {
    fn create(
        &mut self,
        kind: String,
        series: u32,
        params: Vec<types::Param>,
    ) -> Result<Result<u32, String>> {
        let series = self.desk.series_info(SeriesId(series))?.id;
        if self.indicators_left == 0 {
            return Err(Fault::new(FaultKind::Contract, "created more indicators than it may have").into());
        }
        self.indicators_left -= 1;
        let mut numbers = Vec::with_capacity(params.len());
        for param in params {
            match param.value {
                types::Value::Number(value) => numbers.push((param.name, value)),
                types::Value::Integer(value) => numbers.push((param.name, value as f64)),
                types::Value::Flag(_) | types::Value::Text(_) => {
                    let name = printable(&param.name);
                    return Ok(Err(format!("indicator `{}`: `{name}` takes a number", printable(&kind))));
                }
            }
        }
        let created = self.desk.create_indicator(&kind, series, &numbers);
        Ok(created.map_err(|error| error.to_string()))
    }

    fn value(&mut self, handle: u32, output: u32, n: u32) -> Result<f64> {
        Ok(self.desk.indicators().value(handle, output, n))
    }
}

impl From<log::Level> for LogLevel {
    fn from(level: log::Level) -> Self {
        match level {
            log::Level::Trace => Self::Trace,
            log::Level::Debug => Self::Debug,
            log::Level::Info => Self::Info,
            log::Level::Warn => Self::Warn,
            log::Level::Error => Self::Error,
        }
    }
}

impl From<market::Column> for Column {
    fn from(column: market::Column) -> Self {
        match column {
            market::Column::Ts => Self::Ts,
            market::Column::Open => Self::Open,
            market::Column::High => Self::High,
            market::Column::Low => Self::Low,
            market::Column::Close => Self::Close,
            market::Column::Volume => Self::Volume,
        }
    }
}
