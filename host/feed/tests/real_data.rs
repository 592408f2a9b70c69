//! Recorded exchange data through a replay and a tape, where there are any beside the repository.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::fmt::Write;
use std::path::{Path, PathBuf};

use cryptobot_data::Catalog;
use cryptobot_data::messages::Recording;
use cryptobot_data::store::{CatalogWriter, Cell, Rows, SeriesId, SeriesKind};
use cryptobot_feed::{
    Arrival, Event, Feed, Input, Intake, Message, Range, RecordingStream, Replay, Series, Speed, Stream,
    TapeEnd, TapeReader, TapeWriter, WallPace, open,
};
use cryptobot_model::{Price, Quantity, Timestamp};

fn shared() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if root.is_dir() {
        return Some(root);
    }
    println!("skipped: {} is not here", root.display());
    None
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Records everything that a feed delivers and reads it back.
fn tape_of(mut feed: Replay) -> (Vec<Message>, usize) {
    let series = feed.series().to_vec();
    let mut written = Vec::new();
    let mut told = Vec::new();
    let mut intake = Intake::new(Some(TapeWriter::new(&mut written, &series).unwrap()));
    while let Event::Arrival(arrival) = feed.next().unwrap() {
        told.push(intake.admit(arrival).unwrap());
    }
    intake.finish().unwrap();
    let mut tape = TapeReader::new(&written[..]).unwrap();
    let mut read = Vec::new();
    while let Some(message) = tape.next_message().unwrap() {
        read.push(message);
    }
    assert_eq!((tape.end(), read.len()), (Some(TapeEnd::Whole), told.len()));
    assert!(read == told, "every message comes back");
    (read, written.len())
}

/// The message as exchanges send it, about: names of one letter, numbers as texts.
fn json(series: &[Series], message: &Message) -> String {
    let symbol = message.input.series().map_or("", |series_of| &series[series_of as usize].symbol);
    let (e, i) = (message.ts_event.0, message.ts_init.0);
    let head = format!("{{\"s\":\"{symbol}\",\"E\":{e},\"i\":{i}");
    let rest = match &message.input {
        Input::Clock => String::new(),
        Input::Bar { bar, .. } => format!(
            ",\"o\":\"{}\",\"h\":\"{}\",\"l\":\"{}\",\"c\":\"{}\",\"v\":\"{}\",\"T\":{}",
            bar.open, bar.high, bar.low, bar.close, bar.volume, bar.ts.0
        ),
        Input::Trade { trade, .. } => {
            let buyer = trade.aggressor == cryptobot_model::Side::Sell;
            format!(",\"p\":\"{}\",\"q\":\"{}\",\"m\":{buyer}", trade.price, trade.quantity)
        }
        Input::Book { book, .. } => book.levels.iter().fold(String::new(), |mut text, level| {
            let _ = write!(text, ",[\"{}\",\"{}\"]", level.tick, level.lots);
            text
        }),
        other => format!(",{other:?}"),
    };
    format!("{head}{rest}}}\n")
}

fn report(name: &str, series: &[Series], read: &[Message], bytes: usize) -> f64 {
    let text: usize = read.iter().map(|message| json(series, message).len()).sum();
    let count = read.len() as f64;
    let (tape, text) = (bytes as f64 / count, text as f64 / count);
    println!("{name}: {count} messages, {tape:.2} bytes each on tape, {text:.1} as JSON");
    text / tape
}

#[test]
fn stored_bars_marks_and_funding_survive_a_tape() {
    let Some(root) = shared() else { return };
    let catalog = Catalog::open(&root).unwrap();
    let of = |kind: &str| SeriesId::new("binance-usdm", "BTCUSDT", kind.parse().unwrap()).unwrap();
    let wanted = ["1m", "mark-1h", "funding"].map(of);
    let period = (at("2023-07-20"), at("2023-08-15"));
    let (feed, _) = open(&catalog, &wanted, period, Speed::Max, Box::new(WallPace::default())).unwrap();
    let series = feed.series().to_vec();
    let (read, bytes) = tape_of(feed);
    assert!(read.is_sorted_by_key(|message| message.ts_event));
    let bars = read.iter().filter(|message| message.input.series() == Some(0)).count();
    assert_eq!(bars, 26 * 1_440);
    println!("{:.2} bytes per minute with its clock, marks and funding", bytes as f64 / bars as f64);
    assert!(report("minutes", &series, &read, bytes) > 5.0);
}

