//! Curves in bounded memory: buckets of a standard length that grows with the run.

use cryptobot_model::Timestamp;
use cryptobot_model::time::NANOS_PER_SECOND;

use crate::drawdown::{DrawdownTracker, Drawdowns};

/// Most buckets of a curve, as long as they are shorter than a day.
pub const MOST_BUCKETS: usize = 10_000;

/// Lengths of buckets in seconds, each a multiple of the one before: 1s 5s 15s 1m 5m 15m 30m 1h 4h 12h 1d.
const STEPS: [i64; 11] = [1, 5, 15, 60, 300, 900, 1_800, 3_600, 14_400, 43_200, 86_400];

/// Equity over one bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EquityBucket {
    /// Lowest.
    pub low: f64,
    /// Highest.
    pub high: f64,
    /// Last.
    pub last: f64,
    /// Lowest share of the running peak: 1 − the worst drawdown seen in the bucket.
    pub of_peak: f64,
}

impl EquityBucket {
    const EMPTY: Self = Self { low: f64::INFINITY, high: f64::NEG_INFINITY, last: f64::NAN, of_peak: 1.0 };

    fn merged(self, later: Self) -> Self {
        Self {
            low: self.low.min(later.low),
            high: self.high.max(later.high),
            last: later.last,
            of_peak: self.of_peak.min(later.of_peak),
        }
    }
}

/// The closes of an instrument over one bucket; `last` is NaN before its first, and then the others mean nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PriceBucket {
    /// Lowest.
    pub low: f64,
    /// Highest.
    pub high: f64,
    /// Last.
    pub last: f64,
}

impl PriceBucket {
    const EMPTY: Self = Self { low: f64::INFINITY, high: f64::NEG_INFINITY, last: f64::NAN };

    pub(crate) fn merged(self, later: Self) -> Self {
        Self { low: self.low.min(later.low), high: self.high.max(later.high), last: later.last }
    }
}

/// Follows one account's equity.
#[derive(Clone, Debug)]
pub(crate) struct EquityTrack {
    open: EquityBucket,
    drawdown: DrawdownTracker,
    buckets: Vec<EquityBucket>,
}

impl EquityTrack {
    pub fn new(start: Timestamp, equity: f64) -> Self {
        let drawdown = DrawdownTracker::new(start, equity);
        Self { open: EquityBucket::EMPTY, drawdown, buckets: Vec::new() }
    }

    #[inline]
    pub fn step(&mut self, ts: i64, equity: f64) {
        let of_peak = self.drawdown.step(ts, equity);
        let open = &mut self.open;
        open.last = equity;
        if equity < open.low {
            open.low = equity;
        }
        if equity > open.high {
            open.high = equity;
        }
        if of_peak < open.of_peak {
            open.of_peak = of_peak;
        }
    }

    /// Several steps. Rounding keeps the order of quotients, so that the lowest equity has the lowest share of the peak.
    pub fn steps(&mut self, times: &[Timestamp], equities: &[f64]) {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for equity in equities {
            low = if *equity < low { *equity } else { low };
            high = if *equity > high { *equity } else { high };
        }
        let (Some(of_peak), Some(last)) = (self.drawdown.pass(low, high), equities.last()) else {
            times.iter().zip(equities).for_each(|(ts, equity)| self.step(ts.0, *equity));
            return;
        };
        self.open = self.open.merged(EquityBucket { low, high, last: *last, of_peak });
    }

    pub fn finish(self, end: Timestamp) -> (Vec<EquityBucket>, Drawdowns) {
        (self.buckets, self.drawdown.finish(end))
    }
}

/// Follows one instrument's closes.
#[derive(Clone, Debug)]
pub(crate) struct PriceTrack {
    open: PriceBucket,
    first: f64,
    buckets: Vec<PriceBucket>,
}

impl PriceTrack {
    pub const fn new() -> Self {
        Self { open: PriceBucket::EMPTY, first: f64::NAN, buckets: Vec::new() }
    }

    /// Several steps. Comparisons with NaN are false: an instrument without a price leaves low and high as they are.
    pub fn steps(&mut self, prices: &[f64]) {
        let PriceBucket { mut low, mut high, mut last } = self.open;
        for price in prices {
            low = if *price < low { *price } else { low };
            high = if *price > high { *price } else { high };
            last = *price;
        }
        self.open = PriceBucket { low, high, last };
        if self.first.is_nan() {
            self.first = prices.iter().copied().find(|price| !price.is_nan()).unwrap_or(f64::NAN);
        }
    }

    pub fn last(&self) -> f64 {
        self.open.last
    }

    /// The buckets and the first close.
    pub fn finish(self) -> (Vec<PriceBucket>, f64) {
        (self.buckets, self.first)
    }
}

/// Follows one account's margin ratio: its peaks are what counts.
#[derive(Clone, Debug)]
pub(crate) struct MarginTrack {
    open: f64,
    highest: Option<MarginPeak>,
    buckets: Vec<f64>,
}

