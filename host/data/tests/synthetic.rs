//! Generated markets from outside: clean, consistent, the same everywhere, and never over other files.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cryptobot_data::messages::{Detail, Recording};
use cryptobot_data::sample::{VENUE, values_sha256};
use cryptobot_data::store::{
    Cell, CheckRequest, Finding, Rows, Rule, SeriesId, Severity, check, stored_rows,
};
use cryptobot_data::synthetic::{PAIRS, Scenario, ScenarioRequest, SyntheticError, generate};
use cryptobot_data::{Catalog, SeriesRequest};
use cryptobot_model::{DepthEvent, Side, Timeframe, Timestamp};
use cryptobot_sim::depth::Book;

const KINDS: &str = "1m 15m mark-1m index-1m funding aggtrades";

fn request(scenario: Scenario, symbols: &str, kinds: &str, hours: i64, seed: u64) -> ScenarioRequest {
    let from: Timestamp = "2024-01-01".parse().unwrap();
    ScenarioRequest {
        scenario,
        symbols: symbols.split(' ').map(str::to_owned).collect(),
        from,
        to: from.plus(hours * 3_600_000_000_000),
        kinds: kinds.split(' ').map(|kind| kind.parse().unwrap()).collect(),
        seed,
        correlation: None,
    }
}

fn findings(root: &Path) -> Vec<Finding> {
    let mut all = Vec::new();
    check(&Catalog::open(root).unwrap(), &CheckRequest::default(), |_, found| all.extend(found)).unwrap();
    all
}

fn rows(root: &Path, symbol: &str, kind: &str) -> Rows {
    stored_rows(root, &SeriesId::new(VENUE, symbol, kind.parse().unwrap()).unwrap()).unwrap()
}

fn number(rows: &Rows, row: usize, name: &str) -> f64 {
    let column = rows.kind().columns().iter().position(|spec| spec.name == name).unwrap();
    match rows.cell(row, column) {
        Cell::Number(value) => value,
        Cell::Integer(value) => value as f64,
        Cell::Flag(value) => f64::from(u8::from(value)),
        Cell::Empty => panic!("{name} of row {row} is empty"),
    }
}

/// SHA-256 of every file by its path.
fn files(root: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(root.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(manifest["files"].clone()).unwrap()
}

#[test]
fn check_finds_no_error_in_any_scenario() {
    let folder = tempfile::tempdir().unwrap();
    for scenario in Scenario::ALL {
        for seed in [1, 2, 3] {
            let root = folder.path().join(format!("{scenario}-{seed}"));
            let kinds = if seed == 1 { format!("{KINDS} depth") } else { KINDS.to_owned() };
            let hours = if seed == 1 { 2 } else { 10 };
            let made = generate(&request(scenario, "BTCUSDT ADAUSDT", &kinds, hours, seed), &root).unwrap();
            assert_eq!(made.recordings.len(), if seed == 1 { 2 } else { 0 });
            let found = findings(&root);
            let errors: Vec<&Finding> = found.iter().filter(|of| of.severity == Severity::Error).collect();
            assert!(errors.is_empty(), "{scenario} {seed}: {errors:?}");
            // Where nothing was traded first, a longer bar opens with its first trade, and its parts with the last price.
            let mismatch = found.iter().filter(|of| of.rule == Rule::ResampleMismatch).count();
            assert!(mismatch == 0 || scenario != Scenario::HighVolatility, "{seed}: {found:?}");
            assert_eq!(rows(&root, "ADAUSDT", "1m").len() as i64, hours * 60);
            assert_eq!(rows(&root, "ADAUSDT", "funding").len() as i64, (hours + 7) / 8);
        }
    }
}

#[test]
fn the_trades_of_a_bar_add_up_to_it_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let mut silent = 0;
    for (scenario, seed) in [(Scenario::FlashCrash, 5), (Scenario::LowLiquidity, 6), (Scenario::Bull, 7)] {
        let root = folder.path().join(scenario.name());
        generate(&request(scenario, "BTCUSDT DOGEUSDT", "1m aggtrades", 12, seed), &root).unwrap();
        for symbol in ["BTCUSDT", "DOGEUSDT"] {
            let places = PAIRS.iter().find(|pair| pair.symbol == symbol).unwrap().lot_places;
            let lots = f64::from(10_u32.pow(places));
            let (bars, trades) = (rows(&root, symbol, "1m"), &rows(&root, symbol, "aggtrades"));
            assert!(trades.len() > 200, "{scenario} {symbol}: {}", trades.len());
            let mut next = 0;
            for bar in 0..bars.len() {
                let first = next;
                while next < trades.len() && trades.ts_ms(next) < bars.ts_ms(bar) + 60_000 {
                    next += 1;
                }
                let of = |name| (first..next).map(move |row| number(trades, row, name));
                let stated = |name| number(&bars, bar, name);
                assert_eq!(stated("trades") as usize, next - first);
                if first == next {
                    silent += 1;
                    assert_eq!((stated("volume"), stated("high")), (0.0, stated("low")));
                    continue;
                }
                assert_eq!(stated("open"), number(trades, first, "price"));
                assert_eq!(stated("close"), number(trades, next - 1, "price"));
                assert_eq!(stated("high"), of("price").fold(f64::MIN, f64::max));
                assert_eq!(stated("low"), of("price").fold(f64::MAX, f64::min));
                let whole = |quantity: f64| (quantity * lots).round() as i64;
                assert_eq!(whole(stated("volume")), of("qty").map(whole).sum::<i64>());
                let bought = (first..next).filter(|row| number(trades, *row, "buyer_is_maker") == 0.0);
                let bought = bought.map(|row| whole(number(trades, row, "qty"))).sum::<i64>();
                assert_eq!(whole(stated("taker_buy_volume")), bought);
                let quote: f64 = of("price").zip(of("qty")).map(|(price, qty)| price * qty).sum();
                assert!((stated("quote_volume") / quote - 1.0).abs() < 1e-9);
            }
            assert_eq!(next, trades.len());
        }
    }
    assert!(silent > 300, "a market without liquidity has minutes without a trade: {silent}");
}

