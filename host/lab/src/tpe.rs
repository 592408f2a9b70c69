//! The tree-structured Parzen estimator: Bergstra, Bardenet, Bengio, Kégl, Algorithms for Hyper-Parameter Optimization,
//! NIPS 2011, section 4.
//!
//! The results so far are divided into the best share and the rest; on each axis a density is estimated of either, and
//! of some draws from the density of the best the one is taken whose ratio of the two is largest. Combinations are asked
//! for in batches of a fixed size from the results of all batches before, so that the number of workers changes nothing.

use cryptobot_engine::random::Random;

use crate::axis::Axis;
use crate::search::Choice;
use crate::space::{Space, Untried};

/// Combinations between two looks at the results.
pub(crate) const BATCH: u64 = 16;
/// Most combinations: each looks back on all before.
pub(crate) const MOST_TRIALS: u128 = 20_000;
/// Combinations of a Latin hypercube at the beginning.
const STARTUP: usize = 2 * BATCH as usize;
/// Share of the results that counts as the best: γ of the paper.
const BEST_SHARE: f64 = 0.15;
/// Draws of which the best one is taken.
const DRAWS: usize = 24;
/// Draws of a combination that was not tried yet, before the next one by its number is taken.
const ATTEMPTS: usize = 8;

/// What was tried and what came of it, in the order of the indices.
#[derive(Clone, Debug)]
pub(crate) struct History {
    tried: Vec<(Vec<u32>, f64)>,
    untried: Untried,
}

impl History {
    /// Of a search that has not begun.
    pub(crate) fn new(space: &Space) -> Self {
        Self { tried: Vec::new(), untried: Untried::new(space) }
    }

    /// Adds the results of a batch: positions and score, more is better, NaN = none.
    pub(crate) fn tell(&mut self, batch: impl IntoIterator<Item = (Vec<u32>, f64)>) {
        for (positions, score) in batch {
            self.tried.push((positions, if score.is_nan() { f64::NEG_INFINITY } else { score }));
        }
    }

    /// The combinations of the batch that begins with an index, none of which was asked for before.
    pub(crate) fn ask(&mut self, choice: &Choice, space: &Space, first: u64) -> Vec<Vec<u32>> {
        let count = BATCH.min(choice.combinations - first);
        if self.tried.len() < STARTUP {
            let startup = Choice { combinations: choice.combinations.min(STARTUP as u64), ..*choice };
            let drawn = (first..first + count).map(|index| startup.positions(space, index));
            return drawn.map(|drawn| self.untried.take_next(&drawn, space)).collect();
        }
        let mut order: Vec<&(Vec<u32>, f64)> = self.tried.iter().collect();
        // Stable: of equal results the earlier is the better one.
        order.sort_by(|a, b| b.1.total_cmp(&a.1));
        let best = ((BEST_SHARE * order.len() as f64) as usize).max(2);
        let densities: Vec<(Density, Density)> = (0..space.axes.len())
            .map(|axis| {
                let of = |part: &[&(Vec<u32>, f64)]| {
                    Density::new(&space.axes[axis], part.iter().map(|(positions, _)| positions[axis]))
                };
                (of(&order[..best]), of(&order[best..]))
            })
            .collect();
        let untried = &mut self.untried;
        let ask = |index| {
            let mut random = Random::new(choice.seed, index);
            let mut drawn = Vec::new();
            for _ in 0..ATTEMPTS {
                drawn = densities.iter().map(|(good, bad)| draw(good, bad, &mut random)).collect();
                if untried.take(&drawn, space) {
                    return drawn;
                }
            }
            untried.take_next(&drawn, space)
        };
        (first..first + count).map(ask).collect()
    }
}

fn draw(good: &Density, bad: &Density, random: &mut Random) -> u32 {
    let mut best = (f64::NEG_INFINITY, 0);
    for _ in 0..DRAWS {
        let position = good.draw(random);
        let ratio = good.mass(position) / bad.mass(position);
        if ratio > best.0 {
            best = (ratio, position);
        }
    }
    best.1
}

/// Probabilities of the values of an axis.
enum Density {
    /// Of a range: a mixture of normal distributions, one around each value that was tried, and a uniform one.
    Mixture { kernels: Vec<Kernel>, values: f64 },
    /// Of a list: how often each was tried, and once more.
    Weights(Vec<f64>),
}

/// A normal distribution cut off at both ends of the axis.
struct Kernel {
    mean: f64,
    deviation: f64,
    /// Its share inside of the axis.
    inside: f64,
}

impl Density {
    fn new(axis: &Axis, tried: impl Iterator<Item = u32>) -> Self {
        if !axis.is_range() {
            let mut weights = vec![1.0; axis.len() as usize];
            tried.for_each(|position| weights[position as usize] += 1.0);
            let total: f64 = weights.iter().sum();
            return Self::Weights(weights.into_iter().map(|weight| weight / total).collect());
        }
        let values = f64::from(axis.len());
        let mut means: Vec<f64> = tried.map(|position| f64::from(position) + 0.5).collect();
        means.sort_by(f64::total_cmp);
        let least = values / (means.len() as f64 + 1.0).min(100.0);
        let kernel = |at: usize| {
            let before = if at == 0 { 0.0 } else { means[at - 1] };
            let after = means.get(at + 1).copied().unwrap_or(values);
            let deviation = (means[at] - before).max(after - means[at]).clamp(least, values);
            let inside = normal((values - means[at]) / deviation) - normal(-means[at] / deviation);
            Kernel { mean: means[at], deviation, inside }
        };
        Self::Mixture { kernels: (0..means.len()).map(kernel).collect(), values }
    }

