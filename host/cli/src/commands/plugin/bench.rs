//! `host plugin bench`.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use cryptobot_data::{Catalog, SeriesRequest};
use cryptobot_engine::BarBlock;
use cryptobot_model::ParamValue;
use cryptobot_plugin::Limits;
use cryptobot_plugin::{BenchOptions, BenchReport, BenchTape, bench, cache_folder};
use cryptobot_run::ExitCode;

use super::named;
use crate::args::{BenchArguments, Format};
use crate::commands::{CommandError, compiler};
use crate::output::{plain_table, print};

pub(super) fn run(arguments: &BenchArguments) -> Result<ExitCode, CommandError> {
    let path = named(&arguments.plugin)?;
    let options = BenchOptions {
        params: given(&arguments.set)?,
        rounds: arguments.rounds,
        tape: match &arguments.data {
            Some(root) => stored(root, arguments)?,
            None => BenchTape::Generated(arguments.bars),
        },
        cache_dir: cache_folder(),
        compiler: compiler::in_child(),
    };
    let report = bench(&path, &Limits::default(), &options)
        .map_err(|source| CommandError::Bench { path: path.clone(), source })?;
    match arguments.format {
        Format::Json => print(serde_json::to_string_pretty(&report)?)?,
        Format::Human => show(&report)?,
    }
    Ok(ExitCode::Done)
}

/// The texts of `--set`, as they are: the plugin's declaration says what they mean.
fn given(set: &[String]) -> Result<BTreeMap<String, ParamValue>, CommandError> {
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').ok_or_else(|| CommandError::Set(text.clone()))?;
        Ok((name.to_owned(), ParamValue::Text(value.to_owned())))
    };
    set.iter().map(pair).collect()
}

/// The first bars of a stored series.
fn stored(root: &Path, arguments: &BenchArguments) -> Result<BenchTape, CommandError> {
    let catalog = Catalog::open(root)?;
    let venue = match (&arguments.venue, catalog.venues()?.as_slice()) {
        (Some(venue), _) => venue.clone(),
        (None, [only]) => only.clone(),
        (None, venues) => return Err(CommandError::Venue(venues.join(", "))),
    };
    let instrument = catalog.instruments(&venue)?.get(&arguments.symbol)?.instrument;
    let mut reader = catalog.series(&SeriesRequest {
        venue,
        symbol: arguments.symbol.clone(),
        timeframe: arguments.timeframe,
        from: None,
        to: None,
        allow_gaps: true,
    })?;
    let (mut bars, mut block) = (BarBlock::default(), BarBlock::default());
    while bars.len() < arguments.bars {
        reader.read(&mut block)?;
        if block.is_empty() {
            break;
        }
        bars.append(&block, arguments.bars - bars.len());
    }
    Ok(BenchTape::Stored(Box::new(instrument), arguments.timeframe, bars))
}

fn show(report: &BenchReport) -> io::Result<()> {
    let machine = &report.machine;
    print(format_args!(
        "{}  {} bars ({}), median of {} rounds",
        report.plugin, report.bars, report.tape, report.rounds
    ))?;
    let mut calls = plain_table();
    calls.set_header(["Callback", "Calls", "ns each"]);
    for cost in &report.callbacks {
        calls.add_row([cost.name.to_owned(), cost.calls.to_string(), format!("{:.0}", cost.ns)]);
    }
    calls.add_row(["empty call".to_owned(), String::new(), format!("{:.0}", report.empty_call_ns)]);
    print(calls)?;
    let milliseconds = |ms: f64| format!("{ms:.3} ms");
    let mut figures = plain_table();
    figures.add_row(["bars per second", &format!("{:.0}", report.bars_per_s)]);
    figures.add_row(["orders in a round", &report.orders.to_string()]);
    if let Some(bytes) = report.memory_bytes {
        figures.add_row(["memory", &format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))]);
    }
    figures.add_row(["compile", &milliseconds(report.compile_ms)]);
    if let Some(load) = report.load_ms {
        figures.add_row(["load compiled", &milliseconds(load)]);
    }
    figures.add_row(["start an instance", &milliseconds(report.start_ms)]);
    print(figures)?;
    print(format_args!(
        "measured on this machine ({}, {} threads, {}) with a {} build of the host; another gives other figures",
        machine.cpu, machine.cores, machine.platform, machine.host_build
    ))
}
