//! Commands of the operator in a run file.

use cryptobot_e2e::Sandbox;

const BOTS: &str = "bots: {a: {plugin: sma-flip, symbols: [BTCUSDT], params: {quantity: 0.01}}}\n";
const PERIOD: &str = "period: {from: 2024-01-01, to: 2024-02-01}\n";

#[test]
fn commands_are_followed_and_reported() {
    let sandbox = Sandbox::with_sample();
    let commands = "operator:\n  - {at: 2024-01-10, command: kill, flatten: true}\n  \
                    - {at: 2024-01-11, command: reduce}\n  - {at: 2024-01-20, command: resume, bot: a}\n  \
                    - {at: 2024-01-21, command: resume}\n";
    sandbox.write("run.yaml", format!("{PERIOD}{commands}{BOTS}"));
    let summary = sandbox.host("run --config run.yaml --out out --format json").expect(0).json();
    let states: Vec<String> = summary["states"]
        .as_array()
        .unwrap()
        .iter()
        .map(|state| format!("{} {} {}", state["ts"], state["to"], state["cause"]))
        .collect();
    let expected =
        [r#""2024-01-10T00:00:00Z" "halted" "kill""#, r#""2024-01-21T00:00:00Z" "active" "operator""#];
    assert_eq!(states, expected);
    let warnings = summary["warnings"].to_string();
    for words in [
        "operator: `reduce` at 2024-01-11T00:00:00Z was not followed: trading was halted by command; resume first",
        "operator: `resume` to a at 2024-01-20T00:00:00Z was not followed: there is nothing to resume",
        "refused as trading-halted (the operator halted trading",
    ] {
        assert_eq!(warnings.matches(words).count(), 1, "said once: {warnings}");
    }
    let fills = sandbox.read("out/fills.csv");
    let between = fills.lines().filter(|line| line.contains("2024-01-1")).filter(|line| {
        ["2024-01-10T0", "2024-01-11", "2024-01-15", "2024-01-19"].iter().any(|day| line.contains(day))
    });
    let closings: Vec<&str> = between.collect();
    let [closing] = closings.as_slice() else { panic!("one fill, the closing: {closings:?}") };
    assert!(closing.contains("2024-01-10T00:00:00"), "{closing}");
    let orders = sandbox.read("out/orders.csv");
    let killed: Vec<&str> = orders.lines().filter(|line| line.ends_with(",kill")).collect();
    assert_eq!(killed.len(), 1, "{killed:?}");
    assert!(killed[0].contains("2024-01-10T00:00:00Z,filled"), "{killed:?}");
    // The commands are part of the run: the same file repeats it.
    let again = sandbox.host("run --config out/run.yaml --out again --format json").expect(0).json();
    assert_eq!(summary["journal_sha256"], again["journal_sha256"]);
}

#[test]
fn impossible_commands_are_refused_before_the_run() {
    let sandbox = Sandbox::with_sample();
    for (command, words) in [
        ("{at: 2025-06-01, command: halt}", ["operator[0].at", "outside of the run"]),
        ("{at: 2024-01-02, command: halt, flatten: true}", ["operator[0].flatten", "`kill`, not to `halt`"]),
        ("{at: 2024-01-02, command: halt, bot: b}", ["operator[0].bot", "no bot `b`; there are a"]),
        ("{at: 2024-01-02, command: stop}", ["bad.yaml", "stop"]),
        ("{command: halt}", ["bad.yaml", "at"]),
    ] {
        sandbox.write("bad.yaml", format!("{PERIOD}operator: [{command}]\n{BOTS}"));
        sandbox.host("run --config bad.yaml").refused(2, &words);
    }
}
