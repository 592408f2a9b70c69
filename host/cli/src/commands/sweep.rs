//! `host sweep`.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Instant;

use cryptobot_engine::Delivery;
use cryptobot_lab::{Aim, Document, Finished, Settings, Sweep, SweepError, merge};
use cryptobot_run::sweep::Search;
use cryptobot_run::{ExitCode, Origin, Overrides, RunError, Spelled};

use super::run::{environment, interruption};
use crate::args::{Format, SweepArguments, SweepCommand, SweepPart};
use crate::commands::CommandError;
use crate::output::{complain, plain_table, print};
use crate::progress::SweepBar;

/// Combinations that are listed where nothing else is said.
const TOP: usize = 20;

pub(super) fn run(command: SweepCommand, started: Instant) -> Result<ExitCode, CommandError> {
    if let Some(SweepPart::Merge { parts, out, format }) = command.command {
        return show(&merge(&parts, &out)?, format);
    }
    let arguments = command.sweep;
    let format = arguments.format;
    let environment = environment(arguments.out.clone(), arguments.accept, started);
    let (mut config, origin) = Origin::configure(arguments.config.as_deref(), overrides(&arguments))?;
    let locate = |error| match error {
        SweepError::Run(error) => SweepError::Run(origin.locate(in_section(error, &arguments))),
        other => other,
    };
    let settings = settings(&arguments, config.sweep.take().unwrap_or_default()).map_err(locate)?;
    let metric = settings.aim.goal.name();
    let sweep = Sweep::prepare(config, settings, environment).map_err(locate)?;
    let (interrupted, mut bar) = (interruption(), SweepBar::new());
    let finished = sweep.run(&interrupted, &mut |at| bar.show(at, metric));
    bar.clear();
    show(&finished.map_err(locate)?, format)
}

/// Names what stands in the section `sweep` of the run file by its field there, where no flag gave it.
fn in_section(error: RunError, arguments: &SweepArguments) -> RunError {
    let RunError::Config { field, problem } = error else { return error };
    let section = match field.split_once(' ').unwrap_or((&field, "")) {
        ("--param", name) if !name.is_empty() => {
            let is_name =
                |param: &String| param.split_once('=').map_or(param.as_str(), |(name, _)| name) == name;
            (!arguments.params.iter().any(is_name)).then(|| format!("sweep.params.{name}"))
        }
        ("--metric", _) => arguments.metric.is_none().then(|| "sweep.metric".to_owned()),
        ("--constraint", _) => arguments.constraints.is_empty().then(|| "sweep.constraints".to_owned()),
        _ => None,
    };
    RunError::Config { field: section.unwrap_or(field), problem }
}

fn overrides(arguments: &SweepArguments) -> Overrides {
    Overrides {
        plugin: arguments.plugin.clone(),
        data: arguments.market.data.clone(),
        venue: arguments.market.venue.clone(),
        symbols: arguments.market.symbols.clone(),
        timeframe: arguments.market.timeframe,
        from: arguments.market.from,
        to: arguments.market.to,
        set: arguments.set.clone(),
        balance: arguments.balance,
        leverage: arguments.leverage,
        seed: arguments.seed,
        allow_gaps: arguments.allow_gaps,
        ..Overrides::default()
    }
}

/// What flags and the section `sweep` of the run file say together.
fn settings(arguments: &SweepArguments, file: cryptobot_run::sweep::Sweep) -> Result<Settings, SweepError> {
    let wrong =
        |field: &str, problem: String| SweepError::Run(RunError::Config { field: field.to_owned(), problem });
    let mut params: BTreeMap<String, Option<String>> =
        file.params.into_iter().map(|(name, values)| (name, Some(values.text()))).collect();
    let mut named = BTreeSet::new();
    for param in &arguments.params {
        let (name, range) = match param.split_once('=') {
            Some((name, range)) => (name, Some(range.to_owned())),
            None => (param.as_str(), None),
        };
        if !named.insert(name) {
            let problem = "it is given twice; give all its values at once, for example 2..26 or 5,10,20";
            return Err(wrong(&format!("--param {name}"), problem.to_owned()));
        }
        params.insert(name.to_owned(), range);
    }
    let set = arguments.set.iter().filter_map(|set| Some(set.split_once('=')?.0.trim()));
    if let Some(name) = set.into_iter().find(|name| params.contains_key(*name)) {
        let problem = "it is varied as well; leave out --set or its range";
        return Err(wrong(&format!("--set {name}"), problem.to_owned()));
    }
    let (search, samples) = match (arguments.random, arguments.lhs, arguments.tpe) {
        (Some(samples), ..) => (Search::Random, Some(samples)),
        (_, Some(samples), _) => (Search::Lhs, Some(samples)),
        (.., Some(samples)) => (Search::Tpe, Some(samples)),
        (None, None, None) => (file.search, file.samples),
    };
    let metric = arguments.metric.as_ref().or(file.metric.as_ref());
    let goal = metric.map(|metric| metric.parse().map_err(|problem| wrong("--metric", problem)));
    let mut constraints = Vec::new();
    for text in if arguments.constraints.is_empty() { &file.constraints } else { &arguments.constraints } {
        constraints.push(text.parse().map_err(|problem| wrong("--constraint", problem))?);
    }
    let jobs = match arguments.jobs {
        Some(0) => return Err(wrong("--jobs", "at least 1 thread".to_owned())),
        Some(jobs) => jobs,
        None => thread::available_parallelism().map_or(1, usize::from),
    };
    let shard = arguments.shard.as_ref().map(|shard| shard.parse());
    let delivery = arguments.delivery.map(Into::into);
    Ok(Settings {
        params,
        search,
        samples,
        aim: Aim { goal: goal.transpose()?.unwrap_or_default(), constraints },
        top: arguments.top.or(file.top).unwrap_or(TOP),
        per_symbol: arguments.per_symbol || file.per_symbol,
        delivery: delivery.or(file.delivery.map(|Spelled(delivery)| delivery)).unwrap_or(Delivery::Auto),
        jobs,
        resume: arguments.resume,
        shard: shard.transpose().map_err(|problem| wrong("--shard", problem))?,
        yes: arguments.yes,
    })
}