/// The closest an account came to liquidation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MarginPeak {
    /// The close of the bar, or the liquidation.
    pub ts: Timestamp,
    /// Maintenance margin by margin balance at the worse mark price of the bar; liquidation comes at 1.
    pub ratio: f64,
}

impl MarginTrack {
    pub const fn new() -> Self {
        Self { open: f64::NAN, highest: None, buckets: Vec::new() }
    }

    #[inline]
    pub fn step(&mut self, ts: i64, ratio: f64) {
        // The larger of two numbers; NaN, a flat account, is none.
        self.open = self.open.max(ratio);
        if self.highest.map_or(!ratio.is_nan(), |highest| ratio > highest.ratio) {
            self.highest = Some(MarginPeak { ts: Timestamp(ts), ratio });
        }
    }

    /// The highest ratio per bucket, NaN where the account was flat throughout, and of all. What is beyond liquidation is
    /// as much as that.
    pub fn finish(self) -> (Vec<f64>, Option<MarginPeak>) {
        let most = |ratio: f64| if ratio > 1.0 { 1.0 } else { ratio };
        let highest = self.highest.map(|peak| MarginPeak { ratio: most(peak.ratio), ..peak });
        (self.buckets.into_iter().map(most).collect(), highest)
    }
}

/// All curves of a run: they have their buckets in common.
#[derive(Clone, Debug)]
pub(crate) struct Tracks {
    pub equities: Vec<EquityTrack>,
    pub prices: Vec<PriceTrack>,
    /// By strategy.
    pub margins: Vec<MarginTrack>,
}

impl Tracks {
    fn close_buckets(&mut self) {
        for track in &mut self.equities {
            track.buckets.push(std::mem::replace(&mut track.open, EquityBucket::EMPTY));
        }
        for track in &mut self.prices {
            track.buckets.push(std::mem::replace(&mut track.open, PriceBucket::EMPTY));
        }
        for track in &mut self.margins {
            track.buckets.push(std::mem::replace(&mut track.open, f64::NAN));
        }
    }

    fn reopen_newest(&mut self) {
        for track in &mut self.equities {
            track.open = track.buckets.pop().unwrap_or(EquityBucket::EMPTY);
        }
        for track in &mut self.prices {
            track.open = track.buckets.pop().unwrap_or(PriceBucket::EMPTY);
        }
        for track in &mut self.margins {
            track.open = track.buckets.pop().unwrap_or(f64::NAN);
        }
    }

    fn merge(&mut self, ends: &[i64]) {
        for track in &mut self.equities {
            merge(ends, &mut track.buckets, EquityBucket::merged);
        }
        for track in &mut self.prices {
            merge(ends, &mut track.buckets, PriceBucket::merged);
        }
        for track in &mut self.margins {
            merge(ends, &mut track.buckets, f64::max);
        }
    }
}

/// The time axis of all curves of a run. A bucket is the half-open time `(end - step, end]`, because what happens
/// up to midnight belongs to the day that ends there.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// Position in [`STEPS`].
    step: usize,
    /// End of the open bucket.
    pub end: i64,
    /// Time of the newest step.
    pub last: i64,
    times: Vec<i64>,
}

impl Clock {
    /// A clock for a run that is expected to last `nanos`.
    pub fn new(start: Timestamp, nanos: i64) -> Self {
        let step = STEPS
            .iter()
            .position(|step| nanos / (step * NANOS_PER_SECOND) <= MOST_BUCKETS as i64)
            .unwrap_or(STEPS.len() - 1);
        Self { step, end: start.0, last: start.0, times: Vec::new() }
    }

    /// Length of a bucket in nanoseconds.
    pub fn step_nanos(&self) -> i64 {
        STEPS[self.step] * NANOS_PER_SECOND
    }

    fn end_of(&self, ts: i64) -> i64 {
        let step = self.step_nanos();
        // The first multiple of the step at or after `ts`.
        -((-ts).div_euclid(step)) * step
    }

    /// Closes the open bucket of every track.
    pub fn close(&mut self, tracks: &mut Tracks) {
        self.times.push(self.last);
        tracks.close_buckets();
    }

    /// Opens the bucket of `ts`; where there are too many, buckets get longer.
    pub fn open(&mut self, ts: i64, tracks: &mut Tracks) {
        let step = self.step;
        while self.times.len() >= MOST_BUCKETS && self.step + 1 < STEPS.len() {
            self.step += 1;
            self.coarsen(tracks);
        }
        self.end = self.end_of(ts);
        // The newest closed bucket may be the begin of the longer one that `ts` is in.
        if self.step != step && self.times.last().is_some_and(|last| self.end_of(*last) == self.end) {
            self.times.pop();
            tracks.reopen_newest();
        }
    }

