//! Limits: what may be at stake.
//!
//! Every limit is optional; `None` is no limit. The same structs serve as settings (what a file states) and as the
//! resolved limits (settings over a profile).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sizing::Sizer;
use crate::stop::{AtrStop, Distances};

/// What one account, a strategy's or the portfolio's, may have at stake and lose. Fractions are of its own equity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Largest sum of notionals per unit of equity.
    pub max_leverage: Option<f64>,
    /// Largest sum of notionals, in the account's currency.
    pub max_notional: Option<f64>,
    /// Largest notional in one instrument, in the account's currency.
    pub max_instrument_notional: Option<f64>,
    /// Largest part of equity that is bound as initial margin: notional / leverage of the account / equity.
    pub max_exposure: Option<f64>,
    /// Largest open risk: the part of equity that is lost when every stop is hit. A position without a stop risks
    /// all of its notional.
    pub max_heat: Option<f64>,
    /// Positions at once, entries under way included.
    pub max_positions: Option<u32>,
    /// Open entry orders at once.
    pub max_orders: Option<u32>,
    /// Loss since the start of the day that halts until the next one.
    pub daily_loss: Option<f64>,
    /// Loss since the start of the week (Monday) that halts until the next one.
    pub weekly_loss: Option<f64>,
    /// Loss since the start of the month that halts until the next one.
    pub monthly_loss: Option<f64>,
    /// Drawdown from the equity peak at which sizes begin to shrink.
    pub reduce_from_drawdown: Option<f64>,
    /// Drawdown from the equity peak at which sizes reach zero and trading halts.
    pub halt_at_drawdown: Option<f64>,
}

impl Budget {
    /// These limits, and those of `base` where they say nothing.
    #[must_use]
    pub fn over(self, base: Self) -> Self {
        Self {
            max_leverage: self.max_leverage.or(base.max_leverage),
            max_notional: self.max_notional.or(base.max_notional),
            max_instrument_notional: self.max_instrument_notional.or(base.max_instrument_notional),
            max_exposure: self.max_exposure.or(base.max_exposure),
            max_heat: self.max_heat.or(base.max_heat),
            max_positions: self.max_positions.or(base.max_positions),
            max_orders: self.max_orders.or(base.max_orders),
            daily_loss: self.daily_loss.or(base.daily_loss),
            weekly_loss: self.weekly_loss.or(base.weekly_loss),
            monthly_loss: self.monthly_loss.or(base.monthly_loss),
            reduce_from_drawdown: self.reduce_from_drawdown.or(base.reduce_from_drawdown),
            halt_at_drawdown: self.halt_at_drawdown.or(base.halt_at_drawdown),
        }
    }

    /// Factor of sizes at a drawdown (a fraction of the peak): 1 up to `reduce_from_drawdown`, 0 from
    /// `halt_at_drawdown`, linear between.
    pub fn scale_at(&self, drawdown: f64) -> f64 {
        match (self.reduce_from_drawdown, self.halt_at_drawdown) {
            (_, Some(end)) if drawdown >= end => 0.0,
            (Some(start), Some(end)) if drawdown > start => (end - drawdown) / (end - start),
            _ => 1.0,
        }
    }
}

/// What a strategy may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StrategyLimits {
    /// How its signals are sized.
    pub sizer: Option<Sizer>,
    /// Least confidence of its signals, 0 to 1.
    pub min_confidence: Option<f64>,
    /// What its own account may have at stake.
    pub budget: Budget,
}

impl StrategyLimits {
    /// These limits, and those of `base` where they say nothing.
    #[must_use]
    pub fn over(self, base: Self) -> Self {
        Self {
            sizer: self.sizer.or(base.sizer),
            min_confidence: self.min_confidence.or(base.min_confidence),
            budget: self.budget.over(base.budget),
        }
    }
}

/// How many orders may be sent in a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderRate {
    /// Orders of one strategy.
    pub orders: u32,
    /// In so many seconds.
    pub per_s: u32,
}

/// Limits of one order that opens or enlarges a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OrderLimits {
    /// Orders in a span of time.
    pub rate: Option<OrderRate>,
    /// How much worse than the mark price an order may trade, a fraction.
    pub price_collar: Option<f64>,
    /// Largest open risk of one position, a fraction of the strategy's equity.
    pub max_risk_per_trade: Option<f64>,
    /// Whether every entry must come with a stop.
    pub require_stop: Option<bool>,
    /// Smallest distance of a stop from the entry, a fraction of the price.
    pub min_stop_distance: Option<f64>,
    /// Largest distance of a stop from the entry, a fraction of the price.
    pub max_stop_distance: Option<f64>,
    /// The stop of signals that come without one; they have none where nothing is stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub atr_stop: Option<AtrStop>,
    /// Seconds after a position was closed in which its strategy may not enter the instrument again.
    pub cooldown_s: Option<u32>,
    /// Seconds in which an equal order (instrument, side, kind, prices, quantity) of a strategy is a duplicate.
    pub duplicate_window_s: Option<u32>,
}

