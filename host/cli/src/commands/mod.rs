//! What each command does.

mod compiler;
mod config;
mod data;
mod doctor;
mod explain;
mod features;
mod journal;
mod live;
mod margin;
mod plugin;
mod reference;
mod replay;
mod run;
mod sweep;

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use clap::CommandFactory;
use cryptobot_download::DownloadError;
use cryptobot_record::RecordError;
use cryptobot_run::{ExitCode, RunError};
use cryptobot_sql::SqlError;
use cryptobot_venue::VenueError;
use cryptobot_wasm::CompileLimits;

use crate::args::{Arguments, Command};
use crate::output::print;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// A run failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A sweep failed.
    #[error(transparent)]
    Sweep(#[from] cryptobot_lab::SweepError),
    /// Market data.
    #[error(transparent)]
    Data(#[from] cryptobot_data::DataError),
    /// Data are not generated.
    #[error(transparent)]
    Synthetic(#[from] cryptobot_data::synthetic::SyntheticError),
    /// An overlay without a place.
    #[error("--overlay needs --on DIR, the data that it is put on, and --at TIME, when it begins")]
    OverlayPlace,
    /// A number that an overlay does not have.
    #[error("{option}: {overlay} has no such number; `host data generate --help` says which belong to it")]
    OverlayNumber {
        /// The option.
        option: &'static str,
        /// The overlay.
        overlay: String,
    },
    /// A stretch of time is not given as one.
    #[error("--void {0}: write FROM..TO, for example 2024-01-01T00:00..2024-01-01T06:00")]
    Void(String),
    /// A column map is not given as pairs.
    #[error("--map {0}: write COLUMN=NAME, for example ts=open_time,volume=5")]
    Map(String),
    /// Nothing can be asked again here.
    #[error(
        "--refetch: this command asks no exchange; `host data download` with --from and --to of the hole does"
    )]
    Refetch,
    /// There are no features.
    #[error(transparent)]
    Features(#[from] cryptobot_features::FeatureError),
    /// A query of the catalog.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// Market data cannot be downloaded.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// An exchange cannot be followed.
    #[error(transparent)]
    Live(#[from] VenueError),
    /// A live feed ended.
    #[error("{0}; what came before is stored")]
    Feed(cryptobot_feed::FeedError),
    /// What arrives cannot be recorded, or a tape not imported.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Quotes have no place in the catalog.
    #[error("--kind quotes: the catalog does not store them; add --tape FILE")]
    Quotes,
    /// Rows of a file that does not say what they are.
    #[error("--{option}: {} does not say it; add it", file.display())]
    WhatFile {
        /// What is missing.
        option: &'static str,
        /// The file.
        file: PathBuf,
    },
    /// A position that no exchange accepts.
    #[error(transparent)]
    Margin(#[from] cryptobot_ledger::MarginError),
    /// No bracket table is known for a symbol.
    #[error(
        "{venue} has no bracket table for {symbol}: import one with `host data brackets FILE`, or pass --mmr and --cum"
    )]
    NoBrackets {
        /// The venue.
        venue: String,
        /// The symbol.
        symbol: String,
    },
    /// A plugin was not found.
    #[error(transparent)]
    FindPlugin(#[from] cryptobot_plugin::ResolveError),
    /// A plugin project was not made.
    #[error(transparent)]
    NewPlugin(#[from] cryptobot_plugin::NewError),
    /// A plugin was not built.
    #[error(transparent)]
    BuildPlugin(#[from] cryptobot_plugin::BuildError),
    /// There is no earlier version of a plugin.
    #[error(transparent)]
    RollBackPlugin(#[from] cryptobot_plugin::RollbackError),
    /// The project of a plugin has no built plugin.
    #[error(transparent)]
    BuiltPlugin(#[from] cryptobot_plugin::BuiltError),
    /// There is no test case to play.
    #[error(transparent)]
    Cases(#[from] cryptobot_plugin::CasesError),
    /// A plugin cannot be examined.
    #[error("{}{}: {source}", path.display(), source.place())]
    InspectPlugin {
        /// The file.
        path: PathBuf,
        /// Why.
        source: cryptobot_plugin::InspectError,
    },
    /// A plugin cannot be read.
    #[error("{}{}: {source}", path.display(), source.place())]
    LoadPlugin {
        /// The file.
        path: PathBuf,
        /// Why.
        source: cryptobot_plugin::LoadError,
    },
    /// What was accepted cannot be read or written.
    #[error(transparent)]
    Accepted(#[from] cryptobot_plugin::AcceptedError),
    /// There is no place to keep what was accepted.
    #[error("there is no folder to keep what you accept; set HOME or CRYPTOBOT_ACCEPTED")]
    NoAcceptedFolder,
    /// A plugin cannot be measured.
    #[error("{}: {source}", path.display())]
    Bench {
        /// The file.
        path: PathBuf,
        /// Why.
        source: cryptobot_plugin::BenchError,
    },
    /// A parameter is not given as a pair.
    #[error("--set {0}: write NAME=VALUE")]
    Set(String),
    /// The data have several venues.
    #[error("the data have several venues ({0}); choose one with --venue")]
    Venue(String),
    /// Compiled plugins cannot be removed.
    #[error(transparent)]
    Evict(#[from] cryptobot_wasm::EvictError),
    /// A journal cannot be opened.
    #[error("cannot open {}: {source}", path.display())]
    OpenJournal {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A journal is not whole.
    #[error("{}: {source}", path.display())]
    VerifyJournal {
        /// The file.
        path: PathBuf,
        /// Why.
        source: cryptobot_journal::VerifyError,
    },
    /// Entries of a journal cannot be read.
    #[error("{}: {source}", path.display())]
    ReadJournal {
        /// The file.
        path: PathBuf,
        /// Why.
        source: cryptobot_journal::DecodeError,
    },
    /// A fill cannot be explained.
    #[error(transparent)]
    Explain(#[from] cryptobot_run::explain::ExplainError),
    /// A run cannot be repeated.
    #[error(transparent)]
    Replay(#[from] cryptobot_run::replay::ReplayError),
    /// A result cannot be written.
    #[error("cannot write the result: {0}")]
    Output(#[from] serde_json::Error),
    /// Standard output does not take the result.
    #[error("cannot write to standard output: {0}")]
    Print(#[from] io::Error),
}

impl CommandError {
    /// The exit code for this error.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Run(error) => error.exit_code(),
            Self::Sweep(error) => error.exit_code(),
            Self::Synthetic(error) if !error.is_usage() => ExitCode::Data,
            Self::Features(error) if error.is_output() => ExitCode::Failed,
            Self::Features(error) if error.is_data() => ExitCode::Data,
            Self::Data(_) | Self::Sql(SqlError::Data(_)) | Self::NoBrackets { .. } => ExitCode::Data,
            Self::Sql(SqlError::Interrupted) => ExitCode::Interrupted,
            Self::Sql(error) if error.is_usage() => ExitCode::Usage,
            Self::Download(error) if error.is_data() => ExitCode::Data,
            Self::Download(error) if error.is_usage() => ExitCode::Usage,
            Self::Download(DownloadError::Interrupted)
            | Self::Live(VenueError::Ask(DownloadError::Interrupted)) => ExitCode::Interrupted,
            Self::Live(error) if error.is_data() => ExitCode::Data,
            Self::Live(error) if error.is_usage() => ExitCode::Usage,
            Self::Margin(_)
            | Self::Quotes
            | Self::Record(RecordError::NewTape { .. })
            | Self::WhatFile { .. }
            | Self::Features(_)
            | Self::FindPlugin(_)
            | Self::NoAcceptedFolder
            | Self::NewPlugin(_)
            | Self::BuiltPlugin(_)
            | Self::Cases(_)
            | Self::Set(_)
            | Self::Void(_)
            | Self::Refetch
            | Self::Synthetic(_)
            | Self::OverlayPlace
            | Self::OverlayNumber { .. }
            | Self::Map(_)
            | Self::Venue(_)
            | Self::OpenJournal { .. } => ExitCode::Usage,
            Self::Explain(error) => error.exit_code(),
            Self::Replay(error) => error.exit_code(),
            Self::Download(_)
            | Self::Live(_)
            | Self::Feed(_)
            | Self::Record(RecordError::Tape { .. })
            | Self::Sql(_)
            | Self::BuildPlugin(_)
            | Self::VerifyJournal { .. }
            | Self::ReadJournal { .. }
            | Self::Output(_)
            | Self::Print(_)
            | Self::Accepted(_)
            | Self::Evict(_) => ExitCode::Failed,
            Self::Record(_) => ExitCode::Data,
            Self::InspectPlugin { .. } | Self::RollBackPlugin(_) | Self::LoadPlugin { .. } => {
                ExitCode::Plugin
            }
            Self::Bench { source, .. } => {
                if source.is_of_plugin() {
                    ExitCode::Plugin
                } else {
                    ExitCode::Usage
                }
            }
        }
    }
}

/// Runs a command.
pub(crate) fn dispatch(arguments: Arguments, started: Instant) -> Result<ExitCode, CommandError> {
    match arguments.command {
        Command::Run(arguments) => run::run(*arguments, started),
        Command::Sweep(command) => sweep::run(*command, started),
        Command::Replay(arguments) => replay::run(&arguments, started),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Plugin(command) => plugin::run(command),
        Command::Data(command) => data::run(&command),
        Command::Features(arguments) => features::run(*arguments),
        Command::Config(command) => config::run(&command),
        Command::Journal(command) => journal::run(&command),
        Command::Margin(arguments) => margin::run(&arguments),
        Command::Doctor(arguments) => doctor::run(arguments),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "host", &mut script);
            print(String::from_utf8_lossy(&script).trim_end())?;
            Ok(ExitCode::Done)
        }
        Command::PluginCompiler { engine, memory_bytes, cpu_s } => {
            compiler::run(engine, CompileLimits { memory_bytes, cpu_s, ..CompileLimits::default() })
        }
        Command::Reference => {
            print(reference::markdown().trim_end())?;
            Ok(ExitCode::Done)
        }
    }
}
