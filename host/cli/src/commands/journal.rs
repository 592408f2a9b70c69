//! `host journal`.

use std::fs::File;
use std::io::BufReader;

use cryptobot_journal::verify;
use cryptobot_run::ExitCode;

use crate::args::JournalCommand;
use crate::commands::CommandError;
use crate::output::print;

pub(super) fn run(command: &JournalCommand) -> Result<ExitCode, CommandError> {
    let JournalCommand::Verify { path } = command;
    let path = if path.is_dir() { path.join("journal.bin") } else { path.clone() };
    let file = match File::open(&path) {
        Ok(file) => BufReader::new(file),
        Err(source) => return Err(CommandError::OpenJournal { path, source }),
    };
    let verified = verify(file).map_err(|source| CommandError::VerifyJournal { path, source })?;
    print(format_args!("{}  {} blocks, {} bytes", verified.hash, verified.blocks, verified.bytes))?;
    Ok(ExitCode::Done)
}
