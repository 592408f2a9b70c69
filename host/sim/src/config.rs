//! How the simulated exchange behaves.

use crate::latency::Latency;

/// What an order that takes pays beyond the reference price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slippage {
    /// How the share of the price is found.
    pub model: SlippageModel,
    /// Standard deviation of a seeded normal share on top of it, basis points. The price is never better than the
    /// reference.
    pub noise_bps: f64,
}

impl Slippage {
    /// Takers pay the reference price.
    pub const NONE: Self = Self { model: SlippageModel::None, noise_bps: 0.0 };

    /// A fixed share of the price, in basis points.
    pub const fn fixed(bps: f64) -> Self {
        Self { model: SlippageModel::Fixed { bps }, noise_bps: 0.0 }
    }

    /// The square-root law; see [`SlippageModel::SqrtImpact`].
    pub const fn sqrt_impact(half_spread_bps: f64, impact: f64) -> Self {
        Self { model: SlippageModel::SqrtImpact { half_spread_bps, impact }, noise_bps: 0.0 }
    }
}

/// The share of the price that a taker pays. Volatility (of log returns) and mean volume are those of the window before
/// the bar of the fill.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SlippageModel {
    /// Nothing.
    None,
    /// A fixed share of the price.
    Fixed {
        /// Basis points.
        bps: f64,
    },
    /// `half spread + impact × volatility × sqrt(quantity / volume)`, the square-root law of market impact, with
    /// volatility and volume per bar.
    SqrtImpact {
        /// Half of the spread, basis points.
        half_spread_bps: f64,
        /// The coefficient, about 0.1 to 1.
        impact: f64,
    },
    /// `spread × m + volume impact × quantity / volume`, and for orders above a share of the daily volume
    /// `daily volatility × sqrt(quantity / daily volume)` on top. `m` grows from 1, when the newest bar stood still, to
    /// the volatility multiplier, when it moved by the window's volatility or more.
    Dynamic {
        /// The spread in calm markets, basis points.
        base_spread_bps: f64,
        /// Paid for an order as large as the mean volume of a bar, basis points.
        volume_impact_bps: f64,
        /// Factor on the spread in restless markets.
        volatility_multiplier: f64,
        /// Share of the daily volume above which the market itself moves.
        impact_above: f64,
    },
}

/// Settings of the simulated exchange.
#[derive(Clone, Debug, PartialEq)]
pub struct ExchangeConfig {
    /// Way of messages to the exchange and of reports back.
    pub latency: Latency,
    /// Slippage of takers.
    pub slippage: Slippage,
    /// Coefficient `k` of the adverse move of an order that arrives inside a bar:
    /// `k × volatility × sqrt(elapsed / bar length)`.
    pub open_late: f64,
    /// Bars in the window of volatility and volume.
    pub window_bars: usize,
    /// Seed of latencies and noise.
    pub seed: u64,
}

impl Default for ExchangeConfig {
    fn default() -> Self {
        Self {
            latency: Latency::default(),
            slippage: Slippage::NONE,
            open_late: 1.0,
            window_bars: 60,
            seed: 0,
        }
    }
}

impl ExchangeConfig {
    /// Whether any rule in force looks at past volatility or volume.
    pub(crate) fn needs_stats(&self) -> bool {
        matches!(self.slippage.model, SlippageModel::SqrtImpact { .. } | SlippageModel::Dynamic { .. })
            || !self.latency.entry.is_zero()
    }
}
