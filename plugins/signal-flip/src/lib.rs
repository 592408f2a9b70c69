//! Always in the market: long while the fast average of closes is above the slow one, short while it is below. It says
//! which side to be on and at which price that is wrong; the host chooses the size, and the stop travels with the entry.
//! Once stopped out it waits for the next crossing. The benchmark job as signals, with stops.

use cryptobot_sdk::prelude::*;

params! {
    /// The parameters.
    pub struct Params {
        /// Bars in the fast average of closes.
        fast: u32 = 10, range = 1..=10_000, step = 1;
        /// Bars in the slow average of closes; signals begin when it is full.
        slow: u32 = 30, range = 2..=10_000, step = 10;
        /// Distance of the stop from the close of the signal, as a fraction of it.
        stop: f64 = 0.05, range = 0.001..=0.9, step = 0.01;
    }
}

/// One symbol.
#[derive(Debug, Serialize, Deserialize)]
pub struct SignalFlip {
    fast: Sma,
    slow: Sma,
    distance: f64,
    /// The side of the signal given last, so that the host is asked only when it changes.
    side: Option<Side>,
}

impl Strategy for SignalFlip {
    type Params = Params;

    fn new(params: &Params, _series: &[Series], _host: &mut Host) -> Result<Self, String> {
        if params.fast >= params.slow {
            return Err(format!("fast ({}) must be below slow ({})", params.fast, params.slow));
        }
        let (fast, slow) = (Sma::new(params.fast)?, Sma::new(params.slow)?);
        Ok(Self { fast, slow, distance: params.stop, side: None })
    }

    fn on_bar(&mut self, host: &mut Host, series: &Series, bar: &Bar) {
        let (fast, slow) = (self.fast.update(bar.close), self.slow.update(bar.close));
        // While the slow average warms up it is NaN, and neither holds.
        if fast > slow {
            self.turn(Side::Buy, host, series, bar);
        } else if fast < slow {
            self.turn(Side::Sell, host, series, bar);
        }
    }

    fn wants() -> Wants {
        Wants::BARS
    }

    fn warmup(params: &Params) -> u32 {
        params.slow
    }
}

impl SignalFlip {
    /// Says that this is the side to be on, where it was not the last one said.
    fn turn(&mut self, side: Side, host: &mut Host, series: &Series, bar: &Bar) {
        if self.side == Some(side) {
            return;
        }
        self.side = Some(side);
        let stop = bar.close * (1.0 - self.distance * side.sign());
        host.signal(series, &Signal::new(side, 1.0).stop(stop));
    }
}

export!(SignalFlip);

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test tape may differ between machines")]
mod tests {
    use super::*;

    #[test]
    fn each_crossing_is_a_signal_whose_stop_comes_with_the_entry() {
        // Averages of 1 and 3 closes: above from the third bar on, below at the fifth.
        let closes = [10.0, 10.0, 13.0, 14.0, 9.0, 8.0, 8.0];
        let params = Params { fast: 1, slow: 3, stop: 0.5 };
        let run = Tape::from_closes(closes).stake(0.5).run::<SignalFlip>(&params).unwrap();
        let signals: Vec<_> =
            run.signals.iter().map(|given| (given.signal.side, given.signal.stop)).collect();
        assert_eq!(signals, [(Side::Buy, Some(6.5)), (Side::Sell, Some(13.5))]);
        let fills: Vec<_> = run.fills.iter().map(|fill| (fill.side, fill.price)).collect();
        assert_eq!(fills, [(Side::Buy, 13.0), (Side::Sell, 9.0)]);
        let triggers: Vec<_> = run
            .orders
            .iter()
            .filter_map(|placed| match placed.order.kind {
                OrderKind::Stop { trigger, .. } => Some((placed.order.side, trigger)),
                _ => None,
            })
            .collect();
        assert_eq!(triggers, [(Side::Sell, 6.5), (Side::Buy, 13.5)]);
    }

    #[test]
    fn a_stop_closes_its_position_and_the_next_crossing_opens_one() {
        let closes = [10.0, 10.0, 13.0, 14.0, 14.0, 14.1, 12.0, 11.5];
        let params = Params { fast: 2, slow: 3, stop: 0.05 };
        let run = Tape::from_closes(closes).stake(0.5).run::<SignalFlip>(&params).unwrap();
        // The fall that touches the stop at 12.35 is a crossing too, which opens the short position after it.
        let [entry, stopped, flipped] = &run.fills[..] else { panic!("{:?}", run.fills) };
        assert_eq!((stopped.side, stopped.quantity), (Side::Sell, entry.quantity));
        assert!((stopped.price - 12.35).abs() < 1e-9, "{:?}", run.fills);
        assert_eq!(flipped.side, Side::Sell);
        assert!(run.position() < 0.0);
    }

    #[test]
    fn the_fast_average_must_be_the_shorter_one() {
        let params = Params { fast: 30, slow: 10, ..Params::default() };
        let refused = Tape::from_closes([1.0]).run::<SignalFlip>(&params).unwrap_err();
        assert!(refused.contains("fast (30) must be below slow (10)"), "{refused}");
    }
}
