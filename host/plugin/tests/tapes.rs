//! Tape tests of real plugins, as `host plugin test` plays them.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cryptobot_plugin::{CaseResult, Limits, Loaded, Loader, build, tape};
use cryptobot_wasm::RuntimeConfig;

fn plugin(name: &str) -> PathBuf {
    static HOSTILE: OnceLock<PathBuf> = OnceLock::new();
    static FLIP: OnceLock<PathBuf> = OnceLock::new();
    let built = if name == "hostile" { &HOSTILE } else { &FLIP };
    let make = || {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").join(name);
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tapes");
        build(&source, &out).unwrap_or_else(|error| panic!("{error}")).path
    };
    built.get_or_init(make).clone()
}

/// Plays one case of the given texts.
fn played(name: &str, tape: &str, case: &str, update: bool) -> (CaseResult, String) {
    let with = Loader::new(RuntimeConfig::default());
    let loaded = Loaded::open(&with, &plugin(name), &Limits::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("case");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("tape.csv"), tape).unwrap();
    fs::write(dir.join("case.yaml"), case).unwrap();
    let found = tape::cases(folder.path(), &[]).unwrap();
    let result = tape::test(&loaded, &found[0], update);
    (result, fs::read_to_string(dir.join("case.yaml")).unwrap())
}

const CLOSES: &str = "close\n10\n10\n13\n14\n9\n8\n";

#[test]
fn a_plugin_is_played_as_in_a_run() {
    // Averages of 1 and 3 closes: above from the third bar on, below at the fifth. Fees: 13 + 18 at one per mille.
    let case = "params: {fast: 1, slow: 3, quantity: 1}\nbalance: 1000\nfee: 0.001\nexpect:\n  orders: [bar 3 target 1 \
                TESTUSDT, bar 5 target -1 TESTUSDT]\n  fills: [bar 4 buy 1 TESTUSDT at 13 open, bar 6 sell 2 TESTUSDT at \
                9 open]\n  position: {TESTUSDT: -1}\n  equity: 996.969\n";
    let (result, _) = played("sma-flip", CLOSES, case, false);
    assert_eq!(result.problems, Vec::<String>::new());
    let (result, _) =
        played("sma-flip", CLOSES, &case.replace("[bar 3 target 1 ", "[bar 2 target 1 "), false);
    let shown = "orders: expected 2, came 2 (- expected, + came)\n  - bar 2 target 1 TESTUSDT\n  + bar 3 target 1 \
                 TESTUSDT\n    bar 5 target -1 TESTUSDT";
    assert_eq!(result.problems, [shown]);
}

#[test]
fn an_update_writes_what_passes() {
    let case = "# kept\nparams: {fast: 1, slow: 3}\n";
    let (updated, written) = played("sma-flip", CLOSES, case, true);
    assert!(updated.passed() && updated.updated && written.starts_with(case), "{updated:?} {written}");
    let (result, _) = played("sma-flip", CLOSES, &written, false);
    assert!(result.passed(), "{:?}", result.problems);
}

#[test]
fn what_a_case_gets_wrong_is_named() {
    for (tape, case, words) in [
        (
            CLOSES,
            "params: {fats: 1}\nexpect: {}\n",
            "case.yaml: params.fats: plugin sma-flip has no parameter `fats`; it has fast (integer",
        ),
        (
            CLOSES,
            "params: {fast: 0}\nexpect: {}\n",
            "case.yaml: params.fast: `fast` must lie in 1..10000, not 0",
        ),
        (CLOSES, "expect: {order: []}\n", "case.yaml:1:"),
        (CLOSES, "about: nothing\n", "nothing is expected"),
        ("close\n10\nten\n", "expect: {}\n", "tape.csv:3:1: `close` must be a positive number, not `ten`"),
        (
            CLOSES,
            "params: {fast: 30}\nexpect: {orders: []}\n",
            "stopped: refused: init: fast (30) must be below slow (30)",
        ),
    ] {
        let (result, _) = played("sma-flip", tape, case, false);
        assert_eq!(result.problems.len(), 1, "{:?}", result.problems);
        assert!(result.problems[0].contains(words), "expected `{words}` in: {}", result.problems[0]);
    }
}

