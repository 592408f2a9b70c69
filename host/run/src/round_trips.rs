//! Recorded latencies: files of round trips between the host and an exchange.

use std::path::Path;

use cryptobot_engine::RoundTrip;
use cryptobot_model::Timestamp;

use crate::error::RunError;
use crate::execution::{LATENCY_FILE, LONGEST_MS, NANOS_PER_MILLI};

/// Nanoseconds of the years 2000 and 2100: no exchange was asked before, and none is yet asked after.
const EARLIEST_NS: i64 = 946_684_800_000_000_000;
const LATEST_NS: i64 = 4_102_444_800_000_000_000;

/// Units that times are mistaken in, and nanoseconds in each.
const UNITS: [(&str, i64); 3] =
    [("microseconds", 1_000), ("milliseconds", 1_000_000), ("seconds", 1_000_000_000)];

/// Reads the text of recorded latencies.
pub(crate) fn read_text(file: &Path) -> Result<String, RunError> {
    std::fs::read_to_string(file)
        .map_err(|error| RunError::config(LATENCY_FILE, format!("cannot read {}: {error}", file.display())))
}

/// Reads `req_ts,exch_ts,resp_ts` rows.
pub(crate) fn read(file: &Path) -> Result<Vec<RoundTrip>, RunError> {
    let name = file.display();
    let text = read_text(file)?;
    let mut trips: Vec<RoundTrip> = Vec::new();
    for (line, row) in (1..).zip(text.lines()) {
        if line == 1 && row.trim() == "req_ts,exch_ts,resp_ts" || row.trim().is_empty() {
            continue;
        }
        let trip = parse(row)
            .and_then(|trip| check(trip, trips.last()))
            .map_err(|problem| RunError::config(LATENCY_FILE, format!("{name}, line {line}: {problem}")))?;
        trips.push(trip);
    }
    if trips.is_empty() {
        return Err(RunError::config(LATENCY_FILE, format!("{name} has no rows")));
    }
    Ok(trips)
}

fn parse(row: &str) -> Result<RoundTrip, String> {
    let numbers = row.split(',').map(|number| number.trim().parse().map(Timestamp));
    match numbers.collect::<Result<Vec<_>, _>>().as_deref() {
        Ok([requested, processed, answered]) => {
            Ok(RoundTrip { requested: *requested, processed: *processed, answered: *answered })
        }
        _ => Err("must be three whole numbers `req_ts,exch_ts,resp_ts` in nanoseconds".to_owned()),
    }
}

/// Checks a round trip by itself and after the one before it.
fn check(trip: RoundTrip, before: Option<&RoundTrip>) -> Result<RoundTrip, String> {
    let RoundTrip { requested, processed, answered } = trip;
    let times = [("req_ts", requested), ("exch_ts", processed), ("resp_ts", answered)];
    for (column, at) in times {
        if !(EARLIEST_NS..LATEST_NS).contains(&at.0) {
            return Err(format!("{column} = {} is no time in nanoseconds since 1970{}", at.0, hint(at.0)));
        }
    }
    let follows = before.is_none_or(|before| before.requested < requested && before.processed < processed);
    if requested > processed || processed > answered || !follows {
        return Err("times must ascend, in a row and from row to row".to_owned());
    }
    let longest = (LONGEST_MS * NANOS_PER_MILLI) as i64;
    for [(from, start), (to, end)] in [[times[0], times[1]], [times[1], times[2]]] {
        let took = end.0 - start.0;
        if took > longest {
            return Err(format!(
                "from {from} to {to} are {} s, and a latency is at most {} s; leave the row out",
                took as f64 / 1e9,
                longest as f64 / 1e9
            ));
        }
    }
    Ok(trip)
}

/// What a number that is no time in nanoseconds may be.
fn hint(number: i64) -> String {
    let is_time = |(_, factor): &&(&str, i64)| {
        number.checked_mul(*factor).is_some_and(|ns| (EARLIEST_NS..LATEST_NS).contains(&ns))
    };
    UNITS.iter().find(is_time).map_or_else(String::new, |(unit, factor)| {
        format!("; these look like {unit}: multiply by {}", with_commas(*factor))
    })
}

