//! Every hostile plugin beside a good one, in one run: it is contained, and the good one does not notice.
//!
//! The list is that of `docs/src/concepts/faults.md`, line for line.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use cryptobot_e2e::{Craft, Ran, Sandbox, component_of, crafted, plugin, repository};
use serde_json::Value;

/// Most memory of the process, whatever a plugin does.
const MEMORY: u64 = 400 << 20;
/// What the good plugin and the hostile one have in common.
const COMMON: &str = "period: {to: 2024-01-08}\nbalance: 1010000\n\
    limits: {callback_deadline_ms: 500, init_deadline_ms: 1500, total_callbacks_s: null}\n\
    bots:\n  good: {plugin: sma-flip, params: {quantity: 0.1}, timeframe: 15m, balance: 10000}\n";

/// What becomes of a hostile plugin.
#[derive(Clone, Copy)]
enum End {
    /// The run goes on without it.
    Fault(&'static str),
    /// The host answers no, and the run goes on with it.
    Harmless,
    /// It is not even started: the run is the one of the others.
    Refused(&'static str),
}
use End::{Fault, Harmless, Refused};

impl End {
    fn text(self) -> String {
        match self {
            Fault(kind) => format!("fault `{kind}`"),
            Harmless => "no fault: refused, cut off or not kept".to_owned(),
            Refused(_) => "left out of the run".to_owned(),
        }
    }
}

/// Parameters of the plugin `hostile`: its behaviour and the callback, by what it does.
const BEHAVIOURS: [(&str, &str, &str, End); 37] = [
    ("traps on a bar", "trap", "on-bar", Fault("trap")),
    ("traps on an order event", "trap", "on-order", Fault("trap")),
    ("traps when its position closes", "trap", "on-position-close", Fault("trap")),
    ("traps in a timer", "trap", "on-timer", Fault("trap")),
    ("traps in `init`", "trap", "init", Fault("trap")),
    ("traps in `stop`", "trap", "stop", Fault("trap")),
    ("panics with a message full of control characters", "panic", "on-bar", Fault("trap")),
    ("loops for ever", "loop", "on-bar", Fault("deadline")),
    ("loops for ever in `init`", "loop", "init", Fault("deadline")),
    ("is slow by a little in every callback", "slow", "on-bar", Fault("total-time")),
    ("calls itself without end", "recurse", "on-bar", Fault("trap")),
    ("takes 8 GB of memory", "allocate", "on-bar", Fault("memory")),
    ("takes 3.7 GiB of memory in one instruction", "grow", "on-bar", Fault("memory")),
    ("keeps a megabyte more on every bar", "hoard", "on-bar", Fault("memory")),
    ("hands over a list of 200,000 entries", "huge-list", "on-bar", Fault("contract")),
    ("writes a million log lines", "flood-logs", "on-bar", Fault("log-flood")),
    ("writes log lines of a megabyte", "huge-logs", "on-bar", Harmless),
    ("sends a million orders", "flood-orders", "on-bar", Fault("order-flood")),
    ("sends a million orders in `init`", "flood-orders", "init", Fault("order-flood")),
    ("sends a million brackets", "flood-brackets", "on-bar", Fault("order-flood")),
    ("sends a million pairs", "flood-pairs", "on-bar", Fault("order-flood")),
    ("sends a million signals", "flood-signals", "on-bar", Fault("order-flood")),
    ("changes a million orders", "flood-modify", "on-bar", Fault("order-flood")),
    ("answers every order event with three orders", "order-storm", "on-order", Fault("order-flood")),
    ("sets a million timers", "flood-timers", "on-bar", Fault("timer-flood")),
    (
        "sets a timer for the next nanosecond, again and again",
        "timer-storm",
        "on-timer",
        Fault("timer-flood"),
    ),
    ("creates a million indicators", "flood-indicators", "on-bar", Fault("contract")),
    ("creates an indicator over 10¹⁵ bars", "huge-indicator", "on-bar", Harmless),
    ("asks for a window of four thousand million bars", "huge-window", "on-bar", Harmless),
    ("orders at NaN", "flood-nan", "on-bar", Fault("invalid-argument-flood")),
    ("orders NaN units once", "one-nan", "on-bar", Harmless),
    (
        "puts NaN into brackets, signals and changes",
        "nan-everywhere",
        "on-bar",
        Fault("invalid-argument-flood"),
    ),
    ("orders infinite, negative and zero amounts", "infinity", "on-bar", Fault("invalid-argument-flood")),
    ("cancels and changes orders of others by forged ids", "forge", "on-bar", Harmless),
    ("trades a series that is not its own", "unknown-series", "on-bar", Fault("contract")),
    ("hands over a text that is no UTF-8", "broken-text", "on-bar", Fault("contract")),
    ("refuses its parameters with control characters", "refuse", "init", Fault("refused")),
];

/// Components of their own, by what they do, with a part of the line that refuses them.
fn special() -> Vec<(&'static str, Vec<u8>, End)> {
    let liar = std::fs::read(plugin("hostile/liar")).expect("the liar");
    vec![
        ("lies in `describe`: a default outside of its own range", liar, Refused("default")),
        (
            "imports the environment of the process",
            component_of("world w { import get: func() -> string; export run: func(); }"),
            Refused("imports `get`"),
        ),
        (
            "loops for ever before its first function is called",
            crafted(Craft::LoopsAtStart),
            Refused("deadline"),
        ),
        ("grows its table without end", crafted(Craft::GrowsTable), Refused("a table of")),
        (
            "is born with a table of ten million entries",
            crafted(Craft::HugeTable),
            Refused("a table of 10000000"),
        ),
        ("is born with 3.7 GiB of memory", crafted(Craft::HugeMemory), Refused("3750 MiB of memory")),
        (
            "is a file that was cut off",
            std::fs::read(plugin("hostile")).expect("hostile")[..20_000].to_vec(),
            Refused("damaged or truncated"),
        ),
    ]
}

/// The entries of the good plugin, slot 0, as lines. Read line by line: what a flood leaves behind is large, and the
/// memory of this process counts for those that it starts.
fn entries_of_good(sandbox: &Sandbox, run: &str) -> Vec<String> {
    let mut shown = sandbox.command(&format!("journal show {run} --format json"));
    let mut shown = shown.stdout(Stdio::piped()).spawn().expect("host runs");
    let lines = BufReader::new(shown.stdout.take().expect("its output")).lines().map(Result::unwrap);
    let is_good = |line: &String| {
        let Ok(entry) = serde_json::from_str::<Value>(line.trim_end_matches(',')) else { return false };
        let number = |name: &str| entry.get(name).and_then(Value::as_u64);
        // Ids are forged, strategies are not.
        number("strategy").map_or_else(|| number("order").is_some_and(|id| id >> 40 == 1), |slot| slot == 0)
    };
    let entries = lines.filter(is_good).map(|line| line.trim_end_matches(',').to_owned()).collect();
    assert!(shown.wait().expect("it ends").success());
    entries
}

/// How it ended, in words; the first thing that is not as it should be.
fn contained(sandbox: &Sandbox, ran: &Ran, end: End, alone: &[String]) -> Result<String, String> {
    if ran.peak_rss > MEMORY {
        return Err(format!("{} MB", ran.peak_rss >> 20));
    }
    if ran.stderr.contains("panicked at host") || ran.stderr.contains("thread '") {
        return Err(format!("the host panicked: {}", ran.stderr));
    }
    let expected = if matches!(end, Harmless) { 0 } else { 4 };
    if ran.code != Some(expected) {
        return Err(format!("exit code {:?}: {}", ran.code, ran.stderr));
    }
    if let Refused(words) = end {
        let line = ran.stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
        let is_named = line.starts_with("error: villain was left out of the run: ")
            && line.contains(words)
            && line.contains("villain.wasm");
        if !is_named {
            return Err(format!("not `{words}`: {}", ran.stderr));
        }
    }
    let summary = sandbox.summary("both");
    let faults = summary["faults"].as_array().cloned().unwrap_or_default();
    match (end, faults.as_slice()) {
        (Refused(_), [fault]) if fault["kind"] == "not-loaded" && fault["strategy"] == "villain" => {}
        (Fault(kind), [fault]) if fault["kind"] == kind && fault["strategy"] == "villain" => {}
        (Harmless, []) => {}
        _ => return Err(format!("faults: {faults:?}")),
    }
    if entries_of_good(sandbox, "both") != alone {
        return Err("the good plugin's journal is another one".to_owned());
    }
    Ok(faults.first().map(|fault| fault["message"].to_string()).unwrap_or_default())
}

#[test]
fn every_hostile_plugin_is_contained_beside_a_good_one() {
    let sandbox = Sandbox::with_sample().with_plugin("hostile");
    sandbox.write("alone.yaml", COMMON);
    let solo = sandbox.host("run --config alone.yaml --out alone").expect(0);
    let alone = entries_of_good(&sandbox, "alone");
    assert!(alone.len() > 100);

    let mut table = String::new();
    let (mut held, mut all, mut failures) = (0, 0, Vec::new());
    let mut note = |what: &str, ran: &Ran, end: End, result: Result<String, String>| {
        all += 1;
        let said = match result {
            Ok(message) => {
                held += 1;
                message
            }
            Err(problem) => {
                failures.push(format!("{what}: {problem}"));
                problem
            }
        };
        let _ = writeln!(
            table,
            "{:4} MB {:6.2} s  {what}: {}  {said}",
            ran.peak_rss >> 20,
            ran.took.as_secs_f64(),
            end.text()
        );
    };
    for (what, behaviour, callback, end) in BEHAVIOURS {
        let params = format!("{{behaviour: {behaviour}, in: {callback}}}");
        let villain =
            format!("  villain: {{plugin: hostile, params: {params}, timeframe: 1h, balance: 1000000}}\n");
        let total = if behaviour == "slow" { "total_callbacks_s: 1" } else { "total_callbacks_s: null" };
        sandbox.write("both.yaml", COMMON.replace("total_callbacks_s: null", total) + villain.as_str());
        let ran = sandbox.host("run --config both.yaml --out both");
        note(what, &ran, end, contained(&sandbox, &ran, end, &alone));
    }
    for (what, component, end) in special() {
        sandbox.write("plugins/dist/villain.wasm", component);
        sandbox.write(
            "both.yaml",
            format!("{COMMON}  villain: {{plugin: villain, timeframe: 1h, balance: 1000000}}\n"),
        );
        let ran = sandbox.host("run --config both.yaml --out both");
        note(what, &ran, end, contained(&sandbox, &ran, end, &alone));
    }
    println!("{table}alone: {} MB; most allowed: {} MB", solo.peak_rss >> 20, MEMORY >> 20);
    println!("contained {held}/{all}");
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(all >= 20);
}

#[test]
fn the_documentation_lists_what_is_tried() {
    let page = std::fs::read_to_string(repository().join("docs/src/concepts/faults.md")).expect("the page");
    let line = |what: &str, end: End| format!("| {what} | {} |", end.text());
    let tried = BEHAVIOURS.iter().map(|(what, _, _, end)| line(what, *end));
    let tried: Vec<String> = tried.chain(special().iter().map(|(what, _, end)| line(what, *end))).collect();
    let missing: Vec<&String> = tried.iter().filter(|line| !page.contains(line.as_str())).collect();
    assert!(missing.is_empty(), "docs/src/concepts/faults.md has to have these lines:\n{missing:#?}");
}
