//! Always in the market: long while the fast average of closes is above the slow one, short while it is below.
//! The strategy of the benchmark job.

use cryptobot_sdk::prelude::*;

params! {
    /// The parameters.
    pub struct Params {
        /// Bars in the fast average of closes.
        fast: u32 = 10, range = 1..=10_000, step = 1;
        /// Bars in the slow average of closes; signals begin when it is full.
        slow: u32 = 30, range = 2..=10_000, step = 10;
        /// Size of the position, long or short, in base units.
        quantity: f64 = 1.0, range = 0.0..=1e9;
    }
}

/// One symbol.
#[derive(Debug, Serialize, Deserialize)]
pub struct SmaFlip {
    fast: Sma,
    slow: Sma,
    quantity: f64,
    /// The target given last, so that the host is asked only when it changes.
    target: f64,
}

impl Strategy for SmaFlip {
    type Params = Params;

    fn new(params: &Params, _series: &[Series], _host: &mut Host) -> Result<Self, String> {
        if params.fast >= params.slow {
            return Err(format!("fast ({}) must be below slow ({})", params.fast, params.slow));
        }
        let (fast, slow) = (Sma::new(params.fast)?, Sma::new(params.slow)?);
        Ok(Self { fast, slow, quantity: params.quantity, target: 0.0 })
    }

    fn on_bar(&mut self, host: &mut Host, series: &Series, bar: &Bar) {
        let (fast, slow) = (self.fast.update(bar.close), self.slow.update(bar.close));
        // While the slow average warms up it is NaN, and neither holds.
        let target = if fast > slow {
            self.quantity
        } else if fast < slow {
            -self.quantity
        } else {
            return;
        };
        if target != self.target {
            self.target = target;
            host.target_position(series, target);
        }
    }

    fn wants() -> Wants {
        Wants::BARS
    }

    fn warmup(params: &Params) -> u32 {
        params.slow
    }
}

export!(SmaFlip);

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test tape may differ between machines")]
mod tests {
    use super::*;

    fn params(fast: u32, slow: u32) -> Params {
        Params { fast, slow, quantity: 2.0 }
    }

    #[test]
    fn it_flips_at_the_open_after_the_crossing() {
        // Averages of 1 and 3 closes: above from the third bar on, below at the fifth, equal at the seventh.
        let closes = [10.0, 10.0, 13.0, 14.0, 9.0, 8.0, 8.0, 8.0, 9.0, 9.0];
        let run = Tape::from_closes(closes).run::<SmaFlip>(&params(1, 3)).unwrap();
        assert_eq!(run.targets(), [2.0, -2.0, 2.0]);
        let fills: Vec<(Side, f64, f64)> =
            run.fills.iter().map(|fill| (fill.side, fill.quantity, fill.price)).collect();
        assert_eq!(fills, [(Side::Buy, 2.0, 13.0), (Side::Sell, 4.0, 9.0), (Side::Buy, 4.0, 9.0)]);
        assert_eq!(run.position(), 2.0);
    }

    #[test]
    fn it_waits_for_the_slow_average() {
        let run = Tape::from_closes((1..=29).map(f64::from)).run::<SmaFlip>(&Params::default()).unwrap();
        assert!(run.orders.is_empty());
        let run = Tape::from_closes((1..=31).map(f64::from)).run::<SmaFlip>(&Params::default()).unwrap();
        assert_eq!((run.orders.len(), run.fills[0].price), (1, 30.0));
    }

    /// The crossover over plain arrays: fresh sums, no state.
    fn plain_targets(closes: &[f64], fast: usize, slow: usize) -> Vec<f64> {
        let mean = |end: usize, n: usize| closes[end + 1 - n..=end].iter().sum::<f64>() / n as f64;
        let mut targets = Vec::new();
        for end in slow - 1..closes.len() {
            let sign = mean(end, fast).total_cmp(&mean(end, slow)) as i32;
            if sign != 0 && targets.last() != Some(&(2.0 * f64::from(sign))) {
                targets.push(2.0 * f64::from(sign));
            }
        }
        targets
    }

    #[test]
    fn symbols_do_not_influence_each_other() {
        let wave = |period: f64| {
            move |i: i32| 100.0 + 10.0 * (f64::from(i) / period).sin() + (f64::from(i) * 0.7).cos()
        };
        let a: Vec<f64> = (0..400).map(wave(13.0)).collect();
        let b: Vec<f64> = (0..400).map(wave(29.0)).collect();
        let tape = Tape::from_closes(a.clone()).and("B", b.clone());
        let run = tape.run::<SmaFlip>(&params(5, 20)).unwrap();
        for (symbol, closes) in [("TESTUSDT", a), ("B", b)] {
            let targets: Vec<f64> = run
                .orders
                .iter()
                .filter(|placed| placed.symbol == symbol)
                .filter_map(|placed| placed.target)
                .collect();
            assert!(targets.len() > 5);
            assert_eq!(targets, plain_targets(&closes, 5, 20), "{symbol}");
        }
        tape.check_restart::<SmaFlip>(&params(5, 20)).unwrap();
    }

    #[test]
    fn averages_that_cannot_cross_are_refused() {
        let error = Tape::from_closes([1.0]).run::<SmaFlip>(&params(30, 30)).unwrap_err();
        assert_eq!(error, "fast (30) must be below slow (30)");
    }
}
