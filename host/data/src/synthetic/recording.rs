//! The messages of a generated market as an exchange sends them: a file that runs are matched with.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::book::Change;
use super::pairs::Pair;
use super::trades::Trade;
use crate::error::DataError;

/// Time from the exchange to the recorder.
const DELAY_NS: i64 = 2_000_000;

/// Writes `<receive time in ns> <JSON>` lines in the form of Binance USD-M, gzipped.
pub(super) struct RecordingWriter {
    path: PathBuf,
    out: GzEncoder<BufWriter<File>>,
    pair: Pair,
    stream: String,
    trades: u64,
}

impl RecordingWriter {
    pub fn create(path: &Path, pair: &Pair) -> Result<Self, DataError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(DataError::io(folder))?;
        }
        let file = File::create(path).map_err(DataError::io(path))?;
        let out = GzEncoder::new(BufWriter::new(file), Compression::default());
        let stream = pair.symbol.to_lowercase();
        Ok(Self { path: path.to_owned(), out, pair: *pair, stream, trades: 0 })
    }

    /// A change of some levels.
    pub fn change(&mut self, ts_ms: i64, change: &Change) -> Result<(), DataError> {
        let (bids, asks) = self.levels(&change.levels);
        let Change { first_id, last_id, previous_id, .. } = change;
        let (stream, symbol) = (&self.stream, self.pair.symbol);
        let line = format!(
            r#"{{"stream":"{stream}@depth","data":{{"e":"depthUpdate","E":{ts_ms},"T":{ts_ms},"s":"{symbol}","U":{first_id},"u":{last_id},"pu":{previous_id},"b":[{bids}],"a":[{asks}]}}}}"#
        );
        self.line(ts_ms, &line)
    }

    /// The whole book.
    pub fn snapshot(
        &mut self,
        ts_ms: i64,
        last_id: u64,
        levels: &[(bool, i64, i64)],
    ) -> Result<(), DataError> {
        let (bids, asks) = self.levels(levels);
        let line = format!(
            r#"{{"lastUpdateId":{last_id},"E":{ts_ms},"T":{ts_ms},"bids":[{bids}],"asks":[{asks}]}}"#
        );
        self.line(ts_ms, &line)
    }

    /// A trade.
    pub fn trade(&mut self, ts_ms: i64, trade: Trade) -> Result<(), DataError> {
        self.trades += 1;
        let (stream, symbol, id) = (&self.stream, self.pair.symbol, self.trades);
        let price = decimal(trade.ticks, self.pair.price_places);
        let quantity = decimal(trade.lots, self.pair.lot_places);
        let seller_took = !trade.buy;
        let line = format!(
            r#"{{"stream":"{stream}@trade","data":{{"e":"trade","E":{ts_ms},"T":{ts_ms},"s":"{symbol}","t":{id},"p":"{price}","q":"{quantity}","X":"MARKET","m":{seller_took}}}}}"#
        );
        self.line(ts_ms, &line)
    }

    /// Completes the file.
    pub fn finish(self) -> Result<(), DataError> {
        let written = self.out.finish().and_then(|mut file| file.flush());
        written.map_err(DataError::io(&self.path))
    }

    fn line(&mut self, ts_ms: i64, json: &str) -> Result<(), DataError> {
        let received = ts_ms * 1_000_000 + DELAY_NS;
        writeln!(self.out, "{received} {json}").map_err(DataError::io(&self.path))
    }

    fn levels(&self, levels: &[(bool, i64, i64)]) -> (String, String) {
        let side = |of_bids: bool| {
            let text = |(_, ticks, lots): &(bool, i64, i64)| {
                let (price, lots) =
                    (decimal(*ticks, self.pair.price_places), decimal(*lots, self.pair.lot_places));
                format!(r#"["{price}","{lots}"]"#)
            };
            let side = levels.iter().filter(|(bid, ..)| *bid == of_bids);
            side.map(text).collect::<Vec<_>>().join(",")
        };
        (side(true), side(false))
    }
}

/// Steps of `10^-places` as a decimal text.
fn decimal(steps: i64, places: u32) -> String {
    if places == 0 {
        return steps.to_string();
    }
    let unit = 10_i64.pow(places);
    format!("{}.{:0width$}", steps / unit, steps % unit, width = places as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_written_as_decimals() {
        for (steps, places, text) in [(420_001, 1, "42000.1"), (5, 3, "0.005"), (7, 0, "7"), (0, 2, "0.00")] {
            assert_eq!(decimal(steps, places), text);
        }
    }
}
