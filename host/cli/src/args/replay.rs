//! Options of `host replay`.

use std::path::PathBuf;

use clap::Args;

use super::Format;

/// Which run to repeat.
#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// Folder of a run.
    pub(crate) run: PathBuf,
    /// Folder of market data, where it is another one now than in run.yaml.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}
