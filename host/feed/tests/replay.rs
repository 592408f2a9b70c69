//! Replays deliver stored data when they happened, at any speed, and always the same.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::time::Duration;

use cryptobot_engine::{BarBlock, MemorySource};
use cryptobot_feed::{
    Arrival, BarStream, Event, Feed, FundingStream, Input, ManualPace, Pace, Range, Replay, ReplayHandle,
    Series, Source, Speed, Stream,
};
use cryptobot_model::{FundingRate, Rate, Timeframe, Timestamp};
use proptest::prelude::*;

const START_MS: i64 = 1_704_067_200_000;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(START_MS + minutes * 60_000)
}

/// Bars of a symbol whose opens count up, `step` minutes long.
fn bars(step: i64, count: i64) -> MemorySource {
    let mut block = BarBlock::default();
    for row in 0..count {
        block.open_ms.push(START_MS + row * step * 60_000);
        for column in [&mut block.open, &mut block.high, &mut block.low, &mut block.close, &mut block.volume]
        {
            column.push(100.0 + row as f64);
        }
    }
    MemorySource::new(&[block], minutes(step))
}

fn minutes(count: i64) -> Timeframe {
    Timeframe::from_nanos(count * 60_000_000_000).unwrap()
}

fn of(symbol: &str, stream: Stream) -> Series {
    Series { venue: "venue".to_owned(), symbol: symbol.to_owned(), stream }
}

/// Two symbols with bars of one and two minutes, marks and funding of the first, over twelve minutes.
fn sources() -> Vec<(Series, Box<dyn Source>)> {
    let (one, two) = (minutes(1), minutes(2));
    let funding: Vec<FundingRate> = [0, 4, 8]
        .map(|minute| FundingRate { ts: at(minute), rate: Rate::from_units(10_000), mark: None })
        .into();
    let marks = BarStream::new(Box::new(bars(1, 12)), one).with_opens(funding.iter().map(|rate| rate.ts));
    vec![
        (of("A", Stream::Bars(one)), Box::new(BarStream::new(Box::new(bars(1, 12)), one))),
        (of("B", Stream::Bars(two)), Box::new(BarStream::new(Box::new(bars(2, 6)), two))),
        (of("A", Stream::Mark(one)), Box::new(marks)),
        (of("A", Stream::Funding), Box::new(FundingStream::new(funding))),
    ]
}

fn replay(range: Range, speed: Speed, pace: &ManualPace) -> (Replay, ReplayHandle) {
    Replay::new(sources(), range, speed, Box::new(pace.clone())).unwrap()
}

/// Everything that is delivered, with the wall time of each arrival.
fn drain(replay: &mut Replay, pace: &ManualPace) -> Vec<(Arrival, Duration)> {
    let mut all = Vec::new();
    loop {
        match replay.next().unwrap() {
            Event::Arrival(arrival) => all.push((arrival, pace.now())),
            Event::Quiet(_) => {}
            Event::End => return all,
        }
    }
}

fn everything() -> Vec<Arrival> {
    let pace = ManualPace::default();
    let all = drain(&mut replay(Range::ALL, Speed::Max, &pace).0, &pace);
    assert_eq!(pace.now(), Duration::ZERO, "as fast as possible waits for nothing");
    all.into_iter().map(|(arrival, _)| arrival).collect()
}

/// The next arrival; `None` at the end, or where nothing comes for two minutes.
fn arrival(replay: &mut Replay, pace: &ManualPace) -> Option<Arrival> {
    let until = pace.now() + Duration::from_mins(2);
    while pace.now() < until {
        match replay.next().unwrap() {
            Event::Arrival(arrival) => return Some(arrival),
            Event::Quiet(_) => {}
            Event::End => return None,
        }
    }
    None
}

#[test]
fn a_moment_is_bars_then_marks_then_funding_then_its_end() {
    let told: Vec<String> = everything()
        .iter()
        .filter(|arrival| arrival.ts_event == at(4))
        .map(|arrival| match &arrival.input {
            Input::Bar { series, bar, .. } => format!("bar {series} {}", bar.close),
            Input::Mark { series, price } => format!("mark {series} {price}"),
            Input::Funding { series, .. } => format!("funding {series}"),
            other => format!("{other:?}"),
        })
        .collect();
    // The mark price at minute 4 is the open of the bar that begins then, which nobody has seen close.
    assert_eq!(told, ["bar 0 103", "bar 1 101", "bar 2 103", "mark 2 104", "funding 3", "Clock"]);
    assert!(everything().iter().all(|arrival| arrival.ts_init == arrival.ts_event));
}

#[test]
fn times_never_go_back_and_every_moment_ends() {
    let all = everything();
    assert!(all.is_sorted_by_key(|arrival| arrival.ts_event));
    let clocks = all.iter().filter(|arrival| arrival.input == Input::Clock).count();
    assert_eq!((clocks, all.len()), (13, 12 + 6 + 12 + 2 * 3 + 13));
    assert_eq!(all.last().unwrap().input, Input::Clock);
}

#[test]
fn messages_come_when_their_time_has_come() {
    for (speed, seconds_of_a_minute) in [(1.0, 60.0), (10.0, 6.0), (240.0, 0.25)] {
        let pace = ManualPace::default();
        let all = drain(&mut replay(Range::ALL, Speed::Times(speed), &pace).0, &pace);
        for (arrival, wall) in all {
            let passed = (arrival.ts_event.0 - at(0).0) as f64 / 60e9 * seconds_of_a_minute;
            assert!((wall.as_secs_f64() - passed).abs() < 1e-6, "{arrival:?} at {wall:?}");
        }
    }
}

