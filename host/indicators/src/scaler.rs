//! Scalers that bring columns of features to comparable sizes. They are fitted on training rows only, stored with the
//! schema, and applied to whatever comes later.

use std::error::Error;
use std::fmt;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

/// How columns are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Scaling {
    /// To mean 0 and population standard deviation 1.
    Standard,
    /// From the smallest and largest fitted value to 0 and 1; later values may lie beyond.
    MinMax,
    /// To median 0 and interquartile range 1, which outliers do not move.
    Robust,
    /// `sign(x) ln(1 + |x|)`, then as `Standard`: for quantities that span orders of magnitude, such as volumes.
    Log,
}

/// Why a scaler cannot be fitted or applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScalerError {
    /// The number of values is not a multiple of the number of columns, or there are no columns.
    Shape {
        /// Number of values.
        values: usize,
        /// Number of columns.
        columns: usize,
    },
    /// A column has no finite value to fit.
    Empty {
        /// Its number, from 0.
        column: usize,
    },
}

impl fmt::Display for ScalerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape { values, columns } => {
                write!(f, "{values} values are not rows of {columns} columns; give whole rows")
            }
            Self::Empty { column } => {
                write!(f, "column {column} has no finite value to fit; give rows after its warm-up")
            }
        }
    }
}

impl Error for ScalerError {}

/// A fitted scaler: each column is shifted and divided, after the logarithm where it has one.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Scaler {
    scaling: Scaling,
    /// What is taken off each column, and what it is divided by.
    columns: Vec<(f64, f64)>,
}

impl Scaler {
    /// Fits a scaler to rows, one after the other in `rows`. Values that are not finite, as while warming up, do not count;
    /// a column without any range is shifted to 0 and not divided.
    pub fn fit(scaling: Scaling, rows: &[f64], columns: usize) -> Result<Self, ScalerError> {
        if columns == 0 || !rows.len().is_multiple_of(columns) {
            return Err(ScalerError::Shape { values: rows.len(), columns });
        }
        let fitted = (0..columns).map(|column| {
            let values = rows.iter().skip(column).step_by(columns).filter(|value| value.is_finite());
            let values: Vec<f64> = values.map(|value| scaling.prepare(*value)).collect();
            if values.is_empty() {
                return Err(ScalerError::Empty { column });
            }
            let first = values[0];
            if values.iter().all(|value| *value == first) {
                return Ok((first, 1.0));
            }
            let (shift, size) = scaling.fit(values);
            // Half of the values may be the same, without a range between the quartiles.
            Ok((shift, if size > 0.0 { size } else { 1.0 }))
        });
        Ok(Self { scaling, columns: fitted.collect::<Result<_, _>>()? })
    }

    /// Scales rows in place.
    pub fn apply(&self, rows: &mut [f64]) -> Result<(), ScalerError> {
        let columns = self.columns.len();
        if columns == 0 || !rows.len().is_multiple_of(columns) {
            return Err(ScalerError::Shape { values: rows.len(), columns });
        }
        for row in rows.chunks_exact_mut(columns) {
            for (value, (shift, size)) in row.iter_mut().zip(&self.columns) {
                *value = (self.scaling.prepare(*value) - shift) / size;
            }
        }
        Ok(())
    }

    /// How it scales.
    pub fn scaling(&self) -> Scaling {
        self.scaling
    }
}

impl Scaling {
    fn prepare(self, value: f64) -> f64 {
        match self {
            Self::Log => libm::log1p(value.abs()).copysign(value),
            Self::Standard | Self::MinMax | Self::Robust => value,
        }
    }

    /// What is taken off, and what is divided by.
    fn fit(self, mut values: Vec<f64>) -> (f64, f64) {
        let n = values.len() as f64;
        match self {
            Self::Standard | Self::Log => {
                let mean = values.iter().sum::<f64>() / n;
                let squares = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>();
                (mean, (squares / n).sqrt())
            }
            Self::MinMax => {
                let low = values.iter().copied().fold(f64::INFINITY, f64::min);
                let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                (low, high - low)
            }
            Self::Robust => {
                values.sort_unstable_by(f64::total_cmp);
                let at = |share: f64| quantile(&values, share);
                (at(0.5), at(0.75) - at(0.25))
            }
        }
    }
}

/// The quantile of sorted values, interpolated between its neighbours (Hyndman and Fan 1996, type 7).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place.floor();
    let low = sorted[below as usize];
    let high = sorted[place.ceil() as usize];
    low + (high - low) * (place - below)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(scaling: Scaling, rows: &[f64], columns: usize) -> Vec<f64> {
        let mut rows = rows.to_vec();
        Scaler::fit(scaling, &rows, columns).unwrap().apply(&mut rows).unwrap();
        rows
    }

    fn close(a: &[f64], b: &[f64]) {
        assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() < 1e-12, "{a} against {b}");
        }
    }

    #[test]
    fn columns_are_scaled_by_themselves() {
        let rows = [1.0, 10.0, 2.0, 10.0, 3.0, 40.0, 6.0, 40.0];
        // Mean 3 and variance (4 + 1 + 0 + 9) / 4; mean 25 and deviation 15.
        let size = 3.5_f64.sqrt();
        close(
            &scaled(Scaling::Standard, &rows, 2),
            &[-2.0 / size, -1.0, -1.0 / size, -1.0, 0.0, 1.0, 3.0 / size, 1.0],
        );
        close(&scaled(Scaling::MinMax, &rows, 2), &[0.0, 0.0, 0.2, 0.0, 0.4, 1.0, 1.0, 1.0]);
        // Quartiles 1.75, 2.5 and 3.75; 10, 25 and 40.
        close(&scaled(Scaling::Robust, &rows, 2), &[-0.75, -0.5, -0.25, -0.5, 0.25, 0.5, 1.75, 0.5]);
        let e = std::f64::consts::E;
        close(&scaled(Scaling::Log, &[e - 1.0, 1.0 - e], 1), &[1.0, -1.0]);
    }

    #[test]
    fn what_comes_later_is_scaled_as_what_was_fitted() {
        let scaler = Scaler::fit(Scaling::MinMax, &[f64::NAN, 2.0, 4.0], 1).unwrap();
        let mut later = [6.0, f64::NAN, 2.0];
        scaler.apply(&mut later).unwrap();
        assert_eq!([later[0], later[2]], [2.0, 0.0]);
        assert!(later[1].is_nan());
    }

    #[test]
    fn constants_become_0() {
        for scaling in [Scaling::Standard, Scaling::MinMax, Scaling::Robust, Scaling::Log] {
            assert_eq!(scaled(scaling, &[0.1, 0.1, 0.1], 1), [0.0; 3], "{scaling:?}");
        }
    }

    #[test]
    fn errors_say_what_to_give() {
        let message =
            |rows: &[f64], columns| Scaler::fit(Scaling::Log, rows, columns).unwrap_err().to_string();
        assert_eq!(message(&[1.0; 3], 2), "3 values are not rows of 2 columns; give whole rows");
        assert_eq!(
            message(&[1.0, f64::NAN], 2),
            "column 1 has no finite value to fit; give rows after its warm-up"
        );
        assert!(Scaler::fit(Scaling::Robust, &[1.0], 1).unwrap().apply(&mut []).is_ok());
    }
}
