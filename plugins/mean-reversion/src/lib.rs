//! Mean reversion: enters against the move when a bar closes outside the Bollinger bands and the RSI agrees; exits at
//! the middle of the bands, by a stop, or after some bars. Uses the host's indicators.
//!
//! An entry is a signal, which the host sizes; with a `stake` it is an order of the plugin's own. Stop and target come with
//! it. The more extreme the RSI, the surer is the signal.

use cryptobot_sdk::prelude::*;

params! {
    /// The parameters.
    pub struct Params {
        /// Bars in the Bollinger bands.
        period: u32 = 20, range = 2..=5_000, step = 5;
        /// Width of the bands in standard deviations.
        width: f64 = 2.5, range = 0.5..=10.0, step = 0.25;
        /// Bars in the relative strength index.
        rsi: u32 = 14, range = 2..=1_000, step = 1;
        /// Long only below this RSI; short only above 100 minus it.
        oversold: f64 = 25.0, range = 1.0..=50.0, step = 1.0;
        /// RSI at which the confidence of a long signal is 1, of a short one at 100 minus it; at `oversold` it is 0.5.
        full: f64 = 10.0, range = 0.0..=49.0, step = 1.0;
        /// Distance of the stop from the close of the signal as a fraction of it.
        stop: f64 = 0.03, range = 0.001..=0.5, step = 0.005;
        /// Bars after which a position is closed.
        max_bars: u32 = 48, range = 1..=100_000, step = 8;
        /// Whether to go short as well.
        short: bool = true;
        /// Share of the equity in positions of its own orders, all symbols together; 0 = signals, which the host sizes.
        stake: f64 = 0.0, range = 0.0..=1.0, step = 0.05;
    }
}

/// Outputs of the host's indicator `bollinger`.
mod band {
    pub const UPPER: u32 = 0;
    pub const MIDDLE: u32 = 1;
    pub const LOWER: u32 = 2;
}

/// One symbol.
#[derive(Debug, Serialize, Deserialize)]
pub struct MeanReversion {
    params: Params,
    bands: Indicator,
    rsi: Indicator,
    /// The orders of the last entry; the entry is 0 once it is over.
    ids: BracketIds,
    /// The market order that closes the position; 0 = none.
    closing: OrderId,
    /// Bars that the position has been held.
    held: u32,
    /// Stop or target was refused: the position is not kept beyond its first bar.
    unprotected: bool,
}

impl Strategy for MeanReversion {
    type Params = Params;

    fn new(params: &Params, series: &[Series], host: &mut Host) -> Result<Self, String> {
        let series = series.first().ok_or("there is no series")?;
        let Params { oversold, full, .. } = *params;
        if full >= oversold {
            return Err(format!("full ({full}) must be below oversold ({oversold})"));
        }
        let bands = [("period", f64::from(params.period)), ("width", params.width)];
        Ok(Self {
            bands: host.indicator(series, "bollinger", &bands)?,
            rsi: host.indicator(series, "rsi", &[("period", f64::from(params.rsi))])?,
            params: params.clone(),
            ids: BracketIds::default(),
            closing: 0,
            held: 0,
            unprotected: false,
        })
    }

    fn on_bar(&mut self, host: &mut Host, series: &Series, bar: &Bar) {
        let position = host.position(series);
        if position == 0.0 {
            self.held = 0;
            if self.ids.entry == 0 {
                self.look_for_entry(host, series, bar.close);
            }
        } else {
            self.held += 1;
            let beyond_middle = (bar.close - host.value(&self.bands, band::MIDDLE, 0)) * position >= 0.0;
            if beyond_middle || self.held >= self.params.max_bars || self.unprotected {
                self.close(host, series, position);
            }
        }
    }

    fn on_order(&mut self, host: &mut Host, series: &Series, event: &OrderEvent) {
        let BracketIds { entry, stop, target } = self.ids;
        if event.kind.is_final() && event.id == entry {
            // A refused entry needs nothing: the next close beyond the band is another, and the host counts refusals.
            self.ids.entry = 0;
        } else if event.kind.is_final() && event.id == self.closing {
            self.closing = 0;
        } else if event.kind == OrderEventKind::Rejected
            && (event.id == stop || event.id == target)
            && (entry != 0 || host.position(series) != 0.0)
        {
            host.warn(format_args!("{}: an exit was refused, reason {}", series.symbol, event.reason));
            self.unprotected = true;
        }
    }

