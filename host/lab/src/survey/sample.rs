//! Combinations that stand for all.

use std::collections::BTreeMap;

use super::Line;

/// A fixed number of combinations, as if drawn by lot, which depend neither on the order in which they come nor on the
/// ranges: those whose numbers have the smallest hashes.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    most: usize,
    /// By hash.
    lines: BTreeMap<u64, Line>,
}

impl Sample {
    pub(super) fn new(most: usize) -> Self {
        Self { most, lines: BTreeMap::new() }
    }

    pub(super) fn offer(&mut self, line: &Line) {
        let hash = hash(line.index);
        let full = self.lines.len() >= self.most;
        if full && self.lines.last_key_value().is_none_or(|(largest, _)| hash > *largest) {
            return;
        }
        self.lines.insert(hash, line.clone());
        if self.lines.len() > self.most {
            self.lines.pop_last();
        }
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &Line> + Clone {
        self.lines.values()
    }
}

/// `SplitMix64` (Steele and others, 2014): no two numbers share a hash, and neighbours have nothing in common.
fn hash(index: u64) -> u64 {
    let mut bits = index.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(indexes: impl Iterator<Item = u64>) -> Vec<u64> {
        let mut sample = Sample::new(600);
        for index in indexes {
            sample.offer(&Line { index, metric: 0.0, positions: Vec::new() });
        }
        sample.lines().map(|line| line.index).collect()
    }

    #[test]
    fn a_sample_has_each_value_of_the_fastest_axes_about_equally_often() {
        let drawn = sample(0..50_000);
        assert_eq!(drawn.len(), 600);
        for radix in [2, 3, 4, 5, 8, 10] {
            for value in 0..radix {
                let count = drawn.iter().filter(|index| *index % radix == value).count() as f64;
                let expected = 600.0 / radix as f64;
                assert!((count - expected).abs() < 4.0 * expected.sqrt(), "{count} of {value} in {radix}");
            }
        }
    }

    #[test]
    fn a_sample_does_not_depend_on_the_order() {
        assert_eq!(sample(0..5_000), sample((0..5_000).rev()));
        assert_eq!(sample(0..50).len(), 50);
    }
}
