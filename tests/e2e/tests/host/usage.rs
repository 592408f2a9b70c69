//! Mistakes in commands and run files: each is named, with what is right, and costs no data.

use std::fs;
use std::process::{Command, Stdio};

use cryptobot_e2e::{Ran, Sandbox, run_to_end, skip, start};

/// A run that works, to which mistakes are added.
const RUN: &str = "run --plugin sma-flip --timeframe 1h --set quantity=0.1";

fn refused(sandbox: &Sandbox, more: &str, code: i32, words: &[&str]) {
    let line = sandbox.host(&format!("{RUN} {more}")).refused(code, words);
    println!("{more}\n  {line}");
}

#[test]
fn the_run_that_mistakes_are_added_to_works() {
    Sandbox::with_sample().host(RUN).expect(0);
}

#[test]
fn plugins_that_are_not_there_are_named() {
    let sandbox = Sandbox::with_sample();
    let refused = |plugin: &str, words: &[&str]| {
        println!("{}", sandbox.host(&format!("run --plugin {plugin}")).refused(2, words));
    };
    refused("trnd", &["no plugin `trnd`", "plugins/dist/trnd.wasm"]);
    refused("plugins/dist/trnd.wasm", &["no plugin plugins/dist/trnd.wasm"]);
    refused("plugins", &["plugins is a folder", "host plugin build"]);
}

#[test]
fn parameters_are_checked_against_the_plugin() {
    let sandbox = Sandbox::with_sample();
    let valid = "fast (integer, 1..10000), slow (integer, 2..10000), quantity (number, 0..1000000000)";
    refused(&sandbox, "--set speed=3", 2, &["`speed`", valid]);
    refused(&sandbox, "--set fast=ten", 2, &["fast", "`ten`", "integer", valid]);
    refused(&sandbox, "--set fast=1.5", 2, &["fast", "1.5", "integer"]);
    refused(&sandbox, "--set fast=0", 2, &["fast", "0", "1..10000"]);
    refused(&sandbox, "--set quantity=nan", 2, &["quantity", "NaN"]);
    refused(&sandbox, "--set fast", 2, &["--set", "`fast`", "name=value"]);
    refused(&sandbox, "--set other.fast=3", 2, &["--set", "no bot `other`", "sma-flip"]);
    // What only the plugin can know, it says in its own words.
    refused(&sandbox, "--set fast=40", 4, &["sma-flip", "fast (40) must be below slow (30)"]);
}

/// What the parser of arguments refuses, in its own layout.
fn usage_error(ran: Ran, words: &[&str]) {
    let ran = ran.expect(2);
    for word in words {
        assert!(ran.stderr.contains(word), "expected `{word}` in: {}", ran.stderr);
    }
    assert_eq!(ran.stdout, "");
}

#[test]
fn flags_are_checked() {
    let sandbox = Sandbox::with_sample();
    let with = |more: &str| sandbox.host(&format!("run --plugin sma-flip {more}"));
    usage_error(with("--timeframe 15x"), &["--timeframe", "15x", "15m"]);
    usage_error(with("--timeframe 0m"), &["--timeframe", "0m"]);
    usage_error(with("--from yesterday"), &["--from", "yesterday", "2024-01-31"]);
    usage_error(with("--to 2024-02-30"), &["--to", "2024-02-30"]);
    usage_error(with("--balance lots"), &["--balance", "lots"]);
    usage_error(with("--seed -1"), &["--seed"]);
    usage_error(with("--mode paper"), &["--mode", "paper", "backtest"]);
    usage_error(with("--frobnicate"), &["--frobnicate"]);
    usage_error(sandbox.host("run"), &["--plugin"]);
    usage_error(sandbox.host("rnu"), &["rnu", "--help"]);
    assert!(sandbox.host("--help").expect(0).stdout.contains("run"));
    assert!(sandbox.host("--version").expect(0).stdout.starts_with("host "));
}

#[test]
fn periods_and_balances_must_make_sense() {
    let sandbox = Sandbox::with_sample();
    let period = |more: &str, words: &[&str]| {
        let line = sandbox.host(&format!("run --plugin sma-flip {more}")).refused(2, words);
        println!("{line}");
    };
    period(
        "--from 2024-03-01 --to 2024-02-01",
        &["period", "2024-03-01", "2024-02-01", "--from must be before --to"],
    );
    period("--from 2024-03-01 --to 2024-03-01", &["period", "2024-03-01"]);
    period("--balance 0", &["balance", "greater than zero"]);
    period("--balance -5", &["balance", "greater than zero"]);
}

