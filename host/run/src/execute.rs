//! Running a prepared run and writing its folder.

use std::fs::File;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use cryptobot_analytics::{
    Collector, FaultSummary, MetricsOptions, Record, RunFolder, RunInfo, Summary, Timing,
};
use cryptobot_data::HashJob;
use cryptobot_engine::{Decision, Engine, Entry, LogLevel, Mark, Marks, Outcome, Recorder, Strategy};
use cryptobot_journal::{Background, JournalHash, JournalWriter};
use cryptobot_model::{Money, Timestamp, TriggerSource};

use crate::bots;
use crate::changes;
use crate::error::{ExitCode, RunError};
use crate::identity;
use crate::live::{Ended, Ending};
use crate::operator;
use crate::plan::Plan;
use crate::prepare::{Drive, PreparedRun};
use crate::refusals::Refusals;
use crate::signals;
use crate::stated::Stated;
use crate::venue::Simulated;

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub struct RunProgress {
    /// Event time.
    pub now: Timestamp,
    /// Base bars so far.
    pub bars: u64,
    /// Base bars in all.
    pub expected_bars: u64,
}

/// A run that is over and written.
#[derive(Debug)]
pub struct Finished {
    /// What it came to.
    pub summary: Summary,
    /// Its folder.
    pub folder: PathBuf,
    /// How the process should exit.
    pub exit_code: ExitCode,
    /// Of each fault of the summary, the place in the plugin's source, for terminals.
    pub excerpts: Vec<Option<String>>,
}

/// The two listeners of every run.
struct RunRecorder {
    journal: JournalWriter<Background>,
    collector: Collector,
    /// Of each instrument, whether it has no mark prices.
    without_mark: Vec<bool>,
    /// Whether a stop watched the mark price of such an instrument.
    misses_mark: bool,
    refusals: Refusals,
}

impl Recorder for RunRecorder {
    fn entry(&mut self, entry: &Entry<'_>) {
        if let Entry::Decision { decision: Decision::Approved(order), .. } = entry
            && let Some((_, TriggerSource::Mark)) = order.kind.trigger()
            && self.without_mark.get(order.instrument.index()) == Some(&true)
        {
            self.misses_mark = true;
        }
        if let Entry::Decision { ts, id, decision: Decision::Refused { reason, .. } } = entry {
            self.refusals.note(*ts, *id, *reason);
        }
        self.journal.append(entry);
        self.collector.entry(entry);
    }

    fn keep(&mut self) {
        self.journal.show();
    }

    fn mark(&mut self, mark: &Mark<'_>) {
        self.collector.mark(mark);
    }

    fn marks(&mut self, marks: &Marks<'_>) {
        self.collector.marks(marks);
    }
}

impl PreparedRun {
    /// Base bars that the run will see.
    pub fn expected_bars(&self) -> u64 {
        self.plan.expected_bars
    }

    /// Runs to the end, or until `progress` breaks, and writes the run folder in either case.
    pub fn execute(
        mut self,
        progress: &mut dyn FnMut(RunProgress) -> ControlFlow<()>,
    ) -> Result<Finished, RunError> {
        let journal_file = self.folder.path().join("journal.bin");
        let journal_error = |source| RunError::Journal { path: journal_file.clone(), source };
        let file = File::create(&journal_file).map_err(journal_error)?;
        let mut recorder = RunRecorder {
            journal: JournalWriter::growing(file).map_err(journal_error)?,
            collector: Collector::new(self.plan.labels()),
            without_mark: std::mem::take(&mut self.plan.without_mark),
            misses_mark: false,
            refusals: Refusals::default(),
        };
        let loaded = Instant::now();
        let ended = match self.drive {
            Drive::Backtest(engine) => backtest(*engine, &self.plan, &mut recorder, progress)?,
            Drive::Simulation(simulation) => {
                Stated::write(&self.plan, &self.folder)?;
                simulation.run(&self.plan, self.folder.path(), &mut recorder, progress)?
            }
        };
        let (engine_time, Ended { outcome, strategies, ending, warnings }) = (loaded.elapsed(), ended);
        self.plan.warnings.extend(warnings);
        let journal = recorder.journal.finish().map_err(journal_error)?;
        if recorder.misses_mark {
            let warning = "stops on a mark price that is not stored watched the last price";
            self.plan.warnings.push(warning.to_owned());
        }
        let names: Vec<&str> = self.plan.bots.iter().map(|bot| bot.name.as_str()).collect();
        let equities: Vec<Money> = outcome.accounts.iter().map(|account| account.equity).collect();
        let record = recorder.collector.finish(&equities);
        self.plan.warnings.extend(recorder.refusals.warnings(&record.strategies));
        let unused = signals::unused(&self.plan.config, &self.plan.bots, &record);
        self.plan.warnings.extend(unused);
        let mut changes = changes::report(&outcome.changes, &names);
        self.plan.warnings.append(&mut changes.warnings);
        self.plan.warnings.extend(operator::warnings(&outcome.refused_commands, &names));
        let why = match ending {
            Ending::Abandoned => Some("every bot was stopped for good"),
            Ending::TimeUp => Some("its time was over"),
            Ending::Data | Ending::Interrupted => None,
        };
        let warning = why.map(|why| format!("the run ended at {}: {why}", outcome.ended_at));
        self.plan.warnings.extend(warning);
        if outcome.faults.iter().any(|(_, fault)| fault.kind.is_of_wall_time()) {
            let warning =
                "not reproducible: a plugin was stopped because of the time it took on this machine";
            self.plan.warnings.push(warning.to_owned());
        }
        let results =
            Results { plan: self.plan, folder: self.folder, hash: self.hash, started: self.started };
        results.write(&record, (&outcome, strategies, ending), changes, journal, (loaded, engine_time))
    }
}

