//! `host config`.

use cryptobot_run::{ExitCode, RunConfig};

use crate::args::ConfigCommand;
use crate::commands::CommandError;

pub(super) fn run(command: &ConfigCommand) -> Result<ExitCode, CommandError> {
    match command {
        ConfigCommand::Schema => println!("{}", serde_json::to_string_pretty(&RunConfig::schema())?),
        ConfigCommand::Check { file } => {
            RunConfig::read(file)?.check()?;
            println!("{}: ok", file.display());
        }
    }
    Ok(ExitCode::Done)
}
