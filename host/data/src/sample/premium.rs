//! Mark prices and funding of the sample: what a perpetual costs beyond the asset itself, and what that costs to hold.
//!
//! A premium wanders about zero and follows the price: rallies are bought with leverage. The mark price is a smoothed
//! last price without the premium; funding is what the premium was on average, above the usual rate.

use cryptobot_engine::BarBlock;
use cryptobot_model::{FundingRate, Price, Rate, Timestamp};

use super::market::{Draw, Pair, power_of_ten, with_capacity};

/// Streams of the generator below these belong to the prices.
const FIRST_STREAM: u64 = 1_000;
/// Minutes between two payments.
const FUNDING_MINUTES: usize = 480;
/// The rate that funding reverts to.
const USUAL_RATE: f64 = 0.000_1;
/// The largest rate, in either direction.
const LARGEST_RATE: f64 = 0.003;
/// Share of the premium that goes in a minute: half of it in a day.
const REVERSION: f64 = 0.000_48;
/// Random change of the premium in a minute: 1 basis point is usual.
const NOISE: f64 = 0.000_003;
/// Share of a return that becomes premium.
const PURSUIT: f64 = 0.005;
/// Weight of the newest close in the mark price.
const WEIGHT: f64 = 0.5;

/// The mark prices over a pair's bars, and its rates every 8 hours, each with the mark price of its time.
pub(super) fn marks_and_funding(
    pair: &Pair,
    bars: &BarBlock,
    slot: u64,
    seed: u64,
) -> (BarBlock, Vec<FundingRate>) {
    let mut draw = Draw::new(seed, FIRST_STREAM + slot);
    let ticks = power_of_ten(pair.price_places);
    let on_tick = |price: f64| libm::rint(price * ticks).max(1.0) / ticks;
    let mut marks = with_capacity(bars.len());
    let mut funding = Vec::with_capacity(bars.len() / FUNDING_MINUTES + 1);
    let (mut smooth, mut premium, mut sum) = (bars.open[0], 0.0, 0.0);
    let mut close = on_tick(smooth);
    for row in 0..bars.len() {
        let open = close;
        if row % FUNDING_MINUTES == 0 {
            let mean = sum / FUNDING_MINUTES as f64;
            let rate = (USUAL_RATE + mean).clamp(-LARGEST_RATE, LARGEST_RATE);
            funding.push(FundingRate {
                ts: Timestamp::from_millis(bars.open_ms[row]),
                rate: Rate::from_f64(rate).unwrap_or_default(),
                mark: Price::from_f64(open),
            });
            sum = 0.0;
        }
        let (last_open, last_close) = (bars.open[row], bars.close[row]);
        premium += PURSUIT * (last_close / last_open - 1.0) - REVERSION * premium + NOISE * draw.normals().0;
        sum += premium;
        smooth += WEIGHT * (last_close - smooth);
        close = on_tick(smooth * (1.0 - premium));
        // The mark moves less inside a minute than the last price does.
        let above = WEIGHT * (bars.high[row] - last_open.max(last_close));
        let below = WEIGHT * (last_open.min(last_close) - bars.low[row]);
        marks.open_ms.push(bars.open_ms[row]);
        marks.open.push(open);
        marks.high.push(on_tick(open.max(close) + above));
        marks.low.push(on_tick(open.min(close) - below));
        marks.close.push(close);
        marks.volume.push(0.0);
    }
    (marks, funding)
}
