//! Appending to the catalog: whole files replace whole files, under a lock of the series.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use cryptobot_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::files::{FileNotes, parquet_files, write_rows};
use super::groups::{SeriesFile, bounds, read_rows};
use super::kind::SeriesId;
use super::merge::merge;
use super::rewrite::{Target, Way, follows, known, rewrite};
use super::rows::Rows;
use crate::error::DataError;
use crate::write::replace_file;

/// The lock of a series' folder.
const LOCK: &str = ".lock";
/// What a compaction that was begun has yet to do.
const INTENT: &str = ".compaction.json";

/// Writes into a catalog. Any number of writers, also of several processes, may work on one catalog.
#[derive(Clone, Debug)]
pub struct CatalogWriter {
    root: PathBuf,
}

/// What an append did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Appended {
    /// Rows that were not there.
    pub added: u64,
    /// Rows that were there already: dropped.
    pub identical: u64,
    /// Rows that filled empty cells of stored ones.
    pub completed: u64,
    /// Rows that replaced stored ones with other values.
    pub restated: u64,
    /// The files that were written, below the root, sorted.
    pub files: Vec<String>,
}

impl Appended {
    /// Adds what another append did.
    pub fn join(&mut self, other: Self) {
        self.added += other.added;
        self.identical += other.identical;
        self.completed += other.completed;
        self.restated += other.restated;
        self.files.extend(other.files);
        self.files.sort();
        self.files.dedup();
    }
}

/// What a compaction did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Compacted {
    /// The files that were written, below the root.
    pub written: Vec<String>,
    /// The files whose rows stand in others now, below the root.
    pub removed: Vec<String>,
}

/// The steps of a compaction that are left once its file is on disk.
#[derive(Debug, Serialize, Deserialize)]
struct Intent {
    /// The new file, under a hidden name.
    merged: String,
    /// The name that it gets.
    target: String,
    /// Files whose rows are in it.
    remove: Vec<String>,
}

impl CatalogWriter {
    /// Writes into the catalog under a folder, which is made where it is missing.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, DataError> {
        let root = root.into();
        fs::create_dir_all(&root).map_err(DataError::io(&root))?;
        Ok(Self { root })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Appends rows, in any order, to a series. They are checked first: where one cannot be true, nothing is written.
    ///
    /// Of rows with the same key (the time; of trades and depth also their number, of depth and liquidations side and
    /// price) an identical one is dropped, one that only fills empty cells completes the stored row, any other replaces
    /// it and counts as restated. Each file is replaced atomically: after a crash or on a full disk it is the old one or
    /// the new one. What was appended is on disk when this returns. `source` says where the rows came from.
    ///
    /// Every call rewrites the files of the years (of trades and depth: days) that it touches: hand over many rows at a
    /// time.
    pub fn append(&self, series: &SeriesId, rows: &Rows, source: &str) -> Result<Appended, DataError> {
        refuse_impossible(series, rows, 0)?;
        let folder = self.folder(series);
        let _lock = lock(&folder)?;
        finish(&folder)?;
        let mut done = Appended::default();
        for (period, part) in by_period(rows) {
            self.append_to(series, &period, &part, source, &mut done)?;
        }
        Ok(done)
    }

    /// Brings a series into its layout: one file per year (of trades and depth: per day), sorted and unique. Files that
    /// have another name are taken apart; of rows with the same key the one in the file of the later name counts.
    pub fn compact(&self, series: &SeriesId) -> Result<Compacted, DataError> {
        let folder = self.folder(series);
        let _lock = lock(&folder)?;
        finish(&folder)?;
        let mut done = Compacted::default();
        while let Some(name) = self.next_misplaced(series)? {
            self.move_rows(series, &name, &mut done)?;
        }
        done.written.sort();
        done.written.dedup();
        Ok(done)
    }

    fn folder(&self, series: &SeriesId) -> PathBuf {
        self.root.join(series.folder())
    }

