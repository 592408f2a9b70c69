//! A run again: from its tape where it has one, else from its data, and what came out differently.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use cryptobot_engine::{Delivery, Entry, Mark, Marks, Recorder};
use cryptobot_feed::TapeEnd;
use cryptobot_journal::{Chain, DecodeError, Entries, JournalEntry, JournalWriter, VerifyError};
use cryptobot_model::PluginLimits;
use serde::Serialize;

use crate::config::{Mode, RunConfig};
use crate::entries::NamedEntry;
use crate::error::{ExitCode, RunError};
use crate::execute::{RunProgress, backtest};
use crate::live::{Recorded, kept_plugin};
use crate::permissions::Acceptance;
use crate::plan::{self, Inputs, Plan};
use crate::prepare::Environment;
use crate::stated::Stated;
use crate::supply::Supply;

/// Differences that are shown.
const SHOWN: usize = 20;

/// Deadlines of a repetition, ms: calls that took too long are on the tape, and no others are to be found.
const PATIENT_MS: u64 = 60_000;

/// Why a run cannot be repeated.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The folder is not one of a complete run.
    #[error("{}: not the folder of a complete run: {reason}", path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A plugin is another one now.
    #[error("{bot}: {} has the SHA-256 {found}, the run had {stated}; put the plugin of the run back", path.display())]
    OtherPlugin {
        /// Whose it is.
        bot: String,
        /// The file.
        path: PathBuf,
        /// Its hash.
        found: String,
        /// The hash in summary.json.
        stated: String,
    },
    /// The journal of the run cannot be read.
    #[error("{}: {source}", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// Why.
        source: DecodeError,
    },
    /// The repetition was interrupted.
    #[error("interrupted: nothing was compared")]
    Interrupted,
    /// It did not come about.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl ReplayError {
    /// The exit code for this error.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::NoRun { .. } => ExitCode::Usage,
            Self::OtherPlugin { .. } => ExitCode::Plugin,
            Self::Journal { .. } => ExitCode::Failed,
            Self::Interrupted => ExitCode::Interrupted,
            Self::Run(error) => error.exit_code(),
        }
    }
}

/// Where two journals differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Number of the intent, from 1 in the order of the run; of any other entry its number in the journal.
    pub number: u64,
    /// Entry of the recorded run; `None` where it has no more.
    pub recorded: Option<String>,
    /// Entry of the repetition; `None` where it has no more.
    pub replayed: Option<String>,
}

/// What a repetition came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Replayed {
    /// Folder of the run.
    pub run: PathBuf,
    /// How it was driven.
    pub mode: String,
    /// Where its inputs came from: `tape` or `data`.
    pub source: &'static str,
    /// Messages on the tape.
    pub messages: Option<u64>,
    /// Base bars.
    pub bars: u64,
    /// Whether the run was cut off: its journal is compared as far as it goes, and the tape.
    pub cut_off: bool,
    /// Intents of the recorded run; of one that was cut off, those that were compared.
    pub intents: u64,
    /// Intents that are not the same in both, or are in one of them only.
    pub differing_intents: u64,
    /// The first intents that differ.
    pub differences: Vec<Difference>,
    /// The first entry of any kind that differs.
    pub first_difference: Option<Difference>,
    /// Hash of the recorded journal; of what there is of it where the run was cut off.
    pub journal_sha256: String,
    /// Hash of the repetition's.
    pub replayed_sha256: String,
    /// What a reader must know.
    pub warnings: Vec<String>,
}

impl Replayed {
    /// Whether nothing came out differently.
    pub fn is_equal(&self) -> bool {
        let same = if self.cut_off {
            self.first_difference.is_none()
        } else {
            self.journal_sha256 == self.replayed_sha256
        };
        self.differing_intents == 0 && same
    }
}

/// The journal of a repetition, in memory.
struct Repeated<'a> {
    journal: JournalWriter<Chain<&'a mut Vec<u8>>>,
    /// Entries before the end of the tape.
    kept: u64,
}

