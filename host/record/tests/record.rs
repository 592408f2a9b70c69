//! What is recorded is in the catalog, and a tape gives the same rows.
#![allow(clippy::unwrap_used, clippy::disallowed_types, reason = "tests")]

use std::path::Path;

use cryptobot_data::Catalog;
use cryptobot_data::store::{CatalogWriter, Cell, SeriesId, SeriesKind, StoredRows};
use cryptobot_feed::{
    Activity, Arrival, Book, Input, Liquidation, Quote, Series, Stream, TapeReader, TradeIds,
};
use cryptobot_model::{
    Bar, DepthUpdate, FundingRate, Price, Quantity, Rate, Side, Timeframe, Timestamp, TradeSeen, UpdateIds,
};
use cryptobot_record::{RecordError, Recorder, import_tape, is_tape};
use proptest::prelude::*;

const KINDS: [&str; 6] = ["1m", "mark-1m", "funding", "aggtrades", "depth", "liquidations"];
const BEGIN_MS: i64 = 1_700_000_040_000;

fn series() -> Vec<Series> {
    let tick = Price::from_units(10_000_000);
    let streams = [
        Stream::Bars(Timeframe::MINUTE),
        Stream::Mark(Timeframe::MINUTE),
        Stream::Funding,
        Stream::Trades,
        Stream::Book { tick, lot: Quantity::from_units(1) },
        Stream::Liquidations,
        Stream::Quotes,
    ];
    let of = |stream| Series { venue: "venue".to_owned(), symbol: "BTCUSDT".to_owned(), stream };
    streams.map(of).to_vec()
}

/// A price with one decimal, a quantity with three.
fn numbers() -> impl Strategy<Value = (Price, Quantity)> {
    (1..1_000_000_i128, 1..10_000_000_i128).prop_map(|(price, quantity)| {
        (Price::from_units(price * 10_000_000), Quantity::from_units(quantity * 100_000))
    })
}

fn side() -> impl Strategy<Value = Side> {
    any::<bool>().prop_map(|buy| if buy { Side::Buy } else { Side::Sell })
}

fn input() -> impl Strategy<Value = (i64, Input)> {
    let bar = (0..500_i64, numbers(), any::<bool>()).prop_map(|(minute, (price, quantity), is_mark)| {
        let (close, volume) = (price.to_f64(), quantity.to_f64());
        let ts = Timestamp::from_millis(BEGIN_MS + 60_000 * minute);
        let bar = Bar { ts, open: close, high: close + 1.0, low: close / 2.0, close, volume };
        let activity = Activity { quote_volume: volume * close, trades: 7, taker_buy_volume: 0.5 * volume };
        let activity = (!is_mark).then_some(activity);
        Input::Bar { series: u32::from(is_mark), bar, activity }
    });
    let funding =
        (0..90_i64, -1_000..1_000_i128, prop::option::of(numbers())).prop_map(|(time, rate, mark)| {
            let ts = Timestamp::from_millis(BEGIN_MS + 28_800_000 * time);
            let (rate, mark) = (Rate::from_units(rate * 1_000), mark.map(|(price, _)| price));
            Input::Funding { series: 2, funding: FundingRate { ts, rate, mark } }
        });
    let trade = (0..500_u64, side(), numbers(), any::<bool>()).prop_map(
        |(id, aggressor, (price, quantity), is_whole)| Input::Trade {
            series: 3,
            trade: TradeSeen { aggressor, price, quantity },
            ids: Some(TradeIds { id, trades: is_whole.then_some((3 * id, 3 * id + 1)) }),
        },
    );
    let level = (side(), 1..1_000_i64, 0..1_000_000_i64).prop_map(|(side, tick, lots)| DepthUpdate {
        side,
        tick,
        lots,
    });
    let book = (0..500_u64, any::<bool>(), prop::collection::vec(level, 0..9)).prop_map(
        |(last, snapshot, levels)| {
            let ids = Some(UpdateIds { first: last, last, previous: last.checked_sub(2) });
            Input::Book { series: 4, book: Book { snapshot, levels, ids } }
        },
    );
    let liquidation =
        (side(), numbers(), prop::option::of(numbers())).prop_map(|(side, (price, quantity), filled)| {
            let (average_price, filled) = filled.unzip();
            let liquidation = Liquidation { side, price, quantity, average_price, filled };
            Input::Liquidation { series: 5, liquidation }
        });
    let quote = (numbers(), numbers()).prop_map(|((bid, bid_quantity), (ask, ask_quantity))| Input::Quote {
        series: 6,
        quote: Quote { bid, bid_quantity, ask, ask_quantity },
    });
    let mark = numbers().prop_map(|(price, _)| Input::Mark { series: 1, price });
    (0..200_000_000_i64, prop_oneof![bar, funding, trade, book, liquidation, quote, mark])
}

