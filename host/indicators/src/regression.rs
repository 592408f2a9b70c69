//! Linear regression over time, and statistics of the last values.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::dispersion::StdDev;
use crate::kind::{Kind, Ohlcv, kinds, outputs};
use crate::period::{MAX_PERIOD, MAX_SCAN, PeriodError, checked, checked_scan};
use crate::window::{Sum, Window, ratio};

pub(crate) const KINDS: &[Kind] = kinds! { Ohlcv:
    linreg(period: u32 = 14 in 2..=MAX_PERIOD)
        -> ["value", "slope", "intercept", "angle", "r-squared", "forecast"], from period;
        "close", "Least-squares line through the last closes: its end, slope per bar, begin, angle in degrees, share of variance that it explains (0 where there is none), and next value",
        source "common", oracle "TA-Lib LINEARREG, LINEARREG_SLOPE, LINEARREG_INTERCEPT, LINEARREG_ANGLE, TSF; definition";
        LinearRegression::new(period)? => |i, bar| i.update(bar.close),
    forecast_oscillator(period: u32 = 14 in 2..=MAX_PERIOD) -> ["value"], from period + 1;
        "close", "Distance of the close from the forecast of the bar before, in percent of the close",
        source "Chande and Kroll 1994", oracle "TA-Lib FOSC";
        ForecastOscillator::new(period)? => |i, bar| i.update(bar.close),
    variance(period: u32 = 20 in 2..=MAX_PERIOD) -> ["value"], from period;
        "close", "Population variance", source "common", oracle "definition";
        StdDev::new(period)? => |i, bar| { let deviation = i.update(bar.close); deviation * deviation },
    z_score(period: u32 = 20 in 2..=MAX_PERIOD) -> ["value"], from period;
        "close", "Distance from the mean in population standard deviations; 0 where there are none",
        source "common", oracle "definition";
        StdDev::new(period)? => |i, bar| { let deviation = i.update(bar.close); ratio(bar.close - i.mean(), deviation) },
    average_deviation(period: u32 = 14 in 2..=MAX_SCAN) -> ["value"], from period;
        "close", "Mean absolute deviation from the mean", source "common", oracle "TA-Lib AVGDEV";
        AverageDeviation::new(period)? => |i, bar| i.update(bar.close),
    percent_rank(period: u32 = 100 in 1..=MAX_SCAN) -> ["value"], from period + 1;
        "close", "Share of the closes before that lie below the newest one, in percent",
        source "common", oracle "TA-Lib PERCENTRANK";
        PercentRank::new(period)? => |i, bar| i.update(bar.close),
    skewness(period: u32 = 30 in 3..=MAX_SCAN) -> ["value"], from period;
        "close", "Population skewness; 0 where closes do not move", source "Fisher-Pearson", oracle "definition";
        Shape::new(period)? => |i, bar| i.update(bar.close).skewness,
    kurtosis(period: u32 = 30 in 4..=MAX_SCAN) -> ["value"], from period;
        "close", "Population excess kurtosis; 0 where closes do not move", source "Fisher-Pearson", oracle "definition";
        Shape::new(period)? => |i, bar| i.update(bar.close).kurtosis,
};

outputs! {
    /// What [`LinearRegression`] gives.
    Line {
        /// The line at the newest value.
        value,
        /// Its change per value.
        slope,
        /// The line at the oldest value.
        intercept,
        /// `atan(slope)` in degrees.
        angle,
        /// Share of the variance that the line explains, 0 to 1; 0 where there is none.
        r_squared,
        /// The line one value ahead (time series forecast).
        forecast,
    }
}

/// Sums around a value near them, which keeps their digits; positions are counted from the oldest value, 0.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
struct LineSums {
    around: f64,
    sum: f64,
    squares: f64,
    weighted: f64,
}

impl LineSums {
    const fn around(around: f64) -> Self {
        Self { around, sum: 0.0, squares: 0.0, weighted: 0.0 }
    }

    #[inline]
    fn add(&mut self, value: f64, position: f64) {
        let distance = value - self.around;
        self.sum += distance;
        self.squares += distance * distance;
        self.weighted += position * distance;
    }

    /// Takes the oldest value away: all others move one position down.
    #[inline]
    fn remove_oldest(&mut self, value: f64) {
        let distance = value - self.around;
        self.sum -= distance;
        self.squares -= distance * distance;
        self.weighted -= self.sum;
    }
}

/// Least-squares line through the last `period` values at equal distances. First result at the `period`-th value.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct LinearRegression {
    window: Window,
    position: f64,
    sums: LineSums,
    /// Sums of the values since the ring began anew; replace `sums` when the ring is through.
    fresh: LineSums,
    line: Line,
}

