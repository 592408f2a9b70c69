//! New rows into a stored file: group by group where its rows are in order.

use std::cmp::Ordering;
use std::fs::File;
use std::path::Path;

use super::files::FileNotes;
use super::groups::SeriesFile;
use super::merge::{Merged, compare, is_sorted, merge};
use super::regroup::{GROUP_ROWS, GroupWriter};
use super::rows::Rows;
use crate::error::DataError;

/// What became of the new rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// New rows with a key that was not there.
    pub added: u64,
    /// New rows that said what was known.
    pub identical: u64,
    /// New rows that filled empty cells.
    pub completed: u64,
    /// New rows that replaced others.
    pub replaced: u64,
    restated: Vec<i64>,
    /// Whether stored rows were put in order.
    sorted: bool,
}

impl Counts {
    /// Whether the file is another one than before.
    pub fn changes(&self) -> bool {
        self.added + self.completed + self.replaced > 0 || self.sorted
    }

    fn add(&mut self, merged: &Merged) {
        self.added += merged.added;
        self.identical += merged.identical;
        self.completed += merged.completed;
        self.replaced += merged.replaced;
        self.restated.extend(&merged.restated);
    }
}

/// How much of a stored file is held at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A group, which needs rows that are in order.
    ByGroups,
    /// All of it.
    Whole,
}

/// A file that is written, with the name that errors give it.
pub(crate) struct Target<'a> {
    /// The open file.
    pub file: &'a mut File,
    /// What it will be.
    pub path: &'a Path,
}

/// Writes the rows of a stored file with new ones merged into them, which are in any order; `notes` makes the notes of
/// the file from the times of restated rows. `None` = the stored rows are out of order, and this way is not for them.
pub(crate) fn rewrite(
    target: Target<'_>,
    stored: Option<&SeriesFile>,
    new: &Rows,
    way: Way,
    notes: impl FnOnce(Vec<i64>) -> FileNotes,
) -> Result<Option<Counts>, DataError> {
    let kind = new.kind();
    let mut counts = Counts { sorted: way == Way::Whole, ..Counts::default() };
    let merged;
    let new = if is_sorted(new) {
        new
    } else {
        // Of new rows with the same key the last one counts; how many are new is told by what is stored.
        let mut among_themselves = merge(&Rows::new(kind), new);
        among_themselves.added = 0;
        counts.add(&among_themselves);
        merged = among_themselves.rows;
        &merged
    };
    let stored_columns = stored.map_or_else(|| vec![false; kind.columns().len()], SeriesFile::present);
    let present: Vec<bool> =
        new.present().into_iter().zip(stored_columns).map(|(new, old)| new || old).collect();
    let Target { file, path } = target;
    let mut writer = GroupWriter::new(file, kind, &present);
    let mut put = |rows: &Rows| writer.push(rows).map_err(DataError::io(path));
    let mut at = 0;
    match (stored, way) {
        (Some(stored), Way::Whole) => {
            let merged = merge(&all(stored)?, new);
            counts.add(&merged);
            put(&merged.rows)?;
            at = new.len();
        }
        (Some(stored), Way::ByGroups) => {
            let mut before: Option<Rows> = None;
            for group in 0..stored.groups() {
                let rows = stored.read(group)?;
                if !follows(before.as_ref(), &rows) {
                    return Ok(None);
                }
                let Some(last) = rows.len().checked_sub(1) else { continue };
                before = Some(rows.slice(last..last + 1));
                let to = at + first_after(new, at, (&rows, last));
                let merged = merge(&rows, &new.slice(at..to));
                counts.add(&merged);
                put(&merged.rows)?;
                at = to;
            }
        }
        (None, _) => {}
    }
    counts.added += (new.len() - at) as u64;
    for from in (at..new.len()).step_by(GROUP_ROWS) {
        put(&new.slice(from..(from + GROUP_ROWS).min(new.len())))?;
    }
    let notes = notes(std::mem::take(&mut counts.restated));
    writer.finish(&notes).map_err(DataError::io(path))?;
    Ok(Some(counts))
}

/// What becomes of new rows that a stored file has already, word for word; `None` = they would change it, or only writing
/// tells. Reads no more than the groups that they lie in.
pub(crate) fn known(stored: &SeriesFile, new: &Rows) -> Result<Option<Counts>, DataError> {
    // Funding is told apart by the minute.
    const KEY_MS: i64 = 60_000;
    let (mut counts, mut at) = (Counts::default(), 0);
    if !is_sorted(new) {
        return Ok(None);
    }
    for group in 0..stored.groups() {
        let (Some((_, high)), true) = (stored.bounds(group)?, at < new.len()) else { continue };
        if new.ts_ms(at) > high.saturating_add(KEY_MS) {
            continue;
        }
        let rows = stored.read(group)?;
        if rows.is_empty() || !is_sorted(&rows) {
            return Ok(None);
        }
        let to = at + first_after(new, at, (&rows, rows.len() - 1));
        counts.add(&merge(&rows, &new.slice(at..to)));
        if counts.changes() {
            return Ok(None);
        }
        at = to;
    }
    Ok((at == new.len()).then_some(counts))
}

/// How many new rows from one on come before or with a row.
fn first_after(new: &Rows, from: usize, (rows, last): (&Rows, usize)) -> usize {
    let (mut low, mut high) = (from, new.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        if compare(new.kind(), (new, middle), (rows, last)) == Ordering::Greater {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low - from
}

/// Whether rows are in order, and come after the last one before.
pub(crate) fn follows(before: Option<&Rows>, rows: &Rows) -> bool {
    let begins = before.is_none_or(|before| {
        rows.is_empty() || compare(rows.kind(), (before, before.len() - 1), (rows, 0)) == Ordering::Less
    });
    begins && is_sorted(rows)
}

fn all(stored: &SeriesFile) -> Result<Rows, DataError> {
    let mut rows: Option<Rows> = None;
    for group in 0..stored.groups() {
        let group = stored.read(group)?;
        match &mut rows {
            Some(rows) => rows.extend(&group, 0..group.len()),
            None => rows = Some(group),
        }
    }
    Ok(rows.unwrap_or_else(|| Rows::new(stored.kind())))
}
