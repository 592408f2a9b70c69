//! What buying and holding explains: alpha and beta.

use super::finite;
use super::returns::mean;

/// Below this the market did not move.
const NO_VARIANCE: f64 = 1e-30;

/// Slope of the regression of returns on the market's: covariance over variance.
pub fn beta(returns: &[f64], market: &[f64]) -> Option<f64> {
    if returns.len() < 2 || returns.len() != market.len() {
        return None;
    }
    let (mean_return, mean_market) = (mean(returns)?, mean(market)?);
    let pairs = returns.iter().zip(market);
    let covariance: f64 = pairs.map(|(own, market)| (own - mean_return) * (market - mean_market)).sum();
    let variance: f64 = market.iter().map(|market| (market - mean_market) * (market - mean_market)).sum();
    (variance / market.len() as f64 > NO_VARIANCE).then(|| covariance / variance).and_then(finite)
}

/// Jensen's alpha, compounded over a year: `(1 + mean((r − f) − beta (m − f)))^n − 1`.
///
/// M. C. Jensen, "The Performance of Mutual Funds in the Period 1945–1964", Journal of Finance 23 (1968).
pub fn alpha(
    returns: &[f64],
    market: &[f64],
    beta: Option<f64>,
    risk_free: f64,
    per_year: f64,
) -> Option<f64> {
    let excess = (mean(returns)? - risk_free) - beta? * (mean(market)? - risk_free);
    finite(libm::pow(1.0 + excess, per_year) - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_market_itself_has_beta_one_and_no_alpha() {
        let market = [0.01, -0.02, 0.005, 0.03];
        let own = beta(&market, &market);
        assert_eq!(own, Some(1.0));
        assert_eq!(alpha(&market, &market, own, 0.0, 365.0), Some(0.0));
    }

    #[test]
    fn a_market_that_stands_still_explains_nothing() {
        assert_eq!(beta(&[0.01, 0.02], &[0.0, 0.0]), None);
        assert_eq!(alpha(&[0.01, 0.02], &[0.0, 0.0], None, 0.0, 365.0), None);
    }
}
