//! A book that is whole: a snapshot, then every change after it, or a new snapshot.

use cryptobot_model::{DepthUpdate, Timestamp, UpdateIds};
use cryptobot_sim::depth::{BookSync, Continuity};

/// Changes that wait for a snapshot at most: half an hour of them. Then it begins anew.
const MOST_WAITING: usize = 18_000;

/// A change of a book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Diff {
    /// When it happened.
    pub(crate) at: Timestamp,
    /// When it arrived.
    pub(crate) arrived: Timestamp,
    pub(crate) ids: UpdateIds,
    pub(crate) levels: Vec<DepthUpdate>,
}

/// A whole book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// When it was taken.
    pub(crate) at: Timestamp,
    /// The last update in it.
    pub(crate) last: u64,
    pub(crate) levels: Vec<DepthUpdate>,
}

/// What follows from a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// The book begins anew with this.
    pub(crate) snapshot: Option<Snapshot>,
    /// Changes that are delivered now, after the snapshot where there is one.
    pub(crate) diffs: Vec<Diff>,
    /// Changes are missing, and which.
    pub(crate) gap: Option<String>,
    /// A snapshot is to be asked for, with this number.
    pub(crate) ask: Option<u64>,
    /// It was known, or overtaken: dropped.
    pub(crate) repeated: bool,
}

/// Delivers the changes of a book in their order, each once, from a snapshot on.
#[derive(Clone, Debug)]
pub(crate) struct WholeBook {
    sync: BookSync<Diff>,
    /// The last update that came.
    last: Option<u64>,
    /// Whether a snapshot is needed, and how many changes wait for it.
    needed: bool,
    waiting: usize,
    /// The last update of the newest snapshot.
    snapshot: Option<u64>,
    /// The number of the snapshot that counts, and whether it is asked for.
    wanted: u64,
    asked: bool,
}

impl WholeBook {
    pub(crate) const fn new() -> Self {
        let sync = BookSync::new(Continuity::Previous);
        Self { sync, last: None, needed: true, waiting: 0, snapshot: None, wanted: 0, asked: false }
    }

    /// Whether it is whole up to the last change.
    #[cfg(test)]
    const fn is_whole(&self) -> bool {
        self.sync.is_live()
    }

    /// The connection ended: nothing is known any more. Snapshots that are under way are too old.
    pub(crate) fn lose(&mut self) {
        *self = Self { wanted: self.wanted + 1, ..Self::new() };
    }

    /// Takes a change as it came.
    pub(crate) fn on_diff(&mut self, diff: Diff) -> Taken {
        let mut taken = Taken::default();
        if self.last.is_some_and(|last| diff.ids.last <= last) {
            taken.repeated = true;
            return taken;
        }
        if self.waiting == MOST_WAITING {
            self.lose();
        }
        self.last = Some(diff.ids.last);
        let gap = self.sync.on_diff(diff.ids, diff, &mut taken.diffs).err();
        self.needed |= gap.is_some();
        self.waiting += usize::from(self.needed);
        taken.gap = gap.map(|gap| gap.to_string());
        self.drop_covered(&mut taken.diffs);
        taken.ask = self.ask();
        taken
    }

    /// Takes the snapshot that was asked for with this number.
    pub(crate) fn on_snapshot(&mut self, number: u64, snapshot: Snapshot) -> Taken {
        let mut taken = Taken::default();
        if number != self.wanted {
            return taken;
        }
        let gap = self.sync.on_snapshot(snapshot.last, &mut taken.diffs).err();
        (self.asked, self.needed) = (false, gap.is_some());
        self.waiting = if self.needed { self.waiting.max(1) } else { 0 };
        self.snapshot = Some(snapshot.last);
        self.drop_covered(&mut taken.diffs);
        // One that is older than all changes that came is of no use.
        if gap.is_none() || !taken.diffs.is_empty() {
            taken.snapshot = Some(snapshot);
            taken.gap = gap.map(|gap| gap.to_string());
        }
        taken.ask = self.ask();
        taken
    }

