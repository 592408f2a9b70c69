//! Orders that the host refused: said aloud, because a run without trades looks like a strategy without ideas.

use std::collections::BTreeMap;

use cryptobot_analytics::AccountRecord;
use cryptobot_model::{OrderId, RefusalReason, StrategyId, Timestamp};

/// Refused orders by strategy and reason.
#[derive(Debug, Default)]
pub(crate) struct Refusals(BTreeMap<(StrategyId, u32), Refused>);

#[derive(Debug)]
struct Refused {
    reason: RefusalReason,
    count: u64,
    first: Timestamp,
}

impl Refusals {
    /// Counts a refusal. Stop and target of an entry that was refused were refused with it, and are not counted.
    pub(crate) fn note(&mut self, ts: Timestamp, id: OrderId, reason: RefusalReason) {
        let Some(strategy) = id.strategy().filter(|_| reason != RefusalReason::Parent) else { return };
        let none = Refused { reason, count: 0, first: ts };
        self.0.entry((strategy, reason.code())).or_insert(none).count += 1;
    }

    /// A line per strategy and reason. `accounts` are those of the strategies.
    pub(crate) fn warnings(&self, accounts: &[AccountRecord]) -> impl Iterator<Item = String> {
        self.0.iter().map(|((strategy, _), Refused { reason, count, first })| {
            let account = accounts.get(strategy.index());
            let orders = if *count == 1 { "1 order was" } else { &format!("{count} orders were") };
            format!(
                "{}: {orders} refused as {}{}{}; the first at {first}",
                account.map_or("?", |account| &account.name),
                reason.name(),
                account.map_or_else(String::new, |account| at_the_venue(account, *reason)),
                remedy(*reason)
            )
        })
    }
}

/// What the venues call the reason.
fn at_the_venue(account: &AccountRecord, reason: RefusalReason) -> String {
    let mut counts = account.reasons.iter();
    match counts.find(|count| count.reason == reason).map(|count| count.venue_errors.join(", ")) {
        Some(errors) if !errors.is_empty() => format!(", at the venue {errors}"),
        _ => String::new(),
    }
}

/// What a user can do about it, where it is not the plugin's to do.
const fn remedy(reason: RefusalReason) -> &'static str {
    match reason {
        RefusalReason::InsufficientMargin => {
            " (the position would be worth more than the equity: choose a smaller size or a larger --balance)"
        }
        RefusalReason::LeverageExceeded => {
            " (the bracket table or `max_leverage` allows less: choose a smaller size or a lower leverage)"
        }
        RefusalReason::BelowMinimum => {
            " (smaller than the instrument's smallest order: choose a larger size; a Kelly sizer gives none where \
             closed trades show no edge)"
        }
        RefusalReason::NoMarket => {
            " (there was no price yet, or too few bars for the range or volatility that it needs)"
        }
        RefusalReason::KellySample => {
            " (too few trades have closed, and none closes before one opens: give the sizer `start`, the part of the \
             equity to use until then)"
        }
        RefusalReason::NoSizer => {
            " (nothing sizes its signals: state `stake` of the bot, or `sizer` of `risk.strategy`, in a run file)"
        }
        RefusalReason::TradingHalted => " (the operator halted trading; `resume` lifts it)",
        RefusalReason::ReducingOnly => " (the operator lets positions only shrink; `resume` lifts it)",
        RefusalReason::LossLimit => {
            " (a loss limit or the drawdown halted trading; `states` of the summary has when, and which)"
        }
        RefusalReason::CircuitBreaker => {
            " (the price jumped: the breaker of `risk.market` halted the symbol)"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use cryptobot_analytics::{AccountLabel, Collector, InstrumentLabel, Setup};
    use cryptobot_engine::{Decision, Entry, Evidence, Intent, Recorder, Signal};
    use cryptobot_model::{InstrumentId, Money, SeriesId, Side};

    use super::*;

    /// The accounts of two strategies on a venue, the second of which had a signal refused.
    fn accounts() -> Vec<AccountRecord> {
        let label = |name: &str| AccountLabel {
            name: name.to_owned(),
            initial_balance: Money::ZERO,
            instruments: Vec::new(),
            series: vec![InstrumentId(0)],
        };
        let instrument = InstrumentLabel { venue: "binance-usdm".to_owned(), symbol: "X".to_owned() };
        let mut collector = Collector::new(Setup {
            strategies: vec![label("a"), label("b"), label("c")],
            instruments: vec![instrument],
            from: Timestamp(0),
            to: Timestamp(10),
        });
        let (ts, strategy) = (Timestamp(5), StrategyId(1));
        let id = OrderId::new(strategy, 1);
        let signal =
            Signal { id, series: SeriesId(0), side: Side::Buy, confidence: 1.0, stop: None, target: None };
        collector.entry(&Entry::Intent { ts, strategy, intent: &Intent::Signal(signal) });
        let reason = RefusalReason::InsufficientMargin;
        let decision = Decision::Refused { reason, evidence: Evidence::NONE };
        collector.entry(&Entry::Decision { ts, id, decision: &decision });
        collector.finish(&[]).strategies
    }

    #[test]
    fn refusals_are_counted_by_strategy_and_reason() {
        let mut refusals = Refusals::default();
        let id = |strategy: usize| OrderId::new(StrategyId::from(strategy), 1);
        refusals.note(Timestamp(5), id(1), RefusalReason::InsufficientMargin);
        refusals.note(Timestamp(6), id(1), RefusalReason::InsufficientMargin);
        refusals.note(Timestamp(6), id(1), RefusalReason::Parent);
        refusals.note(Timestamp(7), id(0), RefusalReason::NotAccepting);
        refusals.note(Timestamp(7), id(2), RefusalReason::KellySample);
        refusals.note(Timestamp(8), OrderId::NONE, RefusalReason::UnknownOrder);
        let warnings: Vec<String> = refusals.warnings(&accounts()).collect();
        assert_eq!(warnings.len(), 3);
        assert!(warnings[0].starts_with("a: 1 order was refused as not-accepting; the first at 1970"));
        let expected = "b: 2 orders were refused as insufficient-margin, at the venue -2019 MARGIN_NOT_SUFFICIENT \
                        (the position";
        assert!(warnings[1].starts_with(expected), "{}", warnings[1]);
        assert!(warnings[2].contains("as kelly-sample (") && warnings[2].contains("give the sizer `start`"));
    }
}
