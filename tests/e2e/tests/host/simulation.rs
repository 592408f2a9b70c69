//! Simulations: the same engine on data that arrive when they happened.

use std::io::Write;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use cryptobot_e2e::{Ran, Sandbox, plugin, run_to_end, start};
use cryptobot_feed::{TapeEnd, TapeReader};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::funding::{DAYS, mark_minutes, perpetual, write_rates};

/// Plugins with what makes them trade on the sample: one and several symbols, brackets, timers, signals, trailing stops.
const PLUGINS: [(&str, &str); 8] = [
    ("arbitrage-scout", "--symbol BTCUSDT --symbol ETHUSDT"),
    ("breakout", "--symbol BTCUSDT --symbol SOLUSDT --set stake=0.95"),
    ("buy-and-hold", ""),
    ("mean-reversion", "--symbol BTCUSDT --symbol ETHUSDT --set stake=0.95"),
    ("noise", "--symbol BTCUSDT --symbol ADAUSDT"),
    ("signal-flip", "--set stop=0.01"),
    ("sma-flip", "--set quantity=0.1"),
    ("trend", "--set fast=5 --set slow=20 --set trail=true"),
];

const PERIOD: &str = "--timeframe 15m --from 2024-01-01 --to 2024-02-01 --format json";

fn with(name: &str) -> Sandbox {
    let sandbox = Sandbox::with_sample();
    if name == "sma-flip" { sandbox } else { sandbox.with_plugin(name) }
}

/// Both modes with the same arguments; what they leave is equal. Returns both summaries.
fn both(sandbox: &Sandbox, arguments: &str) -> (Value, Value) {
    let backtest = sandbox.host(&format!("run {arguments} --out backtest")).expect(0).json();
    let simulation = simulate(sandbox, &format!("{arguments} --speed max")).expect(0).json();
    same(sandbox, &backtest, &simulation);
    for run in ["backtest", "simulation"] {
        let replayed = replayed(sandbox, run);
        assert_eq!((&replayed["differing_intents"], &replayed["intents"]), (&0.into(), &backtest["intents"]));
        assert_eq!(replayed["replayed_sha256"], backtest["journal_sha256"]);
        assert_eq!(replayed["warnings"], serde_json::json!([]));
    }
    (backtest, simulation)
}

/// `host replay` of a run in which nothing differs.
fn replayed(sandbox: &Sandbox, run: &str) -> Value {
    sandbox.host(&format!("replay {run} --format json")).expect(0).json()
}

fn simulate(sandbox: &Sandbox, arguments: &str) -> Ran {
    sandbox.host(&format!("run --mode simulation {arguments} --out simulation"))
}

fn same(sandbox: &Sandbox, backtest: &Value, simulation: &Value) {
    assert_eq!(backtest["journal_sha256"], simulation["journal_sha256"]);
    for file in ["journal.bin", "orders.csv", "fills.csv", "trades.csv", "equity.csv"] {
        let [one, other] = ["backtest", "simulation"].map(|run| sandbox.bytes(&format!("{run}/{file}")));
        assert!(one == other, "{file}");
    }
    for field in ["bars", "intents", "metrics", "costs", "period", "warnings", "faults"] {
        assert_eq!(backtest[field], simulation[field], "{field}");
    }
    assert_eq!(
        (&backtest["run"]["mode"], &simulation["run"]["mode"]),
        (&"backtest".into(), &"simulation".into())
    );
}

#[test]
fn a_simulation_is_the_backtest() {
    for (name, more) in PLUGINS {
        let (backtest, simulation) = both(&with(name), &format!("--plugin {name} {more} {PERIOD}"));
        assert!(backtest["intents"].as_u64().unwrap() > 0, "{name}");
        assert_eq!(simulation["files"]["tape"], "tape.bin");
        println!("{name}: {} bars, {} intents", backtest["bars"], backtest["intents"]);
    }
}

