//! Which combinations are tried, and in which order. Nothing here depends on time, threads or the order of results.

use std::collections::BTreeMap;

use cryptobot_engine::random::Random;
use cryptobot_run::sweep::Search;
use serde::{Deserialize, Serialize};

use crate::error::SweepError;
use crate::space::{Space, Untried};
use crate::tpe;

/// Combinations above which a sweep needs `--yes`.
const MANY: u128 = 10_000_000;
/// Combinations above which their tables and numbers are not made for.
const MOST: u128 = 1 << 40;
/// Combinations above which a Latin hypercube is not looked through for what it has twice.
const MOST_LHS: u128 = 1_000_000;

/// How combinations are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The kind of search.
    pub search: Search,
    /// Number of combinations.
    pub combinations: u64,
    /// Seed of what is drawn.
    pub seed: u64,
}

impl Choice {
    /// Checks that a search of `samples` combinations makes sense in a space.
    pub(crate) fn new(
        space: &Space,
        search: Search,
        samples: Option<u64>,
        seed: u64,
        yes: bool,
    ) -> Result<Self, SweepError> {
        let size = space.size();
        let flag = match search {
            Search::Grid => "--param",
            Search::Random => "--random",
            Search::Lhs => "--lhs",
            Search::Tpe => "--tpe",
        };
        let wrong = |problem: String| Err(SweepError::usage(flag, problem));
        let combinations = match (search, samples) {
            (Search::Grid, None) => size,
            (Search::Grid, Some(_)) => {
                return Err(SweepError::usage(
                    "sweep.samples",
                    "a grid tries all combinations; leave it out",
                ));
            }
            (_, None | Some(0)) => return wrong("say how many combinations are tried, 1 or more".to_owned()),
            (_, Some(samples)) => u128::from(samples),
        };
        if combinations > size {
            return wrong(format!("there are only {size} combinations; leave it out to try all of them"));
        }
        if search == Search::Random && size > u128::from(u64::MAX) / 2 {
            return wrong("too many combinations to draw from; take larger steps, or --lhs".to_owned());
        }
        if search == Search::Tpe && combinations > tpe::MOST_TRIALS {
            return wrong(format!(
                "at most {}: it looks back on all of them; use --random",
                tpe::MOST_TRIALS
            ));
        }
        if search == Search::Lhs && combinations > MOST_LHS {
            return wrong(format!(
                "at most {MOST_LHS}: all of them are compared with each other; use --random"
            ));
        }
        if combinations > MANY && !yes {
            return wrong(format!(
                "{combinations} combinations are more than 10 million; take fewer values with --param, some of them \
                 with --random N, or confirm with --yes"
            ));
        }
        if combinations > MOST {
            return wrong(format!(
                "{combinations} combinations are more than can be numbered; use --random N"
            ));
        }
        Ok(Self { search, combinations: combinations as u64, seed })
    }

    /// The combinations that would be ones of a smaller number once more, with what they are instead: the next that is
    /// not tried. A Latin hypercube has such where ranges have fewer values than there are combinations.
    pub(crate) fn replaced(&self, space: &Space) -> BTreeMap<u64, Vec<u32>> {
        let mut replaced = BTreeMap::new();
        if self.search == Search::Lhs {
            let mut untried = Untried::new(space);
            // First all that stay, so that what replaces one is none of those that follow.
            let again: Vec<u64> = (0..self.combinations)
                .filter(|index| !untried.take(&self.positions(space, *index), space))
                .collect();
            for index in again {
                replaced.insert(index, untried.take_next(&self.positions(space, index), space));
            }
        }
        replaced
    }

    /// Positions of a combination on the axes; of searches that do not look back.
    pub(crate) fn positions(&self, space: &Space, index: u64) -> Vec<u32> {
        match self.search {
            Search::Grid => space.positions(u128::from(index)),
            Search::Random => {
                let order = Permutation { size: space.size() as u64, key: self.seed };
                space.positions(u128::from(order.at(index)))
            }
            Search::Lhs | Search::Tpe => {
                let mut random = Random::new(self.seed, index);
                let axes = space.axes.iter().enumerate();
                let position = |(axis, values): (usize, &crate::axis::Axis)| {
                    let key = self.seed ^ (axis as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                    let stratum = Permutation { size: self.combinations, key }.at(index);
                    let share = (stratum as f64 + random.uniform()) / self.combinations as f64;
                    ((share * f64::from(values.len())) as u32).min(values.len() - 1)
                };
                axes.map(position).collect()
            }
        }
    }
}

/// A random order of `0..size` of which each place is computed on its own: a Feistel network over the next power of
/// four, walked until it comes back into the range (Black and Rogaway, Ciphers with Arbitrary Finite Domains, 2002).
#[derive(Clone, Copy, Debug)]
struct Permutation {
    size: u64,
    key: u64,
}

impl Permutation {
    const ROUNDS: u64 = 6;

