//! What a plugin may do: manifests, grants, limits, acceptance, and the child that compiles.

use std::time::Duration;

use cryptobot_e2e::{Sandbox, compile_bomb, host_binary, strategy_importing, with_manifest};
use cryptobot_wasm::{ChildCompiler, CompileLimits, CompileOutcome, Compiler, Runtime, RuntimeConfig};
use serde_json::json;

pub(crate) const CAPABILITIES: [&str; 9] = [
    "market",
    "orders",
    "advanced-orders",
    "signals",
    "account",
    "indicators",
    "features",
    "timers",
    "random",
];

/// Adds a line to what a run file says of the bot `a` with the plugin `p.wasm`.
fn run_file(bot: &str) -> String {
    format!("period: {{to: 2024-01-03}}\nbots:\n  a:\n    plugin: p.wasm\n    {bot}\n")
}

/// A strategy whose every function traps: a message about permissions proves that none was called.
#[test]
fn each_capability_has_to_be_granted() {
    let sandbox = Sandbox::with_sample();
    for capability in CAPABILITIES {
        let component = strategy_importing(&[capability]);
        sandbox.write(
            "p.wasm",
            with_manifest(component.clone(), capability, &json!({"interfaces": [capability]})),
        );
        let uses = format!("p.wasm: it uses the interface `{capability}`");

        sandbox.write("run.yaml", run_file(&format!("grants: {{deny: [{capability}]}}")));
        sandbox.host("run --config run.yaml").refused(4, &[&uses, "bots.a.grants.deny names"]);
        let others: Vec<&str> = CAPABILITIES.into_iter().filter(|other| *other != capability).collect();
        sandbox.write("run.yaml", run_file(&format!("grants: {{allow: [{}]}}", others.join(", "))));
        sandbox
            .host("run --config run.yaml")
            .refused(4, &[&uses, "bots.a.grants.allow does not name", "add it"]);
        assert!(!sandbox.path("runs").exists(), "nothing is run");

        // Granted, it gets as far as trapping.
        sandbox.write("run.yaml", run_file(&format!("grants: {{allow: [{capability}]}}")));
        sandbox.host("run --config run.yaml").refused(4, &["p.wasm", "trap"]);

        let undeclared = with_manifest(component, capability, &json!({"interfaces": others}));
        sandbox.write("p.wasm", undeclared);
        let line = format!("imports cryptobot:plugin/{capability}, which its manifest does not declare");
        for command in ["run --config run.yaml", "plugin inspect p.wasm"] {
            sandbox.host(command).refused(4, &["p.wasm", &line]);
        }
    }
}

#[test]
fn grants_that_make_no_sense_are_shown_with_their_place() {
    let sandbox = Sandbox::with_sample();
    for (bot, place, words) in [
        ("grants: {deny: [oders]}", ":5:21: ", "unknown variant `oders`"),
        ("grants: {alow: []}", ":5:14: ", "alow"),
        ("grants: {instruments: [BTC USDT]}", ":5:28: ", "no pattern of instruments"),
        ("limits: {memory: 3}", ":5:14: ", "memory"),
        ("modes: [life]", ":5:13: ", "life"),
        ("limits: {memory_mib: 0}", "bots.a.limits.memory_mib", "must lie in 1..65536"),
    ] {
        sandbox.write("run.yaml", run_file(bot));
        let line = sandbox.host("config check run.yaml").refused(2, &["run.yaml", words]);
        assert!(line.contains(place), "expected `{place}` in: {line}");
    }
}

#[test]
fn instruments_and_modes_are_those_of_the_manifest_and_the_grants() {
    let sandbox = Sandbox::with_sample();
    let honest = sandbox.bytes("plugins/dist/sma-flip.wasm");
    sandbox.write("run.yaml", run_file("grants: {instruments: ['synthetic/ETH*']}"));
    sandbox.write("p.wasm", &honest);
    sandbox
        .host("run --config run.yaml --symbol BTCUSDT")
        .refused(4, &["p.wasm", "bots.a.grants.instruments has synthetic/ETH*, and not synthetic/BTCUSDT"]);
    sandbox.host("run --config run.yaml --symbol ETHUSDT").expect(0);

    let declaring = |declares| with_manifest(strategy_importing(&["orders"]), "p", &declares);
    sandbox.write("p.wasm", declaring(json!({"interfaces": ["orders"], "modes": ["paper", "live"]})));
    sandbox
        .host("run --plugin p.wasm")
        .refused(4, &["its manifest declares the modes paper, live, and this is backtest"]);
}

