//! What happens inside a minute: quotes every ten seconds, and trades at the best bid or ask.

use super::draw::Draw;
use super::latent::Minute;
use super::pairs::Pair;

const MINUTE_MS: u64 = 60_000;
/// Time between two quotes that no trade causes.
const QUOTE_MS: u64 = 10_000;
/// What stress of 1 adds to the number of trades, to the volume and to the spread.
const STRESSED_TRADES: f64 = 4.0;
const STRESSED_VOLUME: f64 = 9.0;
const STRESSED_SPREAD: f64 = 19.0;
/// How much more probable buys are for each usual move that the price rises in the minute, and their limits.
const PURSUIT: f64 = 0.12;
const BUYS: (f64, f64) = (0.15, 0.85);

/// A trade of one taker at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trade {
    /// Whether the taker bought.
    pub buy: bool,
    pub ticks: i64,
    pub lots: i64,
}

/// Best bid and ask at a moment, and what was traded at one of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moment {
    /// Time, ms since the epoch.
    pub ts_ms: i64,
    /// Mid price in ticks, between the grid.
    pub mid: f64,
    /// Best bid and ask in ticks.
    pub bid: i64,
    pub ask: i64,
    pub trade: Option<Trade>,
}

/// Draws the moments of one pair.
pub(super) struct Trades {
    draw: Draw,
    /// Usual volume of a minute in lots.
    lots: f64,
    /// Offsets of the minute's moments, and whether each is a trade.
    times: Vec<(u64, bool)>,
}

impl Trades {
    pub fn new(pair: &Pair, seed: u64) -> Self {
        Self {
            draw: Draw::new(seed, 200 + pair.slot),
            lots: pair.volume * pair.lots_per_unit(),
            times: Vec::new(),
        }
    }

    /// The moments of a minute, in order. The mid price goes from the minute's first to its last as a Brownian bridge.
    pub fn fill(&mut self, minute: &Minute, moments: &mut Vec<Moment>) {
        let Minute { regime, activity, stress, .. } = minute;
        let away = (minute.to / minute.from - 1.0) / minute.volatility;
        // A minute that moves the price twice as far as usual has half again as many trades.
        let busy = activity * (0.6 + 0.5 * away.abs().min(4.0));
        let trades = self.draw.poisson(regime.trades * busy * (1.0 + STRESSED_TRADES * stress));
        let size = self.lots * regime.volume * (1.0 + STRESSED_VOLUME * stress)
            / (regime.trades * (1.0 + STRESSED_TRADES * stress));
        let buys = (0.5 + PURSUIT * away).clamp(BUYS.0, BUYS.1);
        self.set_times(trades);

        moments.clear();
        let (mut mid, mut before) = (minute.from, 0);
        for index in 0..self.times.len() {
            let (offset, is_trade) = self.times[index];
            mid = self.bridge(minute, mid, (before, offset));
            before = offset;
            let (bid, ask) = quote(minute, mid);
            let ts_ms = minute.open_ms + offset as i64;
            let trade = is_trade.then(|| self.trade((bid, ask), size, buys));
            moments.push(Moment { ts_ms, mid, bid, ask, trade });
        }
    }

    fn set_times(&mut self, trades: u32) {
        self.times.clear();
        self.times.extend((0..MINUTE_MS / QUOTE_MS).map(|quote| (quote * QUOTE_MS, false)));
        for _ in 0..trades {
            self.times.push((self.draw.below(MINUTE_MS), true));
        }
        self.times.sort_unstable();
    }

    /// The mid price at the second of two offsets, given that at the first.
    fn bridge(&mut self, minute: &Minute, mid: f64, (before, offset): (u64, u64)) -> f64 {
        if offset == before {
            return mid;
        }
        let share = |ms: u64| ms as f64 / MINUTE_MS as f64;
        let (gone, left) = (share(offset - before), share(MINUTE_MS - before));
        let spread = libm::sqrt(gone * (left - gone) / left);
        let target = mid + (minute.to - mid) * gone / left;
        (target + minute.from * minute.volatility * spread * self.draw.normal()).max(2.0)
    }

    fn trade(&mut self, (bid, ask): (i64, i64), size: f64, buys: f64) -> Trade {
        let buy = self.draw.happens(buys);
        let lots = (size * self.draw.exponential()).round().max(1.0) as i64;
        Trade { buy, ticks: if buy { ask } else { bid }, lots }
    }
}

/// Best bid and ask around a mid price, in ticks.
fn quote(minute: &Minute, mid: f64) -> (i64, i64) {
    let stressed = 1.0 + STRESSED_SPREAD * minute.stress;
    let spread = (minute.regime.spread_bps * 1e-4 * stressed * mid).round().max(1.0);
    let bid = ((mid - spread / 2.0).round() as i64).max(1);
    (bid, bid + spread as i64)
}
