//! The run folder: where a run's files go.
#![allow(clippy::disallowed_types, reason = "this module is the edge: it writes the files of a run")]

use std::fs::{self, File};
use std::io::{self, Write};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use crate::record::Record;
use crate::report;
use crate::summary::Summary;
use crate::tables;

/// The file by which a folder is recognised as a run's.
const SUMMARY: &str = "summary.json";
/// What a run in real time says of itself until it is over: a folder with it and without a summary is one of a run that
/// was cut off.
pub const STARTED: &str = "started.json";
/// All files that belong to a run, by what they hold.
const FILES: [(&str, &str); 12] = [
    ("summary", SUMMARY),
    ("started", STARTED),
    ("orders", "orders.csv"),
    ("fills", "fills.csv"),
    ("trades", "trades.csv"),
    ("funding", "funding.csv"),
    ("equity", "equity.csv"),
    ("report", "report.html"),
    ("journal", "journal.bin"),
    ("tape", "tape.bin"),
    ("config", "run.yaml"),
    ("log", "log.txt"),
];
/// The folder of the plugin files of a run in real time, named by their SHA-256.
const PLUGINS: &str = "plugins";

/// Why a run folder could not be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It holds something else.
    #[error("{}: the folder is not empty and holds no run; give another --out or empty it", .0.display())]
    Occupied(PathBuf),
    /// It is a file.
    #[error("{}: is not a folder; give another --out", .0.display())]
    NotAFolder(PathBuf),
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A document could not be built.
    #[error("{file}: {source}")]
    Document {
        /// Which.
        file: &'static str,
        /// Why.
        source: serde_json::Error,
    },
}

/// A folder that belongs to one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes the folder ready: it is created with its parents; the files of an earlier run in it are deleted, also of
    /// one that was cut short; any other folder that is not empty is refused. Call it before the run, so that a
    /// mistake costs no time.
    pub fn prepare(path: &Path) -> Result<Self, FolderError> {
        let folder = Self { path: path.to_owned() };
        match fs::metadata(path) {
            Ok(found) if !found.is_dir() => return Err(FolderError::NotAFolder(path.to_owned())),
            Ok(_) => folder.clear()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(path).map_err(|source| at(path, source))?;
            }
            Err(source) => return Err(at(path, source)),
        }
        Ok(folder)
    }

    /// Deletes the files of an earlier run, and only those.
    fn clear(&self) -> Result<(), FolderError> {
        let (mut of_run, mut plugins, mut others) = (Vec::new(), Vec::new(), false);
        for entry in fs::read_dir(&self.path).map_err(|source| at(&self.path, source))? {
            let file = entry.map_err(|source| at(&self.path, source))?.path();
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let stem = name.strip_prefix('.').and_then(|name| name.strip_suffix(".tmp")).unwrap_or(name);
            if name == PLUGINS && file.is_dir() {
                plugins = kept_plugins(&file)?;
            } else if FILES.iter().any(|(_, known)| *known == stem) && file.is_file() {
                of_run.push(file);
            } else {
                others = true;
            }
        }
        let is_run = of_run.iter().any(|file| file.ends_with(SUMMARY) || file.ends_with(STARTED));
        if others && !is_run {
            return Err(FolderError::Occupied(self.path.clone()));
        }
        for file in of_run.into_iter().chain(plugins) {
            fs::remove_file(&file).map_err(|source| at(&file, source))?;
        }
        Ok(())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the tables, long ones at the same time. The one of funding is written only where there was any.
    pub fn write_tables(&self, record: &Record) -> Result<(), FolderError> {
        type Table = fn(&Record, &mut dyn Write) -> io::Result<()>;
        let write = |name: &str, table: Table| self.write_file(name, |out| table(record, out));
        let long: [(&str, Table); 3] =
            [("orders.csv", tables::orders), ("fills.csv", tables::fills), ("trades.csv", tables::trades)];
        thread::scope(|scope| {
            let threads = long.map(|(name, table)| scope.spawn(move || write(name, table)));
            write("equity.csv", tables::equity)?;
            if !record.funding.is_empty() {
                write("funding.csv", tables::funding)?;
            }
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
        })
    }

    /// Writes the report. `configuration` is the complete `run.yaml`, shown as it is.
    pub fn write_report(
        &self,
        record: &Record,
        summary: &Summary,
        configuration: &str,
    ) -> Result<(), FolderError> {
        let page = report::html(record, summary, configuration)
            .map_err(|source| FolderError::Document { file: "report.html", source })?;
        self.write_parts("report.html", &page)
    }

    /// Lists the files that are there in `summary.files` and writes the summary: the last step of a run, because it
    /// marks the folder as complete.
    pub fn write_summary(&self, summary: &mut Summary) -> Result<(), FolderError> {
        let is_there = |name: &str| name == SUMMARY || (name != STARTED && self.path.join(name).is_file());
        let there = FILES.into_iter().filter(|(_, name)| is_there(name));
        summary.files = there.map(|(kind, name)| (kind.to_owned(), name.to_owned())).collect();
        let json = summary.to_json().map_err(|source| FolderError::Document { file: SUMMARY, source })?;
        self.write(SUMMARY, &json)?;
        let started = self.path.join(STARTED);
        match fs::remove_file(&started) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(&started, error)),
            _ => Ok(()),
        }
    }

    /// Writes a file of the run: a reader sees the old content or the new, never a part.
    pub fn write(&self, name: &str, content: &str) -> Result<(), FolderError> {
        self.write_parts(name, &[content])
    }

    /// The same, of a content in parts.
    fn write_parts(&self, name: &str, parts: &[impl AsRef<str>]) -> Result<(), FolderError> {
        self.write_file(name, |out| parts.iter().try_for_each(|part| out.write_all(part.as_ref().as_bytes())))
    }

    fn write_file(
        &self,
        name: &str,
        content: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> Result<(), FolderError> {
        let (file, temporary) = (self.path.join(name), self.path.join(format!(".{name}.tmp")));
        let written = File::create(&temporary).and_then(|mut out| content(&mut out));
        written.map_err(|source| at(&temporary, source))?;
        fs::rename(&temporary, &file).map_err(|source| at(&file, source))
    }
}

