//! What an exchange says about an instrument.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{Money, Price, Quantity};

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
}
