//! What is known about the files of a catalog without opening them: a database that can always be made again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cryptobot_model::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::Serialize;

use super::files::{FileNotes, parquet_files};
use super::groups::SeriesFile;
use super::kind::{SeriesId, SeriesKind};
use crate::catalog::Catalog;
use crate::error::DataError;
use crate::file::Stamp;
use crate::hash::file_sha256;

/// The database, in the root of the catalog.
const FILE: &str = "catalog.sqlite";
/// Another number where the tables are others: then they are made again.
const VERSION: i64 = 1;

/// What is known about one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileEntry {
    /// Path below the root.
    pub path: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Length in bytes.
    pub bytes: u64,
    /// Number of rows.
    pub rows: u64,
    /// First and last time, ms; `None` = there are no rows.
    pub range_ms: Option<(i64, i64)>,
    /// Rows in each month, by `(year, month)`.
    pub months: BTreeMap<String, u64>,
    /// Where the rows came from.
    pub sources: Vec<String>,
    /// Times of rows that replaced others, ms.
    pub restated_ms: Vec<i64>,
    /// Errors and notices when it was last checked; `None` = not since it changed.
    pub checked: Option<(u64, u64)>,
    /// Why it cannot be read.
    pub unreadable: Option<String>,
}

/// The database of a catalog, up to date with its files.
pub struct CatalogIndex {
    connection: Connection,
    entries: BTreeMap<SeriesId, Vec<FileEntry>>,
    rebuilt: Option<String>,
}

impl CatalogIndex {
    /// Opens the database and brings it up to date: files that changed are read again, those that are gone forgotten. A
    /// database that cannot be read is made again; one that cannot be written is made in memory.
    pub fn open(catalog: &Catalog) -> Result<Self, DataError> {
        let path = catalog.root().join(FILE);
        let failed = database_error(&path);
        let (mut connection, rebuilt) = connect(&path).map_err(&failed)?;
        if let Ok(entries) = refresh(catalog, &mut connection) {
            return Ok(Self { connection, entries, rebuilt });
        }
        let mut connection = in_memory().map_err(&failed)?;
        let entries = refresh(catalog, &mut connection)?;
        Ok(Self { connection, entries, rebuilt })
    }

    /// Why the database was made again; `None` = it was not.
    pub fn rebuilt(&self) -> Option<&str> {
        self.rebuilt.as_deref()
    }

    /// All series with their files, sorted.
    pub fn entries(&self) -> &BTreeMap<SeriesId, Vec<FileEntry>> {
        &self.entries
    }

    /// Remembers what a check of a file found.
    pub fn set_checked(&self, path: &str, errors: u64, notices: u64) -> Result<(), DataError> {
        let update = "UPDATE files SET errors = ?2, notices = ?3 WHERE path = ?1";
        let done = self.connection.execute(update, params![path, errors as i64, notices as i64]);
        done.map(drop).map_err(database_error(Path::new(FILE)))
    }
}

fn database_error(path: &Path) -> impl Fn(rusqlite::Error) -> DataError {
    |error| DataError::Unwritable { file: path.to_owned(), problem: error.to_string() }
}

/// The open database, and why it was made again if it was.
fn connect(path: &Path) -> Result<(Connection, Option<String>), rusqlite::Error> {
    let existed = path.exists();
    let reason = match open(path) {
        Ok(connection) => return Ok((connection, None)),
        Err(error) => error.to_string(),
    };
    if existed && fs::remove_file(path).is_ok() {
        let journal = |end: &str| PathBuf::from(format!("{}{end}", path.display()));
        for file in [journal("-journal"), journal("-wal"), journal("-shm")] {
            let _ = fs::remove_file(file);
        }
        if let Ok(connection) = open(path) {
            return Ok((connection, Some(reason)));
        }
    }
    Ok((in_memory()?, None))
}

fn in_memory() -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_in_memory()?;
    create(&connection)?;
    Ok(connection)
}

fn open(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(std::time::Duration::from_secs(30))?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let intact: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if intact != "ok" {
        return Err(rusqlite::Error::InvalidParameterName(intact));
    }
    if version != 0 && version != VERSION {
        return Err(rusqlite::Error::InvalidParameterName(format!("it is of version {version}")));
    }
    create(&connection)?;
    Ok(connection)
}

fn create(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS files (
           path TEXT PRIMARY KEY, venue TEXT NOT NULL, symbol TEXT NOT NULL, kind TEXT NOT NULL,
           bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL, sha256 TEXT NOT NULL,
           rows INTEGER NOT NULL, first_ms INTEGER, last_ms INTEGER, months TEXT NOT NULL, sources TEXT NOT NULL,
           restated_ms TEXT NOT NULL, unreadable TEXT, errors INTEGER, notices INTEGER);
         PRAGMA user_version = {VERSION};"
    ))
}

/// Brings the table up to date with the files; all of it or nothing.
fn refresh(
    catalog: &Catalog,
    connection: &mut Connection,
) -> Result<BTreeMap<SeriesId, Vec<FileEntry>>, DataError> {
    let failed = database_error(Path::new(FILE));
    let mut entries: BTreeMap<SeriesId, Vec<FileEntry>> = BTreeMap::new();
    let transaction = connection.transaction().map_err(&failed)?;
    for series in catalog.all_series()? {
        let folder = catalog.root().join(series.folder());
        for file in parquet_files(&folder)? {
            let relative = format!("{}/{file}", series.folder());
            let path = folder.join(&file);
            let stamp = Stamp::of(&fs::metadata(&path).map_err(DataError::io(&path))?);
            let entry = if let Some(entry) = known(&transaction, &relative, &stamp).map_err(&failed)? {
                entry
            } else {
                let entry = describe(&path, relative, series.kind, &stamp)?;
                remember(&transaction, &series, &entry, &stamp).map_err(&failed)?;
                entry
            };
            entries.entry(series.clone()).or_default().push(entry);
        }
    }
    forget_others(&transaction, &entries).map_err(&failed)?;
    transaction.commit().map_err(&failed)?;
    Ok(entries)
}

