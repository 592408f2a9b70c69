//! What a case is given.

use std::collections::BTreeMap;

use cryptobot_engine::{
    ExchangeConfig, Latency, LatencyModel, Limits, MarginMode, MarginSettings, RiskSettings, Slippage,
};
use cryptobot_model::{
    Brackets, ContractTerms, Instrument, Money, ParamValue, Price, Quantity, Rate, Timeframe,
};
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;
use serde::Deserialize;

use super::expected::Expected;

/// Highest leverage of an account.
const LARGEST_LEVERAGE: u32 = 125;

/// `case.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// What the case shows.
    #[serde(default)]
    pub(super) about: String,
    /// Parameters of the plugin; its defaults for the others.
    #[serde(default)]
    pub(super) params: BTreeMap<String, ParamValue>,
    /// Length of the bars.
    #[serde(default = "Case::minute")]
    timeframe: String,
    #[serde(default = "Case::million")]
    balance: f64,
    /// Largest notional per unit of equity.
    #[serde(default = "Case::one")]
    leverage: f64,
    /// Positions stand on an exchange account with margin, at the leverage above; without it they are never liquidated.
    margin: Option<Margin>,
    /// Fee of every fill, a fraction of its notional.
    #[serde(default)]
    fee: f64,
    /// Smallest step of a price.
    #[serde(default = "Case::finest")]
    tick: f64,
    /// Smallest step of a quantity.
    #[serde(default = "Case::finest")]
    lot: f64,
    #[serde(default)]
    min_notional: f64,
    /// From a decision to the exchange, and back.
    #[serde(default)]
    latency_ms: f64,
    /// What takers pay beyond the price, basis points of it.
    #[serde(default)]
    slippage_bps: f64,
    #[serde(default = "Case::seed")]
    seed: u64,
    /// Limits, and the sizer of signals, as in a run file.
    #[serde(default)]
    risk: RiskSettings,
    /// What must come of it.
    pub(super) expect: Option<Expected>,
}

/// The margin of an exchange account.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Margin {
    mode: Mode,
    /// Maintenance margin, a fraction of the notional at the mark price.
    maintenance: f64,
    /// What the exchange takes for a liquidation, a fraction of the notional.
    liquidation_fee: f64,
}

impl Default for Margin {
    fn default() -> Self {
        Self { mode: Mode::Isolated, maintenance: 0.01, liquidation_fee: 0.0 }
    }
}

/// Which balance stands in for a position.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Isolated,
    Cross,
}

/// A case in the host's terms.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) timeframe: Timeframe,
    pub(crate) balance: Money,
    pub(crate) leverage: f64,
    pub(crate) margin: Option<MarginSettings>,
    /// All but the symbol.
    pub(crate) instrument: Instrument,
    pub(crate) exchange: ExchangeConfig,
    pub(crate) limits: Limits,
    pub(crate) seed: u64,
}

impl Case {
    fn minute() -> String {
        "1m".to_owned()
    }

    fn million() -> f64 {
        1_000_000.0
    }

    fn one() -> f64 {
        1.0
    }

    fn finest() -> f64 {
        1e-8
    }

    fn seed() -> u64 {
        42
    }

    /// The error begins with its place, to stand behind the name of the file.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        serde_saphyr::from_str(text).map_err(|error| {
            let options = serde_saphyr::render_options! {
                formatter: &serde_saphyr::UserMessageFormatter,
                snippets: serde_saphyr::SnippetMode::Off,
            };
            let rendered = error.render_with_options(options).replace('\n', " ");
            let Some(at) = error.location() else { return format!(": {rendered}") };
            let (line, column) = (at.line(), at.column());
            let place = format!(" at line {line}, column {column}");
            format!(":{line}:{column}: {}", rendered.strip_suffix(&place).unwrap_or(&rendered))
        })
    }

    /// The case in the host's terms; an error names the field.
    pub(super) fn terms(&self) -> Result<Terms, String> {
        let timeframe = self.timeframe.parse().map_err(|error| format!("timeframe: {error}"))?;
        let fee = Decimal::from_f64(within("fee", self.fee, -0.01, 0.1)?).unwrap_or_default();
        let step = |name: &str, value: f64| within(name, value, 1e-8, 1e6);
        let leverage = within("leverage", self.leverage, 1.0, f64::from(LARGEST_LEVERAGE))?;
        let (margin, contract) = match self.margin {
            None => (None, ContractTerms::default()),
            Some(margin) => margin.terms(leverage)?,
        };
        let instrument = Instrument {
            venue: "tape".to_owned(),
            symbol: String::new(),
            tick: Price::from_f64(step("tick", self.tick)?).unwrap_or(Price::ZERO),
            lot: Quantity::from_f64(step("lot", self.lot)?).unwrap_or(Quantity::ZERO),
            min_notional: Money::from_f64(within("min_notional", self.min_notional, 0.0, 1e9)?)
                .unwrap_or_default(),
            maker_fee: fee,
            taker_fee: fee,
            funding: false,
            terms: contract,
        };
        let way = LatencyModel::Constant {
            ns: (within("latency_ms", self.latency_ms, 0.0, 60_000.0)? * 1e6) as i64,
        };
        let exchange = ExchangeConfig {
            latency: Latency { entry: way.clone(), response: way },
            slippage: match within("slippage_bps", self.slippage_bps, 0.0, 1_000.0)? {
                0.0 => Slippage::NONE,
                bps => Slippage::fixed(bps),
            },
            seed: self.seed,
            ..ExchangeConfig::default()
        };
        Ok(Terms {
            timeframe,
            balance: Money::from_f64(within("balance", self.balance, 1e-8, 1e11)?).unwrap_or_default(),
            leverage,
            margin,
            instrument,
            exchange,
            limits: self.risk.resolve().map_err(|error| error.to_string())?,
            seed: self.seed,
        })
    }
}

