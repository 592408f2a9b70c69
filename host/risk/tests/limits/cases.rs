//! Each limit by itself.

use cryptobot_model::{OrderKind, OrderTerms, RefusalReason, Side, StrategyId, TriggerSource};
use cryptobot_risk::{
    Budget, CircuitBreaker, CorrelationLimit, Evidence, Limits, MarketLimits, OrderLimits, OrderRate,
    Refusal, RiskEngine, Sizer, SizingInput, StrategyLimits, Verdict,
};

use crate::trader::{MINUTE, SECOND, Trader, approved, evidence, limit, quantity, reduced, refused};

fn portfolio(budget: Budget) -> Limits {
    Limits { portfolio: budget, ..Limits::default() }
}

fn strategy(budget: Budget) -> Limits {
    Limits { strategy: StrategyLimits { budget, ..StrategyLimits::default() }, ..Limits::default() }
}

fn orders(orders: OrderLimits) -> Limits {
    Limits { orders, ..Limits::default() }
}

fn market(market: MarketLimits) -> Limits {
    Limits { market, ..Limits::default() }
}

#[test]
fn leverage() {
    let mut trader = Trader::new(strategy(Budget { max_leverage: Some(2.0), ..Budget::default() }), 1, 2);
    assert!(approved(&trader.market(0, Side::Buy, 150.0)), "15,000 of 20,000");
    // 50 more at 100 make 20,000.
    let ruling = trader.market(1, Side::Sell, 80.0);
    assert_eq!(reduced(&ruling), Some((50.0, RefusalReason::LeverageExceeded)));
    let Verdict::Reduced { evidence, .. } = ruling.verdict else { panic!("{ruling:?}") };
    assert_eq!(evidence, Evidence { limit: 20_000.0, value: 23_000.0 });
    assert_eq!(refused(&trader.market(1, Side::Sell, 0.1)), Some(RefusalReason::LeverageExceeded));
}

#[test]
fn notional_of_instrument_and_portfolio() {
    let budget =
        Budget { max_instrument_notional: Some(1_000.0), max_notional: Some(1_500.0), ..Budget::default() };
    let mut trader = Trader::new(portfolio(budget), 2, 2);
    assert!(approved(&trader.market(0, Side::Buy, 6.0)));
    let other = trader.send((1, 0), (Side::Buy, 6.0), OrderKind::Market, OrderTerms::FREE, None);
    assert_eq!(reduced(&other), Some((4.0, RefusalReason::InstrumentNotional)), "both strategies count");
    // 1,000 are in instrument 0: 500 are left.
    assert_eq!(reduced(&trader.market(1, Side::Buy, 9.0)), Some((5.0, RefusalReason::PortfolioNotional)));
    // Orders count until they end.
    trader.cancel(0);
    assert!(approved(&trader.market(1, Side::Buy, 5.0)));
}

#[test]
fn exposure_is_margin_per_equity() {
    let mut trader = Trader::new(strategy(Budget { max_exposure: Some(0.1), ..Budget::default() }), 1, 1);
    trader.leverage = 5.0;
    // 10 % of 10,000 is 1,000 of margin, at leverage 5 a notional of 5,000.
    assert_eq!(reduced(&trader.market(0, Side::Buy, 60.0)), Some((50.0, RefusalReason::PortfolioNotional)));
}

#[test]
fn a_limit_order_is_valued_at_the_worse_of_its_price_and_the_mark() {
    let limits = || strategy(Budget { max_notional: Some(1_000.0), ..Budget::default() });
    let mut trader = Trader::new(limits(), 1, 1);
    let sell = trader.send((0, 0), (Side::Sell, 10.0), limit(125.0), OrderTerms::FREE, None);
    assert_eq!(reduced(&sell), Some((8.0, RefusalReason::PortfolioNotional)), "1,000 / 125");
    let mut trader = Trader::new(limits(), 1, 1);
    let buy = trader.send((0, 0), (Side::Buy, 11.0), limit(80.0), OrderTerms::FREE, None);
    assert_eq!(reduced(&buy), Some((10.0, RefusalReason::PortfolioNotional)), "1,000 / 100");
}

