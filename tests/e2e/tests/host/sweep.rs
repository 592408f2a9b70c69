//! Sweeps: each combination is the run that `host run` makes of it, and nothing that happens on the way shows.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use cryptobot_data::table::{Cells, TableReader, TableWriter};
use cryptobot_e2e::{Ran, Sandbox, run_to_end, start};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Four combinations, one of which the plugin refuses.
const SWEEP: &str = "sweep --plugin sma-flip --timeframe 1h --to 2024-03-01 --set quantity=0.1 --param fast=5,30 \
                     --param slow=20..40:20 --format json";
const SINGLE: &str = "run --plugin sma-flip --timeframe 1h --to 2024-03-01 --set quantity=0.1 --format json";

/// The cells of a column as texts; empty ones are `-`.
pub fn column(table: &Path, name: &str) -> Vec<String> {
    fn texts<T: ToString>(cells: Vec<Option<T>>) -> Vec<String> {
        cells.into_iter().map(|cell| cell.map_or_else(|| "-".to_owned(), |cell| cell.to_string())).collect()
    }
    let reader = TableReader::any(table).unwrap();
    let at =
        reader.columns().iter().position(|(column, _)| column == name).unwrap_or_else(|| panic!("{name}"));
    let groups = (0..reader.groups()).map(|group| reader.group(group).unwrap().swap_remove(at));
    groups
        .flat_map(|cells| match cells {
            Cells::Flags(cells) => texts(cells),
            Cells::Integers(cells) => texts(cells),
            Cells::Numbers(cells) => texts(cells),
            Cells::Texts(cells) => texts(cells),
        })
        .collect()
}

