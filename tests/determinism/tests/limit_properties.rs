//! Random strategies under random limits: what was approved stays within them, and who is halted only reduces.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use cryptobot_engine::{Decision, Entry, Limits, Mark, Recorder, RiskSettings, Scope, TradingState};
use cryptobot_model::{Fill, OrderId, OrderRequest, Quantity, Side, StrategyId, Timeframe};
use cryptobot_test_support::cases;
use cryptobot_test_support::market::wild_walk;
use cryptobot_test_support::noise::Noise;
use cryptobot_test_support::run::{MemoryRun, instrument};
use proptest::prelude::*;

/// A quantity this near to the next step of the grid is on it.
const ROUNDING: f64 = 1e-8;

#[derive(Clone, Copy, Debug)]
struct Setup {
    seed: u64,
    symbols: usize,
    strategies: usize,
    limits: Limits,
}

fn setups() -> impl Strategy<Value = Setup> {
    let own = (0.2_f64..4.0, 100.0_f64..4_000.0, 0.01_f64..0.2, 0.05_f64..0.3);
    let all = (0.2_f64..4.0, 500.0_f64..8_000.0);
    (any::<u64>(), 1_usize..4, 1_usize..4, own, all).prop_map(|(seed, symbols, strategies, own, all)| {
        let mut settings = RiskSettings::default();
        settings.strategy.budget.max_leverage = Some(own.0);
        settings.strategy.budget.max_instrument_notional = Some(own.1);
        settings.strategy.budget.daily_loss = Some(own.2);
        settings.strategy.budget.halt_at_drawdown = Some(own.3);
        settings.portfolio.max_leverage = Some(all.0);
        settings.portfolio.max_notional = Some(all.1);
        Setup { seed, symbols, strategies, limits: settings.resolve().unwrap() }
    })
}

/// Keeps its own count of positions and entries under way.
struct Witness {
    limits: Limits,
    positions: Vec<Vec<Quantity>>,
    entries: BTreeMap<OrderId, (OrderRequest, Quantity)>,
    prices: Vec<f64>,
    equities: Vec<f64>,
    halted: BTreeSet<Scope>,
    /// Orders approved that open something, and fills while halted.
    seen: (usize, usize),
    faults: Vec<String>,
}

impl Witness {
    fn check(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.faults.push(fault());
        }
    }

    fn is_halted(&self, strategy: StrategyId) -> bool {
        self.halted.contains(&Scope::Portfolio) || self.halted.contains(&Scope::Strategy(strategy))
    }

    /// What a strategy holds on a side of an instrument when its entries on that side are filled, at the newest price.
    fn reach(&self, strategy: usize, instrument: usize, side: Side) -> f64 {
        let is_theirs = |order: &OrderRequest| {
            (order.strategy.index(), order.instrument.index(), order.side) == (strategy, instrument, side)
        };
        let under_way = self.entries.values().filter(|(order, _)| is_theirs(order)).map(|(_, left)| *left);
        let reach = side.signed(self.positions[strategy][instrument]) + under_way.sum();
        reach.max(Quantity::ZERO).to_f64() * self.prices[instrument]
    }

    fn approved(&mut self, order: &OrderRequest) {
        if order.terms.reduce_only {
            return;
        }
        self.check(!self.is_halted(order.strategy), || format!("approved while halted: {order:?}"));
        self.entries.insert(order.id, (*order, order.quantity));
        let (own, instrument) = (order.strategy.index(), order.instrument.index());
        let at = |strategy: usize, index: usize| {
            if (strategy, index) == (own, instrument) {
                return self.reach(strategy, index, order.side);
            }
            self.reach(strategy, index, Side::Buy).max(self.reach(strategy, index, Side::Sell))
        };
        let of = |strategy: usize| (0..self.prices.len()).map(|index| at(strategy, index)).sum::<f64>();
        let (strategy, all) = (of(own), (0..self.positions.len()).map(of).sum::<f64>());
        let (budget, total) = (self.limits.strategy.budget, self.limits.portfolio);
        let bounds = [
            (at(own, instrument), budget.max_instrument_notional.unwrap()),
            (strategy, budget.max_leverage.unwrap() * self.equities[own]),
            (all, total.max_leverage.unwrap() * self.equities.iter().sum::<f64>()),
            (all, total.max_notional.unwrap()),
        ];
        self.seen.0 += 1;
        self.check(bounds.iter().all(|(value, limit)| *value <= limit * (1.0 + ROUNDING)), || {
            format!("{order:?} leads to {bounds:?}")
        });
    }

    fn fill(&mut self, fill: &Fill) {
        let held = &mut self.positions[fill.strategy.index()][fill.instrument.index()];
        let before = *held;
        *held += fill.side.signed(fill.quantity);
        let (after, halted) = (*held, self.is_halted(fill.strategy));
        if halted {
            self.seen.1 += 1;
            let reduces = after.abs() < before.abs() && after.signum() * before.signum() >= 0;
            self.check(reduces, || format!("{fill:?} of {before} while halted"));
        }
    }
}

