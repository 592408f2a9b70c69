//! The collector's share of a step: a year of minutes of one instrument, and of ten with three strategies.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use cryptobot_analytics::{AccountLabel, Collector, InstrumentLabel, Setup};
use cryptobot_engine::{Mark, Recorder};
use cryptobot_model::{Money, Timestamp};

const STEPS: i64 = 525_600;
const MINUTE: i64 = 60_000_000_000;

fn year(strategies: usize, instruments: usize) -> Collector {
    let label = |number: usize| AccountLabel {
        name: number.to_string(),
        initial_balance: Money::from_f64(1e4).unwrap(),
        instruments: Vec::new(),
        series: Vec::new(),
    };
    let instrument = |number: usize| InstrumentLabel { venue: "v".to_owned(), symbol: number.to_string() };
    let mut collector = Collector::new(Setup {
        strategies: (0..strategies).map(label).collect(),
        instruments: (0..instruments).map(instrument).collect(),
        from: Timestamp(0),
        to: Timestamp(STEPS * MINUTE),
    });
    let (mut prices, mut equities) = (vec![100.0; instruments], vec![1e4; strategies]);
    for step in 1..=STEPS {
        // A cheap zigzag with new peaks and drawdowns.
        let wave = ((step * 7919) % 1_009) as f64;
        prices.fill(100.0 + wave);
        equities.fill(1e4 + wave + step as f64 * 1e-3);
        collector.mark(&Mark {
            ts: Timestamp(step * MINUTE),
            prices: &prices,
            equities: &equities,
            margin_ratios: &[],
        });
    }
    collector
}

fn mark(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mark");
    group.sample_size(20).throughput(Throughput::Elements(STEPS as u64));
    group.bench_function("1 strategy, 1 instrument", |bencher| {
        bencher.iter(|| black_box(year(1, 1)));
    });
    group.bench_function("3 strategies, 10 instruments", |bencher| {
        bencher.iter(|| black_box(year(3, 10)));
    });
    group.finish();
}

criterion_group!(benches, mark);
criterion_main!(benches);
