//! What the closed trades say.

use cryptobot_model::time::NANOS_PER_SECOND;
use cryptobot_model::{ClosedTrade, Money};
use serde::Serialize;

use super::{finite, share};

/// Figures of closed trades, after fees and funding. Amounts are in the account's currency.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TradeStatistics {
    /// Share of trades with a profit.
    pub win_rate: Option<f64>,
    /// Σ profits over the size of Σ losses.
    pub profit_factor: Option<f64>,
    /// Mean result of a trade.
    pub expectancy: Option<f64>,
    /// Mean result of a trade as a fraction of its entry value.
    pub average_trade_return: Option<f64>,
    /// Mean result of the winners.
    pub average_win: Option<f64>,
    /// Mean result of the losers; negative.
    pub average_loss: Option<f64>,
    /// Best result.
    pub best_trade: Option<f64>,
    /// Worst result.
    pub worst_trade: Option<f64>,
    /// Mean time from the first entry to the last exit, in seconds.
    pub average_holding_s: Option<f64>,
}

impl TradeStatistics {
    /// The figures of `trades`. Sums are exact.
    pub fn of(trades: &[&ClosedTrade]) -> Self {
        let results = || trades.iter().map(|trade| trade.net_pnl);
        let (wins, won) = count_and_sum(results().filter(|result| *result > Money::ZERO));
        let (losses, lost) = count_and_sum(results().filter(|result| *result < Money::ZERO));
        let holding: f64 = trades.iter().map(|trade| (trade.closed_at.0 - trade.opened_at.0) as f64).sum();
        let count = trades.len() as f64;
        Self {
            win_rate: share(wins, trades.len()),
            profit_factor: (losses > 0).then(|| won / -lost).and_then(finite),
            expectancy: finite((won + lost) / count),
            average_trade_return: finite(
                trades.iter().filter_map(|trade| trade_return(trade)).sum::<f64>() / count,
            ),
            average_win: finite(won / wins as f64),
            average_loss: finite(lost / losses as f64),
            best_trade: results().max().map(Money::to_f64),
            worst_trade: results().min().map(Money::to_f64),
            average_holding_s: finite(holding / count / NANOS_PER_SECOND as f64),
        }
    }
}

/// Net result as a fraction of the entry value; `None` for a trade without one.
pub fn trade_return(trade: &ClosedTrade) -> Option<f64> {
    finite(trade.net_pnl.to_f64() / trade.quantity.at(trade.entry_price).to_f64())
}

fn count_and_sum(results: impl Iterator<Item = Money>) -> (usize, f64) {
    let (count, sum) = results.fold((0, Money::ZERO), |(count, sum), result| (count + 1, sum + result));
    (count, sum.to_f64())
}
