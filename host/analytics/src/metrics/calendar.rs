//! Calendar months in UTC.

use super::finite;
use super::sampling::Samples;

/// Return of one calendar month; the first and the last may be partial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Month {
    /// Year.
    pub year: i32,
    /// Month, 1–12.
    pub month: u32,
    /// Return as a fraction.
    pub value: f64,
}

/// The months of a run in order. A sample at midnight belongs to the day that ends there.
pub fn monthly_returns(samples: &Samples) -> Vec<Month> {
    let mut months: Vec<Month> = Vec::new();
    let mut before = samples.start;
    let mut previous = samples.start;
    for (ts, value) in samples.times.iter().zip(&samples.values) {
        let (year, month, _) = ts.plus(-1).civil();
        match months.last_mut() {
            Some(last) if (last.year, last.month) == (year, month) => last.value = value / before - 1.0,
            _ => {
                before = previous;
                months.push(Month { year, month, value: value / before - 1.0 });
            }
        }
        previous = *value;
    }
    months.retain(|month| finite(month.value).is_some());
    months
}
