//! `host config`.

use cryptobot_run::{ExitCode, Origin, Overrides, RunConfig};

use crate::args::ConfigCommand;
use crate::commands::CommandError;
use crate::output::print;

pub(super) fn run(command: &ConfigCommand) -> Result<ExitCode, CommandError> {
    match command {
        ConfigCommand::Schema => print(serde_json::to_string_pretty(&RunConfig::schema())?)?,
        ConfigCommand::Check { file } => {
            let (config, origin) = Origin::configure(Some(file), Overrides::default())?;
            config.check().map_err(|error| origin.locate(error))?;
            print(format_args!("{}: ok", file.display()))?;
        }
    }
    Ok(ExitCode::Done)
}
