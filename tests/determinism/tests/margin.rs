//! Margin and liquidation in the engine, with numbers computed by hand.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use cryptobot_engine::{
    AccountKind, BarBlock, Desk, Entry, Fault, MarginMode, MarginSettings, Mark, Recorder,
};
use cryptobot_model::{
    Bar, Bracket, Brackets, ContractTerms, FillRule, Instrument, Money, OrderKind, OrderTerms, Quantity,
    Rate, SeriesId, Side, Timeframe, TriggerSource,
};
use cryptobot_test_support::market::START_MS;
use cryptobot_test_support::native::Logic;
use cryptobot_test_support::run::{MemoryRun, Record, instrument};

/// Minute bars that open at one price and close at the next, without wicks.
fn path(prices: &[f64]) -> BarBlock {
    let mut block = BarBlock::default();
    for (index, pair) in prices.windows(2).enumerate() {
        block.open_ms.push(START_MS + index as i64 * 60_000);
        block.open.push(pair[0]);
        block.high.push(pair[0].max(pair[1]));
        block.low.push(pair[0].min(pair[1]));
        block.close.push(pair[1]);
        block.volume.push(1.0);
    }
    block
}

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

fn bracket(floor: &str, cap: &str, leverage: u32, rate: &str, cum: &str) -> Bracket {
    Bracket {
        floor: money(floor),
        cap: money(cap),
        max_leverage: leverage,
        maintenance_rate: rate.parse().unwrap(),
        cum: money(cum),
    }
}

/// An instrument without fees but that of liquidations, 1 %.
fn contract(brackets: Vec<Bracket>) -> Instrument {
    let terms = ContractTerms {
        brackets: Brackets::new(brackets).unwrap(),
        liquidation_fee: "0.01".parse::<Rate>().unwrap(),
        ..ContractTerms::default()
    };
    Instrument { terms, maker_fee: 0.into(), taker_fee: 0.into(), ..instrument("S") }
}

/// Opens a position after the first bar and, where it is given, protects it with a stop.
struct Open {
    side: Side,
    quantity: f64,
    stop: Option<f64>,
    done: bool,
}

impl Logic for Open {
    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, _bar: &Bar) -> Result<(), Fault> {
        if std::mem::replace(&mut self.done, true) {
            return Ok(());
        }
        let Self { side, quantity, stop, .. } = *self;
        desk.submit(series, side, quantity, OrderKind::Market, OrderTerms::FREE)?;
        if let Some(trigger) = stop {
            let kind = OrderKind::StopMarket { trigger, source: TriggerSource::Mark };
            desk.submit(series, side.opposite(), quantity, kind, OrderTerms::REDUCE_ONLY)?;
        }
        Ok(())
    }
}

fn open(side: Side, quantity: f64, stop: Option<f64>) -> Open {
    Open { side, quantity, stop, done: false }
}

/// Opens later than the others, after so many bars.
struct Late {
    after: usize,
    order: Open,
}

impl Logic for Late {
    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, bar: &Bar) -> Result<(), Fault> {
        if self.after == 0 {
            return self.order.on_bar(desk, series, bar);
        }
        self.after -= 1;
        Ok(())
    }
}

fn run(
    instrument: Instrument,
    prices: &[f64],
    balance: &str,
    leverage: u32,
    logic: Vec<Open>,
) -> (Record, Vec<Money>) {
    let mut run = MemoryRun::new(vec![(instrument, path(prices))]);
    for logic in logic {
        run = run.with(logic, &[Timeframe::MINUTE], 1);
    }
    on_margin(run, balance, leverage)
}

/// Runs strategies on one account with isolated margin; returns what happened and their wallets.
fn on_margin(mut run: MemoryRun, balance: &str, leverage: u32) -> (Record, Vec<Money>) {
    run.balance = money(balance);
    run.leverage = f64::from(leverage);
    run.margin = Some((AccountKind::Shared, MarginSettings::new(MarginMode::Isolated, leverage).unwrap()));
    let mut record = Record::default();
    let outcome = run.run(&mut record);
    (record, outcome.accounts.iter().map(|account| account.wallet).collect())
}

fn one_bracket() -> Vec<Bracket> {
    vec![bracket("0", "1000000", 50, "0.01", "0")]
}

