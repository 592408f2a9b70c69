//! Markets of the catalog against recordings of the same markets: the same bars, the same events, the same fills.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::path::{Path, PathBuf};

use cryptobot_data::books::{MarketRequest, StoredMarket};
use cryptobot_data::messages::{DepthDiff, Detail, LevelText, Message, MessageFile, Recording};
use cryptobot_data::sample::VENUE;
use cryptobot_data::store::{CatalogWriter, Cell, Rows, SeriesId, SeriesKind};
use cryptobot_data::synthetic::{Generated, PAIRS, Scenario, ScenarioRequest, generate};
use cryptobot_data::{Catalog, DataError};
use cryptobot_engine::{BarBlock, BarSource, MarketSource};
use cryptobot_model::{
    DepthEvent, DepthUpdate, Instrument, InstrumentId, OrderId, OrderKind, OrderRequest, OrderTerms, Price,
    Quantity, SeriesId as StrategySeries, Side, StrategyId, TimeInForce, Timeframe, Timestamp, TriggerSource,
};
use cryptobot_sim::depth::{Contract, DepthConfig, Exchange, QueueModel};
use proptest::prelude::*;

const HOUR_NS: i64 = 3_600_000_000_000;

/// A market with its book, across a midnight.
fn made(root: &Path, scenario: Scenario, symbol: &str, hours: i64, seed: u64) -> (Generated, Instrument) {
    let from: Timestamp = "2024-01-01T22:00".parse().unwrap();
    let request = ScenarioRequest {
        scenario,
        symbols: vec![symbol.to_owned()],
        from,
        to: from.plus(hours * HOUR_NS),
        kinds: vec![SeriesKind::AggTrades, SeriesKind::Depth],
        seed,
        correlation: None,
    };
    let made = generate(&request, root).unwrap();
    let instruments = Catalog::open(root).unwrap().instruments(VENUE).unwrap();
    (made, instruments.get(symbol).unwrap().instrument)
}

fn request(instrument: &Instrument, timeframe: &str, detail: Detail) -> MarketRequest {
    MarketRequest {
        venue: instrument.venue.clone(),
        symbol: instrument.symbol.clone(),
        tick: instrument.tick,
        lot: instrument.lot,
        timeframe: timeframe.parse().unwrap(),
        detail,
        from: None,
        to: None,
        allow_gaps: false,
    }
}

fn open(root: &Path, request: &MarketRequest) -> Result<StoredMarket, DataError> {
    StoredMarket::open(&Catalog::open(root).unwrap(), request)
}

/// All rows of a source; times and the bits of all values.
fn rows(mut source: impl BarSource) -> Vec<(i64, [u64; 5])> {
    let (mut block, mut all) = (BarBlock::default(), Vec::new());
    loop {
        source.next_block(&mut block).unwrap();
        if block.is_empty() {
            return all;
        }
        all.extend(of_block(&block));
    }
}

fn of_block(block: &BarBlock) -> Vec<(i64, [u64; 5])> {
    let columns = [&block.open, &block.high, &block.low, &block.close, &block.volume];
    let row = |row: usize| (block.open_ms[row], columns.map(|column| column[row].to_bits()));
    (0..block.len()).map(row).collect()
}

/// What an event says, with amounts that do not depend on the unit.
#[derive(Clone, Debug, PartialEq)]
enum Said {
    Trade(Side, i64, i128),
    Book(bool, Vec<(bool, i64, i128)>),
}

fn said(source: &mut impl MarketSource, end: Timestamp) -> Vec<(Timestamp, Said)> {
    let (lot, mut all) = (source.lot().units(), Vec::new());
    let levels = |levels: &[DepthUpdate]| {
        let level = |of: &DepthUpdate| (of.side == Side::Buy, of.tick, i128::from(of.lots) * lot);
        let mut levels: Vec<_> = levels.iter().map(level).collect();
        levels.sort_unstable();
        levels
    };
    while let Some((ts, event)) = source.next_before(end).unwrap() {
        let event = match event {
            DepthEvent::Trade(trade) => {
                Said::Trade(trade.aggressor, trade.tick, i128::from(trade.lots) * lot)
            }
            DepthEvent::Snapshot(of) => Said::Book(true, levels(of)),
            DepthEvent::Diff(of) => Said::Book(false, levels(of)),
        };
        all.push((ts, event));
    }
    all
}

