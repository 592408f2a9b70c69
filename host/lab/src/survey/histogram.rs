//! The distribution of the metric.

use serde::Serialize;

/// Number of bars.
const BARS: usize = 48;
/// With fewer values nothing is folded into the outermost bars.
const MANY: usize = 1_000;
/// One of so many values on either side may be far from the others.
const TAIL: usize = 200;

/// Bars of equal width. None where all values are the same.
#[derive(Debug, Serialize)]
pub(super) struct Histogram {
    /// Begin of the first bar.
    first: f64,
    width: f64,
    pub(super) counts: Vec<u64>,
    /// Values that the first bar holds though they lie before it.
    below: Option<Beyond>,
    /// Values that the last bar holds though they lie behind it.
    above: Option<Beyond>,
}

/// Values beyond the bars.
#[derive(Debug, PartialEq, Serialize)]
struct Beyond {
    count: u64,
    furthest: f64,
}

impl Histogram {
    /// Bars over all values. Only where there are many, and some lie further from the bulk than the bulk is wide, are
    /// those folded into the outermost bar, which says so.
    pub(super) fn new(sorted: &[f32]) -> Self {
        let none = Self { first: 0.0, width: 0.0, counts: Vec::new(), below: None, above: None };
        let (Some(least), Some(most)) = (sorted.first(), sorted.last()) else { return none };
        let (least, most) = (f64::from(*least), f64::from(*most));
        let (low, high) = bounds(sorted, least, most);
        if high <= low {
            return none;
        }
        let width = (high - low) / BARS as f64;
        let mut counts = vec![0; BARS];
        for metric in sorted {
            counts[(((f64::from(*metric) - low) / width).max(0.0) as usize).min(BARS - 1)] += 1;
        }
        let before = sorted.partition_point(|metric| f64::from(*metric) < low) as u64;
        let behind = (sorted.len() - sorted.partition_point(|metric| f64::from(*metric) <= high)) as u64;
        let beyond = |count, furthest| (count > 0).then_some(Beyond { count, furthest });
        Self { first: low, width, counts, below: beyond(before, least), above: beyond(behind, most) }
    }
}

/// Where the bars begin and end.
fn bounds(sorted: &[f32], least: f64, most: f64) -> (f64, f64) {
    if sorted.len() < MANY {
        return (least, most);
    }
    let tail = sorted.len() / TAIL;
    let (low, high) = (f64::from(sorted[tail]), f64::from(sorted[sorted.len() - 1 - tail]));
    let bulk = high - low;
    let end = |inner: f64, outer: f64| {
        if bulk > 0.0 && (inner - outer).abs() > bulk { inner } else { outer }
    };
    (end(low, least), end(high, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_values_are_all_within_the_bars() {
        for count in [2_u16, 3, 20, 199, 999] {
            let mut values: Vec<f32> = (0..count).map(f32::from).collect();
            *values.last_mut().unwrap() = 50_000.0;
            let histogram = Histogram::new(&values);
            assert_eq!(histogram.counts.iter().sum::<u64>(), u64::from(count));
            assert_eq!((&histogram.below, &histogram.above), (&None, &None));
            assert_eq!(histogram.first + histogram.width * BARS as f64, 50_000.0);
            assert_eq!(histogram.counts[BARS - 1], 1, "the last alone");
        }
    }

    #[test]
    fn what_is_far_from_many_is_folded_and_said() {
        let mut values: Vec<f32> = (0..2_000_u16).map(f32::from).collect();
        let plain = Histogram::new(&values);
        assert_eq!((plain.first, &plain.below, &plain.above), (0.0, &None, &None));
        values[1_999] = 9_000.0;
        let folded = Histogram::new(&values);
        assert_eq!((folded.first, &folded.below), (0.0, &None));
        assert_eq!(folded.above, Some(Beyond { count: 10, furthest: 9_000.0 }));
        assert_eq!(folded.counts.iter().sum::<u64>(), 2_000);
        let odd: Vec<f32> = (0..2_000).map(|at| if at < 1_999 { 0.0 } else { 3.0 }).collect();
        assert_eq!(Histogram::new(&odd).counts[BARS - 1], 1, "most are the same");
    }

    #[test]
    fn equal_values_have_no_bars() {
        for values in [vec![], vec![1.0], vec![1.0; 5]] {
            assert!(Histogram::new(&values).counts.is_empty());
        }
    }
}
