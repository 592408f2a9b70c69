//! The benchmark job as a sweep: fast 2..26 × slow 30..420:10, a thousand full runs, on one thread and on all.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Instant;

use cryptobot_engine::Delivery;
use cryptobot_lab::{Document, Settings, Sweep, SweepError};
use cryptobot_plugin::cache_folder;
use cryptobot_run::permissions::Acceptance;
use cryptobot_run::sweep::Search;
use cryptobot_run::{Environment, Overrides, RunConfig};
use cryptobot_wasm::Compiler;

use crate::job::failed;
use crate::peer;

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/benchmark.yaml");
const VECTORBT: &str = include_str!("../peers/vectorbt_sweep.py");

/// Prints runs per second on one thread and on all, and the ratio to vectorbt where that is installed. With a number of
/// combinations, so many of the grid.
pub(crate) fn run(plugin: &str, catalog: &str, combinations: Option<u64>) -> ExitCode {
    match measure(plugin, catalog, combinations) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error.to_string()),
    }
}

fn measure(plugin: &str, catalog: &str, combinations: Option<u64>) -> Result<(), SweepError> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let out = env::temp_dir().join(format!("cryptobot-bench-sweep-{}", std::process::id()));
    println!("runs per second                      runs      s   runs/s   bars/s     peak");
    let (mut rates, mut tables) = (Vec::new(), Vec::new());
    for (name, delivery, jobs) in [
        ("pages, 1 thread", Delivery::Auto, 1),
        ("pages, all threads", Delivery::Auto, cores),
        ("one call per event, all threads", Delivery::Event, cores),
    ] {
        let document = sweep(plugin, catalog, combinations, (delivery, jobs), &out)?;
        let Document { timing, peak_memory_bytes, .. } = &document;
        println!(
            "{:32} {:8} {:6.1} {:8.1} {:7.0}M {:5} MiB",
            format!("{name} ({jobs})"),
            timing.runs,
            timing.runs_s,
            timing.runs_per_s,
            timing.bars_per_s / 1e6,
            peak_memory_bytes.unwrap_or(0) >> 20
        );
        rates.push(timing.runs_per_s);
        tables.push(fs::read(out.join("sweep.parquet")).unwrap_or_default());
    }
    println!("{cores} threads are {:.2} times as fast as one", rates[1] / rates[0]);
    println!("the tables of all three are equal: {}", tables.windows(2).all(|pair| pair[0] == pair[1]));
    compare(catalog, rates[1]);
    // What is left behind lies in the system's folder for it.
    let _ = fs::remove_dir_all(out);
    Ok(())
}

fn sweep(
    plugin: &str,
    catalog: &str,
    combinations: Option<u64>,
    (delivery, jobs): (Delivery, usize),
    out: &Path,
) -> Result<Document, SweepError> {
    let mut config = RunConfig::read(Path::new(CONFIG))?;
    for bot in config.bots.values_mut() {
        bot.params.retain(|name, _| name == "quantity");
    }
    let (plugin, data) = (Some(plugin.to_owned()), Some(PathBuf::from(catalog)));
    Overrides { plugin, data, ..Overrides::default() }.apply(&mut config)?;
    let ranges = [("fast", "2..26"), ("slow", "30..420:10")];
    let params = ranges.map(|(name, range)| (name.to_owned(), Some(range.to_owned())));
    let settings = Settings {
        params: BTreeMap::from(params),
        search: if combinations.is_some() { Search::Random } else { Search::Grid },
        samples: combinations,
        delivery,
        jobs,
        ..Settings::default()
    };
    let environment = Environment {
        plugin_folders: Vec::new(),
        cache_folder: cache_folder(),
        compiler: Compiler::InProcess,
        acceptance: Acceptance::default(),
        out: Some(out.to_owned()),
        started: Instant::now(),
    };
    let finished =
        Sweep::prepare(config, settings, environment)?.run(&AtomicBool::new(false), &mut |_| {})?;
    // Nobody interrupts it.
    finished
        .document
        .ok_or_else(|| SweepError::Folder { path: out.to_owned(), problem: "interrupted".into() })
}

/// Runs some columns of the grid with vectorbt, where it is installed.
fn compare(catalog: &str, ours: f64) {
    let Some(output) = peer::measure("vectorbt", VECTORBT, &[catalog]) else {
        return;
    };
    match output.lines().last().and_then(|line| line.trim().parse::<f64>().ok()) {
        Some(theirs) => {
            println!(
                "vectorbt: {theirs:.1} runs/s on one thread, without orders; ratio {:.1}",
                ours / theirs
            );
        }
        None => println!("vectorbt: no number of runs per second in what it printed: {output}"),
    }
}
