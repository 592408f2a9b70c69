//! Runs whose orders meet the trades and order books of the catalog.

use cryptobot_data::store::{CatalogWriter, SeriesId, SeriesKind, stored_rows};
use cryptobot_e2e::Sandbox;
use serde_json::Value;

use super::sweep::column;

const CONFIG: &str = "data: made\nbalance: 1000000\n\
    venues: {synthetic: {funding: none}}\nexecution: {latency: {model: constant, base_ms: 5}}\n\
    bots: {flip: {plugin: sma-flip, venue: synthetic, symbols: [BTCUSDT], timeframe: 1m, params: {fast: 2, slow: 5, quantity: 1.5}}}\n";
const FILE: &str = "--recording BTCUSDT=made/recordings/BTCUSDT.gz";

/// A generated market across a midnight.
fn made(scenario: &str, seed: u32) -> Sandbox {
    let sandbox = Sandbox::new().with_plugin("sma-flip");
    sandbox.write("made.yaml", CONFIG);
    let period = "--from 2024-01-01T22:00 --to 2024-01-02T02:00";
    let generate = format!(
        "data generate --scenario {scenario} --seed {seed} --symbol BTCUSDT {period} --kind 1m,aggtrades,depth --out made"
    );
    let said = sandbox.host(&generate).expect(0).stdout;
    assert!(said.contains("--fills depth --venue synthetic --data made"), "{said}");
    sandbox
}

fn run(sandbox: &Sandbox, arguments: &str) -> Value {
    sandbox.host(&format!("run --config made.yaml --format json {arguments}")).expect(0).json()
}

fn same(sandbox: &Sandbox, (one, a): (&str, &Value), (other, b): (&str, &Value)) {
    assert_eq!(a["journal_sha256"], b["journal_sha256"], "{one} {other}");
    for file in ["journal.bin", "orders.csv", "fills.csv", "trades.csv", "equity.csv"] {
        let [x, y] = [one, other].map(|run| sandbox.bytes(&format!("{run}/{file}")));
        assert!(x == y, "{one} {other}: {file}");
    }
    for field in ["bars", "intents", "metrics", "costs", "period"] {
        assert_eq!(a[field], b[field], "{field}");
    }
}

/// `host replay` of a run in which nothing differs, and nothing else than in the run.
fn replayed(sandbox: &Sandbox, run: &str) {
    let replayed = sandbox.host(&format!("replay {run} --format json")).expect(0).json();
    assert_eq!(replayed["differing_intents"], 0, "{run}");
    assert_eq!(replayed["warnings"], serde_json::json!([]), "{run}");
}

#[test]
fn the_catalog_gives_the_run_that_the_recording_gives() {
    for (scenario, seed) in [("flash-crash", 7), ("low-liquidity", 8)] {
        let sandbox = made(scenario, seed);
        for fills in ["depth", "trades"] {
            let file = run(&sandbox, &format!("--fills {fills} {FILE} --out file"));
            let stored = run(&sandbox, &format!("--fills {fills} --out stored"));
            same(&sandbox, ("file", &file), ("stored", &stored));
            assert!(stored["fills"].as_u64() > Some(10), "{stored}");
            assert_ne!(file["run"]["data_sha256"], stored["run"]["data_sha256"]);
            let files: Vec<String> =
                stored["data_files"].as_object().unwrap().keys().map(ToString::to_string).collect();
            let of = |kind: &str| files.iter().filter(|file| file.contains(kind)).count();
            assert_eq!(
                (of("/aggtrades/"), of("/depth/")),
                (2, if fills == "depth" { 2 } else { 0 }),
                "{files:?}"
            );

            let simulated =
                run(&sandbox, &format!("--mode simulation --speed max --fills {fills} --out simulated"));
            same(&sandbox, ("stored", &stored), ("simulated", &simulated));
            replayed(&sandbox, "stored");
            replayed(&sandbox, "simulated");
        }
        let explained = sandbox.host("explain stored 1").expect(0).stdout;
        assert!(explained.contains("trade: "), "{explained}");
    }
}