/// The strictest of host, run file, bot and manifest is in force, and on record.
#[test]
fn the_stricter_limit_wins() {
    let sandbox = Sandbox::with_sample();
    sandbox.write("p.wasm", sandbox.bytes("plugins/dist/sma-flip.wasm"));
    let run = |limits: &str, bot: &str| {
        sandbox.write("run.yaml", format!("limits: {{{limits}}}\n{}", run_file(bot)));
        sandbox.host("run --config run.yaml --timeframe 1h --out run").expect(0);
        let record = sandbox.read("run/run.yaml");
        let bots = record.split_once("\nbots:").expect("bots").1.to_owned();
        let limits = bots.split_once("limits:").expect("limits").1.to_owned();
        let of = |name: &str| {
            let line = limits.lines().find_map(|line| line.trim().strip_prefix(&format!("{name}: ")));
            line.expect(name).parse::<u64>().expect("a number")
        };
        assert!(bots.contains("allow:") && bots.contains("- orders"), "{bots}");
        (of("memory_mib"), of("timers"), of("callback_deadline_ms"))
    };
    // The manifest of sma-flip has 16 MiB.
    assert_eq!(run("", "params: {}"), (16, 1_000, 2_000));
    assert_eq!(run("memory_mib: 8, timers: 7", "limits: {timers: 9}"), (8, 7, 2_000));
    assert_eq!(run("memory_mib: 128", "limits: {timers: 5, callback_deadline_ms: 900}"), (16, 5, 900));

    // What is recorded gives the same run again, and is what holds.
    let before = sandbox.summary("run")["journal_sha256"].clone();
    sandbox.write("again.yaml", sandbox.read("run/run.yaml"));
    sandbox.host("run --config again.yaml --out again").expect(0);
    assert_eq!(sandbox.summary("again")["journal_sha256"], before);
    assert_eq!(sandbox.summary("again")["run"]["id"], sandbox.summary("run")["run"]["id"]);
    sandbox.write("run.yaml", run_file("limits: {memory_mib: 1}"));
    sandbox.host("run --config run.yaml --timeframe 1h").refused(4, &["memory", "a plugin may have 1 MiB"]);
}

#[test]
fn more_than_was_accepted_has_to_be_accepted() {
    let sandbox = Sandbox::with_sample();
    let build = |declares| with_manifest(strategy_importing(&["orders"]), "grower", &declares);
    let small =
        build(json!({"interfaces": ["orders"], "instruments": ["BTC*"], "limits": {"memory_mib": 8}}));
    let large = build(json!({"interfaces": ["orders", "random"], "limits": {"memory_mib": 32}}));
    let record = "home/.local/share/cryptobot-pro/accepted/grower.json";
    // Every function traps: that is how far a plugin gets that is accepted.
    let accepted = || sandbox.host("run --plugin p.wasm").refused(4, &["p.wasm", "trap"]);

    sandbox.write("p.wasm", &small);
    accepted();
    let first = sandbox.read(record);
    assert!(first.contains("BTC*"), "{first}");
    sandbox.write("p.wasm", &large);
    sandbox.host("run --plugin p.wasm").refused(
        4,
        &[
            "`grower` asks for more than you accepted: interface random, instruments *, memory_mib 32 instead of 8",
            "host plugin accept p.wasm",
            "--accept",
        ],
    );
    assert_eq!(sandbox.read(record), first, "what is refused is not taken down");
    let shown = sandbox.host("plugin accept p.wasm").expect(0).stdout;
    assert_eq!(shown, "accepted grower, new: interface random, instruments *, memory_mib 32 instead of 8\n");
    accepted();

    // Less is always fine, and does not take back what was accepted.
    sandbox.write("p.wasm", &small);
    accepted();
    sandbox.write("p.wasm", &large);
    accepted();

    // The flag accepts at once; a damaged record is said and replaced.
    sandbox.write(record, "{");
    sandbox.host("run --plugin p.wasm").refused(4, &["grower.json is damaged", "accept the plugin again"]);
    sandbox.host("run --plugin p.wasm --accept").refused(4, &["p.wasm", "trap"]);
    assert_eq!(
        sandbox.host("plugin accept p.wasm").expect(0).stdout,
        "accepted grower, which asks for no more than before\n"
    );
}

/// A version that takes over is examined like the first, and the first goes on where it is refused.
#[test]
fn a_swap_gives_no_more_than_was_granted_and_accepted() {
    let sandbox = Sandbox::with_sample().with_plugin("hostile");
    let more = |manifest| with_manifest(strategy_importing(&["random"]), "sma-flip", &manifest);
    sandbox.write("more.wasm", more(json!({"interfaces": ["random"], "limits": {"memory_mib": 16}})));
    let run = "run --plugin sma-flip --timeframe 1h --to 2024-01-08 --format json";
    let alone = sandbox.host(run).expect(0).json();
    let swapped = |flags: &str, words: &str| {
        let ran = sandbox.host(&format!("{run} --swap 2024-01-03=more.wasm {flags}"));
        let summary = ran.expect(4).json();
        assert_eq!(summary["journal_sha256"], alone["journal_sha256"], "{flags}");
        let warnings = summary["warnings"].to_string();
        assert!(warnings.contains("the running version went on") && warnings.contains(words), "{warnings}");
    };
    swapped(
        "",
        "`sma-flip` asks for more than you accepted: interface random; accept it with `host plugin accept more.wasm`",
    );
    sandbox.write("deny.yaml", "bots: {sma-flip: {plugin: sma-flip, grants: {deny: [random]}}}\n");
    swapped(
        "--config deny.yaml",
        "more.wasm: it uses the interface `random`, which bots.sma-flip.grants.deny names",
    );
    let declares = json!({"interfaces": CAPABILITIES, "instruments": ["ETH*"]});
    let describing = sandbox.bytes("plugins/dist/hostile.wasm");
    sandbox.write("more.wasm", with_manifest(describing, "sma-flip", &declares));
    swapped("--accept", "its manifest declares the instruments ETH*, and not synthetic/BTCUSDT");

    // What run.yaml records is what every version was granted, so that it gives the same run again.
    let declares = json!({"interfaces": CAPABILITIES, "limits": {"timers": 7}});
    sandbox
        .write("more.wasm", with_manifest(sandbox.bytes("plugins/dist/hostile.wasm"), "sma-flip", &declares));
    let reason = |run: &str| {
        let ran = sandbox.host(run).expect(4).json();
        ran["swaps"][0]["reason"].as_str().expect("a reason").to_owned()
    };
    let first = reason(&format!("{run} --swap 2024-01-03=more.wasm --accept --out first"));
    assert!(first.contains("state"), "admitted, and not able to read the state: {first}");
    sandbox.write("again.yaml", sandbox.read("first/run.yaml"));
    assert_eq!(reason("run --config again.yaml --accept --format json --out again"), first);
    assert_eq!(sandbox.summary("again")["run"]["id"], sandbox.summary("first")["run"]["id"]);
}

