//! The simulated exchange in the run file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cryptobot_engine::{ExchangeConfig, LatencyModel, SlippageModel};
use cryptobot_model::{Timeframe, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::in_range;
use crate::error::RunError;
use crate::fees::Fees;
use crate::recordings::{Fills, RecordedBook};
use crate::risk::Margin;
use crate::round_trips;
use crate::spelled::Spelled;

pub(crate) const NANOS_PER_MILLI: f64 = 1e6;
/// Longest latency.
pub(crate) const LONGEST_MS: f64 = 60_000.0;
/// The file of recorded latencies, as a field.
pub(crate) const LATENCY_FILE: &str = "execution.latency.file";

/// The simulated exchange.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Execution {
    /// What orders are matched with.
    pub fills: Fills,
    /// Files of messages in place of the catalog, by symbol, or by `venue/symbol`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub recordings: BTreeMap<String, PathBuf>,
    /// Orders in a recorded book.
    pub book: RecordedBook,
    /// Time from decision to arrival, and back.
    pub latency: Latency,
    /// Fees instead of those of the instruments.
    pub fees: Option<Fees>,
    /// What takers pay beyond the reference price.
    pub slippage: Slippage,
    /// Length of the bars that orders are matched with, where they shall be finer than the strategies' own.
    pub fill_timeframe: Option<Spelled<Timeframe>>,
    /// Adverse move of orders that arrive inside a bar.
    pub open_late: OpenLate,
    /// Bars in the window of past volatility and volume.
    pub window: Window,
    /// Margin of perpetual contracts.
    pub margin: Margin,
}

/// Time from decision to arrival at the exchange, and of reports back to the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "model", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Latency {
    /// Always the same.
    Constant {
        /// Milliseconds.
        base_ms: f64,
        /// Milliseconds that reports take; without it they take as long as orders.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        response_ms: Option<f64>,
    },
    /// Normally distributed with spikes, never negative; drawn for every message.
    Normal {
        /// Mean, milliseconds.
        #[serde(default = "Normal::base_ms")]
        base_ms: f64,
        /// Standard deviation, milliseconds.
        #[serde(default = "Normal::jitter_ms")]
        jitter_ms: f64,
        /// Share of messages that take longer, a fraction.
        #[serde(default = "Normal::spike_probability")]
        spike_probability: f64,
        /// How many times longer they take.
        #[serde(default = "Normal::spike_multiplier")]
        spike_multiplier: f64,
        /// Milliseconds that reports take; without it they are drawn like orders.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        response_ms: Option<f64>,
    },
    /// Interpolated between recorded round trips.
    Recorded {
        /// A CSV file with the header `req_ts,exch_ts,resp_ts`: when a request was sent, processed and answered, in
        /// nanoseconds UTC, ascending.
        file: PathBuf,
        /// Milliseconds that reports take instead of the recorded time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        response_ms: Option<f64>,
    },
}

/// What a normal latency is where the file does not say.
struct Normal;

impl Normal {
    const fn base_ms() -> f64 {
        50.0
    }

    const fn jitter_ms() -> f64 {
        20.0
    }

    const fn spike_probability() -> f64 {
        0.01
    }

    const fn spike_multiplier() -> f64 {
        10.0
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::Constant { base_ms: 50.0, response_ms: None }
    }
}

/// What takers pay beyond the reference price. `noise_bps` is the standard deviation of a seeded normal share on top,
/// in basis points; the price is never better than the reference.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "model", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Slippage {
    /// Nothing.
    None {
        /// Noise, basis points.
        #[serde(default)]
        noise_bps: f64,
    },
    /// A fixed share of the price.
    Fixed {
        /// Basis points.
        bps: f64,
        /// Noise, basis points.
        #[serde(default)]
        noise_bps: f64,
    },
    /// `half spread + impact × volatility × sqrt(quantity / volume)` over the window before the fill.
    SqrtImpact {
        /// Half of the spread, basis points.
        half_spread_bps: f64,
        /// Coefficient of the impact.
        impact: f64,
        /// Noise, basis points.
        #[serde(default)]
        noise_bps: f64,
    },
    /// A spread that widens in restless markets, a share for the order's size, and square-root impact of orders above a
    /// share of the daily volume.
    Dynamic {
        /// The spread in calm markets, basis points.
        #[serde(default = "Dynamic::base_spread_bps")]
        base_spread_bps: f64,
        /// Paid for an order as large as the mean volume of a bar, basis points.
        #[serde(default = "Dynamic::volume_impact_bps")]
        volume_impact_bps: f64,
        /// Factor on the spread when the newest bar moved by the window's volatility or more.
        #[serde(default = "Dynamic::volatility_multiplier")]
        volatility_multiplier: f64,
        /// Share of the daily volume above which the market itself moves, a fraction.
        #[serde(default = "Dynamic::impact_above")]
        impact_above: f64,
        /// Noise, basis points.
        #[serde(default)]
        noise_bps: f64,
    },
}

