//! Benchmarks of whole runs: ratios within one process, figures for people.
#![allow(clippy::print_stdout, clippy::disallowed_types, reason = "a benchmark measures and prints")]

use std::time::Instant;

use cryptobot_model::Timeframe;
use cryptobot_test_support::market::random_walk;
use cryptobot_test_support::run::{HashOnly, MemoryRun, instrument};
use cryptobot_test_support::sma_flip::SmaFlip;

fn main() {
    let bars = 525_600;
    let block = random_walk(bars, 42);
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(7);
    for _ in 0..rounds {
        let run = MemoryRun::new(vec![(instrument("J1USDT"), block.clone())])
            .with(SmaFlip::new(10, 30, 1.0), &[Timeframe::MINUTE], 42)
            .engine();
        let mut record = HashOnly::default();
        let started = Instant::now();
        let outcome = run.run_all(&mut record);
        let elapsed = started.elapsed();
        println!(
            "{:.2} ms, {} entries, {} bars",
            elapsed.as_secs_f64() * 1e3,
            record.finish().0,
            outcome.bars
        );
    }
}