impl Margin {
    /// The settings of the account, and the terms of its contracts.
    fn terms(self, leverage: f64) -> Result<(Option<MarginSettings>, ContractTerms), String> {
        if leverage.fract() != 0.0 {
            return Err(format!("leverage: must be a whole number where there is `margin`, not {leverage}"));
        }
        let mode = match self.mode {
            Mode::Isolated => MarginMode::Isolated,
            Mode::Cross => MarginMode::Cross,
        };
        let leverage = leverage as u32;
        let settings = MarginSettings::new(mode, leverage).map_err(|error| format!("leverage: {error}"))?;
        let rate = |name: &str, value: f64, low: f64| {
            Ok::<Rate, String>(Rate::from_f64(within(name, value, low, 1.0)?).unwrap_or_default())
        };
        let maintenance = rate("margin.maintenance", self.maintenance, 1e-8)?;
        let brackets = Brackets::flat(leverage, maintenance).map_err(|_| {
            format!("margin.maintenance: must be below 1 / leverage, not {}", self.maintenance)
        })?;
        let liquidation_fee = rate("margin.liquidation_fee", self.liquidation_fee, 0.0)?;
        Ok((Some(settings), ContractTerms { brackets, liquidation_fee, ..ContractTerms::default() }))
    }
}

fn within(name: &str, value: f64, low: f64, high: f64) -> Result<f64, String> {
    if (low..=high).contains(&value) {
        Ok(value)
    } else {
        Err(format!("{name}: must lie between {low} and {high}, not {value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named_with_their_place() {
        let said = |text: &str| match Case::parse(text) {
            Err(error) => error,
            Ok(case) => case.terms().unwrap_err(),
        };
        let unknown = said("about: x\nbalnce: 5\n");
        assert!(unknown.starts_with(":2:1: ") && unknown.contains("balnce"), "{unknown}");
        assert!(said("timeframe: 7x\n").starts_with("timeframe: `7x` is not a timeframe"));
        assert_eq!(said("leverage: 0.5\n"), "leverage: must lie between 1 and 125, not 0.5");
        assert!(said("balance: .nan\n").starts_with("balance: must lie between"));
        assert_eq!(
            said("margin: {}\nleverage: 2.5\n"),
            "leverage: must be a whole number where there is `margin`, not 2.5"
        );
        let unsafe_margin = said("margin: {maintenance: 2}\n");
        assert_eq!(unsafe_margin, "margin.maintenance: must lie between 0.00000001 and 1, not 2");
        let no_room = said("margin: {maintenance: 0.2}\nleverage: 5\n");
        assert_eq!(no_room, "margin.maintenance: must be below 1 / leverage, not 0.2");
        assert!(
            said("margin: {mode: hedged}\n").starts_with(":1:16: "),
            "{}",
            said("margin: {mode: hedged}\n")
        );
        assert_eq!(said("lot: 0\n"), "lot: must lie between 0.00000001 and 1000000, not 0");
    }

    #[test]
    fn an_empty_case_is_an_ideal_exchange() {
        let terms = Case::parse("about: nothing\n").unwrap().terms().unwrap();
        assert_eq!((terms.timeframe, terms.balance.to_string()), (Timeframe::MINUTE, "1000000".to_owned()));
        assert_eq!(terms.instrument.taker_fee, Decimal::ZERO);
        assert_eq!(terms.exchange.slippage, Slippage::NONE);
    }
}
