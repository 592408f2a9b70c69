//! Scripts that misbehave: each ends in a fault, and the host goes on.
#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(clippy::disallowed_types, reason = "it measures a deadline")]

mod common;

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Player, fault, logged, refused, script};
use cryptobot_engine::{FaultKind, Strategy};
use cryptobot_rhai::{Limits, LoadError, Script};
use proptest::prelude::*;

/// Bodies of `on_bar` that cannot end well.
const BODIES: &[(&str, FaultKind, &str)] = &[
    ("loop {}", FaultKind::Instructions, "used up its 1000000 operations"),
    ("let a = 0; while true { a += 1; }", FaultKind::Instructions, "used up its"),
    ("for i in 0..9_000_000_000 { now(); }", FaultKind::Instructions, "used up its"),
    ("try { loop {} } catch { }", FaultKind::Instructions, "used up its"),
    ("f(); } fn f() { f();", FaultKind::Trap, "functions call each other too deeply"),
    ("try { f(); } catch { } } fn f() { f();", FaultKind::Trap, "functions call each other too deeply"),
    ("let s = \"x\"; loop { s += s; }", FaultKind::Memory, "length of string is more than"),
    ("let a = [1]; loop { a += a; }", FaultKind::Memory, "size of array/blob is more than"),
    ("let a = []; loop { a.push(1); }", FaultKind::Memory, "size of array"),
    ("let m = #{}; let i = 0; loop { m[`k${i}`] = i; i += 1; }", FaultKind::Memory, "size of object map"),
    ("let a = []; loop { a = [a]; }", FaultKind::Memory, "size of array"),
    ("let m = #{}; loop { m = #{a: m}; }", FaultKind::Memory, "size of object map"),
    ("let a = []; a.pad(1_000_000_000, 1);", FaultKind::Memory, "size of array"),
    ("throw \"I give up\";", FaultKind::Trap, "test.rhai:2:1: I give up, in `throw \"I give up\";`"),
    ("let x = 1 / 0;", FaultKind::Trap, "Division by zero"),
    ("let x = 9_223_372_036_854_775_807 + 1;", FaultKind::Trap, "overflow"),
    ("let x = [1][7];", FaultKind::Trap, "the list has 1 values, there is none at 7"),
    ("loop { buy(1.0); }", FaultKind::OrderFlood, "more than 1000 orders"),
    ("try { loop { buy(1.0); } } catch { }", FaultKind::OrderFlood, "more than 1000 orders"),
    ("loop { info(\"x\"); }", FaultKind::LogFlood, "more than 1000 log lines"),
    ("for i in 0..2_000 { print(i); }", FaultKind::LogFlood, "more than 1000 log lines"),
    ("loop { set_timer(1, now()); }", FaultKind::TimerFlood, "more than 1000 timer calls"),
    ("buy(\"much\");", FaultKind::Trap, "quantity must be a number, not a text"),
    ("state.f = |x| x;", FaultKind::Trap, "`state.f` cannot be a function"),
    ("let i = 0; loop { state[`k${i}`] = i; i += 1; }", FaultKind::Trap, "`state` has 1000 values already"),
    ("let n = state.missing;", FaultKind::Trap, "`state.missing` has no value yet"),
    (
        "let s = \"x\"; for i in 0..16 { s += s; } state.s = s;",
        FaultKind::Trap,
        "`state.s` would take 65541 bytes",
    ),
    ("sma(10);", FaultKind::Trap, "make indicators at the top of the script"),
    ("param(\"late\", 1);", FaultKind::Trap, "declare parameters at the top"),
];

#[test]
fn bodies_end_in_their_faults() {
    for (body, kind, words) in BODIES {
        let fault = fault(body);
        assert_eq!(fault.kind, *kind, "{body}: {fault}");
        assert!(fault.message.contains(words), "{body}: expected `{words}` in: {fault}");
        assert!(fault.message.starts_with("test.rhai"), "{body}: {fault}");
        assert!(!fault.message.contains('\n'), "{body}: {fault}");
    }
}