#[test]
fn positions_and_orders() {
    let budget = Budget { max_positions: Some(1), max_orders: Some(2), ..Budget::default() };
    let mut trader = Trader::new(strategy(budget), 1, 2);
    assert!(approved(&trader.market(0, Side::Buy, 1.0)));
    assert_eq!(refused(&trader.market(1, Side::Buy, 1.0)), Some(RefusalReason::TooManyPositions));
    assert!(approved(&trader.market(0, Side::Buy, 2.0)), "the same position");
    assert_eq!(refused(&trader.market(0, Side::Buy, 3.0)), Some(RefusalReason::TooManyOrders));
    trader.fill_all();
    assert!(approved(&trader.market(0, Side::Buy, 4.0)));
    assert_eq!(refused(&trader.market(1, Side::Buy, 1.0)), Some(RefusalReason::TooManyPositions));
}

#[test]
fn rate_and_duplicates() {
    let rate = Some(OrderRate { orders: 2, per_s: 10 });
    let mut trader = Trader::new(orders(OrderLimits { rate, ..OrderLimits::default() }), 1, 1);
    assert!(approved(&trader.market(0, Side::Buy, 1.0)));
    trader.wait(9 * SECOND);
    assert!(approved(&trader.market(0, Side::Buy, 1.0)));
    assert_eq!(refused(&trader.market(0, Side::Buy, 1.0)), Some(RefusalReason::OrderRate));
    trader.wait(SECOND);
    assert!(approved(&trader.market(0, Side::Buy, 1.0)), "the first is ten seconds old");
    let limits = OrderLimits { duplicate_window_s: Some(5), ..OrderLimits::default() };
    let mut trader = Trader::new(orders(limits), 1, 1);
    assert!(approved(&trader.market(0, Side::Buy, 1.0)));
    assert!(approved(&trader.market(0, Side::Buy, 2.0)), "another quantity");
    trader.wait(2 * SECOND);
    let duplicate = trader.market(0, Side::Buy, 1.0);
    assert_eq!(refused(&duplicate), Some(RefusalReason::DuplicateSignal));
    assert_eq!(evidence(&duplicate), Some((5.0, 2.0)), "window and age");
    trader.wait(3 * SECOND);
    assert!(approved(&trader.market(0, Side::Buy, 1.0)));
}

#[test]
fn cooldown_begins_when_a_position_is_closed() {
    let limits = OrderLimits { cooldown_s: Some(3_600), ..OrderLimits::default() };
    let mut trader = Trader::new(orders(limits), 1, 2);
    trader.market(0, Side::Buy, 1.0);
    trader.fill_all();
    assert!(approved(&trader.market(0, Side::Buy, 1.0)), "adding is no new entry");
    trader.fill_all();
    trader.market(0, Side::Sell, 2.0);
    trader.fill_all();
    trader.wait(59 * MINUTE);
    assert_eq!(refused(&trader.market(0, Side::Buy, 1.0)), Some(RefusalReason::Cooldown));
    assert!(approved(&trader.market(1, Side::Buy, 1.0)), "another pair");
    trader.wait(MINUTE);
    assert!(approved(&trader.market(0, Side::Buy, 1.0)));
}

#[test]
fn the_collar_is_on_the_bad_side_of_the_mark() {
    let limits = OrderLimits { price_collar: Some(0.05), ..OrderLimits::default() };
    let mut trader = Trader::new(orders(limits), 1, 1);
    let mut at = |side, price| trader.send((0, 0), (side, 1.0), limit(price), OrderTerms::FREE, None);
    assert_eq!(refused(&at(Side::Buy, 105.5)), Some(RefusalReason::PriceCollar));
    assert!(approved(&at(Side::Buy, 104.5)) && approved(&at(Side::Buy, 50.0)));
    assert_eq!(refused(&at(Side::Sell, 94.5)), Some(RefusalReason::PriceCollar));
    assert!(approved(&at(Side::Sell, 95.5)) && approved(&at(Side::Sell, 200.0)));
}

#[test]
fn stops() {
    let limits = OrderLimits {
        require_stop: Some(true),
        min_stop_distance: Some(0.01),
        max_stop_distance: Some(0.1),
        ..OrderLimits::default()
    };
    let mut trader = Trader::new(orders(limits), 1, 1);
    assert_eq!(refused(&trader.market(0, Side::Buy, 1.0)), Some(RefusalReason::MissingStop));
    for (side, stop) in [(Side::Buy, 99.5), (Side::Buy, 89.0), (Side::Buy, 101.0), (Side::Sell, 99.0)] {
        assert_eq!(refused(&trader.stopped(0, side, 1.0, stop)), Some(RefusalReason::StopDistance), "{stop}");
    }
    assert_eq!(refused(&trader.stopped(0, Side::Buy, 1.0, f64::NAN)), Some(RefusalReason::InvalidArgument));
    assert!(approved(&trader.stopped(0, Side::Buy, 1.0, 95.0)));
}