/// What dynamic slippage is where the file does not say.
struct Dynamic;

impl Dynamic {
    const fn base_spread_bps() -> f64 {
        2.0
    }

    const fn volume_impact_bps() -> f64 {
        1.0
    }

    const fn volatility_multiplier() -> f64 {
        1.5
    }

    const fn impact_above() -> f64 {
        0.01
    }
}

impl Default for Slippage {
    fn default() -> Self {
        Self::SqrtImpact { half_spread_bps: 0.5, impact: 0.1, noise_bps: 0.0 }
    }
}

/// Adverse move `k × volatility × sqrt(elapsed / bar length)` of orders that arrive inside a bar.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenLate {
    /// The coefficient.
    pub k: f64,
}

impl Default for OpenLate {
    fn default() -> Self {
        Self { k: 1.0 }
    }
}

/// The window of past volatility and volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Number of bars that orders are matched with.
    pub bars: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self { bars: 60 }
    }
}

impl Execution {
    /// Checks what can be checked without files.
    pub(crate) fn check(&self) -> Result<(), RunError> {
        self.margin.check()?;
        crate::recordings::check(self)?;
        self.latency.check()?;
        self.slippage.check()?;
        in_range("execution.open_late.k", self.open_late.k, 0.0, 100.0)?;
        if !(2..=100_000).contains(&self.window.bars) {
            return Err(RunError::config("execution.window.bars", "must lie in 2..100000"));
        }
        Ok(())
    }

    /// The exchange of a run; reads recorded latencies.
    pub(crate) fn exchange(&self, seed: u64) -> Result<ExchangeConfig, RunError> {
        Ok(ExchangeConfig {
            latency: self.latency.models()?,
            slippage: self.slippage.models(),
            open_late: self.open_late.k,
            window_bars: self.window.bars,
            seed,
        })
    }
}

impl Latency {
    /// A warning where the latencies of a run were recorded at another time.
    pub(crate) fn outside(
        &self,
        models: &cryptobot_engine::Latency,
        from: Timestamp,
        to: Timestamp,
    ) -> Option<String> {
        match (self, &models.entry) {
            (Self::Recorded { file, .. }, LatencyModel::Recorded(trips)) => {
                round_trips::outside(file, trips, from, to)
            }
            _ => None,
        }
    }

    /// Takes out the path of recorded latencies.
    pub(crate) fn take_file(&mut self) -> Option<PathBuf> {
        match self {
            Self::Recorded { file, .. } => Some(std::mem::take(file)),
            Self::Constant { .. } | Self::Normal { .. } => None,
        }
    }

    const fn response_ms(&self) -> Option<f64> {
        match *self {
            Self::Constant { response_ms, .. }
            | Self::Normal { response_ms, .. }
            | Self::Recorded { response_ms, .. } => response_ms,
        }
    }

    fn check(&self) -> Result<(), RunError> {
        match *self {
            Self::Constant { base_ms, .. } => {
                in_range("execution.latency.base_ms", base_ms, 0.0, LONGEST_MS)?;
            }
            Self::Normal { base_ms, jitter_ms, spike_probability, spike_multiplier, .. } => {
                in_range("execution.latency.base_ms", base_ms, 0.0, LONGEST_MS)?;
                in_range("execution.latency.jitter_ms", jitter_ms, 0.0, LONGEST_MS)?;
                in_range("execution.latency.spike_probability", spike_probability, 0.0, 1.0)?;
                in_range("execution.latency.spike_multiplier", spike_multiplier, 1.0, 1_000.0)?;
            }
            Self::Recorded { .. } => {}
        }
        self.response_ms().map_or(Ok(()), |ms| in_range("execution.latency.response_ms", ms, 0.0, LONGEST_MS))
    }

    fn models(&self) -> Result<cryptobot_engine::Latency, RunError> {
        let constant = |ms: f64| LatencyModel::Constant { ns: (ms * NANOS_PER_MILLI).round() as i64 };
        let entry = match self {
            Self::Constant { base_ms, .. } => constant(*base_ms),
            Self::Normal { base_ms, jitter_ms, spike_probability, spike_multiplier, .. } => {
                LatencyModel::Normal {
                    base_ns: base_ms * NANOS_PER_MILLI,
                    jitter_ns: jitter_ms * NANOS_PER_MILLI,
                    spike_probability: *spike_probability,
                    spike_multiplier: *spike_multiplier,
                }
            }
            Self::Recorded { file, .. } => LatencyModel::Recorded(round_trips::read(file)?.into()),
        };
        let response = self.response_ms().map_or_else(|| entry.clone(), constant);
        Ok(cryptobot_engine::Latency { entry, response })
    }
}

