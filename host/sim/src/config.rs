//! How the simulated exchange behaves.

/// What an order that takes pays beyond the reference price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Slippage {
    /// Nothing.
    None,
    /// A fixed share of the price.
    Fixed {
        /// Basis points.
        bps: f64,
    },
    /// `half spread + impact × volatility × sqrt(quantity / volume)`, the square-root law of market impact, with the
    /// volatility of log returns and the mean volume per bar over the window before the bar of the fill.
    SqrtImpact {
        /// Half of the spread, basis points.
        half_spread_bps: f64,
        /// The coefficient, about 0.1 to 1.
        impact: f64,
    },
}

/// Settings of the simulated exchange.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExchangeConfig {
    /// Time from decision to arrival, ns.
    pub entry_latency_ns: i64,
    /// Slippage of takers.
    pub slippage: Slippage,
    /// Coefficient `k` of the adverse move of an order that arrives inside a bar:
    /// `k × volatility × sqrt(elapsed / bar length)`.
    pub open_late: f64,
    /// Bars in the window of volatility and volume.
    pub window_bars: usize,
}

impl Default for ExchangeConfig {
    fn default() -> Self {
        Self { entry_latency_ns: 0, slippage: Slippage::None, open_late: 1.0, window_bars: 60 }
    }
}

impl ExchangeConfig {
    /// Whether any rule in force looks at past volatility or volume.
    pub(crate) fn needs_stats(&self) -> bool {
        matches!(self.slippage, Slippage::SqrtImpact { .. }) || self.entry_latency_ns > 0
    }
}
