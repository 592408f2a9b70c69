//! Joining stored rows with new ones: sorted, unique, the newest wins.

use std::cmp::Ordering;

use super::kind::{CellType, SeriesKind};
use super::rows::{Cell, Rows};

/// What became of the new rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Merged {
    /// All rows, sorted by key and unique.
    pub rows: Rows,
    /// New rows with a key that was not there.
    pub added: u64,
    /// New rows that said what was known.
    pub identical: u64,
    /// New rows that filled empty cells of a stored row and contradicted none.
    pub completed: u64,
    /// Times of rows that were replaced by others, sorted, unique.
    pub restated: Vec<i64>,
    /// New rows that replaced others.
    pub replaced: u64,
}

/// Joins `stored` and `new` rows of one kind. Of rows with the same key the last one of `new` counts; where it only
/// lacks or fills values that need not be there, the two are joined.
pub(crate) fn merge(stored: &Rows, new: &Rows) -> Merged {
    let kind = stored.kind();
    let rows = Rows::new(kind);
    let mut merged = Merged { rows, added: 0, identical: 0, completed: 0, restated: Vec::new(), replaced: 0 };
    let of = |index: usize| if index < stored.len() { (stored, index) } else { (new, index - stored.len()) };
    let mut order: Vec<usize> = (0..stored.len() + new.len()).collect();
    // Stable: of equal keys, stored rows come first, then new ones in their order.
    order.sort_by(|&a, &b| compare(kind, of(a), of(b)));
    let mut before: Option<usize> = None;
    for index in order {
        let (table, row) = of(index);
        let same = before.is_some_and(|before| compare(kind, of(before), of(index)) == Ordering::Equal);
        before = Some(index);
        if !same {
            merged.rows.copy(table, row);
            merged.added += u64::from(index >= stored.len());
            continue;
        }
        merged.join(table, row);
    }
    merged.restated.dedup();
    merged
}

impl Merged {
    /// Joins a row with the last one, which has the same key.
    fn join(&mut self, new: &Rows, row: usize) {
        let last = self.rows.len() - 1;
        let columns = new.kind().columns();
        // Exchanges stamp funding some milliseconds late, each time others: the key says what the time is.
        let cells = (1..columns.len()).map(|column| (self.rows.cell(last, column), new.cell(row, column)));
        let (mut contradicts, mut fills) = (false, false);
        for (known, given) in cells {
            contradicts |= known != Cell::Empty && given != Cell::Empty && known != given;
            fills |= known == Cell::Empty && given != Cell::Empty;
        }
        if contradicts {
            self.replaced += 1;
            self.restated.push(self.rows.ts_ms(last));
        } else if fills {
            self.completed += 1;
        } else {
            self.identical += 1;
        }
        for column in 1..columns.len() {
            if contradicts || new.cell(row, column) != Cell::Empty {
                self.rows.set(last, column, new, row);
            }
        }
    }
}

/// Whether rows are in the order of their keys, and none has the key of another.
pub(crate) fn is_sorted(rows: &Rows) -> bool {
    (1..rows.len()).all(|row| compare(rows.kind(), (rows, row - 1), (rows, row)) == Ordering::Less)
}

/// The order of two rows by their keys.
pub(crate) fn compare(kind: SeriesKind, a: (&Rows, usize), b: (&Rows, usize)) -> Ordering {
    let time = key_time(kind, a.0.ts_ms(a.1)).cmp(&key_time(kind, b.0.ts_ms(b.1)));
    let further = kind.columns().iter().enumerate().skip(1).filter(|(_, spec)| spec.key);
    further.fold(time, |order, (column, spec)| {
        order.then_with(|| {
            let bits = |(table, row): (&Rows, usize)| table.column(column).bits[row];
            match spec.cell {
                CellType::Number => f64::from_bits(bits(a)).total_cmp(&f64::from_bits(bits(b))),
                CellType::Integer | CellType::Flag => (bits(a) as i64).cmp(&(bits(b) as i64)),
            }
        })
    })
}

/// The time that tells two rows apart: one funding payment a minute, else the time itself.
pub(crate) fn key_time(kind: SeriesKind, ts_ms: i64) -> i64 {
    if kind == SeriesKind::Funding { ts_ms.div_euclid(60_000) } else { ts_ms }
}
