//! The bundled sample: a year of made-up one-minute bars, the same on every machine.
//!
//! Recorded exchange data may not be shipped, so the product makes its own. Everything that shows the sample says that
//! it is synthetic.

mod market;
mod premium;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process;
use std::thread;

use cryptobot_engine::BarBlock;
use cryptobot_model::{FundingRate, Timeframe};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::DataError;
use crate::hash::{file_sha256, hex};
use crate::write::{BarTable, replace_file, write_bars, write_funding, write_marks};
use market::{PAIRS, Pair};

/// The sample's venue.
pub const VENUE: &str = "synthetic";
/// What everything that shows the sample says about it.
pub const LABEL: &str = "synthetic sample: generated bars, not market data";
/// The seed of the sample that documentation and tests speak of.
pub const SEED: u64 = 42;
/// Counts up when the generator makes other values.
const VERSION: u32 = 2;
const MANIFEST: &str = "manifest.json";

/// What [`ensure`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The sample was made.
    Generated,
    /// It was there and whole.
    Cached,
    /// A sample of another version or seed, or an incomplete one, was replaced.
    Replaced,
}

/// What the generator made: kept beside the files, so that it can tell its own from others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    synthetic: bool,
    generator_version: u32,
    seed: u64,
    /// SHA-256 of each file by its path below the venue.
    files: BTreeMap<String, String>,
    /// SHA-256 of each pair's values, and under `SYMBOL/mark-1m` of its mark prices, see [`values_sha256`].
    values: BTreeMap<String, String>,
}

/// Makes the sample under a catalog's root unless it is there. Replaces only what it made itself.
pub fn ensure(root: &Path, seed: u64) -> Result<Outcome, DataError> {
    let place = root.join(VENUE);
    let outcome = match found(&place)? {
        Found::Nothing => Outcome::Generated,
        Found::Whole(manifest) if manifest.generator_version == VERSION && manifest.seed == seed => {
            return Ok(Outcome::Cached);
        }
        Found::Whole(_) | Found::Incomplete => Outcome::Replaced,
    };
    fs::create_dir_all(root).map_err(DataError::io(root))?;
    let made = root.join(format!(".{VENUE}.{}.tmp", process::id()));
    let old = root.join(format!(".{VENUE}.{}.old.tmp", process::id()));
    let put = || {
        generate(&made, seed)?;
        if outcome == Outcome::Replaced {
            fs::rename(&place, &old).map_err(DataError::io(&place))?;
        }
        fs::rename(&made, &place).map_err(DataError::io(&place))
    };
    let result = put();
    for leftover in [&made, &old] {
        let _ = fs::remove_dir_all(leftover);
    }
    match result {
        Ok(()) => Ok(outcome),
        // Another process may have been faster with the same sample.
        Err(error) => match found(&place) {
            Ok(Found::Whole(manifest)) if manifest.generator_version == VERSION && manifest.seed == seed => {
                Ok(Outcome::Cached)
            }
            _ => Err(error),
        },
    }
}

/// The values of one pair of the sample; `None` = the sample has no such pair.
pub fn bars(symbol: &str, seed: u64) -> Option<BarBlock> {
    let slot = PAIRS.iter().position(|pair| pair.symbol == symbol)?;
    Some(market::bars(&PAIRS[slot], slot as u64, seed))
}

/// The mark prices of one pair of the sample, minute by minute, and its funding rates; `None` = it has no such pair.
pub fn marks_and_funding(symbol: &str, seed: u64) -> Option<(BarBlock, Vec<FundingRate>)> {
    let slot = PAIRS.iter().position(|pair| pair.symbol == symbol)?;
    let bars = market::bars(&PAIRS[slot], slot as u64, seed);
    Some(premium::marks_and_funding(&PAIRS[slot], &bars, slot as u64, seed))
}

/// The symbols of the sample.
pub fn symbols() -> [&'static str; 5] {
    PAIRS.map(|pair| pair.symbol)
}

/// SHA-256 over the columns `ts open high low close volume` in this order, little endian: independent of how a file
/// encodes them.
pub fn values_sha256(bars: &BarBlock) -> String {
    let mut hasher = Sha256::new();
    for time in &bars.open_ms {
        hasher.update(time.to_le_bytes());
    }
    for column in [&bars.open, &bars.high, &bars.low, &bars.close, &bars.volume] {
        for value in column {
            hasher.update(value.to_le_bytes());
        }
    }
    hex(&hasher.finalize())
}

/// What stands in the sample's place.
enum Found {
    Nothing,
    /// Every file that the manifest lists, and no other.
    Whole(Manifest),
    /// Only files that the manifest lists, but not all.
    Incomplete,
}