const SEVERAL: &str = "balance: 100000\n\
    execution:\n  fill_timeframe: 5m\n  margin: {leverage: 20}\n  \
    latency: {model: normal, base_ms: 400, jitter_ms: 100, spike_probability: 0.05, spike_multiplier: 1000}\n\
    operator:\n  - {at: 2024-01-10T03:30, command: halt}\n  - {at: 2024-01-11, command: resume}\n  \
    - {at: 2024-01-20T00:07, command: kill, flatten: true, bot: flip}\n\
    bots:\n  flip: {plugin: sma-flip, symbols: [BTCUSDT, ETHUSDT], timeframe: 15m, params: {quantity: 2}}\n  \
    noise: {plugin: noise, symbols: [ADAUSDT, BTCUSDT], timeframe: 1h}\n  \
    trend: {plugin: trend, symbols: [SOLUSDT], timeframe: 1h, stake: {percent_of_equity: 0.5}, \
    swaps: [{at: 2024-01-15, plugin: trend}]}\n";

#[test]
fn several_bots_with_margin_funding_latency_swaps_and_commands() {
    let sandbox = with("noise").with_plugin("trend");
    sandbox.write("several.yaml", SEVERAL);
    let period = "--config several.yaml --from 2024-01-01 --to 2024-02-01 --format json";
    let (backtest, _) = both(&sandbox, period);
    assert!(backtest["costs"]["funding"] != "0" && backtest["fills"].as_u64().unwrap() > 100, "{backtest}");
    assert_eq!(sandbox.bytes("backtest/funding.csv"), sandbox.bytes("simulation/funding.csv"));
    println!("{} {}", backtest["costs"], backtest["fills"]);
}

#[test]
fn recorded_markets_arrive_event_by_event() {
    let Some(sandbox) = Sandbox::with_real_data() else { return };
    let config = "balance: 1000000\nvenues: {binance-usdm: {funding: none}}\n\
        execution:\n  recordings: {BTCUSDT: data/messages/binance-usdm/l2/btcusdt_20240808.gz}\n  \
        latency: {model: constant, base_ms: 5}\n\
        bots: {flip: {plugin: sma-flip, venue: binance-usdm, timeframe: 5s, params: {fast: 2, slow: 5, quantity: 1.5}}}\n";
    sandbox.write("recorded.yaml", config);
    for fills in ["depth", "trades"] {
        let (backtest, _) = both(&sandbox, &format!("--config recorded.yaml --fills {fills} --format json"));
        assert!(backtest["fills"].as_u64().unwrap() > 10, "{backtest}");
    }
}

#[test]
fn real_funding_is_priced_at_marks_that_are_told_in_time() {
    let Some(sandbox) = Sandbox::with_real_data() else { return };
    let period = "--venue binance-usdm --symbol BTCUSDT --timeframe 1h --from 2023-01-01 --to 2023-06-01";
    let (backtest, _) = both(&sandbox, &format!("--plugin buy-and-hold {period} --format json"));
    let funding = sandbox.read("simulation/funding.csv");
    assert_eq!(funding, sandbox.read("backtest/funding.csv"));
    println!("{} {}", backtest["costs"], funding.lines().nth(1).unwrap_or_default());
}

#[test]
fn funding_is_paid_at_the_open_of_a_mark_bar_that_has_not_closed() {
    let sandbox = perpetual();
    write_rates(&sandbox, 8, &[]);
    mark_minutes(&sandbox, "2023", 0..DAYS * 1_440);
    let arguments = "--plugin sma-flip --timeframe 15m --set quantity=0.01 --format json";
    let (backtest, _) = both(&sandbox, arguments);
    let funding = sandbox.read("simulation/funding.csv");
    assert_eq!(funding, sandbox.read("backtest/funding.csv"));
    assert!(funding.matches(",mark-open,").count() > 10, "{funding}");
    assert_ne!(backtest["costs"]["funding"], "0");
}

