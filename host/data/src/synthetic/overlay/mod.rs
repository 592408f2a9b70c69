//! A stress put on stored data: the same series with a crash, a gap, more volatility or less volume in them.

mod bars;
mod stress;

use std::fs;
use std::path::{Path, PathBuf};

use cryptobot_model::{Instrument, Timeframe, Timestamp};
use serde_json::{Value, json};

use self::bars::{Changed, Grid, change, partition};
use self::stress::{Applied, Instant, Line};
use super::error::SyntheticError;
use super::folder;
use crate::catalog::Catalog;
use crate::error::DataError;
use crate::sample::write_json;
use crate::store::{CatalogWriter, Cell, Rows, SeriesId, SeriesKind, VOIDS_FILE, stored_rows};

pub use self::stress::Stress;

/// What stress is put on which series.
#[derive(Clone, Debug)]
pub struct OverlayRequest {
    /// The catalog that has the series.
    pub on: PathBuf,
    /// Venue.
    pub venue: String,
    /// Symbols, each of which is put under the stress.
    pub symbols: Vec<String>,
    /// The stress.
    pub stress: Stress,
    /// When it begins.
    pub at: Timestamp,
    /// First time that is copied, inclusive; without it from the first row on.
    pub from: Option<Timestamp>,
    /// End of what is copied, exclusive; without it up to the last row.
    pub to: Option<Timestamp>,
    /// Kinds that are copied; without any all that a stress can be put on.
    pub kinds: Vec<SeriesKind>,
}

/// What an overlay made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlaid {
    /// What everything that shows the data says about them.
    pub label: String,
    /// The series, with their rows and how many of them are other ones than those stored.
    pub series: Vec<(SeriesId, u64, u64)>,
    /// Kinds of the symbols that are not copied, since their rows would contradict the bars.
    pub left_out: Vec<String>,
}

/// Copies series of a catalog with a stress in them into a folder that becomes a catalog, under the same venue and symbol.
///
/// Prices of trades stay on the tick, every bar stays possible. Bars of several lengths agree: where the parts of a longer
/// bar are stored, it is what they add up to. Mark and index prices follow the stress, funding rates stay and get the mark
/// price of their time. Trades, books and liquidations are left out.
pub fn overlay(request: &OverlayRequest, out: &Path) -> Result<Overlaid, SyntheticError> {
    request.stress.check()?;
    if let (Some(from), Some(to)) = (request.from, request.to)
        && from >= to
    {
        return Err(DataError::EmptyPeriod { from, to }.into());
    }
    let catalog = Catalog::open(&request.on)?;
    let name = request.stress.name();
    let label = format!("overlay {name} at {} on stored data: not market data", request.at);
    let source = format!("overlay {name} at {}", request.at);
    let make = |folder: &Path| {
        let writer = CatalogWriter::open(folder)?;
        let mut done = Overlaid { label: label.clone(), series: Vec::new(), left_out: Vec::new() };
        for symbol in &request.symbols {
            of_symbol(&catalog, request, symbol, (&writer, &source), &mut done)?;
        }
        copy_instruments(request, folder, &label)?;
        Ok(done)
    };
    let (done, _) = folder::put(out, &label, make)?;
    Ok(done)
}

/// The kinds of a symbol that are copied, those with bars of shorter length first, and the names of the others.
fn kinds(
    catalog: &Catalog,
    request: &OverlayRequest,
    symbol: &str,
) -> Result<(Vec<SeriesKind>, Vec<String>), SyntheticError> {
    let (mut copied, mut left_out) = (Vec::new(), Vec::new());
    for name in catalog.kinds(&request.venue, symbol)? {
        match name.parse::<SeriesKind>() {
            Ok(kind) if !request.kinds.is_empty() && !request.kinds.contains(&kind) => {}
            Ok(SeriesKind::AggTrades | SeriesKind::Depth | SeriesKind::Liquidations) | Err(_) => {
                left_out.push(format!("{symbol} {name}"));
            }
            Ok(kind) => copied.push(kind),
        }
    }
    copied.sort_by_key(|kind| kind.grid());
    Ok((copied, left_out))
}

fn of_symbol(
    catalog: &Catalog,
    request: &OverlayRequest,
    symbol: &str,
    (writer, source): (&CatalogWriter, &str),
    done: &mut Overlaid,
) -> Result<(), SyntheticError> {
    let (kinds, left_out) = kinds(catalog, request, symbol)?;
    done.left_out.extend(left_out);
    let instrument = catalog.instruments(&request.venue)?.get(symbol)?.instrument;
    let mut stored = Vec::new();
    for kind in kinds {
        let id = SeriesId::new(&request.venue, symbol, kind)?;
        let rows = within(&stored_rows(catalog.root(), &id)?, request);
        if !rows.is_empty() {
            stored.push((id, rows));
        }
    }
    let applied = Applied::new(request.stress, request.at, line(catalog, request, symbol, &stored)?);
    // Bars that are changed already, by content.
    let mut finer: [Vec<Rows>; 3] = Default::default();
    for (id, rows) in stored {
        let changed = put_under(&rows, &applied, &instrument, &finer);
        writer.append(&id, &changed.rows, source)?;
        copy_voids(request, &id, writer.root())?;
        done.series.push((id.clone(), changed.rows.len() as u64, changed.count));
        if let Some(place) = content(id.kind) {
            finer[place].push(changed.rows);
        }
    }
    Ok(())
}

