//! The figures of a run. Every one is `None` where it is undefined (no trades, no variance, no time), never NaN and
//! never a made-up zero.
//!
//! One module per family; all work on plain return series, so that they can be checked against other
//! implementations. Definitions: `docs/src/reference/metrics.md`.

use cryptobot_model::time::NANOS_PER_DAY;
use cryptobot_model::{ClosedTrade, Money, StrategyId};
use serde::Serialize;

use crate::record::{AccountRecord, Record};

pub mod calendar;
pub mod market;
pub mod ratios;
pub mod returns;
pub mod rolling;
pub mod sampling;
pub mod tail;
pub mod trading;

use sampling::{Samples, SamplingPeriod};
use trading::TradeStatistics;

/// What the user may choose about metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MetricsOptions {
    /// Risk-free rate per year, as a fraction; enters Sharpe, Sortino, alpha and beta.
    pub risk_free: f64,
}

/// The figures of one account. Returns, rates and shares are fractions (0.1 = 10 %); losses are negative.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metrics {
    /// How far apart the returns are sampled on which the statistics rest: `1d` or `1h`.
    pub sampling: SamplingPeriod,
    /// Number of sampled returns.
    pub samples: usize,
    /// Risk-free rate per year that was used.
    pub risk_free: f64,
    /// Final equity over initial balance, minus 1.
    pub total_return: Option<f64>,
    /// Geometric mean of the sampled returns over a year.
    pub annual_return: Option<f64>,
    /// Compound growth per year of 365 days of elapsed time.
    pub cagr: Option<f64>,
    /// Standard deviation of returns (ddof 1), per year.
    pub volatility: Option<f64>,
    /// Mean excess return over its standard deviation (ddof 1), per year.
    pub sharpe: Option<f64>,
    /// Mean excess return over its downside deviation, per year.
    pub sortino: Option<f64>,
    /// CAGR over the size of the maximum drawdown.
    pub calmar: Option<f64>,
    /// Gains over losses of the sampled returns, threshold 0.
    pub omega: Option<f64>,
    /// Return per year that buying and holding does not explain.
    pub alpha: Option<f64>,
    /// Sensitivity to buying and holding.
    pub beta: Option<f64>,
    /// Deepest fall below a peak on any step, as a negative fraction of the peak.
    pub max_drawdown: Option<f64>,
    /// Longest time from a peak to its recovery, or to the end; days.
    pub max_drawdown_days: Option<f64>,
    /// 5th percentile of sampled returns.
    pub var_95: Option<f64>,
    /// Mean of the sampled returns up to that percentile.
    pub cvar_95: Option<f64>,
    /// Return of the best calendar month (UTC).
    pub best_month: Option<f64>,
    /// Return of the worst calendar month.
    pub worst_month: Option<f64>,
    /// Share of calendar months with a gain.
    pub winning_months: Option<f64>,
    /// Figures of the closed trades.
    #[serde(flatten)]
    pub trading: TradeStatistics,
    /// Share of time with at least one position.
    pub exposure: Option<f64>,
    /// Traded notional over mean equity.
    pub turnover: Option<f64>,
    /// Return of what the account may trade in equal parts, bought at the first closes and held.
    pub buy_and_hold_return: Option<f64>,
}

impl Metrics {
    /// The names of all figures that are numbers, in the order of [`Self::figures`].
    pub const FIGURES: [&str; 31] = [
        "samples",
        "risk_free",
        "total_return",
        "annual_return",
        "cagr",
        "volatility",
        "sharpe",
        "sortino",
        "calmar",
        "omega",
        "alpha",
        "beta",
        "max_drawdown",
        "max_drawdown_days",
        "var_95",
        "cvar_95",
        "best_month",
        "worst_month",
        "winning_months",
        "win_rate",
        "profit_factor",
        "expectancy",
        "average_trade_return",
        "average_win",
        "average_loss",
        "best_trade",
        "worst_trade",
        "average_holding_s",
        "exposure",
        "turnover",
        "buy_and_hold_return",
    ];

    /// The figures as numbers, in the order of [`Self::FIGURES`].
    pub fn figures(&self) -> [Option<f64>; Self::FIGURES.len()] {
        let trading = &self.trading;
        [
            Some(self.samples as f64),
            Some(self.risk_free),
            self.total_return,
            self.annual_return,
            self.cagr,
            self.volatility,
            self.sharpe,
            self.sortino,
            self.calmar,
            self.omega,
            self.alpha,
            self.beta,
            self.max_drawdown,
            self.max_drawdown_days,
            self.var_95,
            self.cvar_95,
            self.best_month,
            self.worst_month,
            self.winning_months,
            trading.win_rate,
            trading.profit_factor,
            trading.expectancy,
            trading.average_trade_return,
            trading.average_win,
            trading.average_loss,
            trading.best_trade,
            trading.worst_trade,
            trading.average_holding_s,
            self.exposure,
            self.turnover,
            self.buy_and_hold_return,
        ]
    }

