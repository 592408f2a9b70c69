//! `host data download` against an exchange on a loopback address.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cryptobot_e2e::{Sandbox, run_to_end, start};
use cryptobot_model::random::Random;
use cryptobot_test_support::exchange::{Exchange, Fault, Rules};
use rustix::process::{Pid, Signal, kill_process};

const SERIES: &str =
    "--venue binance-usdm --symbol BTCUSDT,ETHUSDT --kind 1m,3m,15m,mark-1m,index-1m,funding";
const PERIOD: &str = "--from 2024-01-01 --to 2024-01-05";

/// An exchange whose answers take some ms, as real ones do.
fn exchange(delay_ms: u64) -> Exchange {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let listed = "2024-01-01".parse::<cryptobot_model::Timestamp>().unwrap().millis();
    let mut rules = Rules::calm(Arc::new(now), listed);
    rules.faults = Arc::new(move |_, _| Some(Fault::Slow(delay_ms)));
    Exchange::start(rules)
}

fn command(sandbox: &Sandbox, exchange: &Exchange, more: &str) -> Command {
    let url = exchange.url();
    let mut command = sandbox.command(&format!("data download {SERIES} {PERIOD} --base-url {url} {more}"));
    command.env("NO_PROXY", "127.0.0.1");
    command
}

/// Parquet files below a folder, with their bytes. Others are locks, and what can be made again.
fn stored(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "parquet") {
                found.insert(path.strip_prefix(root).unwrap().to_owned(), std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn undisturbed() -> BTreeMap<PathBuf, Vec<u8>> {
    let sandbox = Sandbox::new();
    run_to_end(start(&mut command(&sandbox, &exchange(0), ""))).expect(0);
    let files = stored(&sandbox.path("data"));
    assert_eq!(files.len(), 12, "{:?}", files.keys());
    files
}

#[test]
fn killed_at_any_moment_it_goes_on_to_the_same_files() {
    let whole = undisturbed();
    for case in 0..u64::from(cryptobot_test_support::cases(3)) {
        let (sandbox, exchange) = (Sandbox::new(), exchange(3));
        let mut random = Random::new(case, 1);
        for _ in 0..4 {
            let mut child = start(&mut command(&sandbox, &exchange, ""));
            thread::sleep(Duration::from_millis(30 + (random.uniform() * 400.0) as u64));
            child.kill().unwrap();
            child.wait().unwrap();
            for (name, bytes) in stored(&sandbox.path("data")) {
                assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"), "{}", name.display());
            }
        }
        run_to_end(start(&mut command(&sandbox, &exchange, ""))).expect(0);
        assert_eq!(stored(&sandbox.path("data")), whole, "case {case}");
        sandbox.host("data check").expect(0);
    }
}

#[test]
fn interrupted_it_stores_what_came_and_goes_on() {
    let (sandbox, exchange) = (Sandbox::new(), exchange(30));
    let child = start(&mut command(&sandbox, &exchange, "--jobs 1 --format json"));
    let deadline = Instant::now() + Duration::from_mins(1);
    while exchange.requests().len() < 6 {
        assert!(Instant::now() < deadline, "the download does not begin");
        thread::sleep(Duration::from_millis(2));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ran = run_to_end(child).expect(130);
    let report = ran.json();
    assert_eq!(report["interrupted"], true);
    assert!(report["series"][0]["stored"]["added"].as_u64().unwrap() > 0, "{report}");
    assert!(ran.stderr.lines().last().unwrap().contains("the same command goes on"), "{}", ran.stderr);
    run_to_end(start(&mut command(&sandbox, &exchange, ""))).expect(0);
    assert_eq!(stored(&sandbox.path("data")), undisturbed());
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let (sandbox, exchange) = (Sandbox::new(), exchange(0));
    let url = exchange.url();
    let download = |words: &str| sandbox.host(&format!("data download --base-url {url} {words}"));
    download("--venue mtgox --symbol BTCUSDT --kind 1m --from 2024-01-01")
        .refused(2, &["mtgox", "binance-usdm"]);
    download("--venue binance-usdm --symbol BTCUSDT --kind 1M --from 2024-01-01")
        .refused(2, &["--kind 1M", "1m 3m", "funding"]);
    download("--venue binance-usdm --symbol BTCUSD --kind 1m --from 2024-01-01")
        .refused(3, &["--symbol BTCUSD:", "BTCUSDT"]);
    download("--venue binance-usdm --symbol BTCUSDT --kind 1m --from 2024-01-02 --to 2024-01-01")
        .refused(2, &["--from must be before --to"]);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let line = sandbox
        .host(&format!(
            "data download --base-url http://{free} --venue binance-usdm --symbol BTCUSDT --kind 1m --from 2024-01-01"
        ))
        .refused(1, &["cannot reach", "check the network"]);
    assert!(line.contains(&free.to_string()), "{line}");
}

#[test]
fn a_proxy_of_the_environment_is_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let asked = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line
    });
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(
        "data download --base-url http://exchange.invalid --venue kraken --symbol XBTUSD --kind 1m --from 2024-01-01",
    );
    command.env("HTTPS_PROXY", proxy).env_remove("ALL_PROXY").env_remove("NO_PROXY");
    let mut child = start(&mut command);
    let line = asked.join().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.contains("exchange.invalid"), "{line}");
}

#[test]
fn a_dry_run_needs_no_network_and_asks_for_nothing() {
    let (sandbox, exchange) = (Sandbox::new(), exchange(0));
    let ran = run_to_end(start(&mut command(&sandbox, &exchange, "--dry-run --format json"))).expect(0);
    let estimate = ran.json();
    assert_eq!(estimate["series"][0]["rows"], 4 * 1_440);
    assert!(estimate["seconds"].as_u64().unwrap() > 0);
    assert!(exchange.requests().is_empty() && !sandbox.path("data").exists());
}
