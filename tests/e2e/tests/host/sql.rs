//! `host data sql`: what is printed and written, and how a query ends.

use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

use cryptobot_e2e::{START_MS, Sandbox, run_to_end, start};
use rustix::process::{Pid, Signal, kill_process};

/// A day of minutes whose close is the number of the minute and a half.
fn filled() -> Sandbox {
    let sandbox = Sandbox::new();
    let mut text = "ts,open,high,low,close,volume\n".to_owned();
    for minute in 0..1_440 {
        let (time, high) = (START_MS + minute * 60_000, minute + 2);
        writeln!(text, "{time},{high},{high},0.25,{minute}.5,1").unwrap();
    }
    sandbox.write("a.csv", text);
    sandbox.host("data import a.csv --venue v --symbol S --kind 1m").expect(0);
    sandbox
}

fn sql(sandbox: &Sandbox, query: &str, more: &[&str]) -> std::process::Command {
    let mut command = sandbox.command("data sql");
    command.arg(query).args(more);
    command
}

#[test]
fn queries_are_answered_in_every_format() {
    let sandbox = filled();
    let ask = |query: &str, more: &[&str]| run_to_end(start(&mut sql(&sandbox, query, more)));
    let query = "SELECT time, close FROM S_1m WHERE time >= '2024-01-01T23:58'";
    let shown = ask(query, &[]).expect(0);
    let lines: Vec<&str> = shown.stdout.lines().map(str::trim).collect();
    assert_eq!(
        lines,
        ["time                   close", "2024-01-01T23:58:00Z  1438.5", "2024-01-01T23:59:00Z  1439.5"]
    );
    assert_eq!(ask(query, &["--format", "json"]).expect(0).json()[1]["close"], 1439.5);
    let csv = ask(query, &["--format", "csv"]).expect(0).stdout;
    assert_eq!(csv, "time,close\n2024-01-01T23:58:00Z,1438.5\n2024-01-01T23:59:00Z,1439.5\n");

    let more = ask("SELECT ts FROM S_1m", &["--rows", "3"]).expect(0);
    assert_eq!(more.stdout.lines().count(), 4);
    assert!(more.stderr.contains("the first 3 rows"), "{}", more.stderr);
    let none = ask("SELECT ts FROM S_1m WHERE close < 0", &["--format", "json"]).expect(0);
    assert_eq!(none.json(), serde_json::json!([]));

    let said = ask("SELECT * FROM S_1m", &["--out", "all.parquet"]).expect(0).stdout;
    assert_eq!(said, "all.parquet: 1440 rows\n");
    ask("SELECT count(*) FROM S_1m", &["--out", "n.csv"]).expect(0);
    assert_eq!(sandbox.read("n.csv"), "count(*)\n1440\n");
    // What was written is a file like others.
    sandbox.host("data import all.parquet --venue v --symbol T --kind 1m").expect(0);
    let both = "SELECT count(*) AS n FROM S_1m s JOIN T_1m t USING (ts) WHERE s.close = t.close";
    assert_eq!(ask(both, &["--format", "json"]).expect(0).json()[0]["n"], 1_440);
}

#[test]
fn mistakes_end_with_one_line() {
    let sandbox = filled();
    let ask = |query: &str, more: &[&str]| run_to_end(start(&mut sql(&sandbox, query, more)));
    ask("SELECT clsoe FROM S_1m", &[]).refused(2, &["no such column: clsoe", "S_1m has venue symbol ts"]);
    ask("SELECT 1 FROM klines", &[]).refused(2, &["no such table: klines;", "klines_1m", "series"]);
    ask("DROP TABLE series", &[]).refused(2, &["refused", "only read"]);
    ask("SELECT 1", &["--out", "a.txt"]).refused(2, &["--out a.txt", ".parquet"]);
    ask("SELECT 1", &["--data", "nowhere"]).refused(3, &["nowhere"]);
    sandbox.write("data/v/S/1m/2024.parquet", "PAR1");
    ask("SELECT count(*) FROM S_1m", &[]).refused(3, &["v/S/1m/2024.parquet"]);
}

#[test]
fn an_interrupted_query_ends_with_130() {
    let sandbox = filled();
    let endless = "SELECT count(*) FROM S_1m a, S_1m b, S_1m c, S_1m d";
    let child = start(&mut sql(&sandbox, endless, &["--out", "n.csv"]));
    thread::sleep(Duration::from_millis(500));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    run_to_end(child).expect(130);
    let there = std::fs::read_dir(sandbox.path(".")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!there.into_iter().any(|name| name.to_string_lossy().contains("n.csv")));
}
