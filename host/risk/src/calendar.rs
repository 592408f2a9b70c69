//! Days, weeks and months that begin at a stated hour, UTC.

use cryptobot_model::Timestamp;
use cryptobot_model::time::{NANOS_PER_DAY, NANOS_PER_SECOND};

/// A span over which losses are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    Day,
    /// From Monday.
    Week,
    /// From the first.
    Month,
}

impl Span {
    /// The first instant after `at` at which a new span begins, at `hour` o'clock UTC.
    pub(crate) const fn next_start(self, at: Timestamp, hour: u8) -> Timestamp {
        let shift = hour as i64 * 3_600 * NANOS_PER_SECOND;
        // In shifted time spans begin at midnight.
        let shifted = at.plus(-shift);
        let today = shifted.start_of_day();
        let next = match self {
            Self::Day => today.plus(NANOS_PER_DAY),
            Self::Week => {
                // 1970-01-01 was a Thursday, three days after a Monday.
                let weekday = (today.0 / NANOS_PER_DAY + 3).rem_euclid(7);
                today.plus((7 - weekday) * NANOS_PER_DAY)
            }
            Self::Month => {
                let (year, month, _) = shifted.civil();
                if month == 12 {
                    Timestamp::from_civil(year + 1, 1, 1)
                } else {
                    Timestamp::from_civil(year, month + 1, 1)
                }
            }
        };
        next.plus(shift)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn next(span: Span, at: &str, hour: u8) -> String {
        span.next_start(at.parse().unwrap(), hour).to_string()
    }

    #[test]
    fn days_begin_at_the_stated_hour() {
        assert_eq!(next(Span::Day, "2024-01-31T23:59", 0), "2024-02-01T00:00:00Z");
        assert_eq!(
            next(Span::Day, "2024-01-31T00:00", 0),
            "2024-02-01T00:00:00Z",
            "a start is not its own next"
        );
        assert_eq!(next(Span::Day, "2024-01-31T07:59", 8), "2024-01-31T08:00:00Z");
        assert_eq!(next(Span::Day, "2024-01-31T08:00", 8), "2024-02-01T08:00:00Z");
        assert_eq!(next(Span::Day, "2023-12-31T23:30", 23), "2024-01-01T23:00:00Z");
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_the_first() {
        // 2024-06-02 was a Sunday.
        assert_eq!(next(Span::Week, "2024-06-02T23:59", 0), "2024-06-03T00:00:00Z");
        assert_eq!(next(Span::Week, "2024-06-03T00:00", 0), "2024-06-10T00:00:00Z");
        assert_eq!(next(Span::Week, "2024-06-03T05:00", 6), "2024-06-03T06:00:00Z");
        assert_eq!(next(Span::Month, "2024-02-28T12:00", 0), "2024-03-01T00:00:00Z");
        assert_eq!(next(Span::Month, "2024-02-29T23:59", 0), "2024-03-01T00:00:00Z", "a leap year");
        assert_eq!(next(Span::Day, "2024-02-28T23:59", 0), "2024-02-29T00:00:00Z");
        assert_eq!(next(Span::Day, "2023-02-28T23:59", 0), "2023-03-01T00:00:00Z");
        assert_eq!(next(Span::Month, "2024-12-31T23:59", 0), "2025-01-01T00:00:00Z");
        assert_eq!(next(Span::Month, "2024-03-01T03:00", 4), "2024-03-01T04:00:00Z", "still February's");
    }

    proptest! {
        #[test]
        fn the_next_start_lies_ahead_on_the_hour(nanos in 0_i64..4_000_000_000_000_000_000, hour in 0_u8..24) {
            let at = Timestamp(nanos);
            let longest = [(Span::Day, 1), (Span::Week, 7), (Span::Month, 31)];
            for (span, days) in longest {
                let next = span.next_start(at, hour);
                prop_assert!(next > at && next.0 - at.0 <= days * NANOS_PER_DAY);
                prop_assert_eq!(next.0 - next.start_of_day().0, i64::from(hour) * 3_600 * NANOS_PER_SECOND);
                match span {
                    Span::Day => {}
                    Span::Week => prop_assert_eq!((next.start_of_day().0 / NANOS_PER_DAY).rem_euclid(7), 4),
                    Span::Month => prop_assert_eq!(next.civil().2, 1),
                }
            }
        }
    }
}
