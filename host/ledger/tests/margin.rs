//! The margin account: modes, liquidation, insurance, and money that is conserved over random flows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use cryptobot_ledger::{LiquidationStep, MarginAccount, MarginMode, MarginSettings};
use cryptobot_model::{
    Bracket, Brackets, ContractTerms, Fill, FillRule, Instrument, InstrumentId, Liquidity, Money, OrderId,
    Price, Quantity, Rate, Side, StrategyId, Timestamp,
};
use proptest::prelude::*;
use rust_decimal::Decimal;

const A: InstrumentId = InstrumentId(0);
const B: InstrumentId = InstrumentId(1);

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

fn price(text: &str) -> Price {
    text.parse().unwrap()
}

fn instrument(symbol: &str) -> Instrument {
    let lines = [
        ("0", "5000", 125, "0.004", "0"),
        ("5000", "50000", 100, "0.005", "5"),
        ("50000", "100000", 50, "0.01", "255"),
        ("100000", "500000", 20, "0.025", "1755"),
    ];
    let bracket = |(floor, cap, max_leverage, rate, cum): (&str, &str, u32, &str, &str)| Bracket {
        floor: money(floor),
        cap: money(cap),
        max_leverage,
        maintenance_rate: rate.parse().unwrap(),
        cum: money(cum),
    };
    Instrument {
        venue: "v".to_owned(),
        symbol: symbol.to_owned(),
        tick: price("0.01"),
        lot: "0.001".parse().unwrap(),
        min_notional: Money::ZERO,
        maker_fee: Decimal::new(2, 4),
        taker_fee: Decimal::new(4, 4),
        funding: true,
        terms: ContractTerms {
            brackets: Brackets::new(lines.into_iter().map(bracket).collect()).unwrap(),
            liquidation_fee: "0.0125".parse().unwrap(),
            ..ContractTerms::default()
        },
    }
}

fn account(balance: &str, mode: MarginMode, leverage: u32) -> MarginAccount {
    let mut account = MarginAccount::new(money(balance), &[instrument("A"), instrument("B")]);
    for instrument in [A, B] {
        account.configure(instrument, MarginSettings::new(mode, leverage).unwrap()).unwrap();
    }
    account
}

fn fill(instrument: InstrumentId, side: Side, quantity: Quantity, price: Price, fee: Money) -> Fill {
    Fill {
        ts: Timestamp(0),
        strategy: StrategyId(0),
        instrument,
        order: OrderId::new(StrategyId(0), 1),
        side,
        price,
        quantity,
        fee,
        slippage: Money::ZERO,
        liquidity: Liquidity::Taker,
        rule: FillRule::Open,
    }
}

fn trade(account: &mut MarginAccount, instrument: InstrumentId, side: Side, quantity: &str, at: &str) {
    account.apply(&fill(instrument, side, quantity.parse().unwrap(), price(at), Money::ZERO));
}

/// Executes a step at a price.
fn liquidate(account: &mut MarginAccount, step: &LiquidationStep, at: Price) -> Fill {
    let fee = step.quantity.at(at).times(step.fee_rate);
    let fill =
        Fill { rule: FillRule::Liquidation, ..fill(step.instrument, step.side, step.quantity, at, fee) };
    account.apply(&fill);
    fill
}

fn floats(marks: &[Price]) -> Vec<f64> {
    marks.iter().map(|mark| mark.to_f64()).collect()
}

#[test]
fn isolated_margin_moves_with_the_position() {
    let mut account = account("1000", MarginMode::Isolated, 10);
    trade(&mut account, A, Side::Buy, "1", "100");
    assert_eq!((account.isolated_margin(A), account.cross_wallet()), (money("10"), money("990")));
    trade(&mut account, A, Side::Buy, "1", "120");
    assert_eq!(account.isolated_margin(A), money("22"));
    trade(&mut account, A, Side::Sell, "0.5", "130");
    assert_eq!(account.isolated_margin(A), money("16.5"), "a quarter is given back");
    assert_eq!(account.wallet(), money("1010"), "and the profit goes to the wallet");
    trade(&mut account, A, Side::Sell, "2.5", "130");
    assert_eq!(account.isolated_margin(A), money("13"), "flipped: margin of one short at 130");
    assert_eq!(account.wallet(), money("1040"));
    assert_eq!(account.initial_margin(A, price("120")), money("12"));
    assert_eq!(account.equity(&[price("120"), price("1")]), money("1050"));
}

