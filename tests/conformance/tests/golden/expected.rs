//! What a case expects, and where a run differs from it.

use std::fmt::Debug;

use cryptobot_engine::{Decision, Evidence, Outcome, Scope};
use cryptobot_model::{MarketMatch, Money, OrderEvent, OrderId, Side, Timestamp};
use cryptobot_test_support::market::START_MS;
use cryptobot_test_support::run::Record;
use serde::Deserialize;

/// Times are milliseconds after the open of the first bar. What is absent is not compared, but liquidations and
/// funding, which are expected to be none then.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Executions in their order.
    fills: Vec<Fill>,
    /// Order events: `order kind @ms reason`, in their order.
    events: Option<Vec<String>>,
    /// Orders that limits changed: `order reduced-to/refused reason limit value`, in their order. Numbers are rounded to
    /// eight places, `-` where there is none.
    decisions: Option<Vec<String>>,
    /// What a recorded market had for the fills: `order level joined ahead side quantity price`, numbers rounded to four
    /// places, `-` where there is none.
    matches: Option<Vec<String>>,
    #[serde(default)]
    liquidations: Vec<Liquidation>,
    /// Funding payments, positive = paid.
    #[serde(default)]
    paid: Vec<Funding>,
    /// Changes of trading states: `scope from to cause @ms`.
    states: Option<Vec<String>>,
    /// Commands of the operator that are not followed: why.
    #[serde(default)]
    refused_commands: Vec<String>,
    /// The wallet after the last bar.
    wallet: Option<String>,
    /// Equity after the last bar.
    equity: String,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Fill {
    order: u64,
    at_ms: i64,
    side: Side,
    quantity: String,
    price: String,
    fee: String,
    #[serde(default = "zero")]
    slippage: String,
    rule: String,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Liquidation {
    at_ms: i64,
    side: Side,
    quantity: String,
    mark: String,
    bankruptcy: String,
    fee: String,
    #[serde(default = "zero")]
    insurance: String,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Funding {
    at_ms: i64,
    position: String,
    mark: String,
    paid: String,
}

fn zero() -> String {
    "0".to_owned()
}

impl Expected {
    pub fn differences(&self, record: &Record, outcome: &Outcome) -> Vec<String> {
        let equity = Money::from_f64(record.equity).unwrap().to_string();
        let wallet = outcome.accounts[0].wallet.to_string();
        let differences = [
            differs("fills", &record.fills.iter().map(fill).collect(), Some(&self.fills)),
            differs("events", &record.events.iter().map(event).collect(), self.events.as_ref()),
            differs(
                "decisions",
                &record.decisions.iter().filter_map(decision).collect(),
                self.decisions.as_ref(),
            ),
            differs(
                "liquidations",
                &record.liquidations.iter().map(liquidation).collect(),
                Some(&self.liquidations),
            ),
            differs("matches", &record.matches.iter().map(seen).collect(), self.matches.as_ref()),
            differs("paid", &record.funding.iter().map(funding).collect(), Some(&self.paid)),
            differs("states", &record.states.iter().map(state).collect(), self.states.as_ref()),
            differs(
                "refused commands",
                &outcome.refused_commands.iter().map(|refused| refused.error.to_string()).collect(),
                Some(&self.refused_commands),
            ),
            differs("wallet", &wallet, self.wallet.as_ref()),
            differs("equity", &equity, Some(&self.equity)),
        ];
        differences.into_iter().flatten().collect()
    }
}

fn differs<T: Debug + PartialEq>(what: &str, is: &T, expected: Option<&T>) -> Option<String> {
    let expected = expected.filter(|expected| *expected != is)?;
    Some(format!("{what}\n  {is:?}\nexpected\n  {expected:?}"))
}

fn after_start(ts: Timestamp) -> i64 {
    ts.millis() - START_MS
}

fn fill(fill: &cryptobot_model::Fill) -> Fill {
    Fill {
        order: fill.order.sequence(),
        at_ms: after_start(fill.ts),
        side: fill.side,
        quantity: fill.quantity.to_string(),
        price: fill.price.to_string(),
        fee: fill.fee.to_string(),
        slippage: fill.slippage.to_string(),
        rule: fill.rule.name().to_owned(),
    }
}

fn event(event: &OrderEvent) -> String {
    let reason = event.reason.map(|reason| format!(" {}", reason.name())).unwrap_or_default();
    let kind = format!("{:?}", event.kind).to_lowercase();
    format!("{} {kind} @{}{reason}", event.id.sequence(), after_start(event.ts))
}

/// Nothing for an order that was approved as it was.
fn decision((id, decision): &(OrderId, Decision)) -> Option<String> {
    let (what, reason, evidence) = match decision {
        Decision::Approved(_) => return None,
        Decision::Reduced { order, reason, evidence } => {
            (format!("reduced-to {}", order.quantity), reason, evidence)
        }
        Decision::Refused { reason, evidence } => ("refused".to_owned(), reason, evidence),
    };
    let number = |value: f64| Money::from_f64(value).map_or("-".to_owned(), |value| value.to_string());
    let Evidence { limit, value } = *evidence;
    Some(format!("{} {what} {} {} {}", id.sequence(), reason.name(), number(limit), number(value)))
}

fn seen(seen: &MarketMatch) -> String {
    let number =
        |value: f64| if value.is_finite() { ((value * 1e4).round() / 1e4).to_string() } else { "-".into() };
    let trade = seen.trade.map_or("-".to_owned(), |trade| {
        let side = if trade.aggressor == Side::Buy { "buy" } else { "sell" };
        format!("{side} {} {}", trade.quantity, trade.price)
    });
    format!("{} {} {} {} {trade}", seen.order.sequence(), seen.level, number(seen.joined), number(seen.ahead))
}

fn liquidation(liquidation: &cryptobot_model::Liquidation) -> Liquidation {
    Liquidation {
        at_ms: after_start(liquidation.ts),
        side: liquidation.side,
        quantity: liquidation.quantity.to_string(),
        mark: liquidation.mark.to_string(),
        bankruptcy: liquidation.bankruptcy_price.to_string(),
        fee: liquidation.fee.to_string(),
        insurance: liquidation.insurance.to_string(),
    }
}

fn funding(payment: &cryptobot_model::FundingPayment) -> Funding {
    Funding {
        at_ms: after_start(payment.ts),
        position: payment.position.to_string(),
        mark: payment.mark.to_string(),
        paid: payment.paid.to_string(),
    }
}

fn state(change: &cryptobot_engine::StateChange) -> String {
    let scope = match change.scope {
        Scope::Portfolio => "portfolio".to_owned(),
        Scope::Strategy(strategy) => format!("strategy-{}", strategy.index()),
        Scope::Instrument(instrument) => format!("instrument-{}", instrument.index()),
    };
    let (from, to, cause) = (change.from.name(), change.to.name(), change.cause.name());
    format!("{scope} {from} {to} {cause} @{}", after_start(change.ts))
}