#[test]
fn a_dead_script_stays_dead() {
    let mut player = Player::of("fn on_bar(bar) { throw \"no\" }");
    let fault = player.bar_of(0, 1.0).unwrap_err();
    assert_eq!(player.bar_of(0, 1.0).unwrap_err(), fault);
    assert_eq!(player.strategy.snapshot().unwrap_err(), fault);
    assert_eq!(player.strategy.stop().unwrap_err(), fault);
}

#[test]
fn a_slow_script_meets_its_deadline() {
    let limits = Limits { callback_operations: u64::MAX, callback_deadline_ms: 50, ..Limits::default() };
    let looping = script("fn on_bar(bar) { loop {} }");
    let mut player = Player::start(&looping, &["A"], &[], &limits).unwrap();
    let started = Instant::now();
    let fault = player.bar_of(0, 1.0).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Deadline);
    assert!(fault.message.contains("ran longer than 50 ms"), "{fault}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

/// Far below every deadline and every limit of operations, bar by bar.
#[test]
fn a_script_that_is_slow_by_a_little_is_stopped() {
    let limits = Limits { total_ms: Some(30), ..Limits::default() };
    let slow = script("fn on_bar(bar) { for i in 0..2_000 { let x = i * 2; } }");
    let mut player = Player::start(&slow, &["A"], &[], &limits).unwrap();
    let fault = (0..1_000_000).find_map(|_| player.bar_of(0, 1.0).err()).unwrap();
    assert_eq!(fault.kind, FaultKind::TotalTime);
    assert!(fault.message.starts_with("test.rhai:1:1: its calls took longer than 30 ms together"), "{fault}");
    assert!(player.strategy.resources().called.unwrap() > Duration::from_millis(30));
    assert!(player.step > 2, "not in one call: {}", player.step);
}

/// Calls for what a script must not have.
#[test]
fn nothing_of_the_machine_is_there() {
    for call in [
        "timestamp()",
        "sleep(1)",
        "exit()",
        "parse_json(\"{}\")",
        "open_file(\"x\")",
        "rand()",
        "blob(10)",
        "take(1)",
        "set_tag(1, 2)",
        "get_fn_metadata_list()",
    ] {
        let name = call.split('(').next().unwrap();
        let found = refused(&format!("fn on_bar(bar) {{ {call}; }}"));
        assert!(found.contains(&format!("there is no function `{name}`")), "{call}: {found}");
    }
    assert!(fault("call(\"buy\");").message.contains("call"));
    for word in ["eval(\"1\")", "import \"x\" as y", "export x", "Fn(\"buy\")", "2 ** 3", "spawn", "x::y()"] {
        let error = refused(&format!("fn on_bar(bar) {{ {word}; }}"));
        assert!(!error.is_empty(), "{word}");
    }
}

/// Texts that are hard to parse or to run for their nesting.
fn deep(depth: usize) -> Vec<String> {
    let around = |open: &str, inside: &str, close: &str| {
        format!("{}{inside}{}", open.repeat(depth), close.repeat(depth))
    };
    let expressions = [
        around("(", "1", ")"),
        around("[", "1", "]"),
        around("#{a: ", "1", "}"),
        around("-", "1", ""),
        around("!", "true", ""),
        around("1 + ", "1", ""),
        around("1 + (", "1", ")"),
        around("if true { ", "1", " } else { 2 }"),
        around("if true { 1 } else ", "{ 2 }", ""),
        around("`${", "1", "}`"),
        around("abs(", "1", ")"),
        around("|x| ", "x", ""),
        around("{ ", "1", " }"),
        around("a[", "0", "]"),
        around("a.b", "", ".c"),
        around("a", ".f()", ".f()"),
        around("true && ", "true", ""),
        around("switch 1 { 1 => ", "1", " }"),
    ];
    let mut texts: Vec<String> = expressions
        .iter()
        .map(|deep| format!("let a = {deep};\nfn on_bar(bar) {{ let a = {deep}; }}"))
        .collect();
    texts.push(format!("fn on_bar(bar) {{ {} }}", around("while true { ", "", "}")));
    texts.push(around("/*", "", "*/"));
    texts
}

fn live(text: &[u8]) {
    let Ok(script) = Script::load_bytes(Path::new("test.rhai"), text) else { return };
    let limits = Limits { callback_operations: 20_000, init_operations: 20_000, ..Limits::default() };
    let _ = script.interfaces();
    if let Ok(mut player) = Player::start(&script, &["A"], &[], &limits) {
        for close in 1..40 {
            if let Err(fault) = player.bar_of(0, f64::from(close)) {
                assert!(!fault.message.contains('\n'), "{fault}");
                return;
            }
        }
        let state = player.strategy.snapshot().unwrap();
        assert_eq!(player.strategy.snapshot().unwrap(), state);
    }
}

#[test]
fn nesting_ends_in_a_message() {
    for depth in [10, 30, 47, 48, 60, 200, 5_000, 100_000] {
        for text in deep(depth) {
            live(text.as_bytes());
        }
    }
}

/// The deepest stack that the limits allow, in a thread with the least stack that a host may have.
#[test]
fn the_deepest_calls_fit_the_stack() {
    let mut body = String::new();
    for _ in 0..12 {
        body.push_str("if true { ");
    }
    body.push_str("let x = ((1 + (2 * (3 + (f(n + 1))))));");
    body.push_str(&" }".repeat(12));
    let text = format!("fn f(n) {{ {body} }} fn on_bar(bar) {{ f(0); }}");
    let run = move || {
        let mut player = Player::of(&text);
        let fault = player.bar_of(0, 1.0).unwrap_err();
        assert!(fault.message.contains("too deeply"), "{fault}");
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
}

/// Values nested as deeply as their size allows are compared, copied, shown and dropped.
#[test]
fn the_deepest_values_fit_the_stack() {
    let bodies = [
        "let a = [0]; for i in 0..2_000 { a = [a]; } let b = a; if a == b { info(\"equal\"); }",
        "let a = [0]; for i in 0..2_000 { a = [a]; } info(a);",
        "let a = [0]; for i in 0..2_000 { a = [a]; } info(`${a}`);",
        "let a = [0]; for i in 0..2_000 { a = [a]; } info(a.contains(a)); a.sort(); a.dedup();",
        "let m = #{}; for i in 0..1_000 { m = #{a: m}; } let n = m; info(m == n);",
        "let m = #{}; for i in 0..1_000 { m = #{a: m}; } info(m.to_json());",
        "let m = #{}; for i in 0..1_000 { m = #{a: m}; } info(m);",
        "let a = [0]; for i in 0..2_000 { a = [a]; } state.a = a;",
        "let a = [0]; for i in 0..2_000 { a = [a]; } throw a;",
        "let a = [0]; for i in 0..2_000 { a = [a]; } switch a { 1 => 2, _ => 3 }",
        "let a = [0]; for i in 0..2_000 { a = [a]; } for i in 0..1_000 { a = #{a: a}; } let b = a; info(a == b);",
    ];
    for body in bodies {
        let run = move || {
            let mut player = Player::of(&format!("fn on_bar(bar) {{ {body} }}"));
            let _ = player.bar_of(0, 1.0);
        };
        std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
    }
}

#[test]
fn an_inconsistent_order_does_not_end_the_host() {
    let body = "let a = []; for i in 0..500 { a.push(i * 7919 % 500); } \
                a.sort(|x, y| if (x + y) % 3 == 0 { -1 } else { 1 }); \
                let b = [0.5, 1.5]; for i in 0..200 { b.push(if i % 3 == 0 { close(99) } else { 200.0 - i }); } b.sort(); \
                let c = [1, \"a\", 2.5]; c.sort(); info(a.len());";
    let mut player = Player::of(&format!("fn on_bar(bar) {{ {body} }}"));
    let _ = player.bar_of(0, 1.0);
}

#[test]
fn files_that_are_no_scripts_are_refused() {
    let load = |bytes: &[u8]| Script::load_bytes(Path::new("x.rhai"), bytes).unwrap_err();
    assert!(matches!(load(b"\xff\xfe"), LoadError::NotText));
    assert!(matches!(load(&vec![b' '; (1 << 20) + 1]), LoadError::TooLarge { .. }));
    assert!(matches!(Script::load(Path::new("/")), Err(LoadError::NotAFile)));
    assert!(matches!(Script::load(Path::new("/no/such.rhai")), Err(LoadError::Io(_))));
}

#[test]
fn a_state_of_wrong_bytes_is_refused() {
    let mut player = Player::of("state.x = 1; fn on_bar(bar) { }");
    let state = player.strategy.snapshot().unwrap();
    player.strategy.restore(1, &state).unwrap();
    let fault = player.strategy.restore(2, &state).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Refused);
    let mut player = Player::of("fn on_bar(bar) { }");
    assert!(player.strategy.restore(1, b"nonsense").unwrap_err().message.contains("restore"));
}

#[test]
fn harmless_code_that_looks_odd_runs() {
    assert_eq!(logged("let a = [3, 1, 2]; a.sort(); info(a);"), ["[1, 2, 3]"]);
    assert_eq!(logged("try { throw \"x\" } catch (e) { info(`caught ${e}`); }"), ["caught x"]);
    assert_eq!(
        logged("try { buy(\"x\") } catch (e) { info(e); }"),
        ["quantity must be a number, not a text"]
    );
}

/// Pieces that random scripts are made of.
const PIECES: &[&str] = &[
    "let a = param(\"a\", 3, 1..9);",
    "let l = ema(a);",
    "state.n = 0;",
    "fn on_bar(bar) {",
    "}",
    "{",
    "(",
    ")",
    "[",
    "]",
    "if l > bar.close",
    "else",
    "state.n += 1;",
    "buy(1.0);",
    "sell(1, #{stop: 9.0});",
    "for i in 0..3",
    "while",
    "loop",
    "break;",
    "return",
    "throw",
    "\"text\"",
    "`x ${l}`",
    "1",
    "0.5",
    "-",
    "+",
    "*",
    "/",
    "%",
    "==",
    "&&",
    "||",
    "=",
    ";",
    ",",
    ".",
    "..",
    "..=",
    "bar",
    "bar.close",
    "l.upper",
    "l[1]",
    "state",
    "main",
    "this",
    "fn f(x)",
    "f(1)",
    "|x|",
    "#{",
    "a:",
    "in",
    "switch a { 1 => ",
    "_ =>",
    "crosses_above(l, 1)",
    "window(\"close\", 3)",
    "?.",
    "??",
    "const",
    "let",
    "!",
    "<<",
    "'c'",
    "try {",
    "catch {",
    "//",
    "/*",
    "*/",
    "\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        live(&bytes);
        live(String::from_utf8_lossy(&bytes).as_bytes());
    }

    #[test]
    fn no_heap_of_words_makes_it_panic(words in proptest::collection::vec(0..PIECES.len(), 0..60)) {
        let mut text = String::new();
        for word in words {
            let _ = write!(text, "{} ", PIECES[word]);
        }
        live(text.as_bytes());
    }

    #[test]
    fn no_damage_makes_it_panic(
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), 0..PIECES.len(), 0_usize..12), 1..6),
        which in 0_usize..2,
    ) {
        let examples = [include_str!("../../../examples/rhai/ema.rhai"), include_str!("../../../examples/rhai/sma-flip.rhai")];
        let mut text: Vec<char> = examples[which].chars().collect();
        for (at, word, removed) in cuts {
            let at = at.index(text.len());
            let end = (at + removed).min(text.len());
            text.splice(at..end, PIECES[word].chars());
        }
        live(text.into_iter().collect::<String>().as_bytes());
    }
}
