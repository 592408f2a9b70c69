//! A run over bars that are made on the way: work per bar and memory must not depend on their number.

use std::fs;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Instant;

use cryptobot_engine::random::Random;
use cryptobot_engine::{
    BarBlock, BarSource, Engine, Exchange, ExchangeConfig, InstrumentSetup, SourceError, StrategySetup,
};
use cryptobot_model::{Money, Timeframe};
use cryptobot_test_support::market::START_MS;
use cryptobot_test_support::native::Native;
use cryptobot_test_support::run::{ALL_WANTS, HashOnly, desk, instrument};
use cryptobot_test_support::sma_flip::SmaFlip;

const BLOCK_ROWS: usize = 16_384;

/// Makes minute bars block by block.
struct Made {
    random: Random,
    left: usize,
    open_ms: i64,
    price: f64,
}

impl BarSource for Made {
    fn next_block(&mut self, block: &mut BarBlock) -> Result<(), SourceError> {
        block.clear();
        let rows = self.left.min(BLOCK_ROWS);
        self.left -= rows;
        for _ in 0..rows {
            let step = (self.random.next_u64() >> 48) as f64 - 32_767.5;
            let close = (self.price + step * 0.001 - (self.price - 42_000.0) * 1e-4).max(1.0);
            block.open_ms.push(self.open_ms);
            block.open.push(self.price);
            block.high.push(self.price.max(close));
            block.low.push(self.price.min(close));
            block.close.push(close);
            block.volume.push(1.0);
            self.open_ms += 60_000;
            self.price = close;
        }
        Ok(())
    }
}

/// Runs the benchmark strategy over `bars` bars and prints time per bar and peak memory.
pub(crate) fn run(bars: usize) -> ExitCode {
    let instruments = vec![instrument("STREAM")];
    let source = Made { random: Random::new(1, 1), left: bars, open_ms: START_MS, price: 42_000.0 };
    let desk = desk(0, &instruments, &[Timeframe::MINUTE], 1);
    let setup = StrategySetup {
        strategy: Box::new(Native::new(desk, SmaFlip::new(10, 30, 1.0))),
        origin: None,
        wants: ALL_WANTS,
        balance: Money::from_units(100_000_000 * 100_000_000),
        leverage: 1.0,
        max_open_orders: 200,
        faults: cryptobot_engine::FaultPolicy::default(),
    };
    let market = InstrumentSetup::new(instruments[0].clone(), Timeframe::MINUTE, Box::new(source));
    let exchange = Exchange::new(&instruments, &ExchangeConfig::default());
    let mut recorder = HashOnly::default();
    let started = Instant::now();
    let outcome = Engine::new(vec![market], vec![setup], exchange)
        .and_then(|mut engine| engine.run(&mut recorder, &mut |_| ControlFlow::Continue(())));
    let took = started.elapsed();
    match outcome {
        Ok(outcome) => {
            let per_bar = took.as_secs_f64() * 1e9 / outcome.bars as f64;
            println!("{} bars, {per_bar:.1} ns per bar, peak {} kB", outcome.bars, peak_memory_kb());
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Peak resident memory of this process as Linux tells it; 0 elsewhere.
fn peak_memory_kb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
