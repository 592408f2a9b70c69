//! The other venues, by their own rules of paging.

use cryptobot_data::store::{ExportRequest, SeriesId, export};
use cryptobot_data::{Catalog, Instruments};
use cryptobot_test_support::exchange::bar as exchange_bar;

use crate::rig::{HOUR, MINUTE, Rig, TestClock, ms};

#[test]
fn binance_spot_gives_bars_and_trades_of_any_time() {
    let rig = Rig::new("binance-spot", TestClock::standing("2024-03-01"), |_| ());
    rig.complete("BTCUSDT", "1m,1s", "2024-01-05", Some("2024-01-05T12:00"));
    assert_eq!((rig.times("BTCUSDT", "1m").len(), rig.times("BTCUSDT", "1s").len()), (720, 12 * 3_600));
    rig.complete("BTCUSDT", "aggtrades", "2023-12-31T20:00", Some("2024-01-01T02:00"));
    assert_eq!(rig.times("BTCUSDT", "aggtrades").len() as i64, 2 * HOUR / 1_500 * 2);
    let instrument = Instruments::below(&rig.data(), "binance-spot").unwrap().get("BTCUSDT").unwrap();
    assert!(!instrument.instrument.funding && instrument.warning.is_none());
}

#[test]
fn kraken_gives_its_last_bars_and_all_trades() {
    let rig = Rig::new("kraken", TestClock::running("2024-03-01"), |_| ());
    let report = rig.complete("XBTUSD", "1m", "2024-01-01", None);
    let begins = ms(report.series[0].begins.as_ref().unwrap());
    assert!((ms("2024-02-29T12:00")..ms("2024-03-01")).contains(&begins), "{report:?}");
    let times = rig.times("XBTUSD", "1m");
    assert!(
        times.len() >= 717 && times.windows(2).all(|pair| pair[1] - pair[0] == MINUTE),
        "{}",
        times.len()
    );
    rig.complete("XBTUSD", "aggtrades", "2024-01-02", Some("2024-01-02T02:00"));
    let trades = rig.times("XBTUSD", "aggtrades");
    assert_eq!(trades.len() as i64, 2 * HOUR / 1_500);
    rig.complete("XBTUSD", "aggtrades", "2024-01-02", Some("2024-01-02T03:00"));
    let expected: Vec<i64> = (ms("2024-01-02")..ms("2024-01-02T03:00")).step_by(1_500).collect();
    assert_eq!(rig.times("XBTUSD", "aggtrades"), expected);
}

#[test]
fn coinbase_gives_bars_window_by_window() {
    let rig = Rig::new("coinbase", TestClock::running("2024-03-01"), |rules| {
        rules.holes.push(ms("2024-01-03")..ms("2024-01-03T08:00"));
    });
    let report = rig.complete("BTC-USD", "1m", "2024-01-01", Some("2024-01-06"));
    assert_eq!(rig.times("BTC-USD", "1m").len(), 5 * 1_440 - 480);
    assert_eq!(report.series[0].missing[0].rows, 480);
    assert_eq!(rig.asked("candles").len(), (5 * 1_440_usize).div_ceil(349));
}

#[test]
fn coinbase_gives_trades_of_windows_that_are_short_enough() {
    let rig = Rig::new("coinbase", TestClock::running("2024-03-01"), |_| ());
    // 930 trades a minute, 900 of them in its first second: an hour is too long for a page of 1000, a minute is not.
    rig.complete("BTC-USD", "aggtrades", "2024-01-02", Some("2024-01-02T00:05"));
    let expected: Vec<i64> = (0..5)
        .flat_map(|minute| {
            let late = (10..40).map(|second| second * 1_000);
            (0..900).chain(late).map(move |offset| ms("2024-01-02") + minute * MINUTE + offset)
        })
        .collect();
    assert_eq!(rig.times("BTC-USD", "aggtrades"), expected);
    let asked = rig.asked("ticker").len();
    assert!((5..30).contains(&asked), "{asked} requests");
    // It goes on after the last trade.
    rig.complete("BTC-USD", "aggtrades", "2024-01-02", Some("2024-01-02T00:06"));
    assert_eq!(rig.times("BTC-USD", "aggtrades").len(), 6 * 930);
    assert!(rig.asked("ticker").len() - asked < 15);
}