#[test]
fn funding_is_paid_from_what_stands_behind_the_position() {
    let (mark, rate): (Price, Rate) = (price("100"), "0.01".parse().unwrap());
    let mut isolated = account("1000", MarginMode::Isolated, 10);
    trade(&mut isolated, A, Side::Buy, "1", "100");
    let before = isolated.liquidation_price(A, &[mark, mark]).unwrap();
    assert_eq!(isolated.pay_funding(A, mark, rate), money("1"));
    assert_eq!((isolated.isolated_margin(A), isolated.cross_wallet()), (money("9"), money("990")));
    assert!(isolated.liquidation_price(A, &[mark, mark]).unwrap() > before, "liquidation has come nearer");
    let mut cross = account("1000", MarginMode::Cross, 10);
    trade(&mut cross, A, Side::Sell, "1", "100");
    assert_eq!(cross.pay_funding(A, mark, rate), money("-1"));
    assert_eq!(cross.cross_wallet(), money("1001"));
}

#[test]
fn a_liquidated_isolated_position_costs_its_margin_and_no_more() {
    let mut account = account("1000", MarginMode::Isolated, 20);
    trade(&mut account, A, Side::Buy, "10", "100");
    let marks = [price("80"), price("1")];
    let step = account.liquidation_step(&marks).unwrap();
    assert_eq!((step.side, step.quantity), (Side::Sell, "10".parse().unwrap()));
    assert_eq!((step.bracket_from, step.bracket_to), (Some(1), None));
    assert_eq!(step.bankruptcy_price, price("95"));
    liquidate(&mut account, &step, marks[0]);
    assert_eq!(account.wallet(), money("950"), "the margin of 50 is gone");
    assert_eq!(account.insurance(), money("160"), "200 lost and 10 fee, of which 50 were there");
    assert_eq!(account.liquidation_fees(), money("10"));
    assert_eq!(account.liquidation_step(&marks), None);
}

#[test]
fn a_large_position_is_liquidated_bracket_by_bracket() {
    let mut account = account("13000", MarginMode::Cross, 20);
    trade(&mut account, A, Side::Buy, "1200", "100");
    assert_eq!(account.liquidation_step(&[price("90"), price("1")]), None, "a balance of 1000 for 945");
    let marks = [price("89.95"), price("1")];
    let step = account.liquidation_step(&marks).unwrap();
    assert_eq!((step.bracket_from, step.bracket_to), (Some(4), Some(3)));
    assert_eq!(
        step.quantity,
        "88.272".parse().unwrap(),
        "1111.728 are worth less than 100000, a lot more is not"
    );
    liquidate(&mut account, &step, marks[0]);
    assert_eq!(account.liquidation_step(&marks), None, "the lower bracket saved the rest");
    let lower = [price("89.8"), price("1")];
    let mut brackets = Vec::new();
    while let Some(step) = account.liquidation_step(&lower) {
        brackets.push((step.bracket_from, step.bracket_to));
        liquidate(&mut account, &step, lower[0]);
    }
    assert_eq!(brackets, [(Some(3), Some(2)), (Some(2), Some(1)), (Some(1), None)]);
    assert_eq!(account.wallet(), Money::ZERO);
    assert!(account.insurance() > Money::ZERO, "the fees were more than what was left");
}

#[test]
fn of_cross_positions_the_one_with_the_largest_maintenance_is_reduced() {
    let mut account = account("100", MarginMode::Cross, 20);
    trade(&mut account, A, Side::Buy, "5", "100");
    trade(&mut account, B, Side::Sell, "10", "100");
    let marks = [price("100"), price("109.6")];
    let step = account.liquidation_step(&marks).unwrap();
    assert_eq!((step.instrument, step.side), (B, Side::Buy));
    assert_eq!(account.liquidation_trigger(B), None, "the other mark decides as well");
    assert!(!account.is_safe(&floats(&marks)) && account.is_safe(&[100.0, 105.0]));
}

