//! Same inputs, same bytes; other inputs, another identity.

use std::fs;
use std::path::{Path, PathBuf};

use cryptobot_e2e::{Sandbox, built_release, run_to_end, sample, skip, start};
use serde_json::Value;

const RUN: &str =
    "run --plugin sma-flip --timeframe 15m --to 2024-03-01 --set quantity=0.1 --out run --format json";

/// Runs `host` and returns the run's identity and its journal.
fn identity(sandbox: &Sandbox, arguments: &str) -> (Value, Vec<u8>) {
    let summary = sandbox.host(arguments).expect(0).json();
    assert!(summary["fills"].as_u64().unwrap() > 50, "{}", summary["fills"]);
    (summary["run"].clone(), sandbox.bytes("run/journal.bin"))
}

#[test]
fn the_place_of_data_home_and_work_changes_nothing() {
    let here = Sandbox::with_sample();
    let first = identity(&here, RUN);
    assert_eq!(identity(&here, RUN), first, "a second time");

    let there = Sandbox::new().with_plugin("sma-flip");
    there.link(sample(), "elsewhere");
    assert_eq!(identity(&there, &format!("{RUN} --data elsewhere")), first, "through a link");

    let kinds = ["1m", "mark-1m", "funding"].map(|kind| format!("synthetic/BTCUSDT/{kind}/2024.parquet"));
    for file in kinds.iter().map(String::as_str).chain(["synthetic/instruments.json"]) {
        let copy = there.path("copy").join(file);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(sample().join(file), copy).unwrap();
    }
    let copy = there.path("copy");
    assert_eq!(identity(&there, &format!("{RUN} --data {}", copy.display())), first, "a copy");

    fs::copy(there.path("plugins/dist/sma-flip.wasm"), there.path("other.wasm")).unwrap();
    let other = RUN.replace("--plugin sma-flip", "--plugin ./other.wasm");
    let (run, journal) = identity(&there, &format!("{other} --data elsewhere"));
    assert_eq!(journal, first.1, "the plugin's file under another name");
    assert_eq!(run["plugin_sha256"], first.0["plugin_sha256"]);
}

#[test]
fn every_input_is_part_of_the_identity() {
    let sandbox = Sandbox::with_sample();
    let mut ids = vec![identity(&sandbox, RUN).0["id"].clone()];
    for other in [
        "--seed 43",
        "--set fast=11",
        "--balance 20000",
        "--from 2024-01-02",
        "--to 2024-03-02",
        "--timeframe 5m",
        "--symbol ETHUSDT",
        "--set slow=31",
    ] {
        let flag = other.split(' ').next().unwrap();
        // Flags that are given once only replace those of the command.
        let base: Vec<&str> = RUN.split(' ').collect();
        let mut words: Vec<&str> = Vec::new();
        let mut skip_next = false;
        for word in base {
            if skip_next {
                skip_next = false;
            } else if word == flag && flag != "--set" {
                skip_next = true;
            } else {
                words.push(word);
            }
        }
        let id = identity(&sandbox, &format!("{} {other}", words.join(" "))).0["id"].clone();
        assert!(!ids.contains(&id), "{other} gives the identity of another run");
        ids.push(id);
    }
    let plugin = Sandbox::with_sample().with_plugin("buy-and-hold");
    let other =
        plugin.host(&RUN.replace("sma-flip", "buy-and-hold").replace(" --set quantity=0.1", "")).expect(0);
    assert!(!ids.contains(&other.json()["run"]["id"]));
}

#[test]
fn debug_and_release_give_equal_journals() {
    let Some(release) = release_binary() else {
        return skip(
            "set CRYPTOBOT_HOST_RELEASE to a release binary, or CRYPTOBOT_E2E_RELEASE=1 to build one",
        );
    };
    let sandbox = Sandbox::with_sample();
    let debug = identity(&sandbox, RUN);
    let ran = run_to_end(start(&mut sandbox.command_of(&release, RUN))).expect(0);
    assert_eq!(ran.json()["run"], debug.0);
    assert_eq!(sandbox.bytes("run/journal.bin"), debug.1);
}

pub(crate) fn release_binary() -> Option<PathBuf> {
    match std::env::var_os("CRYPTOBOT_HOST_RELEASE") {
        Some(path) if Path::new(&path).is_file() => Some(path.into()),
        Some(path) => panic!("CRYPTOBOT_HOST_RELEASE: there is no {}", Path::new(&path).display()),
        None => (std::env::var("CRYPTOBOT_E2E_RELEASE").as_deref() == Ok("1")).then(built_release),
    }
}

