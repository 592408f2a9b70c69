//! Event time: nanoseconds since the Unix epoch, UTC, and the timeframes of bars.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// An instant: nanoseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
)]
#[repr(transparent)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// Nanoseconds of a millisecond.
pub const NANOS_PER_MILLI: i64 = 1_000_000;
/// Nanoseconds of a second.
pub const NANOS_PER_SECOND: i64 = 1_000_000_000;
/// Nanoseconds of a day.
pub const NANOS_PER_DAY: i64 = 86_400 * NANOS_PER_SECOND;

impl Timestamp {
    /// From milliseconds since the epoch, the unit of stored data.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(NANOS_PER_MILLI))
    }

    /// Whole milliseconds since the epoch, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(NANOS_PER_MILLI)
    }

    /// This instant moved by `nanos`.
    #[must_use]
    pub const fn plus(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Midnight UTC of this instant's day.
    #[must_use]
    pub const fn start_of_day(self) -> Self {
        Self(self.0 - self.0.rem_euclid(NANOS_PER_DAY))
    }

    /// Year, month (1–12) and day (1–31) in UTC (proleptic Gregorian; Howard Hinnant's `civil_from_days`).
    pub const fn civil(self) -> (i32, u32, u32) {
        let days = self.0.div_euclid(NANOS_PER_DAY) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
        (year as i32, month as u32, day as u32)
    }

    /// Midnight UTC of a date (Howard Hinnant's `days_from_civil`).
    pub const fn from_civil(year: i32, month: u32, day: u32) -> Self {
        let year = year as i64 - if month <= 2 { 1 } else { 0 };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let shifted_month = (month as i64 + 9) % 12;
        let day_of_year = (153 * shifted_month + 2) / 5 + day as i64 - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Self((era * 146_097 + day_of_era - 719_468) * NANOS_PER_DAY)
    }
}

/// `2024-01-31T12:00:00Z`; milliseconds or nanoseconds are printed only where there are any.
impl fmt::Display for Timestamp {
    // Tables have millions of times: put together by hand it takes a fifth of what formatting each part does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        let of_day = self.0.rem_euclid(NANOS_PER_DAY) as u64;
        let (seconds, nanos) = (of_day / NANOS_PER_SECOND as u64, of_day % NANOS_PER_SECOND as u64);
        let mut text = *b"0000-00-00T00:00:00.000000000Z";
        write_digits(&mut text[..4], year as u64);
        write_digits(&mut text[5..7], month.into());
        write_digits(&mut text[8..10], day.into());
        write_digits(&mut text[11..13], seconds / 3600);
        write_digits(&mut text[14..16], seconds / 60 % 60);
        write_digits(&mut text[17..19], seconds % 60);
        let end = if nanos == 0 {
            19
        } else {
            write_digits(&mut text[20..29], nanos);
            if nanos % NANOS_PER_MILLI as u64 == 0 { 23 } else { 29 }
        };
        text[end] = b'Z';
        f.write_str(std::str::from_utf8(&text[..=end]).map_err(|_| fmt::Error)?)
    }
}

/// Writes the last decimal digits of a number, as many as there is room for.
fn write_digits(room: &mut [u8], mut value: u64) {
    for digit in room.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Why a text is no instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a UTC time; write 2024-01-31 or 2024-01-31T12:00[:00]Z")]
pub struct ParseTimestampError(pub String);

/// Accepts `YYYY-MM-DD`, `YYYY-MM-DDTHH:MM` and `YYYY-MM-DDTHH:MM:SS[.fff]`, each with an optional `Z`.
impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_timestamp(text).ok_or_else(|| ParseTimestampError(text.to_owned()))
    }
}

fn parse_timestamp(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, clock) = match text.split_once(['T', ' ']) {
        Some((date, clock)) => (date, Some(clock)),
        None => (text, None),
    };
    let mut parts = date.splitn(3, '-');
    // Nanoseconds in an i64 end in the year 2262.
    let year = digits(parts.next()?, 4).filter(|year| (1970..=2261).contains(year))?;
    let month = digits(parts.next()?, 2)?;
    let day = digits(parts.next()?, 2)?;
    let midnight = Timestamp::from_civil(year as i32, month as u32, day as u32);
    if midnight.civil() != (year as i32, month as u32, day as u32) {
        return None;
    }
    let Some(clock) = clock else { return Some(midnight) };
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (clock, None),
    };
    let mut parts = clock.splitn(3, ':');
    let hour = digits(parts.next()?, 2).filter(|hour| *hour < 24)?;
    let minute = digits(parts.next()?, 2).filter(|minute| *minute < 60)?;
    let second = parts.next().map_or(Some(0), |text| digits(text, 2)).filter(|second| *second < 60)?;
    let nanos = match fraction {
        Some(text) if (1..=9).contains(&text.len()) => {
            digits(text, text.len())? * 10_i64.pow(9 - text.len() as u32)
        }
        Some(_) => return None,
        None => 0,
    };
    Some(midnight.plus(((hour * 60 + minute) * 60 + second) * NANOS_PER_SECOND + nanos))
}

