//! Return per unit of risk.

use super::finite;
use super::returns::{deviation, mean};

/// Deviations below this share of the mean are rounding, not risk.
const ROUNDING: f64 = 1e-12;

/// Sharpe ratio: mean over standard deviation (ddof 1) of `r − risk_free`, times `√per_year`. `risk_free` is per
/// period.
///
/// W. F. Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 21 (1994).
pub fn sharpe(returns: &[f64], risk_free: f64, per_year: f64) -> Option<f64> {
    let mean = mean(returns)? - risk_free;
    let deviation = deviation(returns)?;
    (deviation > ROUNDING * mean.abs()).then(|| mean / deviation * libm::sqrt(per_year)).and_then(finite)
}

/// Sortino ratio: mean of `r − risk_free` over the root of the mean of `min(r − risk_free, 0)²` (over all periods),
/// times `√per_year`.
///
/// F. A. Sortino and L. N. Price, "Performance Measurement in a Downside Risk Framework" (1994).
pub fn sortino(returns: &[f64], risk_free: f64, per_year: f64) -> Option<f64> {
    let mean = mean(returns)? - risk_free;
    let squares: f64 = returns.iter().map(|value| (value - risk_free).min(0.0)).map(|loss| loss * loss).sum();
    let downside = libm::sqrt(squares / returns.len() as f64);
    (downside > 0.0).then(|| mean / downside * libm::sqrt(per_year)).and_then(finite)
}

/// Calmar ratio: growth per year over the size of the maximum drawdown.
pub fn calmar(cagr: Option<f64>, max_drawdown: Option<f64>) -> Option<f64> {
    let drawdown = max_drawdown?.abs();
    (drawdown > 0.0).then_some(cagr? / drawdown).and_then(finite)
}

/// Omega ratio: `Σ max(r − threshold, 0) / Σ max(threshold − r, 0)`; `threshold` is per period.
///
/// C. Keating and W. F. Shadwick, "A Universal Performance Measure" (2002).
pub fn omega(returns: &[f64], threshold: f64) -> Option<f64> {
    let gains: f64 = returns.iter().map(|value| (value - threshold).max(0.0)).sum();
    let losses: f64 = returns.iter().map(|value| (threshold - value).max(0.0)).sum();
    (losses > 0.0).then(|| gains / losses).and_then(finite)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_risk_there_is_no_ratio() {
        let steady = [0.001; 100];
        assert_eq!(sharpe(&steady, 0.0, 365.0), None);
        assert_eq!(sortino(&steady, 0.0, 365.0), None);
        assert_eq!(omega(&steady, 0.0), None);
        assert_eq!(sharpe(&[0.01], 0.0, 365.0), None);
        assert_eq!(sharpe(&[], 0.0, 365.0), None);
        assert_eq!(sortino(&[], 0.0, 365.0), None);
        assert_eq!(calmar(Some(0.1), Some(0.0)), None);
    }

    #[test]
    fn a_run_that_never_traded_has_no_ratio() {
        assert_eq!(sharpe(&[0.0; 10], 0.0, 365.0), None);
    }
}
