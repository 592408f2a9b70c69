//! What an exchange says about an instrument.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{Brackets, Money, Price, Quantity, Rate};

/// One tradable contract with its grid and costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    /// Venue name, for example `binance-usdm`.
    pub venue: String,
    /// Symbol as the venue writes it, for example `BTCUSDT`.
    pub symbol: String,
    /// Smallest step of a price.
    pub tick: Price,
    /// Smallest step of a quantity.
    pub lot: Quantity,
    /// Smallest notional of an order; zero = none. Orders that reduce a position are exempt, as on Binance USD-M.
    pub min_notional: Money,
    /// Fee of a resting order as a fraction of notional; negative = rebate.
    pub maker_fee: Decimal,
    /// Fee of an order that takes, as a fraction of notional.
    pub taker_fee: Decimal,
    /// Whether positions pay or receive funding.
    pub funding: bool,
    /// Margin terms and limits of orders.
    pub terms: ContractTerms,
}

/// Margin terms of a contract and the limits its exchange sets to orders; the default is none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractTerms {
    /// Leverage and maintenance margin by notional.
    pub brackets: Brackets,
    /// What a liquidation costs, as a fraction of the liquidated notional; paid to the insurance fund.
    pub liquidation_fee: Rate,
    /// Limit prices must lie within this band around the mark price.
    pub price_band: Option<PriceBand>,
    /// Most orders that may be open at once in this instrument.
    pub max_orders: Option<u32>,
    /// Largest quantity of a limit order.
    pub max_quantity: Option<Quantity>,
    /// Largest quantity of a market order, and of what a stop sends.
    pub market_max_quantity: Option<Quantity>,
    /// Hours between two funding payments, 1 to 24; `None` = as the recorded rates come.
    pub funding_hours: Option<u32>,
}

/// The prices an exchange accepts, as multiples of the mark price (Binance: `PERCENT_PRICE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceBand {
    /// Highest buy price: `mark * up`, for example 1.05.
    pub up: Rate,
    /// Lowest sell price: `mark * down`, for example 0.95.
    pub down: Rate,
}