#[test]
fn ethereal_gives_bars_of_its_trades_and_a_month_of_funding() {
    let rig = Rig::new("ethereal", TestClock::standing("2024-01-01T06:00:30"), |_| ());
    rig.complete("BTCUSD", "1m", "2024-01-01T04:00", None);
    let times = rig.times("BTCUSD", "1m");
    assert_eq!(times, (ms("2024-01-01T04:00")..ms("2024-01-01T06:00")).step_by(60_000).collect::<Vec<_>>());
    let mut rows = Vec::new();
    export_bars(&rig, "BTCUSD", &mut rows);
    for (time, bar) in times.iter().zip(&rows) {
        let first = (time - ms("2024-01-01")) / 1_500;
        let trade = |id: i64| {
            let [price, .., quantity] = exchange_bar("BTCUSD", "trade", id);
            (price as f64 / 10.0, (quantity + 1) as f64 / 1_000.0)
        };
        let trades: Vec<(f64, f64)> = (first..first + 40).map(trade).collect();
        let fold = |start: f64, of: fn(f64, f64) -> f64| {
            trades.iter().fold(start, |all, (price, _)| of(all, *price))
        };
        let volume: f64 = trades.iter().map(|(_, quantity)| quantity).sum();
        let bought: f64 = trades.iter().step_by(2).map(|(_, quantity)| quantity).sum();
        let expected =
            [trades[0].0, fold(f64::MIN, f64::max), fold(f64::MAX, f64::min), trades[39].0, volume];
        for (value, expected) in bar.iter().zip(expected.into_iter().chain([bought])) {
            assert!((value - expected).abs() < 1e-9, "{time}: {bar:?} {expected}");
        }
    }
    // A hole in the middle is walked back to, and filled.
    rig.complete("BTCUSD", "1m", "2024-01-01T03:00", Some("2024-01-01T03:10"));
    rig.complete("BTCUSD", "1m", "2024-01-01T03:00", None);
    assert_eq!(rig.times("BTCUSD", "1m").len(), 180);
    // At the listing there is nothing before.
    let report = rig.complete("BTCUSD", "1h", "2023-12-31T20:00", Some("2024-01-01T03:00"));
    assert_eq!(rig.times("BTCUSD", "1h").len(), 3);
    assert_eq!(report.series[0].missing[0].rows, 4);
    rig.complete("BTCUSD", "funding", "2024-01-01", None);
    assert_eq!(rig.times("BTCUSD", "funding").len(), 7);
    let instrument = Instruments::below(&rig.data(), "ethereal").unwrap().get("BTCUSD").unwrap();
    assert_eq!(instrument.instrument.lot.to_string(), "0.00001");
    assert!(rig.run("ETHUSD", "1m", "2024-01-01", None).unwrap_err().to_string().contains("no such symbol"));
}

/// Prices, volume and what takers bought of every stored minute.
fn export_bars(rig: &Rig, symbol: &str, rows: &mut Vec<Vec<f64>>) {
    let out = rig.folder.path().join("bars.csv");
    let columns = ["open", "high", "low", "close", "volume", "taker_buy_volume"].map(str::to_owned).to_vec();
    let series = SeriesId::new(rig.venue, symbol, "1m".parse().unwrap()).unwrap();
    let request = ExportRequest { series, from: None, to: None, columns };
    export(&Catalog::at(rig.data()), &request, &out).unwrap();
    let text = std::fs::read_to_string(out).unwrap();
    rows.extend(text.lines().skip(1).map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()));
}
