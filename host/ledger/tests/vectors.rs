//! Published and computed numbers of the exchange: liquidation prices, maintenance margins, funding.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test")]

use std::fs;
use std::path::Path;

use cryptobot_ledger::{Estimate, MaintenanceTerms, MarginFigures, Stake, funding_payment};
use cryptobot_model::{Bracket, Brackets, Money, Price, Quantity, Rate, Side};
use rust_decimal::Decimal;
use serde_json::Value;

/// A file of the shared folder; `None`, with a notice, where it is not.
fn shared(name: &str) -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(name);
    let Ok(text) = fs::read_to_string(path) else {
        println!("skipped: ../shared/{name} is not here");
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

/// A number or a text, as written.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn decimal(value: &Value) -> Decimal {
    let text = text(value);
    Decimal::from_str_exact(&text).or_else(|_| Decimal::from_scientific(&text)).unwrap()
}

fn money(value: &Value) -> Money {
    decimal(value).into()
}

fn side(value: &Value) -> Side {
    if text(value).eq_ignore_ascii_case("long") { Side::Buy } else { Side::Sell }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn estimate(case: &Value) -> Estimate {
    Estimate {
        side: side(&case["side"]),
        size: decimal(&case["size"]).into(),
        entry: decimal(&case["entryPrice"]).into(),
        wallet: Some(money(&case["walletBalance"])),
        other_maintenance: money(&case["otherMaintenanceMargin"]),
        other_unrealised: money(&case["otherUnrealizedPnl"]),
        mark: None,
        leverage: 1,
    }
}

fn table(lines: &Value) -> Brackets {
    let bracket = |line: &Value| Bracket {
        floor: money(&line["notionalFloor"]),
        cap: money(&line["notionalCap"]),
        max_leverage: line["initialLeverage"].as_u64().unwrap() as u32,
        maintenance_rate: decimal(&line["maintMarginRatio"]).into(),
        cum: money(&line["cum"]),
    };
    Brackets::new(list(lines).iter().map(bracket).collect()).unwrap()
}

fn price_text(figures: &MarginFigures) -> String {
    figures.liquidation_price.unwrap_or_default().to_string()
}

/// Whether two numbers differ by at most this.
fn near(a: Decimal, b: Decimal, by: &str) -> bool {
    (a - b).abs() <= by.parse().unwrap()
}

#[test]
fn the_exchange_s_worked_examples() {
    let Some(vectors) = shared("vectors/binance_margin_liquidation.json") else { return };
    let cases = list(&vectors["documentedLiquidation"]["cases"]);
    assert_eq!(cases.len(), 2);
    for case in cases {
        let terms = MaintenanceTerms::Fixed {
            rate: decimal(&case["maintMarginRatio"]).into(),
            cum: money(&case["cum"]),
        };
        let price = estimate(case).figures(terms).unwrap().liquidation_price.unwrap();
        assert_eq!(price.decimal().round_dp(2), decimal(&case["liquidationPrice"]), "{}", case["name"]);
    }
    let example = &vectors["documentedCumExamples"][0];
    let previous = Bracket {
        floor: Money::ZERO,
        cap: money(&example["floor"]),
        max_leverage: 1,
        maintenance_rate: decimal(&example["previousMmr"]).into(),
        cum: money(&example["previousCum"]),
    };
    let cum = previous.next_cum(money(&example["floor"]), decimal(&example["mmr"]).into());
    assert_eq!(cum, money(&example["cum"]));
}

#[test]
fn maintenance_margins_to_the_last_digit() {
    let Some(vectors) = shared("vectors/binance_margin_liquidation.json") else { return };
    let brackets = table(&vectors["brackets"]);
    let cases = list(&vectors["maintenance"]);
    assert_eq!(cases.len(), 9);
    for case in cases {
        let notional = money(&case["notional"]);
        assert_eq!(brackets.maintenance_margin(notional), money(&case["maintenanceMargin"]), "{notional}");
        assert_eq!(brackets.index_at(notional).unwrap() as u64 + 1, case["bracket"].as_u64().unwrap());
    }
}

#[test]
fn liquidation_prices_to_the_last_digit() {
    let Some(vectors) = shared("vectors/binance_margin_liquidation.json") else { return };
    let brackets = table(&vectors["brackets"]);
    let cases = list(&vectors["liquidation"]);
    assert_eq!(cases.len(), 9);
    for case in cases {
        let name = &case["name"];
        let estimate = estimate(case);
        let figures = estimate.figures(MaintenanceTerms::Table(&brackets)).unwrap();
        assert_eq!(price_text(&figures), text(&case["liquidationPrice"]), "{name}");
        let quantity = estimate.side.signed(estimate.size);
        let stake = Stake {
            wallet: estimate.wallet.unwrap(),
            other_unrealised: estimate.other_unrealised,
            other_maintenance: estimate.other_maintenance,
            quantity,
            cost: quantity.at(estimate.entry),
        };
        let point = stake.liquidation(&brackets).unwrap();
        let bracket = case["bracketAtLiquidation"].as_u64().unwrap();
        let Some(check) = case.get("check") else {
            // No price liquidates it; the number is what the formula gives in the bracket of the entry.
            let entry = &brackets.as_slice()[bracket as usize - 1];
            let price = stake.liquidation_within(entry.maintenance_rate, entry.cum).unwrap();
            assert_eq!(price.to_string(), text(&case["unclamped"]), "{name}");
            assert_eq!(point.reachable(), None, "{name}");
            continue;
        };
        assert_eq!(point.price.to_string(), text(&case["unclamped"]), "{name}");
        assert_eq!(point.bracket.unwrap() as u64 + 1, bracket, "{name}");
        // The price has eight places; what is computed from it again is off by at most half a unit per contract.
        let by = (Decimal::new(1, 8) * estimate.size.decimal().max(Decimal::ONE)).to_string();
        let notional = stake.notional(point.price);
        assert!(near(notional.decimal(), decimal(&check["notional"]), &by), "{name}");
        let maintenance = brackets.maintenance_margin(notional);
        assert!(near(maintenance.decimal(), decimal(&check["maintenanceMargin"]), &by), "{name}");
        assert!(near(stake.margin_balance(point.price).decimal(), decimal(&check["equity"]), &by), "{name}");
    }
}

#[test]
fn isolated_liquidation_prices_of_another_project_s_tests() {
    let Some(cases) = shared("data/cases/liquidation_isolated.json") else { return };
    assert_eq!(list(&cases).len(), 6);
    for case in list(&cases) {
        let estimate = Estimate {
            side: side(&case["side"]),
            size: decimal(&case["quantity"]).into(),
            entry: decimal(&case["entry_price"]).into(),
            wallet: None,
            other_maintenance: Money::ZERO,
            other_unrealised: Money::ZERO,
            mark: None,
            leverage: case["leverage"].as_f64().unwrap() as u32,
        };
        let terms = MaintenanceTerms::Fixed {
            rate: decimal(&case["maint_margin_rate"]).into(),
            cum: money(&case["maint_amount"]),
        };
        let figures = estimate.figures(terms).unwrap();
        assert_eq!(figures.initial_margin, money(&case["isolated_wallet"]));
        let (got, expected) = (figures.liquidation_price.unwrap(), decimal(&case["liquidation_price"]));
        // A third of ten is a wallet that ends after eight places.
        assert!(near(got.decimal(), expected, "0.00000001"), "{case}: {got}");
    }
}

#[test]
fn what_the_exchange_said_of_a_position() {
    let Some(positions) = shared("data/cases/exchange_positions.json") else { return };
    let Some(tables) = shared("data/cases/margin_brackets_2024.json") else { return };
    let brackets = from_floors(&tables["BTCUSDT"]);
    let case = &positions[0];
    let estimate = Estimate {
        side: side(&case["side"]),
        size: decimal(&case["quantity"]).into(),
        entry: decimal(&case["entry_price"]).into(),
        wallet: Some(money(&case["cross_wallet"])),
        other_maintenance: Money::ZERO,
        other_unrealised: Money::ZERO,
        mark: Some(decimal(&case["mark_price"]).into()),
        leverage: 80,
    };
    let figures = estimate.figures(MaintenanceTerms::Table(&brackets)).unwrap();
    assert_eq!(figures.notional, money(&case["notional"]));
    assert_eq!(figures.maintenance_margin, money(&case["maint_margin"]));
    // The exchange prints a mark price of one decimal place and computes with more.
    assert!(near(figures.initial_margin.decimal(), decimal(&case["initial_margin"]), "0.00000001"));
    let unrealised = figures.margin_balance - money(&case["cross_wallet"]);
    assert_eq!(unrealised, money(&case["unrealized_pnl"]));
    let price = figures.liquidation_price.unwrap();
    assert!(near(price.decimal(), decimal(&case["liquidation_price"]), "0.001"), "{price}");
}

/// A table of floors and rates; every `cum` follows from them.
fn from_floors(lines: &Value) -> Brackets {
    let lines: Vec<(Money, Rate)> =
        list(lines).iter().map(|line| (money(&line[0]), decimal(&line[1]).into())).collect();
    let mut brackets: Vec<Bracket> = Vec::new();
    for (index, &(floor, maintenance_rate)) in lines.iter().enumerate() {
        let cap = lines.get(index + 1).map_or(Money::from_units(i64::MAX.into()), |next| next.0);
        let cum = brackets.last().map_or(Money::ZERO, |previous| previous.next_cum(floor, maintenance_rate));
        let max_leverage = ((0.5 / maintenance_rate.to_f64()) as u32).clamp(1, 125);
        brackets.push(Bracket { floor, cap, max_leverage, maintenance_rate, cum });
    }
    Brackets::new(brackets).unwrap()
}

#[test]
fn tables_that_are_given_by_floors_and_rates() {
    let Some(tables) = shared("data/cases/margin_brackets_2024.json") else { return };
    for symbol in ["BTCUSDT", "ETHUSDT"] {
        let brackets = from_floors(&tables[symbol]);
        for pair in brackets.as_slice().windows(2) {
            let floor = pair[1].floor;
            let (below, above) = (pair[0].maintenance_margin(floor), pair[1].maintenance_margin(floor));
            assert_eq!(below, above, "{symbol}: no jump at {floor}");
        }
    }
    assert_eq!(from_floors(&tables["BTCUSDT"]).as_slice()[2].cum, "1300".parse().unwrap());
}

#[test]
fn funding_is_summed_over_the_times_of_the_position() {
    let Some(vectors) = shared("data/cases/funding_payments.json") else { return };
    let cases = list(&vectors["cases"]);
    assert_eq!(cases.len(), 4);
    for case in cases {
        let quantity: Quantity = decimal(&case["quantity"]).into();
        for side in [Side::Sell, Side::Buy] {
            let held = |rate: &&Value| {
                let time = text(&rate["time"]);
                text(&case["opened"]) <= time && time <= text(&case["closed"])
            };
            let paid: Money = list(&vectors["rates"])
                .iter()
                .filter(held)
                .map(|rate| {
                    let mark: Price = decimal(&rate["mark_price"]).into();
                    funding_payment(side.signed(quantity), mark, decimal(&rate["rate"]).into())
                })
                .sum();
            // The cases are what a short receives, in binary fractions.
            let expected = decimal(&case["funding_total"]) * Decimal::from(side.sign() as i64);
            assert!(near(paid.decimal(), expected, "0.00000000001"), "{case}: {paid}");
        }
    }
}
