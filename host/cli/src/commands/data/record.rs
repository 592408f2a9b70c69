//! `host data record`.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cryptobot_data::record_instruments;
use cryptobot_data::store::CatalogWriter;
use cryptobot_feed::{Event, Feed};
use cryptobot_record::{Recorded, Recorder};
use cryptobot_run::ExitCode;
use cryptobot_run::length::Length;
use cryptobot_venue::{Channel, Counts, LiveFeed, Options, Times, VenueError};
use serde::Serialize;

use crate::args::Format;
use crate::args::record::RecordArguments;
use crate::commands::CommandError;
use crate::commands::run::interruption;
use crate::output::{complain, plain_table, print};
use crate::progress::RecordLine;

/// The one venue.
const VENUE: &str = "binance-usdm";
/// Time between two flushes of the tape, and two looks at the clock.
const TICK: Duration = Duration::from_secs(1);
/// Rows that wait for the next write at most.
const MOST_ROWS: usize = 500_000;
/// A write may take this part of the time between two.
const SHARE: u32 = 10;
/// How long what has arrived is still taken at the end.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The result.
#[derive(Serialize)]
struct Report {
    venue: &'static str,
    seconds: f64,
    interrupted: bool,
    data: Option<PathBuf>,
    #[serde(flatten)]
    recorded: Recorded,
    #[serde(flatten)]
    counts: Counts,
}

pub(super) fn run(arguments: &RecordArguments) -> Result<ExitCode, CommandError> {
    let interrupted = interruption();
    let started = Instant::now();
    let options = options(arguments)?;
    let mut feed = LiveFeed::open(&options, &interrupted)?;
    let writer = if arguments.no_catalog {
        None
    } else {
        record_instruments(&arguments.data, VENUE, feed.terms(), false)?;
        Some(CatalogWriter::open(&arguments.data)?)
    };
    let source = format!("record {VENUE}");
    let mut recorder = Recorder::begin(feed.series(), writer, arguments.tape.as_deref(), &source)?;
    let mut line = RecordLine::new();
    let followed = follow(&mut feed, &mut recorder, arguments, &interrupted, &mut line);
    let was_interrupted = interrupted.load(Ordering::Relaxed);
    line.clear();
    if let Err(error @ CommandError::Feed(_)) = followed {
        // What came before is kept; the reason is said last.
        recorder.finish()?;
        return Err(error);
    }
    followed?;
    let report = Report {
        venue: VENUE,
        recorded: recorder.finish()?,
        counts: feed.counts(),
        seconds: started.elapsed().as_secs_f64(),
        interrupted: was_interrupted,
        data: (!arguments.no_catalog).then(|| arguments.data.clone()),
    };
    match arguments.format {
        Format::Json => print(serde_json::to_string_pretty(&report)?)?,
        Format::Human => show(&report)?,
    }
    Ok(if was_interrupted { ExitCode::Interrupted } else { ExitCode::Done })
}

fn options(arguments: &RecordArguments) -> Result<Options, CommandError> {
    if arguments.venue != VENUE {
        return Err(VenueError::UnknownVenue { venue: arguments.venue.clone() }.into());
    }
    let channels: Vec<Channel> =
        arguments.kinds.iter().map(|kind| kind.parse()).collect::<Result<_, VenueError>>()?;
    if channels.contains(&Channel::Quotes) && arguments.tape.is_none() {
        return Err(CommandError::Quotes);
    }
    Ok(Options {
        symbols: arguments.symbols.clone(),
        channels,
        base_url: arguments.base_url.clone(),
        stream_url: arguments.stream_url.clone(),
        times: Times { silence: wall(arguments.silence), ..Times::default() },
        seed: arguments.seed,
    })
}

/// Records until it is interrupted, the time is over, or the feed ends.
fn follow(
    feed: &mut LiveFeed,
    recorder: &mut Recorder,
    arguments: &RecordArguments,
    interrupted: &AtomicBool,
    line: &mut RecordLine,
) -> Result<(), CommandError> {
    let (started, every) = (Instant::now(), wall(arguments.every));
    let end = arguments.duration.map(|duration| started + wall(duration));
    let (mut ticked, mut committed, mut pause) = (started, started, every);
    let mut ending: Option<Instant> = None;
    loop {
        match feed.next().map_err(CommandError::Feed)? {
            Event::Arrival(arrival) => {
                line.arrived(&arrival);
                recorder.admit(arrival)?;
            }
            // What had arrived is taken.
            Event::Quiet(_) if ending.is_some() => return Ok(()),
            Event::Quiet(_) => {}
            Event::End => return Ok(()),
        }
        while let Some(notice) = feed.notice() {
            line.say(&notice);
        }
        let now = Instant::now();
        if ending.is_none() && (interrupted.load(Ordering::Relaxed) || end.is_some_and(|end| now >= end)) {
            feed.close();
            ending = Some(now + LAST_WORDS);
        }
        if ending.is_some_and(|end| now >= end) {
            return Ok(());
        }
        if now.duration_since(ticked) < TICK && recorder.waiting() < MOST_ROWS {
            continue;
        }
        ticked = now;
        recorder.flush()?;
        line.show(recorder.messages(), feed.counts());
        if now.duration_since(committed) >= pause || recorder.waiting() >= MOST_ROWS {
            recorder.commit()?;
            committed = Instant::now();
            // The files of a day grow, and each write makes them anew.
            pause = every.max(committed.duration_since(now) * SHARE);
        }
    }
}

fn wall(length: Length) -> Duration {
    Duration::from_nanos(length.nanos().unsigned_abs())
}

fn show(report: &Report) -> io::Result<()> {
    let Report { recorded, counts, .. } = report;
    print(format_args!("{VENUE}  {} messages in {:.0} s", counts.messages, report.seconds))?;
    let mut table = plain_table();
    table.set_header(["Symbol", "Kind", "Messages", "Rows added", ""]);
    for series in &recorded.series {
        let refused = series.refusal.as_ref().map(|why| format!("{} left out: {why}", series.refused));
        table.add_row([
            series.symbol.clone(),
            series.kind.clone(),
            series.messages.to_string(),
            series.rows.to_string(),
            refused.unwrap_or_default(),
        ]);
    }
    print(table)?;
    print(format_args!(
        "{} reconnects, {} gaps in books, {} resynchronisations, {} trades missing, {} late, {} repeated, {} unreadable",
        counts.reconnects,
        counts.book_gaps,
        counts.resynchronisations,
        counts.missing_trades,
        counts.late,
        counts.repeated,
        counts.unreadable
    ))?;
    if let Some(data) = &report.data {
        print(format_args!("data  {}", data.display()))?;
    }
    if let Some(tape) = &recorded.tape {
        print(format_args!("tape  {}", tape.display()))?;
    }
    if report.interrupted {
        complain("interrupted: what came is stored");
    }
    Ok(())
}
