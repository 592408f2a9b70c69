//! Making a book out of a snapshot and a stream of diffs without losing one.

use cryptobot_model::UpdateIds;

/// How an exchange's diffs follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuity {
    /// A diff names the last update of the one before (Binance futures: `pu` = former `u`). The first diff after a
    /// snapshot has `first <= snapshot <= last`, or the one before it is in the snapshot.
    Previous,
    /// A diff begins one after the last update of the one before (Binance spot: `U` = former `u` + 1). The first diff
    /// after a snapshot has `first <= snapshot + 1 <= last`.
    Next,
}

/// Updates are missing. The book must be built again from a new snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "depth updates are missing: the diff {}..{}{} does not follow {after}; fix: take a new snapshot", found.first,
    found.last, found.previous.map(|id| format!(" (after {id})")).unwrap_or_default()
)]
pub struct SequenceGap {
    /// Last update that is in the book.
    pub after: u64,
    /// The diff that does not follow it.
    pub found: UpdateIds,
}

#[derive(Clone, Debug)]
enum State {
    /// No snapshot yet.
    Waiting,
    /// A snapshot, and no diff after it yet.
    Snapshot(u64),
    /// Diffs up to this update.
    Live(u64),
}

/// Decides which diffs are applied to a book, and when. `D` is whatever the caller keeps of a diff.
#[derive(Clone, Debug)]
pub struct BookSync<D> {
    continuity: Continuity,
    state: State,
    waiting: Vec<(UpdateIds, D)>,
}

impl<D> BookSync<D> {
    /// Before the first message of a stream.
    pub const fn new(continuity: Continuity) -> Self {
        Self { continuity, state: State::Waiting, waiting: Vec::new() }
    }

    /// Whether the book is complete up to the last diff.
    pub const fn is_live(&self) -> bool {
        matches!(self.state, State::Live(_))
    }

    /// The last update that is in the book; `None` while it has to be built.
    pub const fn applied(&self) -> Option<u64> {
        match self.state {
            State::Waiting => None,
            State::Snapshot(last) | State::Live(last) => Some(last),
        }
    }

    /// Takes a diff. It is kept until there is a snapshot, dropped if the snapshot has it already, or appended to
    /// `ready`, to be applied now. After a gap, diffs are kept again, this one first.
    pub fn on_diff(&mut self, ids: UpdateIds, diff: D, ready: &mut Vec<D>) -> Result<(), SequenceGap> {
        let (after, follows) = match self.state {
            State::Waiting => {
                self.waiting.push((ids, diff));
                return Ok(());
            }
            State::Snapshot(snapshot) if self.is_covered(ids, snapshot) => return Ok(()),
            State::Snapshot(snapshot) => {
                let begins_in = ids.previous.is_some_and(|previous| previous <= snapshot);
                (snapshot, ids.first <= snapshot + self.step() || begins_in)
            }
            State::Live(last) => (last, self.follows(ids, last)),
        };
        if !follows {
            self.state = State::Waiting;
            self.waiting.push((ids, diff));
            return Err(SequenceGap { after, found: ids });
        }
        self.state = State::Live(ids.last);
        ready.push(diff);
        Ok(())
    }

    /// Takes a snapshot that has all updates up to `last`. The caller resets the book to it and then applies what is
    /// appended to `ready`.
    pub fn on_snapshot(&mut self, last: u64, ready: &mut Vec<D>) -> Result<(), SequenceGap> {
        self.state = State::Snapshot(last);
        let mut kept = std::mem::take(&mut self.waiting).into_iter();
        while let Some((ids, diff)) = kept.next() {
            if let Err(gap) = self.on_diff(ids, diff, ready) {
                // The next snapshot needs those after the gap as well.
                self.waiting.extend(kept);
                return Err(gap);
            }
        }
        Ok(())
    }

    const fn step(&self) -> u64 {
        match self.continuity {
            Continuity::Previous => 0,
            Continuity::Next => 1,
        }
    }

    const fn is_covered(&self, ids: UpdateIds, snapshot: u64) -> bool {
        ids.last < snapshot + self.step()
    }