/// An order of the flow that both markets are shown.
#[derive(Clone, Copy, Debug)]
struct Asked {
    bar: usize,
    buy: bool,
    kind: u8,
    /// Distance of its price from the last one, ten-thousandths.
    away: i64,
    lots: i64,
    latency_ms: i64,
}

fn asked() -> impl Strategy<Value = Asked> {
    (0_usize..200, any::<bool>(), 0_u8..5, -20_i64..20, 1_i64..3_000, 0_i64..5_000)
        .prop_map(|(bar, buy, kind, away, lots, latency_ms)| Asked { bar, buy, kind, away, lots, latency_ms })
}

impl Asked {
    fn order(
        self,
        number: usize,
        close: f64,
        decided_at: Timestamp,
        instrument: &Instrument,
    ) -> OrderRequest {
        let ticks = (close * (1.0 + self.away as f64 / 1e4) / instrument.tick.to_f64()).round() as i64;
        let price = Price::from_units(instrument.tick.units() * i128::from(ticks.max(1)));
        let source = TriggerSource::Last;
        OrderRequest {
            id: OrderId(number as u64 + 1),
            strategy: StrategyId(0),
            series: StrategySeries(0),
            instrument: InstrumentId(0),
            side: if self.buy { Side::Buy } else { Side::Sell },
            quantity: Quantity::from_units(instrument.lot.units() * i128::from(self.lots)),
            kind: match self.kind {
                0 => OrderKind::Market,
                1 => OrderKind::Limit { price, tif: TimeInForce::Gtc },
                2 => OrderKind::Limit { price, tif: TimeInForce::Gtx },
                3 => OrderKind::Limit { price, tif: TimeInForce::Ioc },
                _ => OrderKind::StopMarket { trigger: price, source },
            },
            terms: OrderTerms::default(),
            decided_at,
        }
    }
}