    /// The snapshot with this number did not come; it may be asked for again.
    pub(crate) fn on_failure(&mut self, number: u64) -> Option<u64> {
        if number != self.wanted {
            return None;
        }
        self.asked = false;
        self.ask()
    }

    /// Drops a change that ends with the snapshot: the chain begins with it, and the snapshot has all of it.
    fn drop_covered(&self, diffs: &mut Vec<Diff>) {
        diffs.retain(|diff| self.snapshot.is_none_or(|last| diff.ids.last > last));
    }

    /// The number of the snapshot that is needed, where one is needed and not asked for.
    fn ask(&mut self) -> Option<u64> {
        if self.asked || !self.needed || self.waiting == 0 {
            return None;
        }
        self.asked = true;
        Some(self.wanted)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use cryptobot_model::Side;
    use cryptobot_test_support::cases;
    use proptest::prelude::*;

    use super::*;

    type Levels = BTreeMap<i64, i64>;

    /// An exchange: its book after each change.
    struct Exchange {
        diffs: Vec<Diff>,
        books: BTreeMap<u64, Levels>,
    }

    /// Numbers in steps of three; the first update of a change is not the one after the last of the change before.
    fn exchange(changes: &[(i64, i64)]) -> Exchange {
        let (mut book, mut books, mut diffs) = (Levels::new(), BTreeMap::new(), Vec::new());
        books.insert(100, book.clone());
        for (number, (tick, lots)) in (1_u64..).zip(changes) {
            apply(&mut book, &[level(*tick, *lots)]);
            let last = 100 + 3 * number;
            books.insert(last, book.clone());
            let ids = UpdateIds { first: last - 1, last, previous: Some(last - 3) };
            let at = Timestamp(last as i64);
            diffs.push(Diff { at, arrived: at, ids, levels: vec![level(*tick, *lots)] });
        }
        Exchange { diffs, books }
    }

    fn level(tick: i64, lots: i64) -> DepthUpdate {
        DepthUpdate { side: Side::Buy, tick, lots }
    }

    fn apply(book: &mut Levels, levels: &[DepthUpdate]) {
        for level in levels {
            if level.lots == 0 {
                book.remove(&level.tick);
            } else {
                book.insert(level.tick, level.lots);
            }
        }
    }

    fn snapshot(exchange: &Exchange, last: u64) -> Snapshot {
        let levels = exchange.books[&last].iter().map(|(tick, lots)| level(*tick, *lots)).collect();
        Snapshot { at: Timestamp(last as i64), last, levels }
    }

    /// What goes wrong with a change, before it comes.
    #[derive(Clone, Copy, Debug)]
    enum Trouble {
        None,
        Skipped,
        Twice,
        /// It comes after the next one.
        Late,
        /// The connection ends before it.
        Lost,
    }

    /// Follows a book and compares it with the exchange's after every delivery.
    struct Follower<'a> {
        exchange: &'a Exchange,
        whole: WholeBook,
        book: Option<(u64, Levels)>,
        snapshots: usize,
    }