#[test]
fn a_record_that_cannot_be_kept_is_a_warning() {
    let sandbox = Sandbox::with_sample();
    let mut command = sandbox.command("run --plugin sma-flip --timeframe 1h --to 2024-01-03");
    command.env("CRYPTOBOT_ACCEPTED", "/dev/null/accepted");
    let ran = cryptobot_e2e::run_to_end(cryptobot_e2e::start(&mut command)).expect(0);
    assert!(
        ran.stderr.contains("a later version of sma-flip that asks for more will not be noticed"),
        "{}",
        ran.stderr
    );
}

#[test]
fn inspection_shows_what_a_plugin_asks_for_and_gets() {
    let sandbox = Sandbox::with_sample();
    let json = sandbox.host("plugin inspect sma-flip --format json").expect(0).json();
    assert_eq!(json["manifest"]["plugin"], "sma-flip");
    assert_eq!(json["manifest"]["declares"]["interfaces"], json!(["orders"]));
    assert_eq!(json["capabilities"], json!(["orders"]));
    assert_eq!(json["default_modes"], json!(["backtest", "simulation", "paper"]));
    assert_eq!((&json["limits"]["memory_mib"], &json["limits"]["timers"]), (&json!(16), &json!(1_000)));
    let table = sandbox.host("plugin inspect sma-flip").expect(0).stdout;
    for words in ["declares orders\n", "granted by default in backtest, simulation, paper\n", "memory_mib"] {
        assert!(table.contains(words), "{table}");
    }
    let without = Sandbox::new().with_plugin("hostile").host("plugin inspect hostile").expect(0).stdout;
    assert!(without.contains("no manifest: it is taken to declare what it imports"), "{without}");
}

fn compiled_in_child(limits: CompileLimits) -> Runtime {
    let child = ChildCompiler { limits, ..ChildCompiler::new(host_binary().into(), "plugin-compiler") };
    Runtime::new(&RuntimeConfig { compiler: Compiler::Child(child), ..RuntimeConfig::default() }).unwrap()
}

#[test]
fn the_child_compiles_what_this_process_would() {
    let sandbox = Sandbox::new().with_plugin("sma-flip");
    let bytes = sandbox.bytes("plugins/dist/sma-flip.wasm");
    let plugin = compiled_in_child(CompileLimits::default()).load_bytes(&bytes).unwrap();
    assert_eq!(plugin.compile_outcome(), CompileOutcome::Compiled { stored: false });
    assert_eq!(plugin.describe(&cryptobot_wasm::Limits::default()).unwrap().name, "sma-flip");
    // Under limits that the command line hands over.
    let sandbox = Sandbox::with_sample();
    sandbox.host("run --plugin sma-flip --timeframe 1h --to 2024-01-03").expect(0);
}

#[test]
fn a_compile_bomb_ends_in_one_line() {
    let bomb = compile_bomb(40, 200_000);
    let refusal = |limits: CompileLimits| {
        let started = std::time::Instant::now();
        let line = compiled_in_child(limits).load_bytes(&bomb).unwrap_err().to_string();
        assert!(started.elapsed() < Duration::from_mins(1), "{line}: {:?}", started.elapsed());
        assert!(!line.contains(char::is_control), "{line}");
        line
    };
    let usual = CompileLimits::default();
    let line = refusal(CompileLimits { cpu_s: 1, ..usual });
    assert_eq!(line, "the component cannot be compiled: it took more than 1 s of processor time");
    let line = refusal(CompileLimits { wall_s: 1, ..usual });
    assert_eq!(line, "the component cannot be compiled: it took more than 1 s");
    let line = refusal(CompileLimits { memory_bytes: 160 << 20, ..usual });
    assert!(line.contains("it may use 160 MiB") || line.contains("the compiler failed"), "{line}");
}
