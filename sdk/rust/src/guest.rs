//! The plugin's side of the contract: exports call the [`Runtime`], the [`Host`]'s methods call the imports.

use crate::advanced::{Bracket, ClosePosition, Pair, Signal};
use crate::bindings::cryptobot::plugin::{
    account, advanced_orders, clock, features, indicators, log, market, orders, random, signals, timers,
};
use crate::bindings::exports::cryptobot::plugin::{events, lifecycle, paged};
use crate::features::FeatureQuery;
use crate::indicators::{ColumnSpec, FeatureColumn, WantedFeature};
use crate::page::Page;
use crate::params::Parameters;
use crate::runtime::Runtime;
use crate::{
    Bar, BasicKind, Column, Host, Level, Order, OrderEvent, OrderId, OrderKind, Param, PositionClose, Series,
    Strategy, Value,
};

/// Where [`export!`](crate::export!) keeps the one instance of a plugin.
pub trait Plugin {
    /// The strategy.
    type Strategy: Strategy;
    /// Its name.
    const NAME: &'static str;
    /// Its version.
    const VERSION: &'static str;

    /// Works on the instance; `None` before `init`.
    fn with<R>(act: impl FnOnce(&mut Option<Runtime<Self::Strategy>>) -> R) -> R;
}

impl<P: Plugin> lifecycle::Guest for P {
    fn describe() -> lifecycle::Info {
        lifecycle::Info {
            name: P::NAME.to_owned(),
            version: P::VERSION.to_owned(),
            state_version: P::Strategy::STATE_VERSION,
            warmup_bars: P::Strategy::warmup(&Default::default()),
            params: <P::Strategy as Strategy>::Params::specs(),
            series: P::Strategy::series(),
            wants: P::Strategy::wants(),
        }
    }

    fn init(params: Vec<Param>, series: Vec<Series>) -> Result<(), String> {
        std::panic::set_hook(Box::new(log_panic));
        let params = <P::Strategy as Strategy>::Params::from_values(&params)?;
        let host = Host { backend: Backend::default(), slot: 0, slots: 1 };
        let runtime = Runtime::new(host, &params, series)?;
        P::with(|instance| *instance = Some(runtime));
        Ok(())
    }

    #[expect(clippy::panic, reason = "the contract has no error here; a trap tells the host")]
    fn snapshot() -> Vec<u8> {
        P::with(|instance| match instance {
            Some(runtime) => {
                runtime.snapshot().unwrap_or_else(|error| panic!("the state cannot be stored: {error}"))
            }
            None => Vec::new(),
        })
    }

    fn restore(state_version: u32, state: Vec<u8>) -> Result<(), String> {
        P::with(|instance| match instance {
            Some(runtime) => runtime.restore(state_version, &state),
            None => Err("restore comes after init".to_owned()),
        })
    }

    fn tune(params: Vec<Param>) -> Result<(), String> {
        let params = <P::Strategy as Strategy>::Params::from_values(&params)?;
        P::with(|instance| match instance {
            Some(runtime) => runtime.tune(&params),
            None => Err("tune comes after init".to_owned()),
        })
    }

    fn stop() {
        deliver::<P>(Runtime::stop);
    }
}

impl<P: Plugin> events::Guest for P {
    #[inline]
    fn on_bar(series: u32, bar: Bar) {
        deliver::<P>(|runtime| runtime.on_bar(series, &bar));
    }

    fn on_order(event: OrderEvent) {
        deliver::<P>(|runtime| runtime.on_order(&event));
    }

    fn on_position_close(close: PositionClose) {
        deliver::<P>(|runtime| runtime.on_position_close(&close));
    }

    fn on_timer(id: u32, _now: i64) {
        deliver::<P>(|runtime| runtime.on_timer(id));
    }
}

impl<P: Plugin> paged::Guest for P {
    fn layout(step: Vec<paged::Row>, look_back: u32) {
        deliver::<P>(|runtime| runtime.host.backend.page.lay_out(&step, look_back));
    }

    fn load_page(rows: Vec<u64>) {
        deliver::<P>(|runtime| runtime.host.backend.page.load(rows));
    }

    fn run(at: u32, until: u32) -> u32 {
        P::with(|instance| instance.as_mut().map_or(until, |runtime| runtime.run(at, until)))
    }
}

#[inline]
fn deliver<P: Plugin>(act: impl FnOnce(&mut Runtime<P::Strategy>)) {
    P::with(|instance| {
        if let Some(runtime) = instance {
            act(runtime);
        }
    });
}

