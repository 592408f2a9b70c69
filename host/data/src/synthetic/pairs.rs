//! The instruments of the generator: grids and sizes as they are usual for such prices.

use super::error::SyntheticError;

/// An instrument that can be generated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Name.
    pub symbol: &'static str,
    /// Decimal places of a price; the tick is one unit of the last.
    pub price_places: u32,
    /// Decimal places of a quantity; the lot is one unit of the last.
    pub lot_places: u32,
    /// Smallest notional of an order.
    pub min_notional: u32,
    /// First price.
    pub start: f64,
    /// Its volatility against that of `BTCUSDT`.
    pub volatility: f64,
    /// Usual volume of a minute in base units.
    pub volume: f64,
    /// Sets its random numbers apart from those of the others, whichever are generated together.
    pub(super) slot: u64,
}

/// All that can be generated.
pub const PAIRS: [Pair; 10] = [
    pair(0, "BTCUSDT", (1, 3, 50), 42_000.0, 1.0, 60.0),
    pair(1, "ETHUSDT", (2, 3, 20), 2_300.0, 1.2, 700.0),
    pair(2, "BNBUSDT", (2, 2, 5), 310.0, 1.1, 350.0),
    pair(3, "ADAUSDT", (4, 0, 5), 0.6, 1.4, 260_000.0),
    pair(4, "SOLUSDT", (2, 2, 5), 100.0, 1.6, 9_000.0),
    pair(5, "XRPUSDT", (4, 1, 5), 0.62, 1.3, 400_000.0),
    pair(6, "DOGEUSDT", (5, 0, 5), 0.09, 1.5, 2_000_000.0),
    pair(7, "AVAXUSDT", (3, 0, 5), 38.0, 1.6, 12_000.0),
    pair(8, "LINKUSDT", (3, 2, 5), 15.0, 1.4, 25_000.0),
    pair(9, "LTCUSDT", (2, 3, 20), 73.0, 1.2, 3_000.0),
];

const fn pair(
    slot: u64,
    symbol: &'static str,
    (price_places, lot_places, min_notional): (u32, u32, u32),
    start: f64,
    volatility: f64,
    volume: f64,
) -> Pair {
    Pair { symbol, price_places, lot_places, min_notional, start, volatility, volume, slot }
}

impl Pair {
    /// The pair of a name.
    pub fn named(symbol: &str) -> Result<Self, SyntheticError> {
        let found = PAIRS.into_iter().find(|pair| pair.symbol == symbol);
        found.ok_or_else(|| SyntheticError::Symbol(symbol.to_owned()))
    }

    /// Ticks in one unit of price.
    pub(super) fn ticks_per_unit(&self) -> f64 {
        10_u32.pow(self.price_places).into()
    }

    /// Lots in one base unit.
    pub(super) fn lots_per_unit(&self) -> f64 {
        10_u32.pow(self.lot_places).into()
    }

    /// The price of a number of ticks: the number nearest to its decimal text.
    pub(super) fn price(&self, ticks: i64) -> f64 {
        ticks as f64 / self.ticks_per_unit()
    }

    /// The quantity of a number of lots.
    pub(super) fn quantity(&self, lots: i64) -> f64 {
        lots as f64 / self.lots_per_unit()
    }
}
