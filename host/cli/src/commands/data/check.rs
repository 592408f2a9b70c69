//! `host data check` and `host data repair`.

use std::collections::BTreeMap;

use cryptobot_data::Catalog;
use cryptobot_data::store::{
    CatalogWriter, Finding, SeriesId, Severity, Void, check, mark_void, missing_rows,
};
use cryptobot_model::Timestamp;
use cryptobot_run::ExitCode;
use serde::Serialize;

use super::list::{open_index, request};
use crate::args::Format;
use crate::args::data::{CheckArguments, RepairArguments};
use crate::commands::CommandError;
use crate::output::print;

/// Everything that was found.
#[derive(Serialize)]
struct Report {
    files: usize,
    errors: usize,
    notices: usize,
    findings: Vec<Finding>,
}

pub(super) fn run(arguments: &CheckArguments) -> Result<ExitCode, CommandError> {
    let catalog = Catalog::open(&arguments.which.data)?;
    let against = arguments.against.as_ref().map(Catalog::open).transpose()?;
    let mut by_file: BTreeMap<String, Vec<Finding>> = BTreeMap::new();
    check(&catalog, &request(&arguments.which, against), |file, findings| {
        by_file.entry(file.to_owned()).or_default().extend(findings);
    })?;
    let of = |severity, findings: &[Finding]| {
        findings.iter().filter(|finding| finding.severity == severity).count()
    };
    let index = open_index(&catalog)?;
    for (file, findings) in &by_file {
        let (errors, notices) = (of(Severity::Error, findings), of(Severity::Notice, findings));
        index.set_checked(file, errors as u64, notices as u64)?;
    }
    let files = by_file.len();
    let findings: Vec<Finding> = by_file.into_values().flatten().collect();
    let (errors, notices) = (of(Severity::Error, &findings), of(Severity::Notice, &findings));
    match arguments.which.format {
        Format::Json => print(serde_json::to_string_pretty(&Report { files, errors, notices, findings })?)?,
        Format::Human => {
            for finding in &findings {
                print(finding)?;
            }
            print(format_args!("{files} files: {errors} errors, {notices} notices"))?;
        }
    }
    Ok(if errors > 0 { ExitCode::Data } else { ExitCode::Done })
}

pub(super) fn repair(arguments: &RepairArguments) -> Result<ExitCode, CommandError> {
    if arguments.refetch {
        return Err(CommandError::Refetch);
    }
    let catalog = Catalog::open(&arguments.which.data)?;
    let writer = CatalogWriter::open(&arguments.which.data)?;
    let request = request(&arguments.which, None);
    let given =
        arguments.void.iter().map(|text| void(text, &arguments.reason)).collect::<Result<Vec<_>, _>>()?;
    let mut lines: Vec<String> = Vec::new();
    for series in request.series(&catalog)? {
        if arguments.compact {
            let done = writer.compact(&series)?;
            for file in done.written.iter().filter(|file| !done.removed.contains(file)) {
                lines.push(format!("wrote {file}"));
            }
            lines.extend(done.removed.iter().map(|file| format!("removed {file}: its rows stand in others")));
        }
        mark(&catalog, &series, &given, arguments, &mut lines)?;
    }
    match arguments.which.format {
        Format::Json => print(serde_json::to_string_pretty(&lines)?)?,
        Format::Human if lines.is_empty() => print("nothing to repair")?,
        Format::Human => print(lines.join("\n"))?,
    }
    Ok(ExitCode::Done)
}

fn mark(
    catalog: &Catalog,
    series: &SeriesId,
    given: &[Void],
    arguments: &RepairArguments,
    lines: &mut Vec<String>,
) -> Result<(), CommandError> {
    let mut voids = given.to_vec();
    if arguments.void_gaps {
        for (from, to) in missing_rows(catalog, series)? {
            let time = |ms| Timestamp::from_millis(ms).to_string();
            voids.push(Void { from: time(from), to: time(to), reason: arguments.reason.clone() });
        }
    }
    let marked = mark_void(catalog.root(), series, &voids)?;
    if marked > 0 {
        lines.push(format!("{series}: {marked} voids marked in {}/_voids.json", series.folder()));
    }
    Ok(())
}

fn void(text: &str, reason: &str) -> Result<Void, CommandError> {
    let wrong = || CommandError::Void(text.to_owned());
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let time = |text: &str| text.parse::<Timestamp>().map_err(|_| wrong());
    if time(from)? >= time(to)? {
        return Err(wrong());
    }
    Ok(Void { from: time(from)?.to_string(), to: time(to)?.to_string(), reason: reason.to_owned() })
}
