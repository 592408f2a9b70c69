//! What the exchange takes of each trade, as far as a run file states it.

use cryptobot_data::fee_tiers;
use cryptobot_model::Instrument;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{RunConfig, Venue};
use crate::error::RunError;

/// Fees as fractions of notional.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fees {
    /// Of orders that rest; negative = rebate.
    #[schemars(with = "f64")]
    pub maker: Decimal,
    /// Of orders that take.
    #[schemars(with = "f64")]
    pub taker: Decimal,
}

impl Fees {
    fn check(&self, field: &str) -> Result<(), RunError> {
        let tenth = Decimal::new(1, 1);
        if self.taker.is_sign_negative() || self.taker > tenth {
            let problem = "must lie in 0..0.1; 0.0004 is 4 basis points";
            return Err(RunError::config(format!("{field}.taker"), problem));
        }
        if self.maker.abs() > tenth {
            let problem = "must lie in -0.1..0.1; 0.0002 is 2 basis points";
            return Err(RunError::config(format!("{field}.maker"), problem));
        }
        Ok(())
    }
}

/// Checks fees of venues, and of all of them.
pub(crate) fn check(config: &RunConfig) -> Result<(), RunError> {
    if let Some(fees) = &config.execution.fees {
        fees.check("execution.fees")?;
    }
    for (name, venue) in &config.venues {
        if let Some(fees) = &venue.fees {
            fees.check(&format!("venues.{name}.fees"))?;
        }
        if let Some(tier) = &venue.fee_tier {
            check_tier(name, venue, tier)?;
        }
    }
    Ok(())
}

fn check_tier(name: &str, venue: &Venue, tier: &str) -> Result<(), RunError> {
    let names: Vec<&str> = fee_tiers(name).map(|tier| tier.name).collect();
    let problem = if venue.fees.is_some() {
        "stands beside `fees`: state one of them".to_owned()
    } else if names.is_empty() {
        "no table of tiers is known of this venue: state `fees: {maker: …, taker: …}`".to_owned()
    } else if !names.contains(&tier) {
        format!("there is no tier `{tier}`; there is {}", names.join(", "))
    } else {
        return Ok(());
    };
    Err(RunError::config(format!("venues.{name}.fee_tier"), problem))
}

/// Puts what is stated on an instrument: the fees or the tier of its venue, else those of all venues. Without any the
/// instrument keeps its own.
pub(crate) fn apply(config: &RunConfig, instrument: &mut Instrument) {
    let of_venue = config.venues.get(&instrument.venue).and_then(|venue| {
        let tier = venue.fee_tier.as_deref();
        let of_tier = fee_tiers(&instrument.venue).find(|known| Some(known.name) == tier);
        venue.fees.or(of_tier.map(|tier| Fees { maker: tier.maker, taker: tier.taker }))
    });
    if let Some(fees) = of_venue.or(config.execution.fees) {
        (instrument.maker_fee, instrument.taker_fee) = (fees.maker, fees.taker);
    }
}

#[cfg(test)]
mod tests {
    use cryptobot_model::{ContractTerms, Money, Price, Quantity};

    use super::*;

    fn config(text: &str) -> Result<RunConfig, RunError> {
        let config: RunConfig = serde_saphyr::from_str(text).unwrap();
        check(&config).map(|()| config)
    }

    fn paid(text: &str, venue: &str) -> [String; 2] {
        let mut instrument = Instrument {
            venue: venue.into(),
            symbol: "BTCUSDT".into(),
            tick: Price::ZERO,
            lot: Quantity::ZERO,
            min_notional: Money::ZERO,
            maker_fee: Decimal::new(7, 4),
            taker_fee: Decimal::new(8, 4),
            funding: true,
            terms: ContractTerms::default(),
        };
        apply(&config(text).unwrap(), &mut instrument);
        [instrument.maker_fee.to_string(), instrument.taker_fee.to_string()]
    }

    #[test]
    fn a_venue_has_its_own_fees_or_a_tier_before_those_of_all() {
        let of = |text: &str| [paid(text, "binance-usdm"), paid(text, "ethereal")];
        let own = || ["0.0007".to_owned(), "0.0008".to_owned()];
        let stated = |maker: &str, taker: &str| [maker.to_owned(), taker.to_owned()];
        assert_eq!(of("seed: 1"), [own(), own()]);
        assert_eq!(of("venues: {binance-usdm: {fee_tier: vip-3}}"), [stated("0.000120", "0.000320"), own()]);
        let all = "execution: {fees: {maker: 0.0001, taker: 0.0003}}";
        let venue = "venues: {ethereal: {fees: {maker: -0.0001, taker: 0.0002}}}";
        assert_eq!(of(all), [stated("0.0001", "0.0003"), stated("0.0001", "0.0003")]);
        let both = of(&format!("{all}\n{venue}"));
        assert_eq!(both, [stated("0.0001", "0.0003"), stated("-0.0001", "0.0002")]);
    }

    #[test]
    fn what_cannot_be_a_fee_is_refused_with_its_field() {
        let refused = |text: &str| config(text).unwrap_err().to_string();
        let fees = refused("venues: {v: {fees: {maker: 0.2, taker: 0}}}");
        assert!(fees.starts_with("venues.v.fees.maker"), "{fees}");
        let unknown = refused("venues: {binance-usdm: {fee_tier: gold}}");
        assert!(unknown.contains("there is regular, vip-1"), "{unknown}");
        let bare = refused("venues: {ethereal: {fee_tier: vip-1}}");
        assert!(bare.starts_with("venues.ethereal.fee_tier") && bare.contains("state `fees"), "{bare}");
        let both = refused("venues: {binance-usdm: {fee_tier: vip-1, fees: {maker: 0, taker: 0}}}");
        assert!(both.contains("state one of them"), "{both}");
    }
}
