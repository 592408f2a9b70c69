//! Rules, queues and costs in words and numbers.

use cryptobot_journal::{JournalDecision, JournalEntry};
use cryptobot_model::{Fill, FillRule, Liquidity, Money, Price, Side, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::market::{ShownBar, ShownMatch};
use crate::config::RunConfig;

/// Prices closer than this, relative to their size, are the same: amounts of money are rounded at the eighth place.
const SAME: f64 = 1e-6;

/// A rule as a sentence.
pub(super) const fn because(rule: FillRule) -> &'static str {
    match rule {
        FillRule::Open => {
            "the order met the open of the first bar that began at or after its decision and arrival"
        }
        FillRule::OpenLate => {
            "the order arrived inside the bar: it met the bar's open, moved against it for the time that had passed"
        }
        FillRule::LimitThrough => {
            "the price traded through the resting limit inside the bar: filled at the limit"
        }
        FillRule::LimitGap => "the bar opened beyond the resting limit: filled at the limit, never better",
        FillRule::StopOnPath => "the price touched the stop inside the bar: filled at the trigger",
        FillRule::StopGap => {
            "the bar opened beyond the stop: filled at the open, the worse of trigger and open"
        }
        FillRule::CloseAfterArrival => {
            "the order had arrived inside the bar and rested: of that bar it met only the close"
        }
        FillRule::TakeProfitOnPath => {
            "the price touched the take-profit inside the bar: filled at the trigger"
        }
        FillRule::TakeProfitGap => "the bar opened beyond the take-profit: filled at the open",
        FillRule::Liquidation => "margin was used up: the exchange closed the position at the mark price",
        FillRule::BookWalk => "the order took from the levels of the recorded book, the best first",
        FillRule::Queue => "recorded trades used up the queue before the resting order",
        FillRule::Trade => "the order took what a recorded trade of its side took, at its price",
    }
}

/// Where the order stood in the queue.
pub(super) fn queue(fill: &Fill, arrived: Option<Timestamp>, seen: Option<&ShownMatch>) -> String {
    if fill.liquidity == Liquidity::Taker {
        return "none: it took what was there".to_owned();
    }
    let rested = arrived.map(|at| format!(" since {at}, for {}", span(fill.ts.0 - at.0))).unwrap_or_default();
    let ahead = match seen {
        Some(ShownMatch { joined_behind: Some(joined), ahead: Some(ahead), .. }) => {
            format!("it joined behind {joined}, and {ahead} were still before it when the market came")
        }
        Some(_) => "what was before it is not known: the price was traded through".to_owned(),
        None => "bars have no queue: it is filled once the price is beyond its limit, when all ahead of it were filled"
            .to_owned(),
    };
    format!("it rested{rested}; {ahead}")
}

/// A length of time in its largest whole unit, or two decimals of it.
fn span(nanos: i64) -> String {
    const UNITS: [(i64, &str); 5] = [
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "min"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
    ];
    let (length, unit) = UNITS.into_iter().find(|(length, _)| nanos >= *length).unwrap_or((1, "ns"));
    let value = format!("{:.2}", nanos as f64 / length as f64);
    format!("{} {unit}", value.trim_end_matches('0').trim_end_matches('.'))
}

/// The price that the rule starts from: the fill's without its slippage. Rounding is undone where the price is known
/// from the bar or from the order.
pub(super) fn reference(fill: &Fill, bar: Option<&ShownBar>, life: &[JournalEntry]) -> Price {
    if fill.slippage.is_zero() {
        return fill.price;
    }
    let signed = fill.side.signed(fill.quantity);
    let derived = Price::average(signed.at(fill.price) - fill.slippage, signed);
    let mut known: Vec<Price> = Vec::new();
    if let Some(bar) = bar {
        known.extend([bar.open, bar.close].into_iter().filter_map(Price::from_f64));
    }
    for entry in life {
        match entry {
            JournalEntry::Decision {
                decision: JournalDecision::Approved(order) | JournalDecision::Reduced { order, .. },
                ..
            } => {
                known.extend(order.kind.trigger_price());
            }
            JournalEntry::Liquidation(liquidation) => known.push(liquidation.mark),
            _ => {}
        }
    }
    let is_same = |price: &Price| (price.to_f64() - derived.to_f64()).abs() <= SAME * derived.to_f64().abs();
    known.into_iter().find(is_same).unwrap_or(derived)
}