#[test]
fn risk_per_trade() {
    let limits = || orders(OrderLimits { max_risk_per_trade: Some(0.01), ..OrderLimits::default() });
    let mut trader = Trader::new(limits(), 1, 1);
    // 1 % of 10,000 is 100: 20 units over a distance of 5, or one unit of 100 without a stop.
    assert_eq!(reduced(&trader.stopped(0, Side::Buy, 30.0, 95.0)), Some((20.0, RefusalReason::RiskPerTrade)));
    trader.fill_all();
    assert_eq!(refused(&trader.stopped(0, Side::Buy, 1.0, 95.0)), Some(RefusalReason::RiskPerTrade));
    // At 97 the 20 units risk 40: another 30 units over a distance of 2.
    trader.prices[0] = 97.0;
    assert_eq!(reduced(&trader.stopped(0, Side::Buy, 50.0, 95.0)), Some((30.0, RefusalReason::RiskPerTrade)));
    let mut trader = Trader::new(limits(), 1, 1);
    assert_eq!(reduced(&trader.market(0, Side::Sell, 30.0)), Some((1.0, RefusalReason::RiskPerTrade)));
}

#[test]
fn heat_is_the_sum_of_open_risk() {
    let mut trader = Trader::new(portfolio(Budget { max_heat: Some(0.02), ..Budget::default() }), 1, 3);
    // 2 % of 10,000 is 200.
    assert!(approved(&trader.stopped(0, Side::Buy, 10.0, 90.0)), "100");
    trader.fill_all();
    assert_eq!(
        reduced(&trader.stopped(1, Side::Sell, 30.0, 105.0)),
        Some((20.0, RefusalReason::PortfolioHeat))
    );
    trader.fill_all();
    assert_eq!(refused(&trader.market(2, Side::Buy, 1.0)), Some(RefusalReason::PortfolioHeat));
}

#[test]
fn a_resting_stop_takes_risk_away() {
    let mut trader = Trader::new(portfolio(Budget { max_heat: Some(0.1), ..Budget::default() }), 1, 2);
    assert!(approved(&trader.market(0, Side::Buy, 10.0)), "1,000 without a stop, all there is");
    trader.fill_all();
    assert_eq!(refused(&trader.market(1, Side::Buy, 1.0)), Some(RefusalReason::PortfolioHeat));
    let stop = OrderKind::StopMarket { trigger: 95.0, source: TriggerSource::Last };
    assert!(approved(&trader.send((0, 0), (Side::Sell, 10.0), stop, OrderTerms::REDUCE_ONLY, None)));
    // 10 × 5 are left at risk, 950 are free.
    assert_eq!(reduced(&trader.market(1, Side::Buy, 20.0)), Some((9.5, RefusalReason::PortfolioHeat)));
}

/// Instrument 1 moves with 0, instrument 2 against it.
fn correlated(rule: CorrelationLimit) -> Trader {
    let mut trader =
        Trader::new(market(MarketLimits { correlation: Some(rule), ..MarketLimits::default() }), 1, 3);
    for step in 0..40 {
        trader.wait(MINUTE);
        let swing = f64::from(step * step % 7) - 3.0;
        for (instrument, sign) in [(0, 1.0), (1, 1.0), (2, -1.0)] {
            trader.bar(instrument, 100.0 + sign * swing, 1.0);
        }
    }
    trader.prices = vec![100.0; 3];
    trader
}

#[test]
fn correlated_positions_share_a_budget() {
    let rule = CorrelationLimit { limit: 0.7, max_positions: 2, max_notional: 1_000.0 };
    let mut trader = correlated(rule);
    assert!(approved(&trader.market(0, Side::Buy, 6.0)));
    assert_eq!(reduced(&trader.market(1, Side::Buy, 6.0)), Some((4.0, RefusalReason::CorrelatedExposure)));
    assert_eq!(refused(&trader.market(2, Side::Sell, 1.0)), Some(RefusalReason::CorrelatedExposure));
    assert!(approved(&trader.market(2, Side::Buy, 10.0)), "a hedge is in a group of its own");
    let mut trader = correlated(CorrelationLimit { max_positions: 1, ..rule });
    assert!(approved(&trader.market(0, Side::Buy, 1.0)));
    assert_eq!(refused(&trader.market(1, Side::Buy, 1.0)), Some(RefusalReason::CorrelatedExposure));
    assert!(approved(&trader.market(0, Side::Buy, 1.0)), "adding is no new position");
}