#[test]
fn a_recording_has_the_trades_of_the_bars_and_a_book_that_is_never_crossed() {
    let folder = tempfile::tempdir().unwrap();
    for scenario in [Scenario::FlashCrash, Scenario::LowLiquidity] {
        let root = folder.path().join(scenario.name());
        let made = generate(&request(scenario, "ETHUSDT", "1m depth", 12, 4), &root).unwrap();
        let instruments = Catalog::open(&root).unwrap().instruments(VENUE).unwrap();
        let instrument = instruments.get("ETHUSDT").unwrap().instrument;
        let recording = Recording::read(&made.recordings[0].1, instrument.tick, instrument.lot).unwrap();
        assert_eq!((recording.tape().trades_before_book(), recording.tape().clock_shift_ns()), (0, 0));

        let stored = support::load(&root, &series(VENUE, "ETHUSDT")).unwrap();
        let recorded = recording.bars(Timeframe::MINUTE, Detail::Book);
        assert!(recorded.len() > 12 * 60 - 120, "{}", recorded.len());
        let begin = stored.open_ms.iter().position(|open| *open == recorded.open_ms[0]).unwrap();
        let part = begin..begin + recorded.len();
        assert_eq!(recorded.open_ms, stored.open_ms[part.clone()]);
        for (ours, theirs) in
            [(&recorded.open, &stored.open), (&recorded.high, &stored.high), (&recorded.low, &stored.low)]
        {
            assert_eq!(*ours, theirs[part.clone()]);
        }
        let volumes = recorded.volume.iter().zip(&stored.volume[part]);
        assert!(volumes.into_iter().all(|(ours, theirs)| (ours - theirs).abs() < 1e-6 * theirs.max(1.0)));

        let (mut book, mut trades, mut newest) = (Book::new(), 0, Timestamp(0));
        for event in recording.tape().by_exchange() {
            let (then, ts) = (newest, event.exchange_ts);
            newest = ts;
            match recording.tape().event(event) {
                DepthEvent::Snapshot(levels) => book.reset(levels),
                DepthEvent::Diff(updates) => updates.iter().for_each(|update| {
                    book.apply(*update);
                }),
                DepthEvent::Trade(trade) => {
                    trades += 1;
                    let side = if trade.aggressor == Side::Buy { Side::Sell } else { Side::Buy };
                    let best = book.best(side).unwrap();
                    if ts.millis() % 60_000 > 0 {
                        assert_eq!(best.tick, trade.tick, "a trade is at the best price");
                        assert!(ts == then || best.lots >= trade.lots, "and no larger than what is there");
                    }
                    continue;
                }
            }
            let (bid, ask) = (book.best(Side::Buy).unwrap(), book.best(Side::Sell).unwrap());
            assert!(bid.tick < ask.tick);
        }
        assert!(trades > 200, "{trades}");
    }
}