#[test]
fn a_part_of_the_period_begins_with_the_book_of_its_time() {
    let sandbox = made("high-volatility", 3);
    let period = "--from 2024-01-02T00:30 --to 2024-01-02T01:30";
    let file = run(&sandbox, &format!("--fills depth {FILE} {period} --out file"));
    let stored = run(&sandbox, &format!("--fills depth {period} --out stored"));
    same(&sandbox, ("file", &file), ("stored", &stored));
    assert_eq!(stored["bars"], 60);
    let files = stored["data_files"].to_string();
    assert!(files.contains("depth/2024-01-02") && !files.contains("depth/2024-01-01"), "{files}");
    replayed(&sandbox, "stored");
    let simulated =
        run(&sandbox, &format!("--mode simulation --speed max --fills depth {period} --out simulated"));
    same(&sandbox, ("stored", &stored), ("simulated", &simulated));
}

#[test]
fn a_file_takes_the_place_of_the_catalog_for_its_symbol_alone() {
    let sandbox = Sandbox::new().with_plugin("sma-flip");
    sandbox.write("made.yaml", CONFIG.replace("[BTCUSDT]", "[BTCUSDT, ETHUSDT]"));
    let generate = "data generate --scenario bear --symbol BTCUSDT,ETHUSDT --to 2024-01-01T02:00 \
                    --kind aggtrades,depth --out made";
    sandbox.host(generate).expect(0);
    let both = run(&sandbox, "--fills depth --out both");
    let mixed = run(&sandbox, &format!("--fills depth {FILE} --out mixed"));
    same(&sandbox, ("both", &both), ("mixed", &mixed));
    let files = mixed["data_files"].to_string();
    assert!(
        files.contains("synthetic/BTCUSDT/recording") && files.contains("synthetic/ETHUSDT/depth"),
        "{files}"
    );
    assert!(!files.contains("synthetic/BTCUSDT/depth"), "{files}");
    replayed(&sandbox, "mixed");
}

#[test]
fn sets_of_parameters_are_tried_in_a_stored_book() {
    let sandbox = made("bull", 5);
    let stored = run(&sandbox, "--fills depth --out stored");
    sandbox.write("made.yaml", CONFIG.replace("execution: {", "execution: {fills: depth, "));
    let sweep = "sweep --config made.yaml --param fast=2 --param slow=5,8 --top 1 --format json --out swept";
    sandbox.host(sweep).expect(0);
    let hashes = column(&sandbox.path("swept/sweep.parquet"), "journal_sha256");
    assert_eq!(hashes.len(), 2);
    assert_eq!(hashes[0], stored["journal_sha256"]);
}

#[test]
fn what_a_stored_book_lacks_is_said() {
    let sandbox = made("bear", 9);
    let depth = "run --config made.yaml --fills depth";
    sandbox
        .host(&format!("{depth} --symbol ETHUSDT"))
        .refused(2, &["execution.recordings", "none of synthetic ETHUSDT", "no depth and no aggtrades"]);
    let missing = ["synthetic BTCUSDT", "lacks days", "2024-01-03 to 2024-01-04", "--to"];
    sandbox.host(&format!("{depth} --to 2024-01-05")).refused(3, &missing);
    sandbox.host(&format!("{depth} --data nowhere")).refused(3, &["nowhere", "--data"]);
    let short =
        sandbox.host(&format!("{depth} --to 2024-01-02T12:00 --format json --out short")).expect(0).json();
    let warnings = short["warnings"].to_string();
    assert!(
        warnings.contains("recorded are the bars from") && warnings.contains("to 2024-01-02T01:59"),
        "{warnings}"
    );

    // Changes of the book in the second hour are lost.
    let root = sandbox.path("made");
    let series = SeriesId::new("synthetic", "BTCUSDT", SeriesKind::Depth).unwrap();
    let whole = stored_rows(&root, &series).unwrap();
    let mut holed = cryptobot_data::store::Rows::new(SeriesKind::Depth);
    let second_hour = whole.ts_ms(0) + 3_600_000..whole.ts_ms(0) + 4_000_000;
    for row in (0..whole.len()).filter(|row| !second_hour.contains(&whole.ts_ms(*row))) {
        let cells: Vec<_> = (0..series.kind.columns().len()).map(|column| whole.cell(row, column)).collect();
        holed.push(&cells);
    }
    std::fs::remove_dir_all(root.join(series.folder())).unwrap();
    CatalogWriter::open(&root).unwrap().append(&series, &holed, "test").unwrap();
    let gap = ["synthetic BTCUSDT depth", "depth updates are missing", "--allow-gaps"];
    sandbox.host(depth).refused(3, &gap);
    sandbox.host(&format!("{depth} --mode simulation --speed max")).refused(3, &gap);
    sandbox.host(&format!("{depth} --allow-gaps")).expect(0);
    // The trades are whole.
    sandbox.host("run --config made.yaml --fills trades").expect(0);
}
