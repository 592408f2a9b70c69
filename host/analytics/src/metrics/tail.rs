//! Historical value at risk and what lies beyond it, per sampling period; losses are negative.

use super::finite;
use super::returns::mean;

fn sorted(returns: &[f64]) -> Vec<f64> {
    let mut sorted = returns.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The `cutoff` quantile of returns, linearly interpolated between neighbours (type 7, as `numpy.percentile`).
pub fn value_at_risk(returns: &[f64], cutoff: f64) -> Option<f64> {
    let sorted = sorted(returns);
    let place = sorted.len().checked_sub(1)? as f64 * cutoff;
    let below = libm::floor(place) as usize;
    let above = (below + 1).min(sorted.len() - 1);
    finite(sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64))
}

/// Mean of the worst `⌊(count − 1) · cutoff⌋ + 1` returns.
pub fn conditional_value_at_risk(returns: &[f64], cutoff: f64) -> Option<f64> {
    let sorted = sorted(returns);
    let last = libm::floor(sorted.len().checked_sub(1)? as f64 * cutoff) as usize;
    mean(&sorted[..=last])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_a_hundred_and_one_percentages() {
        let returns: Vec<f64> = (0..=100).rev().map(|number| f64::from(number) - 50.0).collect();
        assert_eq!(value_at_risk(&returns, 0.05), Some(-45.0));
        assert_eq!(conditional_value_at_risk(&returns, 0.05), Some(-47.5));
        assert_eq!(value_at_risk(&[], 0.05), None);
        assert_eq!(conditional_value_at_risk(&[-0.1], 0.05), Some(-0.1));
    }
}
