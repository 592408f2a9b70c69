//! `host config`.

use cryptobot_run::{ExitCode, RunConfig};

use crate::args::ConfigCommand;
use crate::commands::CommandError;
use crate::output::print;

pub(super) fn run(command: &ConfigCommand) -> Result<ExitCode, CommandError> {
    match command {
        ConfigCommand::Schema => print(serde_json::to_string_pretty(&RunConfig::schema())?)?,
        ConfigCommand::Check { file } => {
            RunConfig::read(file)?.check()?;
            print(format_args!("{}: ok", file.display()))?;
        }
    }
    Ok(ExitCode::Done)
}