impl Slippage {
    fn check(&self) -> Result<(), RunError> {
        match *self {
            Self::None { .. } => {}
            Self::Fixed { bps, .. } => in_range("execution.slippage.bps", bps, 0.0, 1_000.0)?,
            Self::SqrtImpact { half_spread_bps, impact, .. } => {
                in_range("execution.slippage.half_spread_bps", half_spread_bps, 0.0, 1_000.0)?;
                in_range("execution.slippage.impact", impact, 0.0, 100.0)?;
            }
            Self::Dynamic {
                base_spread_bps, volume_impact_bps, volatility_multiplier, impact_above, ..
            } => {
                in_range("execution.slippage.base_spread_bps", base_spread_bps, 0.0, 1_000.0)?;
                in_range("execution.slippage.volume_impact_bps", volume_impact_bps, 0.0, 1_000.0)?;
                in_range("execution.slippage.volatility_multiplier", volatility_multiplier, 1.0, 100.0)?;
                in_range("execution.slippage.impact_above", impact_above, 0.0, 1.0)?;
            }
        }
        in_range("execution.slippage.noise_bps", self.models().noise_bps, 0.0, 1_000.0)
    }

    const fn models(&self) -> cryptobot_engine::Slippage {
        let (model, noise_bps) = match *self {
            Self::None { noise_bps } => (SlippageModel::None, noise_bps),
            Self::Fixed { bps, noise_bps } => (SlippageModel::Fixed { bps }, noise_bps),
            Self::SqrtImpact { half_spread_bps, impact, noise_bps } => {
                (SlippageModel::SqrtImpact { half_spread_bps, impact }, noise_bps)
            }
            Self::Dynamic {
                base_spread_bps,
                volume_impact_bps,
                volatility_multiplier,
                impact_above,
                noise_bps,
            } => {
                let model = SlippageModel::Dynamic {
                    base_spread_bps,
                    volume_impact_bps,
                    volatility_multiplier,
                    impact_above,
                };
                (model, noise_bps)
            }
        };
        cryptobot_engine::Slippage { model, noise_bps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Execution {
        serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn defaults_are_those_of_the_specification() {
        let execution = parse("{latency: {model: normal}, slippage: {model: dynamic, noise_bps: 2}}");
        execution.check().unwrap();
        let exchange = execution.exchange(7).unwrap();
        let normal = LatencyModel::Normal {
            base_ns: 50e6,
            jitter_ns: 20e6,
            spike_probability: 0.01,
            spike_multiplier: 10.0,
        };
        assert_eq!(exchange.latency, cryptobot_engine::Latency { entry: normal.clone(), response: normal });
        let model = SlippageModel::Dynamic {
            base_spread_bps: 2.0,
            volume_impact_bps: 1.0,
            volatility_multiplier: 1.5,
            impact_above: 0.01,
        };
        assert_eq!(exchange.slippage, cryptobot_engine::Slippage { model, noise_bps: 2.0 });
        assert_eq!(exchange.seed, 7);
    }

    #[test]
    fn reports_may_take_their_own_time() {
        let execution = parse("{latency: {model: constant, base_ms: 10, response_ms: 2.5}}");
        let latency = execution.exchange(0).unwrap().latency;
        assert_eq!(latency.entry, LatencyModel::Constant { ns: 10_000_000 });
        assert_eq!(latency.response, LatencyModel::Constant { ns: 2_500_000 });
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        for (text, field) in [
            ("{latency: {model: normal, jitter_ms: -1}}", "execution.latency.jitter_ms"),
            ("{latency: {model: normal, spike_probability: 2}}", "execution.latency.spike_probability"),
            ("{latency: {model: normal, spike_multiplier: 0.5}}", "execution.latency.spike_multiplier"),
            ("{latency: {model: constant, base_ms: 1, response_ms: -5}}", "execution.latency.response_ms"),
            ("{slippage: {model: none, noise_bps: -1}}", "execution.slippage.noise_bps"),
            ("{slippage: {model: dynamic, impact_above: 3}}", "execution.slippage.impact_above"),
            ("{window: {bars: 1}}", "execution.window.bars"),
        ] {
            let error = parse(text).check().unwrap_err().to_string();
            assert!(error.starts_with(field), "{error}");
        }
    }
}