    fn append_to(
        &self,
        series: &SeriesId,
        period: &str,
        part: &Rows,
        source: &str,
        done: &mut Appended,
    ) -> Result<(), DataError> {
        let folder = self.folder(series);
        let target = format!("{period}.parquet");
        self.refuse_overlap(series, &target, part)?;
        let path = folder.join(&target);
        let name = format!("{}/{target}", series.folder());
        let stored = path.exists().then(|| SeriesFile::open(&path, &name, series.kind)).transpose()?;
        if let Some(stored) = &stored
            && let Some(counts) = known(stored, part)?
        {
            done.identical += counts.identical;
            return Ok(());
        }
        let before = stored.as_ref().map(SeriesFile::notes).unwrap_or_default();
        let notes = |restated_ms: Vec<i64>| {
            let mut notes = before.clone();
            notes.add(&FileNotes { sources: vec![source.to_owned()], restated_ms });
            notes
        };
        for way in [Way::ByGroups, Way::Whole] {
            let mut outcome = None;
            let replaced = replace_file(&path, |file| {
                let rewritten = rewrite(Target { file, path: &path }, stored.as_ref(), part, way, notes);
                // What changes nothing is not kept.
                match outcome.insert(rewritten) {
                    Ok(Some(counts)) if counts.changes() => Ok(()),
                    _ => Err(io::Error::other("not to be kept")),
                }
            });
            let Some(outcome) = outcome else { return replaced.map_err(DataError::io(&path)) };
            let Some(counts) = outcome? else { continue };
            done.added += counts.added;
            done.identical += counts.identical;
            done.completed += counts.completed;
            done.restated += counts.replaced;
            if counts.changes() {
                replaced.map_err(DataError::io(&path))?;
                done.files.push(name);
            }
            break;
        }
        Ok(())
    }

    /// Another file with times of the new rows would make two that hold the same time.
    fn refuse_overlap(&self, series: &SeriesId, target: &str, part: &Rows) -> Result<(), DataError> {
        let folder = self.folder(series);
        let times: BTreeSet<i64> = (0..part.len()).map(|row| part.ts_ms(row)).collect();
        for other in parquet_files(&folder)? {
            let name = format!("{}/{other}", series.folder());
            // The name of another period says that its rows are others, `check` whether that is true.
            if other == target || series.kind.file_period().is_name(other.trim_end_matches(".parquet")) {
                continue;
            }
            if let Some((low, high)) = bounds(&folder.join(&other), &name, series.kind)?
                && let Some(&ts) = times.range(low..=high).next()
            {
                let begins = Timestamp::from_millis(ts);
                return Err(DataError::Misplaced { file: name, begins });
            }
        }
        Ok(())
    }