/// Which bars are of the same prices.
const fn content(kind: SeriesKind) -> Option<usize> {
    match kind {
        SeriesKind::Bars(_) => Some(0),
        SeriesKind::Mark(_) => Some(1),
        SeriesKind::Index(_) => Some(2),
        _ => None,
    }
}

fn put_under(stored: &Rows, applied: &Applied, instrument: &Instrument, finer: &[Vec<Rows>; 3]) -> Changed {
    let grid = Grid::of(instrument, stored.kind());
    if let Some(place) = content(stored.kind()) {
        return change(stored, applied, grid, &finer[place]);
    }
    let mut changed = Changed { rows: Rows::new(stored.kind()), count: 0 };
    for row in 0..stored.len() {
        let ts_ms = stored.ts_ms(row);
        match (stored.kind(), stored.cell(row, 2)) {
            (SeriesKind::Funding, Cell::Number(mark)) if applied.touches(ts_ms, ts_ms + 1) => {
                let stressed = grid.price(applied.price(mark, Instant { ts_ms, is_end: false }));
                changed.rows.push(&[ts_ms.into(), stored.cell(row, 1), stressed.into()]);
                changed.count += u64::from(stressed != mark);
            }
            _ => changed.rows.copy(stored, row),
        }
    }
    changed
}

/// The rows of the period.
fn within(rows: &Rows, request: &OverlayRequest) -> Rows {
    let from = request.from.map_or(0, |from| partition(rows, from.millis()));
    let to = request.to.map_or(rows.len(), |to| partition(rows, to.millis()));
    let mut part = Rows::new(rows.kind());
    for row in from..to {
        part.copy(rows, row);
    }
    part
}

/// The line through the finest bars of trades that have the time of the stress. It begins and ends with whole bars.
fn line(
    catalog: &Catalog,
    request: &OverlayRequest,
    symbol: &str,
    stored: &[(SeriesId, Rows)],
) -> Result<Line, SyntheticError> {
    let bars = || stored.iter().filter(|(id, _)| matches!(id.kind, SeriesKind::Bars(_)));
    let found = bars().find_map(|(id, rows)| line_through(rows, id.kind.grid()?, request));
    if let Some(line) = found {
        return Ok(line);
    }
    match bars().next_back() {
        Some((id, rows)) => Err(SyntheticError::Outside {
            at: request.at,
            series: id.to_string(),
            from: Timestamp::from_millis(rows.ts_ms(0)),
            to: Timestamp::from_millis(rows.ts_ms(rows.len() - 1)),
        }),
        None => Err(SyntheticError::NoBars {
            venue: request.venue.clone(),
            symbol: symbol.to_owned(),
            there: catalog.kinds(&request.venue, symbol)?.join(", "),
        }),
    }
}

fn line_through(rows: &Rows, grid: Timeframe, request: &OverlayRequest) -> Option<Line> {
    let at_ms = request.at.millis();
    let first = partition(rows, at_ms);
    let end =
        partition(rows, at_ms + request.stress.length_ms().unwrap_or(grid.millis()) - grid.millis() + 1);
    let last = end.max(first + 1) - 1;
    let price = |row, column| match rows.cell(row, column) {
        Cell::Number(price) => Some(price),
        _ => None,
    };
    // The bar that the stress begins in, or with.
    let begins = partition(rows, at_ms - grid.millis() + 1);
    if begins == rows.len() || rows.ts_ms(begins) > at_ms || last >= rows.len() {
        return None;
    }
    Some(Line {
        from_ms: rows.ts_ms(first),
        to_ms: rows.ts_ms(last) + grid.millis(),
        first: price(first, 1)?,
        last: price(last, 4)?,
    })
}

/// Marked voids of a series stay marked.
fn copy_voids(request: &OverlayRequest, id: &SeriesId, root: &Path) -> Result<(), DataError> {
    let name = Path::new(&id.folder()).join(VOIDS_FILE);
    let from = request.on.join(&name);
    if from.exists() {
        fs::copy(&from, root.join(&name)).map_err(DataError::io(from))?;
    }
    Ok(())
}

/// The venue's instruments with the label of the overlay. Without a file the venue's defaults hold, as they do for the data
/// that the overlay was put on.
fn copy_instruments(request: &OverlayRequest, root: &Path, label: &str) -> Result<(), DataError> {
    let name = Path::new(&request.venue).join("instruments.json");
    let from = request.on.join(&name);
    let mut file = if from.exists() {
        let text = fs::read_to_string(&from).map_err(DataError::io(&from))?;
        serde_json::from_str(&text).map_err(|error| DataError::io(&from)(error.into()))?
    } else {
        json!({ "instruments": {} })
    };
    if let Value::Object(fields) = &mut file {
        fields.insert("synthetic".to_owned(), json!(true));
        fields.insert("label".to_owned(), json!(label));
    }
    write_json(&root.join(name), &file)
}
