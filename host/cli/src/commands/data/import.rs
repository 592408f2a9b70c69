//! `host data import` and `host data export`.

use std::path::Path;

use cryptobot_data::Catalog;
use cryptobot_data::store::{
    Appended, CatalogWriter, ExportRequest, ImportOptions, SeriesId, TimeUnit, export as export_series,
    import,
};
use cryptobot_run::ExitCode;
use serde::Serialize;

use crate::args::Format;
use crate::args::data::{ExportArguments, ImportArguments, Unit};
use crate::commands::CommandError;
use crate::output::print;

/// What became of a file.
#[derive(Serialize)]
struct Imported {
    file: String,
    #[serde(flatten)]
    appended: Appended,
}

pub(super) fn run(arguments: &ImportArguments) -> Result<ExitCode, CommandError> {
    let series = SeriesId::new(&arguments.venue, &arguments.symbol, arguments.kind)?;
    let map = arguments.map.iter().map(|pair| {
        let pair = pair.split_once('=').ok_or_else(|| CommandError::Map(pair.clone()))?;
        Ok((pair.0.to_owned(), pair.1.to_owned()))
    });
    let options = ImportOptions {
        kind: arguments.kind,
        map: map.collect::<Result<_, CommandError>>()?,
        unit: arguments.unit.map(|unit| match unit {
            Unit::S => TimeUnit::Seconds,
            Unit::Ms => TimeUnit::Milliseconds,
            Unit::Us => TimeUnit::Microseconds,
            Unit::Ns => TimeUnit::Nanoseconds,
        }),
        entry: arguments.entry.clone(),
    };
    let writer = CatalogWriter::open(&arguments.data)?;
    let mut all = Vec::new();
    for file in &arguments.files {
        let appended = import(&writer, &series, file, &options, &source(file))?;
        let imported = Imported { file: file.display().to_string(), appended };
        if arguments.format == Format::Human {
            let Appended { added, identical, completed, restated, .. } = imported.appended;
            print(format_args!(
                "{}: {added} new, {identical} known, {completed} completed, {restated} restated",
                imported.file
            ))?;
        }
        all.push(imported);
    }
    if arguments.format == Format::Json {
        print(serde_json::to_string_pretty(&all)?)?;
    }
    Ok(ExitCode::Done)
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