    /// The first file that holds rows of another period than its name says, or is not sorted and unique.
    fn next_misplaced(&self, series: &SeriesId) -> Result<Option<String>, DataError> {
        let folder = self.folder(series);
        for file in parquet_files(&folder)? {
            let name = format!("{}/{file}", series.folder());
            let period = series.kind.file_period();
            let stem = file.trim_end_matches(".parquet");
            let stored = SeriesFile::open(&folder.join(&file), &name, series.kind)?;
            let (mut well, mut empty, mut before) = (true, true, None);
            for group in 0..stored.groups() {
                let rows = stored.read(group)?;
                empty &= rows.is_empty();
                well &= (0..rows.len()).all(|row| period.of(rows.ts_ms(row)) == stem)
                    && follows(before.as_ref(), &rows);
                before = rows.len().checked_sub(1).map(|last| rows.slice(last..last + 1)).or(before);
            }
            well &= !empty || period.is_name(stem);
            if !well {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    /// Moves all rows of a file that its name does not say into the files where they belong.
    fn move_rows(&self, series: &SeriesId, file: &str, done: &mut Compacted) -> Result<(), DataError> {
        let folder = self.folder(series);
        let name = format!("{}/{file}", series.folder());
        let (rows, notes) = read_rows(&folder.join(file), &name, series.kind)?;
        refuse_impossible(series, &rows, 0)?;
        let mut parts = by_period(&rows);
        let own = parts.remove(file.trim_end_matches(".parquet"));
        let mut merged_files = Vec::new();
        for (period, part) in &parts {
            let target = format!("{period}.parquet");
            let path = folder.join(&target);
            let (stored, mut known) = if path.exists() {
                read_rows(&path, &format!("{}/{target}", series.folder()), series.kind)?
            } else {
                (Rows::new(series.kind), FileNotes::default())
            };
            let joined = if file > target.as_str() { merge(&stored, part) } else { merge(part, &stored) };
            known.add(&notes);
            known.add(&FileNotes { sources: Vec::new(), restated_ms: joined.restated });
            merged_files.push((target, joined.rows, known));
        }
        if let Some(own) = own {
            merged_files.push((file.to_owned(), merge(&Rows::new(series.kind), &own).rows, notes));
        }
        let mut intents = Vec::new();
        for (target, rows, notes) in merged_files {
            let merged = format!(".{target}.merged");
            let path = folder.join(&merged);
            replace_file(&path, |out| write_rows(out, &rows, &notes)).map_err(DataError::io(&path))?;
            done.written.push(format!("{}/{target}", series.folder()));
            intents.push(Intent { merged, target, remove: Vec::new() });
        }
        if intents.iter().all(|intent| intent.target != file)
            && let Some(last) = intents.last_mut()
        {
            last.remove.push(file.to_owned());
        } else if intents.is_empty() {
            // A file without rows.
            intents.push(Intent {
                merged: String::new(),
                target: String::new(),
                remove: vec![file.to_owned()],
            });
        }
        if intents.iter().any(|intent| !intent.remove.is_empty()) {
            done.removed.push(name);
        }
        let intent = folder.join(INTENT);
        replace_file(&intent, |out| serde_json::to_writer(out, &intents).map_err(Into::into))
            .map_err(DataError::io(&intent))?;
        finish(&folder)
    }
}

/// Refuses rows of another kind and rows that cannot be true; `before` rows were looked at already.
pub(super) fn refuse_impossible(series: &SeriesId, rows: &Rows, before: usize) -> Result<(), DataError> {
    let refused = |problem: String| DataError::Unwritable { file: PathBuf::from(series.folder()), problem };
    if rows.kind() != series.kind {
        return Err(refused(format!("the rows are {}, not {}", rows.kind(), series.kind)));
    }
    match (0..rows.len()).find_map(|row| Some((row, rows.fault(row)?))) {
        Some((row, (fault, column))) => Err(refused(format!(
            "row {} at {}: `{column}` {}",
            before + row,
            Timestamp::from_millis(rows.ts_ms(row)),
            fault.text()
        ))),
        None => Ok(()),
    }
}

/// The rows of each file, by the name of its period.
fn by_period(rows: &Rows) -> BTreeMap<String, Rows> {
    let period = rows.kind().file_period();
    let mut parts: BTreeMap<String, Rows> = BTreeMap::new();
    let mut known: Option<(Range<i64>, String)> = None;
    for row in 0..rows.len() {
        let ts_ms = rows.ts_ms(row);
        if known.as_ref().is_none_or(|(range, _)| !range.contains(&ts_ms)) {
            // Times rise mostly, so that the name of the last one's period is the right one nearly always.
            known = Some((ts_ms..period.end_of(ts_ms), period.of(ts_ms)));
        }
        if let Some((_, name)) = &known {
            if !parts.contains_key(name) {
                parts.insert(name.clone(), Rows::new(rows.kind()));
            }
            if let Some(part) = parts.get_mut(name) {
                part.copy(rows, row);
            }
        }
    }
    parts
}

/// Locks a series' folder, which is made where it is missing, until the file is dropped; then removes what writers left
/// that were killed.
pub(super) fn lock(folder: &Path) -> Result<File, DataError> {
    fs::create_dir_all(folder).map_err(DataError::io(folder))?;
    let path = folder.join(LOCK);
    let file = File::create(&path).map_err(DataError::io(&path))?;
    file.lock().map_err(DataError::io(&path))?;
    remove_hidden(folder, ".tmp")?;
    Ok(file)
}

fn remove_hidden(folder: &Path, ending: &str) -> Result<(), DataError> {
    for entry in fs::read_dir(folder).map_err(DataError::io(folder))? {
        let entry = entry.map_err(DataError::io(folder))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.ends_with(ending) {
            fs::remove_file(entry.path()).map_err(DataError::io(entry.path()))?;
        }
    }
    Ok(())
}

/// Completes a compaction whose new files are all on disk; may be repeated at any point of it.
fn finish(folder: &Path) -> Result<(), DataError> {
    let path = folder.join(INTENT);
    let text = match fs::read(&path) {
        Ok(text) => text,
        // Without the list of what is to be done nothing was: the new files are of no use.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return remove_hidden(folder, ".merged"),
        Err(error) => return Err(DataError::io(&path)(error)),
    };
    let intents: Vec<Intent> = serde_json::from_slice(&text).map_err(|error| DataError::Unwritable {
        file: path.clone(),
        problem: format!("{error}; remove it, then run `host data check`"),
    })?;
    for intent in &intents {
        let merged = folder.join(&intent.merged);
        if !intent.merged.is_empty() && merged.exists() {
            fs::rename(&merged, folder.join(&intent.target)).map_err(DataError::io(&merged))?;
        }
    }
    sync(folder)?;
    for name in intents.iter().flat_map(|intent| &intent.remove) {
        let file = folder.join(name);
        if let Err(error) = fs::remove_file(&file)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(DataError::io(&file)(error));
        }
    }
    sync(folder)?;
    fs::remove_file(&path).map_err(DataError::io(&path))?;
    sync(folder)
}

fn sync(folder: &Path) -> Result<(), DataError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(DataError::io(folder))
}
