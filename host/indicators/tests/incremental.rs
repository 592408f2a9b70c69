//! Fed bar by bar beside all others, copied on the way, or alone in one go: the same bits.
#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use cryptobot_indicators::{Bank, KINDS, Ohlcv};

const ROWS: usize = 100_000;

fn bars() -> Vec<Ohlcv> {
    let (mut state, mut price) = (3_u64, 42_000.0);
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    (0..ROWS)
        .map(|i| {
            let open = price;
            price *= 1.0 + (random() - 0.5) * 0.01;
            // Now and then the market stands still.
            let still = i % 1_000 > 950;
            let close = if still { open } else { price };
            price = close;
            let (high, low) = (open.max(close), open.min(close));
            Ohlcv {
                ts: i as i64 * 900_000_000_000,
                open,
                high: if still { high } else { high * (1.0 + random() * 0.001) },
                low: if still { low } else { low * (1.0 - random() * 0.001) },
                close,
                volume: if still { 0.0 } else { 10.0 * random() },
            }
        })
        .collect()
}

#[test]
fn incremental_is_batch_bit_for_bit() {
    let bars = bars();
    let mut bank = Bank::new(2);
    let handles: Vec<u32> = KINDS
        .iter()
        .map(|kind| {
            bank.create(kind.name, 1, &[]).unwrap();
            bank.create(kind.name, 0, &[]).unwrap()
        })
        .collect();
    let mut rows: Vec<Vec<u64>> = vec![Vec::with_capacity(ROWS); KINDS.len()];
    for (i, bar) in bars.iter().enumerate() {
        if i == ROWS / 2 {
            bank = bank.clone();
        }
        bank.update(0, bar);
        if i % 3 == 0 {
            bank.update(1, bar);
        }
        for ((kind, handle), rows) in KINDS.iter().zip(&handles).zip(&mut rows) {
            let outputs =
                (0..kind.outputs.len() as u32).map(|output| bank.value(*handle, output, 0).to_bits());
            // All outputs of a row in one number: a mix that keeps every bit.
            rows.push(outputs.fold(0, |mixed, bits| mixed.rotate_left(7) ^ bits));
        }
    }
    for (kind, rows) in KINDS.iter().zip(&rows) {
        let mut alone = kind.start(&[]).unwrap();
        for (row, bar) in bars.iter().enumerate() {
            // A bank has one NaN for all.
            let one_nan = |value: &f64| if value.is_nan() { f64::NAN } else { *value };
            let outputs = alone.update(bar).iter().map(|value| one_nan(value).to_bits());
            let mixed = outputs.fold(0, |mixed: u64, bits| mixed.rotate_left(7) ^ bits);
            assert_eq!(mixed, rows[row], "{} row {row}", kind.name);
        }
    }
}

#[test]
fn after_its_warm_up_every_output_has_a_value_even_where_the_market_stands_still() {
    let bars = bars();
    for kind in KINDS {
        let defaults: Vec<f64> = kind.params.iter().map(|param| param.default).collect();
        let warmup = (kind.warmup)(&defaults) as usize;
        let mut indicator = kind.start(&[]).unwrap();
        for (row, bar) in bars.iter().take(5_000).enumerate() {
            for (output, value) in kind.outputs.iter().zip(indicator.update(bar)) {
                let told = format!("{} {output} row {row}: {value}", kind.name);
                if row + 1 < warmup {
                    assert!(value.is_nan(), "{told}");
                } else if (kind.name, *output) != ("bollinger", "percent-b") {
                    assert!(value.is_finite(), "{told}");
                }
            }
        }
    }
}
