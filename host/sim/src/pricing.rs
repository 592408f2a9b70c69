//! What an execution costs: slipped price and fee.

use cryptobot_model::random::Random;
use cryptobot_model::{Instrument, Liquidity, Money, OrderId, Price, Quantity, Rate, Side};
use cryptobot_risk::Grid;

use crate::config::{ExchangeConfig, Slippage, SlippageModel};
use crate::stats::MarketStats;

const BPS: f64 = 1e-4;

/// Keeps the noise of prices apart from whatever else is drawn from the seed.
const NOISE: u64 = 0x6E6F_6973_6500_0000;

/// Prices executions of one instrument.
#[derive(Clone, Debug)]
pub(crate) struct Pricing {
    pub(crate) grid: Grid,
    maker_fee: Rate,
    taker_fee: Rate,
    /// What a liquidation costs instead of the taker fee, where the exchange has such a fee.
    liquidation_fee: Rate,
    slippage: Slippage,
    open_late: f64,
    seed: u64,
}

impl Pricing {
    pub(crate) fn new(instrument: &Instrument, config: &ExchangeConfig) -> Self {
        Self {
            grid: Grid::new(instrument),
            maker_fee: instrument.maker_fee.into(),
            taker_fee: instrument.taker_fee.into(),
            liquidation_fee: instrument.terms.liquidation_fee,
            slippage: config.slippage,
            open_late: config.open_late,
            seed: config.seed,
        }
    }

    /// The price a taker pays, and what slippage is in it. Never better than `reference`.
    pub(crate) fn taker_price(
        &self,
        reference: f64,
        side: Side,
        quantity: Quantity,
        order: OrderId,
        stats: &MarketStats,
    ) -> (Price, Money) {
        let mut share = self.share(quantity, stats);
        if self.slippage.noise_bps > 0.0 {
            share = (share + self.slippage.noise_bps * BPS * self.noise(order)).max(0.0);
        }
        self.moved(reference, share, side, quantity)
    }

    fn share(&self, quantity: Quantity, stats: &MarketStats) -> f64 {
        match self.slippage.model {
            SlippageModel::None => 0.0,
            SlippageModel::Fixed { bps } => bps * BPS,
            SlippageModel::SqrtImpact { half_spread_bps, impact } => {
                let ratio = of_volume(quantity, stats.mean_volume());
                half_spread_bps * BPS + impact * stats.volatility() * libm::sqrt(ratio)
            }
            SlippageModel::Dynamic {
                base_spread_bps,
                volume_impact_bps,
                volatility_multiplier,
                impact_above,
            } => {
                let volatility = stats.volatility();
                let restless =
                    if volatility > 0.0 { (stats.newest_move() / volatility).min(1.0) } else { 0.0 };
                let spread = base_spread_bps * BPS * (1.0 + (volatility_multiplier - 1.0) * restless);
                let volume = stats.mean_volume();
                let by_volume = volume_impact_bps * BPS * of_volume(quantity, volume);
                let daily = of_volume(quantity, volume * stats.bars_per_day());
                let impact = if daily > impact_above {
                    volatility * libm::sqrt(stats.bars_per_day()) * libm::sqrt(daily)
                } else {
                    0.0
                };
                spread + by_volume + impact
            }
        }
    }

    /// The order's own standard normal draw: the same on every path of a bar, whoever else trades.
    fn noise(&self, order: OrderId) -> f64 {
        Random::new(self.seed ^ NOISE, order.0).normal()
    }

    /// The price of the market for an order that arrived after `elapsed` of the bar (0 to 1) had passed.
    pub(crate) fn late_reference(&self, open: f64, elapsed: f64, side: Side, stats: &MarketStats) -> f64 {
        open * (1.0 + side.sign() * self.open_late * stats.volatility() * libm::sqrt(elapsed))
    }

    /// A price between ticks, on the tick that is worse for `side`.
    pub(crate) fn on_tick(&self, price: f64, side: Side) -> f64 {
        self.grid.adverse_price(price, side).map_or(price, Price::to_f64)
    }

    fn moved(&self, reference: f64, share: f64, side: Side, quantity: Quantity) -> (Price, Money) {
        let exact = Price::from_f64(reference).unwrap_or_default();
        if share == 0.0 {
            return (exact, Money::ZERO);
        }
        // A sell cannot be moved to a price that does not exist: it keeps one tick.
        let moved = self.grid.adverse_price(reference * (1.0 + side.sign() * share), side).unwrap_or(exact);
        let cost = side.signed(quantity).at(moved) - side.signed(quantity).at(exact);
        (moved, cost)
    }

    /// The fee of a liquidation, which goes to the insurance fund.
    pub(crate) fn liquidation_fee(&self, quantity: Quantity, price: Price) -> Money {
        let rate = if self.liquidation_fee.is_zero() { self.taker_fee } else { self.liquidation_fee };
        quantity.at(price).times(rate)
    }

