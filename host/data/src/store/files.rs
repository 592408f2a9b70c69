//! One Parquet file of any kind: rows into it, and the notes that its footer carries.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use serde::{Deserialize, Serialize};

use super::regroup::GroupWriter;
use super::rows::Rows;
use crate::error::DataError;

/// The entry of the footer that carries the notes.
pub(crate) const NOTES: &str = "cryptobot";
/// Restated times that a file remembers, the latest.
const REMEMBERED: usize = 1_000;

/// What a file says about its rows besides the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileNotes {
    /// Where the rows came from, sorted.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Times, ms since the epoch, of rows that replaced others, sorted; the latest thousand.
    #[serde(default)]
    pub restated_ms: Vec<i64>,
}

impl FileNotes {
    /// Adds what another file, or a new part, says.
    pub(crate) fn add(&mut self, other: &Self) {
        self.sources.extend(other.sources.iter().cloned());
        self.sources.sort();
        self.sources.dedup();
        self.restated_ms.extend(&other.restated_ms);
        self.restated_ms.sort_unstable();
        self.restated_ms.dedup();
        let surplus = self.restated_ms.len().saturating_sub(REMEMBERED);
        self.restated_ms.drain(..surplus);
    }

    /// The notes of an open file; none where there are none, or where another program wrote something else there.
    pub(crate) fn of(reader: &SerializedFileReader<File>) -> Self {
        let entries = reader.metadata().file_metadata().key_value_metadata();
        let entry = entries.and_then(|entries| entries.iter().find(|entry| entry.key == NOTES));
        let notes = entry.and_then(|entry| serde_json::from_str(entry.value.as_deref()?).ok());
        notes.unwrap_or_default()
    }
}

/// Writes sorted rows into an open file. An optional column without any value is left out.
pub(crate) fn write_rows(file: &mut File, rows: &Rows, notes: &FileNotes) -> io::Result<()> {
    let mut writer = GroupWriter::new(file, rows.kind(), &rows.present());
    writer.push(rows)?;
    writer.finish(notes)
}

/// The Parquet files of a folder, sorted; none where there is no folder.
pub(crate) fn parquet_files(folder: &Path) -> Result<Vec<String>, DataError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(DataError::io(folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(DataError::io(folder))?.file_name();
        if let Ok(name) = name.into_string()
            && !name.starts_with('.')
            && name.ends_with(".parquet")
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