#[test]
fn lines_on_standard_input_pause_step_and_leap_and_change_nothing() {
    let sandbox = Sandbox::with_sample();
    let arguments = format!("--plugin sma-flip --set quantity=0.1 {PERIOD}");
    let backtest = sandbox.host(&format!("run {arguments} --out backtest")).expect(0).json();
    let mut command =
        sandbox.command(&format!("run --mode simulation {arguments} --speed 1000 --out simulation"));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = child.stdin.take().unwrap();
    let mut say = |line: &str| {
        writeln!(lines, "{line}").unwrap();
        sleep(Duration::from_millis(100));
    };
    for line in ["p", "s", "s", "nonsense", "p", "+", "-", "p", ">2024-01-20", "s", "p", "max"] {
        say(line);
    }
    let ran = run_to_end(child).expect(0);
    same(&sandbox, &backtest, &ran.json());
    for said in ["paused 2024-01-01T", "2000x", "1000x", "leap to a time", "max"] {
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
}

#[test]
fn the_operator_commands_and_a_repetition_does_as_well() {
    let sandbox = Sandbox::with_sample();
    let arguments = format!("run --mode simulation --plugin sma-flip --set quantity=0.1 {PERIOD} --out run");
    let mut command = sandbox.command(&format!("{arguments} --speed 30000"));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = child.stdin.take().unwrap();
    let mut say = |line: &str| {
        writeln!(lines, "{line}").unwrap();
        sleep(Duration::from_secs(3));
    };
    for line in ["halt nobody", "", "flatten", "resume sma-flip", "resume", "flatten", "max"] {
        say(line);
    }
    let ran = run_to_end(child).expect(0);
    assert!(ran.stderr.contains("there is no bot `nobody`"), "{}", ran.stderr);
    let summary = ran.json();
    let states = summary["states"].as_array().unwrap();
    let to: Vec<&str> = states.iter().map(|state| state["to"].as_str().unwrap()).collect();
    assert_eq!(to, ["halted", "active", "halted"], "{states:?} {}", summary["warnings"]);
    assert_eq!(summary["open_positions"], serde_json::json!([]));
    let replayed = replayed(&sandbox, "run");
    assert_eq!(replayed["replayed_sha256"], summary["journal_sha256"]);
}

#[test]
fn time_passes_at_the_speed_that_is_asked_for() {
    let sandbox = Sandbox::with_sample();
    // 48 bars of 15 minutes and the first: 47 waits of a quarter of a second.
    let arguments = "--plugin sma-flip --timeframe 15m --from 2024-01-01 --to 2024-01-01T12:00 --speed 3600 --format json";
    let ran = simulate(&sandbox, arguments).expect(0);
    let engine_s = ran.json()["timing"]["engine_s"].as_f64().unwrap();
    assert!((11.7..20.0).contains(&engine_s), "{engine_s}");
    assert_eq!(ran.json()["bars"], 48);
}

#[test]
fn an_interrupted_simulation_saves_what_is_finished() {
    let sandbox = Sandbox::with_sample();
    let arguments =
        "run --mode simulation --plugin sma-flip --timeframe 1m --speed 600 --out run --format json";
    let child = start(&mut sandbox.command(arguments));
    let deadline = Instant::now() + Duration::from_mins(1);
    while std::fs::metadata(sandbox.path("run/tape.bin")).map_or(0, |file| file.len()) < 700 {
        assert!(Instant::now() < deadline, "nothing is recorded");
        sleep(Duration::from_millis(20));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let summary = run_to_end(child).expect(130).json();
    assert_eq!((&summary["interrupted"], &sandbox.summary("run")), (&true.into(), &summary));
    assert!(summary["bars"].as_u64().unwrap() > 0);
    sandbox.host("journal verify run").expect(0);
    assert_eq!(replayed(&sandbox, "run")["bars"], summary["bars"]);
}

#[test]
fn a_simulation_ends_when_its_time_is_over() {
    let sandbox = Sandbox::with_sample();
    let arguments = "--plugin sma-flip --timeframe 1m --speed 60 --duration 2s --format json";
    let summary = simulate(&sandbox, arguments).expect(0).json();
    assert_eq!(summary["interrupted"], false);
    assert!((1..5).contains(&summary["bars"].as_u64().unwrap()), "{}", summary["bars"]);
    assert!(summary["warnings"].to_string().contains("its time was over"), "{}", summary["warnings"]);
}

#[test]
fn a_changed_plugin_file_takes_over() {
    let sandbox = Sandbox::with_sample().with_plugin("trend");
    sandbox.write("bot.wasm", std::fs::read(plugin("sma-flip")).unwrap());
    let arguments = "run --mode simulation --plugin bot.wasm --timeframe 1m --speed 600 --watch --duration 30s --out run --format json";
    let child = start(&mut sandbox.command(arguments));
    let deadline = Instant::now() + Duration::from_mins(1);
    while std::fs::metadata(sandbox.path("run/tape.bin")).map_or(0, |file| file.len()) < 500 {
        assert!(Instant::now() < deadline, "nothing is recorded");
        sleep(Duration::from_millis(20));
    }
    // No plugin: the running version goes on. Then the other way to write the same strategy, with a byte more.
    sandbox.write("bot.wasm", "no plugin");
    sleep(Duration::from_secs(3));
    let mut other = std::fs::read(plugin("sma-flip")).unwrap();
    // An empty custom section named `x`.
    other.extend([0, 2, 1, b'x']);
    sandbox.write("bot.wasm", &other);
    sleep(Duration::from_secs(5));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let summary = run_to_end(child).expect(130).json();
    let swaps = summary["swaps"].as_array().unwrap();
    assert_eq!(swaps.len(), 1, "{swaps:?} {}", summary["warnings"]);
    assert_eq!(swaps[0]["done"], true, "{swaps:?}");
    assert_ne!(swaps[0]["plugin_sha256"], summary["run"]["plugin_sha256"]);
    let warnings = summary["warnings"].to_string();
    assert!(warnings.contains("the running version went on"), "{warnings}");
    // The repetition needs neither the first file nor the second.
    std::fs::remove_file(sandbox.path("bot.wasm")).unwrap();
    let replayed = replayed(&sandbox, "run");
    assert_eq!((&replayed["source"], &replayed["bars"]), (&"tape".into(), &summary["bars"]));
}

#[test]
fn a_call_that_took_too_long_is_not_made_again() {
    let sandbox = Sandbox::with_sample().with_plugin("hostile");
    // The plugin asks for a position and hangs when it hears of its order; so do two fresh instances.
    sandbox.write(
        "slow.yaml",
        "balance: 1000000\nlimits: {callback_deadline_ms: 300}\n\
         bots:\n  bad: {plugin: hostile, timeframe: 1h, params: {behaviour: loop, in: on-order}, on_fault: flatten, \
         restart: {max: 2, window: 1d, backoff: 2h}}\n",
    );
    let arguments = "--config slow.yaml --from 2024-01-01 --to 2024-01-03 --speed max --format json";
    let summary = simulate(&sandbox, arguments).expect(4).json();
    let faults = summary["faults"].as_array().unwrap();
    assert!(!faults.is_empty() && faults.iter().all(|fault| fault["kind"] == "deadline"), "{faults:?}");
    let began = Instant::now();
    let replayed = replayed(&sandbox, "simulation");
    assert_eq!(replayed["differing_intents"], 0);
    assert_eq!(replayed["replayed_sha256"], summary["journal_sha256"]);
    assert!(summary["fills"].as_u64().unwrap() > 0);
    // A call that hangs would take a minute here.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[test]
fn what_came_out_differently_is_listed() {
    let sandbox = Sandbox::with_sample();
    let arguments = format!("--plugin sma-flip --set quantity=0.1 {PERIOD}");
    let summary = simulate(&sandbox, &format!("{arguments} --speed max")).expect(0).json();
    // Another configuration than the one that ran: every intent has another quantity.
    let config = sandbox.read("simulation/run.yaml");
    sandbox.write("simulation/run.yaml", config.replace("quantity: 0.1", "quantity: 0.2"));
    let ran = sandbox.host("replay simulation").expect(1);
    let first = ran.stdout.lines().nth(1).unwrap().to_owned();
    assert_eq!(first, format!("{0} of {0} intents differ", summary["intents"]));
    assert!(ran.stdout.contains("quantity=0.1") && ran.stdout.contains("quantity=0.2"), "{}", ran.stdout);
    let replayed = sandbox.host("replay simulation --format json").expect(1).json();
    assert_eq!(replayed["differing_intents"], summary["intents"]);
    assert_eq!(replayed["differences"].as_array().unwrap().len(), 20);
    sandbox.write("simulation/run.yaml", config);
    // A tape that lost its end is played as far as it goes; one that was changed is refused.
    let tape = sandbox.bytes("simulation/tape.bin");
    sandbox.write("simulation/tape.bin", &tape[..tape.len() - 21]);
    let ran = sandbox.host("replay simulation").expect(1);
    assert!(ran.stderr.contains("cut off"), "{}", ran.stderr);
    let mut changed = tape;
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    sandbox.write("simulation/tape.bin", changed);
    sandbox.host("replay simulation").refused(1, &["tape.bin", "was changed"]);
    sandbox.host("replay nowhere").refused(2, &["nowhere", "summary.json"]);
}

#[test]
fn a_killed_simulation_leaves_a_tape_that_can_be_read() {
    let sandbox = Sandbox::with_sample();
    let arguments = "run --mode simulation --plugin sma-flip --timeframe 1m --speed 600 --out run";
    let child = start(&mut sandbox.command(arguments));
    let deadline = Instant::now() + Duration::from_mins(1);
    while std::fs::metadata(sandbox.path("run/tape.bin")).map_or(0, |file| file.len()) < 700 {
        assert!(Instant::now() < deadline, "nothing is recorded");
        sleep(Duration::from_millis(20));
    }
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    run_to_end(child);
    let bytes = sandbox.bytes("run/tape.bin");
    let mut tape = TapeReader::new(&bytes[..]).unwrap();
    let mut messages = 0;
    while tape.next_message().unwrap().is_some() {
        messages += 1;
    }
    assert!(messages > 20, "{messages}");
    assert_eq!(tape.end(), Some(TapeEnd::CutOff));
    // The folder is taken for the next run.
    sandbox.host("run --plugin sma-flip --to 2024-01-10 --out run").expect(0);
}

#[test]
fn a_killed_simulation_is_repeated_as_far_as_it_went() {
    let sandbox = Sandbox::with_sample();
    let arguments = "--plugin sma-flip --timeframe 1m --set fast=3 --set slow=9 --set quantity=0.1";
    let whole =
        sandbox.host(&format!("run {arguments} --to 2024-01-10 --out whole --format json")).expect(0).json();
    let mut command = sandbox.command(&format!("run --mode simulation {arguments} --speed 6000 --out run"));
    let child = start(&mut command);
    let deadline = Instant::now() + Duration::from_mins(1);
    while std::fs::metadata(sandbox.path("run/tape.bin")).map_or(0, |file| file.len()) < 10_000 {
        assert!(Instant::now() < deadline, "nothing is recorded");
        sleep(Duration::from_millis(20));
    }
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    run_to_end(child);
    assert!(sandbox.path("run/started.json").exists() && !sandbox.path("run/summary.json").exists());
    // What the shell sees of a run that was cut off.
    let ran = sandbox.host("replay run").expect(0);
    assert!(ran.stdout.contains("the run was cut off: compared is what was written"), "{}", ran.stdout);
    assert!(ran.stdout.contains("the journal is the same as far as it goes"), "{}", ran.stdout);
    let replayed = replayed(&sandbox, "run");
    let intents = replayed["intents"].as_u64().unwrap();
    assert_eq!((&replayed["cut_off"], &replayed["differing_intents"]), (&true.into(), &0.into()));
    assert!(intents > 10 && intents < whole["intents"].as_u64().unwrap(), "{replayed}");
    sandbox.host("journal verify run").expect(0);
    // Another strategy than the one that ran is found.
    let config = sandbox.read("run/run.yaml");
    sandbox.write("run/run.yaml", config.replace("quantity: 0.1", "quantity: 0.2"));
    let changed = sandbox.host("replay run --format json").expect(1).json();
    assert_eq!(changed["differing_intents"], changed["intents"]);
    sandbox.write("run/run.yaml", config);
    sandbox.host("explain run 1").refused(2, &["not the folder of a complete run"]);
    // The folder is taken for the next run, which is a whole one.
    sandbox
        .host(&format!("run --mode simulation {arguments} --to 2024-01-03 --speed max --out run"))
        .expect(0);
    assert!(!sandbox.path("run/started.json").exists() && sandbox.path("run/summary.json").exists());
    assert_eq!(sandbox.host("replay run --format json").expect(0).json()["cut_off"], false);
}

#[test]
fn what_belongs_to_real_time_is_refused_elsewhere() {
    let sandbox = Sandbox::with_sample();
    let run = "run --plugin sma-flip";
    for option in ["--speed 10", "--duration 1h", "--watch"] {
        let name = option.split(' ').next().unwrap();
        sandbox.host(&format!("{run} {option}")).refused(2, &[name, "--mode simulation"]);
    }
    sandbox
        .host(&format!("{run} --mode simulation --delivery paged"))
        .refused(2, &["delivery", "one by one"]);
    let ran = sandbox.host(&format!("{run} --mode simulation --speed 0")).expect(2);
    assert!(ran.stderr.contains("`0` is no speed"), "{}", ran.stderr);
}