/// A backtest, from its first bar to its last.
pub(crate) fn backtest(
    mut engine: Engine<Simulated>,
    plan: &Plan,
    recorder: &mut dyn Recorder,
    progress: &mut dyn FnMut(RunProgress) -> ControlFlow<()>,
) -> Result<Ended, RunError> {
    let expected_bars = plan.expected_bars;
    let outcome = engine
        .run(recorder, &mut |at| progress(RunProgress { now: at.now, bars: at.bars, expected_bars }))?;
    let ending = match &outcome {
        Outcome { interrupted: true, .. } => Ending::Interrupted,
        Outcome { abandoned: true, .. } => Ending::Abandoned,
        _ => Ending::Data,
    };
    Ok(Ended { outcome, strategies: engine.into_strategies(), ending, warnings: Vec::new() })
}

/// A run that is over and is to be written.
struct Results {
    plan: Plan,
    folder: RunFolder,
    hash: HashJob,
    started: Instant,
}

impl Results {
    fn write(
        mut self,
        record: &Record,
        (outcome, strategies, ending): (&Outcome, Vec<Box<dyn Strategy>>, Ending),
        changes: changes::Report,
        journal: JournalHash,
        (loaded, engine_time): (Instant, Duration),
    ) -> Result<Finished, RunError> {
        let reporting = Instant::now();
        let data = self.hash.join()?;
        identity::complete(&mut self.plan.identity, data.sha256);
        let configuration = self.plan.config.to_yaml()?;
        self.folder.write("run.yaml", &configuration)?;
        let names: Vec<String> = self.plan.bots.iter().map(|bot| bot.name.clone()).collect();
        let calls = names.iter().zip(&outcome.called);
        let calls_s = calls.filter_map(|(name, called)| Some((name.clone(), (*called)?.as_secs_f64())));
        write_log(&self.folder, strategies, &names, &mut self.plan.warnings)?;
        let infos = self.plan.strategy_infos();
        let plan = self.plan;
        let (left_out, mut excerpts): (Vec<FaultSummary>, Vec<Option<String>>) =
            plan.left_out.faults(plan.from).unzip();
        let info = RunInfo {
            run: plan.identity,
            synthetic: plan.synthetic,
            currency: plan.config.currency.clone(),
            timeframe: plan.timeframe.to_string(),
            to: if ending == Ending::Data { plan.to } else { outcome.ended_at },
            bars: outcome.bars,
            fill_timeframes: plan.fill_timeframes.iter().map(ToString::to_string).collect(),
            data_files: data.files,
            strategies: infos,
            warnings: plan.warnings,
            journal_sha256: journal.to_string(),
            timing: Timing {
                load_s: (loaded - self.started).as_secs_f64(),
                engine_s: engine_time.as_secs_f64(),
                bars_per_s: outcome.bars as f64 / engine_time.as_secs_f64().max(1e-9),
                calls_s: calls_s.collect(),
                ..Timing::default()
            },
            interrupted: outcome.interrupted,
            swaps: changes.swaps,
            tuning: changes.tuning,
            left_out,
            metrics: MetricsOptions { risk_free: plan.config.metrics.risk_free },
        };
        let mut summary = thread::scope(|scope| {
            let tables = scope.spawn(|| self.folder.write_tables(record));
            let summary = Summary::new(record, info);
            self.folder.write_report(record, &summary, &configuration)?;
            tables.join().unwrap_or_else(|panic| resume_unwind(panic)).map(|()| summary)
        })?;
        summary.timing.report_s = reporting.elapsed().as_secs_f64();
        summary.timing.total_s = self.started.elapsed().as_secs_f64();
        self.folder.write_summary(&mut summary)?;
        excerpts.extend(summary.faults[excerpts.len()..].iter().map(|fault| {
            let slot = names.iter().position(|name| *name == fault.strategy)?;
            bots::plugins(plan.bots.get(slot)?).find_map(|plugin| plugin.excerpt(&fault.message))
        }));
        Ok(Finished {
            excerpts,
            summary,
            folder: self.folder.path().to_owned(),
            exit_code: exit_code(outcome, changes.refused || !plan.left_out.is_empty()),
        })
    }
}

/// `refused`: whether a plugin could not be loaded, or refused a change on the way.
fn exit_code(outcome: &Outcome, refused: bool) -> ExitCode {
    if outcome.interrupted {
        ExitCode::Interrupted
    } else if outcome.faults.is_empty() && !refused {
        ExitCode::Done
    } else {
        ExitCode::Plugin
    }
}

/// Writes what plugins logged, where they logged anything.
fn write_log(
    folder: &RunFolder,
    strategies: Vec<Box<dyn Strategy>>,
    names: &[String],
    warnings: &mut Vec<String>,
) -> Result<(), RunError> {
    let mut lines = Vec::new();
    for (mut strategy, name) in strategies.into_iter().zip(names) {
        let desk = strategy.desk();
        for line in desk.take_logs() {
            let message = line.message.replace('\n', "\n  ");
            lines.push((line.ts, format!("{} {} {name}: {message}\n", line.ts, level_name(line.level))));
        }
        let dropped = desk.dropped_log_lines();
        if dropped > 0 {
            warnings.push(format!("{name}: {dropped} log lines were not kept"));
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    lines.sort_by_key(|(ts, _)| *ts);
    let text: String = lines.into_iter().map(|(_, line)| line).collect();
    Ok(folder.write("log.txt", &text)?)
}

const fn level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Trace => "TRACE",
        LogLevel::Debug => "DEBUG",
        LogLevel::Info => "INFO",
        LogLevel::Warn => "WARN",
        LogLevel::Error => "ERROR",
    }
}
