//! Growth and spread.

use super::finite;

/// Arithmetic mean; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    finite(values.iter().sum::<f64>() / values.len() as f64)
}

/// Sample standard deviation (ddof 1); `None` for fewer than two values.
pub fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (values.len() > 1).then(|| libm::sqrt(squares / (values.len() - 1) as f64)).and_then(finite)
}

/// The rate per period that compounds to `annual` over a year: `(1 + annual)^(1/n) − 1`.
pub fn per_period(annual: f64, per_year: f64) -> f64 {
    if annual == 0.0 { 0.0 } else { libm::pow(1.0 + annual, 1.0 / per_year) - 1.0 }
}

/// Geometric mean over a year: `Π(1 + r)^(n / count) − 1`; undefined once everything is lost.
pub fn annual_return(returns: &[f64], per_year: f64) -> Option<f64> {
    let growth: f64 = returns.iter().map(|value| 1.0 + value).product();
    let solvent = returns.iter().all(|value| *value > -1.0);
    (solvent && !returns.is_empty())
        .then(|| libm::pow(growth, per_year / returns.len() as f64) - 1.0)
        .and_then(finite)
}

/// Compound annual growth rate over elapsed time: `(last / initial)^(1 / years) − 1`.
pub fn cagr(initial: f64, last: f64, years: f64) -> Option<f64> {
    (initial > 0.0 && last > 0.0 && years > 0.0)
        .then(|| libm::pow(last / initial, 1.0 / years) - 1.0)
        .and_then(finite)
}

/// Standard deviation (ddof 1) times the root of the periods in a year.
pub fn volatility(returns: &[f64], per_year: f64) -> Option<f64> {
    deviation(returns).map(|deviation| deviation * libm::sqrt(per_year))
}