/// Two bots in a file; `symbols` of the one that both runs have.
fn bots(symbols: &str, other: &str) -> String {
    format!(
        "period: {{to: 2024-03-01}}\nbots:\n  flip:\n    plugin: sma-flip\n    params: {{quantity: 0.1}}\n    \
         symbols: [{symbols}]\n    timeframe: 15m\n    balance: 10000\n{other}"
    )
}

const SECOND: &str = "  hold:\n    plugin: buy-and-hold\n    symbols: [SOLUSDT, BTCUSDT]\n    timeframe: 1h\n    balance: 5000\n";

/// The rows of a bot in a table of a run.
fn rows(sandbox: &Sandbox, file: &str, bot: &str) -> Vec<String> {
    let table = sandbox.read(file);
    let header: Vec<&str> = table.lines().next().unwrap().split(',').collect();
    let position = header.iter().position(|title| *title == "strategy").unwrap();
    // Trades are numbered through the whole run.
    let own = |line: &&str| line.split(',').nth(position) == Some(bot);
    table.lines().filter(own).map(|line| line.split_once(',').unwrap().1.to_owned()).collect()
}

#[test]
fn a_bot_trades_alone_as_in_company() {
    let sandbox = Sandbox::with_sample().with_plugin("buy-and-hold");
    sandbox.write("one.yaml", bots("BTCUSDT, ETHUSDT", ""));
    sandbox.write("two.yaml", bots("BTCUSDT, ETHUSDT", SECOND).replace("bots:", "balance: 15000\nbots:"));
    let one = sandbox.host("run --config one.yaml --out one --format json").expect(0).json();
    let two = sandbox.host("run --config two.yaml --out two --format json").expect(0).json();
    let trades = rows(&sandbox, "one/trades.csv", "flip");
    assert!(trades.len() > 100);
    assert_eq!(trades, rows(&sandbox, "two/trades.csv", "flip"));
    let strategy = |summary: &Value, name: &str| {
        let all = summary["strategies"].as_array().unwrap().clone();
        all.into_iter().find(|strategy| strategy["name"] == name).unwrap()
    };
    // Alpha and beta are left out: they measure against holding all instruments of the run.
    for field in ["final_equity", "trades", "orders", "costs", "metrics/sharpe", "metrics/max_drawdown"] {
        let of = |summary: &Value| strategy(summary, "flip").pointer(&format!("/{field}")).cloned();
        assert!(of(&one).is_some_and(|value| !value.is_null()), "{field}");
        assert_eq!(of(&one), of(&two), "{field}");
    }
    assert_eq!(strategy(&two, "hold")["fills"], 2);
}

#[test]
fn the_order_in_which_symbols_are_written_changes_nothing() {
    let sandbox = Sandbox::with_sample().with_plugin("buy-and-hold");
    sandbox.write("a.yaml", bots("BTCUSDT, ETHUSDT, SOLUSDT", ""));
    sandbox.write("b.yaml", bots("SOLUSDT, BTCUSDT, ETHUSDT", ""));
    let a = identity(&sandbox, "run --config a.yaml --out run --format json");
    assert_eq!(identity(&sandbox, "run --config b.yaml --out run --format json"), a);
}

#[test]
fn the_order_in_which_files_came_changes_nothing() {
    let sandbox = Sandbox::with_sample();
    let folder = "synthetic/BTCUSDT/1m";
    let bars = cryptobot_data::sample::bars("BTCUSDT", 42).unwrap();
    // Names in the order of time and against it, written forwards and backwards.
    let mut seen = Vec::new();
    for names in [["a", "b", "c"], ["c", "b", "a"]] {
        let root = format!("data-{}", names[0]);
        let mut parts: Vec<(usize, &str)> = names.into_iter().enumerate().collect();
        if names[0] == "c" {
            parts.reverse();
        }
        for (part, name) in parts {
            let path = sandbox.path(format!("{root}/{folder}/{name}.parquet"));
            cryptobot_e2e::write_minutes(&path, &bars, part * 30_000..(part + 1) * 30_000);
        }
        let summary = sandbox.host(&format!("{RUN} --data {root}")).expect(0).json();
        seen.push((summary["journal_sha256"].clone(), summary["bars"].clone()));
    }
    assert_eq!(seen[0], seen[1]);
}