    fn draw(&self, random: &mut Random) -> u32 {
        match self {
            Self::Weights(weights) => {
                let mut left = random.uniform();
                let drawn = weights.iter().position(|weight| {
                    left -= weight;
                    left < 0.0
                });
                drawn.unwrap_or(weights.len() - 1) as u32
            }
            Self::Mixture { kernels, values } => {
                let component = (random.uniform() * (kernels.len() + 1) as f64) as usize;
                let Some(kernel) = kernels.get(component) else { return (random.uniform() * values) as u32 };
                loop {
                    let drawn = kernel.mean + kernel.deviation * random.normal();
                    if drawn >= 0.0 && drawn < *values {
                        return drawn as u32;
                    }
                }
            }
        }
    }

    fn mass(&self, position: u32) -> f64 {
        match self {
            Self::Weights(weights) => weights[position as usize],
            Self::Mixture { kernels, values } => {
                let from = f64::from(position);
                let of = |kernel: &Kernel| {
                    let below = |at: f64| normal((at - kernel.mean) / kernel.deviation);
                    (below(from + 1.0) - below(from)) / kernel.inside
                };
                (kernels.iter().map(of).sum::<f64>() + 1.0 / values) / (kernels.len() + 1) as f64
            }
        }
    }
}

/// The standard normal distribution function.
fn normal(value: f64) -> f64 {
    0.5 * libm::erfc(-value / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use cryptobot_run::sweep::Search;

    use super::*;
    use crate::axis::Values;
    use cryptobot_model::{ParamType, ParamValue};
    use rust_decimal::Decimal;

    fn space() -> Space {
        let range = Values::Range { first: Decimal::ZERO, step: Decimal::ONE, count: 200 };
        let list = Values::List(["a", "b", "c"].map(|text| ParamValue::Text(text.into())).to_vec());
        Space::of_axes(vec![
            Axis { name: "x".into(), kind: ParamType::Integer, values: range.clone() },
            Axis { name: "y".into(), kind: ParamType::Integer, values: range },
            Axis { name: "z".into(), kind: ParamType::Text, values: list },
        ])
    }

    /// A peak at (150, 40, b).
    fn score(positions: &[u32]) -> f64 {
        let far = |at: u32, peak: f64| {
            let share = (f64::from(at) - peak) / 200.0;
            share * share
        };
        -far(positions[0], 150.0) - far(positions[1], 40.0) - if positions[2] == 1 { 0.0 } else { 0.5 }
    }

    fn search(trials: u64, seed: u64, score: impl Fn(&[u32]) -> f64) -> Vec<(Vec<u32>, f64)> {
        search_in(&space(), trials, seed, score)
    }

    fn search_in(
        space: &Space,
        trials: u64,
        seed: u64,
        score: impl Fn(&[u32]) -> f64,
    ) -> Vec<(Vec<u32>, f64)> {
        let mut history = History::new(space);
        let choice = Choice::new(space, Search::Tpe, Some(trials), seed, false).unwrap();
        let mut first = 0;
        while first < trials {
            let asked = history.ask(&choice, space, first);
            first += asked.len() as u64;
            history.tell(asked.into_iter().map(|positions| (positions.clone(), score(&positions))));
        }
        history.tried
    }

    #[test]
    fn it_finds_a_peak_that_as_many_random_draws_miss() {
        let best = |tried: &[(Vec<u32>, f64)]| tried.iter().map(|(_, score)| *score).fold(f64::MIN, f64::max);
        let (mut wins, rounds) = (0, 5);
        for seed in 0..rounds {
            let random: Vec<_> = {
                let space = space();
                let choice = Choice::new(&space, Search::Random, Some(160), seed, false).unwrap();
                (0..160)
                    .map(|index| choice.positions(&space, index))
                    .map(|at| (at.clone(), score(&at)))
                    .collect()
            };
            wins += u32::from(best(&search(160, seed, score)) > best(&random));
        }
        assert!(wins >= 4, "{wins} of {rounds}");
        assert!(best(&search(160, 3, score)) > -0.01);
    }

    #[test]
    fn it_tries_no_combination_twice_and_all_where_it_may() {
        let range = |count| Values::Range { first: Decimal::ZERO, step: Decimal::ONE, count };
        let axis = |count| Axis { name: "p".into(), kind: ParamType::Integer, values: range(count) };
        for (counts, trials) in [([10, 8], 80), ([10, 8], 70), ([3, 2], 6)] {
            let space = Space::of_axes(counts.map(axis).to_vec());
            let tried = search_in(&space, trials, 5, |positions| f64::from(positions[0]));
            let mut all: Vec<Vec<u32>> = tried.into_iter().map(|(positions, _)| positions).collect();
            all.sort();
            all.dedup();
            assert_eq!(all.len() as u64, trials);
        }
    }

    #[test]
    fn it_repeats_itself_with_the_seed_only_and_lives_without_results() {
        assert_eq!(search(70, 1, score), search(70, 1, score));
        assert_ne!(search(70, 1, score), search(70, 2, score));
        let blind = search(70, 1, |_| f64::NAN);
        assert_eq!(blind.len(), 70);
        assert!(blind.iter().all(|(_, score)| *score == f64::NEG_INFINITY));
    }
}
