//! Steps that are made in stretches leave behind what single steps do, to the bit.
#![allow(clippy::unwrap_used, reason = "tests")]

use cryptobot_determinism::{Setup, Tape, empty_run, setups};
use cryptobot_engine::{
    AccountKind, Accounts, BarInterval, Desk, Exchange, Fault, MarginMode, Report, Sizer, Venue,
};
use cryptobot_model::{
    Amendment, Bar, Calm, ClosedTrade, FillRule, InstrumentId, OrderEvent, OrderId, OrderRequest, Price,
    SeriesId, Side, Timeframe, Timestamp,
};
use cryptobot_risk::{Approved, AtrStop, Closing};
use cryptobot_test_support::cases;
use cryptobot_test_support::market::random_walk;
use cryptobot_test_support::native::Logic;
use cryptobot_test_support::noise::Noise;
use cryptobot_test_support::run::{MemoryRun, instrument};
use proptest::prelude::*;

/// An exchange that never knows beforehand whether a bar passes: every step is made by itself.
struct Wary(Exchange);

impl Venue for Wary {
    fn submit(&mut self, order: Approved<OrderRequest>) {
        self.0.submit(order);
    }

    fn cancel(&mut self, instrument: InstrumentId, id: OrderId, decided_at: Timestamp) {
        self.0.cancel(instrument, id, decided_at);
    }

    fn modify(&mut self, instrument: InstrumentId, amendment: Approved<Amendment>) {
        self.0.modify(instrument, amendment);
    }

    fn liquidate(&mut self, closing: &Closing, mark: Price, now: Timestamp, reports: &mut Vec<Report>) {
        self.0.liquidate(closing, mark, now, reports);
    }

    fn on_bar(
        &mut self,
        instrument: InstrumentId,
        interval: &BarInterval,
        mark: Option<&BarInterval>,
        accounts: &dyn Accounts,
        reports: &mut Vec<Report>,
    ) {
        self.0.on_bar(instrument, interval, mark, accounts, reports);
    }

    fn calm(&self, _instrument: InstrumentId) -> Calm {
        Calm::NONE
    }

    fn pass(&mut self, _instrument: InstrumentId, intervals: &[BarInterval]) {
        assert!(intervals.is_empty(), "no bar lies within no calm");
    }
}

/// Anything that is allowed, once in a while: when and what depends on every bit that it has seen.
#[derive(Default)]
struct Seldom {
    noise: Noise,
    seen: u64,
}

impl Seldom {
    fn see(&mut self, value: f64) {
        self.seen = (self.seen.rotate_left(5) ^ value.to_bits()).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

impl Logic for Seldom {
    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, bar: &Bar) -> Result<(), Fault> {
        let Bar { ts, open, high, low, close, volume } = *bar;
        let equity = desk.account.equity();
        for value in [ts.0 as f64, open, high, low, close, volume, equity] {
            self.see(value);
        }
        if (self.seen >> 32).is_multiple_of(31) {
            self.noise.on_bar(desk, series, bar)?;
        }
        Ok(())
    }

    fn on_order(&mut self, desk: &mut Desk, event: &OrderEvent) -> Result<(), Fault> {
        self.see(event.price.to_f64());
        self.noise.on_order(desk, event)
    }

    fn on_position_close(&mut self, desk: &mut Desk, trade: &ClosedTrade) -> Result<(), Fault> {
        self.noise.on_position_close(desk, trade)
    }

    fn on_timer(&mut self, desk: &mut Desk, id: u32, now: Timestamp) -> Result<(), Fault> {
        self.see(now.0 as f64);
        self.noise.on_timer(desk, id, now)
    }
}

fn run(setup: &Setup) -> MemoryRun {
    let frames: &[Timeframe] = &[Timeframe::MINUTE, "15m".parse().unwrap()];
    (0..setup.strategies).fold(empty_run(setup), |run, index| {
        run.with(Seldom::default(), &frames[..=usize::from(setup.higher)], setup.seed ^ index as u64)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(48)))]

    #[test]
    fn stretches_and_single_steps_leave_the_same_behind(setup in setups(3)) {
        let (mut quick, mut slow) = (Tape::default(), Tape::default());
        let fast = run(&setup).run(&mut quick);
        let wary = run(&setup).run_at(Wary, &mut slow);
        for (line, (quick, slow)) in quick.lines.iter().zip(&slow.lines).enumerate() {
            prop_assert_eq!(quick, slow, "line {}", line);
        }
        prop_assert_eq!(quick.lines.len(), slow.lines.len());
        prop_assert_eq!(format!("{fast:?}"), format!("{wary:?}"));
    }
}

/// A signal without a stop now and then, now long and now short.
struct Bare(usize);

impl Logic for Bare {
    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, _bar: &Bar) -> Result<(), Fault> {
        self.0 += 1;
        let side = if self.0.is_multiple_of(2) { Side::Buy } else { Side::Sell };
        if self.0.is_multiple_of(37) { desk.signal(series, side, 1.0, None, None).map(drop) } else { Ok(()) }
    }
}

#[test]
fn stops_by_the_range_are_the_same_in_stretches_and_single_steps() {
    let played = |single: bool| {
        let mut run = MemoryRun::new(vec![(instrument("S"), random_walk(2_000, 1))]);
        run.limits.strategy.sizer = Some(Sizer::FixedFractional { risk: 0.001 });
        run.limits.orders.atr_stop = Some(AtrStop::default());
        let (mut tape, run) = (Tape::default(), run.with(Bare(0), &[Timeframe::MINUTE], 1));
        if single {
            run.run_at(Wary, &mut tape)
        } else {
            run.run(&mut tape)
        };
        tape
    };
    let (quick, slow) = (played(false), played(true));
    assert_eq!(quick.lines, slow.lines);
    let stopped = quick.record.fills.iter().filter(|fill| fill.rule == FillRule::StopOnPath).count();
    assert!(stopped > 5, "{stopped}");
}

#[test]
fn the_runs_trade_and_are_halted_and_liquidated() {
    let (mut fills, mut states, mut funding, mut liquidations) = (0, 0, 0, 0);
    for seed in 0..12 {
        let setup = Setup {
            seed,
            symbols: 2,
            strategies: 2,
            higher: true,
            holes: Some(50),
            latency_ms: 50,
            stats: false,
            margin: Some((AccountKind::Separate, MarginMode::Isolated)),
            limits: seed % 2 == 0,
        };
        let mut tape = Tape::default();
        run(&setup).run(&mut tape);
        fills += tape.record.fills.len();
        states += tape.record.states.len();
        funding += tape.record.funding.len();
        liquidations += tape.record.liquidations.len();
    }
    let seen = [fills, states, funding, liquidations];
    assert!(seen.iter().all(|count| *count > 2), "{seen:?}");
}
