//! Trend following: goes long when the fast average of closes crosses above the slow one, short when it crosses
//! below, and protects the position with a stop at a multiple of the average true range. After a stop it waits for
//! the next crossing.

use cryptobot_sdk::prelude::*;

params! {
    /// The parameters.
    pub struct Params {
        /// Bars in the fast exponential average.
        fast: u32 = 50, range = 2..=5_000, step = 5;
        /// Bars in the slow exponential average.
        slow: u32 = 200, range = 3..=10_000, step = 20;
        /// Bars in the average true range.
        atr: u32 = 14, range = 2..=1_000, step = 1;
        /// Distance of the stop from the entry, in average true ranges.
        stop_atr: f64 = 5.0, range = 0.5..=50.0, step = 0.5, tunable = true;
        /// Whether the stop follows the price.
        trail: bool = false;
        /// Whether to go short; otherwise a crossing below only closes the position.
        short: bool = true;
        /// Share of the equity in positions, all symbols together.
        stake: f64 = 0.95, range = 0.01..=1.0, step = 0.05, tunable = true;
    }
}

/// A trailing stop is moved when that gains this many average true ranges: not at every bar.
const TRAIL_STEP: f64 = 0.5;

/// One symbol.
#[derive(Debug, Serialize, Deserialize)]
pub struct Trend {
    params: Params,
    fast: Ema,
    slow: Ema,
    atr: Atr,
    /// +1 while the fast average is above the slow one, −1 below, 0 before both are known.
    side: i8,
    stop: StopLoss,
}

impl Strategy for Trend {
    type Params = Params;

    fn new(params: &Params, _series: &[Series], _host: &mut Host) -> Result<Self, String> {
        if params.fast >= params.slow {
            return Err(format!("fast ({}) must be below slow ({})", params.fast, params.slow));
        }
        Ok(Self {
            fast: Ema::new(params.fast)?,
            slow: Ema::new(params.slow)?,
            atr: Atr::new(params.atr)?,
            params: params.clone(),
            side: 0,
            stop: StopLoss::default(),
        })
    }

    fn on_bar(&mut self, host: &mut Host, series: &Series, bar: &Bar) {
        let (fast, slow) = (self.fast.update(bar.close), self.slow.update(bar.close));
        self.atr.update(bar.high, bar.low, bar.close);
        // Neither holds while the slow average is NaN.
        let side = i8::from(fast > slow) - i8::from(fast < slow);
        if side != 0 && side != self.side {
            let crossed = self.side != 0;
            self.side = side;
            if crossed {
                self.enter(host, series, bar.close);
                return;
            }
        }
        if self.params.trail {
            self.trail(host, series, bar.close);
        }
    }

    fn on_order(&mut self, host: &mut Host, series: &Series, event: &OrderEvent) {
        let distance = self.params.stop_atr * self.atr.value();
        self.stop.protect(host, series, event, |fill| fill.price - fill.side.sign() * distance);
    }

    fn wants() -> Wants {
        Wants::BARS | Wants::OUTCOMES
    }

    fn warmup(params: &Params) -> u32 {
        params.slow.max(params.atr + 1)
    }

    /// A new stake counts from the next entry on, a new distance from the next stop.
    fn tune(&mut self, params: &Params) -> Result<(), String> {
        self.params.clone_from(params);
        Ok(())
    }
}

impl Trend {
    /// Brings the position to the side of the crossing.
    fn enter(&mut self, host: &mut Host, series: &Series, price: f64) {
        // Before the entry fills, or both could trade in one bar.
        self.stop.clear(host);
        if self.side < 0 && !self.params.short {
            host.target_position(series, 0.0);
            return;
        }
        host.target_share(series, f64::from(self.side) * self.params.stake, price);
    }

    /// Moves the stop after the price, never back.
    fn trail(&mut self, host: &mut Host, series: &Series, price: f64) {
        let Some(trigger) = self.stop.trigger() else {
            return;
        };
        let (side, atr) = (f64::from(self.side), self.atr.value());
        let moved = price - side * self.params.stop_atr * atr;
        if side * (moved - trigger) > TRAIL_STEP * atr {
            self.stop.set(host, series, moved);
        }
    }
}

export!(Trend);

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test tape may differ between machines")]
mod tests {
    use super::*;

    fn params() -> Params {
        Params { fast: 2, slow: 4, atr: 2, stop_atr: 2.0, ..Params::default() }
    }

    /// Falls, rises (crossing above), then falls sharply.
    const CLOSES: [f64; 12] =
        [110.0, 109.0, 108.0, 107.0, 106.0, 108.0, 111.0, 114.0, 117.0, 120.0, 90.0, 80.0];

