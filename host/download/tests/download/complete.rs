//! What is asked for comes whole, once, and as the exchange has it.

use cryptobot_data::store::{SeriesId, Void, mark_void};
use cryptobot_data::{Catalog, Instruments, SeriesRequest};
use cryptobot_download::estimate;
use cryptobot_engine::BarBlock;
use cryptobot_model::Timestamp;
use cryptobot_test_support::exchange::bar;

use crate::rig::{DAY, HOUR, MINUTE, Rig, TestClock, files, ms};

const KINDS: &str = "1m,15m,mark-5m,index-1h,premium-1h,funding";

#[test]
fn every_bar_is_what_the_exchange_says() {
    let rig = Rig::new("binance-usdm", TestClock::standing("2024-03-01T12:00:30"), |_| ());
    let report = rig.complete("BTCUSDT,ETHUSDT", KINDS, "2024-02-01", Some("2024-02-20"));
    for symbol in ["BTCUSDT", "ETHUSDT"] {
        for (kind, step) in
            [("1m", MINUTE), ("15m", 15 * MINUTE), ("mark-5m", 5 * MINUTE), ("premium-1h", HOUR)]
        {
            let expected: Vec<i64> = (ms("2024-02-01")..ms("2024-02-20")).step_by(step as usize).collect();
            assert_eq!(rig.times(symbol, kind), expected, "{symbol} {kind}");
        }
        assert_eq!(rig.times(symbol, "funding").len(), 19 * 3);
    }
    assert!(report.series.iter().all(|series| series.missing.is_empty()));

    let catalog = Catalog::open(rig.data()).unwrap();
    let request = SeriesRequest {
        venue: "binance-usdm".to_owned(),
        symbol: "ETHUSDT".to_owned(),
        timeframe: "1m".parse().unwrap(),
        from: None,
        to: None,
        allow_gaps: false,
    };
    let mut reader = catalog.series(&request).unwrap();
    let (mut block, mut seen) = (BarBlock::default(), 0);
    loop {
        reader.read(&mut block).unwrap();
        if block.open_ms.is_empty() {
            break;
        }
        for row in 0..block.open_ms.len() {
            let [open, high, low, close, volume] =
                bar("ETHUSDT", "last", block.open_ms[row]).map(|value| value as f64);
            let stored =
                [block.open[row], block.high[row], block.low[row], block.close[row], block.volume[row]];
            assert_eq!(stored, [open / 10.0, high / 10.0, low / 10.0, close / 10.0, volume / 1_000.0]);
            seen += 1;
        }
    }
    assert_eq!(seen, 19 * 1_440);
    let instrument = Instruments::below(&rig.data(), "binance-usdm").unwrap().get("BTCUSDT").unwrap();
    assert_eq!((instrument.instrument.tick.to_string(), instrument.warning), ("0.1".to_owned(), None));
}

#[test]
fn two_downloads_give_the_same_files_and_the_second_into_one_folder_asks_for_nothing() {
    let clock = TestClock::standing("2024-03-01T12:00:30");
    let (one, two) =
        (Rig::new("binance-usdm", clock.clone(), |_| ()), Rig::new("binance-usdm", clock, |_| ()));
    for rig in [&one, &two] {
        rig.complete("BTCUSDT,ETHUSDT", KINDS, "2024-01-01", Some("2024-02-20"));
    }
    let before = files(&one.data());
    assert!(before.len() > 12);
    assert_eq!(before, files(&two.data()));

    let asked = one.exchange.requests().len();
    let again = one.complete("BTCUSDT,ETHUSDT", KINDS, "2024-01-01", Some("2024-02-20"));
    // Clock and instruments; of funding the hours after the last payment of each symbol.
    assert_eq!(
        one.exchange.requests().len() - asked,
        2 + 2,
        "{:?}",
        one.exchange.requests().split_off(asked)
    );
    assert!(again.series.iter().all(|series| series.stored.added == 0 && series.stored.files.is_empty()));
    assert_eq!(before, files(&one.data()));
}

#[test]
fn the_open_bar_is_never_stored_and_comes_when_it_is_closed() {
    let rig = Rig::new("binance-usdm", TestClock::standing("2024-01-01T05:59:59.999"), |_| ());
    rig.complete("BTCUSDT", "1m,1h", "2024-01-01", None);
    assert_eq!(rig.times("BTCUSDT", "1m").last(), Some(&ms("2024-01-01T05:58")));
    assert_eq!(rig.times("BTCUSDT", "1h").last(), Some(&ms("2024-01-01T04:00")));
}