fn known(
    transaction: &Transaction<'_>,
    path: &str,
    stamp: &Stamp,
) -> Result<Option<FileEntry>, rusqlite::Error> {
    let select =
        "SELECT sha256, rows, first_ms, last_ms, months, sources, restated_ms, unreadable, errors, notices
                  FROM files WHERE path = ?1 AND bytes = ?2 AND mtime_ns = ?3 AND inode = ?4";
    let key = params![path, stamp.size as i64, stamp.mtime_ns, stamp.inode as i64];
    let json = |text: String| serde_json::from_str(&text).unwrap_or_default();
    transaction
        .query_row(select, key, |row| {
            let range: (Option<i64>, Option<i64>) = (row.get(2)?, row.get(3)?);
            let checked: (Option<i64>, Option<i64>) = (row.get(8)?, row.get(9)?);
            Ok(FileEntry {
                path: path.to_owned(),
                sha256: row.get(0)?,
                bytes: stamp.size,
                rows: row.get::<_, i64>(1)? as u64,
                range_ms: range.0.zip(range.1),
                months: serde_json::from_str(&row.get::<_, String>(4)?).unwrap_or_default(),
                sources: json(row.get(5)?),
                restated_ms: serde_json::from_str(&row.get::<_, String>(6)?).unwrap_or_default(),
                checked: checked.0.zip(checked.1).map(|(errors, notices)| (errors as u64, notices as u64)),
                unreadable: row.get(7)?,
            })
        })
        .optional()
}

/// What one file holds, group by group.
#[derive(Default)]
struct Summary {
    rows: u64,
    range_ms: Option<(i64, i64)>,
    months: BTreeMap<String, u64>,
    notes: FileNotes,
}

impl Summary {
    fn of(path: &Path, relative: &str, kind: SeriesKind) -> Result<Self, DataError> {
        let file = SeriesFile::open(path, relative, kind)?;
        let mut summary = Self { notes: file.notes(), ..Self::default() };
        for group in 0..file.groups() {
            // All columns are read: damage in any of them is damage of the file.
            let rows = file.read(group)?;
            let times = (0..rows.len()).map(|row| rows.ts_ms(row));
            summary.rows += rows.len() as u64;
            for ts_ms in times {
                let (first, last) = summary.range_ms.unwrap_or((ts_ms, ts_ms));
                summary.range_ms = Some((first.min(ts_ms), last.max(ts_ms)));
                let (year, month, _) = Timestamp::from_millis(ts_ms).civil();
                *summary.months.entry(format!("{year:04}-{month:02}")).or_default() += 1;
            }
        }
        Ok(summary)
    }
}

fn describe(path: &Path, relative: String, kind: SeriesKind, stamp: &Stamp) -> Result<FileEntry, DataError> {
    let sha256 = file_sha256(path)?;
    let (summary, unreadable) = match Summary::of(path, &relative, kind) {
        Ok(summary) => (summary, None),
        Err(error) => (Summary::default(), Some(error.to_string())),
    };
    let Summary { rows, range_ms, months, notes } = summary;
    Ok(FileEntry {
        path: relative,
        sha256,
        bytes: stamp.size,
        rows,
        range_ms,
        months,
        sources: notes.sources,
        restated_ms: notes.restated_ms,
        checked: None,
        unreadable,
    })
}

fn remember(
    transaction: &Transaction<'_>,
    series: &SeriesId,
    entry: &FileEntry,
    stamp: &Stamp,
) -> Result<(), rusqlite::Error> {
    let json = |value: serde_json::Result<String>| {
        value.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
    };
    let insert = "INSERT OR REPLACE INTO files VALUES
                  (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, NULL, NULL)";
    let values = params![
        entry.path,
        series.venue,
        series.symbol,
        series.kind.to_string(),
        stamp.size as i64,
        stamp.mtime_ns,
        stamp.inode as i64,
        entry.sha256,
        entry.rows as i64,
        entry.range_ms.map(|range| range.0),
        entry.range_ms.map(|range| range.1),
        json(serde_json::to_string(&entry.months))?,
        json(serde_json::to_string(&entry.sources))?,
        json(serde_json::to_string(&entry.restated_ms))?,
        entry.unreadable,
    ];
    transaction.execute(insert, values).map(drop)
}

fn forget_others(
    transaction: &Transaction<'_>,
    entries: &BTreeMap<SeriesId, Vec<FileEntry>>,
) -> Result<(), rusqlite::Error> {
    let stored: Vec<String> = {
        let mut statement = transaction.prepare("SELECT path FROM files")?;
        statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?
    };
    let there: std::collections::BTreeSet<&str> =
        entries.values().flatten().map(|entry| entry.path.as_str()).collect();
    for path in stored.iter().filter(|path| !there.contains(path.as_str())) {
        transaction.execute("DELETE FROM files WHERE path = ?1", [path])?;
    }
    Ok(())
}
