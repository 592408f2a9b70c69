//! Resampling against a naive implementation.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;

use cryptobot_data::{Catalog, divides, resample};
use cryptobot_engine::BarBlock;
use cryptobot_model::{Timeframe, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use support::{Layout, MINUTE, Rows, load, path, request};

/// Groups rows by the open time of their higher bar, then looks at each group on its own.
fn naive(bars: &BarBlock, source: Timeframe, target: Timeframe) -> BarBlock {
    let mut groups: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (row, open) in bars.open_ms.iter().enumerate() {
        groups.entry(target.open_of(Timestamp::from_millis(*open)).millis()).or_default().push(row);
    }
    let first = bars.open_ms.first().copied().unwrap_or_default();
    let end = bars.open_ms.last().copied().unwrap_or_default() + source.millis();
    let mut out = BarBlock::default();
    for (open, rows) in groups {
        if open < first || open + target.millis() > end {
            continue;
        }
        let of = |column: &[f64]| rows.iter().map(|row| column[*row]).collect::<Vec<f64>>();
        out.open_ms.push(open);
        out.open.push(of(&bars.open)[0]);
        out.high.push(of(&bars.high).into_iter().fold(f64::MIN, f64::max));
        out.low.push(of(&bars.low).into_iter().fold(f64::MAX, f64::min));
        out.close.push(of(&bars.close)[rows.len() - 1]);
        out.volume.push(of(&bars.volume).into_iter().sum());
    }
    out
}

fn timeframe(text: &str) -> Timeframe {
    text.parse().unwrap()
}

prop_compose! {
    /// Bars with holes that begin anywhere, around the turn of a year too.
    fn series(source: Timeframe)(
        days in -20_000_i64..30_000,
        late in any::<bool>(),
        steps in proptest::collection::vec((1_i64..4, 1_u32..1_000, 0_u32..50, 0_u32..50, 0_u32..100), 0..400),
    ) -> BarBlock {
        let year_end = Timestamp::from_civil(2024, 12, 31).plus(23 * Timeframe::HOUR.nanos());
        let at = if late { year_end } else { Timestamp(days * Timeframe::DAY.nanos()) };
        let mut open_ms = source.open_of(at).millis();
        let mut bars = BarBlock::default();
        for (step, price, up, down, volume) in steps {
            // Mostly without a hole.
            open_ms += source.millis() * if step == 3 { 3 } else { 1 };
            let price = f64::from(price) + 50.0;
            bars.open_ms.push(open_ms);
            bars.open.push(price);
            bars.high.push(price + f64::from(up));
            bars.low.push(price - f64::from(down));
            bars.close.push(price + f64::from(up) / 2.0);
            bars.volume.push(f64::from(volume) / 8.0);
        }
        bars
    }
}

fn cases() -> impl Strategy<Value = (Timeframe, Timeframe, BarBlock)> {
    let pairs = vec![
        ("1m", "5m"),
        ("1m", "15m"),
        ("1m", "1h"),
        ("5m", "4h"),
        ("1h", "1d"),
        ("4h", "1w"),
        ("1d", "1w"),
        ("7m", "21m"),
    ];
    let usual = select(pairs).prop_map(|(source, target)| (timeframe(source), timeframe(target)));
    // Any two lengths of which one divides the other, those that begin in the middle of a day too.
    let any = (1_i64..40_000, 2_i64..50).prop_filter_map("no such timeframe", |(seconds, parts)| {
        let of = |seconds: i64| Timeframe::from_nanos(seconds * 1_000_000_000);
        let (source, target) = (of(seconds)?, of(seconds * parts)?);
        divides(source, target).then_some((source, target))
    });
    prop_oneof![usual, any].prop_flat_map(|(source, target)| (Just(source), Just(target), series(source)))
}

fn columns(bars: &BarBlock) -> (&[i64], [&[f64]; 5]) {
    (&bars.open_ms, [&bars.open, &bars.high, &bars.low, &bars.close, &bars.volume])
}

proptest! {
    #[test]
    fn resampling_agrees_with_the_naive_way((source, target, bars) in cases()) {
        let built = resample(&bars, source, target).unwrap();
        let expected = naive(&bars, source, target);
        prop_assert_eq!(columns(&built), columns(&expected));
    }

    #[test]
    fn a_reader_resamples_as_memory_does(
        group_rows in 1_usize..200,
        offset in 0_i64..120,
        count in 1_usize..2_000,
        target in select(vec!["2m", "15m", "1h", "1d"]),
    ) {
        // Across the turn of the year 2023.
        let first = support::START - (600 + offset) * MINUTE;
        let root = tempfile::tempdir().unwrap();
        Rows::minutes(first, count).write(&path(root.path(), "1m", "2023.parquet"), Layout { group_rows, ..Layout::PLAIN });
        let fine = load(root.path(), &request("1m")).unwrap();
        let expected = resample(&fine, Timeframe::MINUTE, timeframe(target)).unwrap();
        match Catalog::open(root.path()).unwrap().series(&request(target)) {
            Ok(reader) => {
                prop_assert_eq!(reader.expected_rows(), expected.len() as u64);
                prop_assert_eq!(reader.first_open().millis(), expected.open_ms[0]);
                prop_assert_eq!(reader.source_kind(), Timeframe::MINUTE);
                let built = support::read(reader).unwrap();
                prop_assert_eq!(columns(&built), columns(&expected));
            }
            Err(error) => prop_assert!(expected.is_empty(), "{error}"),
        }
    }
}

#[test]
fn only_aligned_divisors_can_be_resampled() {
    for (source, target, possible) in [
        ("1m", "1h", true),
        ("1h", "1m", false),
        ("7m", "1h", false),
        ("1d", "1w", true),
        ("2d", "1w", false),
        // Half a week divides a week, but no half week begins on a Monday.
        ("302400s", "1w", false),
    ] {
        assert_eq!(divides(timeframe(source), timeframe(target)), possible, "{source} {target}");
        assert_eq!(resample(&BarBlock::default(), timeframe(source), timeframe(target)).is_some(), possible);
    }
}