fn series(venue: &str, symbol: &str) -> SeriesRequest {
    SeriesRequest { venue: venue.to_owned(), symbol: symbol.to_owned(), ..support::request("1m") }
}

#[test]
fn stored_books_begin_each_day_with_a_snapshot_and_lack_no_change() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("out");
    generate(&request(Scenario::LowLiquidity, "BTCUSDT", "depth", 50, 4), &root).unwrap();
    let depth = rows(&root, "BTCUSDT", "depth");
    let (mut book, mut last_id, mut day): (BTreeMap<(bool, u64), f64>, _, _) = (BTreeMap::new(), 0, -1);
    let (mut row, mut snapshots) = (0, 0);
    while row < depth.len() {
        let key = |row: usize| (number(&depth, row, "last_id"), number(&depth, row, "snapshot"));
        let end = (row..depth.len()).find(|at| key(*at) != key(row)).unwrap_or(depth.len());
        let levels = (row..end).map(|row| {
            let side = number(&depth, row, "bid") == 1.0;
            ((side, number(&depth, row, "price").to_bits()), number(&depth, row, "qty"))
        });
        if key(row).1 == 1.0 {
            snapshots += 1;
            assert_eq!(key(row).0 as i64, last_id);
            let whole: BTreeMap<_, _> = levels.collect();
            assert!(book.is_empty() || whole == book, "the snapshot is what the changes add up to");
            book = whole;
            day = depth.ts_ms(row).div_euclid(86_400_000);
        } else {
            let first = number(&depth, row, "first_id") as i64;
            assert_eq!(first, last_id + 1);
            last_id = key(row).0 as i64;
            for (level, qty) in levels {
                if qty == 0.0 {
                    book.remove(&level)
                } else {
                    book.insert(level, qty)
                };
            }
            let today = depth.ts_ms(row).div_euclid(86_400_000);
            assert!(today == day || key(end) == (key(row).0, 1.0), "a day begins with a snapshot");
        }
        row = end;
    }
    assert_eq!(snapshots, 3);
}

#[test]
fn bars_of_generated_trades_have_the_correlation_asked_for_and_fat_clustering_tails() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("out");
    let asked = ScenarioRequest {
        correlation: Some(0.7),
        ..request(Scenario::Sideways, "BTCUSDT ETHUSDT", "1m", 480, 8)
    };
    generate(&asked, &root).unwrap();
    let returns = |symbol: &str| {
        let closes = support::load(&root, &series(VENUE, symbol)).unwrap().close;
        closes.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect::<Vec<_>>()
    };
    let (btc, eth) = (returns("BTCUSDT"), returns("ETHUSDT"));
    let sum = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    // The last trades of a minute are seconds apart: over ten minutes that does not count (Epps, 1979).
    let longer = |returns: &[f64]| returns.chunks(10).map(|ten| ten.iter().sum()).collect::<Vec<f64>>();
    let (a, b) = (longer(&btc), longer(&eth));
    let found = sum(&a, &b) / (sum(&a, &a) * sum(&b, &b)).sqrt();
    assert!((found - 0.7).abs() < 0.06, "{found}");
    // Without jumps, which are rare and would be most of the variance of the squares.
    let limit = 8.0 * (sum(&btc, &btc) / btc.len() as f64).sqrt();
    let mut squares: Vec<f64> = btc.iter().map(|value| (value * value).min(limit * limit)).collect();
    let mean = squares.iter().sum::<f64>() / squares.len() as f64;
    for square in &mut squares {
        *square -= mean;
    }
    let auto = |lag: usize| sum(&squares[lag..], &squares[..squares.len() - lag]) / sum(&squares, &squares);
    assert!(auto(1) > 0.08 && auto(30) > 0.05, "{} {}", auto(1), auto(30));
}

#[test]
fn the_same_request_gives_the_same_bytes_and_others_do_not_change_them() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str, request: &ScenarioRequest| {
        let root = folder.path().join(name);
        generate(request, &root).unwrap();
        (files(&root), root)
    };
    let all = format!("{KINDS} depth");
    let whole = request(Scenario::Mixed, "BTCUSDT SOLUSDT XRPUSDT", &all, 5, 42);
    let (first, root) = make("first", &whole);
    assert_eq!(first, make("again", &whole).0);
    let (alone, _) = make("alone", &request(Scenario::Mixed, "SOLUSDT", "1m", 5, 42));
    for (file, hash) in alone.iter().filter(|(file, _)| file.ends_with(".parquet")) {
        assert_eq!(first.get(file), Some(hash), "{file}");
    }
    let (other, _) = make("other", &request(Scenario::Mixed, "SOLUSDT", "1m", 5, 43));
    assert_ne!(alone["synthetic/SOLUSDT/1m/2024.parquet"], other["synthetic/SOLUSDT/1m/2024.parquet"]);
    let bars = support::load(&root, &series(VENUE, "BTCUSDT")).unwrap();
    assert_eq!(values_sha256(&bars), VALUES, "values change with the model only, on no machine");
    let trades = rows(&root, "BTCUSDT", "aggtrades");
    assert_eq!((trades.len(), number(&trades, trades.len() - 1, "price")), LAST_TRADE);
}