impl LinearRegression {
    /// The line through `period` values (at least 2).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("linreg period", period, 2)?;
        Ok(Self {
            window: Window::new(period),
            position: 0.0,
            sums: LineSums::around(0.0),
            fresh: LineSums::around(0.0),
            line: Line::NAN,
        })
    }

    /// Takes the next value and returns the line.
    #[inline]
    pub fn update(&mut self, value: f64) -> Line {
        if self.window.is_wrapped() {
            self.fresh = LineSums::around(value);
            self.position = 0.0;
        }
        self.fresh.add(value, self.position);
        self.position += 1.0;
        let was_full = self.window.is_full();
        let oldest = self.window.push(value);
        if was_full {
            self.sums.remove_oldest(oldest);
            self.sums.add(value, self.window.len() - 1.0);
        }
        if self.window.is_wrapped() {
            self.sums = self.fresh;
        }
        if self.window.is_full() {
            self.line = self.solve();
        }
        self.line
    }

    /// The line; NaN while warming up.
    #[inline]
    pub fn value(&self) -> Line {
        self.line
    }

    fn solve(&self) -> Line {
        let n = self.window.len();
        let LineSums { around, sum, squares, weighted } = self.sums;
        // Sums of squared distances: of the positions, of the values, and of their products.
        let positions = n * (n * n - 1.0) / 12.0;
        let values = squares - sum * sum / n;
        let products = weighted - sum * (n - 1.0) / 2.0;
        let slope = products / positions;
        let middle = around + sum / n;
        let value = middle + slope * (n - 1.0) / 2.0;
        let explained = if values > 0.0 { (slope * products / values).min(1.0) } else { 0.0 };
        Line {
            value,
            slope,
            intercept: middle - slope * (n - 1.0) / 2.0,
            angle: libm::atan(slope).to_degrees(),
            r_squared: explained,
            forecast: value + slope,
        }
    }
}

/// Forecast oscillator (Chande and Kroll 1994): `100 (close - forecast) / close` with the forecast that the regression
/// over the `period` values before gave for the newest one. First result at value `period + 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct ForecastOscillator {
    regression: LinearRegression,
}

impl ForecastOscillator {
    /// With the line through `period` values (at least 2).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        Ok(Self { regression: LinearRegression::new(period)? })
    }

    /// Takes the next value and returns the distance.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let forecast = self.regression.value().forecast;
        self.regression.update(value);
        100.0 * ratio(value - forecast, value)
    }
}

/// Mean absolute deviation of the last `period` values from their mean. First result at the `period`-th value. It is
/// added up anew for each value: an update costs O(period).
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct AverageDeviation {
    sum: Sum,
}

impl AverageDeviation {
    /// Over `period` values (2 to [`MAX_SCAN`]).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        Ok(Self { sum: Sum::new(checked_scan("average deviation period", period, 2)?) })
    }

    /// Takes the next value and returns the deviation.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        self.sum.update(value);
        let mean = self.sum.mean();
        if mean.is_nan() {
            return mean;
        }
        let window = self.sum.window();
        window.unordered().iter().map(|value| (value - mean).abs()).sum::<f64>() / window.len()
    }
}

/// Share of the `period` values before that lie below the newest one, in percent. First result at value
/// `period + 1`. They are counted for each value: an update costs O(period).
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct PercentRank {
    window: Window,
}

impl PercentRank {
    /// Among `period` values (1 to [`MAX_SCAN`]).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        Ok(Self { window: Window::new(checked_scan("percent rank period", period, 1)?) })
    }

    /// Takes the next value and returns its rank, 0 to 100.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let rank = if self.window.is_full() {
            let below = self.window.unordered().iter().filter(|old| **old < value).count();
            100.0 * below as f64 / self.window.len()
        } else {
            f64::NAN
        };
        self.window.push(value);
        rank
    }
}

outputs! {
    /// What [`Shape`] gives.
    ShapeValue {
        /// Third standardised moment; 0 where the values do not differ.
        skewness,
        /// Fourth standardised moment minus 3, which a normal distribution has; 0 where the values do not differ.
        kurtosis,
    }
}

/// Skewness and excess kurtosis of the last `period` values (population moments). First result at the `period`-th
/// value. Moments are added up anew for each value, which keeps their digits: an update costs O(period).
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Shape {
    sum: Sum,
}

impl Shape {
    /// Over `period` values (3 to [`MAX_SCAN`]).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        Ok(Self { sum: Sum::new(checked_scan("shape period", period, 3)?) })
    }

    /// Takes the next value and returns both moments.
    #[inline]
    pub fn update(&mut self, value: f64) -> ShapeValue {
        self.sum.update(value);
        let mean = self.sum.mean();
        if mean.is_nan() {
            return ShapeValue::NAN;
        }
        let window = self.sum.window();
        let (mut second, mut third, mut fourth) = (0.0, 0.0, 0.0);
        for value in window.unordered() {
            let distance = value - mean;
            let square = distance * distance;
            second += square;
            third += square * distance;
            fourth += square * square;
        }
        let n = window.len();
        let variance = second / n;
        ShapeValue {
            skewness: ratio(third / n, variance * variance.sqrt()),
            kurtosis: if variance > 0.0 { fourth / n / (variance * variance) - 3.0 } else { 0.0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_again_far_from_0() {
        let mut regression = LinearRegression::new(5).unwrap();
        for i in 0..1_003 {
            regression.update(1e9 + 0.25 * f64::from(i));
        }
        let line = regression.value();
        let newest = 1e9 + 0.25 * 1_002.0;
        assert_eq!((line.value, line.slope, line.forecast), (newest, 0.25, newest + 0.25));
        assert_eq!((line.intercept, line.r_squared), (newest - 1.0, 1.0));
    }

    #[test]
    fn walks_over_windows_are_bounded() {
        let refused = PercentRank::new(5_001).unwrap_err().to_string();
        assert_eq!(refused, "the percent rank period must lie in 1..=5000, not 5001");
    }
}
