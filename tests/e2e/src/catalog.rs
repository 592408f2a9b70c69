//! Stored bars of tests.

use std::fs;
use std::ops::Range;
use std::path::Path;

use cryptobot_data::{BarTable, write_bars};
use cryptobot_engine::BarBlock;
use cryptobot_model::Timeframe;

/// Open time of the sample's first bar: 2024-01-01, ms.
pub const START_MS: i64 = 1_704_067_200_000;
/// A minute, ms.
pub const MINUTE_MS: i64 = 60_000;

/// Writes some rows of minute bars as a file of a catalog.
pub fn write_minutes(path: &Path, bars: &BarBlock, rows: Range<usize>) {
    let column = |values: &[f64]| values[rows.clone()].to_vec();
    let part = BarBlock {
        open_ms: bars.open_ms[rows.clone()].to_vec(),
        open: column(&bars.open),
        high: column(&bars.high),
        low: column(&bars.low),
        close: column(&bars.close),
        volume: column(&bars.volume),
    };
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    write_bars(path, Timeframe::MINUTE, &BarTable::from(&part)).expect("bars");
}