#[test]
fn unknown_correlation_counts_as_correlated() {
    let rule = CorrelationLimit { limit: 0.7, max_positions: 1, max_notional: 1_000.0 };
    let mut trader =
        Trader::new(market(MarketLimits { correlation: Some(rule), ..MarketLimits::default() }), 1, 2);
    assert!(approved(&trader.market(0, Side::Buy, 1.0)));
    assert_eq!(refused(&trader.market(1, Side::Sell, 1.0)), Some(RefusalReason::CorrelatedExposure));
}

#[test]
fn thin_and_wild_markets() {
    let feed = |trader: &mut Trader, step: f64, volume: f64| {
        for index in 0..30 {
            trader.wait(60 * MINUTE);
            trader.bar(0, 100.0 + step * f64::from(index % 2), volume);
        }
    };
    let limits = MarketLimits { min_daily_turnover: Some(24_000.0), ..MarketLimits::default() };
    let mut trader = Trader::new(market(limits), 1, 1);
    assert_eq!(refused(&trader.market(0, Side::Buy, 1.0)), Some(RefusalReason::ThinMarket), "no bars yet");
    feed(&mut trader, 0.0, 9.9);
    assert_eq!(refused(&trader.market(0, Side::Buy, 1.0)), Some(RefusalReason::ThinMarket), "23,760 a day");
    let mut trader = Trader::new(market(limits), 1, 1);
    feed(&mut trader, 0.0, 10.1);
    assert!(approved(&trader.market(0, Side::Buy, 1.0)));
    // Hourly swings of 1 %: 0.01 × sqrt(24 × 365) is 94 % a year.
    let limits = MarketLimits { max_volatility: Some(0.9), ..MarketLimits::default() };
    let mut trader = Trader::new(market(limits), 1, 1);
    feed(&mut trader, 1.0, 1.0);
    assert_eq!(refused(&trader.market(0, Side::Buy, 1.0)), Some(RefusalReason::HighVolatility));
    let mut trader = Trader::new(market(MarketLimits { max_volatility: Some(1.0), ..limits }), 1, 1);
    feed(&mut trader, 1.0, 1.0);
    assert!(approved(&trader.market(0, Side::Buy, 1.0)));
}

#[test]
fn a_jump_halts_its_instrument_for_a_while() {
    let breaker = CircuitBreaker { jump: 0.1, within_s: 300, halt_s: 600 };
    let limits = MarketLimits { circuit_breaker: Some(breaker), ..MarketLimits::default() };
    let mut trader = Trader::new(market(limits), 1, 2);
    for close in [100.0, 104.0, 111.0] {
        trader.wait(MINUTE);
        trader.bar(0, close, 1.0);
    }
    assert_eq!(refused(&trader.market(0, Side::Buy, 1.0)), Some(RefusalReason::CircuitBreaker));
    assert!(approved(&trader.market(1, Side::Buy, 1.0)));
    trader.wait(10 * MINUTE - 1);
    assert_eq!(refused(&trader.market(0, Side::Buy, 1.0)), Some(RefusalReason::CircuitBreaker));
    trader.wait(1);
    assert!(approved(&trader.market(0, Side::Buy, 1.0)));
}

#[test]
fn the_drawdown_scales_the_position_that_an_order_leads_to() {
    let budget = Budget { reduce_from_drawdown: Some(0.1), halt_at_drawdown: Some(0.2), ..Budget::default() };
    let mut trader = Trader::new(strategy(budget), 1, 1);
    trader.engine.on_equity(trader.now, 10_000.0, &[10_000.0]);
    trader.equity = 8_500.0;
    trader.engine.on_equity(trader.now, 8_500.0, &[8_500.0]);
    // 15 % down: half of the size, and asking again gives nothing more.
    assert_eq!(reduced(&trader.market(0, Side::Buy, 10.0)), Some((5.0, RefusalReason::LossLimit)));
    trader.fill_all();
    assert_eq!(refused(&trader.market(0, Side::Buy, 5.0)), Some(RefusalReason::LossLimit));
    // From 5 long to 10 short: 5 short are allowed.
    assert_eq!(reduced(&trader.market(0, Side::Sell, 15.0)), Some((10.0, RefusalReason::LossLimit)));
}

