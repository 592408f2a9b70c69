//! Generated markets and overlays: made by the command, checked by the command, and traded in.

use cryptobot_e2e::Sandbox;
use serde_json::Value;

const CONFIG: &str = "data: made\nbalance: 1000000\n\
    execution:\n  recordings: {BTCUSDT: made/recordings/BTCUSDT.gz}\n  latency: {model: constant, base_ms: 5}\n\
    bots: {flip: {plugin: sma-flip, venue: synthetic, symbols: [BTCUSDT], timeframe: 1m, params: {fast: 2, slow: 5, quantity: 1.5}}}\n";

fn run(sandbox: &Sandbox, arguments: &str) -> Value {
    sandbox.host(&format!("run --config made.yaml --format json {arguments}")).expect(0).json()
}

fn rules(sandbox: &Sandbox, folder: &str) -> Vec<String> {
    let fills = sandbox.read(&format!("{folder}/fills.csv"));
    let rule = |line: &str| line.rsplit(',').next().unwrap().to_owned();
    let mut rules: Vec<String> = fills.lines().skip(1).map(rule).collect();
    rules.sort();
    rules.dedup();
    rules
}

#[test]
fn a_plugin_trades_through_a_generated_crash_on_bars_trades_and_book() {
    let sandbox = Sandbox::new().with_plugin("sma-flip");
    let generate = "data generate --scenario flash-crash --symbol BTCUSDT --to 2024-01-01T05:00 --kind \
                    1m,mark-1m,funding,aggtrades,depth --out made";
    let said = sandbox.host(generate).expect(0).stdout;
    assert!(
        said.contains("generated, not market data")
            && said.contains("--fills depth --venue synthetic --data made"),
        "{said}"
    );
    let checked = sandbox.host("data check --data made --format json").expect(0).json();
    assert_eq!(checked["errors"], 0);
    sandbox.write("made.yaml", CONFIG);

    let depth = run(&sandbox, "--fills depth --out depth");
    assert_eq!(depth["run"]["mode"], "backtest");
    assert!(depth["fills"].as_u64() > depth["orders"].as_u64(), "orders walk through levels: {depth}");
    assert_eq!(rules(&sandbox, "depth"), ["book-walk"]);
    assert_eq!(depth["synthetic"], true, "the report says what the data are");
    let again = run(&sandbox, "--fills depth --out again");
    assert_eq!(depth["journal_sha256"], again["journal_sha256"]);

    let trades = run(&sandbox, "--fills trades --out trades");
    assert_eq!(rules(&sandbox, "trades"), ["trade"]);
    assert!(trades["fills"].as_u64() > Some(10));

    let bars = sandbox.host(
        "run --plugin sma-flip --data made --symbol BTCUSDT --timeframe 1m --set fast=2 --set slow=5 --balance 1000000 --format json --out bars",
    );
    let bars = bars.expect(0).json();
    assert_eq!(bars["bars"], 300);
    assert!(bars["fills"].as_u64() > Some(10));
}

#[test]
fn the_sample_stays_what_it_was_and_a_scenario_does_not_touch_it() {
    let sandbox = Sandbox::with_sample();
    let before = sandbox.bytes("data/synthetic/manifest.json");
    sandbox.host("data generate --scenario bull --symbol BTCUSDT --days 1").expect(0);
    assert!(sandbox.path("data-bull/synthetic/BTCUSDT/mark-1m/2024.parquet").exists());
    sandbox
        .host("data generate --scenario bull --days 1 --out data")
        .refused(2, &["data/synthetic", "is here already", "--out"]);
    assert_eq!(sandbox.bytes("data/synthetic/manifest.json"), before);
}

#[test]
fn the_sample_under_stress_can_be_run() {
    let sandbox = Sandbox::with_sample();
    let overlay = "data generate --overlay flash-crash --on data --symbol BTCUSDT --at 2024-03-05T12:00Z --fall 0.4 \
                   --minutes 10 --recovery 0.5 --from 2024-03-01 --to 2024-03-10 --out stressed";
    let said = sandbox.host(overlay).expect(0).stdout;
    assert!(said.contains("synthetic BTCUSDT 1m: 12960 rows, 6480 changed"), "{said}");
    sandbox.host("data check --data stressed").expect(0);
    let run = "run --plugin sma-flip --symbol BTCUSDT --timeframe 15m --from 2024-03-01 --to 2024-03-10 --format json";
    let calm = sandbox.host(&format!("{run} --data data --out calm")).expect(0).json();
    let crash = sandbox.host(&format!("{run} --data stressed --out crash")).expect(0).json();
    assert_eq!(calm["bars"], crash["bars"]);
    assert_ne!(calm["journal_sha256"], crash["journal_sha256"]);
    assert_ne!(calm["run"]["data_sha256"], crash["run"]["data_sha256"]);
}

#[test]
fn bad_requests_say_what_is_right() {
    let sandbox = Sandbox::new();
    for (arguments, code, words) in [
        ("--scenario bull --symbol BTC", 2, ["`BTC`", "BTCUSDT"]),
        ("--scenario bull --kind liquidations", 2, ["`liquidations`", "aggtrades"]),
        ("--scenario bull --correlation 2", 2, ["correlation 2", "from 0 to 1"]),
        ("--scenario bull --timeframe 1w", 2, ["begin and end", "1w"]),
        ("--overlay storm --on nowhere --symbol X --at 2024-01-01", 3, ["nowhere", "--data"]),
        (
            "--overlay storm --on nowhere --venue v --symbol X --at 2024-01-01",
            2,
            ["`storm`", "flash-crash, gap"],
        ),
        ("--overlay gap --on nowhere --venue v --symbol X --at 2024-01-01 --fall 1", 2, ["--fall", "gap"]),
        (
            "--overlay gap --on nowhere --venue v --symbol X --at 2024-01-01 --size -2",
            2,
            ["size -2", "-0.95"],
        ),
    ] {
        sandbox.host(&format!("data generate {arguments}")).refused(code, &words);
    }
    let listed = sandbox.host("data generate --scenario moon").expect(2).stderr;
    assert!(listed.contains("scenarios are bull, bear, sideways"), "{listed}");
    let both = sandbox.host("data generate --scenario bull --overlay gap").expect(2).stderr;
    assert!(both.contains("cannot be used with"), "{both}");
}
