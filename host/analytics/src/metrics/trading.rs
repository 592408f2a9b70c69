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
        // All in one pass: hundreds of thousands of trades are more than the caches hold.
        let mut tally = Tally::default();
        for trade in trades {
            tally.add(trade);
        }
        let Tally { wins, won, losses, lost, returns, holding, best, worst } = tally;
        let (won, lost, count) = (won.to_f64(), lost.to_f64(), trades.len() as f64);
        Self {
            win_rate: share(wins, trades.len()),
            profit_factor: (losses > 0).then(|| won / -lost).and_then(finite),
            expectancy: finite((won + lost) / count),
            average_trade_return: finite(returns / count),
            average_win: finite(won / wins as f64),
            average_loss: finite(lost / losses as f64),
            best_trade: best.map(Money::to_f64),
            worst_trade: worst.map(Money::to_f64),
            average_holding_s: finite(holding / count / NANOS_PER_SECOND as f64),
        }
    }
}

/// What trades add up to.
#[derive(Default)]
struct Tally {
    wins: usize,
    won: Money,
    losses: usize,
    lost: Money,
    returns: f64,
    /// Nanoseconds.
    holding: f64,
    best: Option<Money>,
    worst: Option<Money>,
}

impl Tally {
    fn add(&mut self, trade: &ClosedTrade) {
        let result = trade.net_pnl;
        if result > Money::ZERO {
            self.wins += 1;
            self.won += result;
        } else if result < Money::ZERO {
            self.losses += 1;
            self.lost += result;
        }
        self.returns += trade_return(trade).unwrap_or_default();
        self.holding += (trade.closed_at.0 - trade.opened_at.0) as f64;
        self.best = self.best.max(Some(result));
        self.worst = Some(self.worst.map_or(result, |worst| worst.min(result)));
    }
}

/// Net result as a fraction of the entry value; `None` for a trade without one.
pub fn trade_return(trade: &ClosedTrade) -> Option<f64> {
    finite(trade.net_pnl.to_f64() / trade.quantity.at(trade.entry_price).to_f64())
}
