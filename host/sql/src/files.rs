//! An open file and what its row groups hold.

use cryptobot_data::store::{Column, SeriesFile, SeriesId};
use cryptobot_data::{Catalog, DataError};

/// A file of a series with the bounds of its row groups.
pub(crate) struct StoredFile {
    file: SeriesFile,
    /// Its row groups in order.
    pub groups: Vec<GroupBounds>,
}

/// What is known about a row group before it is decoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupBounds {
    /// Smallest and largest time, ms; `None` = it has no rows.
    pub times: Option<(i64, i64)>,
    /// Number of its first row in the series.
    pub first_row: i64,
}

impl StoredFile {
    /// Opens all files of a series.
    pub fn all(catalog: &Catalog, id: &SeriesId) -> Result<Vec<Self>, DataError> {
        let mut next_row = 0;
        let mut files = Vec::new();
        for path in catalog.files_of(id)? {
            let file = SeriesFile::open(&catalog.root().join(&path), &path, id.kind)?;
            let mut groups = Vec::with_capacity(file.groups());
            for group in 0..file.groups() {
                groups.push(GroupBounds { times: file.bounds(group)?, first_row: next_row });
                next_row += file.rows(group) as i64;
            }
            files.push(Self { file, groups });
        }
        Ok(files)
    }

    /// Decodes a column of a row group.
    pub fn column(&self, group: usize, column: usize) -> Result<Column, DataError> {
        self.file.column(group, column)
    }
}