#[test]
fn an_all_in_position_pays_its_fee_from_its_margin() {
    let mut account = account("100", MarginMode::Isolated, 10);
    account.apply(&fill(A, Side::Buy, "10".parse().unwrap(), price("100"), money("0.4")));
    assert_eq!(account.isolated_margin(A), money("99.6"));
    assert_eq!((account.wallet(), account.insurance()), (money("99.6"), Money::ZERO));
}

#[test]
fn settings_are_checked() {
    let problem = |leverage| MarginSettings::new(MarginMode::Cross, leverage).unwrap_err().to_string();
    assert_eq!(problem(0), "leverage 0 must be between 1 and 125");
    assert_eq!(problem(126), "leverage 126 must be between 1 and 125");
    let mut narrow = instrument("A");
    narrow.terms.brackets = Brackets::flat(20, "0.02".parse().unwrap()).unwrap();
    let mut account = MarginAccount::new(money("1000"), &[narrow]);
    let settings = |leverage| MarginSettings::new(MarginMode::Cross, leverage).unwrap();
    assert!(account.configure(A, settings(21)).unwrap_err().to_string().contains("between 1 and 20"));
    account.configure(A, settings(20)).unwrap();
    trade(&mut account, A, Side::Buy, "1", "100");
    assert_eq!(account.configure(A, settings(20)), Ok(()), "nothing changes");
    assert!(account.configure(A, settings(10)).unwrap_err().to_string().contains("close 1 first"));
}

/// One thing that happens to an account.
#[derive(Clone, Debug)]
enum Step {
    Trade { instrument: usize, buy: bool, lots: i64, fee: i64 },
    Move { instrument: usize, permille: i64 },
    Funding { instrument: usize, rate: i64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0_usize..2, any::<bool>(), 1_i64..400_000, 0_i64..5)
            .prop_map(|(instrument, buy, lots, fee)| Step::Trade { instrument, buy, lots, fee }),
        4 => (0_usize..2, -120_i64..120)
            .prop_map(|(instrument, permille)| Step::Move { instrument, permille }),
        1 => (0_usize..2, -300_i64..300)
            .prop_map(|(instrument, rate)| Step::Funding { instrument, rate }),
    ];
    prop::collection::vec(step, 1..60)
}

fn modes() -> impl Strategy<Value = (MarginMode, MarginMode)> {
    let mode = || prop_oneof![Just(MarginMode::Isolated), Just(MarginMode::Cross)];
    (mode(), mode())
}

/// What was paid and received, counted beside the account.
struct Books {
    cash: Money,
    positions: [Quantity; 2],
    liquidation_fees: Money,
}

impl Books {
    fn fill(&mut self, fill: &Fill) {
        let signed = fill.side.signed(fill.quantity);
        self.cash -= signed.at(fill.price) + fill.fee;
        self.positions[fill.instrument.index()] += signed;
    }
}

/// Whatever the account says of a fill beforehand, at prices around the level that the booked fill leads to.
fn check_safety_after(account: &MarginAccount, fill: &Fill) -> Result<(), TestCaseError> {
    let mut booked = account.clone();
    booked.apply(fill);
    let position = booked.position(fill.instrument).quantity();
    let Some(level) = booked.liquidation_price(fill.instrument, &[Price::ZERO; 2]) else { return Ok(()) };
    if booked.settings(fill.instrument).mode == MarginMode::Cross {
        prop_assert!(
            !account.is_safe_after(fill, level.to_f64()),
            "a cross account has to be booked to know"
        );
        return Ok(());
    }
    let side = f64::from(position.signum());
    for beyond in [0.0, 1e-12, 1e-9, 1e-6, 1e-3, 0.1] {
        let lost = level.to_f64() * (1.0 - side * beyond);
        prop_assert!(
            !account.is_safe_after(fill, lost),
            "{position} is lost at {lost}, its level is {level}"
        );
    }
    Ok(())
}