fn arrival((late_ms, input): (i64, Input)) -> Arrival {
    let ts_event = Timestamp::from_millis(BEGIN_MS + late_ms);
    Arrival { ts_event, ts_init: ts_event.plus(3_500_000), input }
}

fn rows(data: &Path, kind: &str) -> Vec<Vec<Cell>> {
    let kind: SeriesKind = kind.parse().unwrap();
    let series = SeriesId::new("venue", "BTCUSDT", kind).unwrap();
    let all = (Timestamp(0), Timestamp(i64::MAX));
    let Ok(catalog) = Catalog::open(data) else { return Vec::new() };
    let Ok(mut stored) = StoredRows::open(&catalog, &series, all) else { return Vec::new() };
    let mut rows = Vec::new();
    while let Some(row) = stored.next_row().unwrap() {
        rows.push((0..kind.columns().len()).map(|column| stored.rows().cell(row, column)).collect());
    }
    rows
}

fn recorder(folder: &Path) -> Recorder {
    let writer = CatalogWriter::open(folder.join("data")).unwrap();
    Recorder::begin(&series(), Some(writer), Some(&folder.join("tape")), "test").unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever comes, in whatever order, and whenever it is committed: the tape has every message, and its import is
    /// the catalog that was recorded.
    #[test]
    fn a_tape_gives_the_rows_that_were_recorded(
        inputs in prop::collection::vec(input(), 1..120),
        commits in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = recorder(folder.path());
        let commits: Vec<usize> = commits.iter().map(|index| index.index(inputs.len())).collect();
        let mut messages = Vec::new();
        for (place, input) in inputs.into_iter().enumerate() {
            messages.push(recorder.admit(arrival(input)).unwrap());
            if commits.contains(&place) {
                recorder.commit().unwrap();
                prop_assert_eq!(recorder.waiting(), 0);
            }
        }
        let recorded = recorder.finish().unwrap();
        prop_assert_eq!(recorded.messages, messages.len() as u64);
        prop_assert!(recorded.series.iter().all(|series| series.refused == 0));

        let tape = folder.path().join("tape");
        prop_assert!(is_tape(&tape).unwrap());
        let mut reader = TapeReader::new(std::fs::File::open(&tape).unwrap()).unwrap();
        for message in messages {
            prop_assert_eq!(reader.next_message().unwrap(), Some(message));
        }
        let other = folder.path().join("other");
        let _ = import_tape(&tape, &CatalogWriter::open(&other).unwrap(), &|_| true, "import");
        for kind in KINDS {
            prop_assert_eq!(rows(&other, kind), rows(&folder.path().join("data"), kind), "{}", kind);
        }
    }
}

fn trade(id: u64, price: i128) -> Arrival {
    let (price, quantity) = (Price::from_units(price), Quantity::from_units(100_000_000));
    let trade = TradeSeen { aggressor: Side::Sell, price, quantity };
    arrival((
        id as i64,
        Input::Trade { series: 3, trade, ids: Some(TradeIds { id, trades: Some((id, id)) }) },
    ))
}