#[test]
fn a_long_is_liquidated_where_its_margin_is_gone() {
    // 10 at 100 with leverage 10: margin 100. Gone at (100 − 1000) / (10 × 0.01 − 10) = 90.909…; the path reaches it on
    // the way from 95 to 80. The fee is 1 % of what is closed.
    let prices = [100.0, 100.0, 95.0, 80.0, 120.0];
    let (record, wallets) =
        run(contract(one_bracket()), &prices, "1000", 10, vec![open(Side::Buy, 10.0, None)]);
    let liquidation = &record.liquidations[0];
    assert_eq!(record.liquidations.len(), 1);
    assert_eq!((liquidation.side, liquidation.quantity.to_string()), (Side::Sell, "10".to_owned()));
    assert_eq!(liquidation.mark.to_string(), "90.90909091");
    assert_eq!(liquidation.bankruptcy_price.to_string(), "90");
    // 10 × 90.90909091 × 0.01.
    assert_eq!(liquidation.fee, money("9.09090909"));
    assert_eq!(liquidation.insurance, Money::ZERO);
    // 1000 − 90.9090909 − 9.09090909 = 900: the margin and no more.
    assert_eq!(wallets, [money("900.00000001")]);
}

#[test]
fn brackets_hold_for_the_net_position_of_all_strategies() {
    // 500 may be held at leverage 10. The second strategy would bring the account to 600; the third one's sale nets.
    let brackets = vec![bracket("0", "500", 20, "0.01", "0"), bracket("500", "100000", 5, "0.02", "5")];
    let prices = [100.0; 5];
    let opened = |logic: Vec<Open>| {
        let (record, _) = run(contract(brackets.clone()), &prices, "1000", 10, logic);
        record.fills.iter().map(|fill| (fill.strategy.index(), fill.quantity.to_string())).collect::<Vec<_>>()
    };
    let both = opened(vec![open(Side::Buy, 4.0, None), open(Side::Buy, 1.0, None)]);
    assert_eq!(both, [(0, "4".to_owned()), (1, "1".to_owned())]);
    let held = Late { after: 2, order: open(Side::Buy, 2.0, None) };
    let sold = Late { after: 2, order: open(Side::Sell, 8.0, None) };
    for (late, fills) in [(held, 1), (sold, 2)] {
        let run = MemoryRun::new(vec![(contract(brackets.clone()), path(&prices))])
            .with(open(Side::Buy, 4.0, None), &[Timeframe::MINUTE], 1)
            .with(late, &[Timeframe::MINUTE], 1);
        let record = on_margin(run, "1000", 10).0;
        assert_eq!(record.fills.len(), fills);
    }
}

/// Buys 5 of everything after so many bars.
struct BuyAll {
    after: usize,
    seen: usize,
}

impl Logic for BuyAll {
    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, _bar: &Bar) -> Result<(), Fault> {
        self.seen += 1;
        if (self.after * 2 - 1..=self.after * 2).contains(&self.seen) {
            desk.submit(series, Side::Buy, 5.0, OrderKind::Market, OrderTerms::FREE)?;
        }
        Ok(())
    }
}

/// Liquidations of two instruments on one wallet: milliseconds since the start, instrument, mark price.
fn on_one_wallet(blocks: [BarBlock; 2], balance: &str, after: usize) -> Vec<(i64, usize, String)> {
    let markets = ["A", "B"].map(|symbol| Instrument { symbol: symbol.into(), ..contract(one_bracket()) });
    let mut run = MemoryRun::new(markets.into_iter().zip(blocks).collect()).with(
        BuyAll { after, seen: 0 },
        &[Timeframe::MINUTE],
        2,
    );
    run.balance = money(balance);
    run.leverage = 10.0;
    run.margin = Some((AccountKind::Shared, MarginSettings::new(MarginMode::Cross, 10).unwrap()));
    let mut record = Record::default();
    run.run(&mut record);
    assert_eq!(record.fills.iter().filter(|fill| fill.rule == FillRule::Open).count(), 2);
    let seen = record.liquidations.iter();
    seen.map(|it| (it.ts.millis() - START_MS, it.instrument.index(), it.mark.to_string())).collect()
}