#[test]
fn ratios_by_columns_are_those_of_single_prices() {
    let fill = |instrument, side| fill(instrument, side, "60".parse().unwrap(), price("100"), Money::ZERO);
    for (leverage, side) in [(2, Side::Buy), (2, Side::Sell), (20, Side::Buy), (20, Side::Sell)] {
        let mut account = account("10000", MarginMode::Isolated, leverage);
        account.apply(&fill(A, side));
        // 60 units: the brackets change at 83.33 and 833.33, and some of these prices leave nothing of the margin.
        let marks = [100.0, 90.0, 84.0, 83.0, 50.0, 10.0, 100.0, 200.0, 800.0, 834.0, 2_000.0];
        for rows in 1..=marks.len() {
            for first in 0..=marks.len() - rows {
                let column = &marks[first..first + rows];
                let mut ratios = vec![0.0; rows];
                let worst = [column, &vec![7.0; rows]].concat();
                // What the bars close at is not read for an isolated position.
                account.highest_ratios(&vec![100.0; 2 * rows], &worst, rows, &mut ratios);
                let single: Vec<f64> =
                    column.iter().map(|mark| account.highest_ratio(&[100.0, 7.0], |_, _| *mark)).collect();
                assert_eq!(ratios, single, "{leverage} {side:?} {column:?}");
            }
        }
        let lost = if side == Side::Buy { 10.0 } else { 2_000.0 };
        assert!(account.highest_ratio(&[100.0, 7.0], |_, _| lost).is_infinite());
    }
}

#[test]
fn cross_positions_are_taken_at_their_worse_mark_one_at_a_time() {
    let mut account = account("3000", MarginMode::Cross, 10);
    trade(&mut account, A, Side::Buy, "60", "100");
    trade(&mut account, B, Side::Sell, "80", "50");
    let sides: Vec<_> = account.worse_marks().collect();
    assert_eq!(sides, [(0, true), (1, false)]);
    let exact = |a: &str, b: &str| account.margin_ratio(A, &[price(a), price(b)]);
    let worst = |index: usize, low: bool| [[110.0, 80.0], [60.0, 45.0]][index][usize::from(low)];
    let highest = account.highest_ratio(&[99.0, 51.0], worst);
    let expected = exact("80", "51").max(exact("99", "60"));
    assert!((highest - expected).abs() < 1e-12, "{highest} {expected}");
    assert!(highest < exact("80", "60"), "not both at once");
    let of_one = account.ratio_of(A, |index| [80.0, 51.0][index]);
    assert!((of_one - exact("80", "51")).abs() < 1e-12);
}

