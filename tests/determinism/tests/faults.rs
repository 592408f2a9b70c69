//! Random strategies that fault at a random moment: what they leave behind, and that nobody else notices.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use cryptobot_engine::{
    Decision, Desk, Entry, ExchangeConfig, Fault, FaultKind, FaultPolicy, Latency, Mark, OnFault, Recorder,
};
use cryptobot_model::{
    Bar, ClosedTrade, InstrumentId, OrderEvent, OrderId, OrderRequest, Quantity, SeriesId, StrategyId,
    Timeframe, Timestamp,
};
use cryptobot_test_support::cases;
use cryptobot_test_support::market::random_walk;
use cryptobot_test_support::native::Logic;
use cryptobot_test_support::noise::Noise;
use cryptobot_test_support::run::{MemoryRun, instrument};
use proptest::prelude::*;

/// Bars that a run has left when the strategy faults.
const BARS_LEFT: usize = 60;

/// Does anything, until its callback number `calls` fails half-way.
struct Faulty {
    noise: Noise,
    calls: u32,
}

impl Faulty {
    fn after<T>(&mut self, done: Result<T, Fault>) -> Result<(), Fault> {
        done?;
        self.calls = self.calls.saturating_sub(1);
        if self.calls == 0 { Err(Fault::new(FaultKind::Trap, "it was time")) } else { Ok(()) }
    }
}

impl Logic for Faulty {
    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, bar: &Bar) -> Result<(), Fault> {
        let done = self.noise.on_bar(desk, series, bar);
        self.after(done)
    }

    fn on_order(&mut self, desk: &mut Desk, event: &OrderEvent) -> Result<(), Fault> {
        let done = self.noise.on_order(desk, event);
        self.after(done)
    }

    fn on_position_close(&mut self, desk: &mut Desk, trade: &ClosedTrade) -> Result<(), Fault> {
        let done = self.noise.on_position_close(desk, trade);
        self.after(done)
    }

    fn on_timer(&mut self, desk: &mut Desk, id: u32, now: Timestamp) -> Result<(), Fault> {
        let done = self.noise.on_timer(desk, id, now);
        self.after(done)
    }
}

/// What a run tells of each strategy, and where its orders and positions are.
#[derive(Default)]
struct Witness {
    lines: BTreeMap<StrategyId, Vec<String>>,
    open: BTreeMap<OrderId, OrderRequest>,
    positions: BTreeMap<(StrategyId, InstrumentId), Quantity>,
    faults: Vec<(Timestamp, StrategyId)>,
    /// Orders that the host placed itself.
    closings: Vec<OrderId>,
    /// Fills after a fault: the position before, and what the fill adds to it.
    after_fault: Vec<(OrderId, Quantity, Quantity)>,
}

impl Witness {
    fn position(&self, strategy: usize, instrument: usize) -> Quantity {
        let key = (StrategyId::from(strategy), InstrumentId::from(instrument));
        self.positions.get(&key).copied().unwrap_or_default()
    }

    fn open_of(&self, strategy: usize) -> Vec<&OrderRequest> {
        self.open.values().filter(|order| order.strategy == StrategyId::from(strategy)).collect()
    }

    fn has_faulted(&self, strategy: StrategyId) -> bool {
        self.faults.iter().any(|(_, who)| *who == strategy)
    }
}

fn owner(entry: &Entry<'_>) -> Option<StrategyId> {
    match entry {
        Entry::Intent { strategy, .. }
        | Entry::Wallet { strategy, .. }
        | Entry::Fault { strategy, .. }
        | Entry::Restart { strategy, .. } => Some(*strategy),
        Entry::Decision { id, .. } | Entry::Closing { id, .. } => id.strategy(),
        Entry::Order(event) => Some(event.strategy),
        Entry::Fill(fill) => Some(fill.strategy),
        Entry::Market(seen) => seen.order.strategy(),
        Entry::Trade(trade) => Some(trade.strategy),
        Entry::Funding(payment) => Some(payment.strategy),
        Entry::Liquidation(liquidation) => Some(liquidation.strategy),
        Entry::State(_) => None,
    }
}