    fn follows(&self, ids: UpdateIds, last: u64) -> bool {
        match self.continuity {
            Continuity::Previous => ids.previous == Some(last),
            Continuity::Next => ids.first == last + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn futures(first: u64, last: u64, previous: u64) -> UpdateIds {
        UpdateIds { first, last, previous: Some(previous) }
    }

    fn spot(first: u64, last: u64) -> UpdateIds {
        UpdateIds { first, last, previous: None }
    }

    #[test]
    fn diffs_before_the_snapshot_are_kept_and_the_covered_ones_dropped() {
        let (mut sync, mut ready) = (BookSync::new(Continuity::Previous), Vec::new());
        sync.on_diff(futures(10, 15, 9), 'a', &mut ready).unwrap();
        sync.on_diff(futures(17, 20, 15), 'b', &mut ready).unwrap();
        sync.on_diff(futures(23, 30, 20), 'c', &mut ready).unwrap();
        assert!(ready.is_empty() && !sync.is_live());
        sync.on_snapshot(20, &mut ready).unwrap();
        assert_eq!(ready, ['b', 'c'], "`b` ends with the snapshot and counts on futures");
        assert!(sync.is_live());
    }

    #[test]
    fn spot_needs_the_update_after_the_snapshot() {
        let (mut sync, mut ready) = (BookSync::new(Continuity::Next), Vec::new());
        sync.on_snapshot(20, &mut ready).unwrap();
        sync.on_diff(spot(11, 20), 'a', &mut ready).unwrap();
        assert!(!sync.is_live());
        sync.on_diff(spot(19, 25), 'b', &mut ready).unwrap();
        sync.on_diff(spot(26, 26), 'c', &mut ready).unwrap();
        assert_eq!(ready, ['b', 'c']);
    }

    #[test]
    fn a_diff_that_names_the_snapshot_follows_it() {
        let (mut sync, mut ready) = (BookSync::new(Continuity::Previous), Vec::new());
        assert_eq!(sync.applied(), None);
        sync.on_snapshot(20, &mut ready).unwrap();
        assert_eq!(sync.applied(), Some(20));
        sync.on_diff(futures(23, 25, 20), 'a', &mut ready).unwrap();
        assert_eq!((sync.applied(), ready), (Some(25), vec!['a']));
        sync.on_snapshot(30, &mut Vec::new()).unwrap();
        sync.on_diff(futures(32, 33, 31), 'b', &mut Vec::new()).unwrap_err();
    }

    #[test]
    fn a_gap_names_the_numbers_and_starts_over() {
        let (mut sync, mut ready) = (BookSync::new(Continuity::Previous), Vec::new());
        sync.on_snapshot(20, &mut ready).unwrap();
        sync.on_diff(futures(18, 25, 17), 'a', &mut ready).unwrap();
        let gap = sync.on_diff(futures(31, 40, 30), 'b', &mut ready).unwrap_err();
        let text = gap.to_string();
        assert!(text.contains("31..40 (after 30) does not follow 25"), "{text}");
        ready.clear();
        sync.on_diff(futures(44, 50, 43), 'c', &mut ready).unwrap();
        assert!(ready.is_empty() && !sync.is_live());
        sync.on_snapshot(41, &mut ready).unwrap_err();
        assert!(!sync.is_live(), "the snapshot is older than the first diff after the gap");
    }

    #[test]
    fn a_snapshot_that_is_too_old_is_a_gap() {
        let (mut sync, mut ready) = (BookSync::new(Continuity::Next), Vec::new());
        sync.on_diff(spot(30, 31), 'a', &mut ready).unwrap();
        let gap = sync.on_snapshot(20, &mut ready).unwrap_err();
        assert_eq!((gap.after, gap.found.first), (20, 30));
        sync.on_snapshot(29, &mut ready).unwrap();
        assert_eq!(ready, ['a'], "the diff was kept for the next snapshot");
    }

    #[test]
    fn diffs_after_one_that_does_not_follow_are_kept_for_the_next_snapshot() {
        let (mut sync, mut ready) = (BookSync::new(Continuity::Previous), Vec::new());
        for (ids, name) in [(futures(10, 20, 9), 'a'), (futures(31, 40, 30), 'b'), (futures(41, 50, 40), 'c')]
        {
            sync.on_diff(ids, name, &mut ready).unwrap();
        }
        sync.on_snapshot(15, &mut ready).unwrap_err();
        assert_eq!(ready, ['a']);
        ready.clear();
        sync.on_snapshot(35, &mut ready).unwrap();
        assert_eq!(ready, ['b', 'c']);
    }
}
