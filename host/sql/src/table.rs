//! The virtual table of a kind, and how SQLite is told what a search in it costs.

use std::rc::Rc;

use cryptobot_data::store::{CellType, SeriesKind};
use rusqlite::vtab::{
    CreateVTab, IndexConstraintOp, IndexInfo, VTab, VTabConfig, VTabConnection, VTabKind, sqlite3_vtab,
};

use crate::cursor::Cursor;
use crate::names::COMMON;
use crate::stored::{Stored, StoredSeries};

/// Rows that a series is taken to have while nothing is opened.
const USUAL_ROWS: i64 = 500_000;
/// Index of the columns that every table begins with.
pub(crate) const VENUE: i32 = 0;
pub(crate) const SYMBOL: i32 = 1;
pub(crate) const TS: i32 = 2;
pub(crate) const TIME: i32 = 3;

/// All series of one kind as a table of SQLite.
#[repr(C)]
pub(crate) struct Table {
    /// What SQLite knows of it: must be first.
    base: sqlite3_vtab,
    kind: SeriesKind,
    series: Rc<Vec<StoredSeries>>,
    stored: Rc<Stored>,
}

/// A condition that a search is begun with; the letters stand in the plan that SQLite hands back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// The venue is this.
    Venue,
    /// The symbol is this.
    Symbol,
    /// The time, in ms, is this, at least or at most this.
    Ts(Side),
    /// The time, as text, is this, at least or at most this.
    Time(Side),
}

/// Which end of a stretch a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Both.
    Equal,
    /// Its beginning.
    From,
    /// Its end.
    To,
}

impl Condition {
    const ALL: [(char, Self); 8] = [
        ('v', Self::Venue),
        ('s', Self::Symbol),
        ('=', Self::Ts(Side::Equal)),
        ('>', Self::Ts(Side::From)),
        ('<', Self::Ts(Side::To)),
        ('e', Self::Time(Side::Equal)),
        ('g', Self::Time(Side::From)),
        ('l', Self::Time(Side::To)),
    ];

    /// What a letter of a plan stands for.
    pub fn of_letter(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|(of, _)| *of == letter).map(|(_, condition)| condition)
    }

    fn letter(self) -> char {
        Self::ALL.into_iter().find(|(_, of)| *of == self).map_or('?', |(letter, _)| letter)
    }

    fn of(column: i32, operator: &IndexConstraintOp) -> Option<Self> {
        let side =
            match operator {
                IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ => Side::Equal,
                IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_GT
                | IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_GE => Side::From,
                IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_LT
                | IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_LE => Side::To,
                _ => return None,
            };
        match (column, side) {
            (VENUE, Side::Equal) => Some(Self::Venue),
            (SYMBOL, Side::Equal) => Some(Self::Symbol),
            (TS, side) => Some(Self::Ts(side)),
            (TIME, side) => Some(Self::Time(side)),
            _ => None,
        }
    }

    /// By how much fewer rows there are where it holds, about; of `series` series.
    fn share(self, series: i64) -> i64 {
        match self {
            Self::Venue => series.clamp(1, 2),
            Self::Symbol => series.max(1),
            Self::Ts(Side::Equal) => USUAL_ROWS,
            // A day around the time is read.
            Self::Time(Side::Equal) => 300,
            Self::Ts(_) | Self::Time(_) => 4,
        }
    }
}

#[expect(
    unsafe_code,
    reason = "the structure is laid out as the trait demands: `repr(C)`, SQLite's part first"
)]
unsafe impl<'vtab> VTab<'vtab> for Table {
    type Aux = Rc<Stored>;
    type Cursor = Cursor;

    fn connect(
        db: &mut VTabConnection,
        aux: Option<&Rc<Stored>>,
        args: &[&[u8]],
    ) -> rusqlite::Result<(String, Self)> {
        let missing = || rusqlite::Error::ModuleError("a table of no kind that is stored".to_owned());
        let stored = aux.ok_or_else(missing)?;
        let kind = args.last().and_then(|arg| std::str::from_utf8(arg).ok());
        let kind = kind.and_then(|arg| arg.trim_matches('\'').parse().ok());
        let kind: SeriesKind = kind.ok_or_else(missing)?;
        let series = stored.of_kind(kind).ok_or_else(missing)?;
        db.config(VTabConfig::Innocuous)?;
        let table = Self { base: sqlite3_vtab::default(), kind, series, stored: Rc::clone(stored) };
        Ok((declaration(kind), table))
    }

    fn best_index(&self, info: &mut IndexInfo) -> rusqlite::Result<()> {
        let count = self.series.len() as i64;
        let mut used = Vec::new();
        for (index, constraint) in info.constraints().enumerate() {
            let text = matches!(constraint.column(), VENUE | SYMBOL | TIME);
            if !constraint.is_usable() || (text && info.collation(index)? != "BINARY") {
                continue;
            }
            if let Some(condition) = Condition::of(constraint.column(), &constraint.operator()) {
                used.push((index, condition));
            }
        }
        let mut plan = String::new();
        let mut rows = count.saturating_mul(USUAL_ROWS);
        for (position, &(index, condition)) in used.iter().enumerate() {
            // SQLite looks at the rows again: a search may hand out more than was asked for.
            info.constraint_usage(index).set_argv_index(position as i32 + 1);
            plan.push(condition.letter());
            rows /= condition.share(count);
        }
        let one_venue = used.iter().any(|(_, condition)| *condition == Condition::Venue)
            || self.series.windows(2).all(|pair| pair[0].id.venue == pair[1].id.venue);
        info.set_order_by_consumed(is_the_order(info, one_venue));
        info.set_idx_str(&plan);
        info.set_estimated_rows(rows.max(1));
        info.set_estimated_cost(rows.max(1) as f64 + 20.0);
        Ok(())
    }

    fn open(&'vtab mut self) -> rusqlite::Result<Cursor> {
        Ok(Cursor::new(self.kind, Rc::clone(&self.series), Rc::clone(&self.stored)))
    }
}

impl CreateVTab<'_> for Table {
    const KIND: VTabKind = VTabKind::Default;
}

/// Whether rows come in the order that is asked for: by venue, then by symbol. What comes within a series is not known
/// before its files are read.
fn is_the_order(info: &IndexInfo, one_venue: bool) -> bool {
    let asked: Vec<i32> = info
        .order_bys()
        // Falling order is none of a table.
        .map(|by| if by.is_order_by_desc() { TS } else { by.column() })
        .filter(|column| !(one_venue && *column == VENUE))
        .collect();
    let order = if one_venue { &[SYMBOL][..] } else { &[VENUE, SYMBOL] };
    !asked.is_empty() && order.starts_with(&asked)
}

/// The columns of a kind's table for SQLite.
fn declaration(kind: SeriesKind) -> String {
    let of_files = kind.columns().iter().skip(1).map(|spec| {
        let cell = match spec.cell {
            CellType::Number => "REAL",
            CellType::Integer | CellType::Flag => "INTEGER",
        };
        format!("{} {cell}", spec.name)
    });
    let common = COMMON.into_iter().zip(["TEXT", "TEXT", "INTEGER", "TEXT"]);
    let columns: Vec<String> = common.map(|(name, cell)| format!("{name} {cell}")).chain(of_files).collect();
    format!("CREATE TABLE stored({})", columns.join(", "))
}