impl Recorder for Witness {
    fn entry(&mut self, entry: &Entry<'_>) {
        if let Some(strategy) = owner(entry) {
            self.lines.entry(strategy).or_default().push(format!("{entry:?}"));
        }
        match entry {
            Entry::Decision {
                decision: Decision::Approved(order) | Decision::Reduced { order, .. }, ..
            } => {
                self.open.insert(order.id, *order);
            }
            Entry::Order(event) if event.kind.is_final() => _ = self.open.remove(&event.id),
            Entry::Fill(fill) => {
                let adds = fill.side.signed(fill.quantity);
                let faulted = self.has_faulted(fill.strategy);
                let position = self.positions.entry((fill.strategy, fill.instrument)).or_default();
                if faulted {
                    self.after_fault.push((fill.order, *position, adds));
                }
                *position += adds;
            }
            Entry::Fault { ts, strategy, .. } => self.faults.push((*ts, *strategy)),
            Entry::Closing { id, .. } => self.closings.push(*id),
            _ => {}
        }
    }

    fn mark(&mut self, _mark: &Mark<'_>) {}
}

/// Everything that makes a random run.
#[derive(Clone, Copy, Debug)]
struct Setup {
    seed: u64,
    calls: u32,
    symbols: usize,
    latency_ms: i64,
    /// Whether the faulty strategy comes before its neighbour.
    first: bool,
}

fn setups() -> impl Strategy<Value = Setup> {
    (
        any::<u64>(),
        1_u32..100,
        1_usize..3,
        prop::sample::select(vec![0, 1, 50, 30_000, 60_000, 130_000]),
        any::<bool>(),
    )
        .prop_map(|(seed, calls, symbols, latency_ms, first)| Setup {
            seed,
            calls,
            symbols,
            latency_ms,
            first,
        })
}

/// Does anything, also on the news that an order was sent or refused: when that comes must not depend on others.
#[derive(Default)]
struct Reactive(Noise);

impl Logic for Reactive {
    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, bar: &Bar) -> Result<(), Fault> {
        self.0.on_bar(desk, series, bar)
    }

    fn on_order(&mut self, desk: &mut Desk, event: &OrderEvent) -> Result<(), Fault> {
        if event.price.is_zero() && desk.random().is_multiple_of(4) {
            return self.0.on_timer(desk, 0, desk.now);
        }
        self.0.on_order(desk, event)
    }

    fn on_timer(&mut self, desk: &mut Desk, id: u32, now: Timestamp) -> Result<(), Fault> {
        self.0.on_timer(desk, id, now)
    }
}

/// Does nothing at all.
struct Idle;

impl Logic for Idle {
    fn on_bar(&mut self, _desk: &mut Desk, _series: SeriesId, _bar: &Bar) -> Result<(), Fault> {
        Ok(())
    }
}

fn timeframes() -> [Timeframe; 2] {
    [Timeframe::MINUTE, "5m".parse().unwrap()]
}

fn empty(setup: &Setup, on_fault: OnFault) -> MemoryRun {
    let bars = setup.calls as usize + BARS_LEFT;
    let markets = (0..setup.symbols)
        .map(|index| (instrument(&format!("S{index}")), random_walk(bars, setup.seed ^ index as u64)));
    let mut run = MemoryRun::new(markets.collect());
    run.balance = "1000000".parse().unwrap();
    run.exchange = ExchangeConfig {
        latency: Latency::constant(setup.latency_ms * 1_000_000),
        ..ExchangeConfig::default()
    };
    run.faults = FaultPolicy { on_fault, restart: None };
    run
}