fn digits(text: &str, length: usize) -> Option<i64> {
    (text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// The length of a bar, a whole number of seconds up to a week; written as exchanges do: `1s 1m 15m 1h 4h 1d 1w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timeframe {
    nanos: i64,
}

impl Timeframe {
    /// One minute.
    pub const MINUTE: Self = Self { nanos: 60 * NANOS_PER_SECOND };
    /// One hour.
    pub const HOUR: Self = Self { nanos: 3_600 * NANOS_PER_SECOND };
    /// One day.
    pub const DAY: Self = Self { nanos: NANOS_PER_DAY };

    const UNITS: [(char, i64); 5] = [('w', 7 * 86_400), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

    /// From a length in nanoseconds; `None` unless it is a whole, positive number of seconds up to a week.
    pub const fn from_nanos(nanos: i64) -> Option<Self> {
        let whole = nanos > 0 && nanos % NANOS_PER_SECOND == 0 && nanos <= 7 * NANOS_PER_DAY;
        if whole { Some(Self { nanos }) } else { None }
    }

    /// The length in nanoseconds.
    pub const fn nanos(self) -> i64 {
        self.nanos
    }

    /// The length in milliseconds.
    pub const fn millis(self) -> i64 {
        self.nanos / NANOS_PER_MILLI
    }

    /// Whether bars of `self` can be built from whole bars of `finer`.
    pub const fn divisible_by(self, finer: Self) -> bool {
        self.nanos % finer.nanos == 0
    }

    /// The open time of the bar that contains `at`. Weeks begin on Monday, all else on the epoch's grid.
    #[must_use]
    pub const fn open_of(self, at: Timestamp) -> Timestamp {
        // 1970-01-01 was a Thursday: the first Monday is four days later.
        let origin = if self.nanos == 7 * NANOS_PER_DAY { 4 * NANOS_PER_DAY } else { 0 };
        Timestamp(at.0 - (at.0 - origin).rem_euclid(self.nanos))
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.nanos / NANOS_PER_SECOND;
        for (unit, length) in Self::UNITS {
            if seconds % length == 0 {
                return write!(f, "{}{unit}", seconds / length);
            }
        }
        Ok(())
    }
}

/// Why a text is no timeframe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a timeframe; write a number and s, m, h, d or w, for example 1m, 15m, 4h or 1d")]
pub struct ParseTimeframeError(pub String);

impl FromStr for Timeframe {
    type Err = ParseTimeframeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = || {
            let unit = text.chars().last()?;
            let (_, seconds) = Self::UNITS.into_iter().find(|(name, _)| *name == unit)?;
            let count = &text[..text.len() - unit.len_utf8()];
            let count = digits(count, count.len())?;
            Self::from_nanos(count.checked_mul(seconds)?.checked_mul(NANOS_PER_SECOND)?)
        };
        parsed().ok_or_else(|| ParseTimeframeError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_dates_round_trip() {
        for day in (-100_000..100_000).step_by(37) {
            let at = Timestamp(day * NANOS_PER_DAY);
            let (year, month, day) = at.civil();
            assert_eq!(Timestamp::from_civil(year, month, day), at);
        }
    }

    #[test]
    fn times_are_read_and_written() {
        let at: Timestamp = "2024-02-29T12:30:05.250Z".parse().unwrap();
        assert_eq!(at.millis(), 1_709_209_805_250);
        assert_eq!(at.to_string(), "2024-02-29T12:30:05.250Z");
        assert_eq!("2024-01-01".parse::<Timestamp>().unwrap().to_string(), "2024-01-01T00:00:00Z");
        assert_eq!(at.plus(7).to_string(), "2024-02-29T12:30:05.250000007Z");
        assert_eq!(Timestamp(-1).to_string(), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(Timestamp(i64::MAX).to_string(), "2262-04-11T23:47:16.854775807Z");
        for wrong in [
            "2023-02-29",
            "2024-13-01",
            "24-1-1",
            "9999-01-01",
            "2024-01-01T25:00",
            "soon",
            "2024-01-01T00:00:00.Z",
        ] {
            assert!(wrong.parse::<Timestamp>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn timeframes_are_read_and_written() {
        for text in ["1s", "1m", "15m", "1h", "4h", "1d", "3d", "1w"] {
            assert_eq!(text.parse::<Timeframe>().unwrap().to_string(), text);
        }
        assert_eq!("60m".parse::<Timeframe>().unwrap().to_string(), "1h");
        for wrong in ["", "m", "0m", "15", "2w", "-1m", "1M", "1.5h", "99999999999999w", "1é"] {
            assert!(wrong.parse::<Timeframe>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn weeks_begin_on_monday() {
        let week: Timeframe = "1w".parse().unwrap();
        let wednesday: Timestamp = "2024-06-05T10:00Z".parse().unwrap();
        assert_eq!(week.open_of(wednesday).to_string(), "2024-06-03T00:00:00Z");
    }
}
