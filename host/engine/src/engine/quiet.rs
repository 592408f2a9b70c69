//! Bars of one market that cause nothing, told by their prices.

use cryptobot_model::{Bar, Calm, Timestamp};
use cryptobot_risk::CalmEquities;
use cryptobot_sim::BarInterval;

/// The equity of a strategy that holds one instrument: a straight line of its price.
///
/// Rounding keeps the order of numbers, so that between two prices at which the equity is harmless it is so at every one.
#[derive(Clone, Copy, Debug)]
pub(super) struct EquityLine {
    cash: f64,
    position: f64,
    harmless: CalmEquities,
}

impl EquityLine {
    pub(super) const fn new(cash: f64, position: f64, harmless: CalmEquities) -> Self {
        Self { cash, position, harmless }
    }

    /// Whether the equity is harmless at a price: computed as equities are everywhere, to the bit.
    #[inline]
    fn is_harmless(&self, price: f64) -> bool {
        self.harmless.holds(self.cash + self.position * price)
    }

    /// Prices between which the equity is certainly harmless.
    fn calm(&self) -> Calm {
        let price_of = |equity: f64| (equity - self.cash) / self.position;
        let (one, other) = (price_of(self.harmless.above), price_of(self.harmless.to));
        let (least, most) = if self.position < 0.0 { (other, one) } else { (one, other) };
        // A little less, for the rounding of these prices themselves.
        let little = 1e-12_f64;
        let (least, most) = (least * (1.0 + little.copysign(least)), most * (1.0 - little.copysign(most)));
        let ends_well = |price: f64| price.is_infinite() || self.is_harmless(price);
        if least < most && ends_well(least) && ends_well(most) {
            Calm { below: least, above: most }
        } else {
            Calm::NONE
        }
    }
}

/// What a bar has to be like to cause nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quiet {
    calm: Calm,
    /// Where equities are watched.
    equity: Option<EquityLine>,
    /// Within these prices it certainly causes nothing.
    sure: Calm,
}

impl Quiet {
    pub(super) fn new(calm: Calm, equity: Option<EquityLine>) -> Self {
        let sure = equity.map_or(calm, |equity| calm.and(equity.calm()));
        Self { calm, equity, sure }
    }

    fn holds(&self, bar: &Bar) -> bool {
        self.calm.holds(bar) && self.equity.is_none_or(|equity| equity.is_harmless(bar.close))
    }

    /// How many bars, from the first on, cause nothing.
    #[inline]
    fn count(&self, bars: &[BarInterval]) -> usize {
        /// As many are asked without counting them.
        const AT_ONCE: usize = 4;
        if self.sure == Calm::ALL {
            return bars.len();
        }
        let is_sure = |interval: &BarInterval| self.sure.holds(&interval.bar);
        let groups = bars.chunks_exact(AT_ONCE).position(|some| !some.iter().all(is_sure));
        let passed = groups.unwrap_or(bars.len() / AT_ONCE) * AT_ONCE;
        let rest = &bars[passed..];
        passed + rest.iter().position(|interval| !self.holds(&interval.bar)).unwrap_or(rest.len())
    }
}

/// Reads close times and closes of bars up to the first one at the horizon or that is not quiet; returns how many they are.
// Loops of their own, which stay in registers.
#[inline(never)]
pub(super) fn read_first(
    bars: &[BarInterval],
    horizon: Timestamp,
    quiet: &Quiet,
    times: &mut [Timestamp],
    closes: &mut [f64],
) -> usize {
    let bars = &bars[..bars.len().min(times.len()).min(closes.len())];
    // Bars are in order: mostly the last one is before the horizon, and with it all of them.
    let bars = match bars.last() {
        Some(last) if last.bar.ts < horizon => bars,
        _ => &bars[..bars.partition_point(|interval| interval.bar.ts < horizon)],
    };
    let rows = quiet.count(bars);
    for ((time, close), interval) in times.iter_mut().zip(closes).zip(&bars[..rows]) {
        (*time, *close) = (interval.bar.ts, interval.bar.close);
    }
    rows
}

