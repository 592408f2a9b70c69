//! The imports: what a plugin may ask of the host, answered by its desk. Those about orders are in `orders`.
//!
//! Every function either answers or returns a [`Fault`](cryptobot_engine::Fault), which traps the guest and comes
//! back out of the callback as it is. Sizes that a plugin chooses are bounded here or by the desk; the bytes that
//! cross the border in one call are bounded by the store.

use cryptobot_engine::{Column, ColumnSpec, Desk, Fault, FaultKind, FeatureColumn, LogLevel, WantedFeature};
use cryptobot_model::{SeriesId, Timestamp};
use wasmtime::Result;

use crate::bindings::cryptobot::plugin::{
    account, clock, features, indicators, log, market, random, timers, types,
};
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
    /// `spare` bytes of its memory are the host's own.
    pub(crate) fn new(desk: Desk, limits: &Limits, spare: usize, page: Page) -> Self {
        Self {
            desk,
            guard: Guard::new(limits, spare),
            error_line: None,
            clock: CallClock::new(limits.total_ms),
            page: Box::new(page),
            indicators_left: limits.indicators,
        }
    }
}

impl HostState {
    /// Counts indicators that the plugin asks for.
    fn take_indicators(&mut self, count: usize) -> Result<()> {
        let left = u32::try_from(count).ok().and_then(|count| self.indicators_left.checked_sub(count));
        let Some(left) = left else {
            return Err(Fault::new(FaultKind::Contract, "created more indicators than it may have").into());
        };
        self.indicators_left = left;
        Ok(())
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
        self.take_indicators(1)?;
        let created = numbers(&kind, params).and_then(|numbers| {
            self.desk.create_indicator(&kind, series, &numbers).map_err(|error| error.to_string())
        });
        Ok(created)
    }

    fn value(&mut self, handle: u32, output: u32, n: u32) -> Result<f64> {
        Ok(self.desk.indicators().value(handle, output, n))
    }
}

impl features::Host for HostState {
    fn subscribe(
        &mut self,
        wanted: Vec<features::Wanted>,
        series: u32,
        timeframe_ns: Option<i64>,
    ) -> Result<Result<u32, String>> {
        let series = self.desk.series_info(SeriesId(series))?.id;
        self.take_indicators(wanted.len())?;
        let wanted = match wanted.into_iter().map(feature).collect::<std::result::Result<Vec<_>, _>>() {
            Ok(wanted) => wanted,
            Err(reason) => return Ok(Err(reason)),
        };
        let (columns, lengths) = match self.desk.feature_columns(&wanted, series, timeframe_ns)? {
            Ok(found) => found,
            Err(error) => return Ok(Err(printable(&error.to_string()))),
        };
        self.take_indicators(columns.len().saturating_sub(wanted.len()))?;
        let handle = self.desk.subscribe(&columns, series, lengths);
        Ok(handle.map_err(|error| printable(&error.to_string())))
    }

    fn columns(&mut self, handle: u32) -> Result<Vec<features::Column>> {
        let columns = self.desk.indicators().feature_columns(handle).iter();
        Ok(columns
            .map(|FeatureColumn { name, indicator, output }| features::Column {
                name: name.clone(),
                indicator: *indicator,
                output: *output,
            })
            .collect())
    }

    fn value(&mut self, handle: u32, column: u32, n: u32) -> Result<f64> {
        Ok(self.desk.indicators().feature(handle, column, n))
    }

    fn values(&mut self, handle: u32) -> Result<Vec<f64>> {
        let bank = self.desk.indicators();
        let columns = bank.feature_columns(handle).iter();
        Ok(columns.map(|column| bank.value(column.indicator, column.output, 0)).collect())
    }
}

/// What a plugin asks for, in the terms of the engine.
fn feature(wanted: features::Wanted) -> std::result::Result<WantedFeature, String> {
    Ok(match wanted {
        features::Wanted::Named(name) => WantedFeature::Named(name),
        features::Wanted::Defined(features::Feature { name, kind, params, output }) => {
            let params = numbers(&kind, params)?;
            WantedFeature::Own(ColumnSpec { name, kind, params, output })
        }
    })
}

/// The parameters of an indicator, all of which are numbers.
fn numbers(kind: &str, params: Vec<types::Param>) -> std::result::Result<Vec<(String, f64)>, String> {
    let number = |param: types::Param| match param.value {
        types::Value::Number(value) => Ok((param.name, value)),
        types::Value::Integer(value) => Ok((param.name, value as f64)),
        types::Value::Flag(_) | types::Value::Text(_) => {
            let name = printable(&param.name);
            Err(format!("indicator `{}`: `{name}` takes a number", printable(kind)))
        }
    };
    params.into_iter().map(number).collect()
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
