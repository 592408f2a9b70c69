//! Why an order was filled as it was, and journals that can be read.

use cryptobot_e2e::Sandbox;
use serde_json::Value;

/// A sandbox with a finished run in `run`.
fn with_run() -> Sandbox {
    let sandbox = Sandbox::with_sample();
    sandbox
        .host("run --plugin sma-flip --timeframe 1h --set quantity=0.1 --to 2024-02-01 --out run")
        .expect(0);
    sandbox
}

/// The rows of a table by the names of its columns.
fn rows(table: &str) -> Vec<std::collections::BTreeMap<String, String>> {
    let mut lines = table.lines().map(|line| line.split(',').map(str::to_owned));
    let head: Vec<String> = lines.next().unwrap().collect();
    lines.map(|line| head.iter().cloned().zip(line).collect()).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("no number: {value}"))
}

#[test]
fn every_fill_can_be_explained_with_the_numbers_of_the_tables() {
    let sandbox = with_run();
    let fills = rows(&sandbox.read("run/fills.csv"));
    assert!(fills.len() > 10);
    let mut position = 0.0;
    for (index, fill) in fills.iter().enumerate() {
        let row = index + 1;
        let explained = sandbox.host(&format!("explain run {row} --format json")).expect(0).json();
        let found = &explained["fills"][0];
        assert_eq!(explained["fills"].as_array().unwrap().len(), 1);
        assert_eq!((explained["order"].to_string(), &found["row"]), (fill["order"].clone(), &row.into()));
        for name in ["ts", "side", "price", "quantity", "fee", "slippage", "liquidity", "rule"] {
            assert_eq!(found[name], fill[name], "{name} of {row}");
        }
        assert_eq!(explained["latency_ms"], 50.0);
        assert!((number(&found["position_before"]) - position).abs() < 1e-9, "{row}");
        position = number(&found["position_after"]);
        let sign = if fill["side"] == "buy" { 1.0 } else { -1.0 };
        let slip =
            sign * (number(&found["price"]) - number(&found["reference"])) * number(&found["quantity"]);
        assert!((slip - number(&found["slippage"])).abs() < 1e-6, "{row}: {slip}");
        let bar = &found["market"];
        let late = number(&found["reference"]) / number(&bar["open"]) - 1.0;
        assert!((0.0..1e-3).contains(&(sign * late)), "{row}: an adverse move from the open, {late}");
        assert_eq!(bar["open_ts"].as_str().unwrap()[..16], fill["ts"][..16], "{row}");
        let life = explained["life"].as_array().unwrap();
        let kinds: Vec<&str> = life.iter().map(|entry| entry["entry"].as_str().unwrap()).collect();
        assert_eq!(kinds[..6], ["intent", "decision", "order", "executed", "fill", "wallet"], "{row}");
    }
}

#[test]
fn an_order_is_explained_by_its_id_as_by_its_row() {
    let sandbox = with_run();
    let order = rows(&sandbox.read("run/fills.csv"))[4]["order"].clone();
    let by_row = sandbox.host("explain run 5").expect(0).stdout;
    assert_eq!(sandbox.host(&format!("explain run {order}")).expect(0).stdout, by_row);
    for words in ["Fill 5: ", "open-late: ", "1h bar 2024-01-", "50 ms (constant, base_ms 50)", "fee = 0.2 x"]
    {
        assert!(by_row.contains(words), "{words}: {by_row}");
    }
}

#[test]
fn unknown_fills_and_folders_are_refused_with_what_there_is() {
    let sandbox = with_run();
    let count = rows(&sandbox.read("run/fills.csv")).len();
    let range = format!("rows 1 to {count}");
    for fill in [0, count + 1] {
        sandbox.host(&format!("explain run {fill}")).refused(2, &[&format!("fill {fill}:"), &range]);
    }
    let no_order = 7_u64 << 40;
    let words = [&format!("fill {no_order}:"), "no fill has that order id", &format!("1 to {count}")];
    sandbox.host(&format!("explain run {no_order}")).refused(2, &words);
    sandbox.host("explain nowhere 1").refused(2, &["nowhere", "summary.json"]);
    sandbox.host("explain run first").expect(2);
}

#[test]
fn a_journal_that_does_not_verify_explains_nothing() {
    let sandbox = with_run();
    let whole = sandbox.bytes("run/journal.bin");
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    sandbox.write("run/journal.bin", &changed);
    sandbox.host("explain run 1").refused(1, &["journal.bin", "block 1 was changed"]);
    sandbox.host("journal show run").refused(1, &["journal.bin", "block 1 was changed"]);
    sandbox.write("run/journal.bin", &whole[..8]);
    sandbox.host("explain run 1").refused(1, &["it is not the journal of this run"]);
}

#[test]
fn data_that_are_gone_or_changed_are_said_to_be() {
    let sandbox = with_run();
    let market = |arguments: &str| {
        let explained = sandbox.host(&format!("explain run 1 --format json {arguments}")).expect(0).json();
        explained["fills"][0]["market"]["problem"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(market(""), "");
    assert!(market("--data elsewhere").starts_with("the data of the run are not there: elsewhere: "));
    assert!(sandbox.host("explain run 1 --data elsewhere").expect(0).stdout.contains("not shown: the data"));
    let mut summary = sandbox.summary("run");
    let files = summary["data_files"].as_object_mut().unwrap();
    // Bars, mark prices and funding rates.
    assert_eq!(files.len(), 3);
    files.values_mut().for_each(|hash| *hash = "0".repeat(64).into());
    sandbox.write("run/summary.json", summary.to_string());
    let problem = market("");
    assert!(problem.contains("2024.parquet has changed since the run"), "{problem}");
}

#[test]
fn journals_are_shown_entry_by_entry() {
    let sandbox = with_run();
    let lines = sandbox.host("journal show run").expect(0).stdout;
    let entries = sandbox.host("journal show run/journal.bin --format json").expect(0).json();
    let entries = entries.as_array().unwrap();
    assert_eq!(lines.lines().count(), entries.len());
    let summary = sandbox.summary("run");
    let count = |kind: &str| entries.iter().filter(|entry| entry["entry"] == kind).count() as u64;
    assert_eq!(
        (count("fill"), count("trade")),
        (summary["fills"].as_u64().unwrap(), summary["trades"].as_u64().unwrap())
    );
    assert_eq!(count("intent"), summary["intents"].as_u64().unwrap());
    sandbox.host("journal show nothing.bin").refused(2, &["nothing.bin"]);
}
