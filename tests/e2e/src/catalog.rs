//! Small catalogs of made-up bars.

use std::fs;
use std::path::{Path, PathBuf};

use cryptobot_data::{BarTable, write_bars};
use cryptobot_engine::BarBlock;
use cryptobot_model::Timeframe;

/// Open time of the first bar: 2024-01-01, ms.
pub const START_MS: i64 = 1_704_067_200_000;
/// A minute, ms.
pub const MINUTE_MS: i64 = 60_000;

/// A catalog with one venue, `test`, that is being written.
#[derive(Debug)]
pub struct Catalog {
    root: PathBuf,
}

impl Catalog {
    /// A catalog below `root`.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Writes minute bars of a symbol into a file, and returns its path.
    pub fn minutes(&self, symbol: &str, file: &str, bars: &BarBlock) -> PathBuf {
        let path = self.root.join("test").join(symbol).join("1m").join(file);
        write(&path, bars);
        path
    }
}

fn write(path: &Path, bars: &BarBlock) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    write_bars(path, Timeframe::MINUTE, &BarTable::from(bars)).expect("bars");
}