/// The trap that follows a panic carries no message, so it is logged first.
fn log_panic(info: &std::panic::PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("panic");
    let text = match info.location() {
        Some(at) => format!("panicked at {}:{}: {message}", at.file(), at.line()),
        None => format!("panicked: {message}"),
    };
    log::write(Level::Error, &text);
}

/// The imports, and the page where the plugin goes through one.
#[derive(Debug, Default)]
pub(crate) struct Backend {
    pub(crate) page: Page,
}

impl Backend {
    /// Goes on to the next bar; tells whether the strategy asked for something at the one before.
    #[inline]
    pub(crate) fn pass(&mut self) -> bool {
        self.page.pass()
    }
}

/// Orders and timers end the delivery of a page behind the row that they come from.
impl Backend {
    #[inline]
    pub(crate) fn target_position(&mut self, series: u32, quantity: f64) -> OrderId {
        self.page.act();
        orders::target_position(series, quantity)
    }

    #[inline]
    pub(crate) fn submit(&mut self, series: u32, order: &Order) -> OrderId {
        let Order { side, quantity, kind, reduce_only } = *order;
        self.page.act();
        match kind {
            BasicKind::Market => orders::market_order(series, side, quantity, reduce_only),
            BasicKind::Limit { price, tif } => {
                orders::limit_order(series, side, quantity, price, tif, reduce_only)
            }
            BasicKind::Stop { trigger, source } => {
                orders::stop_market(series, side, quantity, trigger, source, reduce_only)
            }
        }
    }

    pub(crate) fn submit_any(&mut self, series: u32, order: &Order<OrderKind>) -> OrderId {
        let Order { side, quantity, kind, reduce_only } = *order;
        self.page.act();
        advanced_orders::submit(series, side, quantity, kind.into(), reduce_only)
    }

    pub(crate) fn close_position(&mut self, series: u32, close: &ClosePosition) -> OrderId {
        let ClosePosition { side, exit, trigger, source } = *close;
        let at = advanced_orders::Trigger { price: trigger, source };
        self.page.act();
        advanced_orders::close_position(series, side, exit, at)
    }

    pub(crate) fn submit_bracket(&mut self, series: u32, bracket: &Bracket) -> OrderId {
        let Bracket { side, quantity, entry, stop, target, source } = *bracket;
        let bracket = advanced_orders::Bracket { entry, stop, target, source };
        self.page.act();
        advanced_orders::submit_bracket(series, side, quantity, bracket)
    }

    pub(crate) fn submit_pair(&mut self, series: u32, pair: &Pair) -> OrderId {
        let Pair { side, quantity, first, second, reduce_only } = *pair;
        self.page.act();
        advanced_orders::submit_pair(series, side, quantity, first.into(), second.into(), reduce_only)
    }

    pub(crate) fn modify(&mut self, id: OrderId, quantity: f64, price: f64) {
        self.page.act();
        advanced_orders::modify(id, quantity, price);
    }

    pub(crate) fn signal(&mut self, series: u32, signal: &Signal) -> OrderId {
        let Signal { side, confidence, stop, target } = *signal;
        self.page.act();
        signals::signal(series, side, confidence, stop, target)
    }

    pub(crate) fn cancel(&mut self, id: OrderId) {
        self.page.act();
        orders::cancel(id);
    }

    pub(crate) fn cancel_all(&mut self, series: u32) {
        self.page.act();
        orders::cancel_all(series);
    }

    pub(crate) fn set_timer(&mut self, id: u32, at: i64) {
        self.page.act();
        timers::set(id, at);
    }

    pub(crate) fn cancel_timer(&mut self, id: u32) {
        self.page.act();
        timers::cancel(id);
    }
}

/// What differs between rows of a page is in the page, or the host is told the row before it answers.
#[allow(clippy::unused_self, reason = "the same methods as the test kit's desk, which has state")]
impl Backend {
    #[inline]
    pub(crate) fn position(&self, series: u32) -> f64 {
        self.page.position(series).unwrap_or_else(|| {
            let position = account::position(series);
            self.page.keep_position(series, position);
            position
        })
    }

    pub(crate) fn average_price(&self, series: u32) -> f64 {
        account::average_price(series)
    }

    pub(crate) fn equity(&self) -> f64 {
        self.page.tell();
        account::equity()
    }

    pub(crate) fn available_margin(&self) -> f64 {
        self.page.tell();
        account::available_margin()
    }

    pub(crate) fn close(&self, series: u32, n: u32) -> f64 {
        self.page.closed_bar(series, n).map_or_else(
            || {
                self.page.tell();
                market::close(series, n)
            },
            |bar| bar.close,
        )
    }