    /// The number at a place.
    fn at(self, place: u64) -> u64 {
        let half = ((64 - self.size.saturating_sub(1).leading_zeros()).div_ceil(2)).max(1);
        let mask = (1_u64 << half) - 1;
        let mut number = place;
        loop {
            let (mut left, mut right) = (number >> half, number & mask);
            for round in 0..Self::ROUNDS {
                let mixed = Random::new(self.key, right ^ round << 56).next_u64() & mask;
                (left, right) = (right, left ^ mixed);
            }
            number = left << half | right;
            if number < self.size {
                return number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::{Axis, Values};
    use cryptobot_model::ParamType;
    use rust_decimal::Decimal;

    pub(crate) fn space(counts: &[u32]) -> Space {
        let axis = |count: &u32| Axis {
            name: "p".into(),
            kind: ParamType::Integer,
            values: Values::Range { first: Decimal::ONE, step: Decimal::ONE, count: *count },
        };
        Space::of_axes(counts.iter().map(axis).collect())
    }

    #[test]
    fn a_permutation_has_every_number_once() {
        for size in [1, 2, 3, 7, 64, 1_000, 4_097] {
            let order = Permutation { size, key: 7 };
            let mut all: Vec<u64> = (0..size).map(|place| order.at(place)).collect();
            if size > 100 {
                assert!(all.windows(2).filter(|pair| pair[1] == pair[0] + 1).count() < size as usize / 10);
            }
            all.sort_unstable();
            assert_eq!(all, (0..size).collect::<Vec<_>>());
        }
    }

    #[test]
    fn random_combinations_are_different_ones() {
        let space = space(&[7, 5]);
        let choice = Choice::new(&space, Search::Random, Some(35), 42, false).unwrap();
        let mut all: Vec<_> = (0..35).map(|index| choice.positions(&space, index)).collect();
        let other = Choice { seed: 43, ..choice };
        assert_ne!(all, (0..35).map(|index| other.positions(&space, index)).collect::<Vec<_>>());
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 35);
    }

    /// All combinations of a search, as they are tried.
    fn tried(choice: &Choice, space: &Space) -> Vec<Vec<u32>> {
        let replaced = choice.replaced(space);
        let of = |index| replaced.get(&index).cloned().unwrap_or_else(|| choice.positions(space, index));
        (0..choice.combinations).map(of).collect()
    }

    #[test]
    fn a_latin_hypercube_visits_every_part_of_every_axis_equally_often() {
        let space = space(&[50, 25]);
        let choice = Choice::new(&space, Search::Lhs, Some(50), 1, false).unwrap();
        let all = tried(&choice, &space);
        for (axis, count) in [(0, 50), (1, 25)] {
            for value in 0..count {
                let visits = all.iter().filter(|positions| positions[axis] == value).count();
                assert_eq!(visits, 50 / count as usize, "axis {axis}, value {value}");
            }
        }
    }

    #[test]
    fn a_latin_hypercube_has_no_combination_twice() {
        let space = space(&[7, 5, 3]);
        for count in [1, 20, 60, 104, 105] {
            let choice = Choice::new(&space, Search::Lhs, Some(count), 9, false).unwrap();
            let mut all = tried(&choice, &space);
            assert_eq!(all, tried(&choice, &space));
            let kept = (0..count).filter(|index| all[*index as usize] == choice.positions(&space, *index));
            assert!(kept.count() as u64 > count / 2, "most stay what they are");
            all.sort();
            all.dedup();
            assert_eq!(all.len() as u64, count);
        }
    }

    #[test]
    fn too_many_and_too_few_are_refused_with_the_fix() {
        let refused = |space: &Space, search, samples, yes| {
            Choice::new(space, search, samples, 0, yes).unwrap_err().to_string()
        };
        let huge = space(&[10_000, 10_000]);
        assert!(refused(&huge, Search::Grid, None, false).contains("--yes"));
        assert_eq!(Choice::new(&huge, Search::Grid, None, 0, true).unwrap().combinations, 100_000_000);
        assert!(refused(&huge, Search::Random, Some(0), false).contains("1 or more"));
        assert!(refused(&huge, Search::Lhs, None, false).contains("how many"));
        assert!(refused(&huge, Search::Tpe, Some(1_000_000), true).contains("--random"));
        assert!(refused(&huge, Search::Random, Some(20_000_000), false).contains("--yes"));
        assert!(refused(&huge, Search::Grid, None, false).contains("--param, some of them with --random N"));
        assert!(refused(&huge, Search::Lhs, Some(1_000_001), true).contains("--random"));
        for search in [Search::Random, Search::Lhs, Search::Tpe] {
            assert!(refused(&space(&[3]), search, Some(4), false).contains("only 3"));
            assert!(Choice::new(&space(&[3]), search, Some(3), 0, false).is_ok());
        }
        assert!(refused(&space(&[u32::MAX; 3]), Search::Random, Some(4), false).contains("--lhs"));
        assert!(refused(&space(&[3]), Search::Grid, Some(4), false).contains("leave it out"));
    }
}
