//! Brackets as a whole, and strategies that answer every refusal.
#![allow(clippy::unwrap_used, reason = "tests")]

use cryptobot_engine::{Bracket, Desk, Fault, FaultKind, Sizer};
use cryptobot_model::{
    Bar, OrderEvent, OrderEventKind, OrderId, OrderKind, OrderTerms, RefusalReason, SeriesId, Side,
    StrategyId, TimeInForce, Timeframe, TriggerSource,
};
use cryptobot_test_support::market::random_walk;
use cryptobot_test_support::native::Logic;
use cryptobot_test_support::run::{MemoryRun, Record, instrument};

/// Enters once with a bracket.
struct Enter(Bracket, bool);

impl Logic for Enter {
    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, _bar: &Bar) -> Result<(), Fault> {
        if !std::mem::replace(&mut self.1, true) {
            desk.submit_bracket(series, Side::Buy, 1.0, &self.0)?;
        }
        Ok(())
    }
}

fn entered(stop: f64, target: Option<f64>) -> Record {
    let bracket = Bracket { entry: None, stop, target, source: TriggerSource::Mark };
    let mut record = Record::default();
    MemoryRun::new(vec![(instrument("S"), random_walk(30, 1))])
        .with(Enter(bracket, false), &[Timeframe::MINUTE], 1)
        .run(&mut record);
    record
}

#[test]
fn an_entry_whose_stop_cannot_be_placed_is_refused() {
    assert_eq!(entered(1.0, None).fills.len(), 1, "a stop far away is no obstacle");
    for (stop, target) in [(f64::NAN, None), (-5.0, None), (1.0, Some(f64::INFINITY))] {
        let record = entered(stop, target);
        assert!(record.fills.is_empty(), "{stop} {target:?}");
        let first = record.events.iter().find(|event| event.kind == OrderEventKind::Rejected).unwrap();
        assert_eq!(
            (first.id, first.reason),
            (OrderId::new(StrategyId(0), 1), Some(RefusalReason::InvalidArgument))
        );
        let children = record.events.iter().filter(|event| event.reason == Some(RefusalReason::Parent));
        assert_eq!(children.count(), 1 + usize::from(target.is_some()));
    }
}

/// Has some orders resting far away, and then enters with a stop, by a bracket or by a signal.
struct Crowded {
    resting: usize,
    signals: bool,
    bars: usize,
}

impl Logic for Crowded {
    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, bar: &Bar) -> Result<(), Fault> {
        self.bars += 1;
        if self.bars == 1 {
            let kind = OrderKind::Limit { price: bar.close * 0.01, tif: TimeInForce::Gtc };
            return (0..self.resting)
                .try_for_each(|_| desk.submit(series, Side::Buy, 1.0, kind, OrderTerms::FREE).map(drop));
        }
        if self.bars > 2 {
            return Ok(());
        }
        let stop = bar.close * 0.5;
        if self.signals {
            return desk.signal(series, Side::Buy, 1.0, Some(stop), None).map(drop);
        }
        let bracket = Bracket { entry: None, stop, target: None, source: TriggerSource::Mark };
        desk.submit_bracket(series, Side::Buy, 1.0, &bracket).map(drop)
    }
}

#[test]
fn an_entry_that_takes_the_last_place_of_its_stop_is_refused() {
    for signals in [false, true] {
        let entered = |resting: usize| {
            let mut run = MemoryRun::new(vec![(instrument("S"), random_walk(30, 1))]);
            run.limits.strategy.sizer = Some(Sizer::FixedQuantity { quantity: 1.0 });
            let mut record = Record::default();
            run.with(Crowded { resting, signals, bars: 0 }, &[Timeframe::MINUTE], 1).run(&mut record);
            record
        };
        // A strategy of these runs may have 200 orders open.
        let both = entered(198);
        assert_eq!(both.fills.len(), 1, "{signals}");
        assert!(both.events.iter().all(|event| event.reason.is_none()), "{signals}");
        let neither = entered(199);
        assert!(neither.fills.is_empty(), "{signals}: a position without the stop it was to have");
        let refused = neither.events.iter().find(|event| event.kind == OrderEventKind::Rejected).unwrap();
        assert_eq!(
            (refused.id.sequence(), refused.reason),
            (200, Some(RefusalReason::TooManyOrders)),
            "{signals}"
        );
    }
}

/// Answers every event with cancels of orders that do not exist.
struct Answer;

impl Logic for Answer {
    fn on_bar(&mut self, desk: &mut Desk, _series: SeriesId, _bar: &Bar) -> Result<(), Fault> {
        desk.cancel(OrderId::new(StrategyId(0), 99))
    }

    fn on_order(&mut self, desk: &mut Desk, _event: &OrderEvent) -> Result<(), Fault> {
        (0..500).try_for_each(|_| desk.cancel(OrderId::new(StrategyId(0), 99)))
    }
}

#[test]
fn answering_refusals_with_orders_ends_in_a_fault() {
    let outcome = MemoryRun::new(vec![(instrument("S"), random_walk(30, 1))])
        .with(Answer, &[Timeframe::MINUTE], 1)
        .run(&mut Record::default());
    assert_eq!(outcome.faults[0].1.kind, FaultKind::OrderFlood);
}

/// Long at the second bar, short at the fifth, each with a stop far away.
struct Turn(usize);

impl Logic for Turn {
    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, bar: &Bar) -> Result<(), Fault> {
        self.0 += 1;
        let (side, stop) = match self.0 {
            2 => (Side::Buy, bar.close * 0.5),
            5 => (Side::Sell, bar.close * 1.5),
            _ => return Ok(()),
        };
        desk.signal(series, side, 1.0, Some(stop), None).map(|_| ())
    }
}

#[test]
fn a_signal_that_turns_a_position_withdraws_its_old_stop() {
    let mut run = MemoryRun::new(vec![(instrument("S"), random_walk(30, 1))]);
    run.limits.strategy.sizer = Some(Sizer::FixedQuantity { quantity: 1.0 });
    let mut record = Record::default();
    run.with(Turn(0), &[Timeframe::MINUTE], 1).run(&mut record);
    assert_eq!(record.fills.len(), 2, "in, and through zero");
    let cancelled: Vec<u64> = record
        .events
        .iter()
        .filter(|event| event.kind == OrderEventKind::Cancelled)
        .map(|event| event.id.sequence())
        .collect();
    assert_eq!(cancelled, [2], "the stop of the first signal");
}