    fn on_position_close(&mut self, host: &mut Host, series: &Series, _close: &PositionClose) {
        // One exit has closed the position; the others must not meet the next one.
        host.cancel_all(series);
    }

    fn wants() -> Wants {
        Wants::BARS | Wants::OUTCOMES | Wants::POSITION_CLOSES
    }

    fn warmup(params: &Params) -> u32 {
        params.period.max(params.rsi + 1)
    }
}

impl MeanReversion {
    fn look_for_entry(&mut self, host: &mut Host, series: &Series, price: f64) {
        // All comparisons with the NaN of a warm-up are false.
        let (side, extreme) = if price < host.value(&self.bands, band::LOWER, 0) {
            (Side::Buy, host.value(&self.rsi, 0, 0))
        } else if self.params.short && price > host.value(&self.bands, band::UPPER, 0) {
            (Side::Sell, 100.0 - host.value(&self.rsi, 0, 0))
        } else {
            return;
        };
        let Params { oversold, full, stop, stake, .. } = self.params;
        if extreme < oversold {
            let stop = price * (1.0 - side.sign() * stop);
            let target = host.value(&self.bands, band::MIDDLE, 0);
            self.ids = if stake > 0.0 {
                let quantity = host.quantity_of_share(series, side.sign() * stake, price).abs();
                host.submit(series, &Order::bracket(side, quantity, stop).target(target))
            } else {
                let confidence = 0.5 + 0.5 * ((oversold - extreme) / (oversold - full)).min(1.0);
                host.signal(series, &Signal::new(side, confidence).stop(stop).target(target))
            };
            self.unprotected = false;
        }
    }

    /// Sends one market order at a time. It only reduces, lest it opens a position when the stop comes first.
    fn close(&mut self, host: &mut Host, series: &Series, position: f64) {
        if self.closing == 0 {
            let side = if position > 0.0 { Side::Sell } else { Side::Buy };
            self.closing = host.submit(series, &Order::market(side, position.abs()).reduce_only());
        }
    }
}

export!(MeanReversion);

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test tape may differ between machines")]
mod tests {
    use super::*;

    fn params() -> Params {
        Params {
            period: 5,
            width: 1.5,
            rsi: 3,
            oversold: 30.0,
            max_bars: 4,
            stake: 0.95,
            ..Params::default()
        }
    }

    /// The same, and the host sizes.
    fn signals() -> Params {
        Params { stake: 0.0, ..params() }
    }

    /// Quiet around 100, then what the test adds.
    fn tape(then: &[f64]) -> Tape {
        let quiet = [100.0, 100.2, 99.9, 100.1, 100.0, 100.2, 99.9, 100.1];
        Tape::from_closes(quiet.into_iter().chain(then.iter().copied())).balance(10_000.0)
    }

    fn prices(run: &cryptobot_sdk::testing::TapeRun) -> Vec<f64> {
        run.fills.iter().map(|fill| fill.price).collect()
    }

    #[test]
    fn it_buys_below_the_band_and_sells_at_the_middle() {
        let run = tape(&[98.0, 98.5, 100.0, 100.0]).run::<MeanReversion>(&params()).unwrap();
        assert_eq!(prices(&run), [98.0, 99.64]);
        assert_eq!((run.position(), run.closed[0].side), (0.0, Side::Buy));
        assert!((run.closed[0].quantity - 9_500.0 / 98.0).abs() < 1e-6);
    }

    #[test]
    fn it_sells_above_the_band_only_if_it_may() {
        let rise = [102.0, 101.5, 100.0, 100.0];
        let run = tape(&rise).run::<MeanReversion>(&params()).unwrap();
        assert_eq!((prices(&run), run.closed[0].side), (vec![102.0, 100.44], Side::Sell));
        let run = tape(&rise).run::<MeanReversion>(&Params { short: false, ..params() }).unwrap();
        assert!(run.orders.is_empty());
    }

