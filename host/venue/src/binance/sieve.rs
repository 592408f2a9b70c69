//! What was delivered already, by the exchange's numbers.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// Holes that are remembered. The oldest one is forgotten: what comes that late is dropped.
const MOST_HOLES: usize = 256;

/// Lets each number through once, in whatever order they come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sieve {
    newest: Option<u64>,
    /// Numbers that were left out, in rising order.
    holes: VecDeque<RangeInclusive<u64>>,
}

/// What a number is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It follows the newest one.
    Next,
    /// It is newer, and these are left out.
    After(RangeInclusive<u64>),
    /// It was left out before.
    Late,
    /// It was delivered, or its hole is forgotten.
    Known,
}

impl Sieve {
    /// Looks at a number that came.
    pub(crate) fn take(&mut self, number: u64) -> Verdict {
        let Some(newest) = self.newest else {
            self.newest = Some(number);
            return Verdict::Next;
        };
        if number > newest {
            self.newest = Some(number);
            if number == newest + 1 {
                return Verdict::Next;
            }
            let hole = newest + 1..=number - 1;
            if self.holes.len() == MOST_HOLES {
                self.holes.pop_front();
            }
            self.holes.push_back(hole.clone());
            return Verdict::After(hole);
        }
        let Some(place) = self.holes.iter().position(|hole| hole.contains(&number)) else {
            return Verdict::Known;
        };
        let hole = self.holes[place].clone();
        let parts = [(*hole.start(), number.checked_sub(1)), (number + 1, Some(*hole.end()))];
        self.holes.remove(place);
        for (first, last) in parts.into_iter().rev() {
            if let Some(last) = last.filter(|last| first <= *last) {
                self.holes.insert(place, first..=last);
            }
        }
        Verdict::Late
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cryptobot_test_support::cases;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_late_number_fills_its_hole() {
        let mut sieve = Sieve::default();
        assert_eq!(sieve.take(10), Verdict::Next);
        assert_eq!(sieve.take(15), Verdict::After(11..=14));
        assert_eq!(
            [12, 12, 11, 14, 13, 13, 9, 15].map(|number| sieve.take(number)),
            [
                Verdict::Late,
                Verdict::Known,
                Verdict::Late,
                Verdict::Late,
                Verdict::Late,
                Verdict::Known,
                Verdict::Known,
                Verdict::Known,
            ]
        );
        assert_eq!(sieve.take(16), Verdict::Next);
        assert!(sieve.holes.is_empty());
    }

    #[test]
    fn the_smallest_and_the_largest_numbers_are_numbers() {
        let mut sieve = Sieve::default();
        sieve.take(0);
        assert_eq!(sieve.take(u64::MAX), Verdict::After(1..=u64::MAX - 1));
        assert_eq!(
            (sieve.take(1), sieve.take(u64::MAX - 1), sieve.take(0)),
            (Verdict::Late, Verdict::Late, Verdict::Known)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(cases(256)))]

        /// Of any numbers in any order, repeated and missing, each is delivered once, and what is missing is what was
        /// said to be.
        #[test]
        fn each_number_is_delivered_once(numbers in prop::collection::vec(0..200_u64, 1..300)) {
            let (mut sieve, mut delivered, mut missing) = (Sieve::default(), BTreeSet::new(), BTreeSet::new());
            let first = numbers[0];
            for number in &numbers {
                match sieve.take(*number) {
                    Verdict::Known => prop_assert!(delivered.contains(number) || *number < first),
                    verdict => {
                        prop_assert!(delivered.insert(*number), "{} twice", number);
                        if let Verdict::After(hole) = verdict {
                            missing.extend(hole);
                        } else {
                            prop_assert_eq!(verdict == Verdict::Late, missing.remove(number));
                        }
                    }
                }
            }
            let came: BTreeSet<u64> = numbers.iter().copied().filter(|number| *number >= first).collect();
            prop_assert_eq!(&delivered, &came);
            let newest = came.last().copied().unwrap_or_default();
            let absent: BTreeSet<u64> = (first..=newest).filter(|number| !came.contains(number)).collect();
            prop_assert_eq!(missing, absent);
        }
    }
}
