//! What an execution costs: slipped price and fee.

use cryptobot_model::{Instrument, Liquidity, Money, Price, Quantity, Rate, Side};
use cryptobot_risk::Grid;

use crate::config::{ExchangeConfig, Slippage};
use crate::stats::MarketStats;

const BPS: f64 = 1e-4;

/// Prices executions of one instrument.
#[derive(Clone, Debug)]
pub(crate) struct Pricing {
    grid: Grid,
    maker_fee: Rate,
    taker_fee: Rate,
    slippage: Slippage,
    open_late: f64,
}

impl Pricing {
    pub(crate) fn new(instrument: &Instrument, config: &ExchangeConfig) -> Self {
        Self {
            grid: Grid::new(instrument),
            maker_fee: instrument.maker_fee.into(),
            taker_fee: instrument.taker_fee.into(),
            slippage: config.slippage,
            open_late: config.open_late,
        }
    }

    /// The price a taker pays, and what slippage is in it. Never better than `reference`.
    pub(crate) fn taker_price(
        &self,
        reference: f64,
        side: Side,
        quantity: Quantity,
        stats: &MarketStats,
    ) -> (Price, Money) {
        let share = match self.slippage {
            Slippage::None => 0.0,
            Slippage::Fixed { bps } => bps * BPS,
            Slippage::SqrtImpact { half_spread_bps, impact } => {
                let volume = stats.mean_volume();
                let ratio = if volume > 0.0 { quantity.to_f64() / volume } else { 1.0 };
                half_spread_bps * BPS + impact * stats.volatility() * libm::sqrt(ratio)
            }
        };
        self.moved(reference, share, side, quantity)
    }

    /// The price of the market for an order that arrived after `elapsed` of the bar (0 to 1) had passed.
    pub(crate) fn late_reference(&self, open: f64, elapsed: f64, side: Side, stats: &MarketStats) -> f64 {
        open * (1.0 + side.sign() * self.open_late * stats.volatility() * libm::sqrt(elapsed))
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

    pub(crate) fn fee(&self, quantity: Quantity, price: Price, liquidity: Liquidity) -> Money {
        let rate = match liquidity {
            Liquidity::Maker => self.maker_fee,
            Liquidity::Taker => self.taker_fee,
        };
        quantity.at(price).times(rate)
    }
}
