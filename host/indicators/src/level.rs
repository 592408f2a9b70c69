//! Price levels: pivots, retracements, support and resistance, structure of highs and lows, volume profile.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, Ohlcv, kinds, outputs};
use crate::period::{MAX_PERIOD, MAX_SCAN, PeriodError, checked, checked_scan};
use crate::range::{Highest, Lowest};
use crate::window::{Previous, Window, ratio};

pub(crate) const KINDS: &[Kind] = kinds! { Ohlcv:
    pivot_classic(period: u32 = 1 in 1..=MAX_PERIOD) -> ["pivot", "r1", "r2", "r3", "s1", "s2", "s3"], from period + 1;
        "high, low, close", "Classic pivot points of the `period` bars before the newest one", source "common", oracle "definition";
        PastRange::new(period)? => |i, bar| i.update(bar.high, bar.low, bar.close).classic(),
    pivot_fibonacci(period: u32 = 1 in 1..=MAX_PERIOD) -> ["pivot", "r1", "r2", "r3", "s1", "s2", "s3"], from period + 1;
        "high, low, close", "Pivot points at 38.2, 61.8 and 100 % of the range of the `period` bars before", source "common", oracle "definition";
        PastRange::new(period)? => |i, bar| i.update(bar.high, bar.low, bar.close).fibonacci(),
    pivot_camarilla(period: u32 = 1 in 1..=MAX_PERIOD)
        -> ["pivot", "r1", "r2", "r3", "r4", "s1", "s2", "s3", "s4"], from period + 1;
        "high, low, close", "Camarilla points: the close and 1.1 / 12, 6, 4 and 2 of the range of the `period` bars before",
        source "Scott 1989", oracle "definition";
        PastRange::new(period)? => |i, bar| i.update(bar.high, bar.low, bar.close).camarilla(),
    support_resistance(period: u32 = 50 in 1..=MAX_PERIOD)
        -> ["support", "resistance", "to-support", "to-resistance", "proximity"], from period + 1;
        "high, low, close", "Lowest low and highest high of the `period` bars before, the close's distances to them as fractions, and its place between them: -1 at or below support, 1 at or above resistance",
        source "common", oracle "definition";
        PastRange::new(period)? => |i, bar| i.update(bar.high, bar.low, bar.close).support_resistance(bar.close),
    fibonacci(period: u32 = 50 in 1..=MAX_PERIOD)
        -> ["level-236", "level-382", "level-500", "level-618", "level-786", "position"], from period;
        "high, low, close", "Retracements of the range of `period` bars, from its high, and the place of the close in it, 0 at the low, 1 at the high",
        source "common", oracle "definition";
        Fibonacci::new(period)? => |i, bar| i.update(bar.high, bar.low, bar.close),
    structure(period: u32 = 10 in 1..=MAX_PERIOD)
        -> ["higher-high", "higher-low", "lower-high", "lower-low", "trend"], from 2 * period;
        "high, low", "Highs and lows of the last `period` bars against those of the `period` before: 1 where so, else 0; trend 1 up, -1 down, 0 neither",
        source "Dow", oracle "definition";
        Structure::new(period)? => |i, bar| i.update(bar.high, bar.low),
    volume_profile(period: u32 = 100 in 1..=MAX_SCAN, bins: u32 = 24 in 1..=1000, share: f64 = 0.7 in 0.01..=1.0)
        -> ["point-of-control", "value-high", "value-low", "position"], from period;
        "high, low, close, volume", "Volume by price over `period` bars in `bins` equal parts of their range: price of the most volume, ends of the value area that has `share` of it, and place of the close in that",
        source "Steidlmayer 1984", oracle "definition";
        VolumeProfile::new(period, bins, share)? => |i, bar| i.update(bar),
};

/// High, low and close of the bars before the newest one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Highest high.
    pub high: f64,
    /// Lowest low.
    pub low: f64,
    /// Last close.
    pub close: f64,
}

impl Range {
    fn pivot(&self) -> f64 {
        (self.high + self.low + self.close) / 3.0
    }

