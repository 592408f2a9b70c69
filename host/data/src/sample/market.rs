//! The made-up market of the sample: one common factor, five pairs that follow it, and regimes over the year.
//!
//! Everything is computed with `libm` from one seeded generator, so that all machines make the same bars.

use cryptobot_engine::BarBlock;
use cryptobot_engine::random::Random;
use cryptobot_model::{Timeframe, Timestamp};

/// Minutes of the sample: the leap year 2024.
pub(crate) const MINUTES: usize = 366 * DAY;
const DAY: usize = 1_440;

/// One pair of the sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    /// Name.
    pub symbol: &'static str,
    /// Decimal places of a price; the tick is one unit of the last.
    pub price_places: u32,
    /// Decimal places of a quantity; the lot is one unit of the last.
    pub lot_places: u32,
    /// Smallest notional of an order.
    pub min_notional: u32,
    start: f64,
    /// How strongly it follows the common factor.
    beta: f64,
    /// Size of its own moves against those of the common factor.
    own: f64,
    /// Usual volume of a minute in base units.
    volume: f64,
}

/// The pairs, with grids as they are usual for such prices.
pub(crate) const PAIRS: [Pair; 5] = [
    pair("BTCUSDT", (1, 3, 50), 42_000.0, (1.0, 0.25), 60.0),
    pair("ETHUSDT", (2, 3, 20), 2_300.0, (1.1, 0.5), 700.0),
    pair("BNBUSDT", (2, 2, 5), 310.0, (0.8, 0.55), 350.0),
    pair("ADAUSDT", (4, 0, 5), 0.6, (1.15, 0.75), 260_000.0),
    pair("SOLUSDT", (2, 2, 5), 100.0, (1.3, 0.85), 9_000.0),
];

const fn pair(
    symbol: &'static str,
    (price_places, lot_places, min_notional): (u32, u32, u32),
    start: f64,
    (beta, own): (f64, f64),
    volume: f64,
) -> Pair {
    Pair { symbol, price_places, lot_places, min_notional, start, beta, own, volume }
}

/// A stretch of the year with one character.
struct Regime {
    days: usize,
    /// Change of the common factor's log price over the stretch.
    drift: f64,
    /// Multiple of the usual volatility.
    volatility: f64,
}

const fn regime(days: usize, drift: f64, volatility: f64) -> Regime {
    Regime { days, drift, volatility }
}

const REGIMES: [Regime; 7] = [
    regime(75, 0.60, 0.9),  // bull
    regime(60, 0.00, 0.6),  // sideways
    regime(25, -0.40, 2.2), // crash, high volatility
    regime(75, -0.30, 1.0), // bear
    regime(55, 0.03, 0.5),  // quiet, sideways
    regime(55, 0.55, 1.1),  // bull
    regime(21, -0.05, 2.4), // high volatility
];

/// Usual volatility of a minute: 50 % a year.
const VOLATILITY: f64 = 0.000_69;
/// Share of its distance that a log price returns to the regime's path in a minute: half of it in a week.
const REVERSION: f64 = 0.000_07;
/// Persistence of log volatility per minute (half-life six hours) and its spread.
const VOLATILITY_MEMORY: f64 = 0.998;
const VOLATILITY_SPREAD: f64 = 0.45;
/// Chance of a jump per minute: one in two and a half days.
const JUMP_CHANCE: f64 = 1.0 / 3_600.0;

/// Numbers from the seeded generator.
pub(super) struct Draw(Random);

impl Draw {
    /// The numbers of one stream of a sample.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(Random::new(seed, stream))
    }

    /// Uniform in (0, 1].
    fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Two independent standard normal numbers (Box and Muller).
    pub fn normals(&mut self) -> (f64, f64) {
        let radius = libm::sqrt(-2.0 * libm::log(self.uniform()));
        let (sin, cos) = libm::sincos(std::f64::consts::TAU * self.uniform());
        (radius * cos, radius * sin)
    }

    /// A rare jump of the size of some hours' moves; nearly always zero.
    fn jump(&mut self) -> f64 {
        if self.uniform() > JUMP_CHANCE {
            return 0.0;
        }
        let (size, direction) = self.normals();
        (6.0 + 6.0 * libm::fabs(size)) * libm::copysign(1.0, direction)
    }
}

/// The common factor, minute by minute.
struct Market {
    draw: Draw,
    level: f64,
    path: f64,
    log_volatility: f64,
    regimes: Vec<(f64, f64)>,
}

