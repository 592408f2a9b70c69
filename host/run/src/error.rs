//! What can go wrong with a run, and the exit code that says so.

use std::path::PathBuf;

use cryptobot_analytics::FolderError;
use cryptobot_data::DataError;
use cryptobot_engine::{EngineError, Fault, SourceError};
use cryptobot_plugin::{LoadError, Plugin, ResolveError};

/// Exit codes of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Done.
    Done = 0,
    /// The run failed.
    Failed = 1,
    /// Bad usage or configuration.
    Usage = 2,
    /// Bad or missing data.
    Data = 3,
    /// A plugin was unreadable, refused or faulted.
    Plugin = 4,
    /// Interrupted; what was finished is saved.
    Interrupted = 130,
}

/// Why a run did not come about.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    ConfigFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The configuration is not what the schema says, or a value in it makes no sense.
    #[error("{}{}: {message}", path.display(), at.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default())]
    ConfigAt {
        /// The file.
        path: PathBuf,
        /// Line and column, from 1, where they are known.
        at: Option<(u64, u64)>,
        /// What is wrong.
        message: String,
    },
    /// A value makes no sense; [`crate::Origin::locate`] finds its place.
    #[error("{field}: {problem}")]
    Config {
        /// The field as a path (`execution.fees.taker`), or the flag.
        field: String,
        /// What is wrong with it and what is right.
        problem: String,
    },
    /// A recording cannot be used.
    #[error(transparent)]
    Recording(Box<cryptobot_data::messages::MessageError>),
    /// A plugin was not found.
    #[error(transparent)]
    FindPlugin(#[from] ResolveError),
    /// A file is not a plugin.
    #[error("{}{}: {source}", path.display(), source.place())]
    LoadPlugin {
        /// The file.
        path: PathBuf,
        /// Why.
        source: LoadError,
    },
    /// A plugin asks for more than it is granted or than was accepted.
    #[error("{}: {reason}", path.display())]
    PluginNotAllowed {
        /// The file.
        path: PathBuf,
        /// What it asks for, and what can be done.
        reason: String,
    },
    /// A plugin failed before the run.
    #[error("plugin {plugin}: {fault}{excerpt}")]
    PluginFault {
        /// Its name in the run.
        plugin: String,
        /// What it did.
        fault: Box<Fault>,
        /// The place in its source, on lines of its own; empty where it has none.
        excerpt: String,
    },
    /// Several plugins that cannot be loaded, where the others alone are no run.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    NoPlugin(Vec<RunError>),
    /// There is no market data at all.
    #[error(
        "{}: {}; give the folder of market data with --data, or make the sample with `host data generate`",
        root.display(),
        if root.is_dir() { "holds no market data (VENUE/SYMBOL/KIND/YEAR.parquet)" } else { "no such folder" }
    )]
    NoData {
        /// The folder that was asked for.
        root: PathBuf,
    },
    /// The data are bad or missing.
    #[error("{0}")]
    Data(DataError),
    /// The run folder cannot be used or written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The journal cannot be written.
    #[error("{}: {source}", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// What a run in real time leaves behind cannot be written.
    #[error("{}: {source}", path.display())]
    Tape {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A plugin file cannot be watched.
    #[error("cannot watch {}: {source}", path.display())]
    Watch {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The engine stopped.
    #[error("{0}")]
    Engine(String),
    /// A strategy failed inside a page of bars: the run has to be made again with one call per event, in which the fault
    /// is an event like others.
    #[error("the strategy failed inside a page: {0}")]
    InPage(Box<Fault>),
    /// A document cannot be written.
    #[error("cannot write {document}: {reason}")]
    Document {
        /// Which.
        document: &'static str,
        /// Why.
        reason: String,
    },
}

impl RunError {
    pub(crate) fn config(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Config { field: field.into(), problem: problem.into() }
    }

    /// A plugin that failed before the run, with the place in its source.
    pub(crate) fn plugin_fault(name: &str, plugin: &Plugin, fault: Fault) -> Self {
        let excerpt =
            plugin.excerpt(&fault.message).map(|excerpt| format!("\n{excerpt}")).unwrap_or_default();
        Self::PluginFault { plugin: name.to_owned(), fault: Box::new(fault), excerpt }
    }

    /// What a source of data said.
    pub(crate) fn from_feed(error: SourceError) -> Self {
        match error.downcast::<DataError>() {
            Ok(data) => Self::Data(*data),
            Err(other) => Self::Engine(other.to_string()),
        }
    }

    /// The exit code for this error.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::ConfigFile { .. }
            | Self::ConfigAt { .. }
            | Self::Config { .. }
            | Self::FindPlugin(_)
            | Self::Folder(FolderError::Occupied(_) | FolderError::NotAFolder(_)) => ExitCode::Usage,
            Self::LoadPlugin { source: LoadError::Runtime(_), .. }
            | Self::Folder(FolderError::Io { .. } | FolderError::Document { .. })
            | Self::Journal { .. }
            | Self::Tape { .. }
            | Self::Watch { .. }
            | Self::Engine(_)
            | Self::Document { .. } => ExitCode::Failed,
            Self::LoadPlugin { .. }
            | Self::PluginNotAllowed { .. }
            | Self::PluginFault { .. }
            | Self::NoPlugin(_)
            | Self::InPage(_) => ExitCode::Plugin,
            Self::NoData { .. } | Self::Data(_) | Self::Recording(_) => ExitCode::Data,
        }
    }
}

impl From<DataError> for RunError {
    fn from(error: DataError) -> Self {
        match error {
            DataError::NoCatalog { root } => Self::NoData { root },
            error => Self::Data(error),
        }
    }
}

impl From<EngineError> for RunError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Setup(setup) => Self::config("timeframe", setup.to_string()),
            EngineError::Source(source) => Self::from_feed(source),
            EngineError::InPage(fault) => Self::InPage(Box::new(fault)),
        }
    }
}
