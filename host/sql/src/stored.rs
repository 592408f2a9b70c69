//! The series of one kind as a table reads them: files are opened, and columns decoded, when they are first asked for.

use std::cell::{Cell as Slot, OnceCell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use cryptobot_data::store::{Cell, Column, SeriesId, SeriesKind};
use cryptobot_data::{Catalog, DataError};

use crate::files::StoredFile;

/// Decoded columns that are kept, bytes: enough for a month of minutes of some hundred series side by side.
const KEPT_BYTES: usize = 256 << 20;

/// All series of a catalog, by kind, and the columns that were decoded last.
pub(crate) struct Stored {
    catalog: Catalog,
    kinds: BTreeMap<SeriesKind, Rc<Vec<StoredSeries>>>,
    kept: RefCell<Kept>,
    fault: RefCell<Option<DataError>>,
}

/// A series whose files are opened when it is first read.
pub(crate) struct StoredSeries {
    /// What it is.
    pub id: SeriesId,
    files: OnceCell<Vec<StoredFile>>,
}

/// Where a row group is: series of its kind, file, group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GroupKey {
    /// The kind.
    pub kind: SeriesKind,
    /// Index of the series in its kind.
    pub series: usize,
    /// Index of the file in the series.
    pub file: usize,
    /// Index of the row group in the file.
    pub group: usize,
}

/// The decoded columns of a row group.
pub(crate) struct Group {
    /// Times of its rows.
    pub times: Vec<i64>,
    /// Whether they rise, so that a stretch can be searched.
    pub sorted: bool,
    columns: Vec<OnceCell<Column>>,
}

/// Row groups in the order in which they were decoded.
#[derive(Default)]
struct Kept {
    groups: BTreeMap<GroupKey, Rc<Group>>,
    order: VecDeque<GroupKey>,
    bytes: Rc<Slot<usize>>,
}

impl Stored {
    /// The series of a catalog; nothing is opened yet.
    pub fn new(catalog: &Catalog, all: Vec<SeriesId>) -> Self {
        let mut kinds: BTreeMap<SeriesKind, Vec<StoredSeries>> = BTreeMap::new();
        for id in all {
            kinds.entry(id.kind).or_default().push(StoredSeries { id, files: OnceCell::new() });
        }
        let kinds = kinds.into_iter().map(|(kind, series)| (kind, Rc::new(series))).collect();
        Self { catalog: catalog.clone(), kinds, kept: RefCell::default(), fault: RefCell::default() }
    }

    /// Keeps why the catalog could not be read, of which SQLite passes on only the words.
    pub fn fail(&self, error: DataError) -> rusqlite::Error {
        let words = error.to_string();
        self.fault.replace(Some(error));
        rusqlite::Error::ModuleError(words)
    }

    /// Why the catalog could not be read, once.
    pub fn take_fault(&self) -> Option<DataError> {
        self.fault.take()
    }

    /// The series of a kind.
    pub fn of_kind(&self, kind: SeriesKind) -> Option<Rc<Vec<StoredSeries>>> {
        self.kinds.get(&kind).map(Rc::clone)
    }

    /// The files of a series.
    pub fn files<'a>(&self, series: &'a StoredSeries) -> Result<&'a [StoredFile], DataError> {
        if series.files.get().is_none() {
            // It is empty: nothing was set since the look at it.
            let _ = series.files.set(StoredFile::all(&self.catalog, &series.id)?);
        }
        Ok(series.files.get().map_or(&[], Vec::as_slice))
    }

    /// A row group with its times decoded.
    pub fn group(&self, key: GroupKey, file: &StoredFile) -> Result<Rc<Group>, DataError> {
        if let Some(group) = self.kept.borrow().groups.get(&key) {
            return Ok(Rc::clone(group));
        }
        let times = file.column(key.group, 0)?.into_integers();
        let sorted = times.is_sorted();
        let columns = key.kind.columns().iter().map(|_| OnceCell::new()).collect();
        let group = Rc::new(Group { times, sorted, columns });
        self.kept.borrow_mut().add(key, &group);
        Ok(group)
    }

    /// A cell of a row group, whose column is decoded where it was not yet.
    pub fn cell(
        &self,
        key: GroupKey,
        series: &StoredSeries,
        group: &Group,
        row: usize,
        column: usize,
    ) -> Result<Cell, DataError> {
        let slot = &group.columns[column];
        if slot.get().is_none() {
            let decoded = self.files(series)?[key.file].column(key.group, column)?;
            let bytes = &self.kept.borrow().bytes;
            bytes.set(bytes.get() + group.column_bytes());
            let _ = slot.set(decoded);
        }
        Ok(slot.get().map_or(Cell::Empty, |cells| cells.cell(row, key.kind.columns()[column].cell)))
    }
}

impl Group {
    /// What one column takes: eight bytes of value, one of whether it is there.
    fn column_bytes(&self) -> usize {
        self.times.len() * 9
    }

    fn bytes(&self) -> usize {
        self.times.len() * 8
            + self.columns.iter().filter(|column| column.get().is_some()).count() * self.column_bytes()
    }
}

impl Kept {
    fn add(&mut self, key: GroupKey, group: &Rc<Group>) {
        while self.bytes.get() > KEPT_BYTES
            && let Some(oldest) = self.order.pop_front()
        {
            if let Some(group) = self.groups.remove(&oldest) {
                self.bytes.set(self.bytes.get().saturating_sub(group.bytes()));
            }
        }
        self.bytes.set(self.bytes.get() + group.bytes());
        self.groups.insert(key, Rc::clone(group));
        self.order.push_back(key);
    }
}