fn show(finished: &Finished, format: Format) -> Result<ExitCode, CommandError> {
    let Some(document) = &finished.document else {
        complain(format_args!(
            "interrupted: {} of {} runs are done; go on with --resume --out {}",
            finished.done,
            finished.total,
            finished.folder.display()
        ));
        return Ok(finished.exit_code);
    };
    match format {
        Format::Json => print(document.to_json()?)?,
        Format::Human => print(text(finished, document))?,
    }
    if format == Format::Human {
        for warning in &document.warnings {
            complain(format_args!("warning: {warning}"));
        }
    }
    for differing in &document.verification.differing {
        let reason = if document.delivery == "paged" {
            "it read ahead in its pages, or does not do the same with the same inputs"
        } else {
            "it does not do the same with the same inputs"
        };
        complain(format_args!(
            "error: plugin {} is refused: combination {} on {} left the journal {} in the sweep and {} in a fresh \
             instance with one call per event: {reason}",
            document.sweep.plugin,
            differing.index,
            differing.symbol,
            differing.journal_sha256,
            differing.verified_sha256
        ));
    }
    Ok(finished.exit_code)
}

fn text(finished: &Finished, document: &Document) -> String {
    let Document { sweep, timing, .. } = document;
    let mut lines =
        vec![format!("{}  {}  {}", sweep.plugin, document.instruments.join(" "), document.timeframe)];
    if document.synthetic {
        lines.push("SYNTHETIC DATA: generated bars, not market data".to_owned());
    }
    let mut facts = plain_table();
    facts.add_row(["combinations".to_owned(), document.trials.to_string()]);
    facts.add_row(["runs".to_owned(), format!("{}, {} with a fault", document.runs, document.failed)]);
    facts.add_row(["ranked".to_owned(), ranked(document)]);
    if timing.runs > 0 {
        let jobs = if timing.jobs == 1 { "thread" } else { "threads" };
        let speed =
            format!("{:.1} s, {:.1} runs/s on {} {jobs}", timing.runs_s, timing.runs_per_s, timing.jobs);
        facts.add_row(["time".to_owned(), speed]);
    }
    let (per_run, mebibytes) = (document.bars.per_run, document.bars.decoded_bytes.div_ceil(1 << 20));
    facts.add_row([
        "bars".to_owned(),
        match document.bars.from.as_str() {
            "decoded" => format!("{per_run} per run, decoded once, {mebibytes} MiB"),
            _ => format!("{per_run} per run, too many to keep: decoded by each run"),
        },
    ]);
    if let Some(bytes) = document.peak_memory_bytes {
        facts.add_row(["memory".to_owned(), format!("{} MiB", bytes >> 20)]);
    }
    let verification = &document.verification;
    let same = verification.checked - verification.differing.len().min(verification.checked);
    facts.add_row(["verified".to_owned(), format!("{same} of {} by single runs", verification.checked)]);
    lines.extend([String::new(), facts.to_string()]);
    if !document.top.is_empty() {
        lines.extend([String::new(), best(document)]);
    }
    lines.push(String::new());
    lines.push(format!("table    {}", finished.folder.join("sweep.parquet").display()));
    lines.push(format!("report   {}", finished.folder.join("sweep.html").display()));
    lines.join("\n")
}

fn ranked(document: &Document) -> String {
    let direction = if document.less_is_better { "lowest" } else { "highest" };
    let mut text = format!("{} by {direction} {}", document.ranked, document.metric);
    if !document.constraints.is_empty() {
        text = format!("{text} with {}", document.constraints.join(" and "));
    }
    text
}

/// Figures that the table of the best has besides the metric.
const FIGURES: [&str; 4] = ["sharpe", "total_return", "max_drawdown", "trades"];

fn best(document: &Document) -> String {
    let mut table = plain_table();
    let axes: Vec<&str> = document.sweep.axes.iter().map(|axis| axis.name.as_str()).collect();
    let metric = document.metric.as_str();
    let others: Vec<&str> = FIGURES.into_iter().filter(|figure| *figure != metric).collect();
    let header = ["#", "index"].into_iter().chain(axes.iter().copied()).chain([metric]);
    table.set_header(header.chain(others.iter().copied()));
    for best in &document.top {
        let figure = |name: &str| match best.figures.get(name).copied().flatten() {
            None => "-".to_owned(),
            Some(value) if value == value.trunc() && value.abs() < 1e15 => format!("{value}"),
            Some(value) => format!("{value:.4}"),
        };
        let mut cells = vec![best.rank.to_string(), best.index.to_string()];
        cells.extend(axes.iter().map(|axis| best.params.get(*axis).cloned().unwrap_or_default()));
        cells.push(figure(metric));
        cells.extend(others.iter().map(|name| figure(name)));
        table.add_row(cells);
    }
    table.to_string()
}