proptest! {
    /// Over random trades, price moves, funding and the liquidations that they cause:
    /// - money is conserved: equity = deposits + what fills brought − fees − funding + insurance, to the last digit;
    /// - no margin ends below zero: once everything that must be liquidated is, wallets are not negative;
    /// - the fast checks never call an account safe that must be liquidated, also when asked before a fill is booked;
    /// - every step of a liquidation reduces its position and falls by at least one bracket.
    #[test]
    fn money_is_conserved_and_no_account_is_silently_negative(
        steps in steps(),
        (first, second) in modes(),
        leverage in 1_u32..50,
    ) {
        let mut account = MarginAccount::new(money("10000"), &[instrument("A"), instrument("B")]);
        account.configure(A, MarginSettings::new(first, leverage).unwrap()).unwrap();
        account.configure(B, MarginSettings::new(second, leverage).unwrap()).unwrap();
        let mut books = Books { cash: money("10000"), positions: [Quantity::ZERO; 2], liquidation_fees: Money::ZERO };
        let mut marks = [price("100"), price("50")];
        for step in steps {
            match step {
                Step::Trade { instrument, buy, lots, fee } => {
                    let side = if buy { Side::Buy } else { Side::Sell };
                    let quantity = Quantity::new(Decimal::new(lots, 3));
                    let mark = marks[instrument];
                    let grows = account.position(instrument.into()).quantity().signum() * side.sign() as i32 >= 0;
                    let margin = quantity.at(mark).divided_by(leverage.try_into().unwrap());
                    if grows && margin > account.available_margin(&marks) {
                        continue;
                    }
                    let fill = fill(instrument.into(), side, quantity, mark, quantity.at(mark).times(Rate::new(Decimal::new(fee, 4))));
                    books.fill(&fill);
                    check_safety_after(&account, &fill)?;
                    account.apply(&fill);
                }
                Step::Move { instrument, permille } => {
                    let moved = marks[instrument].units() * (1_000 + i128::from(permille)) / 1_000_000_000 * 1_000_000;
                    marks[instrument] = Price::from_units(moved.max(1_000_000));
                }
                Step::Funding { instrument, rate } => {
                    let rate = Rate::new(Decimal::new(rate, 5));
                    let due = books.positions[instrument].at(marks[instrument]).times(rate);
                    prop_assert_eq!(account.pay_funding(instrument.into(), marks[instrument], rate), due);
                    books.cash -= due;
                }
            }
            let safe = account.is_safe(&floats(&marks));
            prop_assert!(!(safe && account.liquidation_step(&marks).is_some()));
            let mut rounds = 0;
            while let Some(step) = account.liquidation_step(&marks) {
                let before = account.position(step.instrument).quantity().abs();
                prop_assert!(step.quantity > Quantity::ZERO && step.quantity <= before);
                prop_assert!(step.bracket_to < step.bracket_from);
                prop_assert!(account.margin_ratio(step.instrument, &marks) >= 1.0);
                // Slippage of half a percent.
                let against = if step.side == Side::Buy { 1_005 } else { 995 };
                let at = Price::from_units(step.mark.units() * against / 1_000);
                let fill = liquidate(&mut account, &step, at);
                books.fill(&fill);
                books.liquidation_fees += fill.fee;
                rounds += 1;
                prop_assert!(rounds <= 8, "four brackets of two positions");
            }
            for instrument in [A, B] {
                prop_assert_eq!(account.position(instrument).quantity(), books.positions[instrument.index()]);
                if account.position(instrument).quantity().is_zero() {
                    prop_assert_eq!(account.isolated_margin(instrument), Money::ZERO);
                } else {
                    prop_assert!(account.margin_balance(instrument, &marks) > Money::ZERO);
                    prop_assert!(account.margin_ratio(instrument, &marks) < 1.0);
                }
            }
            let open: Money =
                [A, B].iter().map(|id| account.position(*id).quantity().at(marks[id.index()])).sum();
            prop_assert_eq!(account.equity(&marks), books.cash + open + account.insurance());
            prop_assert_eq!(account.liquidation_fees(), books.liquidation_fees);
            prop_assert!(account.insurance() >= Money::ZERO);
            prop_assert!(account.equity(&marks) >= Money::ZERO);
            let flat = books.positions.iter().all(|position| position.is_zero());
            prop_assert!(!flat || account.wallet() >= Money::ZERO);
        }
    }

    /// Liquidation begins exactly where the ratio reaches 1: a tick before the liquidation price there is no step, a
    /// tick behind it there is one, and the fast check agrees.
    #[test]
    fn liquidation_begins_at_the_liquidation_price(
        lots in 1_i64..3_000_000,
        cents in 100_i64..1_000_000,
        leverage in 1_u32..20,
        long in any::<bool>(),
        cross in any::<bool>(),
        funding in -20_i64..20,
    ) {
        let mode = if cross { MarginMode::Cross } else { MarginMode::Isolated };
        let (quantity, entry) = (Quantity::new(Decimal::new(lots, 3)), Price::new(Decimal::new(cents, 2)));
        let notional = quantity.at(entry);
        let wallet = notional.divided_by(leverage.try_into().unwrap()) + Money::from_units(1);
        let mut account = MarginAccount::new(wallet, &[instrument("A"), instrument("B")]);
        account.configure(A, MarginSettings::new(mode, leverage).unwrap()).unwrap();
        let side = if long { Side::Buy } else { Side::Sell };
        account.apply(&fill(A, side, quantity, entry, Money::ZERO));
        account.pay_funding(A, entry, Rate::new(Decimal::new(funding, 5)));
        let marks = |mark: Price| [mark, Price::ZERO];
        let Some(at) = account.liquidation_price(A, &marks(entry)) else {
            let nearly_nothing = Price::from_units(1);
            prop_assert!(long && account.liquidation_step(&marks(nearly_nothing)).is_none());
            return Ok(());
        };
        // Amounts are rounded to 1e-8: per lot of 0.001 that is a price of 1e-5.
        let tick = 2_000 + at.units() / 1_000_000_000;
        let toward = if long { -1 } else { 1 };
        let before = Price::from_units(at.units() - toward * tick);
        let behind = Price::from_units((at.units() + toward * tick).max(1));
        prop_assert!(account.margin_ratio(A, &marks(before)) < 1.0);
        prop_assert_eq!(account.liquidation_step(&marks(before)), None);
        if behind.units() > 1 {
            prop_assert!(account.margin_ratio(A, &marks(behind)) >= 1.0);
            prop_assert!(account.liquidation_step(&marks(behind)).is_some());
            prop_assert!(!account.is_safe(&floats(&marks(behind))));
        }
        let trigger = account.liquidation_trigger(A).unwrap();
        prop_assert!((trigger - at.to_f64()).abs() <= 1e-4 + at.to_f64() * 2e-9);
        let clearly_before = at.to_f64() - f64::from(toward as i32) * (1e-3 + at.to_f64() * 1e-8);
        prop_assert!(account.is_safe(&[clearly_before, 0.0]));
    }

    /// The fast check of several cross positions agrees with the exact one, except within its margin.
    #[test]
    fn the_fast_check_of_cross_positions_agrees(
        lots in (1_i64..3_000_000, 1_i64..3_000_000),
        sides in (any::<bool>(), any::<bool>()),
        wallet in 1_i64..200_000,
        moved in (1_i64..30_000, 1_i64..30_000),
    ) {
        let mut account = MarginAccount::new(Money::new(wallet.into()), &[instrument("A"), instrument("B")]);
        let side = |buy| if buy { Side::Buy } else { Side::Sell };
        let cross = MarginSettings::new(MarginMode::Cross, 20).unwrap();
        for (instrument, lots, buy) in [(A, lots.0, sides.0), (B, lots.1, sides.1)] {
            account.configure(instrument, cross).unwrap();
            let quantity = Quantity::new(Decimal::new(lots, 3));
            account.apply(&fill(instrument, side(buy), quantity, price("100"), Money::ZERO));
        }
        let marks = [Price::new(Decimal::new(moved.0, 2)), Price::new(Decimal::new(moved.1, 2))];
        let lost = account.liquidation_step(&marks).is_some();
        let safe = account.is_safe(&floats(&marks));
        prop_assert!(!(lost && safe));
        let ratio = account.margin_ratio(A, &marks);
        prop_assert_eq!(lost, ratio >= 1.0);
        // Far from the border both speak alike.
        if ratio < 0.9999 {
            prop_assert!(safe);
        }
        // With the other mark held still, the liquidation price of each is where its ratio is 1.
        if let Some(at) = account.liquidation_price(B, &marks) {
            let there = account.margin_ratio(B, &[marks[0], at]);
            let balance = account.margin_balance(B, &[marks[0], at]).to_f64();
            prop_assert!((there - 1.0).abs() <= 1e-4 / balance.abs() + 1e-9, "{} at {}", there, at);
        }
    }
}

#[test]
fn a_fill_far_from_its_liquidation_is_known_to_be_safe_before_it_is_booked() {
    let mut account = account("10000", MarginMode::Isolated, 10);
    trade(&mut account, A, Side::Buy, "10", "100");
    // Through zero: short 10 at 100 with a margin of 100, lost at about (100 + 1000) / 10.04 = 109.56.
    let turn = fill(A, Side::Sell, "20".parse().unwrap(), price("100"), Money::ZERO);
    assert!(account.is_safe_after(&turn, 109.0));
    assert!(!account.is_safe_after(&turn, 109.6));
}
