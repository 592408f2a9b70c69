//! The checks on rows: a fast one that says yes or no, and a slow one that names what is wrong.

use cryptobot_engine::BarBlock;
use cryptobot_model::decimal::LARGEST;
use cryptobot_model::{Timeframe, Timestamp};

use crate::columns::{NullableRows, VALUES};
use crate::error::{FaultyRow, RowFault, RowFaults, SHOWN};

/// The latest time that is believed, in the year 2255: nanoseconds in an `i64` end in 2262.
pub(crate) const LATEST_MS: i64 = 9_000_000_000_000;

/// Whether an open time is on the timeframe's grid, and in a time that the host can express.
pub(crate) fn on_grid(timeframe: Timeframe, open_ms: i64) -> bool {
    let at = Timestamp::from_millis(open_ms);
    (-LATEST_MS..=LATEST_MS).contains(&open_ms) && timeframe.open_of(at) == at
}

/// Whether all prices and volumes of a block can be true. It does not stop at the first fault, so that the loop has
/// no branches.
pub(crate) fn values_are_possible(block: &BarBlock) -> bool {
    let prices = block.open.iter().zip(&block.high).zip(&block.low).zip(&block.close).zip(&block.volume);
    prices.fold(true, |well, ((((&open, &high), &low), &close), &volume)| {
        // Comparisons with NaN are false, so that a NaN anywhere is refused.
        let price =
            low > 0.0 && low <= open && low <= close && open <= high && close <= high && high <= LARGEST;
        well & (price && (0.0..f64::INFINITY).contains(&volume))
    })
}

/// Whether times rise strictly by multiples of `step` (`exact`: by one `step` each).
pub(crate) fn times_rise(times: &[i64], step: i64, exact: bool) -> bool {
    let continuous = times.windows(2).fold(true, |well, pair| well & (pair[1].wrapping_sub(pair[0]) == step));
    continuous || (!exact && times.windows(2).all(|pair| is_step(pair[0], pair[1], step)))
}

fn is_step(before: i64, after: i64, step: i64) -> bool {
    after > before && after.checked_sub(before).is_some_and(|length| length % step == 0)
}

/// What the times of a row group say about a window.
#[derive(Debug)]
pub(crate) struct TimeScan {
    timeframe: Timeframe,
    window: (i64, i64),
    last_seen: Option<i64>,
    /// Rows before the window.
    pub skip: usize,
    /// Rows in the window.
    pub take: usize,
    /// First and last time in the window.
    pub bounds: Option<(i64, i64)>,
    /// Holes between rows of the window: end of the bar before, next open.
    pub holes: Vec<(i64, i64)>,
}

impl TimeScan {
    /// A scan for `[from, to)` in ms.
    pub fn new(timeframe: Timeframe, window: (i64, i64)) -> Self {
        Self { timeframe, window, last_seen: None, skip: 0, take: 0, bounds: None, holes: Vec::new() }
    }

    /// Adds times in file order; false = they are not strictly rising on the grid.
    pub fn add(&mut self, times: &[i64]) -> bool {
        let Some(&first) = times.first() else { return true };
        let step = self.timeframe.millis();
        let connected = match self.last_seen {
            Some(before) => is_step(before, first, step),
            None => on_grid(self.timeframe, first),
        };
        let last = times[times.len() - 1];
        if !connected || !times_rise(times, step, false) || !on_grid(self.timeframe, last) {
            return false;
        }
        self.last_seen = Some(last);
        let from = times.partition_point(|&time| time < self.window.0);
        let to = times.partition_point(|&time| time < self.window.1).max(from);
        self.skip += from;
        self.take += to - from;
        for &time in &times[from..to] {
            self.bounds = match self.bounds {
                Some((low, high)) => {
                    if time - high != step {
                        self.holes.push((high + step, time));
                    }
                    Some((low, time))
                }
                None => Some((time, time)),
            };
        }
        true
    }
}

/// Finds and describes the rows of a file that cannot be true.
pub(crate) struct RowAudit {
    timeframe: Timeframe,
    row: u64,
    before: Option<i64>,
    total: u64,
    rows: Vec<FaultyRow>,
}

impl RowAudit {
    /// An audit from the first row of a file on.
    pub fn new(timeframe: Timeframe) -> Self {
        Self { timeframe, row: 0, before: None, total: 0, rows: Vec::new() }
    }

    /// Looks at the next rows.
    pub fn add(&mut self, rows: &NullableRows) {
        for (index, &open_ms) in rows.times.iter().enumerate() {
            let values = rows.values.each_ref().map(|column| column.get(index).copied().flatten());
            if let Some(fault) = self.fault(open_ms, values) {
                self.total += 1;
                if self.rows.len() < SHOWN {
                    let values = VALUES.into_iter().zip(values).collect();
                    self.rows.push(FaultyRow { row: self.row, fault, ts_ms: open_ms, values });
                }
            }
            self.before = open_ms.or(self.before);
            self.row += 1;
        }
    }

    fn fault(&self, open_ms: Option<i64>, values: [Option<f64>; 5]) -> Option<RowFault> {
        let (Some(open_ms), [Some(open), Some(high), Some(low), Some(close), Some(volume)]) =
            (open_ms, values)
        else {
            return Some(RowFault::Null);
        };
        let prices = [open, high, low, close];
        let is_price = |price: f64| price > 0.0 && price <= LARGEST;
        if self.before == Some(open_ms) {
            Some(RowFault::Duplicate)
        } else if self.before.is_some_and(|before| open_ms < before) {
            Some(RowFault::Unsorted)
        } else if !on_grid(self.timeframe, open_ms) {
            Some(RowFault::OffGrid)
        } else if !prices.into_iter().all(is_price) {
            Some(RowFault::Price)
        } else if prices.into_iter().any(|price| price > high) {
            Some(RowFault::High)
        } else if prices.into_iter().any(|price| price < low) {
            Some(RowFault::Low)
        } else if !(0.0..f64::INFINITY).contains(&volume) {
            Some(RowFault::Volume)
        } else {
            None
        }
    }

    /// The report; `None` = every row is well.
    pub fn finish(self, file: &str) -> Option<RowFaults> {
        (self.total > 0).then(|| RowFaults { file: file.to_owned(), rows: self.rows, total: self.total })
    }
}
