//! Trading states and commands.

use cryptobot_model::{InstrumentId, OrderKind, OrderTerms, RefusalReason, Side, StrategyId};
use cryptobot_risk::{
    Budget, Cause, Command, CommandError, Limits, Profile, Scope, StrategyLimits, TradingState,
};

use crate::trader::{MINUTE, Trader, approved, evidence, limit, quantity, refused};

const ALL: Scope = Scope::Portfolio;

#[test]
fn the_kill_switch_is_one_step() {
    let mut trader = Trader::new(Limits::default(), 2, 2);
    trader.engine.track();
    trader.market(0, Side::Buy, 2.0);
    trader.send((1, 1), (Side::Sell, 3.0), OrderKind::Market, OrderTerms::FREE, None);
    trader.fill_all();
    trader.send((0, 0), (Side::Sell, 2.0), limit(120.0), OrderTerms::REDUCE_ONLY, None);
    trader.send((1, 0), (Side::Buy, 1.0), limit(90.0), OrderTerms::FREE, None);
    let effect = trader.engine.command(trader.now, ALL, Command::Kill { flatten: true }).unwrap();
    assert_eq!(effect.cancel.len(), 2, "entries and exits");
    let closings: Vec<_> =
        effect.close.iter().map(|close| (close.strategy.0, close.side, close.quantity)).collect();
    assert_eq!(closings, [(0, Side::Sell, quantity(2.0)), (1, Side::Buy, quantity(3.0))]);
    let change = effect.change.unwrap();
    assert_eq!(
        (change.from, change.to, change.cause),
        (TradingState::Active, TradingState::Halted, Cause::Kill)
    );
    let entry = trader.market(0, Side::Buy, 1.0);
    assert_eq!(refused(&entry), Some(RefusalReason::TradingHalted));
    assert_eq!(evidence(&entry), Some((0.0, 1.0)), "nothing may be opened, and it would open one");
    assert!(approved(&trader.market(0, Side::Sell, 2.0)), "a reduction passes");
    let again = trader.engine.command(trader.now, ALL, Command::Kill { flatten: false }).unwrap();
    assert_eq!((again.change, again.close.len()), (None, 0));
}

#[test]
fn commands_reach_one_strategy_or_all() {
    let mut trader = Trader::new(Limits::default(), 2, 1);
    trader.engine.track();
    let one = Scope::Strategy(StrategyId(1));
    trader.send((1, 0), (Side::Buy, 1.0), limit(90.0), OrderTerms::FREE, None);
    assert_eq!(trader.engine.command(trader.now, one, Command::Reduce).unwrap().cancel, []);
    assert!(approved(&trader.market(0, Side::Buy, 1.0)));
    let other = trader.send((1, 0), (Side::Buy, 1.0), OrderKind::Market, OrderTerms::FREE, None);
    assert_eq!(refused(&other), Some(RefusalReason::ReducingOnly));
    assert_eq!(evidence(&other), Some((0.0, 1.0)));
    let effect = trader.engine.command(trader.now, one, Command::Halt).unwrap();
    assert_eq!((effect.cancel.len(), effect.close.len()), (1, 0), "its entry, no position");
    assert_eq!(trader.engine.command(trader.now, one, Command::Reduce), Err(CommandError::ResumeFirst));
    let halted = CommandError::Already(TradingState::Halted);
    assert_eq!(trader.engine.command(trader.now, one, Command::Halt), Err(halted));
    assert_eq!(trader.engine.command(trader.now, one, Command::Resume).unwrap().state, TradingState::Active);
    let nothing = CommandError::NothingToResume(TradingState::Active);
    assert_eq!(trader.engine.command(trader.now, one, Command::Resume), Err(nothing));
    let instrument = Scope::Instrument(InstrumentId(0));
    assert_eq!(trader.engine.command(trader.now, instrument, Command::Halt), Err(CommandError::Scope));
}

#[test]
fn a_strategy_that_loses_is_halted_alone() {
    let budget = Budget { daily_loss: Some(0.02), ..Budget::default() };
    let limits =
        Limits { strategy: StrategyLimits { budget, ..StrategyLimits::default() }, ..Limits::default() };
    let mut trader = Trader::new(limits, 2, 1);
    assert!(trader.engine.on_equity(trader.now, 20_000.0, &[10_000.0, 10_000.0]).is_empty());
    trader.wait(MINUTE);
    let changes = trader.engine.on_equity(trader.now, 19_800.0, &[9_800.0, 10_000.0]);
    assert_eq!(changes.len(), 1);
    assert_eq!((changes[0].scope, changes[0].cause), (Scope::Strategy(StrategyId(0)), Cause::DailyLoss));
    let entry = trader.market(0, Side::Buy, 1.0);
    assert_eq!(refused(&entry), Some(RefusalReason::LossLimit));
    let (limit, loss) = evidence(&entry).unwrap();
    assert!(limit == 0.02 && (loss - 0.02).abs() < 1e-12, "{loss} of the day's first equity");
    let other = trader.send((1, 0), (Side::Buy, 1.0), OrderKind::Market, OrderTerms::FREE, None);
    assert!(approved(&other));
    let still = CommandError::NothingToResume(TradingState::Halted);
    let own = Scope::Strategy(StrategyId(0));
    assert_eq!(
        trader.engine.command(trader.now, own, Command::Resume),
        Err(still),
        "only the next day lifts it"
    );
    trader.now = "2024-02-01T00:00".parse().unwrap();
    trader.engine.on_equity(trader.now, 19_800.0, &[9_800.0, 10_000.0]);
    assert!(approved(&trader.market(0, Side::Buy, 1.0)));
}

#[test]
fn without_limits_nothing_is_watched_or_refused() {
    let mut trader = Trader::new(Profile::None.limits(), 1, 1);
    assert!(trader.engine.on_equity(trader.now, 10_000.0, &[10_000.0]).is_empty());
    assert!(trader.engine.on_equity(trader.now, 1.0, &[1.0]).is_empty());
    for close in [100.0, 300.0, 50.0] {
        trader.bar(0, close, 1.0);
        assert!(approved(&trader.market(0, Side::Buy, 1.0)));
        assert_eq!(trader.engine.state(StrategyId(0), InstrumentId(0)), TradingState::Active);
    }
    assert_eq!(refused(&trader.market(0, Side::Buy, f64::NAN)), Some(RefusalReason::InvalidArgument));
}