    impl Follower<'_> {
        fn deliver(&mut self, taken: &Taken) -> Result<(), TestCaseError> {
            if let Some(snapshot) = &taken.snapshot {
                let mut book = Levels::new();
                apply(&mut book, &snapshot.levels);
                self.book = Some((snapshot.last, book));
                self.snapshots += 1;
            }
            for diff in &taken.diffs {
                let (last, book) = self.book.as_mut().expect("a snapshot comes first");
                prop_assert!(diff.ids.last > *last, "a change is delivered once");
                apply(book, &diff.levels);
                *last = diff.ids.last;
                prop_assert_eq!(&*book, &self.exchange.books[last]);
            }
            Ok(())
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(cases(256)))]

        /// Whatever is skipped, repeated, late or lost, and however old the snapshots are: what is delivered is the
        /// exchange's book at every moment, and it is whole again in the end.
        #[test]
        fn what_is_delivered_is_the_book(
            changes in prop::collection::vec((0..6_i64, 0..4_i64), 1..60),
            troubles in prop::collection::vec((0..12_u8, 0..6_usize, 0..4_usize), 60),
        ) {
            let exchange = exchange(&changes);
            let mut follower =
                Follower { exchange: &exchange, whole: WholeBook::new(), book: None, snapshots: 0 };
            // Snapshots under way: number, when they come, and of which change they are.
            let mut asked: Vec<(u64, usize, u64)> = Vec::new();
            let mut held: Option<Diff> = None;
            for (place, diff) in exchange.diffs.iter().enumerate() {
                let (trouble, delay, age) = troubles[place];
                let trouble = match trouble {
                    0 => Trouble::Skipped,
                    1 => Trouble::Twice,
                    2 => Trouble::Late,
                    3 => Trouble::Lost,
                    _ => Trouble::None,
                };
                let mut come = vec![diff.clone()];
                match trouble {
                    Trouble::Skipped => come.clear(),
                    Trouble::Twice => come.push(diff.clone()),
                    Trouble::Late => held = come.pop(),
                    Trouble::Lost => follower.whole.lose(),
                    Trouble::None => come.extend(held.take()),
                }
                for diff in come {
                    let taken = follower.whole.on_diff(diff);
                    follower.deliver(&taken)?;
                    let of = 100 + 3 * place.saturating_sub(age) as u64;
                    asked.extend(taken.ask.map(|number| (number, place + delay, of)));
                }
                let due: Vec<_> = asked.extract_if(.., |(_, due, _)| *due <= place).collect();
                for (number, _, of) in due {
                    let taken = follower.whole.on_snapshot(number, snapshot(&exchange, of));
                    follower.deliver(&taken)?;
                    asked.extend(taken.ask.map(|number| (number, place + delay, 100 + 3 * (place as u64 + 1))));
                }
            }
            // Then nothing goes wrong any more.
            let end = 100 + 3 * exchange.diffs.len() as u64;
            for (number, ..) in asked {
                let taken = follower.whole.on_snapshot(number, snapshot(&exchange, end));
                follower.deliver(&taken)?;
            }
            let ids = UpdateIds { first: end, last: end + 1, previous: Some(end) };
            let next = Diff { at: Timestamp(0), arrived: Timestamp(0), ids, levels: Vec::new() };
            let taken = follower.whole.on_diff(next);
            if let Some(number) = taken.ask {
                let mut last = snapshot(&exchange, end);
                last.last = end + 1;
                follower.whole.on_snapshot(number, last);
                let ids = UpdateIds { first: end + 2, last: end + 2, previous: Some(end + 1) };
                follower.whole.on_diff(Diff { at: Timestamp(0), arrived: Timestamp(0), ids, levels: Vec::new() });
            }
            prop_assert!(follower.whole.is_whole());
        }
    }

    #[test]
    fn one_snapshot_is_asked_for_at_a_time_and_an_outdated_one_is_ignored() {
        let exchange = exchange(&[(1, 1), (2, 1), (3, 1), (4, 1)]);
        let mut whole = WholeBook::new();
        assert_eq!(whole.on_diff(exchange.diffs[0].clone()).ask, Some(0));
        assert_eq!(whole.on_diff(exchange.diffs[1].clone()).ask, None);
        whole.lose();
        assert_eq!(whole.on_snapshot(0, snapshot(&exchange, 106)), Taken::default());
        assert_eq!(whole.on_diff(exchange.diffs[2].clone()).ask, Some(1));
        assert_eq!(whole.on_failure(1), Some(1));
        let taken = whole.on_snapshot(1, snapshot(&exchange, 109));
        assert_eq!((taken.snapshot.map(|taken| taken.last), taken.diffs.len()), (Some(109), 0));
        let gap = Diff {
            ids: UpdateIds { first: 120, last: 121, previous: Some(119) },
            ..exchange.diffs[3].clone()
        };
        let taken = whole.on_diff(gap);
        assert!(taken.gap.is_some() && taken.ask == Some(1), "{taken:?}");
        assert!(whole.on_diff(exchange.diffs[3].clone()).repeated);
    }
}