#[test]
fn run_files_are_checked_with_file_and_line() {
    let sandbox = Sandbox::with_sample();
    let file = |text: &str, words: &[&str]| {
        sandbox.write("bad.yaml", text);
        for command in ["run --config bad.yaml", "config check bad.yaml"] {
            println!("{}", sandbox.host(command).refused(2, words));
        }
    };
    file(
        "seed: 1\nbots:\n  a:\n    plugin: sma-flip\n    tmeframe: 1h\n",
        &["tmeframe", "timeframe", "bad.yaml:5:5: "],
    );
    file("seed: 1\n  balance: 5\nbots: {}\n", &["bad.yaml:1:7: ", "whole number"]);
    file("seed: many\n", &["bad.yaml:1:7: ", "whole number"]);
    file("allow_gaps: perhaps\n", &["bad.yaml:1:13: ", "true or false"]);
    file("execution: {open_late: {k: much}}\n", &["bad.yaml:1:28: ", "must be a number"]);
    file("balance: [1]\n", &["bad.yaml:1:10: ", "single value"]);
    file("bots:\n  a:\n    plugin: sma-flip\n    timeframe: 1x\n", &["bad.yaml:4:16: ", "1x"]);
    file("execution:\n  latency: {model: uniform, base_ms: 5}\n", &["bad.yaml:2:", "uniform", "constant"]);
    file("period: {from: 2024-13-01}\n", &["2024-13-01", "bad.yaml:1:16: "]);
    file("execution:\n  fees: {maker: 0.0002}\n", &["bad.yaml:2:", "taker"]);
    file("bots: {a: {plugin: sma-flip}, a: {plugin: sma-flip}}\n", &["bad.yaml:1:31: ", "a"]);
    file("seed: \"", &["bad.yaml:1:"]);
    file("", &["bots"]);
    file(
        "limits: {history_bars: 100000000}\nbots: {a: {plugin: sma-flip}}\n",
        &["bad.yaml:1:10: limits.history_bars", "1000000"],
    );
    file(
        "limits: {memory_mib: 0}\nbots: {a: {plugin: sma-flip}}\n",
        &["bad.yaml:1:10: limits.memory_mib", "1..65536"],
    );
    file("balance: -1\n", &["bad.yaml:1:1: balance", "greater than zero"]);
    println!("{}", sandbox.host("run --config none.yaml").refused(2, &["none.yaml"]));
    println!("{}", sandbox.host("run --config data").refused(2, &["data"]));
}

#[test]
fn names_of_bots_lead_nowhere() {
    let sandbox = Sandbox::with_sample();
    for name in ["../../evil", "a/b", "", "two\\nlines", "a.b", "über"] {
        sandbox.write("named.yaml", format!("bots: {{\"{name}\": {{plugin: sma-flip}}}}\n"));
        println!("{}", sandbox.host("run --config named.yaml").refused(2, &["bots.", "letters, digits"]));
    }
    assert!(!sandbox.path("runs").exists() && !sandbox.path("../evil-BTCUSDT-1h").exists());
    // A plugin's file may be called anything.
    sandbox.link(&cryptobot_e2e::plugin("sma-flip"), "flip.v1+über.wasm");
    sandbox.host("run --plugin flip.v1+über.wasm --timeframe 1d").expect(0);
    assert!(sandbox.path("runs/flip-v1--ber-BTCUSDT-1d/summary.json").is_file());
}

#[test]
fn one_plugin_cannot_replace_several_bots() {
    let sandbox = Sandbox::with_sample();
    sandbox.write("two.yaml", "bots:\n  a: {plugin: sma-flip}\n  b: {plugin: sma-flip}\n");
    println!(
        "{}",
        sandbox.host("run --config two.yaml --plugin sma-flip").refused(2, &["--plugin", "2 bots"])
    );
    sandbox.write(
        "poor.yaml",
        "balance: 100\nbots:\n  a: {plugin: sma-flip, balance: 100}\n  b: {plugin: sma-flip}\n",
    );
    println!("{}", sandbox.host("run --config poor.yaml").refused(2, &["balance", "100"]));
}

#[test]
fn symbols_and_venues_that_are_not_there_are_named() {
    let sandbox = Sandbox::with_sample();
    refused(&sandbox, "--symbol BTCUSD", 3, &["BTCUSD", "BTCUSDT", "ETHUSDT"]);
    refused(&sandbox, "--symbol ../BTCUSDT", 3, &["../BTCUSDT"]);
    refused(&sandbox, "--venue binance-usdm", 3, &["binance-usdm", "synthetic"]);
    refused(&sandbox, "--data nothing", 3, &["nothing: no such folder", "--data", "host data generate"]);
    fs::create_dir(sandbox.path("empty")).unwrap();
    refused(&sandbox, "--data empty", 3, &["empty: holds no market data", "--data", "host data generate"]);
}

