//! `host data`.

mod check;
mod download;
mod import;
mod list;

use std::path::Path;

use cryptobot_data::import_brackets;
use cryptobot_data::sample::{self, Outcome};
use cryptobot_run::ExitCode;

use crate::args::DataCommand;
use crate::commands::CommandError;
use crate::output::print;

pub(super) fn run(command: &DataCommand) -> Result<ExitCode, CommandError> {
    match command {
        DataCommand::Generate { out, seed } => generate(out, *seed),
        DataCommand::List(which) => list::run(which),
        DataCommand::Check(arguments) => check::run(arguments),
        DataCommand::Repair(arguments) => check::repair(arguments),
        DataCommand::Import(arguments) => import::run(arguments),
        DataCommand::Export(arguments) => import::export(arguments),
        DataCommand::Download(arguments) => download::run(arguments),
        DataCommand::Brackets { file, venue, data } => {
            let imported = import_brackets(data, venue, file)?;
            print(format_args!("{} symbols: brackets in {}", imported.symbols, imported.file.display()))?;
            Ok(ExitCode::Done)
        }
    }
}

fn generate(out: &Path, seed: u64) -> Result<ExitCode, CommandError> {
    let what = match sample::ensure(out, seed)? {
        Outcome::Generated => "made",
        Outcome::Cached => "there already:",
        Outcome::Replaced => "made anew",
    };
    print(format_args!("{what} {} ({})", out.join(sample::VENUE).display(), sample::LABEL))?;
    Ok(ExitCode::Done)
}
