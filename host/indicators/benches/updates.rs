//! Nanoseconds per update of every indicator.
#![allow(missing_docs, clippy::unwrap_used, reason = "benchmark")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use cryptobot_indicators::{
    Atr, Bank, Bollinger, Donchian, Ema, Highest, KINDS, Macd, Roc, Rsi, Sma, StdDev, Wma,
};

const BARS: usize = 10_000;

/// (high, low, close) of a walk that does not repeat itself.
fn bars() -> Vec<(f64, f64, f64)> {
    let (mut state, mut price) = (7_u64, 42_000.0);
    (0..BARS)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            price *= 1.0 + ((state >> 40) as f64 / f64::from(1 << 24) - 0.5) * 0.01;
            (price * 1.001, price * 0.999, price)
        })
        .collect()
}

fn updates(c: &mut Criterion) {
    let bars = bars();
    let mut group = c.benchmark_group("update");
    group.throughput(Throughput::Elements(BARS as u64));
    macro_rules! bench {
        ($name:literal, $new:expr, |$indicator:ident, $high:ident, $low:ident, $close:ident| $update:expr) => {
            group.bench_function($name, |b| {
                let mut $indicator = $new.unwrap();
                b.iter(|| {
                    for ($high, $low, $close) in &bars {
                        let _ = ($high, $low, $close);
                        black_box($update);
                    }
                });
            });
        };
    }
    bench!("sma-30", Sma::new(30), |i, h, l, c| i.update(*c));
    bench!("ema-30", Ema::new(30), |i, h, l, c| i.update(*c));
    bench!("wma-30", Wma::new(30), |i, h, l, c| i.update(*c));
    bench!("stddev-20", StdDev::new(20), |i, h, l, c| i.update(*c));
    bench!("bollinger-20", Bollinger::new(20, 2.0), |i, h, l, c| i.update(*c));
    bench!("rsi-14", Rsi::new(14), |i, h, l, c| i.update(*c));
    bench!("atr-14", Atr::new(14), |i, h, l, c| i.update(*h, *l, *c));
    bench!("macd-12-26-9", Macd::new(12, 26, 9), |i, h, l, c| i.update(*c));
    bench!("roc-10", Roc::new(10), |i, h, l, c| i.update(*c));
    bench!("highest-20", Highest::new(20), |i, h, l, c| i.update(*h));
    bench!("highest-1000", Highest::new(1_000), |i, h, l, c| i.update(*h));
    bench!("donchian-20", Donchian::new(20), |i, h, l, c| i.update(*h, *l));
    group.bench_function("bank-of-all-kinds", |b| {
        let mut bank = Bank::new(1);
        for kind in KINDS {
            bank.create(kind.name, 0, &[]).unwrap();
        }
        b.iter(|| {
            for (high, low, close) in &bars {
                bank.update(0, *close, *high, *low, *close, 1.0);
            }
            black_box(bank.value(0, 0, 0))
        });
    });
    group.finish();
}

criterion_group!(benches, updates);
criterion_main!(benches);