/// Of seed 42, five hours of `mixed`.
const VALUES: &str = "fac1aa67376aa25ca15e63880f32837f1cd3aa9d89baca3aca428b7c1c866d12";
const LAST_TRADE: (usize, f64) = (11_433, 41_206.3);

#[test]
fn generated_data_say_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("out");
    let made = generate(&request(Scenario::Bear, "BTCUSDT", "1m funding", 3, 1), &root).unwrap();
    let instruments = Catalog::open(&root).unwrap().instruments(VENUE).unwrap();
    assert!(instruments.synthetic());
    assert_eq!(instruments.label(), Some("synthetic bear: generated, not market data"));
    assert_eq!(instruments.label(), Some(made.label.as_str()));
    assert_eq!(instruments.get("BTCUSDT").unwrap().warning, None);
    let wanted = ["BTCUSDT/1m/2024.parquet", "BTCUSDT/funding/2024.parquet", "instruments.json"];
    assert_eq!(made.files, wanted.map(|file| format!("synthetic/{file}")));
}

#[test]
fn nothing_but_generated_data_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("out");
    let make = |seed| generate(&request(Scenario::Bull, "BTCUSDT", "1m", 2, seed), &root);
    fs::create_dir_all(&root).unwrap();
    make(1).unwrap();
    let first = files(&root);
    fs::write(root.join("catalog.sqlite"), "follows from the files").unwrap();
    make(2).unwrap();
    assert_ne!(first, files(&root));
    assert!(!root.join("catalog.sqlite").exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside the folder");

    let file = root.join("synthetic/BTCUSDT/1m/mine.parquet");
    fs::write(&file, "mine").unwrap();
    let problem = make(3).unwrap_err().to_string();
    assert!(problem.contains("mine.parquet: was not generated"), "{problem}");
    fs::rename(&file, root.join("synthetic/BTCUSDT/1m/2024.parquet")).unwrap();
    assert!(make(3).unwrap_err().to_string().contains("was changed after"));
    fs::remove_file(root.join("manifest.json")).unwrap();
    let problem = make(3).unwrap_err();
    assert!(matches!(problem, SyntheticError::Occupied { .. }), "{problem}");
    assert!(problem.to_string().contains("--out"), "{problem}");
}

#[test]
fn what_cannot_be_generated_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("out");
    let refused = |request: ScenarioRequest, words: &[&str]| {
        let problem = generate(&request, &root).unwrap_err();
        assert!(problem.is_usage(), "{problem}");
        let problem = problem.to_string();
        assert!(words.iter().all(|word| problem.contains(word)), "{words:?} in: {problem}");
        assert!(!root.exists());
    };
    let fine = || request(Scenario::Bull, "BTCUSDT", "1m", 2, 1);
    refused(request(Scenario::Bull, "BTCUSD", "1m", 2, 1), &["`BTCUSD`", "BTCUSDT, ETHUSDT"]);
    refused(request(Scenario::Bull, "BTCUSDT", "oi-5m", 2, 1), &["`oi-5m`", "aggtrades, depth"]);
    refused(ScenarioRequest { correlation: Some(1.5), ..fine() }, &["correlation 1.5", "from 0 to 1"]);
    refused(ScenarioRequest { correlation: Some(f64::NAN), ..fine() }, &["correlation"]);
    refused(ScenarioRequest { to: fine().from, ..fine() }, &["too short", "an hour"]);
    refused(request(Scenario::Bull, "BTCUSDT", "1m", 24 * 401, 1), &["too long", "400 days"]);
    refused(request(Scenario::Bull, "BTCUSDT", "4h", 6, 1), &["begin and end", "4h"]);
    let odd = ScenarioRequest { from: fine().from.plus(30_000_000_000), ..fine() };
    refused(odd, &["begin and end", "1m"]);
}
