//! Event time, timers and the calendar. All of it is UTC.

use cryptobot_model::Timestamp;
use cryptobot_model::time::{NANOS_PER_DAY, NANOS_PER_SECOND};
use rhai::{Dynamic, INT, ImmutableString as Text};

use super::{Api, Function};
use crate::context::{Answer, Context, mistake, number};

/// Timer numbers of a script lie below; the host's number also tells the symbol.
const TIMER_NUMBERS: u32 = 1 << 16;

pub(super) const CLOCK: &[Function] = &[Function {
    call: "now()",
    doc: "Event time, ns since 1970 UTC: in a callback for a bar its close time.",
}];

pub(super) const TIMERS: &[Function] = &[
    Function {
        call: "set_timer(number, time)",
        doc: "Calls `on_timer(number)` once at that time: `set_timer(1, now() + hours(4))`. The same number again replaces it.",
    },
    Function { call: "cancel_timer(number)", doc: "Forgets a timer." },
];

pub(super) const CALENDAR: &[Function] = &[
    Function { call: "seconds(n)", doc: "A length of time in ns, to be added to a time." },
    Function { call: "minutes(n)", doc: "As `seconds`." },
    Function { call: "hours(n)", doc: "As `seconds`." },
    Function { call: "days(n)", doc: "As `seconds`." },
    Function { call: "year(time)", doc: "Year of a time, UTC." },
    Function { call: "month(time)", doc: "Month, 1 to 12." },
    Function { call: "day(time)", doc: "Day of the month, 1 to 31." },
    Function { call: "weekday(time)", doc: "1 = Monday to 7 = Sunday." },
    Function { call: "hour(time)", doc: "Hour of the day, 0 to 23." },
    Function { call: "minute(time)", doc: "Minute of the hour, 0 to 59." },
    Function { call: "date(time)", doc: "The time as a text, for the log." },
];

pub(super) fn register(api: &mut Api<'_>) {
    api.add("now", |context| {
        context.symbol()?;
        Ok(context.desk.now.0)
    });
    api.add2("set_timer", |context, timer: INT, at: INT| {
        let id = timer_id(context, timer)?;
        Ok(context.desk.set_timer(id, Timestamp(at))?)
    });
    api.add1("cancel_timer", |context, timer: INT| {
        let id = timer_id(context, timer)?;
        Ok(context.desk.cancel_timer(id)?)
    });
    let lengths = [
        ("seconds", NANOS_PER_SECOND),
        ("minutes", 60 * NANOS_PER_SECOND),
        ("hours", 3_600 * NANOS_PER_SECOND),
        ("days", NANOS_PER_DAY),
    ];
    for (name, nanos) in lengths {
        api.add1(name, move |_, n: Dynamic| Ok((number(name, &n)? * nanos as f64) as INT));
    }
    calendar(api);
}

/// The host's number of a timer: symbol and number of the script.
fn timer_id(context: &mut Context, timer: INT) -> Answer<u32> {
    context.symbol()?;
    let symbol = context.current as u32;
    match u32::try_from(timer) {
        Ok(number) if number < TIMER_NUMBERS => Ok(symbol * TIMER_NUMBERS + number),
        _ => mistake(format!("a timer has a number from 0 to {}, not {timer}", TIMER_NUMBERS - 1)),
    }
}

/// Symbol and number of the script from the host's number.
pub(crate) const fn timer_of(id: u32) -> (usize, u32) {
    ((id / TIMER_NUMBERS) as usize, id % TIMER_NUMBERS)
}

/// A part of a time.
type Part = fn(Timestamp) -> INT;

fn calendar(api: &mut Api<'_>) {
    let parts: [(&'static str, Part); 6] = [
        ("year", |at| INT::from(at.civil().0)),
        ("month", |at| INT::from(at.civil().1)),
        ("day", |at| INT::from(at.civil().2)),
        // 1970-01-01 was a Thursday.
        ("weekday", |at| (at.0.div_euclid(NANOS_PER_DAY) + 3).rem_euclid(7) + 1),
        ("hour", |at| at.0.rem_euclid(NANOS_PER_DAY) / (3_600 * NANOS_PER_SECOND)),
        ("minute", |at| at.0.rem_euclid(3_600 * NANOS_PER_SECOND) / (60 * NANOS_PER_SECOND)),
    ];
    for (name, part) in parts {
        api.add1(name, move |_, at: INT| Ok(part(Timestamp(at))));
    }
    api.add1("date", |_, at: INT| Ok(Text::from(Timestamp(at).to_string())));
}