#[test]
fn quiet_times_pass_before_the_next_message() {
    let pace = ManualPace::default();
    let (mut replay, _) = replay(Range::ALL, Speed::Times(1.0), &pace);
    let (mut clock, mut quiet) = (Timestamp(0), 0);
    loop {
        match replay.next().unwrap() {
            Event::Arrival(arrival) => {
                assert!(arrival.ts_event >= clock, "{arrival:?} after {clock}");
                clock = arrival.ts_event;
            }
            Event::Quiet(Some(now)) => {
                assert!(now >= clock && now.0 - clock.0 <= 20_001_000, "{now} after {clock}");
                (clock, quiet) = (now, quiet + 1);
            }
            other => {
                assert_eq!(other, Event::End);
                break;
            }
        }
    }
    assert_eq!(quiet, 12 * 60 * 50);
}

#[test]
fn a_range_is_a_part_of_it() {
    let (from, to) = (at(3), at(7));
    let pace = ManualPace::default();
    let part = drain(&mut replay(Range { from, to }, Speed::Max, &pace).0, &pace);
    let part: Vec<Arrival> = part.into_iter().map(|(arrival, _)| arrival).collect();
    let inside = |arrival: &Arrival| (from..=to).contains(&arrival.ts_event);
    assert_eq!(part, everything().into_iter().filter(inside).collect::<Vec<_>>());
}

#[test]
fn a_pause_stops_time_where_it_is() {
    let pace = ManualPace::default();
    let (mut replay, handle) = replay(Range::ALL, Speed::Times(1.0), &pace);
    while arrival(&mut replay, &pace).unwrap().ts_event < at(2) {}
    while handle.status().at == Some(at(2)) && pace.now() < Duration::from_secs(140) {
        replay.next().unwrap();
    }
    handle.pause();
    assert_eq!(arrival(&mut replay, &pace), None, "nothing arrives");
    assert_eq!(replay.next().unwrap(), Event::Quiet(None));
    handle.resume();
    let resumed = pace.now();
    assert_eq!(arrival(&mut replay, &pace).unwrap().ts_event, at(3));
    // Twenty seconds of the minute had passed before the pause.
    assert!(pace.now().abs_diff(resumed + Duration::from_secs(40)) < Duration::from_millis(50));
}

#[test]
fn a_step_is_one_moment_and_a_leap_leaves_nothing_out() {
    let pace = ManualPace::default();
    let (mut replay, handle) = replay(Range::ALL, Speed::Times(1.0), &pace);
    handle.pause();
    let mut told = Vec::new();
    let mut take_all = |replay: &mut Replay| {
        let mut taken = 0;
        while let Some(arrival) = arrival(replay, &pace) {
            told.push(arrival);
            taken += 1;
        }
        taken
    };
    assert_eq!(take_all(&mut replay), 0);
    handle.step();
    // The mark at the first open, funding, and the end of the moment.
    assert_eq!((take_all(&mut replay), handle.status().at), (3, Some(at(0))));
    handle.step();
    assert_eq!((take_all(&mut replay), handle.status().at), (3, Some(at(1))));
    handle.skip_to(at(9));
    take_all(&mut replay);
    assert_eq!((handle.status().at, handle.status().paused), (Some(at(9)), true));
    handle.set_speed(Speed::Max);
    handle.resume();
    take_all(&mut replay);
    assert_eq!(told, everything());
    assert!(handle.status().ended);
}

#[test]
fn a_new_speed_counts_from_now_on() {
    let pace = ManualPace::default();
    let (mut replay, handle) = replay(Range::ALL, Speed::Times(1.0), &pace);
    while arrival(&mut replay, &pace).unwrap().ts_event < at(2) {}
    handle.set_speed(Speed::Times(60.0));
    while arrival(&mut replay, &pace).unwrap().ts_event < at(7) {}
    // Two minutes at speed 1, five at speed 60; the change is seen within one wait.
    let expected = Duration::from_secs(125);
    assert!(pace.now().abs_diff(expected) < Duration::from_millis(50), "{:?}", pace.now());
}

proptest! {
    #[test]
    fn whatever_is_done_to_it_delivers_the_same(actions in prop::collection::vec((0..6_u8, 0..200_u32), 0..40)) {
        let pace = ManualPace::default();
        let (mut replay, handle) = replay(Range::ALL, Speed::Times(30.0), &pace);
        let mut told = Vec::new();
        for (action, turns) in actions {
            match action {
                0 => handle.pause(),
                1 => handle.resume(),
                2 => handle.step(),
                3 => handle.set_speed(Speed::Times(f64::from(turns + 1))),
                4 => handle.skip_to(at(i64::from(turns % 14))),
                _ => pace.advance(Duration::from_millis(u64::from(turns) * 10)),
            }
            for _ in 0..turns {
                if let Event::Arrival(arrival) = replay.next().unwrap() {
                    told.push(arrival);
                }
            }
        }
        handle.set_speed(Speed::Max);
        handle.resume();
        told.extend(drain(&mut replay, &pace).into_iter().map(|(arrival, _)| arrival));
        prop_assert_eq!(told, everything());
    }
}
