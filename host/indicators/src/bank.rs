//! The indicators of one strategy, created by name and read by dense handle.

use std::error::Error;
use std::fmt;

/// Why an indicator cannot be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateError(pub String);

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for CreateError {}

/// Indicators by handle, grouped by the series that feeds them.
#[derive(Debug, Default)]
pub struct Bank {
    series: usize,
}

impl Bank {
    /// An empty bank for a number of series.
    pub fn new(series: usize) -> Self {
        Self { series }
    }

    /// Creates an indicator on a series and returns its handle; parameters are (name, value).
    pub fn create(&mut self, kind: &str, series: usize, params: &[(String, f64)]) -> Result<u32, CreateError> {
        let _ = (series, params, self.series);
        Err(CreateError(format!("there is no indicator `{kind}`")))
    }

    /// Feeds a closed bar to the indicators of a series.
    pub fn update(&mut self, series: usize, open: f64, high: f64, low: f64, close: f64, volume: f64) {
        let _ = (series, open, high, low, close, volume);
    }

    /// Value of an output `n` bars ago; NaN while warming up, and for handles and outputs that do not exist.
    pub fn value(&self, handle: u32, output: u32, n: u32) -> f64 {
        let _ = (handle, output, n);
        f64::NAN
    }
}
