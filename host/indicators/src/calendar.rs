//! Calendar and sessions, from the close time of a bar: the moment when a strategy sees it.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, Ohlcv, kinds, outputs};
use crate::volume::DAY_NS;
use crate::window::Previous;

pub(crate) const KINDS: &[Kind] = kinds! { Ohlcv:
    calendar() -> ["minute", "hour", "weekday", "day", "month", "quarter", "weekend"], from 1;
        "time", "Minute (0 to 59), hour (0 to 23), weekday (0 Monday to 6), day (1 to 31), month (1 to 12), quarter (1 to 4) and whether it is Saturday or Sunday, in UTC",
        source "Gregorian calendar", oracle "definition";
        () => |(), bar| Moment::of(bar.ts).fields(),
    calendar_cycle()
        -> ["minute-sin", "minute-cos", "hour-sin", "hour-cos", "weekday-sin", "weekday-cos", "month-sin", "month-cos"], from 1;
        "time", "Where the time stands in the hour, day, week and year, as points of a circle; each moves on with the minutes (days for the month)",
        source "common", oracle "definition";
        () => |(), bar| Moment::of(bar.ts).cycles(),
    session() -> ["asia", "europe", "us", "asia-europe", "europe-us", "minutes-open"], from 1;
        "time", "Whether sessions are open: Asia 00 to 09, Europe 07 to 16, US 13 to 22 h UTC all year, their overlaps, and minutes since the latest of these opens",
        source "own", oracle "definition";
        () => |(), bar| Moment::of(bar.ts).sessions(),
    session_activity() -> ["volume", "volatility"], from 1;
        "time, close, volume", "Volume, and root of the sum of squared log returns, since the latest open of a session (see `session`)",
        source "own", oracle "definition";
        SessionActivity::new() => |i, bar| i.update(bar),
};

const MINUTE_NS: i64 = 60_000_000_000;
/// Hours in UTC at which Asia, Europe and the US open, and how long each session lasts. They do not follow
/// daylight-saving time, so that a feature means the same all year.
const OPENS: [i64; 3] = [0, 7, 13];
const SESSION_HOURS: i64 = 9;

/// A moment of the Gregorian calendar in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Minutes since 00:00.
    pub minute_of_day: i64,
    /// 0 Monday to 6 Sunday.
    pub weekday: i64,
    /// Day of the month, from 1.
    pub day: i64,
    /// 1 January to 12 December.
    pub month: i64,
    /// The year.
    pub year: i64,
}

impl Moment {
    /// From ns since 1970-01-01 UTC.
    pub fn of(ns: i64) -> Self {
        let days = ns.div_euclid(DAY_NS);
        // Years begin in March here, so that a leap day ends its year; eras of 400 years have 146,097 days.
        let since_0000_march = days + 719_468;
        let era = since_0000_march.div_euclid(146_097);
        let day_of_era = since_0000_march.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // From March on, months of 31 and 30 days repeat every five months of 153 days.
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Self {
            minute_of_day: ns.rem_euclid(DAY_NS) / MINUTE_NS,
            // 1970-01-01 was a Thursday.
            weekday: (days + 3).rem_euclid(7),
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
            month,
            year: era * 400 + year_of_era + i64::from(month <= 2),
        }
    }

    /// Minute, hour, weekday, day, month, quarter, weekend.
    pub fn fields(&self) -> [f64; 7] {
        let weekend = i64::from(self.weekday >= 5);
        let (minute, hour) = (self.minute_of_day % 60, self.minute_of_day / 60);
        [minute, hour, self.weekday, self.day, self.month, (self.month + 2) / 3, weekend]
            .map(|field| field as f64)
    }

