//! Sharpe ratio and win rate over moving windows of days.

use cryptobot_model::time::NANOS_PER_DAY;
use cryptobot_model::{ClosedTrade, Money, Timestamp};

use super::ratios::sharpe;
use super::sampling::{Samples, SamplingPeriod};
use super::share;

/// Sharpe ratio of the last `days` daily returns, per sample; `None` until there are as many, and for runs that are
/// sampled hourly.
pub fn rolling_sharpe(samples: &Samples, days: usize, risk_free: f64) -> Vec<Option<f64>> {
    let returns = samples.returns();
    let at = |index: usize| {
        let begin = (index + 1).checked_sub(days)?;
        sharpe(&returns[begin..=index], risk_free, samples.period.per_year())
    };
    (0..returns.len()).map(|index| at(index).filter(|_| samples.period == SamplingPeriod::Daily)).collect()
}

/// Share of winners among the trades that closed in the `days` up to each of `times`; `None` where none did, and
/// until the run is as old as the window. `trades` are in the order of closing.
pub fn rolling_win_rate(
    from: Timestamp,
    times: &[Timestamp],
    trades: &[ClosedTrade],
    days: usize,
) -> Vec<Option<f64>> {
    let window = days as i64 * NANOS_PER_DAY;
    let (mut begin, mut end, mut wins) = (0, 0, 0_usize);
    let won = |trade: &ClosedTrade| usize::from(trade.net_pnl > Money::ZERO);
    let mut rates = Vec::with_capacity(times.len());
    for ts in times {
        while end < trades.len() && trades[end].closed_at <= *ts {
            wins += won(&trades[end]);
            end += 1;
        }
        while begin < end && trades[begin].closed_at.0 <= ts.0 - window {
            wins -= won(&trades[begin]);
            begin += 1;
        }
        let old_enough = ts.0 - from.0 >= window;
        rates.push(share(wins, end - begin).filter(|_| old_enough));
    }
    rates
}
