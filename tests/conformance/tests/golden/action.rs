//! What the strategy of a case does.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use cryptobot_engine::{Bracket, Desk, Fault};
use cryptobot_model::{
    Bar, Callback, OrderEvent, OrderEventKind, OrderId, OrderKind, OrderTerms, SeriesId, Side, StrategyId,
    TimeInForce, Timestamp, TriggerSource,
};
use cryptobot_test_support::market::START_MS;
use cryptobot_test_support::native::Logic;
use serde::Deserialize;

/// An order of any kind, in the names of a case.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    side: Side,
    #[serde(default)]
    quantity: f64,
    /// Limit.
    price: Option<f64>,
    trigger: Option<f64>,
    #[serde(default = "last")]
    source: TriggerSource,
    #[serde(default = "gtc")]
    tif: TimeInForce,
    /// Milliseconds after the open of the first bar at which it expires.
    until_ms: Option<i64>,
    /// Of a trailing stop: basis points or a distance.
    callback_bps: Option<f64>,
    distance: Option<f64>,
    activation: Option<f64>,
    #[serde(default)]
    reduce_only: bool,
    #[serde(default)]
    close_position: bool,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    Market(Given),
    Limit(Given),
    Stop(Given),
    StopLimit(Given),
    TakeProfit(Given),
    TakeProfitLimit(Given),
    Trailing(Given),
    /// Two orders of which at most one is filled: a limit at `price` and a stop at `trigger`.
    Oco(Given),
    Bracket {
        side: Side,
        quantity: f64,
        entry: Option<f64>,
        stop: f64,
        target: Option<f64>,
        #[serde(default = "last")]
        source: TriggerSource,
    },
    Target {
        quantity: f64,
    },
    /// A wish that the host sizes.
    Signal {
        side: Side,
        #[serde(default = "certain")]
        confidence: f64,
        stop: Option<f64>,
        target: Option<f64>,
    },
    /// By the order's number, from 1.
    Modify {
        order: u64,
        quantity: f64,
        price: f64,
    },
    /// By the order's number, from 1.
    Cancel {
        order: u64,
    },
}

impl Given {
    fn limit(&self) -> OrderKind<f64> {
        OrderKind::Limit { price: self.price.unwrap(), tif: self.tif() }
    }

    fn tif(&self) -> TimeInForce {
        self.until_ms.map_or(self.tif, |ms| TimeInForce::Gtd(Timestamp((START_MS + ms) * 1_000_000)))
    }

    fn stop(&self) -> OrderKind<f64> {
        OrderKind::StopMarket { trigger: self.trigger.unwrap(), source: self.source }
    }

    fn take_profit(&self) -> OrderKind<f64> {
        OrderKind::TakeProfitMarket { trigger: self.trigger.unwrap(), source: self.source }
    }

    fn stop_limit(&self) -> OrderKind<f64> {
        let Self { trigger, source, price, .. } = *self;
        OrderKind::StopLimit { trigger: trigger.unwrap(), source, price: price.unwrap(), tif: self.tif() }
    }

    fn take_profit_limit(&self) -> OrderKind<f64> {
        let Self { trigger, source, price, .. } = *self;
        OrderKind::TakeProfitLimit {
            trigger: trigger.unwrap(),
            source,
            price: price.unwrap(),
            tif: self.tif(),
        }
    }

    fn trailing(&self) -> OrderKind<f64> {
        let distance = self.distance.map(Callback::Distance);
        let callback = distance.or(self.callback_bps.map(Callback::Bps)).unwrap();
        OrderKind::TrailingStop { callback, activation: self.activation, source: self.source }
    }

    fn terms(&self) -> OrderTerms {
        let Self { reduce_only, close_position, .. } = *self;
        OrderTerms { reduce_only, close_position, ..OrderTerms::FREE }
    }

    fn submit(&self, desk: &mut Desk, series: SeriesId, kind: OrderKind<f64>) -> Result<(), Fault> {
        desk.submit(series, self.side, self.quantity, kind, self.terms()).map(|_| ())
    }
}

fn certain() -> f64 {
    1.0
}

fn last() -> TriggerSource {
    TriggerSource::Last
}

fn gtc() -> TimeInForce {
    TimeInForce::Gtc
}

/// Plays the actions of a case.
pub struct Script {
    pub actions: BTreeMap<usize, Vec<Action>>,
    /// When it learns that an order was filled, by the order's number.
    pub after_fill: BTreeMap<u64, Vec<Action>>,
    pub bar: usize,
    /// What it was told of its orders.
    pub told: Rc<RefCell<Vec<OrderEvent>>>,
}

impl Action {
    fn play(&self, desk: &mut Desk, series: SeriesId) -> Result<(), Fault> {
        match *self {
            Action::Market(given) => given.submit(desk, series, OrderKind::Market)?,
            Action::Limit(given) => given.submit(desk, series, given.limit())?,
            Action::Stop(given) => given.submit(desk, series, given.stop())?,
            Action::StopLimit(given) => given.submit(desk, series, given.stop_limit())?,
            Action::TakeProfit(given) => given.submit(desk, series, given.take_profit())?,
            Action::TakeProfitLimit(given) => given.submit(desk, series, given.take_profit_limit())?,
            Action::Trailing(given) => given.submit(desk, series, given.trailing())?,
            Action::Oco(given) => {
                let kinds = [given.limit(), given.stop()];
                desk.submit_pair(series, given.side, given.quantity, kinds, given.terms())?;
            }
            Action::Bracket { side, quantity, entry, stop, target, source } => {
                desk.submit_bracket(series, side, quantity, &Bracket { entry, stop, target, source })?;
            }
            Action::Target { quantity } => {
                desk.target_position(series, quantity)?;
            }
            Action::Signal { side, confidence, stop, target } => {
                desk.signal(series, side, confidence, stop, target)?;
            }
            Action::Modify { order, quantity, price } => {
                desk.modify(OrderId::new(StrategyId(0), order), quantity, price)?;
            }
            Action::Cancel { order } => desk.cancel(OrderId::new(StrategyId(0), order))?,
        }
        Ok(())
    }
}

impl Logic for Script {
    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, _bar: &Bar) -> Result<(), Fault> {
        for action in self.actions.get(&self.bar).into_iter().flatten() {
            action.play(desk, series)?;
        }
        self.bar += 1;
        Ok(())
    }

    fn on_order(&mut self, desk: &mut Desk, event: &OrderEvent) -> Result<(), Fault> {
        self.told.borrow_mut().push(*event);
        if event.kind == OrderEventKind::Filled {
            for action in self.after_fill.get(&event.id.sequence()).into_iter().flatten() {
                action.play(desk, event.series)?;
            }
        }
        Ok(())
    }
}
