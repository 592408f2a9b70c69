//! Nanoseconds per update: of some structs by themselves, of every kind in a bank, and of all kinds together.
#![allow(missing_docs, clippy::unwrap_used, reason = "benchmark")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use cryptobot_indicators::{Atr, Bank, Bollinger, Ema, Highest, KINDS, Macd, Ohlcv, Rsi, Sma, StdDev};

const BARS: usize = 10_000;

/// Bars of 15 minutes of a walk that does not repeat itself.
fn bars() -> Vec<Ohlcv> {
    let (mut state, mut price) = (7_u64, 42_000.0);
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    (0..BARS)
        .map(|i| {
            let open = price;
            price *= 1.0 + (random() - 0.5) * 0.01;
            let (high, low) = (open.max(price), open.min(price));
            Ohlcv {
                ts: i as i64 * 900_000_000_000,
                open,
                high: high * (1.0 + random() * 0.001),
                low: low * (1.0 - random() * 0.001),
                close: price,
                volume: 1.0 + 10.0 * random(),
            }
        })
        .collect()
}

fn structs(c: &mut Criterion) {
    let bars = bars();
    let mut group = c.benchmark_group("struct");
    group.throughput(Throughput::Elements(BARS as u64));
    macro_rules! bench {
        ($name:literal, $new:expr, |$indicator:ident, $bar:ident| $update:expr) => {
            group.bench_function($name, |b| {
                let mut $indicator = $new.unwrap();
                b.iter(|| {
                    for $bar in &bars {
                        black_box($update);
                    }
                });
            });
        };
    }
    bench!("sma-30", Sma::new(30), |i, bar| i.update(bar.close));
    bench!("ema-30", Ema::new(30), |i, bar| i.update(bar.close));
    bench!("stddev-20", StdDev::new(20), |i, bar| i.update(bar.close));
    bench!("bollinger-20", Bollinger::new(20, 2.0), |i, bar| i.update(bar.close));
    bench!("rsi-14", Rsi::new(14), |i, bar| i.update(bar.close));
    bench!("atr-14", Atr::new(14), |i, bar| i.update(bar.high, bar.low, bar.close));
    bench!("macd-12-26-9", Macd::new(12, 26, 9), |i, bar| i.update(bar.close));
    bench!("highest-1000", Highest::new(1_000), |i, bar| i.update(bar.high));
    group.finish();
}

fn kinds(c: &mut Criterion) {
    let bars = bars();
    let mut group = c.benchmark_group("kind");
    group.throughput(Throughput::Elements(BARS as u64));
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(50))
        .measurement_time(Duration::from_millis(200));
    for kind in KINDS {
        group.bench_function(kind.name, |b| {
            let mut bank = Bank::new(1);
            bank.create(kind.name, 0, &[]).unwrap();
            b.iter(|| {
                for bar in &bars {
                    bank.update(0, bar);
                }
                black_box(bank.value(0, 0, 0))
            });
        });
    }
    group.finish();
}

fn all_kinds(c: &mut Criterion) {
    let bars = bars();
    let outputs: usize = KINDS.iter().map(|kind| kind.outputs.len()).sum();
    let mut group = c.benchmark_group("all");
    group.throughput(Throughput::Elements(BARS as u64)).sample_size(20);
    group.bench_function(format!("{}-kinds-{outputs}-outputs", KINDS.len()), |b| {
        let mut bank = Bank::new(1);
        for kind in KINDS {
            bank.create(kind.name, 0, &[]).unwrap();
        }
        b.iter(|| {
            for bar in &bars {
                bank.update(0, bar);
            }
            black_box(bank.value(0, 0, 0))
        });
    });
    group.finish();
}

criterion_group!(benches, structs, kinds, all_kinds);
criterion_main!(benches);
