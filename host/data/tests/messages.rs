//! Recorded messages of Binance against what the exchange itself said of the same book.
#![allow(clippy::unwrap_used, clippy::disallowed_types, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use cryptobot_data::messages::{Message, MessageFile, Tape, TapeGrid};
use cryptobot_model::{DepthEvent, DepthUpdate, Price, Quantity, Side};
use cryptobot_sim::depth::{Book, BookSync, Continuity, Contract};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

fn recording(venue: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/messages")
        .join(venue)
        .join("l2/btcusdt_20240808.gz");
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not here", path.display());
    None
}

fn futures() -> TapeGrid {
    let (tick, lot) = ("0.1".parse().unwrap(), "0.001".parse().unwrap());
    TapeGrid { tick, lot, continuity: Continuity::Previous }
}

/// The book of a spot market holds remainders that are no multiples of the lot of orders: quantities are counted in the
/// finest unit.
fn spot() -> TapeGrid {
    let (tick, lot) = ("0.01".parse().unwrap(), "0.00000001".parse().unwrap());
    TapeGrid { tick, lot, continuity: Continuity::Next }
}

/// Best bid and ask with quantities by update id, out of the `bookTicker` stream.
type Tops = BTreeMap<u64, [String; 4]>;

fn tops(path: &Path) -> Tops {
    let lines = BufReader::new(GzDecoder::new(File::open(path).unwrap())).lines();
    let mut tops = Tops::new();
    for line in lines.map(Result::unwrap).filter(|line| line.contains("@bookTicker")) {
        let value: serde_json::Value = serde_json::from_str(line.split_once(' ').unwrap().1).unwrap();
        let field = |name: &str| value["data"][name].as_str().unwrap().to_owned();
        tops.insert(value["data"]["u"].as_u64().unwrap(), ["b", "B", "a", "A"].map(field));
    }
    tops
}

/// Replays the diffs and compares the best levels with the newest `bookTicker` of no later update. Returns how many
/// were compared and how many were equal.
fn compare(path: &Path, grid: &TapeGrid) -> (usize, usize) {
    let tops = tops(path);
    let contract = Contract {
        instrument: 0.into(),
        tick: grid.tick,
        lot: grid.lot,
        maker_fee: "0".parse().unwrap(),
        taker_fee: "0".parse().unwrap(),
    };
    let ticks = |text: &str| contract.ticks(text.parse::<Price>().unwrap()).unwrap();
    let lots = |text: &str| contract.lots(text.parse::<Quantity>().unwrap()).unwrap();
    let levels = |bids: &[[&str; 2]], asks: &[[&str; 2]]| -> Vec<DepthUpdate> {
        let of = |side, levels: &[[&str; 2]]| -> Vec<DepthUpdate> {
            let update = |[price, quantity]: &[&str; 2]| (ticks(price), lots(quantity));
            levels.iter().map(update).map(|(tick, lots)| DepthUpdate { side, tick, lots }).collect()
        };
        [of(Side::Buy, bids), of(Side::Sell, asks)].concat()
    };
    let (mut book, mut sync, mut ready) = (Book::new(), BookSync::new(grid.continuity), Vec::new());
    let (mut compared, mut equal) = (0, 0);
    let mut file = MessageFile::open(path).unwrap();
    while let Some((_, message)) = file.next_message().unwrap() {
        match message {
            Message::Diff(diff) => {
                let held = (diff.ids.last, levels(&diff.bids, &diff.asks));
                sync.on_diff(diff.ids, held, &mut ready).unwrap();
            }
            Message::Snapshot(snapshot) => {
                book.reset(&levels(&snapshot.bids, &snapshot.asks));
                sync.on_snapshot(snapshot.last_id, &mut ready).unwrap();
            }
            Message::Trade(_) | Message::Other(_) => {}
        }
        for (last, updates) in ready.drain(..) {
            for update in updates {
                book.apply(update);
            }
            let (bid, ask) = (book.best(Side::Buy).unwrap(), book.best(Side::Sell).unwrap());
            assert!(bid.tick < ask.tick, "crossed after update {last}: {bid:?} {ask:?}");
            if let Some((_, [b, bq, a, aq])) = tops.range(..=last).next_back() {
                compared += 1;
                let told = (ticks(b), lots(bq), ticks(a), lots(aq));
                equal += usize::from(told == (bid.tick, bid.lots, ask.tick, ask.lots));
            }
        }
    }
    (compared, equal)
}

