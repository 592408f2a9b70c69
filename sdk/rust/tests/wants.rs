//! A tape tells a strategy of the steps of its orders that it wants, as the host does.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use cryptobot_sdk::prelude::*;
use cryptobot_sdk::testing::TapeRun;

/// Logs what it is told of its orders. The two flags are its wish.
#[derive(Serialize, Deserialize)]
struct Listener<const ORDERS: bool, const OUTCOMES: bool> {
    bars: u32,
    resting: OrderId,
}

impl<const ORDERS: bool, const OUTCOMES: bool> Strategy for Listener<ORDERS, OUTCOMES> {
    type Params = ();

    fn new(_params: &(), _series: &[Series], _host: &mut Host) -> Result<Self, String> {
        Ok(Self { bars: 0, resting: 0 })
    }

    /// Orders that are filled, refused, changed and cancelled, expired, and woken.
    fn on_bar(&mut self, host: &mut Host, series: &Series, _bar: &Bar) {
        self.bars += 1;
        match self.bars {
            1 => {
                host.buy(series, 1.0);
                host.buy(series, -1.0);
                self.resting = host.submit(series, &Order::limit(Side::Buy, 1.0, 50.0));
                host.submit(series, &Order::limit(Side::Buy, 1.0, 51.0).until(host.now() + MINUTE));
                host.submit(series, &Order::stop_limit(Side::Sell, 1.0, 95.0, 94.0));
            }
            2 => host.modify(self.resting, 2.0, 52.0),
            3 => host.cancel(self.resting),
            _ => {}
        }
    }

    fn on_order(&mut self, host: &mut Host, _series: &Series, event: &OrderEvent) {
        host.info(format_args!("{} {:?}", event.id, event.kind));
    }

    fn wants() -> Wants {
        let mut wants = Wants::BARS;
        wants.set(Wants::ORDERS, ORDERS);
        wants.set(Wants::OUTCOMES, OUTCOMES);
        wants
    }
}

fn played<const ORDERS: bool, const OUTCOMES: bool>() -> TapeRun {
    Tape::from_closes([100.0, 100.0, 90.0, 96.0, 96.0, 96.0]).run::<Listener<ORDERS, OUTCOMES>>(&()).unwrap()
}

fn told(run: &TapeRun) -> Vec<String> {
    run.logs.iter().map(|line| line.message.clone()).collect()
}

fn events(run: &TapeRun, wanted: impl Fn(OrderEventKind) -> bool) -> Vec<String> {
    let events = run.events.iter().filter(|event| wanted(event.kind));
    events.map(|event| format!("{} {:?}", event.id, event.kind)).collect()
}

#[test]
fn a_strategy_is_told_of_every_step_of_outcomes_or_of_nothing() {
    let [every_step, outcomes, both, neither] =
        [played::<true, false>(), played::<false, true>(), played::<true, true>(), played::<false, false>()];
    for run in [&outcomes, &both, &neither] {
        assert_eq!((&run.orders, &run.fills), (&every_step.orders, &every_step.fills));
        assert_eq!(run.events, every_step.events);
    }
    assert_eq!(told(&every_step), events(&every_step, |_| true));
    assert_eq!(told(&both), told(&every_step));
    assert_eq!(told(&outcomes), events(&every_step, OrderEventKind::is_outcome));
    assert!(neither.logs.is_empty());
    // The tape fills no order in part; every other kind is there.
    let kinds = |run: &TapeRun| {
        let mut kinds: Vec<String> =
            told(run).iter().map(|line| line.replace(char::is_numeric, "")).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    };
    let expected =
        ["Cancelled", "Expired", "Filled", "Rejected"].map(|kind| format!(" OrderEventKind::{kind}"));
    assert_eq!(kinds(&outcomes), expected);
    assert_eq!(kinds(&every_step).len(), 8);
}
