//! Results on disk while a sweep runs: small tables that are whole or not there, joined at the end.
//!
//! A row goes to the end of `parts/rows.log` at once, so that what is killed loses none that is finished. Every half
//! second the rows of the log become a table `parts/NNNNNN.parquet`; once there are many, one larger table takes the place
//! of the small ones.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cryptobot_data::table::{TableReader, TableWriter};

use crate::error::SweepError;
use crate::row::{Layout, Row};

/// Folder of the parts.
pub(crate) const PARTS: &str = "parts";
/// In it: the rows that are in no table yet, a line each.
const LOG: &str = "rows.log";
/// Longest time that a finished row is in no table.
const PATIENCE: Duration = Duration::from_millis(500);
/// Rows that a larger part has.
const SOLID_ROWS: usize = 16_384;
/// Rows of a group of a part: what is read at a time.
const GROUP_ROWS: usize = 2_048;

/// The rows of a sweep under way.
pub(crate) struct Store {
    folder: PathBuf,
    layout: Layout,
    /// In the log alone.
    pending: Vec<Row>,
    log: File,
    /// In small parts.
    recent: Vec<Row>,
    small: Vec<PathBuf>,
    next: u32,
    written_at: Instant,
}

impl Store {
    /// Opens the folder of parts; leftovers of a write that was cut short are removed, and the rows of a log become a
    /// table.
    pub(crate) fn open(out: &Path, layout: Layout) -> Result<Self, SweepError> {
        let folder = out.join(PARTS);
        fs::create_dir_all(&folder).map_err(SweepError::file(&folder))?;
        let mut next = 0;
        for path in files(&folder)? {
            if path.extension().is_some_and(|extension| extension == "tmp") {
                fs::remove_file(&path).map_err(SweepError::file(&path))?;
            } else if let Some(number) = number_of(&path) {
                next = next.max(number + 1);
            }
        }
        let path = folder.join(LOG);
        let lines = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(SweepError::file(&path)(error)),
        };
        // A line that was cut short, perhaps within a character, is the last one.
        let lines = String::from_utf8_lossy(&lines);
        let pending = lines.split_inclusive('\n').map_while(|line| layout.row_of_line(line)).collect();
        let log = File::options().create(true).append(true).open(&path).map_err(SweepError::file(&path))?;
        let (recent, small, written_at) = (Vec::new(), Vec::new(), Instant::now());
        let mut store = Self { folder, layout, pending, log, recent, small, next, written_at };
        store.flush()?;
        Ok(store)
    }

    /// The parts that are there, in the order of their writing.
    pub(crate) fn parts(&self) -> Result<Vec<PathBuf>, SweepError> {
        let mut parts: Vec<_> =
            files(&self.folder)?.into_iter().filter(|path| number_of(path).is_some()).collect();
        parts.sort();
        Ok(parts)
    }

    /// Keeps a row.
    pub(crate) fn add(&mut self, row: Row) -> Result<(), SweepError> {
        let line = self.layout.line_of_row(&row);
        self.log.write_all(line.as_bytes()).map_err(SweepError::file(&self.folder.join(LOG)))?;
        self.pending.push(row);
        self.tick()
    }

    /// Writes what has waited long enough. To be called from time to time.
    pub(crate) fn tick(&mut self) -> Result<(), SweepError> {
        let due = self.written_at.elapsed() >= PATIENCE || self.pending.len() >= SOLID_ROWS;
        if due && !self.pending.is_empty() { self.flush() } else { Ok(()) }
    }

    /// Makes tables of all rows.
    pub(crate) fn flush(&mut self) -> Result<(), SweepError> {
        self.written_at = Instant::now();
        if self.pending.is_empty() {
            return self.empty_log();
        }
        let mut rows = std::mem::take(&mut self.pending);
        let part = self.write(&mut rows)?;
        self.empty_log()?;
        self.small.push(part);
        self.recent.append(&mut rows);
        if self.recent.len() >= SOLID_ROWS {
            let mut rows = std::mem::take(&mut self.recent);
            self.write(&mut rows)?;
            for part in self.small.drain(..) {
                fs::remove_file(&part).map_err(SweepError::file(&part))?;
            }
        }
        Ok(())
    }

    fn empty_log(&mut self) -> Result<(), SweepError> {
        self.log.set_len(0).map_err(SweepError::file(&self.folder.join(LOG)))
    }

    fn write(&mut self, rows: &mut [Row]) -> Result<PathBuf, SweepError> {
        rows.sort_by_key(|row| self.layout.ordinal(row));
        let path = self.folder.join(format!("{:06}.parquet", self.next));
        self.next += 1;
        let mut table = TableWriter::create(&path, &self.layout.columns())?;
        for group in rows.chunks(GROUP_ROWS) {
            table.group(&self.layout.cells(group))?;
        }
        table.finish()?;
        Ok(path)
    }

    /// Removes the parts, whose rows are elsewhere now.
    pub(crate) fn remove(self) -> Result<(), SweepError> {
        fs::remove_dir_all(&self.folder).map_err(SweepError::file(&self.folder))
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, SweepError> {
    let entries = fs::read_dir(folder).map_err(SweepError::file(folder))?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(SweepError::file(folder))).collect()
}

fn number_of(path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.strip_suffix(".parquet")?.parse().ok()
}

/// Calls `each` with the rows of a table, group by group.
pub(crate) fn read(path: &Path, layout: &Layout, mut each: impl FnMut(&[Row])) -> Result<(), SweepError> {
    let table = TableReader::open(path, &layout.columns())?;
    for group in 0..table.groups() {
        each(&layout.rows(&path.display().to_string(), table.group(group)?)?);
    }
    Ok(())
}

