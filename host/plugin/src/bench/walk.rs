//! Bars to measure on: a seeded random walk, the same at every measurement.

use cryptobot_engine::BarBlock;
use cryptobot_engine::random::Random;

/// Open time of the first bar: 2024-01-01T00:00:00Z, ms.
const START_MS: i64 = 1_704_067_200_000;
const MINUTE_MS: i64 = 60_000;
const FIRST_PRICE: f64 = 40_000.0;
/// Largest return of a bar.
const STEP: f64 = 0.001;
/// Largest reach of high and low beyond open and close.
const REACH: f64 = 0.0004;

/// Minute bars of the walk with number `stream`; prices have two decimals.
pub(super) fn bars(count: usize, stream: u64) -> BarBlock {
    let mut random = Random::new(1, stream);
    // Uniform in [0, 1), from the 53 bits that an f64 holds.
    let mut uniform = move || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let mut block = BarBlock::default();
    let mut price = FIRST_PRICE;
    for index in 0..count {
        let close = cents(price * (1.0 + STEP * (2.0 * uniform() - 1.0)));
        block.open_ms.push(START_MS + index as i64 * MINUTE_MS);
        block.open.push(price);
        block.high.push(cents(price.max(close) * (1.0 + REACH * uniform())).max(price.max(close)));
        block.low.push(cents(price.min(close) * (1.0 - REACH * uniform())).min(price.min(close)));
        block.close.push(close);
        block.volume.push(1.0 + 9.0 * uniform());
        price = close;
    }
    block
}

fn cents(price: f64) -> f64 {
    (price * 100.0).round() / 100.0
}
