//! Plugins that misbehave: the host names them, stays small, and the others go on.

use std::time::Duration;

use cryptobot_e2e::{Ran, Sandbox};
use serde_json::json;

/// Most memory that a host may use, whatever a plugin does: a debug build with its symbols takes a good part of it.
const MEMORY: u64 = 400 << 20;

/// Short deadlines, so that loops end soon; long enough for honest work on a busy machine.
const LIMITS: &str =
    "limits: {callback_deadline_ms: 500, init_deadline_ms: 1500}\nperiod: {to: 2024-01-08}\n";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_sample().with_plugin("hostile");
    sandbox.write("limits.yaml", LIMITS);
    sandbox
}

/// One clear line, bounded time and memory. The line names the plugin.
fn contained(ran: Ran, words: &[&str]) -> String {
    assert!(ran.peak_rss < MEMORY, "{} MB", ran.peak_rss >> 20);
    assert!(ran.took < Duration::from_mins(1), "{:?}", ran.took);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    ran.refused(4, words)
}

fn behaves(behaviour: &str, callback: &str, words: &[&str]) {
    let sandbox = sandbox();
    let ran = sandbox.host(&format!(
        "run --config limits.yaml --plugin hostile --timeframe 1h --set behaviour={behaviour} --set in={callback} \
         --out run --format json"
    ));
    let summary = (ran.code == Some(4) && !ran.stdout.is_empty()).then(|| ran.json());
    let peak = ran.peak_rss >> 20;
    let line = contained(ran, words);
    println!("{behaviour} in {callback}, {peak} MB\n  {line}");
    if let Some(summary) = summary {
        assert_eq!(summary["faults"].as_array().unwrap().len(), 1);
        assert_eq!(sandbox.summary("run"), summary);
    }
}

/// A run whose only bot is stopped for good ends there, and says so: the period is what was run.
#[test]
fn the_period_of_a_run_is_what_was_run() {
    let sandbox = sandbox();
    let run = "run --plugin hostile --timeframe 1m --to 2024-02-01 --set behaviour=trap --format json";
    let summary = sandbox.host(run).expect(4).json();
    assert_eq!((&summary["bars"], &summary["interrupted"]), (&4_096.into(), &false.into()));
    // 4,096 minutes are 2 days, 20 hours and 16 minutes.
    let period = json!({"from": "2024-01-01T00:00:00Z", "to": "2024-01-03T20:16:00Z"});
    assert_eq!(summary["period"], period);
    let said = "the run ended at 2024-01-03T20:16:00Z: every bot was stopped for good";
    assert!(summary["warnings"].to_string().contains(said), "{}", summary["warnings"]);
}

