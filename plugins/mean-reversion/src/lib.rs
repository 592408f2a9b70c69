//! Mean reversion: enters against the move when a bar closes outside the Bollinger bands and the RSI agrees; exits at
//! the middle of the bands, by a stop, or after some bars. Uses the host's indicators.

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
        /// Distance of the stop from the entry as a fraction of its price.
        stop: f64 = 0.03, range = 0.001..=0.5, step = 0.005;
        /// Bars after which a position is closed.
        max_bars: u32 = 48, range = 1..=100_000, step = 8;
        /// Whether to go short as well.
        short: bool = true;
        /// Share of the equity in positions, all symbols together.
        stake: f64 = 0.95, range = 0.01..=1.0, step = 0.05;
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
    stop: StopLoss,
    /// Bars that the position has been held.
    held: u32,
}

impl Strategy for MeanReversion {
    type Params = Params;

    fn new(params: &Params, series: &[Series], host: &mut Host) -> Result<Self, String> {
        let series = series.first().ok_or("there is no series")?;
        let bands = [("period", f64::from(params.period)), ("width", params.width)];
        Ok(Self {
            bands: host.indicator(series, "bollinger", &bands)?,
            rsi: host.indicator(series, "rsi", &[("period", f64::from(params.rsi))])?,
            params: params.clone(),
            stop: StopLoss::default(),
            held: 0,
        })
    }

    fn on_bar(&mut self, host: &mut Host, series: &Series, bar: &Bar) {
        let position = host.position(series);
        if position == 0.0 {
            self.held = 0;
            self.look_for_entry(host, series, bar.close);
        } else {
            self.held += 1;
            let beyond_middle = (bar.close - host.value(&self.bands, band::MIDDLE, 0)) * position >= 0.0;
            if beyond_middle || self.held >= self.params.max_bars {
                self.stop.clear(host);
                host.target_position(series, 0.0);
            }
        }
    }

    fn on_order(&mut self, host: &mut Host, series: &Series, event: &OrderEvent) {
        let stop = self.params.stop;
        self.stop.protect(host, series, event, |fill| fill.price * (1.0 - fill.side.sign() * stop));
    }

    fn wants() -> Wants {
        Wants::BARS | Wants::OUTCOMES
    }

    fn warmup(params: &Params) -> u32 {
        params.period.max(params.rsi + 1)
    }
}

impl MeanReversion {
    fn look_for_entry(&self, host: &mut Host, series: &Series, price: f64) {
        // All comparisons with the NaN of a warm-up are false.
        let rsi = host.value(&self.rsi, 0, 0);
        let side = if price < host.value(&self.bands, band::LOWER, 0) && rsi < self.params.oversold {
            1.0
        } else if self.params.short
            && price > host.value(&self.bands, band::UPPER, 0)
            && rsi > 100.0 - self.params.oversold
        {
            -1.0
        } else {
            return;
        };
        host.target_share(series, side * self.params.stake, price);
    }
}

export!(MeanReversion);

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test tape may differ between machines")]
mod tests {
    use super::*;

    fn params() -> Params {
        Params { period: 5, width: 1.5, rsi: 3, oversold: 30.0, max_bars: 4, ..Params::default() }
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
        assert_eq!(prices(&run), [98.0, 100.0]);
        assert_eq!((run.position(), run.closed[0].side), (0.0, Side::Buy));
        assert!((run.closed[0].quantity - 9_500.0 / 98.0).abs() < 1e-6);
    }

    #[test]
    fn it_sells_above_the_band_only_if_it_may() {
        let rise = [102.0, 101.5, 100.0, 100.0];
        let run = tape(&rise).run::<MeanReversion>(&params()).unwrap();
        assert_eq!((prices(&run), run.closed[0].side), (vec![102.0, 100.0], Side::Sell));
        let run = tape(&rise).run::<MeanReversion>(&Params { short: false, ..params() }).unwrap();
        assert!(run.orders.is_empty());
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
