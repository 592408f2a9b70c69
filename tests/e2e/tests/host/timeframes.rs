//! Several timeframes and symbols in one strategy.

use std::collections::BTreeMap;

use cryptobot_data::sample;
use cryptobot_e2e::{MINUTE_MS, START_MS, Sandbox};

/// Roles of the plugin `echo`, in the order in which they must arrive at one time.
const LENGTHS: [(&str, usize); 6] =
    [("1m", 1), ("5m", 5), ("15m", 15), ("1h", 60), ("4h", 240), ("1d", 1_440)];
const DAYS: usize = 2;

/// Close time, rank at that time, symbol and the words that the plugin logs.
type Delivery = (i64, usize, String, String);

#[test]
fn higher_bars_are_the_minutes_resampled_and_come_after_them() {
    let symbols = ["BTCUSDT", "ETHUSDT"];
    let mut expected: Vec<Delivery> = Vec::new();
    for symbol in symbols {
        let bars = sample::bars(symbol, sample::SEED).unwrap();
        for (rank, (role, minutes)) in LENGTHS.into_iter().enumerate() {
            for first in (0..DAYS * 1_440).step_by(minutes) {
                let rows = first..first + minutes;
                let (open, close) = (bars.open[first], bars.close[rows.end - 1]);
                let high = bars.high[rows.clone()].iter().copied().fold(f64::MIN, f64::max);
                let low = bars.low[rows.clone()].iter().copied().fold(f64::MAX, f64::min);
                let volume: f64 = bars.volume[rows.clone()].iter().sum();
                let at = START_MS + rows.end as i64 * MINUTE_MS;
                let words = format!("{symbol} {role} {at} {open:?} {high:?} {low:?} {close:?} {volume:?}");
                expected.push((at, rank, symbol.to_owned(), words));
            }
        }
    }
    expected.sort();

    let sandbox = Sandbox::with_sample().with_plugin("echo");
    let summary = sandbox
        .host("run --plugin echo --symbol ETHUSDT --symbol BTCUSDT --to 2024-01-03 --out run --format json")
        .expect(0)
        .json();
    assert_eq!(summary["bars"], DAYS * 1_440 * symbols.len());
    let log = sandbox.read("run/log.txt");
    let delivered: Vec<&str> = log.lines().map(|line| line.split_once(": ").unwrap().1).collect();
    let expected: Vec<&str> = expected.iter().map(|(.., words)| words.as_str()).collect();
    assert_eq!(delivered.len(), expected.len(), "{:?}", summary["warnings"]);
    if let Some(at) = (0..expected.len()).find(|at| delivered[*at] != expected[*at]) {
        panic!("delivery {at}: {} where {} belongs", delivered[at], expected[at]);
    }
}

/// A base that is stored under its own name and one that is built from minutes are the same to a strategy.
#[test]
fn bars_built_from_minutes_trade_as_stored_ones_do() {
    let sandbox = Sandbox::with_sample();
    let bars = sample::bars("BTCUSDT", sample::SEED).unwrap();
    let hours = cryptobot_data::resample(&bars, "1m".parse().unwrap(), "1h".parse().unwrap()).unwrap();
    let path = sandbox.path("stored/test/BTCUSDT/1h/2024.parquet");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    cryptobot_data::write_bars(&path, "1h".parse().unwrap(), &(&hours).into()).unwrap();
    let minutes = sandbox.path("built/test/BTCUSDT/1m/2024.parquet");
    std::fs::create_dir_all(minutes.parent().unwrap()).unwrap();
    cryptobot_data::write_bars(&minutes, "1m".parse().unwrap(), &(&bars).into()).unwrap();
    let run = |data: &str| {
        sandbox
            .host(&format!("run --plugin sma-flip --data {data} --timeframe 1h --set quantity=0.1 --out {data}-run --format json"))
            .expect(0)
            .json()
    };
    let (stored, built) = (run("stored"), run("built"));
    assert_eq!(stored["journal_sha256"], built["journal_sha256"]);
    assert_ne!(stored["run"]["id"], built["run"]["id"]);
    let trades = |run: &str| sandbox.read(&format!("{run}-run/trades.csv"));
    assert_eq!(trades("stored"), trades("built"));
}

/// Orders of a symbol fill on that symbol's bars, whatever stands first in the command.
#[test]
fn symbols_do_not_get_mixed_up() {
    let sandbox = Sandbox::with_sample().with_plugin("buy-and-hold");
    let run = "run --plugin buy-and-hold --timeframe 1h --to 2024-02-01 --format json --out run";
    sandbox.host(&format!("{run} --symbol SOLUSDT --symbol BTCUSDT --symbol ETHUSDT")).expect(0);
    let mut prices: BTreeMap<String, f64> = BTreeMap::new();
    let fills = sandbox.read("run/fills.csv");
    let mut lines = fills.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = |name: &str| header.iter().position(|title| *title == name).unwrap();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        prices.insert(cells[column("symbol")].to_owned(), cells[column("price")].parse().unwrap());
    }
    assert_eq!(prices.len(), 3, "{fills}");
    for (symbol, price) in prices {
        let open = sample::bars(&symbol, sample::SEED).unwrap().open[60];
        assert!((price / open - 1.0).abs() < 0.01, "{symbol}: {price} against {open}");
    }
}
