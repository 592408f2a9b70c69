//! `host journal`.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use cryptobot_journal::{Entries, verify};
use cryptobot_run::ExitCode;
use cryptobot_run::entries::NamedEntry;

use crate::args::{Format, JournalCommand};
use crate::commands::CommandError;
use crate::output::print;

pub(super) fn run(command: &JournalCommand) -> Result<ExitCode, CommandError> {
    match command {
        JournalCommand::Verify { path } => {
            let (path, file) = open(path)?;
            let verified = verify(file).map_err(|source| CommandError::VerifyJournal { path, source })?;
            print(format_args!("{}  {} blocks, {} bytes", verified.hash, verified.blocks, verified.bytes))?;
        }
        JournalCommand::Show { path, format } => show(path, *format)?,
    }
    Ok(ExitCode::Done)
}

/// Opens a journal, or the one in a run folder.
fn open(path: &Path) -> Result<(PathBuf, BufReader<File>), CommandError> {
    let path = if path.is_dir() { path.join("journal.bin") } else { path.to_owned() };
    match File::open(&path) {
        Ok(file) => Ok((path, BufReader::new(file))),
        Err(source) => Err(CommandError::OpenJournal { path, source }),
    }
}

/// Prints entry by entry: a journal may be larger than memory. JSON is one array with an entry per line.
fn show(path: &Path, format: Format) -> Result<(), CommandError> {
    let (path, file) = open(path)?;
    let unreadable = |source| CommandError::ReadJournal { path: path.clone(), source };
    let entries = Entries::new(file).map_err(|source| unreadable(source.into()))?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut before = "[";
    for entry in entries {
        let entry = NamedEntry::from(&entry.map_err(unreadable)?);
        let written = match format {
            Format::Human => writeln!(out, "{entry}"),
            Format::Json => write!(out, "{before}\n{}", entry.to_json()),
        };
        before = ",";
        if is_closed(written)? {
            return Ok(());
        }
    }
    if format == Format::Json {
        let empty = if before == "[" { "[" } else { "" };
        is_closed(writeln!(out, "{empty}\n]"))?;
    }
    is_closed(out.flush())?;
    Ok(())
}

/// Whether the reader has seen enough (`host journal show | head`), which is no error.
fn is_closed(written: io::Result<()>) -> io::Result<bool> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(true),
        written => written.map(|()| false),
    }
}
