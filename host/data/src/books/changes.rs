//! Rows of the kind `depth` as the messages of a book that lacks no change.

use std::collections::VecDeque;

use cryptobot_model::{DepthUpdate, Side, Timestamp, UpdateIds};
use cryptobot_sim::depth::{BookSync, Continuity, SequenceGap};

use super::cursor::Cursor;
use crate::error::DataError;

/// Columns of the kind `depth`, in their order.
const LAST_ID: usize = 1;
const FIRST_ID: usize = 2;
pub(super) const SNAPSHOT: usize = 3;
const BID: usize = 4;
const PRICE: usize = 5;
const QUANTITY: usize = 6;
pub(super) const PREVIOUS_ID: usize = 7;

/// A snapshot or a change of a book.
#[derive(Debug)]
pub(super) struct Change {
    pub ts: Timestamp,
    pub is_snapshot: bool,
    pub levels: Vec<DepthUpdate>,
}

/// What rows of one update have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Update {
    ts_ms: i64,
    last: i64,
    is_snapshot: bool,
}

/// Reads a book from its first snapshot on.
pub(super) struct Changes {
    series: String,
    rows: Cursor,
    sync: BookSync<Change>,
    /// Whether the book may stand still between a gap and the next snapshot.
    allow_gaps: bool,
    /// After such a gap, before the snapshot.
    is_lost: bool,
    /// Last update of the newest change: the next one must follow it whatever snapshots there are between, since a new
    /// one is taken where changes were lost.
    newest: Option<u64>,
    ready: VecDeque<Change>,
}

impl Changes {
    pub fn new(series: String, rows: Cursor, continuity: Continuity, allow_gaps: bool) -> Self {
        let (sync, ready) = (BookSync::new(continuity), VecDeque::new());
        Self { series, rows, sync, allow_gaps, is_lost: false, newest: None, ready }
    }

    /// The next message.
    pub fn next(&mut self) -> Result<Option<Change>, DataError> {
        loop {
            if let Some(change) = self.ready.pop_front() {
                return Ok(Some(change));
            }
            let Some(update) = self.update()? else { return Ok(None) };
            let ts = Timestamp::from_millis(update.ts_ms);
            if let Err(gap) = self.take(update, ts)? {
                if !self.allow_gaps {
                    let series = self.series.clone();
                    return Err(DataError::BookGap { series, at: ts, gap });
                }
                // Where a snapshot is the book's new beginning already, it goes on.
                self.is_lost = !self.sync.is_live();
            }
        }
    }

    /// The update that the row is of.
    fn update(&mut self) -> Result<Option<Update>, DataError> {
        let is_on_row = self.rows.is_on_row()?;
        let update = |rows: &Cursor| Update {
            ts_ms: rows.ts_ms(),
            last: rows.integer(LAST_ID).unwrap_or(0),
            is_snapshot: rows.flag(SNAPSHOT),
        };
        Ok(is_on_row.then(|| update(&self.rows)))
    }

    /// Reads the rows of an update. What can be applied to the book now is ready then.
    fn take(&mut self, update: Update, ts: Timestamp) -> Result<Result<(), SequenceGap>, DataError> {
        let ids = if update.is_snapshot { None } else { Some(self.ids(update)?) };
        let mut levels = Vec::new();
        while self.update()? == Some(update) {
            let (tick, lots) = self.rows.on_grid(PRICE, QUANTITY)?;
            let side = if self.rows.flag(BID) { Side::Buy } else { Side::Sell };
            levels.push(DepthUpdate { side, tick, lots });
            self.rows.advance();
        }
        let mut ready = Vec::new();
        let change = Change { ts, is_snapshot: update.is_snapshot, levels };
        let taken = match ids {
            Some(_) if self.is_lost => Ok(()),
            Some(ids) => {
                let newest = self.newest.replace(ids.last);
                let lacks = newest.filter(|newest| ids.previous.unwrap_or(ids.first - 1) > *newest);
                let taken = self.sync.on_diff(ids, change, &mut ready);
                taken.and_then(|()| lacks.map_or(Ok(()), |after| Err(SequenceGap { after, found: ids })))
            }
            None => {
                let last = update.last.unsigned_abs();
                if self.sync.applied().is_some_and(|applied| last <= applied) {
                    // What the changes led to is at least as new.
                    return Ok(Ok(()));
                }
                let taken = self.sync.on_snapshot(last, &mut ready);
                if taken.is_ok() {
                    if std::mem::take(&mut self.is_lost) {
                        self.newest = None;
                    }
                    self.ready.push_back(change);
                }
                taken
            }
        };
        self.ready.extend(ready);
        Ok(taken)
    }

    fn ids(&self, update: Update) -> Result<UpdateIds, DataError> {
        let number = |column| self.rows.integer(column).map(i64::unsigned_abs);
        let (last, previous) = (update.last.unsigned_abs(), number(PREVIOUS_ID));
        match number(FIRST_ID).or_else(|| Some(previous? + 1)) {
            Some(first @ 1..) => Ok(UpdateIds { first, last, previous }),
            Some(0) => Err(self.rows.fault("first_id", "is 0", "fix: import the book with its numbers")),
            None => Err(self.rows.fault(
                "first_id",
                "is empty, and so is `previous_id`",
                "a book without either cannot be told from one that lacks changes; fix: import it with its numbers",
            )),
        }
    }
}