    /// Pivot, three resistances and three supports: `P = (H + L + C) / 3`, `R1 = 2 P - L`, `R2 = P + (H - L)`,
    /// `R3 = H + 2 (P - L)`, supports mirrored.
    pub fn classic(&self) -> [f64; 7] {
        let (pivot, height) = (self.pivot(), self.high - self.low);
        [
            pivot,
            2.0 * pivot - self.low,
            pivot + height,
            self.high + 2.0 * (pivot - self.low),
            2.0 * pivot - self.high,
            pivot - height,
            self.low - 2.0 * (self.high - pivot),
        ]
    }

    /// Pivot, three resistances and three supports at 38.2, 61.8 and 100 % of the range from the pivot.
    pub fn fibonacci(&self) -> [f64; 7] {
        let (pivot, height) = (self.pivot(), self.high - self.low);
        let [near, middle, far] = [0.382 * height, 0.618 * height, height];
        [pivot, pivot + near, pivot + middle, pivot + far, pivot - near, pivot - middle, pivot - far]
    }

    /// Pivot, four resistances and four supports at 1.1 / 12, 6, 4 and 2 of the range from the close.
    pub fn camarilla(&self) -> [f64; 9] {
        let height = 1.1 * (self.high - self.low);
        let [first, second, third, fourth] = [height / 12.0, height / 6.0, height / 4.0, height / 2.0];
        let close = self.close;
        [
            self.pivot(),
            close + first,
            close + second,
            close + third,
            close + fourth,
            close - first,
            close - second,
            close - third,
            close - fourth,
        ]
    }

    /// Support, resistance, distances of a price to both as fractions of it, and its place between them, -1 to 1 (0 where
    /// there is no range).
    pub fn support_resistance(&self, price: f64) -> [f64; 5] {
        let height = self.high - self.low;
        let place = ratio(2.0 * price - self.high - self.low, height);
        [
            self.low,
            self.high,
            (price - self.low) / price,
            (self.high - price) / price,
            if place.is_nan() { place } else { place.clamp(-1.0, 1.0) },
        ]
    }
}

/// The range of the `period` bars before the newest one, for levels that the newest bar has not made itself. First result
/// at bar `period + 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct PastRange {
    highest: Highest,
    lowest: Lowest,
    close: Previous,
}

impl PastRange {
    /// Of `period` bars (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("level period", period, 1)?;
        Ok(Self { highest: Highest::new(period)?, lowest: Lowest::new(period)?, close: Previous::NONE })
    }

    /// Takes the next bar and returns the range of those before it.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Range {
        let (highest, lowest) = (self.highest.value(), self.lowest.value());
        self.highest.update(high);
        self.lowest.update(low);
        let before = self.close.replace(close);
        // The close is there before the range is: all levels begin together.
        let close = if highest.is_nan() { highest } else { before };
        Range { high: highest, low: lowest, close }
    }
}

outputs! {
    /// What [`Fibonacci`] gives.
    Retracements {
        /// High minus 23.6 % of the range.
        level_236,
        /// High minus 38.2 % of the range.
        level_382,
        /// The middle of the range.
        level_500,
        /// High minus 61.8 % of the range.
        level_618,
        /// High minus 78.6 % of the range.
        level_786,
        /// Place of the close: 0 at the low, 1 at the high; 0 where there is no range.
        position,
    }
}

/// Fibonacci retracements of the range of the last `period` bars, the newest included. First result at the `period`-th.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Fibonacci {
    highest: Highest,
    lowest: Lowest,
}

impl Fibonacci {
    /// Of `period` bars (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("fibonacci period", period, 1)?;
        Ok(Self { highest: Highest::new(period)?, lowest: Lowest::new(period)? })
    }

    /// Takes the next bar and returns the levels.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Retracements {
        let (high, low) = (self.highest.update(high), self.lowest.update(low));
        let height = high - low;
        Retracements {
            level_236: high - 0.236 * height,
            level_382: high - 0.382 * height,
            level_500: high - 0.5 * height,
            level_618: high - 0.618 * height,
            level_786: high - 0.786 * height,
            position: ratio(close - low, height),
        }
    }
}

outputs! {
    /// What [`Structure`] gives: 1 where so, else 0.
    StructureValue {
        /// The highest high is above the one of the bars before.
        higher_high,
        /// The lowest low is above the one of the bars before.
        higher_low,
        /// The highest high is below the one of the bars before.
        lower_high,
        /// The lowest low is below the one of the bars before.
        lower_low,
        /// 1 with higher highs and lows, -1 with lower ones, else 0.
        trend,
    }
}

