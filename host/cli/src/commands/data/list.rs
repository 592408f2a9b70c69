//! `host data list`.

use std::fmt::Write as _;

use cryptobot_data::Catalog;
use cryptobot_data::store::{
    CatalogIndex, CheckRequest, FileEntry, Month, MonthState, SeriesId, Voids, months_of,
};
use cryptobot_model::Timestamp;
use cryptobot_run::ExitCode;
use serde::Serialize;

use crate::args::Format;
use crate::args::data::WhichSeries;
use crate::commands::CommandError;
use crate::output::{complain, print};

/// A series as it is printed.
#[derive(Serialize)]
struct Listed<'a> {
    venue: &'a str,
    symbol: &'a str,
    kind: String,
    rows: u64,
    first: Option<String>,
    last: Option<String>,
    months: Vec<Month>,
    files: &'a [FileEntry],
}

pub(super) fn run(which: &WhichSeries) -> Result<ExitCode, CommandError> {
    let catalog = Catalog::open(&which.data)?;
    let index = open_index(&catalog)?;
    let request = request(which, None);
    let wanted = request.series(&catalog)?;
    let mut all = Vec::new();
    for series in &wanted {
        all.push(listed(&catalog, series, index.entries().get(series).map_or(&[], Vec::as_slice))?);
    }
    match which.format {
        Format::Json => print(serde_json::to_string_pretty(&all)?)?,
        Format::Human => print(text(&all).trim_end())?,
    }
    Ok(ExitCode::Done)
}

/// The database of a catalog; where it had to be made again, one line says so.
pub(super) fn open_index(catalog: &Catalog) -> Result<CatalogIndex, CommandError> {
    let index = CatalogIndex::open(catalog)?;
    if let Some(reason) = index.rebuilt() {
        complain(format_args!("catalog.sqlite was made again from the files: {reason}"));
    }
    Ok(index)
}

pub(super) fn request(which: &WhichSeries, against: Option<Catalog>) -> CheckRequest {
    CheckRequest { venue: which.venue.clone(), symbol: which.symbol.clone(), kind: which.kind, against }
}

fn listed<'a>(
    catalog: &Catalog,
    series: &'a SeriesId,
    files: &'a [FileEntry],
) -> Result<Listed<'a>, CommandError> {
    let voids = Voids::read(catalog.root(), series)?;
    let ranges = || files.iter().filter_map(|file| file.range_ms);
    let time = |ms: i64| Timestamp::from_millis(ms).to_string();
    Ok(Listed {
        venue: &series.venue,
        symbol: &series.symbol,
        kind: series.kind.to_string(),
        rows: files.iter().map(|file| file.rows).sum(),
        first: ranges().map(|range| range.0).min().map(time),
        last: ranges().map(|range| range.1).max().map(time),
        months: months_of(series, files, &voids),
        files,
    })
}

fn text(all: &[Listed<'_>]) -> String {
    if all.is_empty() {
        return "nothing is stored".to_owned();
    }
    let mut text = String::new();
    // Writing to a String cannot fail.
    for Listed { venue, symbol, kind, rows, first, last, months, files } in all {
        let none = "-".to_owned();
        let (first, last) = (first.as_ref().unwrap_or(&none), last.as_ref().unwrap_or(&none));
        let _ = writeln!(text, "{venue} {symbol} {kind}  {rows} rows  {first} to {last}");
        for file in files.iter().filter_map(|file| file.unreadable.as_ref()) {
            let _ = writeln!(text, "  unreadable: {file}");
        }
        let mut year = "";
        for Month { month, state, .. } in months {
            let (of, number) = month.split_once('-').unwrap_or((month, "01"));
            if of != year {
                let before = number.parse::<usize>().unwrap_or(1).saturating_sub(1);
                let line = if year.is_empty() { "" } else { "\n" };
                let _ = write!(text, "{line}  {of}  {}", " ".repeat(before));
                year = of;
            }
            text.push(block(*state));
        }
        text.push_str("\n\n");
    }
    text.push_str("a block per month: █ complete, ▒ partial, · missing, ○ complete but for marked voids");
    text
}

const fn block(state: MonthState) -> char {
    match state {
        MonthState::Complete => '█',
        MonthState::CompleteButVoid => '○',
        MonthState::Partial => '▒',
        MonthState::Missing => '·',
    }
}
