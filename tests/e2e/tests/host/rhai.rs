//! Scripts: the same life as that of components, and mistakes that are shown where they stand.

use std::fs;
use std::process::Command;

use cryptobot_e2e::{Ran, Sandbox, repository};

/// A sandbox with the sample and the example scripts.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_sample();
    for name in ["ema.rhai", "sma-flip.rhai"] {
        let text = fs::read(repository().join("examples/rhai").join(name)).unwrap();
        sandbox.write(name, text);
    }
    sandbox
}

const FLIP: &str = "--timeframe 15m --to 2024-03-01 --set quantity=0.1 --set fast=12 --format json";

#[test]
fn a_script_trades_as_the_component_does() {
    let sandbox = sandbox();
    for more in ["", "--symbol BTCUSDT --symbol ETHUSDT --set slow=40"] {
        let component =
            sandbox.host(&format!("run --plugin sma-flip --out a {FLIP} {more}")).expect(0).json();
        let script =
            sandbox.host(&format!("run --plugin sma-flip.rhai --out b {FLIP} {more}")).expect(0).json();
        assert!(script["fills"].as_u64().unwrap() > 50);
        assert_eq!(script["journal_sha256"], component["journal_sha256"]);
        assert_ne!(script["run"]["id"], component["run"]["id"]);
        for field in ["final_equity", "orders", "fills", "trades", "costs", "metrics"] {
            assert_eq!(script[field], component[field], "{field}");
        }
        assert_eq!(sandbox.bytes("a/journal.bin"), sandbox.bytes("b/journal.bin"));
    }
    let inspected = sandbox.host("plugin inspect sma-flip.rhai --format json").expect(0).json();
    assert_eq!(inspected["sha256"], sandbox.summary("b")["run"]["plugin_sha256"]);
    assert_eq!(inspected["params"][0]["name"], "fast");
    assert_eq!(inspected["wants"], serde_json::json!(["bars"]));
}

/// `plugins/guarded-flip` as a script.
const GUARDED: &str = r#"
let fast = sma(10);
let slow = sma(30);
state.target = 0.0;
state.stop = 0;
state.replaced = 0;

fn clear() {
    if state.stop != 0 { cancel(state.stop); state.replaced = state.stop; state.stop = 0; }
}

fn on_bar(bar) {
    let target = if fast > slow { 0.1 } else if fast < slow { -0.1 } else { return };
    if target != state.target {
        state.target = target;
        clear();
        target_position(target);
    }
}