#[test]
fn of_an_order_through_zero_the_closing_part_passes() {
    let mut trader = Trader::new(strategy(Budget { max_notional: Some(1_000.0), ..Budget::default() }), 1, 1);
    trader.market(0, Side::Buy, 10.0);
    trader.fill_all();
    trader.prices[0] = 200.0;
    // Ten close, and five more at 200 make 1,000.
    assert_eq!(reduced(&trader.market(0, Side::Sell, 20.0)), Some((15.0, RefusalReason::PortfolioNotional)));
    trader.cancel(0);
    let ruling = trader.market(0, Side::Sell, 8.0);
    assert!(approved(&ruling));
    assert!(ruling.order.unwrap().get().terms.reduce_only, "and cannot open if another order closes first");
}

#[test]
fn what_is_left_after_a_reduction_must_be_worth_sending() {
    let mut trader = Trader::new(strategy(Budget { max_notional: Some(1_000.0), ..Budget::default() }), 1, 1);
    assert!(approved(&trader.market(0, Side::Buy, 9.96)));
    // 0.04 × 100 = 4 are less than the minimum of 5.
    assert_eq!(refused(&trader.market(0, Side::Buy, 1.0)), Some(RefusalReason::PortfolioNotional));
}

#[test]
fn the_engine_sizes_with_what_it_has_seen() {
    let own = StrategyLimits {
        sizer: Some(Sizer::Atr { risk: 0.01, multiplier: 2.0 }),
        min_confidence: Some(0.75),
        ..StrategyLimits::default()
    };
    let mut trader = Trader::new(Limits::default(), 2, 1);
    trader.engine.set_strategy(StrategyId(1), own);
    for _ in 0..20 {
        trader.wait(MINUTE);
        let (ts, last) = (trader.now, 100.0);
        let bar = cryptobot_model::Bar { ts, open: last, high: 101.0, low: 99.0, close: last, volume: 1.0 };
        trader.engine.on_bar(cryptobot_model::InstrumentId(0), ts, &bar);
    }
    let input =
        SizingInput { equity: 10_000.0, price: 100.0, confidence: Some(0.8), ..SizingInput::default() };
    let young = RiskEngine::new(Limits { strategy: own, ..Limits::default() }, 1, 1);
    let unknown = young.size(StrategyId(0), cryptobot_model::InstrumentId(0), &input);
    assert_eq!(unknown, Err(Refusal::new(RefusalReason::NoMarket, 14.0, 0.0)), "bars");
    let size = |strategy, input: &SizingInput| {
        trader.engine.size(StrategyId(strategy), cryptobot_model::InstrumentId(0), input)
    };
    let low = |confidence| Err(Refusal::new(RefusalReason::LowConfidence, 0.75, confidence));
    // 100 at risk over two true ranges of 2.
    assert_eq!(size(1, &input), Ok(25.0));
    assert_eq!(size(1, &SizingInput { confidence: Some(0.7), ..input }), low(0.7));
    assert_eq!(size(1, &SizingInput { confidence: None, ..input }), low(f64::NAN));
    assert_eq!(size(0, &input), Err(RefusalReason::NoSizer.into()));
}

#[test]
fn amendments_do_not_go_around_the_limits() {
    let budget = Budget { max_notional: Some(1_000.0), ..Budget::default() };
    let collar = OrderLimits { price_collar: Some(0.05), ..OrderLimits::default() };
    let limits = Limits { orders: collar, ..strategy(budget) };
    let mut trader = Trader::new(limits, 1, 1);
    let order = trader.send((0, 0), (Side::Buy, 5.0), limit(100.0), OrderTerms::FREE, None).order.unwrap();
    let to = |amount, price| trader.amend(order.get(), amount, price);
    assert_eq!(to(10.0, 100.0), Verdict::Approved);
    let Verdict::Reduced { to: added, reason, .. } = to(12.0, 100.0) else { panic!("not reduced") };
    assert_eq!((added, reason), (quantity(5.0), RefusalReason::PortfolioNotional));
    let refusal = to(4.0, 106.0);
    assert!(matches!(refusal, Verdict::Refused { reason: RefusalReason::PriceCollar, .. }), "{refusal:?}");
    assert_eq!(to(4.0, 104.0), Verdict::Approved);
}