#[test]
fn a_wallet_that_is_lost_inside_a_bar_liquidates_nothing_before() {
    // 5 of both at 100 on a wallet of 100. The first is gone at (400 + 5) / 4.95 = 81.81…, on the way to the low: a loss
    // of 90.909 and a fee of 4.091 leave 5.000, which is the maintenance of the other at its open of 100. That one
    // follows at the end of the same leg, where its mark is 98, and not at the open of the bar.
    let mut blocks = [path(&[100.0; 5]), path(&[100.0; 5])];
    (blocks[0].low[2], blocks[0].close[2]) = (80.0, 80.0);
    (blocks[1].low[2], blocks[1].high[2]) = (98.0, 102.0);
    let seen = on_one_wallet(blocks, "100", 1);
    assert_eq!(seen, [(140_000, 0, "81.81818182".to_owned()), (140_000, 1, "98".to_owned())]);
}

#[test]
fn positions_that_are_opened_together_after_a_calm_know_the_newest_marks_of_each_other() {
    // At the mark that the first one began with it would have lost 250 of 200.
    let rising: Vec<f64> = (0..90).map(|bar| 100.0 + f64::from(bar.min(50))).collect();
    assert_eq!(on_one_wallet([path(&rising), path(&rising)], "200", 80), []);
}

#[test]
fn a_nearer_stop_comes_first() {
    let prices = [100.0, 100.0, 95.0, 80.0, 120.0];
    let logic = vec![open(Side::Buy, 10.0, Some(92.0))];
    let (record, wallets) = run(contract(one_bracket()), &prices, "1000", 10, logic);
    assert!(record.liquidations.is_empty());
    assert_eq!(wallets, [money("920")]);
}

#[test]
fn a_gap_through_everything_costs_the_margin_and_the_fund() {
    // The bar after 95 opens at 70: bankruptcy was at 90. Loss 300 and fee 7 against a margin of 100: the fund bears 207.
    let mut block = path(&[100.0, 100.0, 95.0, 70.0, 70.0]);
    (block.open[2], block.high[2]) = (70.0, 70.0);
    let mut run = MemoryRun::new(vec![(contract(one_bracket()), block)]).with(
        open(Side::Buy, 10.0, Some(92.0)),
        &[Timeframe::MINUTE],
        1,
    );
    run.balance = money("1000");
    run.leverage = 10.0;
    run.margin = Some((AccountKind::Shared, MarginSettings::new(MarginMode::Isolated, 10).unwrap()));
    let mut record = Record::default();
    let outcome = run.run(&mut record);
    assert_eq!(record.liquidations.len(), 1);
    assert_eq!(record.liquidations[0].mark.to_string(), "70");
    assert_eq!(record.liquidations[0].insurance, money("207"));
    assert_eq!(outcome.accounts[0].wallet, money("900"));
    // Flat again: the trade brought what the account lost.
    let [trade] = &record.trades[..] else { panic!("one trade: {:?}", record.trades) };
    assert_eq!((trade.gross_pnl, trade.fees, trade.insurance), (money("-300"), money("7"), money("207")));
    assert_eq!(trade.net_pnl, money("-100"));
}

#[test]
fn strategies_on_one_account_share_a_liquidation() {
    // 6 and 4 long of one net position of 10: it is liquidated at the same price, 6 of it from the first.
    let prices = [100.0, 100.0, 95.0, 80.0, 120.0];
    let logic = vec![open(Side::Buy, 6.0, None), open(Side::Buy, 4.0, None)];
    let (record, wallets) = run(contract(one_bracket()), &prices, "1000", 10, logic);
    let closed: Quantity = record.liquidations.iter().map(|liquidation| liquidation.quantity).sum();
    assert_eq!(closed.to_string(), "10");
    let all: Money = wallets.iter().copied().sum();
    assert!((all - money("1900")).abs() < money("0.000001"), "{all}");
    assert!((wallets[0] - money("940")).abs() < money("0.000001"), "{}", wallets[0]);
}