#[test]
fn the_books_agree_with_the_best_prices_that_the_exchange_published() {
    for (venue, grid, least) in [("binance-usdm", futures(), 6_500), ("binance-spot", spot(), 3_400)] {
        let Some(path) = recording(venue) else { return };
        let (compared, equal) = compare(&path, &grid);
        assert!(compared >= least, "{venue}: {compared} diffs compared");
        assert_eq!(equal, compared, "{venue}");
    }
}

#[test]
fn a_recording_replays_without_a_sequence_error() {
    for (venue, grid, trades) in [("binance-usdm", futures(), 21_313), ("binance-spot", spot(), 9_757)] {
        let Some(path) = recording(venue) else { return };
        let tape = Tape::read(&path, &grid).unwrap();
        let is_trade = |event: &&_| matches!(tape.event(event), DepthEvent::Trade(_));
        let told = tape.events().iter().filter(is_trade).count();
        assert_eq!(told, trades, "{venue}");
        assert!(tape.trades_before_book() < trades / 10, "{venue}: {}", tape.trades_before_book());
        assert!(tape.events().iter().all(|event| event.local_ts >= event.exchange_ts), "{venue}");
        assert!(tape.events().is_sorted_by_key(|event| event.local_ts), "{venue}");
        let times: Vec<_> = tape.by_exchange().map(|event| event.exchange_ts).collect();
        assert!(times.is_sorted() && times.len() == tape.events().len(), "{venue}");
        // The recorder's clock was about 1.2 s behind the exchange's.
        let shift = tape.clock_shift_ns() / 1_000_000;
        assert!((1_000..1_500).contains(&shift), "{venue}: {shift} ms");
    }
}

fn written(lines: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines.gz");
    let mut writer = GzEncoder::new(File::create(&path).unwrap(), Compression::fast());
    writer.write_all(lines.join("\n").as_bytes()).unwrap();
    writer.finish().unwrap();
    (folder, path)
}

#[test]
fn what_is_wrong_is_told_with_file_and_line() {
    let snapshot = r#"1 {"lastUpdateId":5,"bids":[["9.9","1.000"]],"asks":[["10.1","1.000"]]}"#;
    let diff = |first: u64, last: u64, previous: u64, price: &str, symbol: &str| {
        format!(
            r#"2 {{"stream":"x@depth@0ms","data":{{"e":"depthUpdate","E":1,"T":1,"s":"{symbol}","U":{first},"u":{last},"pu":{previous},"b":[["{price}","1.000"]],"a":[]}}}}"#
        )
    };
    let (good, gap) = (diff(4, 6, 3, "9.8", "X"), diff(9, 9, 8, "9.8", "X"));
    let (off_grid, other) = (diff(7, 7, 6, "9.85", "X"), diff(7, 7, 6, "9.8", "Y"));
    for (lines, expected) in [
        (vec![snapshot, &good, &gap], "lines.gz:3: depth updates are missing: the diff 9..9 (after 8)"),
        (vec![snapshot, &good, &off_grid], "lines.gz:3: price `9.85` is not a multiple of the tick 0.1"),
        (vec![snapshot, &good, &other], "lines.gz:3: symbol Y in a recording of X"),
        (vec![snapshot, "nonsense"], "lines.gz:2: the line is not"),
        (vec![&good], "lines.gz: no depth snapshot"),
    ] {
        let (_folder, path) = written(&lines);
        let error = Tape::read(&path, &futures()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let missing = Tape::read(Path::new("nowhere.gz"), &futures()).unwrap_err().to_string();
    assert!(missing.starts_with("nowhere.gz: "), "{missing}");
}