#[test]
fn a_row_that_cannot_be_true_does_not_cost_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut recorder = recorder(folder.path());
    for (id, price) in [(1, 500), (2, 0), (3, 700)] {
        recorder.admit(trade(id, price)).unwrap();
    }
    let report = recorder.finish().unwrap();
    let of = &report.series[3];
    assert_eq!((of.kind.as_str(), of.messages, of.rows, of.refused), ("aggtrades", 3, 2, 1));
    assert!(of.refusal.as_ref().unwrap().contains("`price` is not above zero"), "{of:?}");
    let stored = rows(&folder.path().join("data"), "aggtrades");
    assert_eq!(stored.iter().map(|row| row[1]).collect::<Vec<_>>(), [Cell::Integer(1), Cell::Integer(3)]);
    assert_eq!(stored[0][6], Cell::Flag(true), "the seller took: the buyer was there first");
}

#[test]
fn what_was_not_finished_is_on_the_tape_up_to_the_last_flush() {
    let folder = tempfile::tempdir().unwrap();
    let mut recorder = recorder(folder.path());
    recorder.admit(trade(1, 500)).unwrap();
    recorder.commit().unwrap();
    recorder.admit(trade(2, 600)).unwrap();
    recorder.flush().unwrap();
    assert_eq!(recorder.waiting(), 1);
    // As a kill does: nothing is closed.
    std::mem::forget(recorder);
    let data = folder.path().join("data");
    assert_eq!(rows(&data, "aggtrades").len(), 1);
    let writer = CatalogWriter::open(&data).unwrap();
    let imported = import_tape(&folder.path().join("tape"), &writer, &|_| true, "import").unwrap();
    let trades = imported.iter().find(|series| series.kind == "aggtrades").unwrap();
    assert_eq!((trades.appended.added, trades.appended.identical), (1, 1));
    assert_eq!(rows(&data, "aggtrades").len(), 2);
}

#[test]
fn what_cannot_be_begun_or_imported_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("tape");
    let mut first = Recorder::begin(&series(), None, Some(&tape), "test").unwrap();
    let again = Recorder::begin(&series(), None, Some(&tape), "test").unwrap_err();
    assert!(matches!(&again, RecordError::NewTape { .. }) && again.to_string().contains("exists already"));
    let trade =
        TradeSeen { aggressor: Side::Buy, price: Price::from_units(1), quantity: Quantity::from_units(1) };
    first.admit(arrival((0, Input::Trade { series: 3, trade, ids: None }))).unwrap();
    assert_eq!(first.waiting(), 0);
    first.finish().unwrap();
    let writer = CatalogWriter::open(folder.path().join("data")).unwrap();
    let import = |wanted: bool| import_tape(&tape, &writer, &|_| wanted, "import").unwrap_err().to_string();
    assert!(import(true).contains("lack the numbers of their exchange"));
    assert!(import(false).ends_with("nothing in it can be stored"));
    std::fs::write(folder.path().join("text"), "ts,open").unwrap();
    assert!(!is_tape(&folder.path().join("text")).unwrap());
}

#[test]
fn a_change_of_no_level_is_no_gap() {
    let folder = tempfile::tempdir().unwrap();
    let mut recorder = recorder(folder.path());
    let level = DepthUpdate { side: Side::Buy, tick: 5, lots: 1 };
    for (at, (first, last, previous), levels) in [
        (1, (11, 15, 9), vec![level]),
        (2, (17, 18, 15), vec![]),
        (3, (20, 25, 18), vec![]),
        (4, (27, 30, 25), vec![level]),
        (5, (32, 33, 30), vec![level]),
    ] {
        let ids = Some(UpdateIds { first, last, previous: Some(previous) });
        let book = Book { snapshot: false, levels, ids };
        recorder.admit(arrival((at, Input::Book { series: 4, book }))).unwrap();
    }
    recorder.finish().unwrap();
    let numbers: Vec<[Cell; 2]> =
        rows(&folder.path().join("data"), "depth").iter().map(|row| [row[1], row[7]]).collect();
    assert_eq!(numbers, [[15, 9], [30, 15], [33, 30]].map(|pair| pair.map(Cell::Integer)));
}