#[test]
fn every_combination_is_the_run_of_its_parameters() {
    let sandbox = Sandbox::with_sample();
    let document = sandbox.host(&format!("{SWEEP} --out sweep --top 2")).expect(0).json();
    let of = |name: &str| column(&sandbox.path("sweep/sweep.parquet"), name);
    assert_eq!(of("index"), ["0", "1", "2", "3"]);
    assert_eq!(of("symbol"), ["BTCUSDT"; 4]);
    assert_eq!((of("fast"), of("slow")), (words("5 5 30 30"), words("20 40 20 40")));
    for (row, (fast, slow)) in of("fast").iter().zip(&of("slow")).enumerate() {
        let ran = sandbox.host(&format!("{SINGLE} --set fast={fast} --set slow={slow} --out run"));
        if ran.code == Some(4) {
            assert!(of("error")[row].contains("fast (30) must be below slow (20)"), "{}", of("error")[row]);
            assert_eq!(of("sharpe")[row], "-");
            continue;
        }
        let ran = ran.expect(0);
        let summary = ran.json();
        // Numbers by their digits: what reads JSON may round the last one.
        let digits = |name: &str| {
            let metrics = &ran.stdout[ran.stdout.find("\"metrics\": {").unwrap()..];
            let after = metrics.split_once(&format!("\"{name}\": ")).unwrap().1;
            after.split([',', '\n']).next().unwrap().trim().to_owned()
        };
        assert_eq!(of("error")[row], "-");
        assert_eq!(of("journal_sha256")[row], summary["journal_sha256"]);
        assert_eq!(of("final_equity")[row], summary["final_equity"]);
        for count in ["orders", "fills", "trades", "liquidations"] {
            assert_eq!(of(count)[row], summary[count].to_string(), "{count}");
        }
        let metrics = summary["metrics"].as_object().unwrap();
        assert!(metrics.len() > 30);
        for (name, value) in metrics.iter().filter(|(_, value)| !value.is_string()) {
            let number = digits(name).parse::<f64>();
            assert_eq!(number.is_ok(), value.is_number());
            let number = number.map_or_else(|_| "-".to_owned(), |number| number.to_string());
            assert_eq!(of(name)[row], number, "{name}");
        }
    }
    let sharpes: Vec<f64> = of("sharpe").iter().filter_map(|cell| cell.parse().ok()).collect();
    assert_eq!(document["trials"], 4);
    assert_eq!((document["failed"].clone(), document["ranked"].clone()), (1.into(), 3.into()));
    let top = document["top"].as_array().unwrap();
    assert_eq!(top.len(), 2);
    assert_eq!(top[0]["figures"]["sharpe"], sharpes.iter().copied().fold(f64::MIN, f64::max));
    assert_eq!(document["verification"]["checked"], 2);
    assert_eq!(document["verification"]["differing"], Value::Array(Vec::new()));
    for best in top {
        let run = &best["runs"][0];
        let summary = sandbox.summary(&format!("sweep/{}", run["folder"].as_str().unwrap()));
        assert_eq!(summary["journal_sha256"], run["journal_sha256"]);
        assert_eq!(summary["strategies"][0]["params"]["fast"], best["params"]["fast"]);
    }
    assert!(!sandbox.path("sweep/parts").exists());
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// Some hundred combinations, slow enough to be interrupted in every profile.
const LONG: &str = "sweep --config strict.yaml --plugin sma-flip --timeframe 15m --param fast=2..26:3 --param slow=30..420:20 --top 1";

fn strict() -> Sandbox {
    let sandbox = Sandbox::with_sample();
    sandbox.write("strict.yaml", "limits: {strict: true}\nbalance: 1000000\nperiod: {to: 2024-04-01}\n");
    sandbox
}

/// Starts a sweep and waits until it has written results.
fn under_way(sandbox: &Sandbox, arguments: &str, out: &str) -> Child {
    let written = || {
        let files = fs::read_dir(sandbox.path(format!("{out}/parts"))).into_iter().flatten().flatten();
        files.filter(|file| file.path().extension().is_some_and(|it| it == "parquet")).count()
    };
    let before = written();
    let child = start(&mut sandbox.command(arguments));
    let deadline = Instant::now() + Duration::from_mins(1);
    while written() <= before {
        assert!(Instant::now() < deadline, "nothing is written");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

/// Starts a sweep, waits until it has written results, and ends it with a signal.
fn begin(sandbox: &Sandbox, arguments: &str, out: &str, signal: Signal) -> Ran {
    let child = under_way(sandbox, arguments, out);
    kill_process(Pid::from_child(&child), signal).unwrap();
    run_to_end(child)
}

#[test]
fn a_folder_has_one_writer_and_a_sweep_all_its_rows() {
    let sandbox = strict();
    let sweep = format!("{LONG} --jobs 1 --out out");
    let writer = under_way(&sandbox, &sweep, "out");
    for second in [format!("{sweep} --resume"), sweep.clone()] {
        let words = ["out", "is being written by another process"];
        println!("{}", sandbox.host(&second).refused(2, &words));
    }
    sandbox.host("sweep merge out --out merged").refused(2, &["out", "by another process"]);
    // As if somebody had cleaned up.
    fs::remove_file(sandbox.path("out/parts/000000.parquet")).unwrap();
    let line = run_to_end(writer).refused(1, &["out", "of 180 runs", "--resume"]);
    println!("{line}");
    assert!(!sandbox.path("out/sweep.json").exists(), "it is not finished");
    let done = sandbox.host(&format!("{sweep} --resume --format json")).expect(0).json();
    assert_eq!(done["runs"], 180);
    assert!(done["timing"]["runs"].as_u64().unwrap() < 180);
    // A process that was killed while it cleared the folder.
    fs::remove_file(sandbox.path("out/sweep.parquet")).unwrap();
    let line = sandbox
        .host(&format!("{sweep} --resume"))
        .refused(2, &["out", "sweep.parquet is not", "leave --resume out"]);
    println!("{line}");
}

#[test]
fn what_is_finished_survives_a_kill_before_it_is_in_a_table() {
    let sandbox = strict();
    let sweep = format!("{LONG} --jobs 1 --out out");
    let log = sandbox.path("out/parts/rows.log");
    let lines = || fs::read_to_string(&log).unwrap_or_default().matches('\n').count();
    let child = start(&mut sandbox.command(&sweep));
    let deadline = Instant::now() + Duration::from_mins(1);
    while lines() == 0 {
        assert!(Instant::now() < deadline, "nothing is logged");
        std::thread::sleep(Duration::from_millis(1));
    }
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    assert_eq!(run_to_end(child).code, None);
    let tables = fs::read_dir(sandbox.path("out/parts")).unwrap().map(|file| file.unwrap().path());
    let tables = tables.filter(|path| path.extension().is_some_and(|it| it == "parquet"));
    let mut finished: Vec<String> = tables.flat_map(|table| column(&table, "index")).collect();
    for line in fs::read_to_string(&log).unwrap().split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        finished.push(serde_json::from_str::<Value>(line).unwrap()["at"][0].to_string());
    }
    finished.sort();
    finished.dedup();
    assert!(!finished.is_empty());
    let done = sandbox.host(&format!("{sweep} --resume --format json")).expect(0).json();
    assert_eq!(
        (done["runs"].clone(), done["timing"]["runs"].clone()),
        (180.into(), (180 - finished.len()).into())
    );
}

/// A sweep of eight combinations, in two parts.
const PARTS: &str = "sweep --plugin sma-flip --timeframe 1h --to 2024-03-01 --set quantity=0.1 --param fast=5,6 \
                     --param slow=20..50:10 --format json";

#[test]
fn joined_parts_list_what_all_of_them_have_verified() {
    let sandbox = Sandbox::with_sample();
    let part = |part: u32, more: &str| {
        sandbox.host(&format!("{PARTS} --shard {part}/2 --out part{part} {more}")).expect(0).json()
    };
    let merge = || sandbox.host("sweep merge part1 part2 --out both --format json");
    let warned = |document: &Value, words: &str| {
        document["warnings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|warning| warning.as_str().unwrap().contains(words))
    };
    part(1, "--top 1");
    part(2, "--top 5");
    // The second time it takes the place of the first.
    for _ in 0..2 {
        let both = merge().expect(0).json();
        assert_eq!(both["top"].as_array().unwrap().len(), 1);
        assert!(
            warned(&both, "(--top 1, 5): as many are ranked as all parts have verified, 1;"),
            "{}",
            both["warnings"]
        );
        assert!(sandbox.path("both/top/01/summary.json").exists() && !sandbox.path("both/top/02").exists());
    }
    let none = part(1, "--top 0");
    assert!(warned(&none, "nothing was verified"), "{}", none["warnings"]);
    let both = merge().expect(0).json();
    assert!(warned(&both, "nothing was verified") && warned(&both, "(--top 0, 5)"), "{}", both["warnings"]);
    assert_eq!(both["verification"]["checked"], 0);
    assert!(!sandbox.path("both/top").exists());
    part(1, "--top 5");
    let both = merge().expect(0).json();
    assert_eq!(
        (both["warnings"].clone(), both["verification"]["checked"].clone()),
        (Value::Array(Vec::new()), 5.into())
    );
    for best in both["top"].as_array().unwrap() {
        let run = &best["runs"][0];
        let summary = sandbox.summary(&format!("both/{}", run["folder"].as_str().unwrap()));
        assert_eq!(summary["journal_sha256"], run["journal_sha256"]);
    }
    assert_eq!(both["top"].as_array().unwrap().len(), 5);

    let refused = |out: &str, words: &[&str]| {
        println!("{}", sandbox.host(&format!("sweep merge part1 part2 --out {out}")).refused(2, words));
    };
    refused("part1", &["part1: is one of the parts"]);
    sandbox.host(&format!("{} --out other", PARTS.replace("5,6", "5,7"))).expect(0);
    refused("other", &["other: holds a sweep with other ranges"]);
    // A part that lost a row.
    let table = sandbox.path("part2/sweep.parquet");
    rewrite(&table, |cells| match cells {
        Cells::Flags(cells) => cells.truncate(3),
        Cells::Integers(cells) => cells.truncate(3),
        Cells::Numbers(cells) => cells.truncate(3),
        Cells::Texts(cells) => cells.truncate(3),
    });
    refused("new", &["part2: has 3 of the 4 rows of its part", "--resume"]);
    assert!(!sandbox.path("new").exists());
    part(2, "--top 5 --resume");
    merge().expect(0);
    fs::remove_file(&table).unwrap();
    refused("both", &["part2: has no sweep.parquet"]);
}

/// Writes a table of one group again with its cells changed.
fn rewrite(table: &Path, mut change: impl FnMut(&mut Cells)) {
    let reader = TableReader::any(table).unwrap();
    let (columns, mut cells) = (reader.columns().clone(), reader.group(0).unwrap());
    cells.iter_mut().for_each(&mut change);
    let mut writer = TableWriter::create(table, &columns).unwrap();
    writer.group(&cells).unwrap();
    writer.finish().unwrap();
}

#[test]
fn the_table_does_not_tell_of_jobs_interruptions_and_parts() {
    let sandbox = strict();
    sandbox.host(&format!("{LONG} --jobs 3 --out whole")).expect(0);
    let whole = sandbox.bytes("whole/sweep.parquet");
    assert_eq!(column(&sandbox.path("whole/sweep.parquet"), "index").len(), 9 * 20);

    let resumed = format!("{LONG} --jobs 1 --out resumed");
    assert_eq!(begin(&sandbox, &resumed, "resumed", Signal::KILL).code, None);
    let line = sandbox.host(&resumed).refused(2, &["resumed", "not finished", "--resume"]);
    println!("{line}");
    let other = format!("{resumed} --resume").replace("2..26:3", "2..23:3");
    println!("{}", sandbox.host(&other).refused(2, &["resumed", "other ranges"]));
    let ran = begin(&sandbox, &resumed.replace("--jobs 1", "--resume --jobs 2"), "resumed", Signal::INT)
        .expect(130);
    assert!(ran.stderr.contains("of 180 runs are done; go on with --resume"), "{}", ran.stderr);
    println!("{}", ran.stderr);
    let done = sandbox.host(&format!("{resumed} --resume --format json")).expect(0).json();
    assert!(done["timing"]["runs"].as_u64().unwrap() < 180, "nothing was taken over");
    assert_eq!(done["trials"], 180);
    assert!(sandbox.bytes("resumed/sweep.parquet") == whole, "other bytes after interruptions");
    let again = sandbox.host(&format!("{resumed} --resume --format json")).expect(0).json();
    assert_eq!(again["timing"]["runs"], 0);
    assert_eq!(again["top"], done["top"]);
    assert!(sandbox.bytes("resumed/sweep.parquet") == whole);

    let parts: Vec<String> = (1..=3).map(|part| format!("part{part}")).collect();
    for (part, out) in parts.iter().enumerate().map(|(index, out)| (index + 1, out)) {
        sandbox.host(&format!("{LONG} --shard {part}/3 --out {out}")).expect(0);
    }
    let merged = sandbox.host(&format!("sweep merge {} --out merged --format json", parts.join(" ")));
    let merged = merged.expect(0).json();
    assert!(sandbox.bytes("merged/sweep.parquet") == whole, "other bytes after a division");
    assert_eq!(merged["top"], done["top"]);
    assert_eq!(merged["sweep"]["id"], done["sweep"]["id"]);
    let folder = merged["top"][0]["runs"][0]["folder"].as_str().unwrap();
    assert_eq!(
        sandbox.summary(&format!("merged/{folder}"))["journal_sha256"],
        done["top"][0]["runs"][0]["journal_sha256"]
    );

    sandbox.host("sweep merge part1 part3 --out x").refused(2, &["missing parts: 2/3"]);
    sandbox
        .host("sweep merge part1 part2 part3 part1 --out x")
        .refused(2, &["part1: is part 1/3, as part1 is"]);
    sandbox
        .host("sweep merge part1 whole --out x")
        .refused(2, &["whole: is part 1/1, and part1 is part 1/3"]);
    sandbox.host("sweep merge home --out x").refused(2, &["home: holds no complete sweep"]);
    let other = LONG.replace("2..26:3", "2..23:3");
    sandbox.host(&format!("{other} --random 3 --shard 2/3 --out other")).expect(0);
    sandbox.host("sweep merge part1 other part3 --out x").refused(2, &["other: is no part", "other ranges"]);
}

#[test]
fn searches_repeat_themselves_with_any_number_of_jobs() {
    let sandbox = Sandbox::with_sample();
    let base = "sweep --plugin sma-flip --timeframe 4h --to 2024-03-01 --param fast=2..20 --param slow=25..200:5 --top 0";
    for search in ["--random 40", "--lhs 40", "--tpe 60"] {
        let mut tables = Vec::new();
        for jobs in [1, 3] {
            sandbox.host(&format!("{base} {search} --jobs {jobs} --out out")).expect(0);
            tables.push(sandbox.bytes("out/sweep.parquet"));
        }
        assert!(tables[0] == tables[1], "{search}");
        sandbox.host(&format!("{base} {search} --seed 43 --out out")).expect(0);
        assert!(tables[0] != sandbox.bytes("out/sweep.parquet"), "{search} does not depend on the seed");
    }
}

#[test]
fn several_symbols_together_and_each_on_its_own() {
    let sandbox = Sandbox::with_sample();
    let base =
        SWEEP.replace("--param slow=20..40:20", "--param slow=40,50") + " --symbol BTCUSDT --symbol ETHUSDT";
    let together = sandbox.host(&format!("{base} --out together --top 1")).expect(0).json();
    assert_eq!(column(&sandbox.path("together/sweep.parquet"), "symbol"), ["BTCUSDT+ETHUSDT"; 4]);
    assert_eq!(together["runs"], 4);

    let apart = sandbox.host(&format!("{base} --per-symbol --out apart --top 1")).expect(0).json();
    let of = |name: &str| column(&sandbox.path("apart/sweep.parquet"), name);
    assert_eq!(of("index"), words("0 0 1 1 2 2 3 3"));
    assert_eq!(of("symbol"), ["BTCUSDT", "ETHUSDT"].repeat(4));
    assert_eq!((apart["trials"].clone(), apart["runs"].clone()), (4.into(), 8.into()));
    let best = &apart["top"][0];
    let index = best["index"].as_u64().unwrap() as usize;
    let sharpes = &of("sharpe")[2 * index..2 * index + 2];
    let mean = sharpes.iter().map(|cell| cell.parse::<f64>().unwrap()).sum::<f64>() / 2.0;
    assert_eq!(best["figures"]["sharpe"], mean);
    for (at, symbol) in ["BTCUSDT", "ETHUSDT"].into_iter().enumerate() {
        let summary = sandbox.summary(&format!("apart/top/01/{symbol}"));
        assert_eq!(summary["journal_sha256"], of("journal_sha256")[2 * index + at]);
        assert_eq!(summary["instruments"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn a_script_is_swept_as_a_component_is() {
    let sandbox = Sandbox::with_sample();
    fs::copy(cryptobot_e2e::repository().join("examples/rhai/sma-flip.rhai"), sandbox.path("flip.rhai"))
        .unwrap();
    sandbox.host(&format!("{SWEEP} --out component")).expect(0);
    sandbox
        .host(&format!("{} --out script", SWEEP.replace("--plugin sma-flip", "--plugin flip.rhai")))
        .expect(0);
    let hashes = |out: &str| column(&sandbox.path(format!("{out}/sweep.parquet")), "journal_sha256");
    let (component, script) = (hashes("component"), hashes("script"));
    for row in [0, 1, 3] {
        assert_eq!(component[row], script[row]);
    }
}

#[test]
fn a_fault_is_a_row_and_not_the_end() {
    let sandbox = Sandbox::with_sample().with_plugin("hostile");
    let base = "sweep --plugin hostile --timeframe 1h --to 2024-01-08 --format json --out out";
    let document =
        sandbox.host(&format!("{base} --param behaviour=idle,panic,none --param in=on-bar")).expect(0);
    let errors = column(&sandbox.path("out/sweep.parquet"), "error");
    println!("{errors:?}");
    assert_eq!((errors[0].as_str(), errors[2].as_str()), ("-", "-"));
    assert!(errors[1].contains("trap"), "{}", errors[1]);
    assert_eq!(column(&sandbox.path("out/sweep.parquet"), "total_return")[1], "-");
    assert_eq!(document.json()["failed"], 1);
    let all = sandbox.host(&format!("{base} --param behaviour=panic")).expect(0).json();
    assert_eq!((all["failed"].clone(), all["ranked"].clone()), (1.into(), 0.into()));
    let warnings = all["warnings"].to_string();
    assert!(warnings.contains("nothing was verified") && warnings.contains("in 1 of 1;"), "{warnings}");
}

#[test]
fn where_every_run_has_a_fault_the_first_is_said() {
    let sandbox = Sandbox::with_sample();
    let base = "sweep --plugin sma-flip --timeframe 1d --to 2024-02-01 --param fast=30,31 --param slow=20";
    let ran = sandbox.host(&format!("{base} --out out")).expect(0);
    let said = "every run ended with a fault: `";
    assert!(
        ran.stderr.contains(said) && ran.stderr.contains("fast (30) must be below slow (20)` in 1 of 2;"),
        "{}",
        ran.stderr
    );
    assert!(sandbox.read("out/sweep.html").contains(said));
    println!("{}", ran.stderr);
}

#[test]
fn what_has_no_step_keeps_its_default_and_that_is_said() {
    let sandbox = Sandbox::with_sample();
    let base = "sweep --plugin sma-flip --timeframe 1d --to 2024-02-01 --out out";
    let ran = sandbox.host(&format!("{base} --random 3")).expect(0);
    assert!(ran.stderr.contains("quantity keeps its default"), "{}", ran.stderr);
    sandbox.host(&format!("{base} --param quantity")).refused(2, &["--param quantity", "has no step"]);
}

#[test]
fn a_sweep_in_which_nothing_trades_says_so() {
    let sandbox = Sandbox::with_sample();
    let base = "sweep --plugin sma-flip --timeframe 1h --to 2024-02-01 --param slow=20,30";
    // A whole coin is more than the account can pay for.
    let ran = sandbox.host(&format!("{base} --set fast=5 --out idle")).expect(0);
    assert!(ran.stderr.contains("no run had a single fill"), "{}", ran.stderr);
    let page = fs::read_to_string(sandbox.path("idle/sweep.html")).unwrap();
    assert!(page.contains("no run had a single fill"));
    let traded = sandbox.host(&format!("{base} --set fast=5 --set quantity=0.1 --out traded")).expect(0);
    assert!(!traded.stderr.contains("single fill"), "{}", traded.stderr);
    let strict = "--set quantity=0.1 --constraint trades>=1 --constraint trades>=100000 --out strict";
    let strict = sandbox.host(&format!("{base} --set fast=5 {strict}")).expect(0);
    let kept = "no combination keeps all constraints: of 2, 2 keep trades>=1, 0 keep trades>=100000";
    assert!(strict.stderr.contains(kept), "{}", strict.stderr);

    // Of two parts one may not have traded; together they have.
    for (part, quantity) in [("1/2", "0.1,1"), ("2/2", "0.1,1")] {
        let shard = format!("--shard {part} --out part-{}", &part[..1]);
        let swept = "sweep --plugin sma-flip --timeframe 1h --to 2024-02-01 --set fast=5 --set slow=20";
        sandbox.host(&format!("{swept} --param quantity={quantity} {shard}")).expect(0);
    }
    let idle = |out: &str| {
        let document = fs::read_to_string(sandbox.path(format!("{out}/sweep.json"))).unwrap();
        document.contains("no run had a single fill")
    };
    assert_eq!([idle("part-1"), idle("part-2")].iter().filter(|idle| **idle).count(), 1);
    sandbox.host("sweep merge part-1 part-2 --out both").expect(0);
    assert!(!idle("both"));
}

#[test]
fn what_cannot_be_meant_is_refused_before_any_work() {
    let sandbox = Sandbox::with_sample();
    let refused = |more: &str, words: &[&str]| {
        let line = sandbox.host(&format!("sweep --plugin sma-flip --timeframe 1h {more}")).refused(2, words);
        println!("{more}\n  {line}");
    };
    refused("--param fast=5..2", &["--param fast", "reversed", "2..5"]);
    refused("--param fast=2..5:0", &["--param fast", "above 0"]);
    refused("--param fast=", &["--param fast", "integer"]);
    refused("--param fast=0..5", &["--param fast", "1..10000"]);
    refused("--param speed=1..2", &["--param speed", "fast, slow, quantity"]);
    refused("--param quantity=1..2", &["--param quantity", "write 1..2:STEP"]);
    refused(
        "--param fast --param slow=2..10000:1",
        &["99990000 combinations", "10 million", "--yes", "--random N", "with --param"],
    );
    refused("--param fast=2..5 --set fast=3", &["--set fast", "its range"]);
    refused("--param fast=2..5 --random 9", &["--random", "only 4"]);
    refused("--param fast=2..5 --lhs 9", &["--lhs", "only 4"]);
    refused("--param fast=2..5 --tpe 9", &["--tpe", "only 4"]);
    refused("--param fast=2..5 --param slow=30 --param fast=7", &["--param fast", "given twice"]);
    refused("--param fast=2..26:30", &["--param fast", "a step of 30 leads beyond 26"]);
    refused("--param fast=5,,6", &["--param fast", "for example 2..26"]);
    refused("--param fast=2..5 --metric sharp", &["--metric", "no figure `sharp`", "sharpe"]);
    refused("--param fast=2..5 --constraint trades=3", &["--constraint", "NAME>=NUMBER"]);
    refused("--param fast=2..5 --shard 3/2", &["--shard", "1/4"]);
    refused("--param fast=2..5 --tpe 4 --shard 1/2", &["--shard", "--random"]);
    refused("--param fast=2..5 --jobs 0", &["--jobs"]);
    refused("--param fast=2..5 --out plugins", &["plugins", "holds no sweep"]);
    assert!(!sandbox.path("runs").exists());
}

#[test]
fn a_run_file_says_what_is_swept_and_flags_override_it() {
    let sandbox = Sandbox::with_sample();
    let file = "period: {to: 2024-02-01}\ndelivery: paged\nbots:\n  flip: {plugin: sma-flip, timeframe: 1h, params: {quantity: 0.1}}\n\
                sweep:\n  params: {fast: '2..6:2', slow: [30, 40]}\n  metric: total_return\n  constraints: ['trades>=10']\n  \
                top: 1\n  search: random\n  samples: 4\n";
    sandbox.write("sweep.yaml", file);
    sandbox.host("config check sweep.yaml").expect(0);
    let document = sandbox.host("sweep --config sweep.yaml --out a --format json").expect(0).json();
    assert_eq!((document["trials"].clone(), document["metric"].clone()), (4.into(), "total_return".into()));
    assert_eq!(document["constraints"][0], "trades>=10");
    assert_eq!(document["delivery"], "paged");
    assert_eq!(
        sandbox.summary("a/top/01")["run"]["delivery"],
        "single",
        "the second run is one call per event"
    );
    let document = sandbox
        .host("sweep --config sweep.yaml --param fast=3 --random 2 --metric min:volatility --out b --format json")
        .expect(0)
        .json();
    assert_eq!((document["trials"].clone(), document["less_is_better"].clone()), (2.into(), true.into()));
    // `host run` takes no notice, and its run is the same with and without.
    let run =
        |file: &str| sandbox.host(&format!("run --config {file} --out run --format json")).expect(0).json();
    sandbox.write("plain.yaml", file.split("sweep:").next().unwrap());
    assert_eq!(run("sweep.yaml")["run"], run("plain.yaml")["run"]);
    let typo = file.replace("metric:", "metrik:");
    sandbox.write("typo.yaml", typo);
    sandbox.host("sweep --config typo.yaml").refused(2, &["typo.yaml", "metrik"]);
}

#[test]
fn a_plugin_whose_second_run_differs_is_refused() {
    let sandbox = Sandbox::with_sample();
    let sweep = format!("{SWEEP} --out sweep --top 4");
    sandbox.host(&sweep).expect(0);
    // As if the plugin had done something else in the sweep.
    let table = sandbox.path("sweep/sweep.parquet");
    let hash = column(&table, "journal_sha256").swap_remove(1);
    rewrite(&table, |cells| {
        if let Cells::Texts(texts) = cells {
            let hashes = texts.iter_mut().flatten().filter(|text| **text == hash);
            hashes.for_each(|found| *found = "0".repeat(64));
        }
    });
    let ran = sandbox.host(&format!("{sweep} --resume"));
    let document = ran.json();
    let line =
        ran.refused(4, &["plugin sma-flip is refused", "combination 1 on BTCUSDT", "one call per event"]);
    println!("{line}");
    assert_eq!(document["verification"]["differing"][0]["index"], 1);
    assert_eq!(document["verification"]["checked"], 3);
}

#[test]
fn a_value_that_is_stated_is_not_varied_and_a_range_wins_over_the_file() {
    let sandbox = Sandbox::with_sample();
    let bot =
        "{plugin: sma-flip, symbols: [BTCUSDT], timeframe: 1d, params: {quantity: 0.1, fast: 3, slow: 9}}";
    sandbox.write("file.yaml", format!("bots:\n  flip: {bot}\n"));
    let document =
        sandbox.host("sweep --config file.yaml --param fast=2..4 --out a --format json").expect(0).json();
    assert_eq!(document["trials"], 3);
    // Everything that could be varied has a value.
    sandbox.host("sweep --config file.yaml --out b").refused(2, &["--param", "say what to vary"]);
    let sweep = "sweep --plugin sma-flip --timeframe 1d --set fast=3 --set quantity=0.1 --to 2024-07-01 --lhs 50 --out c --format json";
    let document = sandbox.host(sweep).expect(0).json();
    let best = document["top"][0]["params"].as_object().unwrap();
    assert_eq!(best.keys().collect::<Vec<_>>(), ["slow"]);
    let twice = sandbox.host("sweep --plugin sma-flip --set fast=3 --param fast=2..4 --out d");
    println!("{}", twice.refused(2, &["--set fast", "varied as well"]));
}