#[test]
fn holes_of_the_exchange_are_reported_and_stay() {
    let hole = ms("2024-01-03T10:00")..ms("2024-01-03T11:30");
    let rig =
        Rig::new("binance-usdm", TestClock::standing("2024-01-05"), |rules| rules.holes.push(hole.clone()));
    let report = rig.complete("BTCUSDT", "1m", "2023-12-31T12:00", Some("2024-01-05"));
    let missing: Vec<_> =
        report.series[0].missing.iter().map(|range| (range.from.as_str(), range.rows)).collect();
    assert_eq!(missing, [("2023-12-31T12:00:00Z", 720), ("2024-01-03T10:00:00Z", 90)]);
    assert!(rig.times("BTCUSDT", "1m").iter().all(|time| !hole.contains(time)));

    // They are asked for each time, until they are marked.
    let asked = rig.asked("klines").len();
    let again = |expected: usize| {
        rig.complete("BTCUSDT", "1m", "2024-01-01", Some("2024-01-05"));
        assert_eq!(rig.asked("klines").len() - asked, expected);
    };
    again(1);
    again(2);
    let series = SeriesId::new("binance-usdm", "BTCUSDT", "1m".parse().unwrap()).unwrap();
    let at = Timestamp::from_millis;
    let void = Void {
        from: at(hole.start).to_string(),
        to: at(hole.end).to_string(),
        reason: "nothing to be had".to_owned(),
    };
    mark_void(&rig.data(), &series, &[void]).unwrap();
    again(2);
}

#[test]
fn statistics_begin_where_the_memory_of_the_exchange_does() {
    let rig = Rig::new("binance-usdm", TestClock::standing("2024-03-01T00:00:30"), |_| ());
    let report = rig.complete("BTCUSDT", "oi-5m,long-short-15m,depth", "2024-01-01", None);
    // The first of 29 days lacks its first interval: the memory ends within it.
    assert_eq!(rig.times("BTCUSDT", "oi-5m").len(), 29 * 288 - 1);
    assert_eq!(rig.times("BTCUSDT", "long-short-15m").len(), 29 * 96 - 1);
    assert_eq!(report.series[0].begins.as_deref(), Some("2024-02-01T00:05:00Z"));
    assert_eq!(report.series[0].missing, []);
    assert_eq!(rig.times("BTCUSDT", "depth").len(), 40);
    let trades = estimate(&rig.options("BTCUSDT", "aggtrades", "2024-01-01", None)).unwrap();
    assert_eq!(trades.series[0].begins.as_deref(), Some("2024-02-28T01:00:30Z"));
}

#[test]
fn trades_go_on_by_their_numbers() {
    let rig = Rig::new("binance-usdm", TestClock::standing("2024-03-01"), |_| ());
    rig.complete("BTCUSDT", "aggtrades", "2024-02-29T20:00", None);
    let trades = rig.times("BTCUSDT", "aggtrades");
    assert_eq!(trades.len() as i64, 4 * HOUR / 1_500 * 2);
    let asked = rig.exchange.requests().len();
    rig.complete("BTCUSDT", "aggtrades", "2024-02-29T20:00", None);
    assert_eq!(rig.exchange.requests().len() - asked, 3, "clock, instruments, and nothing new");
    assert_eq!(rig.times("BTCUSDT", "aggtrades"), trades);
}

#[test]
fn an_estimate_asks_for_nothing_and_is_right() {
    let rig = Rig::new("binance-usdm", TestClock::standing("2024-03-01"), |_| ());
    let options = rig.options("BTCUSDT,ETHUSDT", "1m,oi-1h,long-short-1h", "2024-02-15", Some("2024-02-29"));
    let estimate = estimate(&options).unwrap();
    assert!(rig.exchange.requests().is_empty() && !rig.data().exists());
    let rows: Vec<_> = estimate.series.iter().map(|series| series.rows).collect();
    let bars = Some((14 * DAY / MINUTE) as u64);
    assert_eq!(rows, [bars, Some(14 * 24), Some(14 * 24), bars, Some(14 * 24), Some(14 * 24)]);
    rig.complete("BTCUSDT,ETHUSDT", "1m,oi-1h,long-short-1h", "2024-02-15", Some("2024-02-29"));
    assert_eq!(estimate.requests, rig.exchange.requests().len() as u64);
    let by_pool: Vec<_> = estimate.weights.iter().map(|pool| (pool.pool, pool.weight)).collect();
    assert_eq!(by_pool, [("weight", 2 + 2 * 14 * 10), ("statistics requests", 2 * (1 + 4))]);
}