    /// Sine and cosine of the place in the hour, in the day, in the week and in the year of twelve equal months of 31 days.
    pub fn cycles(&self) -> [f64; 8] {
        let of_day = self.minute_of_day as f64 / 1_440.0;
        let of_month = (self.day - 1) as f64 / 31.0;
        let places = [
            (self.minute_of_day % 60) as f64 / 60.0,
            of_day,
            (self.weekday as f64 + of_day) / 7.0,
            ((self.month - 1) as f64 + of_month) / 12.0,
        ];
        let mut cycles = [0.0; 8];
        for (pair, place) in cycles.chunks_exact_mut(2).zip(places) {
            let angle = std::f64::consts::TAU * place;
            pair.copy_from_slice(&[libm::sin(angle), libm::cos(angle)]);
        }
        cycles
    }

    /// Whether Asia, Europe and the US are open, both overlaps, and minutes since the latest open.
    pub fn sessions(&self) -> [f64; 6] {
        let hour = self.minute_of_day / 60;
        let [asia, europe, us] =
            OPENS.map(|open| if (open..open + SESSION_HOURS).contains(&hour) { 1.0 } else { 0.0 });
        let since = self.minute_of_day - 60 * self.latest_open();
        [asia, europe, us, asia * europe, europe * us, since as f64]
    }

    /// Hour of the latest open of the day.
    fn latest_open(&self) -> i64 {
        let hour = self.minute_of_day / 60;
        OPENS.into_iter().filter(|open| *open <= hour).max().unwrap_or_default()
    }
}

outputs! {
    /// What [`SessionActivity`] gives.
    Activity {
        /// Volume since the open.
        volume,
        /// Root of the sum of squared log returns since the open.
        volatility,
    }
}

/// Volume and volatility since the latest open of a session: 00, 07 or 13 h UTC. A bar belongs to the session in which it
/// lies before its close. First result at once, over the part of the session that was seen.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct SessionActivity {
    /// Begin of the session, ns since 1970.
    opened: i64,
    close: Previous,
    volume: f64,
    squares: f64,
}

impl Default for SessionActivity {
    fn default() -> Self {
        Self::new()
    }
}

impl SessionActivity {
    /// Before the first bar.
    pub const fn new() -> Self {
        Self { opened: i64::MIN, close: Previous::NONE, volume: 0.0, squares: 0.0 }
    }

    /// Takes the next bar and returns what happened since the open.
    #[inline]
    pub fn update(&mut self, bar: &Ohlcv) -> Activity {
        let inside = bar.ts - 1;
        let opened = inside.div_euclid(DAY_NS) * DAY_NS + Moment::of(inside).latest_open() * 60 * MINUTE_NS;
        if opened != self.opened {
            (self.opened, self.volume, self.squares) = (opened, 0.0, 0.0);
        }
        let before = self.close.replace(bar.close);
        self.volume += bar.volume;
        if !before.is_nan() {
            let change = libm::log(bar.close / before);
            self.squares += change * change;
        }
        Activity { volume: self.volume, volatility: self.squares.sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000_000;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let date = |days: i64| {
            let moment = Moment::of(days * DAY + 90 * MINUTE_NS);
            assert_eq!(moment.minute_of_day, 90);
            (moment.year, moment.month, moment.day, moment.weekday)
        };
        assert_eq!(date(0), (1970, 1, 1, 3));
        assert_eq!(date(-1), (1969, 12, 31, 2));
        assert_eq!(date(11_016), (2000, 2, 29, 1));
        assert_eq!(date(19_782), (2024, 2, 29, 3));
        assert_eq!(date(19_783), (2024, 3, 1, 4));
        assert_eq!(date(47_540), (2100, 2, 28, 6));
        assert_eq!(date(47_541), (2100, 3, 1, 0));
    }

    #[test]
    fn sessions_overlap() {
        let at = |hour: i64| Moment::of(hour * 60 * MINUTE_NS).sessions();
        assert_eq!(at(8), [1.0, 1.0, 0.0, 1.0, 0.0, 60.0]);
        assert_eq!(at(14), [0.0, 1.0, 1.0, 0.0, 1.0, 60.0]);
        assert_eq!(at(23), [0.0, 0.0, 0.0, 0.0, 0.0, 600.0]);
    }
}
