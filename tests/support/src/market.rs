//! Seeded markets in memory.

use cryptobot_engine::BarBlock;
use cryptobot_engine::random::Random;

/// First open time of generated markets: 2023-01-01T00:00:00Z, ms.
pub const START_MS: i64 = 1_672_531_200_000;

/// A random walk of minute bars: prices with two decimals, open = previous close, volatility as in the benchmark
/// job's generator but with other random numbers.
pub fn random_walk(bars: usize, seed: u64) -> BarBlock {
    let mut random = Random::new(seed, 0);
    let mut uniform = move || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let mut block = BarBlock::default();
    let mut price = 42_000.0_f64;
    for index in 0..bars {
        // The sum of three uniform numbers is close enough to a normal one here.
        let step = (uniform() + uniform() + uniform() - 1.5) * 2.0 * 0.0006;
        let close = cents(price * (1.0 + step));
        let (top, bottom) = (price.max(close), price.min(close));
        block.open_ms.push(START_MS + index as i64 * 60_000);
        block.open.push(price);
        block.high.push(cents(top * (1.0 + uniform() * 0.0003)).max(top));
        block.low.push(cents(bottom * (1.0 - uniform() * 0.0003)).min(bottom));
        block.close.push(close);
        block.volume.push(1.0 + (uniform() * 1e4).round() / 1e3);
        price = close;
    }
    block
}

/// The same walk from 1000 with every return taken `times` as large: bars that leveraged positions do not survive.
pub fn wild_walk(bars: usize, seed: u64, times: usize) -> BarBlock {
    let mut block = random_walk(bars, seed);
    let columns = [&mut block.open, &mut block.high, &mut block.low, &mut block.close];
    for price in columns.into_iter().flatten() {
        let ratio = *price / 42_000.0;
        *price = cents(1_000.0 * std::iter::repeat_n(ratio, times).product::<f64>()).max(0.01);
    }
    block
}

fn cents(price: f64) -> f64 {
    (price * 100.0).round() / 100.0
}

/// Divides a block into blocks of `rows` rows.
pub fn in_blocks(block: &BarBlock, rows: usize) -> Vec<BarBlock> {
    let part = |column: &[f64], from: usize, to: usize| column[from..to].to_vec();
    (0..block.len())
        .step_by(rows)
        .map(|from| {
            let to = (from + rows).min(block.len());
            BarBlock {
                open_ms: block.open_ms[from..to].to_vec(),
                open: part(&block.open, from, to),
                high: part(&block.high, from, to),
                low: part(&block.low, from, to),
                close: part(&block.close, from, to),
                volume: part(&block.volume, from, to),
            }
        })
        .collect()
}