    pub(crate) fn fee(&self, quantity: Quantity, price: Price, liquidity: Liquidity) -> Money {
        let rate = match liquidity {
            Liquidity::Maker => self.maker_fee,
            Liquidity::Taker => self.taker_fee,
        };
        quantity.at(price).times(rate)
    }
}

/// The share of a volume that an order is; all of it where there is none.
fn of_volume(quantity: Quantity, volume: f64) -> f64 {
    if volume > 0.0 { quantity.to_f64() / volume } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use cryptobot_model::{ContractTerms, StrategyId};

    use super::*;

    fn pricing(slippage: Slippage) -> Pricing {
        let instrument: Instrument = Instrument {
            venue: "test".to_owned(),
            symbol: "S".to_owned(),
            tick: Price::new("0.0001".parse().unwrap()),
            lot: Quantity::new("0.001".parse().unwrap()),
            min_notional: Money::ZERO,
            maker_fee: "0".parse().unwrap(),
            taker_fee: "0".parse().unwrap(),
            funding: false,
            terms: ContractTerms::default(),
        };
        Pricing::new(&instrument, &ExchangeConfig { slippage, seed: 5, ..ExchangeConfig::default() })
    }

    /// Bars of six hours with a mean volume of 100 and log returns of +a, −a, +a, where a = ln 1.02.
    fn stats() -> MarketStats {
        let mut stats = MarketStats::new(10);
        stats.set_bar_length(6 * 3_600 * 1_000_000_000);
        for close in [100.0, 102.0, 100.0, 102.0] {
            stats.push(close, 100.0);
        }
        stats
    }

    fn paid(slippage: Slippage, side: Side, quantity: &str, sequence: u64) -> f64 {
        let order = OrderId::new(StrategyId(0), sequence);
        let quantity = Quantity::new(quantity.parse().unwrap());
        pricing(slippage).taker_price(100.0, side, quantity, order, &stats()).0.to_f64()
    }

    /// Fills that an exchange answered, with what it charged for them.
    #[test]
    fn fees_are_those_that_the_exchange_charged() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/cases/trade_fees.json");
        let Ok(text) = std::fs::read_to_string(file) else {
            println!("skipped: ../shared/data/cases/trade_fees.json is not here");
            return;
        };
        let cases: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert!(!cases.is_empty());
        for case in cases {
            let text = |name: &str| case[name].to_string();
            let rate: Rate = text("implied_rate").parse().unwrap();
            let mut pricing = pricing(Slippage::NONE);
            let (liquidity, charged) = if case["maker"] == true {
                (Liquidity::Maker, &mut pricing.maker_fee)
            } else {
                (Liquidity::Taker, &mut pricing.taker_fee)
            };
            *charged = rate;
            let (quantity, price) = (text("qty").parse().unwrap(), text("price").parse().unwrap());
            let fee = pricing.fee(quantity, price, liquidity);
            assert_eq!(fee, text("commission").parse().unwrap(), "{case}");
        }
    }

    #[test]
    fn dynamic_slippage_is_the_sum_of_its_parts() {
        let model = SlippageModel::Dynamic {
            base_spread_bps: 2.0,
            volume_impact_bps: 1.0,
            volatility_multiplier: 1.5,
            impact_above: 0.01,
        };
        let dynamic = Slippage { model, noise_bps: 0.0 };
        // σ = a sqrt(4/3) = 0.022866; the newest move a = 0.019803 is 0.866025 of it: the spread is 2 bp × 1.433013 =
        // 2.866025 bp. Two units are 0.02 of a bar: 0.02 bp more. 0.5 % of a day are not yet impact.
        assert!((paid(dynamic, Side::Buy, "2", 1) - 100.0289).abs() < 1e-9);
        // Eight units: 0.08 bp, and 2 % of a day: 0.022866 × 2 × sqrt(0.02) = 64.6751 bp.
        assert!((paid(dynamic, Side::Buy, "8", 1) - 100.6763).abs() < 1e-9);
        assert!((paid(dynamic, Side::Sell, "2", 1) - 99.9711).abs() < 1e-9);
    }

    #[test]
    fn noise_is_seeded_and_never_makes_a_price_better() {
        let noisy = Slippage { noise_bps: 10.0, ..Slippage::fixed(1.0) };
        let prices: Vec<f64> = (1..500).map(|sequence| paid(noisy, Side::Sell, "1", sequence)).collect();
        assert!(prices.iter().all(|price| *price <= 100.0));
        let (held, moved) = (prices.contains(&100.0), prices.iter().any(|price| *price < 99.9));
        assert!(held && moved, "both sides of the noise");
        assert_eq!(prices[6], paid(noisy, Side::Sell, "1", 7), "an order's noise is its own");
    }
}
