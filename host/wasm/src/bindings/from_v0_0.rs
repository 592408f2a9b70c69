//! Contract 0.0 in terms of the newest one: what it lacks is what plugins did without, with the values they took for
//! granted.

use wasmtime::{Result, Store};

use crate::bindings::cryptobot::plugin as newest;
use crate::bindings::exports::cryptobot::plugin::lifecycle::Info;
use crate::bindings::guest::Guest;
use crate::bindings::v0_0;
use crate::bindings::v0_0::cryptobot::plugin::{account, clock, log, orders, random, timers, types};
use crate::host::HostState;

impl Guest for v0_0::Strategy {
    fn call_describe(&self, store: &mut Store<HostState>) -> Result<Info> {
        let info = self.cryptobot_plugin_lifecycle().call_describe(store)?;
        Ok(Info {
            name: info.name,
            version: info.version,
            state_version: info.state_version,
            warmup_bars: info.warmup_bars,
            params: info.params.into_iter().map(Into::into).collect(),
            series: info.series.into_iter().map(Into::into).collect(),
            wants: info.wants.into(),
        })
    }

    fn call_init(
        &self,
        store: &mut Store<HostState>,
        params: &[newest::types::Param],
        series: &[newest::types::SeriesInfo],
    ) -> Result<Result<(), String>> {
        let params: Vec<types::Param> = params.iter().map(Into::into).collect();
        let series: Vec<types::SeriesInfo> = series.iter().map(Into::into).collect();
        self.cryptobot_plugin_lifecycle().call_init(store, &params, &series)
    }

    fn call_snapshot(&self, store: &mut Store<HostState>) -> Result<Vec<u8>> {
        self.cryptobot_plugin_lifecycle().call_snapshot(store)
    }

    fn call_restore(
        &self,
        store: &mut Store<HostState>,
        state_version: u32,
        state: &[u8],
    ) -> Result<Result<(), String>> {
        self.cryptobot_plugin_lifecycle().call_restore(store, state_version, state)
    }

    /// Refused for it: its parameters are given once.
    fn call_tune(
        &self,
        _store: &mut Store<HostState>,
        _params: &[newest::types::Param],
    ) -> Result<Result<(), String>> {
        Ok(Err("a plugin of contract 0.0.1 takes no parameters while it runs".to_owned()))
    }

    fn call_stop(&self, store: &mut Store<HostState>) -> Result<()> {
        self.cryptobot_plugin_lifecycle().call_stop(store)
    }

    #[inline]
    fn call_on_bar(&self, store: &mut Store<HostState>, series: u32, bar: newest::types::Bar) -> Result<()> {
        let newest::types::Bar { ts, open, high, low, close, volume: _ } = bar;
        self.cryptobot_plugin_events().call_on_bar(store, series, types::Bar { ts, open, high, low, close })
    }

    fn call_on_order(&self, store: &mut Store<HostState>, event: newest::types::OrderEvent) -> Result<()> {
        match step(event.kind) {
            Some(step) => self.cryptobot_plugin_events().call_on_order(store, order_event(&event, step)),
            None => Ok(()),
        }
    }

    /// Never asked for: its plugins cannot want it.
    fn call_on_position_close(
        &self,
        _store: &mut Store<HostState>,
        _close: newest::types::PositionClose,
    ) -> Result<()> {
        Ok(())
    }

    fn call_on_timer(&self, store: &mut Store<HostState>, id: u32, now: i64) -> Result<()> {
        self.cryptobot_plugin_events().call_on_timer(store, id, now)
    }
}

/// The step of an order; `None` for those of orders that its plugins cannot place.
fn step(kind: newest::types::OrderEventKind) -> Option<types::OrderStep> {
    use newest::types::OrderEventKind as Kind;
    Some(match kind {
        Kind::Submitted => types::OrderStep::Submitted,
        Kind::Accepted => types::OrderStep::Accepted,
        Kind::Rejected => types::OrderStep::Refused,
        Kind::PartiallyFilled => types::OrderStep::PartiallyFilled,
        Kind::Filled => types::OrderStep::Filled,
        Kind::Cancelled | Kind::Expired => types::OrderStep::Cancelled,
        Kind::Triggered | Kind::Modified => return None,
    })
}

fn order_event(event: &newest::types::OrderEvent, step: types::OrderStep) -> types::OrderEvent {
    types::OrderEvent {
        ts: event.ts,
        series: event.series,
        id: event.id,
        step,
        side: match event.side {
            newest::types::Side::Buy => types::Side::Buy,
            newest::types::Side::Sell => types::Side::Sell,
        },
        price: event.price,
        quantity: event.quantity,
        remaining: event.remaining,
        fee: event.fee,
    }
}

impl From<types::ParamSpec> for newest::types::ParamSpec {
    fn from(spec: types::ParamSpec) -> Self {
        let types::ParamSpec { name, default, min, max, doc } = spec;
        Self { name, default: default.into(), min, max, step: None, tunable: false, doc }
    }
}

impl From<types::SeriesSpec> for newest::types::SeriesSpec {
    fn from(spec: types::SeriesSpec) -> Self {
        Self { role: spec.role, timeframe_ns: spec.timeframe_ns }
    }
}