fn found(place: &Path) -> Result<Found, DataError> {
    let foreign = |path: &Path, problem: &str| DataError::Foreign {
        path: path.to_owned(),
        problem: problem.to_owned(),
    };
    let mut there = Vec::new();
    if place.is_dir() {
        files_below(place, &mut there)?;
    } else if place.exists() {
        return Err(foreign(place, "is not a folder"));
    } else {
        return Ok(Found::Nothing);
    }
    let path = place.join(MANIFEST);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let Ok(manifest) = serde_json::from_str::<Manifest>(&text) else {
        return match there.first() {
            Some(file) => {
                Err(foreign(file, "stands where the sample belongs, without a manifest of the generator"))
            }
            None => Ok(Found::Incomplete),
        };
    };
    let hashes = in_parallel(&there, |file| file_sha256(file))?;
    let mut owned = 0;
    for (file, hash) in there.iter().zip(hashes).filter(|(file, _)| **file != path) {
        let name = file.strip_prefix(place).unwrap_or(file).to_string_lossy().replace('\\', "/");
        match manifest.files.get(&name) {
            Some(known) if *known == hash => owned += 1,
            Some(_) => return Err(foreign(file, "was changed after the generator made it")),
            None => return Err(foreign(file, "was not made by the generator")),
        }
    }
    Ok(if owned == manifest.files.len() { Found::Whole(manifest) } else { Found::Incomplete })
}

pub(crate) fn files_below(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), DataError> {
    for entry in fs::read_dir(folder).map_err(DataError::io(folder))? {
        let path = entry.map_err(DataError::io(folder))?.path();
        if path.is_dir() {
            files_below(&path, files)?;
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(())
}

/// Writes the venue's folder: instruments, bars, mark prices, funding rates, manifest.
fn generate(folder: &Path, seed: u64) -> Result<(), DataError> {
    let slots: Vec<usize> = (0..PAIRS.len()).collect();
    let made = in_parallel(&slots, |&slot| {
        let pair = &PAIRS[slot];
        let bars = market::bars(pair, slot as u64, seed);
        let (marks, funding) = premium::marks_and_funding(pair, &bars, slot as u64, seed);
        let names = ["1m", "mark-1m", "funding"].map(|kind| format!("{}/{kind}/2024.parquet", pair.symbol));
        let paths = names.each_ref().map(|name| folder.join(name));
        write_bars(&paths[0], Timeframe::MINUTE, &BarTable::from(&bars))?;
        write_marks(&paths[1], Timeframe::MINUTE, &marks)?;
        write_funding(&paths[2], &funding)?;
        let hashes = paths.iter().map(|path| file_sha256(path)).collect::<Result<Vec<_>, _>>()?;
        let files: Vec<_> = names.into_iter().zip(hashes).collect();
        Ok((files, values_sha256(&bars), values_sha256(&marks)))
    })?;
    let instruments = folder.join("instruments.json");
    let entry = |pair: &Pair| (pair.symbol, pair.price_places, pair.lot_places, pair.min_notional);
    write_json(&instruments, &instruments_json(LABEL, PAIRS.iter().map(entry)))?;
    let mut manifest = Manifest {
        synthetic: true,
        generator_version: VERSION,
        seed,
        files: BTreeMap::from([("instruments.json".to_owned(), file_sha256(&instruments)?)]),
        values: BTreeMap::new(),
    };
    for (pair, (files, bars, marks)) in PAIRS.iter().zip(made) {
        manifest.files.extend(files);
        manifest.values.insert(pair.symbol.to_owned(), bars);
        manifest.values.insert(format!("{}/mark-1m", pair.symbol), marks);
    }
    write_json(&folder.join(MANIFEST), &manifest)
}

/// The file of instruments: perpetuals by symbol, decimal places of prices and quantities, and minimum notional.
pub(crate) fn instruments_json(
    label: &str,
    pairs: impl Iterator<Item = (&'static str, u32, u32, u32)>,
) -> serde_json::Value {
    let step = |places: u32| rust_decimal::Decimal::new(1, places).to_string();
    let entry = |(symbol, price_places, lot_places, min_notional): (&str, u32, u32, u32)| {
        let entry = serde_json::json!({
            "tick": step(price_places),
            "lot": step(lot_places),
            "min_notional": min_notional.to_string(),
            "contract": "perpetual",
            "maker_fee": "0.0002",
            "taker_fee": "0.0004",
            "funding": true,
        });
        (symbol.to_owned(), entry)
    };
    let instruments: serde_json::Map<_, _> = pairs.map(entry).collect();
    serde_json::json!({ "synthetic": true, "label": label, "instruments": instruments })
}

pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), DataError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| DataError::io(path)(error.into()))?;
    replace_file(path, |file| writeln!(file, "{text}")).map_err(DataError::io(path))
}

/// Does the same for every item on its own thread; results in the order of the items.
pub(crate) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, DataError> + Sync,
) -> Result<Vec<R>, DataError> {
    thread::scope(|scope| {
        let threads: Vec<_> = items.iter().map(|item| scope.spawn(|| work(item))).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or(Err(DataError::Thread { doing: "generating data" }))
        };
        threads.into_iter().map(join).collect()
    })
}
