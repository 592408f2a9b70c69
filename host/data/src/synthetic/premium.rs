//! What a perpetual costs beyond its index, and what that makes of mark prices and funding.
//!
//! The premium returns to that of the regime and follows the price: rallies are bought with leverage, panics sold. The mark
//! price is the index with a smoothed premium, so that it moves less than the last price does in a panic.

use super::draw::Draw;
use super::latent::Minute;
use super::pairs::Pair;

/// Time between two payments.
pub(super) const FUNDING_MS: i64 = 8 * 3_600_000;
/// Interest per payment, and how far the rate may be from the premium for it.
const INTEREST: f64 = 0.000_1;
const DAMPER: f64 = 0.000_5;
/// Largest rate in either direction.
const LARGEST_RATE: f64 = 0.003;
/// Share of the distance from the regime's premium that goes in a minute: half of it in a day.
const REVERSION: f64 = 0.000_48;
/// Random change of the premium in a minute.
const NOISE: f64 = 0.000_003;
/// Share of a return that becomes premium.
const PURSUIT: f64 = 0.01;
/// Weight of the newest premium in the mark price.
const WEIGHT: f64 = 1.0 / 30.0;

/// What mid prices of a minute are multiplied with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ratios {
    pub index: f64,
    pub mark: f64,
}

/// The premium of one pair.
pub(super) struct Premium {
    draw: Draw,
    /// Now, and smoothed; `None` before the first minute.
    now: Option<(f64, f64)>,
    /// Sum and number of the minutes since the last payment.
    sum: f64,
    minutes: u32,
}

impl Premium {
    pub fn new(pair: &Pair, seed: u64) -> Self {
        Self { draw: Draw::new(seed, 300 + pair.slot), now: None, sum: 0.0, minutes: 0 }
    }

    /// Moves on by a minute.
    pub fn step(&mut self, minute: &Minute) -> Ratios {
        let usual = minute.regime.premium;
        let (mut premium, mut smooth) = self.now.unwrap_or((usual, usual));
        premium += PURSUIT * (minute.to / minute.from - 1.0)
            + REVERSION * (usual - premium)
            + NOISE * self.draw.normal();
        smooth += WEIGHT * (premium - smooth);
        self.now = Some((premium, smooth));
        self.sum += premium;
        self.minutes += 1;
        Ratios { index: 1.0 / (1.0 + premium), mark: (1.0 + smooth) / (1.0 + premium) }
    }

    /// The rate of a payment: the mean premium since the last one, drawn towards the interest (the formula of Binance
    /// USD-M). On the grid of 1e-8.
    pub fn rate(&mut self, minute: &Minute) -> f64 {
        let mean = if self.minutes == 0 { minute.regime.premium } else { self.sum / f64::from(self.minutes) };
        (self.sum, self.minutes) = (0.0, 0);
        let rate = mean + (INTEREST - mean).clamp(-DAMPER, DAMPER);
        (rate.clamp(-LARGEST_RATE, LARGEST_RATE) * 1e8).round() / 1e8
    }
}