#[test]
fn nothing_of_others_is_deleted() {
    let sandbox = Sandbox::with_sample();
    sandbox.write("thesis/chapter.tex", "years of work");
    refused(&sandbox, "--out thesis", 2, &["thesis", "--out"]);
    refused(&sandbox, "--out thesis/chapter.tex", 2, &["chapter.tex", "--out"]);
    assert_eq!(sandbox.read("thesis/chapter.tex"), "years of work");
    assert_eq!(fs::read_dir(sandbox.path("thesis")).unwrap().count(), 1);
    // A mistake elsewhere leaves the run of before as it is.
    sandbox.host(&format!("{RUN} --out run")).expect(0);
    let summary = sandbox.read("run/summary.json");
    for mistake in ["--set fast=0", "--symbol NONE", "--from 2025-06-01"] {
        let ran = sandbox.host(&format!("run --plugin sma-flip --out run {mistake}"));
        assert!(matches!(ran.code, Some(2 | 3)), "{mistake}: {:?}", ran.code);
        assert_eq!(sandbox.read("run/summary.json"), summary, "{mistake}");
    }
}

#[test]
fn a_plugin_that_refuses_its_parameters_replaces_no_run() {
    let sandbox = Sandbox::with_sample();
    sandbox.host(&format!("{RUN} --out kept")).expect(0);
    let kept = sandbox.path("kept/summary.json");
    let before = fs::read(&kept).unwrap();
    refused(&sandbox, "--out kept --set fast=40", 4, &["fast (40) must be below slow (30)"]);
    assert_eq!(fs::read(&kept).unwrap(), before);
}

#[test]
fn disks_that_take_nothing_are_named() {
    let sandbox = Sandbox::with_sample();
    // Nobody can make folders in /proc, not even root.
    refused(&sandbox, "--out /proc/run", 1, &["/proc/run"]);
    sandbox.write("file", "");
    refused(&sandbox, "--out file/run", 1, &["file/run"]);
    // Disks of some KiB, full with the journal or with what is written after it.
    fs::create_dir(sandbox.path("disk")).unwrap();
    for (size, file) in [("4k", "disk/run/journal.bin"), ("200k", "disk/run/.")] {
        let mut shell = on_a_small_disk(&sandbox, size, &format!("{RUN} --to 2024-02-01 --out disk/run"));
        let ran = run_to_end(start(&mut shell));
        if ran.stderr.contains("unshare") {
            return skip("a small disk needs `unshare` and user namespaces");
        }
        println!("{}", ran.refused(1, &[file, "No space left on device"]));
    }
    // What is only for speed is not needed: here the caches have no place.
    fs::create_dir(sandbox.path("disk/.cache")).unwrap();
    let mut shell = on_a_small_disk(&sandbox, "4k", &format!("{RUN} --out run --format json"));
    shell.env("HOME", sandbox.path("disk"));
    run_to_end(start(&mut shell)).expect(0);
}

/// `host` with a file system of its own at `disk`.
fn on_a_small_disk(sandbox: &Sandbox, size: &str, arguments: &str) -> Command {
    let host = sandbox.command(arguments);
    let mut shell = Command::new("sh");
    shell
        .args([
            "-c",
            "exec unshare -rm sh -c 'mount -t tmpfs -o size=\"$0\" tmpfs disk || { echo unshare: no mount >&2; exit 1; }; exec \"$@\"' \"$@\"",
            "sh",
            size,
        ])
        .arg(host.get_program())
        .args(host.get_args())
        .current_dir(sandbox.path(""))
        .env("HOME", sandbox.path("home"));
    shell
}

#[test]
fn output_that_goes_nowhere_is_no_panic() {
    let sandbox = Sandbox::with_sample();
    for arguments in [
        &format!("{RUN} --out run"),
        &format!("{RUN} --format json"),
        "plugin inspect sma-flip",
        "config schema",
    ] {
        let mut full = sandbox.command(arguments);
        let child =
            full.stdout(fs::File::create("/dev/full").unwrap()).stderr(Stdio::piped()).spawn().unwrap();
        let line = run_to_end(child).refused(1, &["standard output", "No space left on device"]);
        println!("{line}");
        // As `host run | head -1`: the reader has gone.
        let mut closed = sandbox.command(arguments);
        let mut child = closed.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        assert_eq!(run_to_end(child).expect(0).stderr, "");
        let mut deaf = sandbox.command(&format!("{arguments} --frobnicate"));
        let status =
            deaf.stdout(Stdio::null()).stderr(fs::File::create("/dev/full").unwrap()).status().unwrap();
        assert_eq!(status.code(), Some(2));
    }
    assert!(sandbox.path("run/summary.json").is_file());
}

#[test]
fn orders_that_were_refused_are_said_to_be() {
    let sandbox = Sandbox::with_sample();
    let ran = sandbox.host(&format!("{RUN} --set quantity=5")).expect(0);
    let warning = ran.stderr.lines().next().unwrap();
    println!("{warning}");
    assert!(warning.starts_with("warning: sma-flip: "), "{warning}");
    assert!(
        warning.contains("orders were refused as insufficient-margin") && warning.contains("--balance"),
        "{warning}"
    );
    let json =
        sandbox.host(&format!("{RUN} --set quantity=0.001 --to 2024-01-20 --format json")).expect(0).json();
    assert!(json["warnings"].to_string().contains("below-minimum"), "{}", json["warnings"]);
    assert_eq!(json["fills"], 0);
}