#[test]
fn stored_trades_survive_a_tape() {
    let Some(root) = shared() else { return };
    let catalog = Catalog::open(&root).unwrap();
    let trades = SeriesId::new("binance-usdm", "APEUSDT", SeriesKind::AggTrades).unwrap();
    let period = (at("2020-01-01"), at("2030-01-01"));
    let (feed, _) = open(&catalog, &[trades], period, Speed::Max, Box::new(WallPace::default())).unwrap();
    let series = feed.series().to_vec();
    let (read, bytes) = tape_of(feed);
    let rows = catalog.coverage("binance-usdm", "APEUSDT", "aggtrades").unwrap().rows;
    assert_eq!(read.len() as u64, rows);
    assert!(report("trades", &series, &read, bytes) > 5.0);
}

#[test]
fn a_recorded_book_survives_a_tape() {
    let Some(root) = shared() else { return };
    let path = root.join("messages/binance-usdm/l2/btcusdt_20240808.gz");
    let (tick, lot): (Price, Quantity) = ("0.1".parse().unwrap(), "0.001".parse().unwrap());
    let recording = Recording::read(&path, tick, lot).unwrap();
    let source = RecordingStream::new(Box::new(recording.events()), tick);
    let stream = Stream::Book { tick, lot: source.lot() };
    let series = Series { venue: "binance-usdm".to_owned(), symbol: "BTCUSDT".to_owned(), stream };
    let sources = vec![(series.clone(), Box::new(source) as Box<dyn cryptobot_feed::Source>)];
    let (feed, _) = Replay::new(sources, Range::ALL, Speed::Max, Box::new(WallPace::default())).unwrap();
    let (read, bytes) = tape_of(feed);
    assert_eq!(read.len(), recording.tape().events().len());
    let packed = std::fs::metadata(&path).unwrap().len();
    println!("the recording as gzipped JSON, both clocks included: {packed} bytes; the tape: {bytes}");
    assert!(report("book", &[series], &read, bytes) > 3.0);
}

#[test]
fn stored_trades_and_levels_are_messages() {
    let folder = tempfile::tempdir().unwrap();
    let of = |kind: SeriesKind| SeriesId::new("binance-usdm", "BTCUSDT", kind).unwrap();
    let writer = CatalogWriter::open(folder.path()).unwrap();
    let day = 1_704_067_200_000;
    let (number, whole, flag) = (Cell::Number, Cell::Integer, Cell::Flag);
    let mut trades = Rows::new(SeriesKind::AggTrades);
    for (id, ts) in [(1, day), (2, day + 5), (3, day + 86_400_000)] {
        let price = 42_000.0 + id as f64 / 10.0;
        trades.push(&[
            whole(ts),
            whole(id),
            number(price),
            number(0.25),
            Cell::Empty,
            Cell::Empty,
            flag(id == 2),
        ]);
    }
    writer.append(&of(SeriesKind::AggTrades), &trades, "test").unwrap();
    let mut depth = Rows::new(SeriesKind::Depth);
    for (ts, id, whole_book, bid, price) in [
        (day + 1, 10, true, true, 41_999.9),
        (day + 1, 10, true, false, 42_000.1),
        (day + 3, 11, false, false, 42_000.2),
    ] {
        let snapshot = flag(whole_book);
        depth.push(&[whole(ts), whole(id), Cell::Empty, snapshot, flag(bid), number(price), number(1.5)]);
    }
    writer.append(&of(SeriesKind::Depth), &depth, "test").unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let wanted = [of(SeriesKind::AggTrades), of(SeriesKind::Depth)];
    let period = (Timestamp::from_millis(day), Timestamp::from_millis(day + 86_400_000));
    let (mut feed, _) = open(&catalog, &wanted, period, Speed::Max, Box::new(WallPace::default())).unwrap();
    let mut told = Vec::new();
    while let Event::Arrival(Arrival { ts_event, input, .. }) = feed.next().unwrap() {
        told.push((ts_event.millis() - day, input));
    }
    let shape: Vec<(i64, usize)> = told
        .iter()
        .map(|(ms, input)| (*ms, if let Input::Book { book, .. } = input { book.levels.len() } else { 0 }))
        .collect();
    assert_eq!(shape, [(0, 0), (1, 2), (3, 1), (5, 0)]);
    let Input::Book { book, .. } = &told[2].1 else { unreachable!() };
    let level = book.levels[0];
    assert_eq!((book.snapshot, level.tick, level.lots), (false, 420_002, 150_000_000), "{book:?}");
    let other = [of(SeriesKind::Liquidations)];
    let refused = open(&catalog, &other, period, Speed::Max, Box::new(WallPace::default()));
    assert!(refused.err().unwrap().to_string().contains("cannot be replayed"));
}
