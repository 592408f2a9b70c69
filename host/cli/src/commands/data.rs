//! `host data`.

use cryptobot_data::sample::{self, Outcome};
use cryptobot_run::ExitCode;

use crate::args::DataCommand;
use crate::commands::CommandError;
use crate::output::print;

pub(super) fn run(command: &DataCommand) -> Result<ExitCode, CommandError> {
    let DataCommand::Generate { out, seed } = command;
    let what = match sample::ensure(out, *seed)? {
        Outcome::Generated => "made",
        Outcome::Cached => "there already:",
        Outcome::Replaced => "made anew",
    };
    print(format_args!("{what} {} ({})", out.join(sample::VENUE).display(), sample::LABEL))?;
    Ok(ExitCode::Done)
}