/// How price, slippage and fee come about, a line each.
pub(super) fn formulas(
    fill: &Fill,
    reference: Price,
    bar: Option<&ShownBar>,
    config: &RunConfig,
) -> Vec<String> {
    let notional = fill.quantity.at(fill.price);
    let mut lines = vec![origin(fill, reference, bar, config)];
    if !fill.slippage.is_zero() {
        let sign = if fill.side == Side::Buy { '+' } else { '-' };
        let per_unit = (fill.price.to_f64() - reference.to_f64()).abs();
        let bps = per_unit / reference.to_f64() * 1e4;
        let per_unit = Price::from_f64(per_unit).unwrap_or_default();
        lines.push(format!("price = {reference} {sign} {per_unit} = {}, moved by {bps:.3} bps", fill.price));
        lines.push(format!(
            "slippage = {} x {per_unit} = {} ({})",
            fill.quantity,
            fill.slippage,
            if fill.rule == FillRule::BookWalk {
                "levels beyond the best".to_owned()
            } else {
                model(config.execution.slippage)
            }
        ));
    }
    lines.push(format!(
        "fee = {} x {} x {} = {}",
        fill.quantity,
        fill.price,
        rate(fill.fee, notional),
        fill.fee
    ));
    lines
}

/// Where the reference price is from.
fn origin(fill: &Fill, reference: Price, bar: Option<&ShownBar>, config: &RunConfig) -> String {
    let from = match fill.rule {
        FillRule::Open | FillRule::StopGap | FillRule::TakeProfitGap => "the bar's open",
        FillRule::LimitThrough | FillRule::LimitGap | FillRule::Queue => "the limit",
        FillRule::StopOnPath | FillRule::TakeProfitOnPath => "the trigger",
        FillRule::CloseAfterArrival if fill.liquidity == Liquidity::Maker => "the limit",
        FillRule::CloseAfterArrival => "the bar's close",
        FillRule::Liquidation => "the mark price",
        FillRule::BookWalk => "the best level",
        FillRule::Trade => "the trade's price",
        FillRule::OpenLate => {
            let Some(bar) = bar else { return format!("reference = the bar's open, moved, = {reference}") };
            let (elapsed, moved) = (fill.ts.0 - bar.began.0, reference.to_f64() / bar.open - 1.0);
            return format!(
                "reference = open {} moved by {:.3} bps, k x sigma x sqrt(share) with k {} and {} of {} passed, = {reference}",
                bar.open,
                moved * 1e4,
                config.execution.open_late.k,
                span(elapsed),
                span(bar.length)
            );
        }
    };
    format!("reference = {from} = {reference}")
}

/// `fee / notional` as the rate it was made from.
fn rate(fee: Money, notional: Money) -> f64 {
    if notional.is_zero() {
        return 0.0;
    }
    (fee.to_f64() / notional.to_f64() * 1e8).round() / 1e8
}

/// The settings of a model in one line: `sqrt-impact, half_spread_bps 0.5, impact 0.1`.
pub(super) fn model(settings: impl Serialize) -> String {
    let settings = serde_json::to_value(settings).unwrap_or_default();
    let Some(settings) = settings.as_object() else { return settings.to_string() };
    let name = settings.get("model").and_then(Value::as_str).unwrap_or_default();
    let others = settings.iter().filter(|(key, _)| *key != "model");
    others.fold(name.to_owned(), |line, (key, value)| match value.as_f64() {
        Some(number) => format!("{line}, {key} {number}"),
        None => format!("{line}, {key} {value}"),
    })
}

#[cfg(test)]
mod tests {
    use cryptobot_model::{InstrumentId, OrderId, StrategyId};

    use super::*;

    fn fill(side: Side, price: &str, slippage: &str) -> Fill {
        Fill {
            ts: Timestamp(0),
            strategy: StrategyId(0),
            instrument: InstrumentId(0),
            order: OrderId::new(StrategyId(0), 1),
            side,
            price: price.parse().unwrap(),
            quantity: "0.03".parse().unwrap(),
            fee: "0.50412".parse().unwrap(),
            slippage: slippage.parse().unwrap(),
            liquidity: Liquidity::Taker,
            rule: FillRule::Open,
        }
    }

    #[test]
    fn slippage_is_taken_out_of_the_price_on_either_side() {
        let reference = |fill: &Fill| reference(fill, None, &[]).to_string();
        assert_eq!(reference(&fill(Side::Buy, "42010", "0.3")), "42000");
        assert_eq!(reference(&fill(Side::Sell, "41990", "0.3")), "42000");
        assert_eq!(reference(&fill(Side::Sell, "41990", "0")), "41990");
    }

    #[test]
    fn every_number_of_a_fill_has_its_formula() {
        let fill = fill(Side::Buy, "42010", "0.3");
        let lines = formulas(&fill, "42000".parse().unwrap(), None, &RunConfig::default());
        assert_eq!(lines[0], "reference = the bar's open = 42000");
        assert_eq!(lines[1], "price = 42000 + 10 = 42010, moved by 2.381 bps");
        assert!(lines[2].starts_with("slippage = 0.03 x 10 = 0.3 (sqrt-impact, "), "{}", lines[2]);
        assert_eq!(lines[3], "fee = 0.03 x 42010 x 0.0004 = 0.50412");
    }

    #[test]
    fn spans_are_short() {
        assert_eq!(span(50_000_000), "50 ms");
        assert_eq!(span(5_400_000_000_000), "1.5 h");
        assert_eq!(span(0), "0 ns");
    }
}