impl Recorder for Repeated<'_> {
    fn entry(&mut self, entry: &Entry<'_>) {
        self.journal.append(entry);
    }

    fn keep(&mut self) {
        self.kept = self.journal.entries();
    }

    fn mark(&mut self, _mark: &Mark<'_>) {}

    fn marks(&mut self, _marks: &Marks<'_>) {}
}

/// Runs a recorded run again and compares. `data` is the folder of market data where it is another one now.
///
/// # Errors
/// The folder holds no complete run, its plugins or data are gone, or `progress` breaks.
pub fn replay(
    folder: &Path,
    data: Option<&Path>,
    environment: &Environment,
    progress: &mut dyn FnMut(RunProgress) -> ControlFlow<()>,
) -> Result<Replayed, ReplayError> {
    let no_run = |reason| ReplayError::NoRun { path: folder.to_owned(), reason };
    let mut stated = Stated::read(folder).map_err(no_run)?;
    let mut config = RunConfig::read(&folder.join("run.yaml"))?;
    if let Some(data) = data {
        data.clone_into(&mut config.data);
    }
    be_patient(&mut config);
    use_kept_plugins(&mut config, folder, &stated);
    // What ran was accepted when it did.
    let environment = Environment { acceptance: Acceptance::default(), ..environment.clone() };
    let loader = plan::loader(&config, &environment);
    let (mut plan, Inputs { supplies, hash }) = Plan::new(config, &loader, &environment)?;
    check_plugins(&plan, &stated)?;
    let mut warnings = differing_identity(&plan, &stated);
    let mut journal = Vec::new();
    let mut recorder = Repeated { journal: JournalWriter::new(&mut journal), kept: 0 };
    let (mut stopped, mut played) = (false, None);
    let ended = if plan.config.mode == Mode::Backtest {
        let feeds = supplies.into_iter().map(Supply::once).collect::<Result<_, _>>()?;
        let engine = plan.engine(feeds, plan.params(), Delivery::Single)?;
        let ended = backtest(engine, &plan, &mut recorder, &mut |at| {
            stopped = progress(at).is_break();
            // An interrupted run ended at one of these looks.
            let is_over = stopped || (stated.interrupted && at.bars >= stated.bars);
            if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if hash.join().map_err(RunError::from)?.sha256 != stated.run.data_sha256 {
            warnings.push("the data are not those of the run".to_owned());
        }
        ended
    } else {
        plan.take_funding();
        let tape = played.insert(Recorded::open(folder)?);
        if tape.end == TapeEnd::CutOff {
            warnings
                .push("the tape was cut off: what was recorded after its last flush is missing".to_owned());
        }
        tape.play(&plan, folder, &mut recorder, &mut |at| {
            let flow = progress(at);
            stopped = flow.is_break();
            flow
        })?
    };
    if stopped {
        return Err(ReplayError::Interrupted);
    }
    let kept = recorder.kept;
    let finished = recorder.journal.finish().map_err(|error| RunError::Engine(error.to_string()))?;
    let (replayed_sha256, path) = (finished.to_string(), folder.join("journal.bin"));
    let mut entries = u64::MAX;
    if stated.is_cut {
        (entries, stated.journal_sha256) = written(&path)?;
        entries = entries.min(kept);
    }
    let compared = compare(&path, &journal, entries)?;
    Ok(Replayed {
        run: folder.to_owned(),
        mode: stated.run.mode,
        source: if played.is_some() { "tape" } else { "data" },
        messages: played.map(|tape| tape.messages),
        bars: ended.outcome.bars,
        cut_off: stated.is_cut,
        intents: compared.intents,
        differing_intents: compared.differing,
        differences: compared.differences,
        first_difference: compared.first,
        journal_sha256: stated.journal_sha256,
        replayed_sha256,
        warnings,
    })
}

/// Gives calls more time than any of them needs: which ones took too long is on the tape.
fn be_patient(config: &mut RunConfig) {
    if config.mode == Mode::Backtest {
        return;
    }
    let patient = |limit: &mut u64| *limit = (*limit).max(PATIENT_MS);
    patient(&mut config.limits.callback_deadline_ms);
    patient(&mut config.limits.init_deadline_ms);
    config.limits.total_callbacks_s = None;
    for bot in config.bots.values_mut() {
        let limits = PluginLimits { total_callbacks_s: None, ..bot.limits };
        bot.limits = limits;
        for limit in
            [&mut bot.limits.callback_deadline_ms, &mut bot.limits.init_deadline_ms].into_iter().flatten()
        {
            patient(limit);
        }
    }
}

/// Takes the plugin files that are kept in the run folder.
fn use_kept_plugins(config: &mut RunConfig, folder: &Path, stated: &Stated) {
    for strategy in &stated.strategies {
        let Some(bot) = config.bots.get_mut(&strategy.name) else { continue };
        let kept = kept_plugin(folder, &strategy.plugin_sha256, Path::new(&bot.plugin));
        if kept.is_file() {
            bot.plugin = kept.display().to_string();
        }
    }
}

fn check_plugins(plan: &Plan, stated: &Stated) -> Result<(), ReplayError> {
    for bot in &plan.bots {
        let of_bot = stated.strategies.iter().find(|strategy| strategy.name == bot.name);
        let Some(stated) = of_bot.map(|strategy| &strategy.plugin_sha256) else { continue };
        if bot.plugin.sha256() != stated {
            let path = plan.config.bots.get(&bot.name).map(|entry| PathBuf::from(&entry.plugin));
            return Err(ReplayError::OtherPlugin {
                bot: bot.name.clone(),
                path: path.unwrap_or_default(),
                found: bot.plugin.sha256().to_owned(),
                stated: stated.clone(),
            });
        }
    }
    Ok(())
}

/// What is not as it was when the run was made.
fn differing_identity(plan: &Plan, stated: &Stated) -> Vec<String> {
    let mut warnings = Vec::new();
    if plan.identity.host_version != stated.run.host_version {
        let (now, then) = (&plan.identity.host_version, &stated.run.host_version);
        warnings.push(format!("the run was made by version {then} of the host, this is {now}"));
    }
    if plan.identity.reference_sha256 != stated.run.reference_sha256 {
        warnings.push("the instruments, their fees or their brackets are not those of the run".to_owned());
    }
    warnings
}

/// What a comparison found.
#[derive(Default)]
struct Compared {
    intents: u64,
    differing: u64,
    differences: Vec<Difference>,
    first: Option<Difference>,
}

/// Entries and hash of a journal whose last block may be cut off.
fn written(path: &Path) -> Result<(u64, String), ReplayError> {
    let failed = |source: DecodeError| ReplayError::Journal { path: path.to_owned(), source };
    let file = File::open(path).map_err(|error| failed(read(error)))?;
    let mut entries = Entries::new(BufReader::new(file)).map_err(|error| failed(error.into()))?;
    let mut count = 0;
    for entry in &mut entries {
        match entry {
            Ok(_) => count += 1,
            Err(DecodeError::Chain(VerifyError::CutOff { .. })) => break,
            Err(error) => return Err(failed(error)),
        }
    }
    Ok((count, entries.verified().hash.to_string()))
}

/// Compares the first entries of two journals.
fn compare(path: &Path, journal: &[u8], first: u64) -> Result<Compared, ReplayError> {
    let failed = |source: DecodeError| ReplayError::Journal { path: path.to_owned(), source };
    let open = || -> Result<_, DecodeError> { Ok(BufReader::new(File::open(path).map_err(read)?)) };
    let mut compared = Compared::default();
    entries(
        open().map_err(failed)?,
        journal,
        first,
        |_| true,
        |number, pair| {
            compared.first.get_or_insert_with(|| difference(number, pair));
        },
    )
    .map_err(failed)?;
    let is_intent = |entry: &JournalEntry| matches!(entry, JournalEntry::Intent { .. });
    compared.intents = entries(open().map_err(failed)?, journal, first, is_intent, |number, pair| {
        compared.differing += 1;
        if compared.differences.len() < SHOWN {
            compared.differences.push(difference(number, pair));
        }
    })
    .map_err(failed)?;
    Ok(compared)
}

fn read(error: io::Error) -> DecodeError {
    DecodeError::Chain(error.into())
}

/// Two entries at the same place.
type Pair<'a> = (Option<&'a JournalEntry>, Option<&'a JournalEntry>);

/// Goes through those of the first entries of two journals that are wanted, side by side and tells of each pair that differs, with its number
/// from 1. Returns how many the first has.
fn entries(
    recorded: impl Read,
    replayed: &[u8],
    first: u64,
    wanted: impl Fn(&JournalEntry) -> bool,
    mut differs: impl FnMut(u64, Pair<'_>),
) -> Result<u64, DecodeError> {
    let is_wanted = |entry: &Result<JournalEntry, DecodeError>| entry.as_ref().map_or(true, &wanted);
    let first = usize::try_from(first).unwrap_or(usize::MAX);
    let mut recorded = Entries::new(recorded)?.take(first).filter(is_wanted);
    let mut replayed = Entries::new(replayed)?.take(first).filter(is_wanted);
    let (mut number, mut count) = (0, 0);
    loop {
        let pair = (recorded.next().transpose()?, replayed.next().transpose()?);
        if pair.0.is_none() && pair.1.is_none() {
            return Ok(count);
        }
        number += 1;
        count += u64::from(pair.0.is_some());
        // Numbers that are none are equal to themselves here.
        if pair.0 != pair.1 && format!("{:?}", pair.0) != format!("{:?}", pair.1) {
            differs(number, (pair.0.as_ref(), pair.1.as_ref()));
        }
    }
}

fn difference(number: u64, (recorded, replayed): Pair<'_>) -> Difference {
    let text = |entry: &JournalEntry| NamedEntry::from(entry).to_string();
    Difference { number, recorded: recorded.map(text), replayed: replayed.map(text) }
}