    #[test]
    fn it_enters_at_the_crossing_with_its_share_and_a_stop() {
        let run =
            Tape::from_closes(CLOSES.into_iter().take(9)).balance(10_000.0).run::<Trend>(&params()).unwrap();
        let entry = &run.orders[0];
        assert!((entry.order.quantity - 9_500.0 / 111.0).abs() < 1e-9, "{entry:?}");
        assert_eq!((run.fills.len(), run.fills[0].price), (1, 111.0));
        let stop = run.orders[1].order;
        assert!(stop.reduce_only && stop.side == Side::Sell);
        assert_eq!(stop.quantity, run.position());
        // Wilder's true range of two bars before the fill: 1, 1, 1, then 2 → 1.5, then 3 → 2.25.
        let OrderKind::Stop { trigger, .. } = stop.kind else { panic!("{stop:?}") };
        assert_eq!(trigger, 111.0 - 2.0 * 2.25);
    }

    #[test]
    fn a_stop_closes_the_position_until_the_next_crossing() {
        let run = Tape::from_closes(CLOSES).run::<Trend>(&params()).unwrap();
        // Long at 111, stopped inside the bar 120 → 90, at whose close the averages cross: short at the next open.
        assert_eq!(run.fills.iter().map(|fill| fill.price).collect::<Vec<_>>(), [111.0, 106.5, 90.0]);
        assert_eq!(run.closed[0].exit_price, 106.5);
        assert!(run.position() < 0.0);
    }

    #[test]
    fn without_shorts_a_crossing_below_only_closes() {
        // A slow fall, so that the crossing comes before the stop.
        let closes =
            [110.0, 109.0, 108.0, 107.0, 106.0, 108.0, 111.0, 114.0, 113.0, 112.0, 111.0, 110.0, 109.0];
        let tape = Tape::from_closes(closes);
        let far = Params { stop_atr: 20.0, ..params() };
        let both = tape.run::<Trend>(&far).unwrap();
        assert!(both.position() < 0.0);
        let long = tape.run::<Trend>(&Params { short: false, ..far }).unwrap();
        assert_eq!((long.position(), long.closed.len()), (0.0, 1));
        // The stop of the long position was cancelled before the flip.
        assert!(both.events.iter().any(|event| event.kind == OrderEventKind::Cancelled));
        assert!(both.events.iter().all(|event| event.kind != OrderEventKind::Expired));
    }

    #[test]
    fn a_trailing_stop_follows_and_never_goes_back() {
        let run = Tape::from_closes(CLOSES).run::<Trend>(&Params { trail: true, ..params() }).unwrap();
        let triggers: Vec<f64> = run
            .orders
            .iter()
            .filter_map(|placed| match placed.order.kind {
                OrderKind::Stop { trigger, .. } if placed.order.side == Side::Sell => Some(trigger),
                _ => None,
            })
            .collect();
        assert!(triggers.len() > 2 && triggers.is_sorted(), "{triggers:?}");
        assert!(run.closed[0].exit_price > 106.5);
    }

    #[test]
    fn a_new_stake_counts_from_the_next_entry_on() {
        let tape = Tape::from_closes(CLOSES).balance(10_000.0);
        let half = Params { stake: 0.475, ..params() };
        let (before, after) =
            (tape.run_with_tuning::<Trend>(&params(), 2, &half).unwrap(), tape.run::<Trend>(&half).unwrap());
        assert_eq!(before.fills, after.fills);
        let whole = tape.run::<Trend>(&params()).unwrap();
        let late = tape.run_with_tuning::<Trend>(&params(), 8, &half).unwrap();
        assert_eq!(late.fills[0], whole.fills[0]);
    }

    #[test]
    fn several_symbols_share_the_account_and_are_never_refused() {
        let wave = |period: f64, amplitude: f64| {
            (0..2_000).map(move |i| {
                let i = f64::from(i);
                100.0 + amplitude * (i / period).sin() + 3.0 * (i * 1.3).sin() + 2.0 * (i * 0.37).cos()
            })
        };
        let tape = Tape::from_closes(wave(40.0, 20.0)).and("B", wave(65.0, 40.0)).and("C", wave(90.0, 30.0));
        let tape = tape.balance(10_000.0).fee(0.0004);
        let run = tape.run::<Trend>(&Params { fast: 5, slow: 20, trail: true, ..params() }).unwrap();
        assert!(run.closed.len() > 30, "{}", run.closed.len());
        let refused = run.events.iter().filter(|event| event.kind == OrderEventKind::Rejected).count();
        assert_eq!(refused, 0);
        tape.check_restart::<Trend>(&Params { fast: 5, slow: 20, ..params() }).unwrap();
    }
}
