//! Orders that the host refused: said aloud, because a run without trades looks like a strategy without ideas.

use std::collections::BTreeMap;

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
    /// Counts a refusal.
    pub(crate) fn note(&mut self, ts: Timestamp, id: OrderId, reason: RefusalReason) {
        let Some(strategy) = id.strategy() else { return };
        let none = Refused { reason, count: 0, first: ts };
        self.0.entry((strategy, reason.code())).or_insert(none).count += 1;
    }

    /// A line per strategy and reason. `names` are those of the strategies.
    pub(crate) fn warnings<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = String> + 'a {
        self.0.iter().map(|((strategy, _), Refused { reason, count, first })| {
            let orders = if *count == 1 { "1 order was" } else { &format!("{count} orders were") };
            format!(
                "{}: {orders} refused as {}{}; the first at {first}",
                names.get(strategy.index()).unwrap_or(&"?"),
                reason.name(),
                remedy(*reason)
            )
        })
    }
}

/// What a user can do about it, where it is not the plugin's to do.
const fn remedy(reason: RefusalReason) -> &'static str {
    match reason {
        RefusalReason::InsufficientMargin => {
            " (the position would be worth more than the equity: choose a smaller size or a larger --balance)"
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
    use super::*;

    #[test]
    fn refusals_are_counted_by_strategy_and_reason() {
        let mut refusals = Refusals::default();
        let id = |strategy: usize| OrderId::new(StrategyId::from(strategy), 1);
        refusals.note(Timestamp(5), id(1), RefusalReason::InsufficientMargin);
        refusals.note(Timestamp(6), id(1), RefusalReason::InsufficientMargin);
        refusals.note(Timestamp(7), id(0), RefusalReason::NotAccepting);
        refusals.note(Timestamp(7), id(2), RefusalReason::KellySample);
        refusals.note(Timestamp(8), OrderId::NONE, RefusalReason::UnknownOrder);
        let warnings: Vec<String> = refusals.warnings(&["a", "b", "c"]).collect();
        assert_eq!(warnings.len(), 3);
        assert!(warnings[0].starts_with("a: 1 order was refused as not-accepting; the first at 1970"));
        assert!(warnings[1].starts_with("b: 2 orders were refused as insufficient-margin (the position"));
        assert!(warnings[2].contains("as kelly-sample (") && warnings[2].contains("give the sizer `start`"));
    }
}
