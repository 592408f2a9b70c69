//! Whatever is proposed, no limit is exceeded.

use std::collections::BTreeMap;

use cryptobot_model::{OrderKind, OrderTerms, Quantity, Side, StrategyId};
use cryptobot_risk::{
    Budget, CircuitBreaker, Command, CorrelationLimit, Limits, MarketLimits, OrderLimits, Ruling, Scope,
    StateChange, StrategyLimits, TradingState,
};
use proptest::prelude::*;

use crate::trader::{MINUTE, SECOND, Trader, approved, limit};

const STRATEGIES: usize = 2;
const INSTRUMENTS: usize = 3;
const SLACK: f64 = 1.0 + 1e-9;

#[derive(Clone, Debug)]
enum Step {
    Order { strategy: usize, instrument: usize, buy: bool, lots: u32, away: Option<f64>, stop: Option<f64> },
    Exit { strategy: usize, instrument: usize, lots: u32 },
    Fill { pick: usize, lots: u32 },
    Cancel { pick: usize },
    Move { instrument: usize, by: f64 },
    Equity { factor: f64 },
    Wait { seconds: i64 },
    Command(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let (strategy, instrument) = (0..STRATEGIES, 0..INSTRUMENTS);
    let away = prop::option::of(-0.2..0.2);
    let stop = prop::option::of(0.002..0.3);
    prop_oneof![
        6 => (strategy.clone(), instrument.clone(), any::<bool>(), 1_u32..200_000, away, stop).prop_map(
            |(strategy, instrument, buy, lots, away, stop)| Step::Order { strategy, instrument, buy, lots, away, stop }
        ),
        2 => (strategy, instrument.clone(), 1_u32..200_000)
            .prop_map(|(strategy, instrument, lots)| Step::Exit { strategy, instrument, lots }),
        4 => (any::<usize>(), 1_u32..200_000).prop_map(|(pick, lots)| Step::Fill { pick, lots }),
        1 => any::<usize>().prop_map(|pick| Step::Cancel { pick }),
        2 => (instrument, -0.1..0.1).prop_map(|(instrument, by)| Step::Move { instrument, by }),
        1 => (0.9..1.1).prop_map(|factor| Step::Equity { factor }),
        2 => (1_i64..20_000).prop_map(|seconds| Step::Wait { seconds }),
        1 => (0_u8..10).prop_map(Step::Command),
    ]
}

fn limits() -> Limits {
    let budget = Budget {
        max_leverage: Some(2.0),
        max_notional: Some(18_000.0),
        max_instrument_notional: Some(6_000.0),
        max_exposure: Some(0.5),
        max_heat: Some(0.3),
        max_positions: Some(2),
        max_orders: Some(4),
        daily_loss: Some(0.05),
        weekly_loss: Some(0.1),
        monthly_loss: Some(0.2),
        reduce_from_drawdown: Some(0.1),
        halt_at_drawdown: Some(0.25),
    };
    Limits {
        reset_hour_utc: 5,
        portfolio: Budget { max_positions: Some(3), max_orders: Some(6), ..budget },
        strategy: StrategyLimits { budget, ..StrategyLimits::default() },
        orders: OrderLimits {
            max_risk_per_trade: Some(0.2),
            price_collar: Some(0.1),
            max_stop_distance: Some(0.25),
            cooldown_s: Some(600),
            duplicate_window_s: Some(1),
            ..OrderLimits::default()
        },
        market: MarketLimits {
            circuit_breaker: Some(CircuitBreaker { jump: 0.15, within_s: 300, halt_s: 600 }),
            correlation: Some(CorrelationLimit { limit: 0.7, max_positions: 3, max_notional: 15_000.0 }),
            ..MarketLimits::default()
        },
    }
}

/// Checks that each scope's states follow each other along allowed transitions.
#[derive(Default)]
struct Chronicle(BTreeMap<Scope, TradingState>);

impl Chronicle {
    fn note(&mut self, change: &StateChange) {
        let before = self.0.insert(change.scope, change.to).unwrap_or_default();
        assert_eq!(before, change.from, "nothing happened in between: {change:?}");
        assert!(change.from != change.to && change.cause.allows(change.from, change.to), "{change:?}");
    }
}

/// Notional that each strategy's account can come to in each instrument, from the trader's own records.
fn worst(trader: &Trader, strategy: usize, instrument: usize) -> f64 {
    let side_sum = |side: Side, reduce_only: bool| {
        trader
            .open
            .iter()
            .filter(|order| {
                order.strategy.index() == strategy
                    && order.instrument.index() == instrument
                    && order.side == side
                    && order.terms.reduce_only == reduce_only
            })
            .map(|order| order.quantity)
            .sum::<Quantity>()
            .to_f64()
    };
    let position = trader.positions[strategy][instrument].to_f64();
    let reach = |side: Side| {
        let held = side.sign() * position;
        let left = if held < 0.0 { (held + side_sum(side, true)).min(0.0) } else { held };
        left + side_sum(side, false)
    };
    reach(Side::Buy).max(reach(Side::Sell)) * trader.prices[instrument]
}

/// What is at stake by the trader's own records, as the limits of one order's strategy and instrument count it.
#[derive(Debug)]
struct Stakes {
    own: f64,
    own_in_instrument: f64,
    total: f64,
    in_instrument: f64,
    positions: usize,
}

fn stakes(trader: &Trader, own: usize, at: usize) -> Stakes {
    let mut stakes =
        Stakes { own: 0.0, own_in_instrument: 0.0, total: 0.0, in_instrument: 0.0, positions: 0 };
    for strategy in 0..STRATEGIES {
        let notionals: Vec<f64> = (0..INSTRUMENTS).map(|at| worst(trader, strategy, at)).collect();
        if strategy == own {
            stakes.own = notionals.iter().sum();
            stakes.own_in_instrument = notionals[at];
        }
        stakes.total += notionals.iter().sum::<f64>();
        stakes.in_instrument += notionals[at];
        stakes.positions += notionals.iter().filter(|notional| **notional > 0.0).count();
    }
    stakes
}

/// An approved order leads beyond no limit. Where prices have led beyond one before, it adds nothing.
fn assert_within(trader: &Trader, before: &Stakes, after: &Stakes, own: usize) {
    let within = |value: f64, limit: f64, before: f64| value <= limit.max(before) * SLACK;
    assert!(within(after.own, 18_000.0, before.own), "{before:?} {after:?}");
    assert!(within(after.own, 2.0 * trader.equity, before.own), "{before:?} {after:?}");
    assert!(within(after.own, 0.5 * trader.equity * trader.leverage, before.own), "{before:?} {after:?}");
    assert!(within(after.own_in_instrument, 6_000.0, before.own_in_instrument), "{before:?} {after:?}");
    assert!(within(after.total, 18_000.0, before.total), "{before:?} {after:?}");
    assert!(within(after.total, 2.0 * trader.portfolio_equity, before.total), "{before:?} {after:?}");
    assert!(within(after.in_instrument, 6_000.0, before.in_instrument), "{before:?} {after:?}");
    assert!(after.positions <= 3, "{after:?}");
    let entries = trader.open.iter().filter(|order| !order.terms.reduce_only);
    assert!(entries.clone().count() <= 6);
    assert!(entries.filter(|order| order.strategy.index() == own).count() <= 4);
}

fn apply(trader: &mut Trader, step: &Step, chronicle: &mut Chronicle) -> Option<Ruling> {
    match *step {
        Step::Order { strategy, instrument, buy, lots, away, stop } => {
            let side = if buy { Side::Buy } else { Side::Sell };
            let price = trader.prices[instrument];
            let kind = away.map_or(OrderKind::Market, |away| limit(price * (1.0 + away)));
            let entry = away.map_or(price, |away| price * (1.0 + away));
            let stop = stop.map(|distance| entry * (1.0 - side.sign() * distance));
            let amount = f64::from(lots) / 1_000.0;
            let before = stakes(trader, strategy, instrument);
            let ruling = trader.send((strategy, instrument), (side, amount), kind, OrderTerms::FREE, stop);
            if let Some(order) = ruling.order {
                assert!(order.get().quantity.to_f64() <= amount * SLACK, "never more than asked for");
                if !order.get().terms.reduce_only {
                    assert_within(trader, &before, &stakes(trader, strategy, instrument), strategy);
                    let (id, at) = (StrategyId::from(strategy), order.get().instrument);
                    assert_eq!(trader.engine.state_of(Scope::Portfolio), TradingState::Active);
                    assert_eq!(trader.engine.state_of(Scope::Strategy(id)), TradingState::Active, "{at:?}");
                }
            }
            return Some(ruling);
        }
        Step::Exit { strategy, instrument, lots } => {
            let held = trader.positions[strategy][instrument];
            if !held.is_zero() {
                let side = if held.signum() > 0 { Side::Sell } else { Side::Buy };
                let amount = f64::from(lots) / 1_000.0;
                let at = (strategy, instrument);
                let exit = trader.send(at, (side, amount), OrderKind::Market, OrderTerms::REDUCE_ONLY, None);
                assert!(approved(&exit), "reductions always pass: {exit:?}");
                return Some(exit);
            }
        }
        Step::Fill { pick, lots } if !trader.open.is_empty() => {
            let part = Quantity::from_f64(f64::from(lots) / 1_000.0);
            trader.fill(pick % trader.open.len(), part);
        }
        Step::Cancel { pick } if !trader.open.is_empty() => trader.cancel(pick % trader.open.len()),
        Step::Fill { .. } | Step::Cancel { .. } => {}
        Step::Move { instrument, by } => {
            trader.wait(MINUTE);
            let close = (trader.prices[instrument] * (1.0 + by)).clamp(1.0, 10_000.0);
            trader.prices[instrument] = close;
            let ts = trader.now;
            let bar = cryptobot_model::Bar { ts, open: close, high: close, low: close, close, volume: 1.0 };
            let id = cryptobot_model::InstrumentId::from(instrument);
            if let Some(change) = trader.engine.on_bar(id, ts, &bar) {
                chronicle.note(&change);
            }
        }
        Step::Equity { factor } => {
            trader.equity *= factor;
            trader.portfolio_equity *= factor;
            let (ts, own, all) = (trader.now, trader.equity, trader.portfolio_equity);
            for change in trader.engine.on_equity(ts, all, &[own; STRATEGIES]) {
                chronicle.note(change);
            }
        }
        Step::Wait { seconds } => trader.wait(seconds * SECOND),
        Step::Command(number) => {
            let command = match number / 2 {
                0 => Command::Halt,
                1 => Command::Reduce,
                2 => Command::Kill { flatten: true },
                _ => Command::Resume,
            };
            let scope = if number % 2 == 0 { Scope::Portfolio } else { Scope::Strategy(StrategyId(1)) };
            if let Ok(effect) = trader.engine.command(trader.now, scope, command) {
                effect.change.iter().for_each(|change| chronicle.note(change));
            }
        }
    }
    None
}

fn trader() -> Trader {
    let mut trader = Trader::new(limits(), STRATEGIES, INSTRUMENTS);
    trader.leverage = 10.0;
    trader
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn exposures_stay_within_every_limit(steps in prop::collection::vec(step(), 1..120)) {
        let (mut trader, mut chronicle) = (trader(), Chronicle::default());
        for step in &steps {
            apply(&mut trader, step, &mut chronicle);
        }
    }

    #[test]
    fn equal_inputs_give_equal_decisions(steps in prop::collection::vec(step(), 1..60)) {
        let run = || {
            let (mut trader, mut chronicle) = (trader(), Chronicle::default());
            steps.iter().map(|step| format!("{:?}", apply(&mut trader, step, &mut chronicle))).collect::<Vec<_>>()
        };
        prop_assert_eq!(run(), run());
    }
}

/// The flows above do open positions: a property over refusals alone would prove nothing.
#[test]
fn the_flows_trade() {
    let (mut trader, mut chronicle) = (trader(), Chronicle::default());
    let order =
        |buy, lots| Step::Order { strategy: 0, instrument: 0, buy, lots, away: None, stop: Some(0.01) };
    let opened = apply(&mut trader, &order(true, 20_000), &mut chronicle).unwrap();
    assert!(approved(&opened));
    trader.fill_all();
    let flipped = apply(&mut trader, &order(false, 100_000), &mut chronicle).unwrap();
    // 20 close, and 60 at 100 are the 6,000 of one instrument.
    assert_eq!(flipped.order.unwrap().get().quantity.to_f64(), 80.0);
}
