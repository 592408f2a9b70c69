//! `host data download`.

use std::io;
use std::sync::{Mutex, PoisonError};

use cryptobot_download::{Estimate, Options, Report, SystemClock, Timeouts, Venue, download, estimate};
use cryptobot_run::ExitCode;

use crate::args::Format;
use crate::args::data::DownloadArguments;
use crate::commands::CommandError;
use crate::commands::run::interruption;
use crate::output::{complain, plain_table, print};
use crate::progress::DownloadBar;

/// How often a request is tried before its series is given up.
const ATTEMPTS: u32 = 8;
/// Ranges that an exchange has nothing of that are listed of a series.
const SHOWN: usize = 10;

pub(super) fn run(arguments: &DownloadArguments) -> Result<ExitCode, CommandError> {
    let stop = interruption();
    let options = Options {
        venue: Venue::named(&arguments.venue)?,
        symbols: arguments.symbols.clone(),
        kinds: arguments.kinds.clone(),
        from: arguments.from,
        to: arguments.to,
        data: arguments.data.clone(),
        base_url: arguments.base_url.clone(),
        jobs: usize::from(arguments.jobs),
        attempts: ATTEMPTS,
        seed: arguments.seed,
        update_instruments: arguments.update_instruments,
        timeouts: Timeouts::default(),
        clock: &SystemClock,
        stop: &stop,
    };
    if arguments.dry_run {
        let estimate = estimate(&options)?;
        match arguments.format {
            Format::Json => print(serde_json::to_string_pretty(&estimate)?)?,
            Format::Human => show_estimate(&estimate)?,
        }
        return Ok(ExitCode::Done);
    }
    let bar = Mutex::new(DownloadBar::new());
    let at_bar = || bar.lock().unwrap_or_else(PoisonError::into_inner);
    let report = download(&options, &|at| at_bar().show(at));
    at_bar().clear();
    let report = report?;
    match arguments.format {
        Format::Json => print(serde_json::to_string_pretty(&report)?)?,
        Format::Human => show_report(&report)?,
    }
    for failed in &report.failed {
        complain(format_args!("error: {}", failed.error));
    }
    Ok(if report.interrupted {
        complain("interrupted: what came is stored; the same command goes on from there");
        ExitCode::Interrupted
    } else if report.failed.is_empty() {
        ExitCode::Done
    } else {
        ExitCode::Failed
    })
}

fn show_estimate(estimate: &Estimate) -> io::Result<()> {
    print(format_args!("{}  {} to {}", estimate.venue, estimate.from, estimate.to))?;
    let mut table = plain_table();
    table.set_header(["Symbol", "Kind", "Rows lacking", "Requests", ""]);
    for series in &estimate.series {
        let rows = series.rows.map_or_else(|| "not known".to_owned(), |rows| rows.to_string());
        let begins = series.begins.as_ref().map(|at| format!("the exchange has it from {at}"));
        let (symbol, kind) = (series.symbol.clone(), series.kind.clone());
        table.add_row([symbol, kind, rows, series.requests.to_string(), begins.unwrap_or_default()]);
    }
    print(table)?;
    for pool in &estimate.weights {
        print(format_args!(
            "{}: {}, at most {} per {} s",
            pool.pool, pool.weight, pool.share, pool.window_s
        ))?;
    }
    print(format_args!("{} requests, about {} at least", estimate.requests, duration(estimate.seconds)))
}

fn show_report(report: &Report) -> io::Result<()> {
    print(format_args!("{}  {} to {}", report.venue, report.from, report.to))?;
    let mut table = plain_table();
    table.set_header(["Symbol", "Kind", "Rows added", "Restated", "Not there", ""]);
    for series in &report.series {
        let missing: u64 = series.missing.iter().map(|range| range.rows).sum();
        let begins = series.begins.as_ref().map(|at| format!("the exchange has it from {at}"));
        table.add_row([
            series.symbol.clone(),
            series.kind.clone(),
            series.stored.added.to_string(),
            series.stored.restated.to_string(),
            missing.to_string(),
            begins.unwrap_or_default(),
        ]);
    }
    print(table)?;
    for series in &report.series {
        for range in series.missing.iter().take(SHOWN) {
            let (symbol, kind) = (&series.symbol, &series.kind);
            print(format_args!(
                "{symbol} {kind}: the exchange has nothing from {} to {} ({} rows)",
                range.from, range.to, range.rows
            ))?;
        }
        if series.missing.len() > SHOWN {
            print(format_args!(
                "{} {}: and {} more ranges",
                series.symbol,
                series.kind,
                series.missing.len() - SHOWN
            ))?;
        }
    }
    let instruments = &report.instruments;
    if !instruments.added.is_empty() {
        print(format_args!("{}: added {}", instruments.file.display(), instruments.added.join(", ")))?;
    }
    for difference in &instruments.differences {
        let stored = difference.stored.as_deref().unwrap_or("nothing");
        let kept = if instruments.updated.contains(&difference.symbol) {
            "now the exchange's"
        } else {
            "kept; --update-instruments takes the exchange's"
        };
        let (symbol, field, exchange) = (&difference.symbol, &difference.field, &difference.exchange);
        print(format_args!(
            "{symbol}: {field} is {stored} in instruments.json and {exchange} at the exchange: {kept}"
        ))?;
    }
    print(format_args!("{} requests, {} of them repeated", report.requests, report.retries))
}

/// A time in its two largest units.
fn duration(seconds: u64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}