/// Reads the closes of bars that close at these times and stay in the calm, up to the first one that does not; returns
/// how many they are.
#[inline(never)]
pub(super) fn read_closes(bars: &[BarInterval], times: &[Timestamp], calm: Calm, into: &mut [f64]) -> usize {
    let mut rows = 0;
    for ((close, BarInterval { bar, .. }), time) in into.iter_mut().zip(bars).zip(times) {
        if bar.ts != *time || !calm.holds(bar) {
            break;
        }
        *close = bar.close;
        rows += 1;
    }
    rows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn harmless_equities_are_prices_in_between() {
        let calm = |cash, position, above, to| {
            let Calm { below, above } = EquityLine::new(cash, position, CalmEquities { above, to }).calm();
            (below, above)
        };
        let near = |(a, b): (f64, f64), (c, d): (f64, f64)| (a - c).abs() < 1e-6 && (b - d).abs() < 1e-6;
        assert!(near(calm(1_000.0, 2.0, 900.0, 1_300.0), (-50.0, 150.0)));
        assert!(near(calm(1_000.0, -2.0, 600.0, 900.0), (50.0, 200.0)));
        assert_eq!(calm(1_000.0, 2.0, f64::NEG_INFINITY, f64::INFINITY), (f64::NEG_INFINITY, f64::INFINITY));
        // Without a position the price does not matter.
        assert_eq!(calm(1_000.0, 0.0, 900.0, 1_300.0), (f64::NEG_INFINITY, f64::INFINITY));
        for (cash, position) in [(1_400.0, 0.0), (900.0, 0.0), (f64::NAN, 1.0)] {
            let none = calm(cash, position, 900.0, 1_300.0);
            assert!(none.0 > none.1, "{none:?}");
        }
    }

    fn bars(prices: &[(f64, f64, f64)]) -> Vec<BarInterval> {
        let bar = |(index, (low, close, high)): (usize, &(f64, f64, f64))| {
            let (open_ts, ts) = (Timestamp(index as i64 * 60), Timestamp(index as i64 * 60 + 60));
            let bar = Bar { ts, open: *close, high: *high, low: *low, close: *close, volume: 1.0 };
            BarInterval { open_ts, bar }
        };
        prices.iter().enumerate().map(bar).collect()
    }

    proptest! {
        /// The bars that are read are those up to the first one that is told something by asking each.
        #[test]
        fn as_many_are_quiet_as_by_asking_each(
            steps in prop::collection::vec((-3_i32..=3, 0_i32..=2, 0_i32..=2), 0..70),
            (below, above) in (80_i32..=100, 100_i32..=120),
            (cash, position, floor, peak) in (0_i32..=1_000, -3_i32..=3, -500_i32..=1_000, 500_i32..=1_500),
            horizon in 0_i64..=5_000,
            has_limits in any::<[bool; 2]>(),
        ) {
            let mut price = 100.0;
            let prices: Vec<_> = steps
                .iter()
                .map(|(step, down, up)| {
                    price += f64::from(*step) * 0.7;
                    (price - f64::from(*down) * 0.3, price, price + f64::from(*up) * 0.3)
                })
                .collect();
            let bars = bars(&prices);
            let calm = Calm { below: f64::from(below), above: f64::from(above) };
            let calm = if has_limits[0] { calm } else { Calm::ALL };
            let harmless = CalmEquities { above: f64::from(floor), to: f64::from(peak) };
            let equity = EquityLine::new(f64::from(cash), f64::from(position), harmless);
            let equity = has_limits[1].then_some(equity);

            let (mut times, mut closes) = ([Timestamp(0); 64], [0.0; 64]);
            let quiet = Quiet::new(calm, equity);
            let rows = read_first(&bars, Timestamp(horizon), &quiet, &mut times, &mut closes);

            let is_quiet = |interval: &&BarInterval| {
                let BarInterval { bar, .. } = interval;
                let own = f64::from(cash) + f64::from(position) * bar.close;
                bar.ts.0 < horizon
                    && (!has_limits[0] || bar.low > calm.below && bar.high < calm.above)
                    && (!has_limits[1] || own > harmless.above && own <= harmless.to)
            };
            let expected: Vec<_> = bars.iter().take(64).take_while(is_quiet).collect();
            prop_assert_eq!(rows, expected.len());
            for (row, interval) in expected.into_iter().enumerate() {
                prop_assert_eq!((times[row], closes[row]), (interval.bar.ts, interval.bar.close));
            }
        }
    }
}