    /// Merges the buckets that fall into one of the present step.
    fn coarsen(&mut self, tracks: &mut Tracks) {
        let ends: Vec<i64> = self.times.iter().map(|ts| self.end_of(*ts)).collect();
        tracks.merge(&ends);
        merge(&ends, &mut self.times, |_, later| later);
    }

    pub fn finish(self) -> Vec<Timestamp> {
        self.times.into_iter().map(Timestamp).collect()
    }
}

/// Folds neighbours of `values` that have the same end into one.
fn merge<T: Copy>(ends: &[i64], values: &mut Vec<T>, fold: impl Fn(T, T) -> T) {
    let mut kept = 0;
    for index in 0..values.len() {
        if index > 0 && ends[index] == ends[index - 1] {
            values[kept - 1] = fold(values[kept - 1], values[index]);
        } else {
            values[kept] = values[index];
            kept += 1;
        }
    }
    values.truncate(kept);
}

#[cfg(test)]
mod tests {
    use proptest::strategy::Strategy;

    use super::*;

    proptest::proptest! {
        #[test]
        fn many_steps_are_what_each_of_them_is(
            parts in proptest::collection::vec(
                proptest::collection::vec((60_000..140_000_i64).prop_map(|cents| cents as f64 / 700.0), 1..20), 1..40
            )
        ) {
            let [mut single, mut many] = [(); 2].map(|()| EquityTrack::new(Timestamp(0), 100.0));
            let mut ts = 0;
            for part in &parts {
                let times: Vec<Timestamp> = (1..).map(|step| Timestamp(ts + step)).take(part.len()).collect();
                ts += part.len() as i64;
                times.iter().zip(part).for_each(|(ts, equity)| { single.step(ts.0, *equity); });
                many.steps(&times, part);
                proptest::prop_assert_eq!(single.open, many.open);
            }
            proptest::prop_assert_eq!(single.finish(Timestamp(ts)), many.finish(Timestamp(ts)));
        }
    }

    #[test]
    fn each_step_is_a_multiple_of_the_one_before() {
        assert!(STEPS.windows(2).all(|pair| pair[1] % pair[0] == 0));
    }

    /// Feeds `count` steps of a minute with the step number as equity, price and, every other minute, margin ratio.
    fn run(count: i64, expected: i64) -> (Vec<Timestamp>, Tracks, i64) {
        let minute = 60 * NANOS_PER_SECOND;
        let mut clock = Clock::new(Timestamp(0), expected * minute);
        let mut tracks = Tracks {
            equities: vec![EquityTrack::new(Timestamp(0), 0.0)],
            prices: vec![PriceTrack::new()],
            margins: vec![MarginTrack::new()],
        };
        for number in 1..=count {
            let ts = number * minute;
            if ts > clock.end {
                if number > 1 {
                    clock.close(&mut tracks);
                }
                clock.open(ts, &mut tracks);
            }
            clock.last = ts;
            tracks.equities[0].step(ts, number as f64);
            tracks.prices[0].steps(&[number as f64]);
            tracks.margins[0].step(ts, if number % 2 == 0 { f64::NAN } else { number as f64 / 1e6 });
        }
        clock.close(&mut tracks);
        let step = clock.step_nanos() / minute;
        (clock.finish(), tracks, step)
    }

    #[test]
    fn a_year_of_minutes_becomes_hours() {
        let (times, tracks, step) = run(525_600, 525_600);
        let (equity, price) = (tracks.equities[0].buckets[1], tracks.prices[0].buckets[1]);
        assert_eq!((times.len(), step), (8_760, 60));
        assert_eq!((equity.low, equity.high, equity.last), (61.0, 120.0, 120.0));
        assert_eq!((price.low, price.high, price.last), (61.0, 120.0, 120.0));
        assert_eq!(times[23].to_string(), "1970-01-02T00:00:00Z");
        let (margins, peak) = tracks.margins[0].clone().finish();
        assert_eq!((margins.len(), margins[1]), (8_760, 119.0 / 1e6), "the peak is kept, not the last value");
        assert_eq!(
            peak,
            Some(MarginPeak { ts: Timestamp(525_599 * 60_000_000_000), ratio: 525_599.0 / 1e6 })
        );
    }

    #[test]
    fn a_run_longer_than_expected_ends_in_the_same_buckets() {
        for count in [9_999, 10_000, 10_001, 50_003, 200_000] {
            let ((times, longer, _), (expected_times, expected, _)) = (run(count, 100), run(count, count));
            assert!(times.len() <= MOST_BUCKETS && times == expected_times, "{count} steps");
            assert!(longer.equities[0].buckets == expected.equities[0].buckets, "{count} steps");
            assert!(longer.prices[0].buckets == expected.prices[0].buckets, "{count} steps");
            let bits =
                |tracks: &Tracks| tracks.margins[0].buckets.iter().map(|ratio| ratio.to_bits()).collect();
            let (longer, expected): (Vec<u64>, Vec<u64>) = (bits(&longer), bits(&expected));
            assert!(longer == expected, "{count} steps");
        }
    }
}