    #[test]
    fn an_entry_is_signalled_with_stop_and_target_and_the_host_sizes_it() {
        for (then, side) in
            [([98.0, 98.5, 100.0, 100.0], Side::Buy), ([102.0, 101.5, 100.0, 100.0], Side::Sell)]
        {
            let run = tape(&then).stake(0.015).run::<MeanReversion>(&signals()).unwrap();
            assert_eq!(run.signals.len(), 1);
            let given = run.signals[0].signal;
            assert_eq!((given.side, given.stop), (side, Some(then[0] * (1.0 - side.sign() * 0.03))));
            let middle = (100.0 + 100.2 + 99.9 + 100.1 + then[0]) / 5.0;
            assert!((given.target.unwrap() - middle).abs() < 1e-9, "{given:?}");
            assert!((run.fills[0].quantity - 150.0 / then[0]).abs() < 1e-6);
            assert_eq!((run.position(), run.closed.len()), (0.0, 1));
        }
    }

    #[test]
    fn the_more_extreme_the_rsi_the_surer_is_the_signal() {
        let confidence = |close: f64, oversold: f64, full: f64| {
            let params = Params { oversold, full, ..signals() };
            let run = tape(&[close]).stake(0.5).run::<MeanReversion>(&params).unwrap();
            run.signals.first().map(|given| given.signal.confidence)
        };
        let [near, far] = [98.0, 90.0].map(|close| confidence(close, 30.0, 0.0).unwrap());
        assert!(0.5 < near && near < far && far < 1.0, "{near} {far}");
        // The RSI that was measured: half as sure at `oversold`, sure from `full` on, no signal above.
        let rsi = 2.0 * 30.0 * (1.0 - near);
        assert!((confidence(98.0, rsi + 1e-6, 1.0).unwrap() - 0.5).abs() < 1e-6);
        assert!((confidence(98.0, rsi + 2.0, rsi - 2.0).unwrap() - 0.75).abs() < 1e-6);
        assert_eq!(confidence(98.0, rsi + 2.0, rsi), Some(1.0));
        assert_eq!(confidence(98.0, rsi - 1e-6, 1.0), None);
    }

    #[test]
    fn the_sure_rsi_must_be_the_more_extreme_one() {
        let params = Params { oversold: 20.0, full: 20.0, ..params() };
        let refused = tape(&[]).run::<MeanReversion>(&params).unwrap_err();
        assert!(refused.contains("full (20) must be below oversold (20)"), "{refused}");
    }

    #[test]
    fn a_middle_that_has_come_closer_ends_the_position() {
        // The middle was 99.64 and is 99.04 when 99.3 closes.
        let run = tape(&[98.0, 97.9, 99.3, 99.2]).run::<MeanReversion>(&params()).unwrap();
        assert_eq!(prices(&run), [98.0, 99.3]);
        // Nothing is left behind.
        for exit in &run.orders[1..3] {
            let last = run.events.iter().rfind(|event| event.id == exit.id).unwrap();
            assert_eq!(last.kind, OrderEventKind::Cancelled);
        }
    }

    #[test]
    fn the_stop_limits_the_loss() {
        let run = tape(&[98.0, 97.5, 90.0, 89.0]).run::<MeanReversion>(&params()).unwrap();
        assert_eq!(prices(&run)[..2], [98.0, 98.0 * 0.97]);
        let stop = run.orders[1].order;
        assert!(stop.reduce_only && stop.side == Side::Sell);
    }

    #[test]
    fn time_ends_what_does_not_return() {
        // Keeps falling a little: never back at the middle, never at the stop.
        let run = tape(&[98.0, 97.9, 97.8, 97.7, 97.6, 97.5]).run::<MeanReversion>(&params()).unwrap();
        assert_eq!(prices(&run), [98.0, 97.6]);
        assert_eq!(run.closed.len(), 1);
    }

    #[test]
    fn it_goes_on_after_a_restart() {
        let closes = (0..600).map(|i| {
            let i = f64::from(i);
            100.0 + 4.0 * (i / 9.0).sin() + 2.0 * (i * 1.7).sin() + 1.5 * (i * 0.61).cos()
        });
        let tape = Tape::from_closes(closes.clone()).and("B", closes.map(|close| 250.0 - close));
        let run = tape.run::<MeanReversion>(&params()).unwrap();
        assert!(run.closed.len() > 5, "{}", run.closed.len());
        tape.check_restart::<MeanReversion>(&params()).unwrap();
    }
}
