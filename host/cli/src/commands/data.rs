//! `host data`.

mod check;
mod download;
mod generate;
mod import;
mod list;
mod record;
mod sql;

use cryptobot_data::import_brackets;
use cryptobot_run::ExitCode;

use crate::args::DataCommand;
use crate::commands::CommandError;
use crate::output::print;

pub(super) fn run(command: &DataCommand) -> Result<ExitCode, CommandError> {
    match command {
        DataCommand::Generate(arguments) => generate::run(arguments),
        DataCommand::List(which) => list::run(which),
        DataCommand::Check(arguments) => check::run(arguments),
        DataCommand::Repair(arguments) => check::repair(arguments),
        DataCommand::Import(arguments) => import::run(arguments),
        DataCommand::Export(arguments) => import::export(arguments),
        DataCommand::Sql(arguments) => sql::run(arguments),
        DataCommand::Download(arguments) => download::run(arguments),
        DataCommand::Record(arguments) => record::run(arguments),
        DataCommand::Brackets { file, venue, data } => {
            let imported = import_brackets(data, venue, file)?;
            print(format_args!("{} symbols: brackets in {}", imported.symbols, imported.file.display()))?;
            Ok(ExitCode::Done)
        }
    }
}
