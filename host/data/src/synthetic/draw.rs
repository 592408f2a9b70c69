//! Random numbers of the distributions that the generator needs, from one seeded stream each.

use cryptobot_engine::random::Random;

/// Degrees of freedom of [`Draw::student`]. Kurtosis 6: with GARCH parameters of this generator the fourth moment of the
/// returns exists, so that their squares have an autocorrelation.
const DEGREES: f64 = 6.0;
/// Largest mean that [`Draw::poisson`] multiplies up to in one piece.
const POISSON_PIECE: f64 = 16.0;

/// One stream of a seed. All numbers are computed with `libm`: equal on every machine.
#[derive(Debug)]
pub(super) struct Draw(Random);

impl Draw {
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(Random::new(seed, stream))
    }

    /// Uniform in `[0, 1)`.
    pub fn uniform(&mut self) -> f64 {
        self.0.uniform()
    }

    /// A whole number in `[0, end)`; 0 where `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        ((self.uniform() * end as f64) as u64).min(end.saturating_sub(1))
    }

    /// Whether something of this chance happens.
    pub fn happens(&mut self, chance: f64) -> bool {
        self.uniform() < chance
    }

    /// Standard normal.
    pub fn normal(&mut self) -> f64 {
        self.0.normal()
    }

    /// Student's t with [`DEGREES`] degrees of freedom, scaled to variance 1 (Bailey, Polar Generation of Random Variates
    /// with the t-Distribution, 1994).
    pub fn student(&mut self) -> f64 {
        let power = libm::pow(1.0 - self.uniform(), -2.0 / DEGREES);
        let radius = libm::sqrt(DEGREES * (power - 1.0));
        let scale = libm::sqrt((DEGREES - 2.0) / DEGREES);
        scale * radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }

    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -libm::log(1.0 - self.uniform())
    }

    /// Poisson (Knuth, The Art of Computer Programming, volume 2, 3.4.1, in pieces that do not underflow).
    pub fn poisson(&mut self, mean: f64) -> u32 {
        let (mut rest, mut count) = (mean, 0);
        while rest > 0.0 {
            let end = libm::exp(-rest.min(POISSON_PIECE));
            let mut product = self.uniform();
            while product > end {
                count += 1;
                product *= self.uniform();
            }
            rest -= POISSON_PIECE;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(values: &[f64]) -> (f64, f64) {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let square = |value: &f64| (value - mean) * (value - mean);
        (mean, values.iter().map(square).sum::<f64>() / values.len() as f64)
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut draw = Draw::new(1, 1);
        let mut sample =
            |of: &dyn Fn(&mut Draw) -> f64| (0..200_000).map(|_| of(&mut draw)).collect::<Vec<_>>();
        for (name, values, mean, variance) in [
            ("student", sample(&Draw::student), 0.0, 1.0),
            ("exponential", sample(&Draw::exponential), 1.0, 1.0),
            ("small poisson", sample(&|draw| draw.poisson(0.7).into()), 0.7, 0.7),
            ("large poisson", sample(&|draw| draw.poisson(40.0).into()), 40.0, 40.0),
            ("below", sample(&|draw| draw.below(10) as f64), 4.5, 8.25),
        ] {
            let found = moments(&values);
            assert!((found.0 - mean).abs() < 0.02 * mean.max(1.0), "{name}: mean {}", found.0);
            assert!((found.1 - variance).abs() < 0.05 * variance, "{name}: variance {}", found.1);
        }
        let tails = sample(&Draw::student).iter().filter(|value| value.abs() > 4.0).count();
        // 0.0027 of Student's t with 6 degrees and variance 1 lie beyond 4, 0.00006 of a normal distribution.
        assert!((350..750).contains(&tails), "{tails}");
    }

    #[test]
    fn edges_are_defined() {
        let mut draw = Draw::new(1, 1);
        assert_eq!(draw.poisson(0.0), 0);
        assert_eq!(draw.below(0), 0);
        assert_eq!(draw.below(1), 0);
    }
}