impl Recorder for Witness {
    fn entry(&mut self, entry: &Entry<'_>) {
        match entry {
            Entry::Decision {
                decision: Decision::Approved(order) | Decision::Reduced { order, .. }, ..
            } => {
                self.approved(order);
            }
            Entry::Order(event) if event.kind.is_final() => {
                self.entries.remove(&event.id);
            }
            Entry::Order(event) => {
                if let Some((_, left)) = self.entries.get_mut(&event.id) {
                    *left = event.remaining;
                }
            }
            Entry::Fill(fill) => self.fill(fill),
            Entry::State(change) if change.to == TradingState::Halted => {
                self.halted.insert(change.scope);
            }
            Entry::State(change) => {
                self.halted.remove(&change.scope);
            }
            _ => {}
        }
    }

    fn mark(&mut self, mark: &Mark<'_>) {
        self.prices = mark.prices.to_vec();
        self.equities = mark.equities.to_vec();
    }
}

fn witnessed(setup: &Setup) -> Witness {
    let market =
        |index: usize| (instrument(&format!("S{index}")), wild_walk(300, setup.seed ^ index as u64, 8));
    let mut run = MemoryRun::new((0..setup.symbols).map(market).collect());
    run.balance = "1000".parse().unwrap();
    run.leverage = 5.0;
    run.limits = setup.limits;
    for _ in 0..setup.strategies {
        run = run.with(Noise::default(), &[Timeframe::MINUTE], setup.seed);
    }
    let mut witness = Witness {
        limits: setup.limits,
        positions: vec![vec![Quantity::ZERO; setup.symbols]; setup.strategies],
        entries: BTreeMap::new(),
        prices: vec![f64::NAN; setup.symbols],
        equities: vec![0.0; setup.strategies],
        halted: BTreeSet::new(),
        seen: (0, 0),
        faults: Vec::new(),
    };
    run.run(&mut witness);
    witness
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(24)))]

    /// After every approval what is held and under way is within each limit at the marks of the decision; while halted
    /// a strategy's orders and fills only bring positions nearer to zero.
    #[test]
    fn what_is_approved_stays_within_the_limits(setup in setups()) {
        let witness = witnessed(&setup);
        prop_assert!(witness.faults.is_empty(), "{}", witness.faults.join("\n"));
    }
}

/// The random runs are no idle ones: orders are approved, and there are fills while halted.
#[test]
fn random_runs_meet_their_limits() {
    let mut settings = RiskSettings::default();
    let budget = &mut settings.strategy.budget;
    (budget.max_leverage, budget.max_instrument_notional) = (Some(3.0), Some(2_500.0));
    (budget.daily_loss, budget.halt_at_drawdown) = (Some(0.03), Some(0.2));
    (settings.portfolio.max_leverage, settings.portfolio.max_notional) = (Some(2.0), Some(6_000.0));
    let limits = settings.resolve().unwrap();
    let runs = (0..10).map(|seed| witnessed(&Setup { seed, symbols: 2, strategies: 3, limits }));
    let seen = runs.fold((0, 0), |seen, run| (seen.0 + run.seen.0, seen.1 + run.seen.1));
    assert!(seen.0 > 100 && seen.1 > 5, "{seen:?}");
}
