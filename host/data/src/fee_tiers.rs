//! Fee tiers that venues publish.

use rust_decimal::Decimal;

/// What a customer of some level pays, as fractions of notional.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeTier {
    /// Name, such as `vip-1`.
    pub name: &'static str,
    /// Of orders that rest.
    pub maker: Decimal,
    /// Of orders that take.
    pub taker: Decimal,
}

/// Name; maker and taker in units of 10⁻⁶.
type Row = (&'static str, i64, i64);

/// Binance's futures fee schedule for USDⓈ-M contracts in USDT, without the discount for paying in BNB.
const BINANCE_USDM: &[Row] = &[
    ("regular", 200, 500),
    ("vip-1", 160, 400),
    ("vip-2", 140, 350),
    ("vip-3", 120, 320),
    ("vip-4", 100, 300),
    ("vip-5", 80, 270),
    ("vip-6", 60, 250),
    ("vip-7", 40, 220),
    ("vip-8", 20, 200),
    ("vip-9", 0, 170),
];

/// The tiers of a venue, dearest first; none where its table is not known.
pub fn fee_tiers(venue: &str) -> impl Iterator<Item = FeeTier> {
    let rows = if venue == "binance-usdm" { BINANCE_USDM } else { &[] };
    rows.iter().map(|&(name, maker, taker)| FeeTier {
        name,
        maker: Decimal::new(maker, 6),
        taker: Decimal::new(taker, 6),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_are_fractions_and_fall() {
        let tiers: Vec<FeeTier> = fee_tiers("binance-usdm").collect();
        assert_eq!(tiers[1].taker, "0.0004".parse().unwrap());
        assert!(tiers.windows(2).all(|pair| pair[0].maker > pair[1].maker && pair[0].taker > pair[1].taker));
        assert_eq!(fee_tiers("ethereal").count(), 0);
    }
}
