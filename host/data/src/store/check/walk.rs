//! The rows of a series one after the other, of which a row group is in memory at a time.

use super::{Finding, Rule, Severity};
use crate::catalog::Catalog;
use crate::error::DataError;
use crate::store::files::FileNotes;
use crate::store::groups::SeriesFile;
use crate::store::kind::SeriesId;
use crate::store::rows::{Cell, Rows};

/// A series and its files that can be read.
pub(super) struct Loaded {
    /// What it is.
    pub id: SeriesId,
    files: Vec<LoadedFile>,
}

struct LoadedFile {
    path: String,
    file: SeriesFile,
}

/// Where a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    file: usize,
    /// Its number in the file.
    pub row: u64,
    /// Its time, ms.
    pub ts_ms: i64,
}

/// A place among the rows of a series.
pub(super) struct Walk<'a> {
    loaded: &'a Loaded,
    file: usize,
    /// The next group of the file.
    group: usize,
    /// Number in the file of the first row of the group.
    first: u64,
    rows: Rows,
    row: usize,
}

/// Opens all files of a series, and reads each once; those that cannot be read are findings. Hands over the notes of the
/// others.
pub(super) fn load(
    catalog: &Catalog,
    id: SeriesId,
    report: &mut impl FnMut(&str, Result<FileNotes, Finding>),
) -> Result<Loaded, DataError> {
    let mut files = Vec::new();
    for path in catalog.files_of(&id)? {
        let opened = SeriesFile::open(&catalog.root().join(&path), &path, id.kind);
        let whole = opened.and_then(|file| {
            (0..file.groups()).try_for_each(|group| file.read(group).map(drop)).map(|()| file)
        });
        match whole {
            Ok(file) => {
                report(&path, Ok(file.notes()));
                files.push(LoadedFile { path, file });
            }
            Err(error) => {
                let finding = Finding {
                    severity: Severity::Error,
                    rule: Rule::Unreadable,
                    path: path.clone(),
                    row: None,
                    ts_ms: None,
                    what: error.to_string(),
                    fix: "import or download it again",
                    hole_ms: None,
                };
                report(&path, Err(finding));
            }
        }
    }
    Ok(Loaded { id, files })
}

impl Loaded {
    /// The paths of its files.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.path.as_str())
    }

    /// The path of the file of a row.
    pub fn path(&self, place: Place) -> &str {
        &self.files[place.file].path
    }

    /// Before the first row.
    pub fn walk(&self) -> Walk<'_> {
        Walk { loaded: self, file: 0, group: 0, first: 0, rows: Rows::new(self.id.kind), row: 0 }
    }

    /// Something about a row.
    pub fn finding(
        &self,
        place: Place,
        severity: Severity,
        rule: Rule,
        what: String,
        fix: &'static str,
    ) -> Finding {
        Finding {
            severity,
            rule,
            path: self.path(place).to_owned(),
            row: Some(place.row),
            ts_ms: Some(place.ts_ms),
            what,
            fix,
            hole_ms: None,
        }
    }
}

impl Walk<'_> {
    /// Goes to the next row; false = there is none.
    pub fn next(&mut self) -> Result<bool, DataError> {
        self.row += 1;
        while self.row >= self.rows.len() {
            let Some(LoadedFile { file, .. }) = self.loaded.files.get(self.file) else { return Ok(false) };
            self.first += self.rows.len() as u64;
            self.row = 0;
            if self.group < file.groups() {
                self.rows = file.read(self.group)?;
                self.group += 1;
            } else {
                self.rows.clear();
                (self.file, self.group, self.first) = (self.file + 1, 0, 0);
            }
        }
        Ok(true)
    }

    /// The row, as a table and its number in it.
    pub fn at(&self) -> (&Rows, usize) {
        (&self.rows, self.row)
    }

    /// Where the row stands.
    pub fn place(&self) -> Place {
        Place { file: self.file, row: self.first + self.row as u64, ts_ms: self.ts_ms() }
    }

    /// Time of the row, ms.
    pub fn ts_ms(&self) -> i64 {
        self.rows.ts_ms(self.row)
    }

    /// Whether the next row is of another group.
    pub fn is_last_of_group(&self) -> bool {
        self.row + 1 == self.rows.len()
    }

    /// A number of the row.
    pub fn number(&self, column: usize) -> Option<f64> {
        match self.rows.cell(self.row, column) {
            Cell::Number(value) => Some(value),
            _ => None,
        }
    }
}