fn with_commas(number: i64) -> String {
    let mut text = number.to_string();
    for at in (1..text.len()).rev().filter(|at| (text.len() - at).is_multiple_of(3)).collect::<Vec<_>>() {
        text.insert(at, ',');
    }
    text
}

/// A warning where no round trip is of the time of the run.
pub(crate) fn outside(file: &Path, trips: &[RoundTrip], from: Timestamp, to: Timestamp) -> Option<String> {
    let (first, last) = (trips.first()?.requested, trips.last()?.answered);
    let nearest = if last < from {
        "last"
    } else if first >= to {
        "first"
    } else {
        return None;
    };
    Some(format!(
        "{LATENCY_FILE}: {} goes from {first} to {last}, and the run from {from} to {to}: every message takes the time \
         of the {nearest} round trip",
        file.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A time in 2024, nanoseconds.
    const T: i64 = 1_704_067_200_000_000_000;

    fn read_rows(rows: &[[i64; 3]]) -> Result<Vec<RoundTrip>, String> {
        let line = |row: &[i64; 3]| row.map(|number| number.to_string()).join(", ");
        read_file(&rows.iter().map(line).collect::<Vec<_>>().join("\n"))
    }

    fn read_file(text: &str) -> Result<Vec<RoundTrip>, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("latency.csv");
        std::fs::write(&file, text).unwrap();
        read(&file).map_err(|error| error.to_string())
    }

    #[test]
    fn recorded_latencies_are_read_and_checked() {
        let trips = read_file(&format!("req_ts,exch_ts,resp_ts\n{T},{},{}\n", T + 10, T + 15)).unwrap();
        assert_eq!((trips.len(), trips[0].answered), (1, Timestamp(T + 15)));
        let said = |rows: &[[i64; 3]]| read_rows(rows).unwrap_err();
        assert!(read_file("1,2\n").unwrap_err().contains("latency.csv, line 1: must be three whole numbers"));
        assert!(said(&[[T, T + 1, T + 2], [T, T + 4, T + 5]]).contains("line 2: times must ascend"));
        assert!(said(&[[T + 5, T + 4, T + 6]]).contains("ascend"));
        assert!(read_file("").unwrap_err().contains("no rows"));
    }

    #[test]
    fn times_that_are_no_nanoseconds_are_refused_with_what_they_look_like() {
        for (factor, hint) in [
            (1_000, "these look like microseconds: multiply by 1,000"),
            (1_000_000, "these look like milliseconds: multiply by 1,000,000"),
            (1_000_000_000, "these look like seconds: multiply by 1,000,000,000"),
        ] {
            let at = T / factor;
            let said = read_rows(&[[at, at + 10, at + 20]]).unwrap_err();
            assert!(said.contains("line 1: req_ts = ") && said.ends_with(hint), "{said}");
        }
        assert!(read_rows(&[[100, 110, 115]]).unwrap_err().ends_with("nanoseconds since 1970"));
        assert!(read_rows(&[[T, T + 1, i64::MAX]]).unwrap_err().contains("resp_ts = 9223372036854775807"));
    }

    #[test]
    fn latencies_above_a_minute_are_refused() {
        let minute = 60_000_000_000;
        read_rows(&[[T, T + minute, T + 2 * minute]]).unwrap();
        let said = read_rows(&[[T, T + 1, T + 2], [T + 3, T + 4, T + 100_000_000_000_004]]).unwrap_err();
        assert!(
            said.contains("line 2: from exch_ts to resp_ts are 100000 s, and a latency is at most 60 s"),
            "{said}"
        );
    }

    #[test]
    fn a_file_of_another_time_is_a_warning() {
        let trips = read_rows(&[[T, T + 1, T + 2], [T + 10, T + 11, T + 12]]).unwrap();
        let said = |from: i64, to: i64| outside(Path::new("l.csv"), &trips, Timestamp(from), Timestamp(to));
        assert!(said(T + 13, T + 20).unwrap().contains("the time of the last round trip"));
        assert!(said(T - 9, T).unwrap().contains("the time of the first round trip"));
        assert_eq!(said(T - 9, T + 1), None);
        assert_eq!(said(T + 12, T + 20), None);
    }
}