impl OrderLimits {
    /// These limits, and those of `base` where they say nothing.
    #[must_use]
    pub fn over(self, base: Self) -> Self {
        Self {
            rate: self.rate.or(base.rate),
            price_collar: self.price_collar.or(base.price_collar),
            max_risk_per_trade: self.max_risk_per_trade.or(base.max_risk_per_trade),
            require_stop: self.require_stop.or(base.require_stop),
            min_stop_distance: self.min_stop_distance.or(base.min_stop_distance),
            max_stop_distance: self.max_stop_distance.or(base.max_stop_distance),
            atr_stop: self.atr_stop.or(base.atr_stop),
            cooldown_s: self.cooldown_s.or(base.cooldown_s),
            duplicate_window_s: self.duplicate_window_s.or(base.duplicate_window_s),
        }
    }

    /// How far stops may be.
    pub(crate) fn stop_distances(&self) -> Distances {
        Distances::new(self.min_stop_distance, self.max_stop_distance)
    }
}

/// Halts an instrument after a jump of its price.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CircuitBreaker {
    /// The jump: highest price of the window / lowest − 1, a fraction. More than this halts.
    pub jump: f64,
    /// Length of the window, seconds.
    pub within_s: u32,
    /// How long no position is opened, seconds.
    pub halt_s: u32,
}

/// Positions that move together share a budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CorrelationLimit {
    /// Positions are correlated where the correlation of their returns, with the sign of their sides, is above this.
    pub limit: f64,
    /// Correlated positions at once.
    pub max_positions: u32,
    /// Largest sum of the notionals of correlated positions, in the account's currency.
    pub max_notional: f64,
}

/// What the market must be like for positions to be opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MarketLimits {
    /// Bars in the window of the statistics; 100 where nothing is stated.
    pub window_bars: Option<u32>,
    /// Least turnover of the window in quote currency, scaled to 24 hours.
    pub min_daily_turnover: Option<f64>,
    /// Largest volatility of the window: standard deviation of log returns, annualised with 365 days.
    pub max_volatility: Option<f64>,
    /// Halts after jumps of the price.
    pub circuit_breaker: Option<CircuitBreaker>,
    /// Positions that move together.
    pub correlation: Option<CorrelationLimit>,
}

impl MarketLimits {
    /// Bars of the window where nothing is stated.
    pub const WINDOW_BARS: u32 = 100;

    /// These limits, and those of `base` where they say nothing.
    #[must_use]
    pub fn over(self, base: Self) -> Self {
        Self {
            window_bars: self.window_bars.or(base.window_bars),
            min_daily_turnover: self.min_daily_turnover.or(base.min_daily_turnover),
            max_volatility: self.max_volatility.or(base.max_volatility),
            circuit_breaker: self.circuit_breaker.or(base.circuit_breaker),
            correlation: self.correlation.or(base.correlation),
        }
    }

    /// Whether some limit looks at the statistics of the window.
    pub(crate) const fn need_window(&self) -> bool {
        self.min_daily_turnover.is_some() || self.max_volatility.is_some() || self.correlation.is_some()
    }
}

/// Everything in force. [`crate::RiskSettings::resolve`] makes it and has checked it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Limits {
    /// The hour, UTC, at which days, weeks and months of the loss limits begin.
    pub reset_hour_utc: u8,
    /// The sum of all strategies.
    pub portfolio: Budget,
    /// Each strategy that has no limits of its own.
    pub strategy: StrategyLimits,
    /// Each order that opens or enlarges a position.
    pub orders: OrderLimits,
    /// What the market must be like.
    pub market: MarketLimits,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn standard() -> Budget {
        Budget { reduce_from_drawdown: Some(0.1), halt_at_drawdown: Some(0.2), ..Budget::default() }
    }

    #[test]
    fn the_curve_is_linear_between_its_ends() {
        assert_eq!(standard().scale_at(0.0), 1.0);
        assert_eq!(standard().scale_at(0.1), 1.0);
        // (0.20 − 0.15) / (0.20 − 0.10) = 0.5
        assert!((standard().scale_at(0.15) - 0.5).abs() < 1e-12);
        assert_eq!(standard().scale_at(0.2), 0.0);
        let step = Budget { halt_at_drawdown: Some(0.1), ..Budget::default() };
        assert_eq!((step.scale_at(0.099), step.scale_at(0.1)), (1.0, 0.0));
        assert_eq!(Budget::default().scale_at(0.9), 1.0, "no limit");
    }

    proptest! {
        #[test]
        fn the_curve_falls_and_stays_in_0_to_1(start in 0.0..0.5, length in 0.001..0.5, a in 0.0..1.0, b in 0.0..1.0) {
            let budget = Budget {
                reduce_from_drawdown: Some(start),
                halt_at_drawdown: Some(start + length),
                ..Budget::default()
            };
            let (less, more) = if a < b { (a, b) } else { (b, a) };
            prop_assert!(budget.scale_at(less) >= budget.scale_at(more));
            prop_assert!((0.0..=1.0).contains(&budget.scale_at(a)));
        }
    }
}
