//! `host data import` and `host data export`.

use std::io;
use std::path::Path;

use cryptobot_data::Catalog;
use cryptobot_data::store::{
    Appended, CatalogWriter, ExportRequest, ImportOptions, SeriesId, TimeUnit, export as export_series,
    import,
};
use cryptobot_record::{ImportedSeries, import_tape, is_tape};
use cryptobot_run::ExitCode;
use serde::Serialize;

use crate::args::Format;
use crate::args::data::{ExportArguments, ImportArguments, Unit};
use crate::commands::CommandError;
use crate::output::print;

/// What became of a file, or of a series of a tape.
#[derive(Serialize)]
#[serde(untagged)]
enum Imported {
    Rows {
        file: String,
        #[serde(flatten)]
        appended: Appended,
    },
    Tape {
        file: String,
        #[serde(flatten)]
        series: ImportedSeries,
    },
}

pub(super) fn run(arguments: &ImportArguments) -> Result<ExitCode, CommandError> {
    let writer = CatalogWriter::open(&arguments.data)?;
    let mut all = Vec::new();
    for path in &arguments.files {
        let file = path.display().to_string();
        if is_tape(path)? {
            let series = import_tape(path, &writer, &|id| is_wanted(arguments, id), &source(path))?;
            for series in series {
                show(
                    arguments.format,
                    &format!("{file}: {} {} {}", series.venue, series.symbol, series.kind),
                    &series.appended,
                )?;
                all.push(Imported::Tape { file: file.clone(), series });
            }
        } else {
            let (series, options) = rows_of(arguments, path)?;
            let appended = import(&writer, &series, path, &options, &source(path))?;
            show(arguments.format, &file, &appended)?;
            all.push(Imported::Rows { file, appended });
        }
    }
    if arguments.format == Format::Json {
        print(serde_json::to_string_pretty(&all)?)?;
    }
    Ok(ExitCode::Done)
}

/// Says what became of something, to people.
fn show(format: Format, name: &str, appended: &Appended) -> io::Result<()> {
    if format == Format::Json {
        return Ok(());
    }
    let Appended { added, identical, completed, restated, .. } = appended;
    print(format_args!("{name}: {added} new, {identical} known, {completed} completed, {restated} restated"))
}

/// Whether a series of a tape is asked for: one that no option rules out.
fn is_wanted(arguments: &ImportArguments, id: &SeriesId) -> bool {
    let fits = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
    fits(&arguments.venue, &id.venue)
        && fits(&arguments.symbol, &id.symbol)
        && arguments.kind.is_none_or(|kind| kind == id.kind)
}

/// What the rows of a file are, which only the options say.
fn rows_of(arguments: &ImportArguments, file: &Path) -> Result<(SeriesId, ImportOptions), CommandError> {
    let missing = |option| CommandError::WhatFile { option, file: file.to_owned() };
    let venue = arguments.venue.as_deref().ok_or_else(|| missing("venue"))?;
    let symbol = arguments.symbol.as_deref().ok_or_else(|| missing("symbol"))?;
    let kind = arguments.kind.ok_or_else(|| missing("kind"))?;
    let map = arguments.map.iter().map(|pair| {
        let pair = pair.split_once('=').ok_or_else(|| CommandError::Map(pair.clone()))?;
        Ok((pair.0.to_owned(), pair.1.to_owned()))
    });
    let options = ImportOptions {
        kind,
        map: map.collect::<Result<_, CommandError>>()?,
        unit: arguments.unit.map(|unit| match unit {
            Unit::S => TimeUnit::Seconds,
            Unit::Ms => TimeUnit::Milliseconds,
            Unit::Us => TimeUnit::Microseconds,
            Unit::Ns => TimeUnit::Nanoseconds,
        }),
        entry: arguments.entry.clone(),
    };
    Ok((SeriesId::new(venue, symbol, kind)?, options))
}

fn source(file: &Path) -> String {
    format!("import {}", file.file_name().unwrap_or_default().to_string_lossy())
}

pub(super) fn export(arguments: &ExportArguments) -> Result<ExitCode, CommandError> {
    let request = ExportRequest {
        series: SeriesId::new(&arguments.venue, &arguments.symbol, arguments.kind)?,
        from: arguments.from,
        to: arguments.to,
        columns: arguments.columns.clone(),
    };
    let rows = export_series(&Catalog::open(&arguments.data)?, &request, &arguments.out)?;
    print(format_args!("{}: {rows} rows", arguments.out.display()))?;
    Ok(ExitCode::Done)
}