fn on_outcome(event) {
    if event.id == state.stop || event.id == state.replaced {
        if event.id == state.stop { state.stop = 0; }
        if event.kind == "rejected" { target_position(0.0); }
        return;
    }
    if event.kind != "filled" { return; }
    clear();
    if position() > 0.0 {
        state.stop = sell(position(), #{stop: event.price * (1.0 - 0.01), watch: "last", reduce_only: true});
    } else if position() < 0.0 {
        state.stop = buy(-position(), #{stop: event.price * (1.0 + 0.01), watch: "last", reduce_only: true});
    }
}
"#;

#[test]
fn a_script_and_a_component_that_want_outcomes_do_the_same() {
    let sandbox = sandbox().with_plugin("guarded-flip");
    sandbox.write("guarded.rhai", GUARDED);
    let run = "--timeframe 15m --to 2024-03-01 --leverage 3 --format json";
    let set = "--set quantity=0.1 --set stop=0.01";
    let component = sandbox.host(&format!("run --plugin guarded-flip {set} --out a {run}")).expect(0).json();
    let script = sandbox.host(&format!("run --plugin guarded.rhai --out b {run}")).expect(0).json();
    assert!(component["orders"].as_u64() > component["fills"].as_u64(), "stops are replaced: {component}");
    assert_eq!(script["journal_sha256"], component["journal_sha256"]);
    let paged = format!("run --plugin guarded-flip {set} --delivery paged --out c {run}");
    assert_eq!(sandbox.host(&paged).expect(0).json()["journal_sha256"], component["journal_sha256"]);
    for plugin in ["guarded-flip", "guarded.rhai"] {
        let inspected = sandbox.host(&format!("plugin inspect {plugin} --format json")).expect(0).json();
        assert_eq!(inspected["wants"], serde_json::json!(["bars", "outcomes"]), "{plugin}");
        let shown = sandbox.host(&format!("plugin inspect {plugin}")).expect(0).stdout;
        assert!(shown.contains("wants bars, outcomes"), "{shown}");
    }
    // Every step of the stops is in the journal, whoever was told of it.
    let orders = sandbox.read("a/orders.csv");
    assert!(["cancelled", "filled", "rejected"].iter().all(|end| orders.contains(end)), "{orders}");
}

#[test]
fn the_benchmark_job_of_the_script_gives_the_journal_of_the_component() {
    let sandbox = sandbox();
    let run = "--timeframe 1m --to 2024-02-01 --set quantity=0.1 --format json";
    let component = sandbox.host(&format!("run --plugin sma-flip {run}")).expect(0).json();
    let script = sandbox.host(&format!("run --plugin sma-flip.rhai {run}")).expect(0).json();
    assert!(script["orders"].as_u64().unwrap() > 1_000);
    assert_eq!(script["journal_sha256"], component["journal_sha256"]);
}

#[test]
fn a_script_is_found_by_name_and_runs_beside_a_component() {
    let sandbox = sandbox();
    fs::rename(sandbox.path("ema.rhai"), sandbox.path("plugins/dist/ema.rhai")).unwrap();
    sandbox.write(
        "bots.yaml",
        "period: {to: 2024-02-01}\nbots:\n  one: {plugin: ema, timeframe: 1h, params: {fast: 5}}\n  two: {plugin: \
         sma-flip, timeframe: 1h, params: {quantity: 0.01}}\n",
    );
    let summary = sandbox.host("run --config bots.yaml --format json").expect(0).json();
    let strategies = summary["strategies"].as_array().unwrap();
    assert_eq!(strategies.len(), 2);
    assert!(strategies.iter().all(|strategy| strategy["fills"].as_u64().unwrap() > 5), "{strategies:?}");
    sandbox.host("run --plugin ema --set fast=1").refused(2, &["`fast` must lie in 2..200, not 1"]);
    sandbox.host("run --plugin ema --set fast=x").refused(2, &["`fast` takes an integer, not `x`"]);
    sandbox.host("run --plugin ema --set quick=1").refused(2, &["no parameter `quick`"]);
    sandbox.host("run --plugin nothing.rhai").refused(2, &["there is no plugin nothing.rhai"]);
}

/// The lines of an error that shows a place, without the excerpt's margins.
fn shows(ran: &Ran, code: i32, words: &str, line: &str) {
    assert_eq!(ran.code, Some(code), "{}", ran.stderr);
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(lines.len(), 4, "{}", ran.stderr);
    assert!(
        lines[0].starts_with("error: ") && lines[0].contains(words),
        "expected `{words}` in {}",
        ran.stderr
    );
    assert_eq!(lines[1].trim(), "|");
    assert!(lines[2].contains(line), "expected `{line}` in {}", ran.stderr);
    assert!(lines[3].ends_with('^'), "{}", ran.stderr);
}

#[test]
fn mistakes_are_shown_where_they_stand() {
    let sandbox = sandbox();
    for (text, words, line) in [
        (
            "let a = 1\nfn on_bar(bar) { }\n",
            "x.rhai:2:1: `;` is missing before this",
            "2 | fn on_bar(bar) { }",
        ),
        ("fn on_bar(bar) {\n  buy(amount);\n}\n", "x.rhai:2:7: `amount` is not known", "2 |   buy(amount);"),
        (
            "fn on_bar(bar) {\n  if bar.close < 0.0 { byu(1.0); }\n}\n",
            "x.rhai:2:24: there is no function `byu`; did you mean `buy`?",
            "2 |   if bar.close < 0.0 { byu(1.0); }",
        ),
        ("let l = ema(0);\nfn on_bar(bar) { }\n", "x.rhai:1:9: `ema` takes period", "1 | let l = ema(0);"),
        ("fn init() { throw \"no\"; }\nfn on_bar(bar) { }\n", "refused: x.rhai:1:13: no", "1 | fn init()"),
    ] {
        sandbox.write("x.rhai", text);
        shows(&sandbox.host("run --plugin x.rhai --timeframe 1h --to 2024-02-01"), 4, words, line);
        let checked = sandbox.host("plugin check x.rhai").expect(4);
        assert!(checked.stdout.contains(words) && checked.stdout.contains(line), "{}", checked.stdout);
    }
    sandbox.write("x.rhai", b"\xff\xfe");
    sandbox.host("run --plugin x.rhai").refused(4, &["x.rhai: not a text in UTF-8"]);
}

#[test]
fn a_fault_in_a_run_is_one_line_in_the_summary_and_an_excerpt_on_the_terminal() {
    let sandbox = sandbox();
    sandbox.write(
        "x.rhai",
        "state.n = 0;\nfn on_bar(bar) {\n  state.n += 1;\n  if state.n > 9 { loop { now(); } }\n}\n",
    );
    sandbox.write("limits.yaml", "limits: {script_operations: 1000}\n");
    let ran = sandbox.host(
        "run --config limits.yaml --plugin x.rhai --timeframe 1h --to 2024-02-01 --format json --out run",
    );
    let fault = ran.json()["faults"][0].clone();
    assert_eq!(fault["kind"], "instructions");
    let message = fault["message"].as_str().unwrap();
    assert!(message.contains("x.rhai:2:1:") && message.contains("used up its 1000 operations"), "{message}");
    assert_eq!(message.lines().count(), 1);
    assert_eq!(fault["ts"], "2024-01-01T10:00:00Z");
    shows(&ran, 4, "used up its 1000 operations", "2 | fn on_bar(bar) {");
}

/// Each callback takes some milliseconds, all of them together seconds.
#[test]
fn a_script_that_is_slow_by_a_little_is_stopped() {
    let sandbox = sandbox();
    sandbox.write("x.rhai", "fn on_bar(bar) {\n  for i in 0..150_000 { let x = i; }\n}\n");
    sandbox.write("limits.yaml", "limits: {total_callbacks_s: 1}\n");
    let run = "run --config limits.yaml --plugin x.rhai --timeframe 15m --format json";
    let summary = sandbox.host(run).expect(4).json();
    let fault = &summary["faults"][0];
    assert_eq!((&fault["kind"], &summary["reproducible"]), (&"total-time".into(), &false.into()), "{fault}");
    assert!(summary["timing"]["calls_s"]["x"].as_f64().unwrap() >= 1.0, "{}", summary["timing"]);
}

#[test]
fn a_new_script_is_checked_and_run() {
    let sandbox = sandbox();
    let made = sandbox.host("plugin new --lang rhai my-strategy").expect(0);
    assert!(made.stdout.contains("host plugin check my-strategy.rhai"), "{}", made.stdout);
    sandbox.host("plugin new --lang rhai my-strategy").refused(2, &["my-strategy.rhai exists already"]);
    sandbox.host("plugin new --lang rhai My_Strategy").refused(2, &["`My_Strategy`"]);
    let checked = sandbox.host("plugin check my-strategy.rhai").expect(0);
    assert!(!checked.stdout.contains("problem"), "{}", checked.stdout);
    let summary =
        sandbox.host("run --plugin my-strategy.rhai --timeframe 1h --out run --format json").expect(0).json();
    assert_eq!(summary["run"]["plugin"], "my-strategy");
    assert!(summary["trades"].as_u64().unwrap() > 0);
    assert!(sandbox.read("run/log.txt").contains("INFO my-strategy: entry 1 at"));
}

#[test]
fn debug_and_release_give_a_script_equal_journals() {
    let Some(release) = crate::determinism::release_binary() else {
        return cryptobot_e2e::skip(
            "set CRYPTOBOT_HOST_RELEASE to a release binary, or CRYPTOBOT_E2E_RELEASE=1",
        );
    };
    let sandbox = sandbox();
    let run = "run --plugin ema.rhai --timeframe 15m --to 2024-03-01 --format json";
    let debug = sandbox.host(run).expect(0).json();
    let mut command: Command = sandbox.command_of(&release, run);
    let ran = cryptobot_e2e::run_to_end(cryptobot_e2e::start(&mut command)).expect(0).json();
    assert_eq!(ran["journal_sha256"], debug["journal_sha256"]);
}

/// The same script takes over from itself, and a changed one carries its state on.
#[test]
fn a_script_is_swapped_with_its_state() {
    let sandbox = sandbox();
    let run = "run --plugin sma-flip.rhai --timeframe 15m --to 2024-03-01 --set quantity=0.1 --format json";
    let plain = sandbox.host(run).expect(0).json();
    let swapped = sandbox
        .host(&format!("{run} --swap 2024-01-20=sma-flip.rhai --swap bar:3000=sma-flip.rhai"))
        .expect(0)
        .json();
    assert_eq!(swapped["journal_sha256"], plain["journal_sha256"]);
    assert!(
        swapped["swaps"].as_array().unwrap().iter().all(|swap| swap["done"] == true),
        "{}",
        swapped["swaps"]
    );

    let counting =
        "state.n = 0;\nfn on_bar(bar) { state.n += 1; if state.n % 100 == 0 { info(`${state.n}`); } }\n";
    sandbox.write("a.rhai", counting);
    sandbox.write(
        "b.rhai",
        format!("state.more = 7;\n{}", counting.replace("${state.n}", "${state.n} ${state.more}")),
    );
    sandbox.write("broken.rhai", "fn on_bar(bar) { nothing }\n");
    let ran = sandbox.host(
        "run --plugin a.rhai --timeframe 1h --to 2024-02-01 --swap bar:150=b.rhai --swap bar:500=broken.rhai \
         --out run --format json",
    );
    assert_eq!(ran.json()["swaps"][0]["done"], true, "{}", ran.stdout);
    assert_eq!(ran.json()["swaps"][1]["done"], false, "{}", ran.stdout);
    let log = sandbox.read("run/log.txt");
    let lines: Vec<&str> = log.lines().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(lines, ["100", "200 7", "300 7", "400 7", "500 7", "600 7", "700 7"]);
}

#[test]
fn a_script_gets_no_more_than_it_is_granted() {
    let sandbox = sandbox();
    sandbox.write(
        "deny.yaml",
        "period: {to: 2024-01-08}\nbots: {b: {plugin: ema.rhai, timeframe: 1h, grants: {deny: [orders]}}}\n",
    );
    sandbox.host("run --config deny.yaml").refused(4, &["ema.rhai: it uses the interface `orders`"]);
}

#[test]
fn a_script_that_calls_more_than_before_is_told_of() {
    let sandbox = sandbox();
    let run = "run --plugin x.rhai --timeframe 1h --to 2024-01-08 --format json";
    sandbox.write("x.rhai", "fn on_bar(bar) { target_position(0.01); }\n");
    assert_eq!(sandbox.host(run).expect(0).json()["warnings"], serde_json::json!([]));
    sandbox.write("x.rhai", "let line = ema(3);\nfn on_bar(bar) { target_position(0.01); }\n");
    let told = sandbox.host(run).expect(0).json()["warnings"].to_string();
    assert!(told.contains("x.rhai uses more than before: interface indicators"), "{told}");
    assert_eq!(sandbox.host(run).expect(0).json()["warnings"], serde_json::json!([]));
}
