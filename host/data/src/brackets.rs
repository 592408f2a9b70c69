//! Import of bracket tables into `instruments.json`.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::catalog::is_name;
use crate::error::DataError;
use crate::instruments::{Exact, parse};
use crate::terms::{BracketEntry, brackets, whole_leverage};
use crate::write::replace_file;

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What an import changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedBrackets {
    /// Symbols whose table was written.
    pub symbols: usize,
    /// The venue's `instruments.json`.
    pub file: PathBuf,
}

/// One symbol of the exchange's answer to `leverageBracket`.
#[derive(Deserialize)]
struct SymbolBrackets {
    symbol: String,
    brackets: Vec<Line>,
}

/// One tier in the layout that other tools store.
#[derive(Deserialize)]
struct Tier {
    info: Line,
}

/// One bracket as the exchange writes it, numbers or texts.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    initial_leverage: Exact,
    notional_cap: Exact,
    notional_floor: Exact,
    maint_margin_ratio: Exact,
    cum: Exact,
}

/// Writes the bracket tables of a file into `<root>/<venue>/instruments.json`. Tables of other symbols and everything
/// else there stay; without the file it is made.
///
/// The file is the exchange's answer to `leverageBracket` (a list, or one object), or a map from unified symbols such as
/// `BTC/USDT:USDT` to tiers with the exchange's bracket as `info`; gzipped or not. Nothing is written unless every table
/// is valid.
pub fn import_brackets(root: &Path, venue: &str, source: &Path) -> Result<ImportedBrackets, DataError> {
    let tables = read(source)?;
    let file = root.join(venue).join("instruments.json");
    if !is_name(venue) {
        return Err(problem(source, format!("`{venue}` is no name of a venue, such as binance-usdm")));
    }
    if !root.is_dir() {
        let problem = "there is no such folder of market data; name it with --data".to_owned();
        return Err(DataError::Instruments { file: root.to_owned(), at: None, problem });
    }
    let mut document = existing(&file)?;
    let stored = document.entry("brackets").or_insert_with(|| Value::Object(Map::new()));
    let Value::Object(stored) = stored else {
        return Err(problem(&file, "brackets: must be a map from symbols to tables".to_owned()));
    };
    let symbols = tables.len();
    for (symbol, entries) in tables {
        let entries = serde_json::to_value(entries).map_err(|error| problem(source, error.to_string()))?;
        stored.insert(symbol, entries);
    }
    stored.sort_keys();
    let text = serde_json::to_string_pretty(&document).map_err(|error| problem(source, error.to_string()))?;
    replace_file(&file, |out| writeln!(out, "{text}")).map_err(DataError::io(&file))?;
    Ok(ImportedBrackets { symbols, file })
}

fn problem(file: &Path, problem: String) -> DataError {
    DataError::Instruments { file: file.to_owned(), at: None, problem }
}

/// The venue's file as it is, checked; an empty one where there is none.
pub(crate) fn existing(file: &Path) -> Result<Map<String, Value>, DataError> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "{\"instruments\": {}}".to_owned(),
        Err(error) => return Err(DataError::io(file)(error)),
    };
    parse(file, &text)?;
    serde_json::from_str(&text).map_err(|error| problem(file, error.to_string()))
}

fn read(source: &Path) -> Result<Vec<(String, Vec<BracketEntry>)>, DataError> {
    let mut bytes = fs::read(source).map_err(DataError::io(source))?;
    if bytes.starts_with(&GZIP) {
        let mut plain = Vec::new();
        GzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).map_err(DataError::io(source))?;
        bytes = plain;
    }
    let document: Value =
        serde_json::from_slice(&bytes).map_err(|error| problem(source, format!("no JSON: {error}")))?;
    let lines = by_symbol(document).map_err(|text| problem(source, text))?;
    if lines.is_empty() {
        return Err(problem(source, "holds no bracket table".to_owned()));
    }
    let mut tables = Vec::with_capacity(lines.len());
    for (symbol, lines) in lines {
        let wrong = |text: String| problem(source, format!("{symbol}: {text}"));
        if lines.is_empty() {
            return Err(wrong("has no brackets".to_owned()));
        }
        let entries: Vec<BracketEntry> =
            lines.iter().map(Line::entry).collect::<Result<_, String>>().map_err(wrong)?;
        brackets(&entries).map_err(wrong)?;
        tables.push((symbol, entries));
    }
    Ok(tables)
}

fn by_symbol(document: Value) -> Result<Vec<(String, Vec<Line>)>, String> {
    let answer = |value: Value| {
        let SymbolBrackets { symbol, brackets } = serde_json::from_value(value).map_err(|error| {
            format!("an entry is not {{symbol, brackets: [...]}} as leverageBracket answers: {error}")
        })?;
        Ok((symbol, brackets))
    };
    match document {
        Value::Array(symbols) => symbols.into_iter().map(answer).collect(),
        Value::Object(map) if map.contains_key("symbol") => Ok(vec![answer(Value::Object(map))?]),
        Value::Object(map) => map.into_iter().map(|(name, tiers)| unified(&name, tiers)).collect(),
        _ => Err("must be a list of {symbol, brackets} or a map from symbols to tiers".to_owned()),
    }
}

/// Tiers under a unified symbol: `BTC/USDT:USDT` is `BTCUSDT`, `BTC/USDT:USDT-250926` is `BTCUSDT_250926`.
fn unified(name: &str, tiers: Value) -> Result<(String, Vec<Line>), String> {
    let symbol = name.split_once('/').and_then(|(base, rest)| {
        let (quote, settled) = rest.split_once(':')?;
        let expiry = settled.split_once('-').map(|(_, day)| format!("_{day}")).unwrap_or_default();
        Some(format!("{base}{quote}{expiry}"))
    });
    let symbol = symbol.ok_or_else(|| format!("{name}: no symbol such as BTC/USDT:USDT"))?;
    let tiers: Vec<Tier> = serde_json::from_value(tiers)
        .map_err(|error| format!("{name}: its tiers lack the exchange's bracket in `info`: {error}"))?;
    Ok((symbol, tiers.iter().map(|tier| tier.info).collect()))
}

impl Line {
    fn entry(&self) -> Result<BracketEntry, String> {
        let Exact(leverage) = self.initial_leverage;
        Ok(BracketEntry {
            floor: self.notional_floor,
            cap: self.notional_cap,
            max_leverage: whole_leverage(self.initial_leverage)
                .ok_or_else(|| format!("initialLeverage {leverage} is no whole number"))?,
            maintenance_rate: self.maint_margin_ratio,
            cum: self.cum,
        })
    }
}