#[test]
fn files_that_are_no_plugins() {
    let sandbox = Sandbox::with_sample();
    let whole = sandbox.bytes("plugins/dist/sma-flip.wasm");
    let mut damaged = whole.clone();
    damaged[whole.len() / 2..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    for (name, bytes, words) in [
        ("empty", Vec::new(), "not a WebAssembly file"),
        (
            "garbage",
            (0..100_000_u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect(),
            "not a WebAssembly file",
        ),
        ("truncated", whole[..whole.len() / 2].to_vec(), "damaged or truncated"),
        ("truncated-by-one", whole[..whole.len() - 1].to_vec(), "damaged or truncated"),
        ("damaged", damaged, "damaged or truncated"),
        ("header-only", whole[..8].to_vec(), "does not export"),
        ("module", b"\0asm\x01\0\0\0".to_vec(), "not a component"),
        ("other-world", cryptobot_e2e::component_of("world w { export run: func(); }"), "not a strategy"),
    ] {
        let file = format!("{name}.wasm");
        sandbox.write(&file, bytes);
        println!("{}", contained(sandbox.host(&format!("run --plugin {file}")), &[&file, words]));
        let inspected = sandbox.host(&format!("plugin inspect {file}"));
        println!("{}", contained(inspected, &[&file, words]));
        let checked = sandbox.host(&format!("plugin check {file}")).expect(4);
        assert!(checked.stdout.contains(words), "{}", checked.stdout);
    }
}

#[test]
fn a_plugin_that_traps() {
    behaves("trap", "on-bar", &["plugin hostile", "trap", "panicked or aborted"]);
    behaves("trap", "init", &["plugin hostile", "trap"]);
    behaves("trap", "stop", &["plugin hostile", "trap"]);
    behaves("panic", "on-order", &["plugin hostile", "the market", "is closed"]);
}

#[test]
fn a_plugin_that_loops_for_ever() {
    behaves("loop", "on-bar", &["plugin hostile", "deadline", "500 ms"]);
    behaves("loop", "init", &["plugin hostile", "deadline", "1500 ms"]);
}

#[test]
fn a_plugin_that_wants_all_memory() {
    behaves("allocate", "on-bar", &["plugin hostile", "memory", "64 MiB"]);
    behaves("allocate", "init", &["plugin hostile", "memory", "64 MiB"]);
}

#[test]
fn a_plugin_that_recurses_without_end() {
    behaves("recurse", "on-bar", &["plugin hostile", "trap", "call stack overflowed"]);
}

#[test]
fn a_plugin_that_floods() {
    behaves("flood-logs", "on-bar", &["plugin hostile", "log-flood", "1000"]);
    behaves("flood-orders", "on-bar", &["plugin hostile", "order-flood", "1000"]);
    behaves("flood-orders", "init", &["plugin hostile", "order-flood", "1000"]);
    behaves("flood-nan", "on-bar", &["plugin hostile", "invalid-argument-flood", "100"]);
    behaves("flood-timers", "on-bar", &["plugin hostile", "timer-flood", "1000"]);
    behaves("flood-indicators", "on-bar", &["plugin hostile", "indicators"]);
}

#[test]
fn a_plugin_that_breaks_the_contract() {
    behaves("broken-text", "on-bar", &["plugin hostile", "contract"]);
    behaves("unknown-series", "on-bar", &["plugin hostile", "contract", "series 7"]);
    behaves("refuse", "init", &["plugin hostile", "refused", "I would"]);
}

/// What looks frightening and is none: the host answers it.
#[test]
fn what_is_refused_is_no_fault() {
    for behaviour in ["one-nan", "unknown-order", "huge-window", "huge-indicator"] {
        let sandbox = sandbox();
        let ran = sandbox
            .host(&format!(
                "run --config limits.yaml --plugin hostile --timeframe 1h --set behaviour={behaviour} --format json"
            ))
            .expect(0);
        assert!(ran.peak_rss < MEMORY, "{} MB", ran.peak_rss >> 20);
        let summary = ran.json();
        assert_eq!(summary["faults"].as_array().unwrap().len(), 0);
        if behaviour == "one-nan" {
            let run = "runs/hostile-BTCUSDT-1h";
            let refused = sandbox.read(&format!("{run}/orders.csv"));
            assert_eq!(refused.matches("invalid-argument").count(), 1, "{refused}");
        }
    }
}

#[test]
fn the_others_go_on_as_if_it_had_not_been_there() {
    let flip = "bots:\n  flip: {plugin: sma-flip, params: {quantity: 0.1}, timeframe: 15m, balance: 10000}\n";
    for (name, behaviour) in
        [("villain", "trap"), ("a-villain", "loop"), ("villain", "allocate"), ("a-villain", "flood-nan")]
    {
        let sandbox = sandbox();
        let villain = format!(
            "  {name}: {{plugin: hostile, params: {{behaviour: {behaviour}}}, timeframe: 1h, balance: 10000}}\n"
        );
        sandbox.write("alone.yaml", format!("{LIMITS}{flip}"));
        sandbox.write("both.yaml", format!("balance: 20000\n{LIMITS}{flip}{villain}"));
        sandbox.host("run --config alone.yaml --out alone").expect(0);
        let ran = sandbox.host("run --config both.yaml --out both --format json");
        let printed = ran.json();
        contained(ran, &[name]);
        assert_eq!(sandbox.summary("both"), printed);
        assert_eq!(printed["period"]["to"], "2024-01-08T00:00:00Z");
        let trades = |run: &str| {
            let table = sandbox.read(&format!("{run}/trades.csv"));
            let own = table.lines().filter(|line| line.split(',').nth(1) == Some("flip"));
            own.map(|line| line.split_once(',').unwrap().1.to_owned()).collect::<Vec<_>>()
        };
        assert!(trades("alone").len() > 10);
        assert_eq!(trades("alone"), trades("both"), "{name} {behaviour}");
        sandbox.host("journal verify both").expect(0);
    }
}

#[test]
fn what_happened_is_told_in_the_output_the_journal_and_the_summary() {
    let sandbox = sandbox();
    let bot = "  villain: {plugin: hostile, params: {behaviour: panic}, timeframe: 1h, on_fault: flatten,\n\
               \x20   restart: {max: 2, window: 1d, backoff: 2h}}\n";
    sandbox.write("run.yaml", format!("balance: 1000000\n{LIMITS}bots:\n{bot}"));
    let ran = sandbox.host("run --config run.yaml --out run").expect(4);
    assert_eq!(ran.stderr.lines().filter(|line| line.starts_with("error: plugin villain")).count(), 3);
    for words in ["Faults", "on-bar", "KiB", "2024-01-01T03:00:00Z", "no"] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
    let summary = sandbox.summary("run");
    let faults = summary["faults"].as_array().unwrap();
    let times = |field: &str| faults.iter().map(|fault| fault[field].clone()).collect::<Vec<_>>();
    // A fault on every first bar: restarts two and four hours later, then no more.
    assert_eq!(times("ts"), ["2024-01-01T01:00:00Z", "2024-01-01T03:00:00Z", "2024-01-01T07:00:00Z"]);
    assert_eq!(times("restarted_at")[..2], ["2024-01-01T03:00:00Z", "2024-01-01T07:00:00Z"]);
    assert!(times("restarted_at")[2].is_null());
    assert_eq!((&faults[0]["call"], &faults[0]["used"]["log_lines"]), (&"on-bar".into(), &1.into()));
    assert!(faults[0]["used"]["memory_bytes"].as_u64() > Some(0));
    assert_eq!(summary["reproducible"], true);
    let journal = sandbox.host("journal show run").expect(0).stdout;
    assert_eq!(journal.matches("  restart     strategy=0").count(), 2, "{journal}");
    assert!(journal.contains("call=on-bar message=the plugin panicked or aborted; it said: panicked at"));
    sandbox.host("run --config run.yaml --out again").expect(4);
    assert_eq!(sandbox.bytes("run/journal.bin"), sandbox.bytes("again/journal.bin"));
    let report = sandbox.read("run/report.html");
    assert!(report.contains("\"restarted_at\":\"2024-01-01T03:00:00Z\""));
}

#[test]
fn a_position_is_closed_held_or_left_to_its_stops() {
    let closings = |on_fault: &str| {
        let sandbox = sandbox();
        // It is long by the time that its first order event comes.
        let bot = format!(
            "  villain: {{plugin: hostile, params: {{behaviour: trap, in: on-position-close}}, timeframe: 1h, \
             on_fault: {on_fault}}}\n"
        );
        sandbox.write("run.yaml", format!("balance: 1000000\n{LIMITS}bots:\n{bot}"));
        sandbox.host("run --config run.yaml --out run").expect(4);
        let open = sandbox.summary("run")["open_positions"].as_array().unwrap().len();
        let journal = sandbox.host("journal show run").expect(0).stdout;
        (open, journal.lines().filter(|line| line.contains("  closing ")).count())
    };
    assert_eq!(closings("flatten"), (0, 1));
    assert_eq!(closings("cancel-and-hold"), (1, 0));
    assert_eq!(closings("keep-stops"), (1, 0));
}

#[test]
fn a_run_in_which_wall_time_decided_says_so() {
    let sandbox = sandbox();
    let ran = sandbox
        .host("run --config limits.yaml --plugin hostile --timeframe 1h --set behaviour=loop --out run");
    assert!(ran.expect(4).stderr.contains("warning: not reproducible"));
    assert_eq!(sandbox.summary("run")["reproducible"], false);
}