impl Market {
    fn new(seed: u64) -> Self {
        let per_day = |regime: &Regime| {
            let drift = regime.drift / (regime.days * DAY) as f64;
            vec![(drift, regime.volatility); regime.days]
        };
        let regimes = REGIMES.iter().flat_map(per_day).collect();
        Self { draw: Draw::new(seed, 0), level: 0.0, path: 0.0, log_volatility: 0.0, regimes }
    }

    /// Moves on by a minute; returns the volatility of a usual pair in it.
    fn step(&mut self, minute: usize, activity: f64) -> f64 {
        let (drift, multiple) = self.regimes[minute / DAY];
        let (move_by, shock) = self.draw.normals();
        let innovation = VOLATILITY_SPREAD * libm::sqrt(1.0 - VOLATILITY_MEMORY * VOLATILITY_MEMORY);
        self.log_volatility = VOLATILITY_MEMORY * self.log_volatility + innovation * shock;
        let volatility = VOLATILITY * multiple * libm::exp(self.log_volatility) * libm::sqrt(activity);
        self.path += drift;
        self.level +=
            drift + REVERSION * (self.path - self.level) + volatility * (move_by + self.draw.jump());
        volatility
    }
}

/// Trading activity by minute of the day, 1 on average: quiet at 04:00, busy at 15:00 UTC.
fn activity_of_day() -> Vec<f64> {
    let wave = |minute: usize, peak: f64, waves: f64| {
        libm::cos(std::f64::consts::TAU * waves * (minute as f64 - peak) / DAY as f64)
    };
    (0..DAY).map(|minute| 1.0 + 0.45 * wave(minute, 900.0, 1.0) + 0.2 * wave(minute, 900.0, 2.0)).collect()
}

/// The bars of one pair: a year of one-minute bars from 2024-01-01 on.
pub(crate) fn bars(pair: &Pair, slot: u64, seed: u64) -> BarBlock {
    let mut market = Market::new(seed);
    let mut draw = Draw::new(seed, slot + 1);
    let activity = activity_of_day();
    let (ticks_per_unit, lots_per_unit) = (power_of_ten(pair.price_places), power_of_ten(pair.lot_places));
    let first = Timestamp::from_civil(2024, 1, 1).millis();
    let mut own = 0.0;
    let mut close = libm::rint(pair.start * ticks_per_unit);
    let mut bars = with_capacity(MINUTES);
    for minute in 0..MINUTES {
        // Weekends (2024-01-01 was a Monday) are quieter.
        let weekend = if minute / DAY % 7 >= 5 { 0.6 } else { 1.0 };
        let activity = activity[minute % DAY] * weekend;
        let before = market.level;
        let volatility = market.step(minute, activity);
        let (own_move, volume_noise) = draw.normals();
        own += -REVERSION * own + pair.own * volatility * (own_move + draw.jump());

        let open = close + gap(&mut draw);
        let price = pair.start * libm::exp(pair.beta * market.level + own);
        close = libm::rint(price * ticks_per_unit).max(2.0);
        let open = open.max(2.0);
        let (up, down) = draw.normals();
        let reach = 0.5 * volatility * (pair.beta + pair.own);
        let high = libm::rint(open.max(close) * (1.0 + reach * libm::fabs(up)));
        let low = libm::rint(open.min(close) * (1.0 - reach * libm::fabs(down))).max(1.0);
        let strength = 0.4 + 0.6 * libm::fabs(market.level - before) / volatility;
        let volume = pair.volume * activity * strength * libm::exp(0.5 * volume_noise);

        bars.open_ms.push(first + minute as i64 * Timeframe::MINUTE.millis());
        bars.open.push(open / ticks_per_unit);
        bars.high.push(high / ticks_per_unit);
        bars.low.push(low / ticks_per_unit);
        bars.close.push(close / ticks_per_unit);
        bars.volume.push(libm::rint(volume * lots_per_unit).max(1.0) / lots_per_unit);
    }
    bars
}

/// Most bars open where the last one closed; one in ten a tick away.
fn gap(draw: &mut Draw) -> f64 {
    match draw.uniform() {
        chance if chance < 0.05 => -1.0,
        chance if chance > 0.95 => 1.0,
        _ => 0.0,
    }
}

pub(super) fn power_of_ten(places: u32) -> f64 {
    10_u32.pow(places).into()
}

pub(super) fn with_capacity(rows: usize) -> BarBlock {
    let column = || Vec::with_capacity(rows);
    BarBlock {
        open_ms: Vec::with_capacity(rows),
        open: column(),
        high: column(),
        low: column(),
        close: column(),
        volume: column(),
    }
}