    pub(crate) fn bar(&self, series: u32, n: u32) -> Option<Bar> {
        self.page.closed_bar(series, n).or_else(|| {
            self.page.tell();
            market::bar_at(series, n)
        })
    }

    pub(crate) fn bars(&self, series: u32) -> u32 {
        self.page.tell();
        market::len(series)
    }

    pub(crate) fn window(&self, series: u32, column: Column, n: u32) -> Vec<f64> {
        self.page.tell();
        market::window(series, column, n)
    }

    pub(crate) fn create_indicator(
        &mut self,
        series: u32,
        kind: &str,
        params: &[(&str, f64)],
    ) -> Result<u32, String> {
        let params: Vec<Param> = params
            .iter()
            .map(|(name, value)| Param { name: (*name).to_owned(), value: Value::Number(*value) })
            .collect();
        indicators::create(kind, series, &params)
    }

    #[inline]
    pub(crate) fn indicator_value(&self, handle: u32, output: u32, n: u32) -> f64 {
        self.page.indicator_value(handle, output, n).unwrap_or_else(|| {
            self.page.tell();
            indicators::value(handle, output, n)
        })
    }

    pub(crate) fn subscribe(
        &mut self,
        series: u32,
        query: &FeatureQuery,
    ) -> Result<(u32, Vec<FeatureColumn>), String> {
        let wanted: Vec<features::Wanted> = query.wanted.iter().map(Into::into).collect();
        let handle = features::subscribe(&wanted, series, query.timeframe_ns)?;
        let columns = features::columns(handle).into_iter();
        let column = |column: features::Column| {
            let features::Column { name, indicator, output } = column;
            FeatureColumn { name, indicator, output }
        };
        Ok((handle, columns.map(column).collect()))
    }

    #[inline]
    pub(crate) fn feature(&self, handle: u32, column: u32, place: &FeatureColumn, n: u32) -> f64 {
        self.page.indicator_value(place.indicator, place.output, n).unwrap_or_else(|| {
            self.page.tell();
            features::value(handle, column, n)
        })
    }

    pub(crate) fn feature_values(&self, handle: u32, columns: &[FeatureColumn]) -> Vec<f64> {
        let in_page = columns.iter().map(|place| self.page.indicator_value(place.indicator, place.output, 0));
        in_page.collect::<Option<_>>().unwrap_or_else(|| {
            self.page.tell();
            features::values(handle)
        })
    }

    pub(crate) fn now(&self) -> i64 {
        self.page.now().unwrap_or_else(clock::now)
    }

    pub(crate) fn random(&mut self) -> u64 {
        random::next()
    }

    pub(crate) fn log_enabled(&self, level: Level) -> bool {
        log::enabled(level)
    }

    pub(crate) fn log(&self, level: Level, message: &str) {
        self.page.tell();
        log::write(level, message);
    }
}

impl From<&WantedFeature> for features::Wanted {
    fn from(wanted: &WantedFeature) -> Self {
        match wanted {
            WantedFeature::Named(name) => Self::Named(name.clone()),
            WantedFeature::Own(ColumnSpec { name, kind, params, output }) => {
                let param = |(name, value): &(String, f64)| Param {
                    name: name.clone(),
                    value: Value::Number(*value),
                };
                Self::Defined(features::Feature {
                    name: name.clone(),
                    kind: kind.clone(),
                    params: params.iter().map(param).collect(),
                    output: output.clone(),
                })
            }
        }
    }
}

impl From<OrderKind> for advanced_orders::Kind {
    fn from(kind: OrderKind) -> Self {
        use advanced_orders::{Limit, Trailing, Trigger, TriggerLimit};

        let trigger = |price, source| Trigger { price, source };
        match kind {
            OrderKind::Market => Self::Market,
            OrderKind::Limit { price, lifetime } => Self::Limit(Limit { price, lifetime }),
            OrderKind::Stop { trigger: at, source } => Self::StopMarket(trigger(at, source)),
            OrderKind::StopLimit { trigger: at, source, price, lifetime } => Self::StopLimit(TriggerLimit {
                trigger: trigger(at, source),
                limit: Limit { price, lifetime },
            }),
            OrderKind::TakeProfit { trigger: at, source } => Self::TakeProfitMarket(trigger(at, source)),
            OrderKind::TakeProfitLimit { trigger: at, source, price, lifetime } => {
                Self::TakeProfitLimit(TriggerLimit {
                    trigger: trigger(at, source),
                    limit: Limit { price, lifetime },
                })
            }
            OrderKind::TrailingStop { callback, activation, source } => {
                Self::TrailingStop(Trailing { callback, activation, source })
            }
        }
    }
}