impl From<types::Wants> for newest::types::Wants {
    fn from(wants: types::Wants) -> Self {
        let all = [
            (types::Wants::BARS, Self::BARS),
            (types::Wants::ORDERS, Self::ORDERS),
            (types::Wants::TIMERS, Self::TIMERS),
        ];
        all.into_iter().filter(|(old, _)| wants.contains(*old)).fold(Self::empty(), |sum, (_, new)| sum | new)
    }
}

impl From<types::Value> for newest::types::Value {
    fn from(value: types::Value) -> Self {
        match value {
            types::Value::Flag(flag) => Self::Flag(flag),
            types::Value::Integer(whole) => Self::Integer(whole),
            types::Value::Number(number) => Self::Number(number),
            types::Value::Text(text) => Self::Text(text),
        }
    }
}

impl From<&newest::types::Param> for types::Param {
    fn from(param: &newest::types::Param) -> Self {
        let value = match &param.value {
            newest::types::Value::Flag(flag) => types::Value::Flag(*flag),
            newest::types::Value::Integer(whole) => types::Value::Integer(*whole),
            newest::types::Value::Number(number) => types::Value::Number(*number),
            newest::types::Value::Text(text) => types::Value::Text(text.clone()),
        };
        Self { name: param.name.clone(), value }
    }
}

impl From<&newest::types::SeriesInfo> for types::SeriesInfo {
    fn from(info: &newest::types::SeriesInfo) -> Self {
        Self {
            id: info.id,
            role: info.role.clone(),
            symbol: info.symbol.clone(),
            venue: info.venue.clone(),
            timeframe_ns: info.timeframe_ns,
            tick: info.tick,
            lot: info.lot,
        }
    }
}

impl From<types::Side> for newest::types::Side {
    fn from(side: types::Side) -> Self {
        match side {
            types::Side::Buy => Self::Buy,
            types::Side::Sell => Self::Sell,
        }
    }
}

impl types::Host for HostState {}

impl log::Host for HostState {
    fn write(&mut self, level: log::Level, message: String) -> Result<()> {
        let level = match level {
            log::Level::Info => newest::log::Level::Info,
            log::Level::Warn => newest::log::Level::Warn,
            log::Level::Error => newest::log::Level::Error,
        };
        newest::log::Host::write(self, level, message)
    }
}

impl clock::Host for HostState {
    fn now(&mut self) -> Result<i64> {
        newest::clock::Host::now(self)
    }
}

impl random::Host for HostState {
    fn next(&mut self) -> Result<u64> {
        newest::random::Host::next(self)
    }
}

impl timers::Host for HostState {
    fn set(&mut self, id: u32, at: i64) -> Result<()> {
        newest::timers::Host::set(self, id, at)
    }

    fn cancel(&mut self, id: u32) -> Result<()> {
        newest::timers::Host::cancel(self, id)
    }
}

impl orders::Host for HostState {
    fn market_order(&mut self, series: u32, side: types::Side, quantity: f64) -> Result<u64> {
        newest::orders::Host::market_order(self, series, side.into(), quantity, false)
    }

    fn limit_order(&mut self, series: u32, side: types::Side, quantity: f64, price: f64) -> Result<u64> {
        let tif = newest::types::Tif::Gtc;
        newest::orders::Host::limit_order(self, series, side.into(), quantity, price, tif, false)
    }

    fn target_position(&mut self, series: u32, quantity: f64) -> Result<u64> {
        newest::orders::Host::target_position(self, series, quantity)
    }

    fn cancel(&mut self, id: u64) -> Result<()> {
        newest::orders::Host::cancel(self, id)
    }
}

impl account::Host for HostState {
    fn position(&mut self, series: u32) -> Result<f64> {
        newest::account::Host::position(self, series)
    }

    fn equity(&mut self) -> Result<f64> {
        newest::account::Host::equity(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_event_keeps_its_numbers_and_its_step() {
        use newest::types::OrderEventKind as Kind;
        let event = |kind| newest::types::OrderEvent {
            ts: 5,
            series: 2,
            id: 7,
            kind,
            side: newest::types::Side::Sell,
            price: 1.5,
            quantity: 2.5,
            remaining: 3.5,
            fee: 0.5,
            maker: true,
            reason: 9,
        };
        let told = |kind| step(kind).map(|step| order_event(&event(kind), step));
        let filled = told(Kind::Filled).unwrap();
        assert_eq!((filled.ts, filled.series, filled.id, filled.side), (5, 2, 7, types::Side::Sell));
        let numbers = [filled.price, filled.quantity, filled.remaining, filled.fee];
        assert_eq!((numbers, filled.step), ([1.5, 2.5, 3.5, 0.5], types::OrderStep::Filled));
        assert_eq!(told(Kind::Expired).unwrap().step, types::OrderStep::Cancelled);
        assert_eq!(told(Kind::Rejected).unwrap().step, types::OrderStep::Refused);
        // Steps of orders that did not exist then.
        assert!(told(Kind::Triggered).is_none() && told(Kind::Modified).is_none());
    }

    #[test]
    fn a_description_wants_what_it_wanted() {
        let wants = newest::types::Wants::from(types::Wants::BARS | types::Wants::TIMERS);
        assert_eq!(wants, newest::types::Wants::BARS | newest::types::Wants::TIMERS);
        assert_eq!(newest::types::Wants::from(types::Wants::empty()), newest::types::Wants::empty());
    }
}
