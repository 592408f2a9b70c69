//! `host data record` against an exchange on a loopback address that says what a script has, and loses, repeats and
//! reorders it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cryptobot_data::Catalog;
use cryptobot_data::store::{Cell, SeriesId, SeriesKind, StoredRows};
use cryptobot_e2e::{Ran, Sandbox, repository, run_to_end, skip, start};
use cryptobot_feed::{Input, TapeEnd, TapeReader};
use cryptobot_model::Timestamp;
use cryptobot_model::random::Random;
use cryptobot_test_support::exchange::{Exchange, Fault, Levels, Live, Rules, Said, StreamFault, script};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const SYMBOLS: [&str; 2] = ["BTCUSDT", "ETHUSDT"];
const KINDS: [&str; 5] = ["aggtrades", "depth", "liquidations", "1m", "mark-1m"];
/// Five seconds before a minute.
const BEGIN_MS: i64 = 1_700_000_035_000;

type Faults = BTreeMap<(&'static str, usize), StreamFault>;

/// An exchange that says so many seconds of a market.
fn exchange(seconds: i64, pace: Duration, faults: Faults) -> Exchange {
    let live = Live { script: script(&SYMBOLS, BEGIN_MS, seconds, 7), pace, faults, ..Live::default() };
    with(live)
}

fn with(live: Live) -> Exchange {
    let mut rules = Rules::calm(Arc::new(|| BEGIN_MS), 0);
    rules.live = live;
    Exchange::start(rules)
}

fn command(sandbox: &Sandbox, exchange: &Exchange, more: &str) -> Command {
    let (url, streams) = (exchange.url(), exchange.stream_url());
    let mut command = sandbox.command(&format!(
        "data record --venue binance-usdm --base-url {url} --stream-url {streams} --format json {more}"
    ));
    command.env("NO_PROXY", "127.0.0.1");
    command
}

fn recording(sandbox: &Sandbox, exchange: &Exchange, more: &str) -> Child {
    let (symbols, kinds) = (SYMBOLS.join(","), KINDS.join(","));
    start(&mut command(sandbox, exchange, &format!("--symbol {symbols} --kind {kinds},quotes {more}")))
}

/// Waits until everything was said, and ends the recording by Ctrl-C.
fn heard(exchange: &Exchange, child: Child) -> Ran {
    wait("the exchange to have said everything", || exchange.is_done());
    // What was sent last is on its way, and a snapshot may be.
    thread::sleep(Duration::from_millis(1_500));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    run_to_end(child).expect(130)
}

fn wait(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited for {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

type Row = Vec<Cell>;

/// The rows of a series that is stored.
fn rows(data: &Path, symbol: &str, kind: &str) -> Vec<Row> {
    let kind: SeriesKind = kind.parse().unwrap();
    let series = SeriesId::new("binance-usdm", symbol, kind).unwrap();
    let all = (Timestamp(0), Timestamp(i64::MAX));
    let Ok(mut stored) = StoredRows::open(&Catalog::open(data).unwrap(), &series, all) else {
        return Vec::new();
    };
    let mut rows = Vec::new();
    while let Some(row) = stored.next_row().unwrap() {
        rows.push((0..kind.columns().len()).map(|column| stored.rows().cell(row, column)).collect());
    }
    rows
}

/// The messages of a stream that were said.
fn said(all: &[Said], symbol: &str, stream: &str) -> Vec<Value> {
    let name = format!("{}@{stream}", symbol.to_lowercase());
    all.iter()
        .filter(|said| said.stream == name)
        .map(|said| serde_json::from_str(&said.text).unwrap())
        .collect()
}

fn integer(value: &Value) -> Cell {
    Cell::Integer(value.as_i64().unwrap())
}

fn number(value: &Value) -> Cell {
    Cell::Number(value.as_str().unwrap().parse().unwrap())
}

/// What the catalog has to hold of trades that were said.
fn trades(all: &[Said], symbol: &str) -> Vec<Row> {
    let row = |of: &Value| {
        let key = (of["T"].as_i64().unwrap(), of["a"].as_i64().unwrap());
        let maker = Cell::Flag(of["m"].as_bool().unwrap());
        let row =
            vec![integer(&of["T"]), integer(&of["a"]), number(&of["p"]), number(&of["q"]), integer(&of["f"])];
        (key, [row, vec![integer(&of["l"]), maker]].concat())
    };
    said(all, symbol, "aggTrade").iter().map(row).collect::<BTreeMap<_, _>>().into_values().collect()
}

fn liquidations(all: &[Said], symbol: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for event in said(all, symbol, "forceOrder") {
        let of = &event["o"];
        let average = if of["ap"] == "0" { Cell::Empty } else { number(&of["ap"]) };
        let row = vec![
            integer(&of["T"]),
            Cell::Flag(of["S"] == "SELL"),
            number(&of["p"]),
            number(&of["q"]),
            average,
            number(&of["z"]),
        ];
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows
}

fn bars(all: &[Said], symbol: &str) -> Vec<Row> {
    let closed = said(all, symbol, "kline_1m").into_iter().filter(|event| event["k"]["x"] == true);
    let row = |event: Value| {
        let of = &event["k"];
        let mut row = vec![integer(&of["t"])];
        row.extend(["o", "h", "l", "c", "v", "q"].map(|field| number(&of[field])));
        row.extend([integer(&of["n"]), number(&of["V"])]);
        row
    };
    closed.map(row).collect()
}

/// A book that is followed through stored rows.
#[derive(Default)]
struct Followed {
    snapshots: usize,
    last: i64,
    levels: BTreeMap<(u8, u64), f64>,
}

/// Follows stored rows: each change is one that was said, and follows the one before it or a snapshot.
fn follow(stored: &[Row], all: &[Said], symbol: &str) -> Followed {
    let events = said(all, symbol, "depth@100ms");
    let by_last: BTreeMap<i64, &Value> =
        events.iter().map(|event| (event["u"].as_i64().unwrap(), event)).collect();
    // Changes of no level have no rows, and are followed all the same.
    let empty = |event: &&Value| event["b"] == serde_json::json!([]) && event["a"] == serde_json::json!([]);
    let mut book = Followed::default();
    for update in stored.chunk_by(|a, b| a[..4] == b[..4]) {
        let (Cell::Integer(last), Cell::Flag(snapshot)) = (update[0][1], update[0][3]) else { panic!() };
        if snapshot {
            book.levels.clear();
            book.snapshots += 1;
        } else {
            let event = by_last[&last];
            let levels = ["b", "a"].map(|side| event[side].as_array().unwrap().len());
            assert!(update.len() <= levels[0] + levels[1], "{event}");
            assert_eq!(update[0][0], integer(&event["T"]));
            assert_eq!(update[0][2], integer(&event["U"]));
            let mut before = event["pu"].as_i64().unwrap();
            while before > book.last && by_last.get(&before).is_some_and(empty) {
                before = by_last[&before]["pu"].as_i64().unwrap();
            }
            let first = event["U"].as_i64().unwrap();
            let follows = before == book.last || (first <= book.last && book.last <= last);
            assert!(follows, "{symbol}: {first}..{last} after {before} does not follow {}", book.last);
        }
        book.last = last;
        for level in update {
            let (Cell::Flag(bid), Cell::Number(price), Cell::Number(quantity)) =
                (level[4], level[5], level[6])
            else {
                panic!()
            };
            let key = (u8::from(!bid), (price * 1e8).round() as u64);
            if quantity == 0.0 {
                book.levels.remove(&key);
            } else {
                book.levels.insert(key, quantity);
            }
        }
    }
    book
}

fn numbers(levels: Levels) -> BTreeMap<(u8, u64), f64> {
    levels.into_iter().map(|(key, quantity)| (key, quantity.parse().unwrap())).collect()
}

/// Checks everything that is stored against what was said.
fn stored_is_said(data: &Path, exchange: &Exchange) {
    let all = exchange.said();
    for symbol in SYMBOLS {
        assert_eq!(rows(data, symbol, "aggtrades"), trades(&all, symbol), "{symbol}");
        assert_eq!(rows(data, symbol, "liquidations"), liquidations(&all, symbol), "{symbol}");
        assert_eq!(rows(data, symbol, "1m"), bars(&all, symbol), "{symbol}");
        let book = follow(&rows(data, symbol, "depth"), &all, symbol);
        assert_eq!(book.levels, numbers(exchange.book(symbol).1), "{symbol}");
        assert!(book.snapshots > 0 && book.levels.len() > 20, "{symbol}");
    }
}

/// Everything that is stored, to be compared.
fn everything(data: &Path) -> Vec<Vec<Row>> {
    let of = |symbol: &str| KINDS.map(|kind| rows(data, symbol, kind));
    SYMBOLS.iter().flat_map(|symbol| of(symbol)).collect()
}

#[test]
fn what_an_exchange_says_is_in_the_catalog_and_on_the_tape() {
    let (sandbox, exchange) = (Sandbox::new(), exchange(70, Duration::ZERO, Faults::new()));
    let ran = heard(&exchange, recording(&sandbox, &exchange, "--tape live.tape --every 1s"));
    let report = ran.json();
    let data = sandbox.path("data");
    stored_is_said(&data, &exchange);
    for (symbol, marks) in SYMBOLS.map(|symbol| (symbol, rows(&data, symbol, "mark-1m"))) {
        // The minute that was seen whole.
        let of: Vec<f64> = said(&exchange.said(), symbol, "markPrice@1s")
            .iter()
            .filter(|mark| (BEGIN_MS + 5_000..BEGIN_MS + 65_000).contains(&mark["E"].as_i64().unwrap()))
            .map(|mark| mark["p"].as_str().unwrap().parse().unwrap())
            .collect();
        let (high, low) =
            of.iter().fold((0.0, f64::MAX), |(high, low), mark| (mark.max(high), mark.min(low)));
        let bar = [of[0], high, low, *of.last().unwrap()].map(Cell::Number);
        assert_eq!(marks, [[&[Cell::Integer(BEGIN_MS + 5_000)][..], &bar].concat()], "{symbol}");
    }
    for zero in ["reconnects", "book_gaps", "missing_trades", "repeated", "late", "unreadable"] {
        assert_eq!(report[zero], 0, "{zero} in {report}");
    }
    assert_eq!(report["interrupted"], true);
    let of = |kind: &str, field: &str| {
        let series = report["series"].as_array().unwrap().iter();
        series
            .filter(|series| series["kind"] == kind)
            .map(|series| series[field].as_u64().unwrap())
            .sum::<u64>()
    };
    let stored: usize = SYMBOLS.iter().map(|symbol| rows(&data, symbol, "aggtrades").len()).sum();
    assert_eq!((of("aggtrades", "rows"), of("quotes", "rows")), (stored as u64, 0));
    assert_eq!(of("quotes", "messages"), 70 * 10 * 2);
    assert!(sandbox.path("data/binance-usdm/instruments.json").is_file());
    quotes_come_back(&sandbox.path("live.tape"), &exchange.said());

    let imported = sandbox.host("data import live.tape --data other").expect(0);
    assert!(imported.stdout.contains("binance-usdm BTCUSDT depth: "), "{}", imported.stdout);
    assert_eq!(everything(&sandbox.path("other")), everything(&data));
    let part = sandbox.host("data import live.tape --data part --symbol ETHUSDT --kind 1m --format json");
    assert_eq!(part.expect(0).json().as_array().unwrap().len(), 1);
    sandbox.host("data check").expect(0);
}

/// Compares the quotes of a tape with what was said, to the last digit and in the order.
fn quotes_come_back(tape: &Path, all: &[Said]) {
    let mut tape = TapeReader::new(std::fs::File::open(tape).unwrap()).unwrap();
    let symbols: Vec<String> = tape.series().iter().map(|series| series.symbol.clone()).collect();
    let mut quotes: BTreeMap<String, Vec<[String; 4]>> = BTreeMap::new();
    let mut next = 0;
    while let Some(message) = tape.next_message().unwrap() {
        assert_eq!(message.sequence, next);
        next += 1;
        if let Input::Quote { series, quote } = message.input {
            let texts = [
                quote.bid.to_string(),
                quote.bid_quantity.to_string(),
                quote.ask.to_string(),
                quote.ask_quantity.to_string(),
            ];
            quotes.entry(symbols[series as usize].clone()).or_default().push(texts);
        }
    }
    assert_eq!(tape.end(), Some(TapeEnd::Whole));
    for symbol in SYMBOLS {
        let exact =
            |value: &Value| value.as_str().unwrap().parse::<cryptobot_model::Price>().unwrap().to_string();
        let expected: Vec<[String; 4]> = said(all, symbol, "bookTicker")
            .iter()
            .map(|of| ["b", "B", "a", "A"].map(|field| exact(&of[field])))
            .collect();
        assert_eq!(quotes[symbol], expected, "{symbol}");
    }
}

#[test]
fn drops_gaps_and_repetitions_are_said_and_leave_no_wrong_row() {
    use StreamFault::{Close, Drop, Garbage, Repeat, Skip, Swap};
    let faults = [
        (("public", 1_800), Skip),
        (("public", 100), Repeat),
        (("public", 1_700), Swap),
        (("public", 222), Drop),
        (("public", 400), Garbage),
        (("public", 2_000), Skip),
        (("public", 700), Close(1008)),
        (("market", 30), Repeat),
        (("market", 50), Swap),
        (("market", 90), Drop),
        (("market", 120), Garbage),
        (("market", 150), Skip),
        (("market", 151), Skip),
        (("market", 152), Skip),
    ];
    let script = script(&SYMBOLS, BEGIN_MS, 70, 7);
    let (pace, faults) = (Duration::from_millis(2), faults.into_iter().collect());
    let mut rules = Rules::calm(Arc::new(|| BEGIN_MS), 0);
    rules.live = Live { script, pace, faults, refusals: 1, ..Live::default() };
    // Snapshots come late, and the first one is not to be read.
    let is_first = AtomicBool::new(true);
    rules.faults = Arc::new(move |_, target| {
        let is_book = target.contains("/depth");
        let trouble = is_book && is_first.swap(false, Ordering::Relaxed);
        is_book.then_some(if trouble { Fault::Malformed } else { Fault::Slow(60) })
    });
    let (sandbox, exchange) = (Sandbox::new(), Exchange::start(rules));
    let ran = heard(&exchange, recording(&sandbox, &exchange, "--tape live.tape --every 1s"));
    stored_is_said(&sandbox.path("data"), &exchange);
    let report = ran.json();
    assert_eq!(report["reconnects"], 4, "{report}");
    assert_eq!(report["unreadable"], 2, "{report}");
    assert!(report["resynchronisations"].as_u64() >= Some(3), "{report}");
    for word in [
        "closed with code 1008",
        "numbers",
        "Invalid request",
        "a message cannot be read",
        "depth updates are missing",
    ] {
        assert!(ran.stderr.contains(word), "`{word}` in {}", ran.stderr);
    }
    let imported = sandbox.host("data import live.tape --data other").expect(0);
    assert_eq!(everything(&sandbox.path("other")), everything(&sandbox.path("data")), "{}", imported.stdout);
}

#[test]
fn silence_is_noticed_and_so_is_a_route_that_is_served_no_more() {
    let faults = [(("public", 300), StreamFault::Mute), (("market", 200), StreamFault::Mute)];
    let (sandbox, exchange) = (Sandbox::new(), exchange(70, Duration::from_millis(1), faults.into()));
    let ran = heard(&exchange, recording(&sandbox, &exchange, "--tape live.tape --every 1s --silence 2s"));
    stored_is_said(&sandbox.path("data"), &exchange);
    for route in ["public", "market"] {
        let said = format!("{route}: no sign of life for 2s");
        assert!(ran.stderr.contains(&said), "`{said}` in {}", ran.stderr);
    }
    assert!(ran.json()["reconnects"].as_u64() >= Some(2), "{}", ran.stdout);

    let old = format!("--stream-url {}/old", exchange.stream_url());
    let (url, sandbox) = (exchange.url(), Sandbox::new());
    let mut retired = sandbox.command(&format!(
        "data record --venue binance-usdm --base-url {url} {old} --symbol BTCUSDT --kind depth --silence 1s --duration 4s"
    ));
    let ran = run_to_end(start(retired.env("NO_PROXY", "127.0.0.1"))).expect(0);
    assert!(ran.stderr.contains("subscribed, and not a message for 1s"), "{}", ran.stderr);
}

#[test]
fn killed_at_any_moment_it_keeps_what_was_committed() {
    for case in 0..u64::from(cryptobot_test_support::cases(3)) {
        let (sandbox, exchange) = (Sandbox::new(), exchange(120, Duration::from_millis(1), Faults::new()));
        let mut random = Random::new(case, 9);
        let data = sandbox.path("data");
        let mut before: BTreeMap<(String, &str), usize> = BTreeMap::new();
        for life in 0..3 {
            let tape = format!("{life}.tape");
            let mut child = recording(&sandbox, &exchange, &format!("--tape {tape} --every 1s"));
            wait("the tape", || sandbox.path(&tape).exists());
            thread::sleep(Duration::from_millis(300 + (random.uniform() * 2_500.0) as u64));
            child.kill().unwrap();
            child.wait().unwrap();
            let all = exchange.said();
            for symbol in SYMBOLS {
                let known: BTreeSet<String> =
                    trades(&all, symbol).iter().map(|row| format!("{row:?}")).collect();
                let stored = rows(&data, symbol, "aggtrades");
                assert!(stored.iter().all(|row| known.contains(&format!("{row:?}"))), "case {case}");
                for kind in KINDS {
                    let count = rows(&data, symbol, kind).len();
                    let least = before.insert((symbol.to_owned(), kind), count).unwrap_or(0);
                    assert!(count >= least, "case {case}: {symbol} {kind} lost rows: {count} of {least}");
                }
            }
            // The tape has all that the catalog has of this life, and what was lost of the open batch.
            let imported = sandbox.host(&format!("data import {tape}"));
            if imported.code == Some(0) {
                assert!(!imported.stdout.is_empty());
                let restated = imported.stdout.lines().filter(|line| !line.ends_with(" 0 restated")).count();
                assert_eq!(restated, 0, "{}", imported.stdout);
            } else {
                imported.refused(3, &[&tape, "nothing in it can be stored"]);
            }
            for symbol in SYMBOLS {
                follow_pieces(&rows(&data, symbol, "depth"), &exchange.said(), symbol);
                for kind in KINDS {
                    before.insert((symbol.to_owned(), kind), rows(&data, symbol, kind).len());
                }
            }
        }
    }
}

/// As [`follow`], of several recordings: each begins with a snapshot.
fn follow_pieces(stored: &[Row], all: &[Said], symbol: &str) {
    let mut pieces: Vec<Vec<Row>> = Vec::new();
    for update in stored.chunk_by(|a, b| a[..4] == b[..4]) {
        if update[0][3] == Cell::Flag(true) || pieces.is_empty() {
            pieces.push(Vec::new());
        }
        pieces.last_mut().unwrap().extend_from_slice(update);
    }
    assert!(pieces.iter().all(|piece| piece[0][3] == Cell::Flag(true)), "a snapshot comes first");
    for piece in &pieces {
        follow(piece, all, symbol);
    }
}

#[test]
fn a_full_disk_ends_it_in_one_line_and_costs_nothing_that_was_committed() {
    let (sandbox, exchange) = (Sandbox::new(), exchange(600, Duration::from_millis(2), Faults::new()));
    let recording = command(&sandbox, &exchange, "--symbol BTCUSDT --kind depth --every 1s");
    let words: Vec<String> = std::iter::once(recording.get_program())
        .chain(recording.get_args())
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect();
    // A file that may not grow any more is refused like one on a full disk, where the signal for it is ignored.
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("trap '' XFSZ; ulimit -f 24; exec {}", words.join(" "))]);
    limited.envs(recording.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.current_dir(recording.get_current_dir().unwrap());
    let line = run_to_end(start(&mut limited)).refused(3, &["depth"]);
    println!("{line}");
    assert!(line.contains("too large") || line.contains("os error"), "{line}");
    let stored = rows(&sandbox.path("data"), "BTCUSDT", "depth");
    assert!(!stored.is_empty(), "a batch was committed before");
    follow(&stored, &exchange.said(), "BTCUSDT");
    sandbox.host("data check --kind depth").expect(0);
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let (sandbox, exchange) = (Sandbox::new(), exchange(1, Duration::ZERO, Faults::new()));
    let record = |words: &str| run_to_end(start(&mut command(&sandbox, &exchange, words)));
    record("--symbol BTCUSDT --kind trades").refused(2, &["--kind trades: ", "aggtrades, depth"]);
    record("--symbol BTCUSDT --kind 2m").refused(2, &["--kind 2m: ", "1m 3m 5m"]);
    record("--symbol BTCUSDT --kind quotes").refused(2, &["--kind quotes", "--tape FILE"]);
    record("--symbol BTCUSD --kind depth").refused(3, &["--symbol BTCUSD: ", "BTCUSDT"]);
    sandbox.write("is.tape", "");
    record("--symbol BTCUSDT --kind depth --tape is.tape").refused(2, &["--tape is.tape", "exists already"]);
    sandbox
        .host("data record --venue kraken --symbol XBTUSD --kind depth")
        .refused(2, &["--venue kraken", "binance-usdm"]);
    let mut nowhere = sandbox.command(&format!(
        "data record --venue binance-usdm --symbol BTCUSDT --kind depth --base-url {} --stream-url http://x",
        exchange.url()
    ));
    run_to_end(start(nowhere.env("NO_PROXY", "127.0.0.1"))).refused(2, &["--stream-url http://x", "wss://"]);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut closed = sandbox.command(&format!(
        "data record --venue binance-usdm --symbol BTCUSDT --kind depth --base-url {} --stream-url ws://{free}",
        exchange.url()
    ));
    run_to_end(start(closed.env("NO_PROXY", "127.0.0.1"))).refused(1, &["cannot subscribe", "--stream-url"]);
    sandbox.write("a.csv", "ts,open\n");
    sandbox.host("data import a.csv").refused(2, &["--venue: a.csv does not say it"]);
}

/// The recorded messages of BTCUSDT, with trades as the streams of today say them; `None` = they are not here.
fn recorded(diffs: usize) -> Option<Live> {
    let path = repository().join("../shared/data/messages/binance-usdm/l2/btcusdt_20240808.gz");
    let Ok(file) = std::fs::File::open(&path) else {
        skip(&format!("{} is not here", path.display()));
        return None;
    };
    let mut live = Live::default();
    let mut seen = 0;
    for line in BufReader::new(flate2::read::GzDecoder::new(file)).lines().map_while(Result::ok) {
        let text = line.split_once(' ').unwrap().1;
        let message: Value = serde_json::from_str(text).unwrap();
        if let Some(last) = message["lastUpdateId"].as_u64() {
            let mut levels = Levels::new();
            for (side, name) in [(0, "bids"), (1, "asks")] {
                for level in message[name].as_array().unwrap() {
                    let price: f64 = level[0].as_str().unwrap().parse().unwrap();
                    levels
                        .insert((side, (price * 1e8).round() as u64), level[1].as_str().unwrap().to_owned());
                }
            }
            live.books.insert("BTCUSDT".to_owned(), (last, levels));
            continue;
        }
        let event = &message["data"];
        let said = match event["e"].as_str().unwrap() {
            "depthUpdate" => {
                seen += 1;
                Said { stream: "btcusdt@depth@100ms".to_owned(), text: event.to_string() }
            }
            "trade" => {
                let [at, id, maker] = ["T", "t", "m"].map(|field| &event[field]);
                let [price, quantity] = ["p", "q"].map(|field| &event[field]);
                let text = format!(
                    r#"{{"e":"aggTrade","E":{at},"a":{id},"s":"BTCUSDT","p":{price},"q":{quantity},"f":{id},"l":{id},"T":{at},"m":{maker}}}"#
                );
                Said { stream: "btcusdt@aggTrade".to_owned(), text }
            }
            _ => Said { stream: "btcusdt@bookTicker".to_owned(), text: event.to_string() },
        };
        live.script.push(said);
        if seen == diffs {
            break;
        }
    }
    Some(live)
}

#[test]
fn a_recorded_market_is_recorded_again() {
    let Some(mut live) = recorded(1_500) else { return };
    let total = live.script.len();
    let public = live.script.iter().filter(|said| !said.stream.ends_with("@aggTrade"));
    let diffs = public.enumerate().filter(|(_, said)| said.stream.contains("@depth"));
    let (skipped, _) = diffs.clone().nth(700).unwrap();
    live.faults = [(("public", skipped), StreamFault::Skip), (("market", 500), StreamFault::Drop)].into();
    // A gap has to be followed by enough that a snapshot comes before the end.
    live.pace = Duration::from_micros(300);
    let (sandbox, exchange) = (Sandbox::new(), with(live));
    let words = "--symbol BTCUSDT --kind aggtrades,depth,quotes --tape live.tape --every 1s";
    let ran = heard(&exchange, start(&mut command(&sandbox, &exchange, words)));
    let (data, all) = (sandbox.path("data"), exchange.said());
    let book = follow(&rows(&data, "BTCUSDT", "depth"), &all, "BTCUSDT");
    assert_eq!(book.levels, numbers(exchange.book("BTCUSDT").1), "{}", ran.stderr);
    assert_eq!(book.snapshots, 2, "{}", ran.stderr);
    assert_eq!(rows(&data, "BTCUSDT", "aggtrades"), trades(&all, "BTCUSDT"));
    let bytes = std::fs::metadata(sandbox.path("live.tape")).unwrap().len() as f64;
    println!(
        "{total} recorded messages, {:.1} bytes of tape each, {} snapshots",
        bytes / total as f64,
        book.snapshots
    );
    // Orders meet what was recorded, once it is said that a change is missing.
    let sandbox = sandbox.with_plugin("sma-flip");
    sandbox.write("run.yaml", "venues: {binance-usdm: {funding: none}}");
    let run = "run --config run.yaml --plugin sma-flip --timeframe 5s --balance 1000000 --fills depth --format json";
    sandbox.host(run).refused(3, &["BTCUSDT depth", "missing", "--allow-gaps"]);
    let ran = sandbox.host(&format!("{run} --allow-gaps")).expect(0).json();
    assert!(ran["bars"].as_u64() > Some(8), "{ran}");
    sandbox.host("data import live.tape --data other").expect(0);
    for kind in ["aggtrades", "depth"] {
        assert_eq!(rows(&sandbox.path("other"), "BTCUSDT", kind), rows(&data, "BTCUSDT", kind), "{kind}");
    }
}

#[test]
fn funding_is_stored_when_it_was_paid() {
    const HOURS_8_MS: i64 = 8 * 3_600_000;
    let due = (BEGIN_MS / HOURS_8_MS + 1) * HOURS_8_MS;
    let mut rules = Rules::calm(Arc::new(move || due + 60_000), due - 10 * HOURS_8_MS);
    rules.live.script = script(&SYMBOLS, due - 3_000, 6, 7);
    rules.live.script.retain(|said| said.stream.ends_with("@markPrice@1s"));
    let (sandbox, exchange) = (Sandbox::new(), Exchange::start(rules));
    let child = start(&mut command(&sandbox, &exchange, "--symbol BTCUSDT --kind funding --every 1s"));
    heard(&exchange, child);
    let recorded = rows(&sandbox.path("data"), "BTCUSDT", "funding");
    assert_eq!(recorded.len(), 1);
    let (url, from) = (exchange.url(), Timestamp::from_millis(due));
    let mut download = sandbox.command(&format!(
        "data download --venue binance-usdm --symbol BTCUSDT --kind funding --base-url {url} --from {from} --data other"
    ));
    run_to_end(start(download.env("NO_PROXY", "127.0.0.1"))).expect(0);
    assert_eq!(rows(&sandbox.path("other"), "BTCUSDT", "funding"), recorded);
}

#[test]
fn streams_go_through_the_proxy_of_the_environment() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let asked = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line
    });
    let (sandbox, exchange) = (Sandbox::new(), exchange(1, Duration::ZERO, Faults::new()));
    let mut command = sandbox.command(&format!(
        "data record --venue binance-usdm --symbol BTCUSDT --kind depth --base-url {} --stream-url wss://exchange.invalid",
        exchange.url()
    ));
    command.env("HTTPS_PROXY", proxy).env("NO_PROXY", "127.0.0.1").env_remove("ALL_PROXY");
    let mut child = start(&mut command);
    let line = asked.join().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.starts_with("CONNECT exchange.invalid:443 HTTP/1.1"), "{line}");
}
