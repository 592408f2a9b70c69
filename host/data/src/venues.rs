//! What is known of venues without any file: general fee rates, and the grid of much traded contracts.

use cryptobot_model::{Money, Price, Quantity};
use rust_decimal::Decimal;

use crate::instruments::Contract;

/// Built-in terms of a venue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VenueDefaults {
    contract: Contract,
    funding: bool,
    /// Fractions in units of 10⁻⁴.
    maker_fee: i64,
    taker_fee: i64,
    is_known: bool,
    grids: &'static [Grid],
}

/// Grid and costs of one symbol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// Smallest step of a price.
    pub tick: Price,
    /// Smallest step of a quantity.
    pub lot: Quantity,
    /// Smallest notional of an order.
    pub min_notional: Money,
    /// Fee of a resting order.
    pub maker_fee: Decimal,
    /// Fee of an order that takes.
    pub taker_fee: Decimal,
    /// Whether grid and minimum are facts, not assumptions.
    pub is_known: bool,
}

/// Symbol; decimal places of tick and lot (every grid here is a power of ten); minimum notional.
type Grid = (&'static str, u32, u32, i64);

/// Filters that Binance USD-M published in July 2026. Ticks and minimums were other ones in earlier years; an
/// `instruments.json` beside the data overrides them.
const BINANCE_USDM: &[Grid] = &[
    ("ADAUSDT", 4, 0, 5),
    ("ALGOUSDT", 4, 1, 5),
    ("APEUSDT", 4, 0, 5),
    ("AVAXUSDT", 3, 0, 5),
    ("BCHUSDT", 2, 3, 20),
    ("BNBUSDT", 2, 2, 5),
    ("BTCUSDT", 1, 3, 50),
    ("DOGEUSDT", 5, 0, 5),
    ("DOTUSDT", 3, 1, 5),
    ("ETHUSDT", 2, 3, 20),
    ("FILUSDT", 3, 1, 5),
    ("LINKUSDT", 3, 2, 20),
    ("LTCUSDT", 2, 3, 20),
    ("NEARUSDT", 3, 0, 5),
    ("SOLUSDT", 2, 2, 5),
    ("TRXUSDT", 5, 0, 5),
    ("XRPUSDT", 4, 1, 5),
];

/// Filters that Binance spot published in July 2026.
const BINANCE_SPOT: &[Grid] = &[("BTCUSDT", 2, 5, 5), ("ETHUSDT", 2, 4, 5)];

impl VenueDefaults {
    /// The defaults of a venue; general ones for a venue that is not known.
    pub fn of(venue: &str) -> Self {
        use Contract::{Perpetual, Spot};
        let (contract, maker_fee, taker_fee, grids): (_, _, _, &[Grid]) = match venue {
            "binance-usdm" => (Perpetual, 2, 4, BINANCE_USDM),
            "binance-spot" => (Spot, 10, 10, BINANCE_SPOT),
            "ethereal" => (Perpetual, 0, 3, &[]),
            _ => {
                let (contract, funding, is_known) = (Perpetual, false, false);
                return Self { contract, funding, maker_fee: 2, taker_fee: 4, is_known, grids: &[] };
            }
        };
        Self { contract, funding: contract == Perpetual, maker_fee, taker_fee, is_known: true, grids }
    }

    /// What the venue's instruments are unless a file says otherwise.
    pub fn contract(&self) -> Contract {
        self.contract
    }

    /// Whether positions pay funding unless a file says otherwise.
    pub fn funding(&self) -> bool {
        self.funding
    }

    /// Whether the venue is known.
    pub fn is_known(&self) -> bool {
        self.is_known
    }

    /// Grid and costs of a symbol.
    pub fn terms(&self, symbol: &str) -> Terms {
        let known = self.grids.iter().find(|(name, ..)| *name == symbol);
        let (tick, lot, minimum) = known.map_or((8, 8, 0), |&(_, tick, lot, minimum)| (tick, lot, minimum));
        Terms {
            tick: Price::new(Decimal::new(1, tick)),
            lot: Quantity::new(Decimal::new(1, lot)),
            min_notional: Money::new(minimum.into()),
            maker_fee: Decimal::new(self.maker_fee, 4),
            taker_fee: Decimal::new(self.taker_fee, 4),
            is_known: known.is_some(),
        }
    }
}