#[test]
fn a_plugin_that_breaks_is_a_difference_or_expected() {
    let case =
        |fault: &str| format!("params: {{behaviour: panic, in: on-bar}}\nexpect: {{orders: []{fault}}}\n");
    let (result, _) = played("hostile", CLOSES, &case(""), false);
    assert!(result.problems[0].starts_with("the plugin was stopped: trap: "), "{:?}", result.problems);
    let (result, _) = played("hostile", CLOSES, &case(", fault: trap"), false);
    assert!(result.passed(), "{:?}", result.problems);
}

#[test]
fn several_symbols_and_refusals_are_told_apart() {
    let tape = "symbol,close\nA,10\nB,20\nA,10\nB,20\nA,12\nB,19\nA,13\nB,18\n";
    let case = "params: {fast: 1, slow: 3, quantity: 1}\nbalance: 12\nexpect:\n  orders: [bar 3 target 1 A, bar 3 target -1 \
                B]\n  fills: [bar 4 buy 1 A at 12 open]\n  refusals: [bar 3 order 2 insufficient-margin]\n";
    let (result, _) = played("sma-flip", tape, case, false);
    assert_eq!(result.problems, Vec::<String>::new());
}

/// One unit is held from bar 4 to bar 5, minus one at the end: 0.01 of 14 is paid for the former, 0.02 of 8 for the latter.
#[test]
fn funding_is_paid_at_the_closes_that_state_a_rate() {
    let tape = "close,funding\n10,0.01\n10,\n13,\n14,0.01\n9,\n8,-0.02\n";
    let case = "params: {fast: 1, slow: 3, quantity: 1}\nbalance: 1000\nexpect:\n  funding: 0.30\n  equity: 996.70\n";
    let (result, _) = played("sma-flip", tape, case, false);
    assert_eq!(result.problems, Vec::<String>::new());
    let (result, _) = played("sma-flip", tape, &case.replace("0.30", "0.14"), false);
    assert_eq!(result.problems, ["funding: expected 0.14, is 0.3"]);
}

/// The mark price falls where the last price does not. One unit at 13 with a tenth of it as margin is liquidated at
/// `(1.3 - 13) / (0.02 - 1)`; the fee is 0.01 of that.
#[test]
fn positions_with_margin_are_liquidated_at_the_mark_price() {
    let tape = "close,mark,mark_low\n10,10,10\n10,10,10\n13,13,10\n14,14,13\n14,14,11\n15,15,14\n";
    let case = "params: {fast: 1, slow: 3, quantity: 1}\nbalance: 1000\nleverage: 10\n\
                margin: {mode: isolated, maintenance: 0.02, liquidation_fee: 0.01}\nexpect:\n  \
                fills: [bar 4 buy 1 TESTUSDT at 13 open, bar 5 sell 1 TESTUSDT at 11.93877551 liquidation]\n  \
                position: {}\n  equity: 998.81938775\n";
    let (result, _) = played("sma-flip", tape, case, false);
    assert_eq!(result.problems, Vec::<String>::new());
    // Without margin nothing is liquidated, and without marks the last price stands in for them.
    let held = "expect: {position: {TESTUSDT: 1}}\n";
    let account = case.split_once("margin:").unwrap().0;
    let (result, _) = played("sma-flip", tape, &format!("{account}{held}"), false);
    assert_eq!(result.problems, Vec::<String>::new());
    let (unmarked, margin) = ("close\n10\n10\n13\n14\n14\n15\n", case.split_once("expect:").unwrap().0);
    let (result, _) = played("sma-flip", unmarked, &format!("{margin}{held}"), false);
    assert_eq!(result.problems, Vec::<String>::new());
}
