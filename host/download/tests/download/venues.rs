//! The other venues, by their own rules of paging.

use cryptobot_data::Instruments;

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
