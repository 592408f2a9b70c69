//! Always in the market: long while the fast average of closes is above the slow one, short while it is below, with a
//! stop behind every position. Once stopped out it waits for the next crossing. The benchmark job with stops.

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
        /// Distance of the stop from the entry, as a fraction of its price.
        stop: f64 = 0.05, range = 0.001..=0.9, step = 0.01;
    }
}

/// One symbol.
#[derive(Debug, Serialize, Deserialize)]
pub struct GuardedFlip {
    fast: Sma,
    slow: Sma,
    quantity: f64,
    distance: f64,
    /// The target given last, so that the host is asked only when it changes.
    target: f64,
    stop: StopLoss,
}

impl Strategy for GuardedFlip {
    type Params = Params;

    fn new(params: &Params, _series: &[Series], _host: &mut Host) -> Result<Self, String> {
        if params.fast >= params.slow {
            return Err(format!("fast ({}) must be below slow ({})", params.fast, params.slow));
        }
        Ok(Self {
            fast: Sma::new(params.fast)?,
            slow: Sma::new(params.slow)?,
            quantity: params.quantity,
            distance: params.stop,
            target: 0.0,
            stop: StopLoss::default(),
        })
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
            // Before the flip fills, or both could trade in one bar.
            self.stop.clear(host);
            host.target_position(series, target);
        }
    }

    fn on_order(&mut self, host: &mut Host, series: &Series, event: &OrderEvent) {
        let distance = self.distance;
        self.stop.protect(host, series, event, |fill| fill.price * (1.0 - distance * fill.side.sign()));
    }

    /// All that a [`StopLoss`] looks at: executions and ends. Of the six steps of orders at a flip these are two.
    fn wants() -> Wants {
        Wants::BARS | Wants::OUTCOMES
    }

    fn warmup(params: &Params) -> u32 {
        params.slow
    }
}

export!(GuardedFlip);

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test tape may differ between machines")]
mod tests {
    use super::*;

    #[test]
    fn a_stop_stands_behind_every_position() {
        // Averages of 1 and 3 closes: above from the third bar on, below at the fifth.
        let closes = [10.0, 10.0, 13.0, 14.0, 9.0, 8.0, 8.0];
        let params = Params { fast: 1, slow: 3, quantity: 2.0, stop: 0.5 };
        let run = Tape::from_closes(closes).run::<GuardedFlip>(&params).unwrap();
        assert_eq!(run.targets(), [2.0, -2.0]);
        let stops: Vec<_> = run
            .orders
            .iter()
            .filter_map(|placed| match placed.order.kind {
                OrderKind::Stop { trigger, .. } => Some((placed.order.side, placed.order.quantity, trigger)),
                _ => None,
            })
            .collect();
        let entry = |fill: usize| run.fills[fill].price;
        assert_eq!(stops, [(Side::Sell, 2.0, entry(0) * 0.5), (Side::Buy, 2.0, entry(1) * 1.5)]);
    }

    #[test]
    fn a_stop_closes_its_position_before_a_crossing_can() {
        let closes = [10.0, 10.0, 13.0, 14.0, 14.0, 14.1, 12.0, 11.5];
        let params = Params { fast: 2, slow: 3, quantity: 2.0, stop: 0.05 };
        let run = Tape::from_closes(closes).run::<GuardedFlip>(&params).unwrap();
        // The fall that touches the stop is a crossing too: what it closes is the long position alone, and the short one
        // is opened after it.
        let [entry, stopped, flipped] = &run.fills[..] else { panic!("{:?}", run.fills) };
        assert_eq!((stopped.side, stopped.quantity), (Side::Sell, 2.0));
        assert!((stopped.price - entry.price * 0.95).abs() < 1e-9, "{:?}", run.fills);
        assert_eq!((flipped.side, flipped.quantity), (Side::Sell, 2.0));
    }

    #[test]
    fn the_fast_average_must_be_the_shorter_one() {
        let params = Params { fast: 30, slow: 10, ..Params::default() };
        let refused = Tape::from_closes([1.0]).run::<GuardedFlip>(&params).unwrap_err();
        assert!(refused.contains("fast (30) must be below slow (10)"), "{refused}");
    }
}