/// What became of the orders in a market: every report.
fn reports(
    source: &mut impl MarketSource,
    bars: &[(i64, [u64; 5])],
    flow: &[Asked],
    instrument: &Instrument,
    detail: Detail,
) -> Vec<String> {
    let contract = Contract { lot: source.lot(), ..Contract::new(InstrumentId(0), instrument) };
    let config = DepthConfig { queue: QueueModel::Power { n: 2.0 }, impact: true };
    let mut market = Exchange::new(contract, config).with_filters_of(instrument);
    if detail == Detail::Trades {
        market = market.on_trades_only();
    }
    let mut reports = Vec::new();
    for (index, (open_ms, values)) in bars.iter().enumerate() {
        let close = Timestamp::from_millis(*open_ms).plus(60_000_000_000);
        while let Some((ts, event)) = source.next_before(close).unwrap() {
            market.on_event(ts, &event, &mut reports);
        }
        market.advance(close, &mut reports);
        for (number, asked) in flow.iter().enumerate().filter(|(_, asked)| asked.bar == index) {
            let order = asked.order(number, f64::from_bits(values[3]), close, instrument);
            market.submit(order, close.plus(asked.latency_ms * 1_000_000));
        }
    }
    reports.iter().map(|report| format!("{report:?}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever the scenario, pair, seed and orders: the catalog and the recording of a generated market are one market.
    #[test]
    fn a_stored_market_is_the_recorded_one(
        seed: u64,
        scenario in 0_usize..8,
        pair in 0_usize..PAIRS.len(),
        flow in prop::collection::vec(asked(), 40),
        trades_only: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("out");
        let (made, instrument) = made(&root, Scenario::ALL[scenario], PAIRS[pair].symbol, 3, seed);
        let recording = Recording::read(&made.recordings[0].1, instrument.tick, instrument.lot).unwrap();
        let detail = if trades_only { Detail::Trades } else { Detail::Book };
        let recorded = of_block(&recording.bars(Timeframe::MINUTE, detail));
        let Ok(stored) = open(&root, &request(&instrument, "1m", detail)) else {
            prop_assert!(recorded.is_empty());
            return Ok(());
        };
        prop_assert_eq!(stored.expected_bars(), recorded.len() as u64);
        let bars = rows(stored.bars().unwrap());
        prop_assert_eq!(&bars, &recorded);

        let expected = reports(&mut recording.events(), &bars, &flow, &instrument, detail);
        prop_assert!(!expected.is_empty());
        for mut events in [stored.events().unwrap(), stored.events_ahead().unwrap()] {
            prop_assert_eq!(&reports(&mut events, &bars, &flow, &instrument, detail), &expected);
        }
        let decoded = stored.decode().unwrap();
        prop_assert_eq!(&reports(&mut decoded.events(), &bars, &flow, &instrument, detail), &expected);
    }

    /// A part of the period gives what it gives in the whole: the book before it is known.
    #[test]
    fn a_period_begins_with_the_book_of_its_time(
        seed: u64,
        from in 1_i64..150,
        length in 10_i64..60,
        flow in prop::collection::vec(asked(), 40),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("out");
        let (made, instrument) = made(&root, Scenario::Bull, "ETHUSDT", 4, seed);
        let recording = Recording::read(&made.recordings[0].1, instrument.tick, instrument.lot).unwrap();
        let first = recording.bars(Timeframe::MINUTE, Detail::Book).open_ms[0];
        let at = |minute: i64| Timestamp::from_millis(first + minute * 60_000);
        let whole = of_block(&recording.bars(Timeframe::MINUTE, Detail::Book));
        let part = MarketRequest {
            from: Some(at(from)),
            to: Some(at(from + length)),
            ..request(&instrument, "1m", Detail::Book)
        };
        let stored = open(&root, &part).unwrap();
        prop_assert_eq!((stored.first_open(), stored.last_close()), (at(from), at(from + length)));
        let bars = rows(stored.bars().unwrap());
        prop_assert_eq!(&bars[..], &whole[from as usize..(from + length) as usize]);
        let flow: Vec<Asked> = flow.iter().map(|of| Asked { bar: of.bar % 50, ..*of }).collect();
        let mut events = stored.events().unwrap();
        prop_assert_eq!(
            reports(&mut events, &bars, &flow, &instrument, Detail::Book),
            reports(&mut recording.events(), &bars, &flow, &instrument, Detail::Book)
        );
    }
}

/// The messages of a recording as rows of the catalog.
fn store(path: &Path, root: &Path, venue: &str) {
    let series = |kind| SeriesId::new(venue, "BTCUSDT", kind).unwrap();
    let (mut depth, mut trades) = (Rows::new(SeriesKind::Depth), Rows::new(SeriesKind::AggTrades));
    let mut file = MessageFile::open(path).unwrap();
    let mut levels = |ts: Timestamp, last: u64, diff: Option<&DepthDiff>, sides: [&[LevelText]; 2]| {
        for (bid, side) in [true, false].into_iter().zip(sides) {
            for [price, quantity] in side {
                let number = |text: &str| Cell::Number(text.parse().unwrap());
                depth.push(&[
                    ts.millis().into(),
                    (last as i64).into(),
                    diff.map(|diff| diff.ids.first as i64).into(),
                    diff.is_none().into(),
                    bid.into(),
                    number(price),
                    number(quantity),
                    diff.and_then(|diff| diff.ids.previous).map(|id| id as i64).into(),
                ]);
            }
        }
    };
    let (mut number, mut received) = (0_i64, Vec::new());
    while let Some((_, message)) = file.next_message().unwrap() {
        match message {
            Message::Diff(diff) => {
                levels(diff.ts, diff.ids.last, Some(&diff), [&diff.bids, &diff.asks]);
                received.push((diff.ids, diff.ts));
            }
            Message::Snapshot(of) => {
                // Where the exchange tells no time of it: that of the first change that is not in it.
                let first = || received.iter().find(|(ids, _)| ids.last > of.last_id).unwrap().1;
                levels(of.ts.unwrap_or_else(first), of.last_id, None, [&of.bids, &of.asks]);
            }
            Message::Trade(trade) if trade.in_book => {
                number += 1;
                trades.push(&[
                    trade.ts.millis().into(),
                    number.into(),
                    Cell::Number(trade.price.parse().unwrap()),
                    Cell::Number(trade.quantity.parse().unwrap()),
                    Cell::Empty,
                    Cell::Empty,
                    (trade.aggressor == Side::Sell).into(),
                ]);
            }
            Message::Trade(_) | Message::Other(_) => {}
        }
    }
    let writer = CatalogWriter::open(root).unwrap();
    writer.append(&series(SeriesKind::Depth), &depth, "recording").unwrap();
    writer.append(&series(SeriesKind::AggTrades), &trades, "recording").unwrap();
}

fn real(venue: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/messages");
    let path = root.join(venue).join("l2/btcusdt_20240808.gz");
    if !path.exists() {
        println!("skipped: {} is not here", path.display());
    }
    path.exists().then_some(path)
}

#[test]
fn real_recordings_are_the_same_market_from_the_catalog() {
    for (venue, tick, lot) in [("binance-usdm", "0.1", "0.001"), ("binance-spot", "0.01", "0.00001")] {
        let Some(path) = real(venue) else { return };
        let folder = tempfile::tempdir().unwrap();
        store(&path, folder.path(), venue);
        let (tick, lot): (Price, Quantity) = (tick.parse().unwrap(), lot.parse().unwrap());
        let instruments = Catalog::open(folder.path()).unwrap().instruments(venue).unwrap();
        let instrument = Instrument { tick, lot, ..instruments.get("BTCUSDT").unwrap().instrument };
        let recording = Recording::read(&path, tick, lot).unwrap();
        for detail in [Detail::Book, Detail::Trades] {
            let stored = open(folder.path(), &request(&instrument, "5s", detail)).unwrap();
            let bars = rows(stored.bars().unwrap());
            assert_eq!(bars, of_block(&recording.bars("5s".parse().unwrap(), detail)), "{venue}");
            assert!(bars.len() > 60, "{venue}: {}", bars.len());
            if detail == Detail::Trades {
                continue;
            }
            let mut expected = said(&mut recording.events(), stored.last_close());
            let mut events = said(&mut stored.events().unwrap(), stored.last_close());
            // What was before the first bar is one trade and one snapshot.
            let begins = stored.first_open();
            assert_eq!(events.partition_point(|(ts, _)| *ts < begins), 2);
            expected.retain(|(ts, _)| *ts >= begins);
            events.retain(|(ts, _)| *ts >= begins);
            assert_eq!(events.len(), expected.len(), "{venue}");
            assert!(events.len() > 9_000, "{venue}: {}", events.len());
            for (number, (stored, recorded)) in events.iter().zip(&expected).enumerate() {
                assert_eq!(stored, recorded, "{venue}: event {number}");
            }
        }
    }
}

/// A catalog with a little book and its trades, second by second.
struct Little {
    folder: tempfile::TempDir,
    depth: Rows,
    trades: Rows,
}

/// 2024-01-01T00:00:00Z.
const START_MS: i64 = 1_704_067_200_000;

impl Little {
    fn new() -> Self {
        let (depth, trades) = (Rows::new(SeriesKind::Depth), Rows::new(SeriesKind::AggTrades));
        Self { folder: tempfile::tempdir().unwrap(), depth, trades }
    }

    fn at(second: i64) -> i64 {
        START_MS + second * 1_000
    }

    fn level(&mut self, second: i64, last: i64, ids: Option<(i64, Option<i64>)>, price: f64) {
        let numbers = ids.map(|(first, _)| first);
        let previous = ids.and_then(|(_, previous)| previous);
        for (bid, price) in [(true, price), (false, price + 1.0)] {
            self.depth.push(&[
                Self::at(second).into(),
                last.into(),
                numbers.filter(|first| *first > 0).into(),
                ids.is_none().into(),
                bid.into(),
                price.into(),
                5.0.into(),
                previous.into(),
            ]);
        }
    }

    /// A trade a second.
    fn trade(&mut self, seconds: std::ops::Range<i64>) {
        for second in seconds {
            let cells = [Self::at(second).into(), second.into(), 100.0.into(), 1.0.into()];
            let cells = [cells[0], cells[1], cells[2], cells[3], Cell::Empty, Cell::Empty, true.into()];
            self.trades.push(&cells);
        }
    }

    fn open(&self, change: impl FnOnce(&mut MarketRequest)) -> Result<StoredMarket, DataError> {
        let writer = CatalogWriter::open(self.folder.path()).unwrap();
        for rows in [&self.depth, &self.trades] {
            if !rows.is_empty() {
                writer.append(&SeriesId::new("v", "S", rows.kind()).unwrap(), rows, "test").unwrap();
            }
        }
        let mut request = MarketRequest {
            venue: "v".to_owned(),
            symbol: "S".to_owned(),
            tick: "0.1".parse().unwrap(),
            lot: "0.5".parse().unwrap(),
            timeframe: "1m".parse().unwrap(),
            detail: Detail::Book,
            from: None,
            to: None,
            allow_gaps: false,
        };
        change(&mut request);
        open(self.folder.path(), &request)
    }

    /// The numbers of snapshots and changes that come, or the error.
    fn books(&self, allow_gaps: bool) -> Result<Vec<(i64, bool)>, String> {
        let market =
            self.open(|request| request.allow_gaps = allow_gaps).map_err(|error| error.to_string())?;
        let mut events = market.events().map_err(|error| error.to_string())?;
        let mut books = Vec::new();
        while let Some((ts, event)) =
            events.next_before(Timestamp(i64::MAX)).map_err(|error| error.to_string())?
        {
            let second = (ts.millis() - START_MS) / 1_000;
            match event {
                DepthEvent::Trade(_) => {}
                DepthEvent::Snapshot(_) => books.push((second, true)),
                DepthEvent::Diff(_) => books.push((second, false)),
            }
        }
        Ok(books)
    }
}

#[test]
fn a_gap_ends_the_reading_or_the_book_stands_until_the_next_snapshot() {
    for futures in [true, false] {
        let mut little = Little::new();
        little.trade(0..400);
        // On futures the first number does not tell what came before.
        let change = |little: &mut Little, second: i64, last: i64, after: i64| {
            let (second, ids) =
                (second + 60, if futures { (after + 3, Some(after)) } else { (after + 1, None) });
            little.level(second, last, Some(ids), 100.0 + second as f64 / 10.0);
        };
        little.level(1, 10, None, 100.0);
        change(&mut little, 2, 20, 10);
        change(&mut little, 3, 30, 20);
        // A snapshot of what is known, one that is ahead, and changes that it has already.
        little.level(64, 30, None, 100.0);
        change(&mut little, 5, 40, 30);
        little.level(66, 50, None, 100.0);
        change(&mut little, 7, 49, 40);
        change(&mut little, 8, 60, 49);
        let known = vec![(1, true), (62, false), (63, false), (65, false), (66, true), (68, false)];
        assert_eq!(little.books(false).unwrap(), known, "futures: {futures}");

        change(&mut little, 9, 80, 70);
        change(&mut little, 10, 90, 80);
        little.level(71, 95, None, 101.0);
        change(&mut little, 12, 99, 95);
        let error = little.books(false).unwrap_err();
        for word in ["v S depth", "00:01:09", "missing", "does not follow 60", "--allow-gaps"] {
            assert!(error.contains(word), "{error}");
        }
        let standing = [known, vec![(71, true), (72, false)]].concat();
        assert_eq!(little.books(true).unwrap(), standing, "futures: {futures}");
    }
}

#[test]
fn what_was_lost_before_a_new_snapshot_is_noticed() {
    let mut little = Little::new();
    little.trade(0..400);
    little.level(1, 10, None, 100.0);
    little.level(62, 20, Some((13, Some(10))), 101.0);
    // A recorder that was away begins anew.
    little.level(200, 95, None, 100.0);
    little.level(201, 99, Some((96, Some(95))), 102.0);
    little.level(202, 105, Some((101, Some(99))), 102.5);
    let error = little.books(false).unwrap_err();
    assert!(error.contains("96..99 (after 95) does not follow 20"), "{error}");
    let all = [(1, true), (62, false), (200, true), (201, false), (202, false)];
    assert_eq!(little.books(true).unwrap(), all);
}

#[test]
fn what_a_book_lacks_is_said() {
    let error = |little: &Little| little.books(false).unwrap_err();
    let mut little = Little::new();
    little.trade(0..400);
    little.level(1, 10, Some((9, None)), 100.0);
    assert!(error(&little).contains("no snapshot"), "{}", error(&little));
    little.level(2, 12, None, 100.0);
    little.level(3, 20, Some((0, None)), 100.0);
    let said = error(&little);
    assert!(said.contains("depth/2024-01-01.parquet") && said.contains("`first_id` at 2024"), "{said}");

    let mut little = Little::new();
    little.trade(0..400);
    little.level(2, 12, None, 100.05);
    let said = error(&little);
    assert!(said.contains("101.05 is not a multiple of the tick 0.1"), "{said}");
    let short = little.open(|request| request.timeframe = "1h".parse().unwrap()).unwrap_err().to_string();
    assert!(short.contains("no whole bar"), "{short}");
    let alone = Little::new();
    let nothing = alone.open(|_| {}).unwrap_err().to_string();
    assert!(nothing.contains("nothing is stored of v S aggtrades"), "{nothing}");
}

#[test]
fn missing_days_are_named() {
    const DAY: i64 = 86_400;
    let mut little = Little::new();
    for day in [0, 1, 3, 6, 7] {
        little.trade(day * DAY + 5..day * DAY + 200);
        little.level(day * DAY, 10, None, 100.0);
    }
    let said = little.open(|_| {}).unwrap_err().to_string();
    assert!(
        said.contains("v S aggtrades lacks days of the period: 2024-01-03 2024-01-05 to 2024-01-06;"),
        "{said}"
    );
    let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    let beyond = little.open(|request| request.to = at("2024-01-02")).unwrap();
    assert_eq!(Some(beyond.last_close()), at("2024-01-02"));
    assert_eq!(beyond.touched().len(), 2, "files of the days of the period");
    let said = little.open(|request| request.from = at("2023-12-30")).unwrap_err().to_string();
    assert!(said.contains("2023-12-30 to 2023-12-31 2024-01-03"), "{said}");
    let part = little.open(|request| request.from = at("2024-01-07T00:01")).unwrap();
    assert_eq!(part.touched().len(), 4);
    // Days that are known to be empty lack nothing.
    for kind in ["aggtrades", "depth"] {
        let voids =
            r#"[{"from": "2024-01-03", "to": "2024-01-04"}, {"from": "2024-01-05", "to": "2024-01-07"}]"#;
        std::fs::write(little.folder.path().join("v/S").join(kind).join("_voids.json"), voids).unwrap();
    }
    assert_eq!(Some(little.open(|_| {}).unwrap().first_open()), at("2024-01-01"));
}