#[test]
fn a_large_position_steps_down_its_brackets() {
    // 100 at 100, notional 10,000 in the second bracket (from 5,000: 5 %, cum 200), leverage 10: margin 1,000. Gone at
    // (1000 + 200 − 10000) / (100 × 0.05 − 100) = 92.63…; there 53 are kept (53 × 92.63 < 5,000), 47 are closed.
    let brackets = vec![bracket("0", "5000", 50, "0.01", "0"), bracket("5000", "1000000", 10, "0.05", "200")];
    let prices = [100.0, 100.0, 95.0, 92.0, 92.0, 92.0];
    let whole = Instrument { lot: Quantity::new(1.into()), ..contract(brackets) };
    let (record, _) = run(whole, &prices, "10000", 10, vec![open(Side::Buy, 100.0, None)]);
    let first = &record.liquidations[0];
    assert_eq!(
        (first.quantity.to_string(), first.mark.to_string()),
        ("47".to_owned(), "92.63157895".to_owned())
    );
    assert_eq!(record.liquidations.len(), 1, "what is left stands at 1 %");
}

#[test]
fn strategies_share_a_step_in_whole_lots() {
    // 60 and 40 of 100 at 93, margin 930: gone at 86, where 930 - 700 = 8600 * 0.05 - 200. 58 * 86 < 5000 may stay, of
    // the 42 that are closed 60 % are the first one's, in whole lots. The low of 85 does not reach what is left.
    let brackets = vec![bracket("0", "5000", 50, "0.01", "0"), bracket("5000", "1000000", 10, "0.05", "200")];
    let whole = Instrument { lot: Quantity::new(1.into()), ..contract(brackets) };
    let logic = vec![open(Side::Buy, 60.0, None), open(Side::Buy, 40.0, None)];
    let (record, wallets) = run(whole, &[93.0, 93.0, 93.0, 85.0, 93.0], "1000", 10, logic);
    let closed: Vec<_> = record
        .liquidations
        .iter()
        .map(|liquidation| (liquidation.quantity.to_string(), liquidation.mark.to_string()))
        .collect();
    assert_eq!(closed, [("25".to_owned(), "86".to_owned()), ("17".to_owned(), "86".to_owned())]);
    // 1000 - 25 * 7 - 25 * 86 * 0.01 and 1000 - 17 * 7 - 17 * 86 * 0.01.
    assert_eq!(wallets, [money("803.5"), money("866.38")]);
}

/// The highest margin ratio that is told.
struct Highest(f64);

impl Recorder for Highest {
    fn entry(&mut self, _entry: &Entry<'_>) {}

    fn mark(&mut self, mark: &Mark<'_>) {
        self.0 = mark.margin_ratios.iter().fold(self.0, |highest, ratio| highest.max(*ratio));
    }
}

/// The highest ratio of 10 at 100 with leverage 10, in bars at 100 of which one has a wick to `worst`.
fn highest(side: Side, stop: Option<f64>, wick: usize, worst: f64) -> f64 {
    let mut block = path(&[100.0; 6]);
    let end = if side == Side::Buy { &mut block.low } else { &mut block.high };
    end[wick] = worst;
    let mut run = MemoryRun::new(vec![(contract(one_bracket()), block)]);
    run.balance = money("1000");
    run.leverage = 10.0;
    run.margin = Some((AccountKind::Shared, MarginSettings::new(MarginMode::Isolated, 10).unwrap()));
    let mut highest = Highest(0.0);
    run.with(open(side, 10.0, stop), &[Timeframe::MINUTE], 1).run(&mut highest);
    highest.0
}

#[test]
fn how_near_an_account_came_is_known_inside_bars() {
    // At 91: maintenance 910 × 0.01 = 9.1, balance 100 + 910 − 1000 = 10. The position is opened at the open of bar 1.
    for wick in [1, 3] {
        assert!((highest(Side::Buy, None, wick, 91.0) - 0.91).abs() < 1e-12, "{wick}");
    }
    assert!((highest(Side::Buy, None, 0, 91.0) - 0.1).abs() < 1e-12, "10 by 100: before it was there");
    // At 108 a short has 10.8 of 100 + 1000 − 1080 = 20.
    assert!((highest(Side::Sell, None, 3, 108.0) - 0.54).abs() < 1e-12);
    // A stop at 92 ends it there, with 9.2 of 20, whatever the low is.
    for worst in [91.0, 70.0] {
        assert!((highest(Side::Buy, Some(92.0), 3, worst) - 0.46).abs() < 1e-12, "{worst}");
    }
}
