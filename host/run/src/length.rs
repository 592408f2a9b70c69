//! Lengths of time in the run file.

use std::fmt;
use std::str::FromStr;

use cryptobot_model::time::NANOS_PER_SECOND;

/// Units and their seconds, the longest first.
const UNITS: [(char, i64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// The longest length: ten years of 365 days, in seconds.
const MOST_SECONDS: i64 = 10 * 365 * 86_400;

/// A length of event time in whole seconds: any number of seconds, minutes, hours, days or weeks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Length {
    seconds: i64,
}

impl Length {
    /// One minute.
    pub const MINUTE: Self = Self { seconds: 60 };
    /// One day.
    pub const DAY: Self = Self { seconds: 86_400 };

    /// In nanoseconds.
    pub const fn nanos(self) -> i64 {
        self.seconds * NANOS_PER_SECOND
    }
}

/// Why a text is no length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no length of time; write a number from 1 and s, m, h, d or w, for example 90s, 5m or 30d; ten years at most"
)]
pub struct ParseLengthError(String);

impl FromStr for Length {
    type Err = ParseLengthError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = || {
            let unit = text.chars().last()?;
            let (_, seconds) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
            let count: u32 = text.strip_suffix(unit)?.parse().ok()?;
            let seconds = i64::from(count).checked_mul(seconds)?;
            (1..=MOST_SECONDS).contains(&seconds).then_some(Self { seconds })
        };
        parsed().ok_or_else(|| ParseLengthError(text.to_owned()))
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.into_iter().find(|(_, seconds)| self.seconds % seconds == 0);
        let (unit, seconds) = whole.unwrap_or(('s', 1));
        write!(f, "{}{unit}", self.seconds / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_and_written() {
        for (text, seconds) in
            [("90s", 90), ("5m", 300), ("36h", 129_600), ("30d", 2_592_000), ("4w", 2_419_200)]
        {
            let length: Length = text.parse().unwrap();
            assert_eq!((length.to_string().as_str(), length.seconds), (text, seconds));
        }
        assert_eq!("7d".parse::<Length>().unwrap().to_string(), "1w");
    }

    #[test]
    fn what_is_no_length_is_refused_with_the_way_to_write_one() {
        for text in ["", "0m", "-1d", "1.5h", "5", "m", "30 d", "11y", "600w", "99999999999s"] {
            let error = text.parse::<Length>().unwrap_err().to_string();
            assert!(error.contains("for example 90s, 5m or 30d"), "{error}");
        }
    }
}