/// A run with a faulty strategy and a neighbour, and the index of the faulty one.
fn together(setup: &Setup, on_fault: OnFault) -> (Witness, usize) {
    let faulty = Faulty { noise: Noise::default(), calls: setup.calls };
    let run = empty(setup, on_fault);
    let run = if setup.first {
        run.with(faulty, &timeframes(), setup.seed).with(Reactive::default(), &timeframes(), setup.seed)
    } else {
        run.with(Reactive::default(), &timeframes(), setup.seed).with(faulty, &timeframes(), setup.seed)
    };
    let mut witness = Witness::default();
    run.run(&mut witness);
    (witness, usize::from(!setup.first))
}

/// The run with somebody who does nothing in the place of the faulty one.
fn without(setup: &Setup) -> Witness {
    let run = empty(setup, OnFault::Flatten);
    let run = if setup.first {
        run.with(Idle, &timeframes(), setup.seed).with(Reactive::default(), &timeframes(), setup.seed)
    } else {
        run.with(Reactive::default(), &timeframes(), setup.seed).with(Idle, &timeframes(), setup.seed)
    };
    let mut witness = Witness::default();
    run.run(&mut witness);
    witness
}

fn only_protection_is_left(setup: &Setup) {
    let (witness, faulty) = together(setup, OnFault::KeepStops);
    assert_eq!(&witness.closings, &[]);
    for order in witness.open_of(faulty) {
        assert!(order.terms.reduce_only || order.terms.close_position, "{order:?}");
        let held = witness.position(faulty, order.instrument.index());
        assert!(!held.is_zero(), "{order:?}");
    }
}

/// The strategy held nothing when it faulted, and nothing was under way that would have brought news of its stop.
#[test]
fn a_stop_without_a_position_is_withdrawn_at_the_fault() {
    let seed = 4_277_554_205_799_259_995;
    only_protection_is_left(&Setup { seed, calls: 59, symbols: 1, latency_ms: 0, first: true });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(128)))]

    /// Whatever was open or under way: some bars after the fault nothing is held and no order is open.
    #[test]
    fn flatten_leaves_nothing(setup in setups()) {
        let (witness, faulty) = together(&setup, OnFault::Flatten);
        prop_assert_eq!(witness.faults.len(), 1);
        prop_assert_eq!(witness.open_of(faulty), Vec::<&OrderRequest>::new());
        for instrument in 0..setup.symbols {
            prop_assert_eq!(witness.position(faulty, instrument), Quantity::ZERO);
        }
        // What the host itself ordered never made a position larger or turned it.
        for (order, before, adds) in &witness.after_fault {
            if witness.closings.contains(order) {
                prop_assert!(before.signum() == -adds.signum() && adds.abs() <= before.abs());
            }
        }
    }

    /// No order is open, and none was placed by the host.
    #[test]
    fn cancel_and_hold_only_cancels(setup in setups()) {
        let (witness, faulty) = together(&setup, OnFault::CancelAndHold);
        prop_assert_eq!(witness.open_of(faulty), Vec::<&OrderRequest>::new());
        prop_assert_eq!(&witness.closings, &[]);
    }

    /// What is left can only reduce what is held; where nothing is held, nothing is left.
    #[test]
    fn keep_stops_leaves_only_protection(setup in setups()) {
        only_protection_is_left(&setup);
    }

    /// The neighbour's part of the journal is the same, byte for byte, with the faulty strategy and without it.
    #[test]
    fn the_neighbour_notices_nothing(setup in setups()) {
        let (mut witness, faulty) = together(&setup, OnFault::Flatten);
        let neighbour = StrategyId::from(1 - faulty);
        let alone = without(&setup).lines.remove(&neighbour).unwrap_or_default();
        let beside = witness.lines.remove(&neighbour).unwrap_or_default();
        prop_assert!(!alone.is_empty());
        for (alone, beside) in alone.iter().zip(&beside) {
            prop_assert_eq!(alone, beside);
        }
        prop_assert_eq!(alone.len(), beside.len());
    }
}