/// The plugin files that runs have kept; whatever else lies beside them stays.
fn kept_plugins(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let mut kept = Vec::new();
    for entry in fs::read_dir(folder).map_err(|source| at(folder, source))? {
        let file = entry.map_err(|source| at(folder, source))?.path();
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if stem.len() == 64 && stem.bytes().all(|letter| letter.is_ascii_hexdigit()) {
            kept.push(file);
        }
    }
    Ok(kept)
}

fn at(path: &Path, source: io::Error) -> FolderError {
    FolderError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_replaced_and_nothing_else_is_touched() {
        let root = tempfile::tempdir().unwrap();
        let out = root.path().join("runs/first");
        let folder = RunFolder::prepare(&out).unwrap();
        folder.write(SUMMARY, "{}").unwrap();
        folder.write("trades.csv", "old").unwrap();
        folder.write("notes.txt", "mine").unwrap();
        RunFolder::prepare(&out).unwrap();
        assert!(!out.join("trades.csv").exists() && !out.join(SUMMARY).exists());
        assert_eq!(fs::read_to_string(out.join("notes.txt")).unwrap(), "mine");
    }

    #[test]
    fn kept_plugins_go_with_their_run() {
        let root = tempfile::tempdir().unwrap();
        let folder = RunFolder::prepare(root.path()).unwrap();
        fs::create_dir(root.path().join(PLUGINS)).unwrap();
        let kept = root.path().join(PLUGINS).join(format!("{}.wasm", "0a".repeat(32)));
        let other = root.path().join(PLUGINS).join("mine.wasm");
        for file in [&kept, &other] {
            fs::write(file, "x").unwrap();
        }
        folder.write("journal.bin", "cut short").unwrap();
        RunFolder::prepare(root.path()).unwrap();
        assert!(!kept.exists() && other.exists());
    }

    #[test]
    fn other_folders_and_files_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("thesis.tex");
        fs::write(&file, "years of work").unwrap();
        let refused = RunFolder::prepare(root.path()).unwrap_err();
        assert!(matches!(refused, FolderError::Occupied(_)), "{refused}");
        assert!(matches!(RunFolder::prepare(&file).unwrap_err(), FolderError::NotAFolder(_)));
        assert_eq!(fs::read_to_string(&file).unwrap(), "years of work");
    }

    #[test]
    fn an_empty_folder_and_a_run_that_was_cut_short_are_accepted() {
        let root = tempfile::tempdir().unwrap();
        RunFolder::prepare(root.path()).unwrap();
        for name in ["journal.bin", ".report.html.tmp"] {
            fs::write(root.path().join(name), "").unwrap();
        }
        RunFolder::prepare(root.path()).unwrap();
        assert!(!root.path().join("journal.bin").exists());
    }
}