/// Joins tables into one at `out`, in the order of the rows' numbers; rows that stand in several tables are equal and
/// come once. `each` sees them in that order: all rows of a combination in the same call.
///
/// The groups of the table depend on the numbers alone, so that its bytes do not tell how the rows came about. Memory
/// holds the rows of one group and of the parts of tables that reach into it.
pub(crate) fn join(
    tables: &[PathBuf],
    layout: &Layout,
    out: &Path,
    mut each: impl FnMut(&[Row]),
) -> Result<(), SweepError> {
    let symbols = layout.symbols.len() as u64;
    let step = (SOLID_ROWS as u64 / symbols).max(1);
    let mut spans = Vec::new();
    for path in tables {
        let table = TableReader::open(path, &layout.columns())?;
        for group in 0..table.groups() {
            let (first, last) = table.integer_bounds(group, 0).unwrap_or((0, i64::MAX));
            spans.push((first as u64 / step, last as u64 / step, path, group));
        }
    }
    spans.sort();
    let mut steps: Vec<u64> = Vec::new();
    for (first, last, ..) in &spans {
        let from = steps.last().map_or(*first, |newest| (newest + 1).max(*first));
        steps.extend(from..=*last);
    }
    let mut writer = TableWriter::create(out, &layout.columns())?;
    for at in steps {
        let mut rows: Vec<Row> = Vec::new();
        for (first, last, path, group) in &spans {
            if *first > at {
                break;
            }
            if *last >= at {
                let table = TableReader::open(path, &layout.columns())?;
                let all = layout.rows(&path.display().to_string(), table.group(*group)?)?;
                rows.extend(all.into_iter().filter(|row| row.index / step == at));
            }
        }
        rows.sort_by_key(|row| layout.ordinal(row));
        rows.dedup_by_key(|row| layout.ordinal(row));
        if rows.is_empty() {
            continue;
        }
        writer.group(&layout.cells(&rows))?;
        each(&rows);
    }
    writer.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::{layout, row};

    fn joined(out: &Path, parts: &[PathBuf], layout: &Layout) -> (Vec<u8>, Vec<u64>) {
        let (path, mut seen) = (out.join("sweep.parquet"), Vec::new());
        join(parts, layout, &path, |rows| seen.extend(rows.iter().map(|row| layout.ordinal(row)))).unwrap();
        (fs::read(path).unwrap(), seen)
    }

    #[test]
    fn the_joined_table_does_not_tell_how_its_rows_came_about() {
        for symbols in [&["A"][..], &["A", "B", "C"]] {
            let layout = layout(symbols);
            let mut tables = Vec::new();
            // In order, and in another order with many parts, some of which are joined on the way.
            for (stride, every) in [(1, u64::MAX), (7_919, 4_000)] {
                let folder = tempfile::tempdir().unwrap();
                let mut store = Store::open(folder.path(), layout.clone()).unwrap();
                for number in 0..18_000_u64 {
                    store.pending.push(row(&layout, number * stride % 18_000));
                    if (number + 1) % every == 0 {
                        store.flush().unwrap();
                    }
                }
                store.flush().unwrap();
                let parts = store.parts().unwrap();
                tables.push(joined(folder.path(), &parts, &layout));
                store.remove().unwrap();
                assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
            }
            assert_eq!(tables[0].1, (0..18_000).collect::<Vec<_>>());
            assert!(tables[0] == tables[1], "other bytes with {} symbols", symbols.len());
        }
    }

    #[test]
    fn what_was_cut_short_is_cleared_away_and_what_is_there_twice_comes_once() {
        let folder = tempfile::tempdir().unwrap();
        let layout = layout(&["A"]);
        let parts = folder.path().join(PARTS);
        for _ in 0..2 {
            let mut store = Store::open(folder.path(), layout.clone()).unwrap();
            assert!(!parts.join("000007.parquet.tmp").exists());
            store.pending.extend((0..10).map(|ordinal| row(&layout, ordinal)));
            store.flush().unwrap();
            fs::write(parts.join("000007.parquet.tmp"), "half").unwrap();
        }
        let store = Store::open(folder.path(), layout.clone()).unwrap();
        let parts = store.parts().unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!(joined(folder.path(), &parts, &layout).1, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_finished_survives_a_process_that_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let layout = layout(&["A", "B"]);
        let rows: Vec<Row> = (0..5).map(|ordinal| row(&layout, ordinal)).collect();
        let mut store = Store::open(folder.path(), layout.clone()).unwrap();
        for row in &rows {
            store.add(row.clone()).unwrap();
        }
        assert!(store.parts().unwrap().is_empty(), "no table was due");
        // Killed in the middle of a line, and there of a character.
        let half = layout.line_of_row(&row(&layout, 5));
        store.log.write_all(&half.as_bytes()[..half.len() / 2]).unwrap();
        store.log.write_all(&"é".as_bytes()[..1]).unwrap();
        drop(store);
        for _ in 0..2 {
            let store = Store::open(folder.path(), layout.clone()).unwrap();
            let mut back = Vec::new();
            for part in store.parts().unwrap() {
                read(&part, &layout, |rows| back.extend_from_slice(rows)).unwrap();
            }
            // NaN is not equal to itself.
            assert_eq!(format!("{back:?}"), format!("{rows:?}"));
        }
    }
}