    /// The figures of the portfolio (`None`) or of one strategy of a run.
    pub fn of(record: &Record, strategy: Option<StrategyId>, options: MetricsOptions) -> Self {
        let account = match strategy {
            Some(strategy) => &record.strategies[strategy.index()],
            None => &record.portfolio,
        };
        let trades: Vec<&ClosedTrade> = record.trades_of(strategy).collect();
        account_metrics(record, account, &trades, options)
    }
}

fn account_metrics(
    record: &Record,
    account: &AccountRecord,
    trades: &[&ClosedTrade],
    options: MetricsOptions,
) -> Metrics {
    let market = record.buy_and_hold(account);
    let samples = Samples::of_account(record, account);
    let market_samples = Samples::new(record, 1.0, &market);
    let (returns, per_year) = (samples.returns(), samples.period.per_year());
    let risk_free = returns::per_period(options.risk_free, per_year);
    let nanos = (record.to.0 - record.from.0) as f64;
    let (initial, last) = (account.initial_balance.to_f64(), account.final_equity.to_f64());
    let cagr = returns::cagr(initial, last, nanos / (365.0 * NANOS_PER_DAY as f64));
    let drawdowns = account.drawdowns;
    let max_drawdown = finite(drawdowns.deepest.map_or(0.0, |deepest| -deepest.depth));
    let longest = drawdowns.longest.map_or(0, |longest| longest.duration(record.to));
    let beta = market::beta(&returns, &market_samples.returns());
    let months = calendar::monthly_returns(&samples);
    Metrics {
        sampling: samples.period,
        samples: returns.len(),
        risk_free: options.risk_free,
        total_return: finite(last / initial - 1.0),
        annual_return: returns::annual_return(&returns, per_year),
        cagr,
        volatility: returns::volatility(&returns, per_year),
        sharpe: ratios::sharpe(&returns, risk_free, per_year),
        sortino: ratios::sortino(&returns, risk_free, per_year),
        calmar: ratios::calmar(cagr, max_drawdown),
        omega: ratios::omega(&returns, 0.0),
        alpha: market::alpha(&returns, &market_samples.returns(), beta, risk_free, per_year),
        beta,
        max_drawdown: max_drawdown.filter(|_| !account.equity.is_empty()),
        max_drawdown_days: finite(longest as f64 / NANOS_PER_DAY as f64)
            .filter(|_| !account.equity.is_empty()),
        var_95: tail::value_at_risk(&returns, 0.05),
        cvar_95: tail::conditional_value_at_risk(&returns, 0.05),
        best_month: months.iter().map(|month| month.value).reduce(f64::max),
        worst_month: months.iter().map(|month| month.value).reduce(f64::min),
        winning_months: share(months.iter().filter(|month| month.value > 0.0).count(), months.len()),
        trading: TradeStatistics::of(trades),
        exposure: finite(account.exposed_nanos as f64 / nanos),
        turnover: turnover(account.traded, &samples),
        buy_and_hold_return: market.last().and_then(|value| finite(value - 1.0)),
    }
}

fn turnover(traded: Money, samples: &Samples) -> Option<f64> {
    let mean = returns::mean(&samples.values)?;
    (mean > 0.0).then(|| traded.to_f64() / mean).and_then(finite)
}

/// `value` if it is a number.
pub(crate) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// `part / all`, undefined where there is nothing.
pub(crate) fn share(part: usize, all: usize) -> Option<f64> {
    finite(part as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_figures_are_all_numbers_of_the_summary_in_its_order() {
        let metrics = Metrics {
            sampling: SamplingPeriod::Daily,
            samples: 1,
            risk_free: 2.0,
            total_return: Some(3.0),
            annual_return: Some(4.0),
            cagr: Some(5.0),
            volatility: Some(6.0),
            sharpe: Some(7.0),
            sortino: Some(8.0),
            calmar: Some(9.0),
            omega: Some(10.0),
            alpha: Some(11.0),
            beta: Some(12.0),
            max_drawdown: Some(13.0),
            max_drawdown_days: Some(14.0),
            var_95: Some(15.0),
            cvar_95: Some(16.0),
            best_month: Some(17.0),
            worst_month: Some(18.0),
            winning_months: Some(19.0),
            trading: TradeStatistics {
                win_rate: Some(20.0),
                profit_factor: Some(21.0),
                expectancy: Some(22.0),
                average_trade_return: Some(23.0),
                average_win: Some(24.0),
                average_loss: Some(25.0),
                best_trade: Some(26.0),
                worst_trade: Some(27.0),
                average_holding_s: Some(28.0),
            },
            exposure: Some(29.0),
            turnover: Some(30.0),
            buy_and_hold_return: None,
        };
        let Value::Object(written) = serde_json::to_value(&metrics).unwrap() else { panic!() };
        let numbers: Vec<(String, Option<f64>)> = written
            .into_iter()
            .filter(|(_, value)| !value.is_string())
            .map(|(name, value)| (name, value.as_f64()))
            .collect();
        let figures = Metrics::FIGURES.into_iter().map(str::to_owned).zip(metrics.figures());
        assert_eq!(figures.collect::<Vec<_>>(), numbers);
    }
}
