//! Decoding a year of one-minute bars: `cargo bench -p cryptobot-data`.
//!
//! With `CRYPTOBOT_BENCH_CATALOG=DIR` the catalog of the benchmark job (`bench/J1USDT`) is read too.
#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first error")]

use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use cryptobot_data::{BarTable, Catalog, ReadAhead, SeriesRequest, write_bars};
use cryptobot_engine::{BarBlock, BarSource};
use cryptobot_model::Timeframe;

const ROWS: i64 = 525_600;

fn request(venue: &str, symbol: &str, timeframe: &str) -> SeriesRequest {
    let timeframe = timeframe.parse().unwrap();
    SeriesRequest {
        venue: venue.to_owned(),
        symbol: symbol.to_owned(),
        timeframe,
        from: None,
        to: None,
        allow_gaps: false,
    }
}

fn read_all(root: &Path, request: &SeriesRequest) -> f64 {
    let mut reader = Catalog::open(root).unwrap().series(request).unwrap();
    let mut block = BarBlock::default();
    let mut last = 0.0;
    loop {
        reader.read(&mut block).unwrap();
        match block.close.last() {
            Some(close) => last = *close,
            None => return last,
        }
    }
}

/// Reads all bars and works about 110 ns on each.
fn work_on(root: &Path, request: &SeriesRequest, ahead: bool) -> f64 {
    let reader = Catalog::open(root).unwrap().series(request).unwrap();
    let mut source: Box<dyn BarSource> =
        if ahead { Box::new(ReadAhead::new(reader, request.timeframe)) } else { Box::new(reader) };
    let mut block = BarBlock::default();
    let mut state = 0.0;
    loop {
        source.next_block(&mut block).unwrap();
        if block.is_empty() {
            return state;
        }
        for close in &block.close {
            state = (0..20).fold(state + close, |state, _| (state * state + 1.0).sqrt());
        }
    }
}

/// Prices that do not compress better than real ones: a random walk on a tick of 0.01.
fn walk() -> BarBlock {
    let mut bars = BarBlock::default();
    let mut state = 42_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64
    };
    let mut price = 4_200_000.0;
    for row in 0..ROWS {
        let open: f64 = price;
        price += (random() % 5_001.0) - 2_500.0;
        bars.open_ms.push(1_672_531_200_000 + row * 60_000);
        bars.open.push(open / 100.0);
        bars.high.push((open.max(price) + random() % 1_000.0) / 100.0);
        bars.low.push((open.min(price) - random() % 1_000.0) / 100.0);
        bars.close.push(price / 100.0);
        bars.volume.push(random() % 100_000.0 / 1_000.0);
    }
    bars
}

fn bench(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bench/WALK/1m/2023.parquet");
    write_bars(&path, Timeframe::MINUTE, &BarTable::from(&walk())).unwrap();
    let mut group = c.benchmark_group("a year of 1m");
    group.throughput(Throughput::Elements(ROWS as u64)).sample_size(20);
    let mut run = |name: &str, root: PathBuf, request: SeriesRequest| {
        group.bench_function(name, |b| b.iter(|| black_box(read_all(&root, &request))));
    };
    run("month groups", folder.path().to_owned(), request("bench", "WALK", "1m"));
    run("resampled to 1h", folder.path().to_owned(), request("bench", "WALK", "1h"));
    if let Some(root) = std::env::var_os("CRYPTOBOT_BENCH_CATALOG") {
        run("one group", root.into(), request("bench", "J1USDT", "1m"));
    }
    for ahead in [false, true] {
        let name = if ahead { "60 ms of work, read ahead" } else { "60 ms of work, read in between" };
        let request = request("bench", "WALK", "1m");
        group.bench_function(name, |b| {
            b.iter(|| black_box(work_on(folder.path(), &request, ahead)));
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