/// Structure of highs and lows (Dow): those of the last `period` bars against those of the `period` bars before. First
/// result at bar `2 period`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Structure {
    highest: Highest,
    lowest: Lowest,
    /// Extremes of the windows that ended in the last `period` bars, from the first one on.
    highs: Window,
    lows: Window,
}

impl Structure {
    /// With parts of `period` bars (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("structure period", period, 1)?;
        Ok(Self {
            highest: Highest::new(period)?,
            lowest: Lowest::new(period)?,
            highs: Window::new(period),
            lows: Window::new(period),
        })
    }

    /// Takes the next bar and returns the structure.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64) -> StructureValue {
        let (high, low) = (self.highest.update(high), self.lowest.update(low));
        if high.is_nan() {
            return StructureValue::NAN;
        }
        let judged = self.highs.is_full();
        let (high_before, low_before) = (self.highs.push(high), self.lows.push(low));
        if !judged {
            return StructureValue::NAN;
        }
        let flag = |so: bool| if so { 1.0 } else { 0.0 };
        let (higher_high, higher_low) = (flag(high > high_before), flag(low > low_before));
        let (lower_high, lower_low) = (flag(high < high_before), flag(low < low_before));
        let trend = higher_high * higher_low - lower_high * lower_low;
        StructureValue { higher_high, higher_low, lower_high, lower_low, trend }
    }
}

outputs! {
    /// What [`VolumeProfile`] gives.
    Profile {
        /// Middle of the bin with the most volume, the lowest of equal ones.
        point_of_control,
        /// Upper end of the value area.
        value_high,
        /// Lower end of the value area.
        value_low,
        /// Place of the close: 0 at the lower end of the value area, 1 at the upper one; 0.5 where there is no range.
        position,
    }
}

/// Volume profile with value area (market profile, Steidlmayer 1984) of the last `period` bars.
///
/// Binning: the range from their lowest low to their highest high is cut into equal bins; the whole volume of a bar
/// goes into the bin of its typical price, a price on an edge into the upper one. Where nothing was traded each bar counts
/// the same. The value area begins with the bin of the most volume and takes the neighbour with more volume (the upper
/// of equal ones) until it has the wanted share.
///
/// First result at the `period`-th bar. The profile is made anew for each bar: an update costs O(period + bins).
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct VolumeProfile {
    highest: Highest,
    lowest: Lowest,
    prices: Window,
    volumes: Window,
    /// The bin of each price, in the order of their slots, and the lowest price and width of bins that they belong to.
    places: Vec<u32>,
    drawn: (f64, f64),
    bins: Vec<f64>,
    share: f64,
}

impl VolumeProfile {
    /// Of `period` bars (1 to [`MAX_SCAN`]) in a number of bins (at least 1), with the share of the volume that is in the
    /// value area, customarily 0.7.
    pub fn new(period: u32, bins: u32, share: f64) -> Result<Self, PeriodError> {
        let period = checked_scan("volume profile period", period, 1)?;
        let bins = checked("volume profile bins", bins, 1)?;
        Ok(Self {
            highest: Highest::new(period)?,
            lowest: Lowest::new(period)?,
            prices: Window::new(period),
            volumes: Window::new(period),
            places: vec![0; period as usize],
            drawn: (0.0, 0.0),
            bins: vec![0.0; bins as usize],
            share,
        })
    }

    /// Takes the next bar and returns the profile.
    #[inline]
    pub fn update(&mut self, bar: &Ohlcv) -> Profile {
        let (high, low) = (self.highest.update(bar.high), self.lowest.update(bar.low));
        self.prices.push(bar.typical());
        self.volumes.push(bar.volume);
        if high.is_nan() {
            return Profile::NAN;
        }
        let width = (high - low) / self.bins.len() as f64;
        if width <= 0.0 {
            return Profile { point_of_control: low, value_high: low, value_low: low, position: 0.5 };
        }
        self.fill(low, width);
        let (from, control, to) = self.value_area();
        let (value_low, value_high) = (low + width * from as f64, low + width * (to + 1) as f64);
        Profile {
            point_of_control: low + width * (control as f64 + 0.5),
            value_high,
            value_low,
            position: (bar.close - value_low) / (value_high - value_low),
        }
    }

