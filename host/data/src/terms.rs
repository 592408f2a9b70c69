//! Margin terms and order limits of `instruments.json`.

use std::collections::BTreeMap;
use std::fmt::Write;

use cryptobot_model::{Bracket, Brackets, ContractTerms, Money, PriceBand, Quantity, Rate};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use crate::instruments::Exact;

/// Bracket tables by symbol, as `instruments.json` holds them.
pub(crate) type BracketTables = BTreeMap<String, Vec<BracketEntry>>;

/// Terms of one instrument as written; what is absent is the venue's default.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TermsEntry {
    #[serde(default)]
    liquidation_fee: Option<Exact>,
    #[serde(default)]
    price_band: Option<BandEntry>,
    #[serde(default)]
    max_orders: Option<u32>,
    #[serde(default)]
    max_quantity: Option<Exact>,
    #[serde(default)]
    market_max_quantity: Option<Exact>,
    #[serde(default)]
    funding_hours: Option<u32>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BandEntry {
    up: Exact,
    down: Exact,
}

/// One bracket as `instruments.json` writes it.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BracketEntry {
    /// Smallest notional.
    pub floor: Exact,
    /// Where the next bracket begins.
    pub cap: Exact,
    /// Highest leverage.
    pub max_leverage: u32,
    /// Fraction of notional.
    pub maintenance_rate: Exact,
    /// Maintenance amount.
    pub cum: Exact,
}

impl TermsEntry {
    /// The terms over the venue's defaults, without brackets. The error names the field.
    pub(crate) fn over(&self, defaults: &ContractTerms) -> Result<ContractTerms, String> {
        let fraction = |name: &str, written: Option<Exact>| match written {
            Some(Exact(value)) if value < Decimal::ZERO || value >= Decimal::ONE => Err(format!(
                "{name} {value} must be a fraction from 0 to below 1, for example 0.0125 for 1.25 %"
            )),
            Some(Exact(value)) => Ok(Some(Rate::new(value))),
            None => Ok(None),
        };
        let amount = |name: &str, written: Option<Exact>| match written {
            Some(Exact(value)) if value <= Decimal::ZERO => Err(format!("{name} {value} must be above 0")),
            Some(Exact(value)) => Ok(Some(Quantity::new(value))),
            None => Ok(None),
        };
        if self.max_orders == Some(0) {
            return Err("max_orders 0 must be above 0".to_owned());
        }
        if let Some(hours) = self.funding_hours.filter(|hours| !(1..=24).contains(hours)) {
            return Err(format!("funding_hours {hours} must be between 1 and 24"));
        }
        let band = self.price_band.map(BandEntry::check).transpose()?;
        Ok(ContractTerms {
            brackets: Brackets::default(),
            liquidation_fee: fraction("liquidation_fee", self.liquidation_fee)?
                .unwrap_or(defaults.liquidation_fee),
            price_band: band.or(defaults.price_band),
            max_orders: self.max_orders.or(defaults.max_orders),
            max_quantity: amount("max_quantity", self.max_quantity)?.or(defaults.max_quantity),
            market_max_quantity: amount("market_max_quantity", self.market_max_quantity)?
                .or(defaults.market_max_quantity),
            funding_hours: self.funding_hours.or(defaults.funding_hours),
        })
    }
}

impl BandEntry {
    fn check(self) -> Result<PriceBand, String> {
        let Self { up: Exact(up), down: Exact(down) } = self;
        if down > Decimal::ZERO && down < Decimal::ONE && up > Decimal::ONE {
            return Ok(PriceBand { up: Rate::new(up), down: Rate::new(down) });
        }
        Err(format!(
            "price_band {down} to {up}: down must be between 0 and 1, up above 1 (multiples of the mark price)"
        ))
    }
}

/// The table of written brackets. The error names bracket and field.
pub(crate) fn brackets(entries: &[BracketEntry]) -> Result<Brackets, String> {
    let bracket = |entry: &BracketEntry| Bracket {
        floor: Money::new(entry.floor.0),
        cap: Money::new(entry.cap.0),
        max_leverage: entry.max_leverage,
        maintenance_rate: Rate::new(entry.maintenance_rate.0),
        cum: Money::new(entry.cum.0),
    };
    Brackets::new(entries.iter().map(bracket).collect()).map_err(|error| error.to_string())
}

/// Whole number of a leverage that exchanges write as `125`, `"125"` or `125.0`.
pub(crate) fn whole_leverage(Exact(value): Exact) -> Option<u32> {
    value.fract().is_zero().then(|| value.to_u32()).flatten()
}

/// The canonical text of terms: fields in the order of [`ContractTerms`] separated by tabs, brackets last, `-` for what
/// is absent.
pub(crate) fn canonical(terms: &ContractTerms) -> String {
    let ContractTerms {
        brackets,
        liquidation_fee,
        price_band,
        max_orders,
        max_quantity,
        market_max_quantity,
        funding_hours,
    } = terms;
    let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let mut line = [
        liquidation_fee.to_string(),
        text(price_band.map(|band| format!("{}-{}", band.down, band.up))),
        text(max_orders.map(|value| value.to_string())),
        text(max_quantity.map(|value| value.to_string())),
        text(market_max_quantity.map(|value| value.to_string())),
        text(funding_hours.map(|value| value.to_string())),
    ]
    .join("\t");
    for Bracket { floor, cap, max_leverage, maintenance_rate, cum } in brackets.as_slice() {
        // Writing to a String cannot fail.
        let _ = write!(line, "\t{floor}:{cap}:{max_leverage}:{maintenance_rate}:{cum}");
    }
    line
}
