//! What is known of venues without any file: general fee rates, and the grid of much traded contracts.

use cryptobot_model::{ContractTerms, Money, Price, PriceBand, Quantity, Rate};
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
    known: &'static [Known],
}

/// Grid and costs of one symbol.
#[derive(Clone, Debug)]
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
    /// Margin terms and order limits; never brackets, which an exchange tells its customers only.
    pub limits: ContractTerms,
    /// Whether grid and minimum are facts, not assumptions.
    pub is_known: bool,
}

/// Symbol; decimal places of tick and lot (every grid here is a power of ten); minimum notional.
type Grid = (&'static str, u32, u32, i64);

/// Liquidation fee in units of 10⁻⁴; percent of the mark price that limit prices may be away; largest quantity of a limit and of a market order.
type Limits = (i64, i64, i64, i64);

/// A symbol; limits of a perpetual.
type Known = (Grid, Option<Limits>);

/// What most Binance USD-M contracts have: 1.5 %, in units of 10⁻⁴. Assumed where nothing is known of a perpetual.
const LIQUIDATION_FEE: i64 = 150;
/// Orders that Binance USD-M lets be open at once in one contract.
const BINANCE_USDM_MAX_ORDERS: u32 = 200;

/// Filters that Binance USD-M published in July 2026. Ticks and minimums were other ones in earlier years; an
/// `instruments.json` beside the data overrides them.
const BINANCE_USDM: &[Known] = &[
    (("ADAUSDT", 4, 0, 5), Some((125, 5, 30_000_000, 3_000_000))),
    (("ALGOUSDT", 4, 1, 5), Some((150, 5, 10_000_000, 2_000_000))),
    (("APEUSDT", 4, 0, 5), Some((150, 10, 7_000_000, 700_000))),
    (("AVAXUSDT", 3, 0, 5), Some((150, 10, 500_000, 50_000))),
    (("BCHUSDT", 2, 3, 20), Some((125, 5, 10_000, 2_000))),
    (("BNBUSDT", 2, 2, 5), Some((125, 5, 100_000, 2_000))),
    (("BTCUSDT", 1, 3, 50), Some((125, 5, 1_000, 120))),
    (("DOGEUSDT", 5, 0, 5), Some((150, 10, 300_000_000, 30_000_000))),
    (("DOTUSDT", 3, 1, 5), Some((125, 5, 3_000_000, 300_000))),
    (("ETHUSDT", 2, 3, 20), Some((125, 5, 10_000, 2_000))),
    (("FILUSDT", 3, 1, 5), Some((150, 10, 10_000_000, 600_000))),
    (("LINKUSDT", 3, 2, 20), Some((125, 10, 200_000, 50_000))),
    (("LTCUSDT", 2, 3, 20), Some((125, 5, 20_000, 5_000))),
    (("NEARUSDT", 3, 0, 5), Some((150, 10, 10_000_000, 400_000))),
    (("SOLUSDT", 2, 2, 5), Some((150, 5, 1_000_000, 80_000))),
    (("TRXUSDT", 5, 0, 5), Some((125, 5, 20_000_000, 5_000_000))),
    (("XRPUSDT", 4, 1, 5), Some((125, 5, 10_000_000, 2_000_000))),
];

/// Filters that Binance spot published in July 2026.
const BINANCE_SPOT: &[Known] = &[(("BTCUSDT", 2, 5, 5), None), (("ETHUSDT", 2, 4, 5), None)];

/// Margin terms and order limits of a perpetual with these limits, without brackets.
fn limits((fee, band, largest, largest_market): Limits) -> ContractTerms {
    ContractTerms {
        liquidation_fee: Rate::new(Decimal::new(fee, 4)),
        price_band: Some(PriceBand {
            up: Rate::new(Decimal::new(100 + band, 2)),
            down: Rate::new(Decimal::new(100 - band, 2)),
        }),
        max_orders: Some(BINANCE_USDM_MAX_ORDERS),
        max_quantity: Some(Quantity::new(largest.into())),
        market_max_quantity: Some(Quantity::new(largest_market.into())),
        ..ContractTerms::default()
    }
}

impl VenueDefaults {
    /// The defaults of a venue; general ones for a venue that is not known.
    pub fn of(venue: &str) -> Self {
        use Contract::{Perpetual, Spot};
        let (contract, maker_fee, taker_fee, known): (_, _, _, &[Known]) = match venue {
            "binance-usdm" => (Perpetual, 2, 4, BINANCE_USDM),
            "binance-spot" => (Spot, 10, 10, BINANCE_SPOT),
            "ethereal" => (Perpetual, 0, 3, &[]),
            _ => {
                let (contract, funding, is_known) = (Perpetual, false, false);
                return Self { contract, funding, maker_fee: 2, taker_fee: 4, is_known, known: &[] };
            }
        };
        Self { contract, funding: contract == Perpetual, maker_fee, taker_fee, is_known: true, known }
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
        let known = self.known.iter().find(|((name, ..), _)| *name == symbol);
        let (tick, lot, minimum) =
            known.map_or((8, 8, 0), |&((_, tick, lot, minimum), _)| (tick, lot, minimum));
        let limits = match known.and_then(|(_, limits)| *limits) {
            Some(known) => limits(known),
            None if self.contract == Contract::Perpetual => ContractTerms {
                liquidation_fee: Rate::new(Decimal::new(LIQUIDATION_FEE, 4)),
                ..ContractTerms::default()
            },
            None => ContractTerms::default(),
        };
        Terms {
            tick: Price::new(Decimal::new(1, tick)),
            lot: Quantity::new(Decimal::new(1, lot)),
            min_notional: Money::new(minimum.into()),
            maker_fee: Decimal::new(self.maker_fee, 4),
            taker_fee: Decimal::new(self.taker_fee, 4),
            limits,
            is_known: known.is_some(),
        }
    }
}