    fn fill(&mut self, low: f64, width: f64) {
        let last = self.bins.len() - 1;
        let place = |price: f64| (((price - low) / width) as usize).min(last) as u32;
        let prices = self.prices.unordered();
        if self.drawn == (low, width) {
            let newest = self.prices.newest_slot();
            self.places[newest] = place(prices[newest]);
        } else {
            self.drawn = (low, width);
            for (known, price) in self.places.iter_mut().zip(prices) {
                *known = place(*price);
            }
        }
        self.bins.fill(0.0);
        let traded = self.volumes.unordered().iter().any(|volume| *volume > 0.0);
        for (place, volume) in self.places.iter().zip(self.volumes.unordered()) {
            self.bins[*place as usize] += if traded { *volume } else { 1.0 };
        }
    }

    /// First bin, bin of the most volume, and last bin of the value area.
    fn value_area(&self) -> (usize, usize, usize) {
        let bins = &self.bins;
        let control = (1..bins.len()).fold(0, |best, bin| if bins[bin] > bins[best] { bin } else { best });
        let wanted = self.share * bins.iter().sum::<f64>();
        let (mut from, mut to, mut inside) = (control, control, bins[control]);
        while inside < wanted && (from > 0 || to + 1 < bins.len()) {
            let below = if from > 0 { bins[from - 1] } else { -1.0 };
            let above = bins.get(to + 1).copied().unwrap_or(-1.0);
            if above >= below {
                to += 1;
                inside += above;
            } else {
                from -= 1;
                inside += below;
            }
        }
        (from, control, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(high: f64, low: f64, volume: f64) -> Ohlcv {
        Ohlcv { ts: 0, open: low, high, low, close: f64::midpoint(high, low), volume }
    }

    #[test]
    fn the_value_area_grows_towards_more_volume() {
        // Four bins of 1 from 10 to 14; typical prices are the middles of bars.
        let mut profile = VolumeProfile::new(5, 4, 0.7).unwrap();
        for (middle, volume) in [(10.5, 1.0), (11.5, 5.0), (12.5, 3.0), (13.5, 2.0)] {
            assert!(profile.update(&bar(middle + 0.5, middle - 0.5, volume)).position.is_nan());
        }
        // An edge belongs to the bin above: 5 + 1 in the second bin. Of 12, 70 % are 8.4: the third bin is enough.
        let value = profile.update(&bar(11.25, 10.75, 1.0));
        assert_eq!((value.point_of_control, value.value_low, value.value_high), (11.5, 11.0, 13.0));
        assert_eq!(value.position, 0.0);
    }

    #[test]
    fn a_profile_of_one_price_has_no_width() {
        let mut profile = VolumeProfile::new(2, 10, 0.7).unwrap();
        profile.update(&bar(7.0, 7.0, 0.0));
        let value = profile.update(&bar(7.0, 7.0, 0.0));
        assert_eq!(
            (value.point_of_control, value.value_low, value.value_high, value.position),
            (7.0, 7.0, 7.0, 0.5)
        );
    }

    #[test]
    fn pivots_are_made_of_the_bars_before() {
        let mut range = PastRange::new(1).unwrap();
        assert!(range.update(12.0, 8.0, 10.0).classic()[0].is_nan());
        let before = range.update(99.0, 1.0, 50.0);
        assert_eq!(before.classic(), [10.0, 12.0, 14.0, 16.0, 8.0, 6.0, 4.0]);
        assert_eq!(before.support_resistance(13.0)[4], 1.0, "above resistance is as good as at it");
        assert_eq!(before.support_resistance(11.0)[4], 0.5);
    }

    #[test]
    fn structure_compares_two_parts() {
        let mut structure = Structure::new(2).unwrap();
        for (high, low) in [(5.0, 1.0), (6.0, 2.0), (7.0, 1.5)] {
            assert!(structure.update(high, low).trend.is_nan());
        }
        // Lows of 1.5 and 3 against 1 and 2, highs of 7 and 8 against 5 and 6.
        assert_eq!(structure.update(8.0, 3.0).trend, 1.0);
        let value = structure.update(9.0, 0.0);
        assert_eq!((value.higher_high, value.lower_low, value.trend), (1.0, 1.0, 0.0));
    }
}
