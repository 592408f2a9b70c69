//! Sharpe ratio and win rate over moving windows of days.

use cryptobot_model::Timestamp;
use cryptobot_model::time::NANOS_PER_DAY;

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

/// The trades that closed in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wins {
    /// How many.
    pub closed: usize,
    /// How many of them won.
    pub won: usize,
}

impl Wins {
    /// Share of winners; `None` where no trade closed.
    pub fn rate(&self) -> Option<f64> {
        share(self.won, self.closed)
    }
}

/// The trades that closed in the `days` up to each of `times`; none until the run is as old as the window. `closings`, when
/// each trade closed and whether it won, are in the order of closing.
pub fn rolling_wins(
    from: Timestamp,
    times: &[Timestamp],
    closings: &[(Timestamp, bool)],
    days: usize,
) -> Vec<Wins> {
    let window = days as i64 * NANOS_PER_DAY;
    let (mut begin, mut end, mut won) = (0, 0, 0_usize);
    let mut windows = Vec::with_capacity(times.len());
    for ts in times {
        while let Some((closed_at, wins)) = closings.get(end)
            && closed_at <= ts
        {
            won += usize::from(*wins);
            end += 1;
        }
        while begin < end && closings[begin].0.0 <= ts.0 - window {
            won -= usize::from(closings[begin].1);
            begin += 1;
        }
        let old_enough = ts.0 - from.0 >= window;
        windows.push(if old_enough { Wins { closed: end - begin, won } } else { Wins::default() });
    }
    windows
}
