//! Features: tables, and what strategies are served, which are the same numbers.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use cryptobot_data::store::{CatalogWriter, Cell, Rows, SeriesId};
use cryptobot_data::table::{CellKind, Cells, TableReader};
use cryptobot_e2e::{MINUTE_MS, START_MS, Sandbox, skip};

const SETS: [&str; 7] = [
    "technical_fast",
    "technical_standard",
    "volume_analysis",
    "volatility_metrics",
    "market_structure",
    "regime_indicators",
    "time",
];

/// Rows of a table by symbol and close time, ms: the bits of each value, those of NaN where a cell is empty.
fn table(path: &Path, symbol: &str, length_ms: i64) -> BTreeMap<(String, i64), Vec<u64>> {
    let read = TableReader::any(path).unwrap();
    let mut rows = BTreeMap::new();
    for group in 0..read.groups() {
        let cells = read.group(group).unwrap();
        let Cells::Integers(times) = &cells[0] else { panic!("times come first") };
        for (row, ts) in times.iter().enumerate() {
            let mut symbol = symbol.to_owned();
            let mut values = Vec::new();
            for column in &cells[1..] {
                match column {
                    Cells::Texts(symbols) => symbol = symbols[row].clone().unwrap(),
                    Cells::Numbers(numbers) => values.push(numbers[row].unwrap_or(f64::NAN).to_bits()),
                    other => panic!("{other:?}"),
                }
            }
            rows.insert((symbol, ts.unwrap() + length_ms), values);
        }
    }
    rows
}

/// What `witness` has logged, as [`table`].
fn witnessed(sandbox: &Sandbox, run: &str) -> BTreeMap<(String, i64), Vec<u64>> {
    let log = sandbox.read(&format!("{run}/log.txt"));
    let row = |line: &str| {
        let words: Vec<&str> = line.split_once(": ").unwrap().1.split(' ').collect();
        let bits = words[2..].iter().map(|word| u64::from_str_radix(word, 16).unwrap());
        ((words[0].to_owned(), words[1].parse().unwrap()), bits.collect())
    };
    log.lines().map(row).collect()
}

fn compare(table: &BTreeMap<(String, i64), Vec<u64>>, served: &BTreeMap<(String, i64), Vec<u64>>) {
    assert_eq!(table.len(), served.len());
    for ((row, values), (time, served)) in table.iter().zip(served) {
        assert_eq!(row, time);
        assert_eq!(values, served, "{row:?}");
    }
}

#[test]
fn strategies_are_served_what_tables_have() {
    let sandbox = Sandbox::with_sample().with_plugin("witness");
    let market = "--symbol BTCUSDT,ETHUSDT --timeframe 15m --from 2024-01-03T05:15 --to 2024-01-20";
    let told = sandbox.host(&format!("features --set {} {market} --out base.parquet", SETS.join(",")));
    let told = told.expect(0).stdout;
    assert!(told.contains("base.parquet: 3222 rows of 46 columns"), "{told}");
    let [run, long] = ["", "--higher 4h"].map(|higher| format!("features {market} {higher}"));
    sandbox.host(&format!("{run} --set atr_14 --out atr.parquet")).expect(0);
    sandbox.host(&format!("{long} --set rsi_14,vwap_deviation --out long.parquet")).expect(0);

    let run = "run --plugin witness --symbol BTCUSDT --symbol ETHUSDT --timeframe 15m --from 2024-01-03T05:15 --to 2024-01-20 \
               --format json";
    let all = SETS.join("+");
    let of = |name: &str| table(&sandbox.path(name), "", 15 * MINUTE_MS);
    for (sets, expected, out) in [
        (format!("sets={all}"), of("base.parquet"), "base"),
        ("sets=atr_14".to_owned(), of("atr.parquet"), "atr"),
    ] {
        let mut journals = Vec::new();
        for delivery in ["event", "paged"] {
            let ran = format!("{run} --set {sets} --delivery {delivery} --out {out}-{delivery}");
            let summary = sandbox.host(&ran).expect(0).json();
            assert!(summary["fills"].as_u64().unwrap() > 100);
            journals.push(summary["journal_sha256"].clone());
            compare(&expected, &witnessed(&sandbox, &format!("{out}-{delivery}")));
        }
        assert_eq!(journals[0], journals[1]);
    }
    for delivery in ["event", "paged"] {
        let ran = format!(
            "{run} --set sets=rsi_14+vwap_deviation --set longer=240 --delivery {delivery} --out long"
        );
        sandbox.host(&ran).expect(0);
        compare(&of("long.parquet"), &witnessed(&sandbox, "long"));
    }
}

#[test]
fn a_version_that_takes_over_finds_its_features_as_they_are() {
    let sandbox = Sandbox::with_sample().with_plugin("witness");
    let run =
        "run --plugin witness --symbol BTCUSDT --timeframe 15m --to 2024-01-20 --set longer=60 --format json";
    let plain = sandbox.host(&format!("{run} --out plain")).expect(0).json();
    let swaps = "--swap 2024-01-04T10:07=witness --swap bar:900=witness";
    let swapped = sandbox.host(&format!("{run} {swaps} --out swapped")).expect(0).json();
    assert_eq!(swapped["swaps"][1]["done"], true, "{}", swapped["swaps"]);
    assert_eq!(swapped["journal_sha256"], plain["journal_sha256"]);
    assert_eq!(witnessed(&sandbox, "plain"), witnessed(&sandbox, "swapped"));
}

/// Adds a day of what is not in the sample.
fn more_data(root: &Path) {
    let writer = CatalogWriter::open(root).unwrap();
    let number = |minute: i64, salt: i64| 1.0 + ((minute * 7 + salt) * (minute + salt) % 101) as f64 / 100.0;
    let mut rows = ["index-1m", "oi-5m", "long-short-5m", "aggtrades", "depth", "liquidations", "mark-1m"]
        .map(|kind| Rows::new(kind.parse().unwrap()));
    for minute in 0..1_440 {
        let ts = Cell::Integer(START_MS + minute * MINUTE_MS);
        let cell = |salt| Cell::Number(number(minute, salt));
        let bar = [ts, Cell::Number(1.5), Cell::Number(3.0), Cell::Number(1.0), cell(1)];
        rows[0].push(&bar);
        rows[6].push(&[ts, Cell::Number(1.5), Cell::Number(3.0), Cell::Number(1.0), cell(2)]);
        if minute % 5 == 0 {
            rows[1].push(&[ts, cell(3)]);
            rows[2].push(&[ts, cell(4)]);
        }
        let id = Cell::Integer(minute);
        rows[3].push(&[ts, id, cell(5), cell(6), Cell::Empty, Cell::Empty, Cell::Flag(minute % 3 == 0)]);
        for bid in [true, false] {
            let price = if bid { 0.5 + 0.1 * number(minute, 7) } else { 1.0 + number(minute, 8) };
            let snapshot = Cell::Flag(minute % 60 == 0);
            rows[4].push(&[ts, id, Cell::Empty, snapshot, Cell::Flag(bid), Cell::Number(price), cell(9)]);
        }
        rows[5].push(&[ts, Cell::Flag(minute % 2 == 0), cell(10), cell(11)]);
    }
    for rows in &rows {
        let series = SeriesId::new("synthetic", "BTCUSDT", rows.kind()).unwrap();
        writer.append(&series, rows, "test").unwrap();
    }
}

#[test]
fn columns_of_trades_books_and_futures_data_are_served_where_they_are_stored() {
    let sandbox = Sandbox::with_sample().with_plugin("witness");
    let run = "run --plugin witness --symbol BTCUSDT --timeframe 15m --to 2024-01-02 --set sets=microstructure+rsi_14+futures";
    let words =
        ["feature", "nothing is stored of aggtrades, needed for trade_intensity", "host data download"];
    sandbox.host(&format!("{run} --out refused")).refused(4, &words[1..]);
    let table_of = "features --symbol BTCUSDT --timeframe 15m --to 2024-01-02 --set microstructure,rsi_14,futures --out t.parquet";
    sandbox.host(table_of).refused(3, &words[1..]);

    // The sample is shared: what is added to it stands in a copy of its bars.
    let sample = std::fs::canonicalize(sandbox.path("data")).unwrap();
    std::fs::remove_file(sandbox.path("data")).unwrap();
    for folder in ["1m", "funding"] {
        let (from, to) = (format!("synthetic/BTCUSDT/{folder}"), format!("data/synthetic/BTCUSDT/{folder}"));
        std::fs::create_dir_all(sandbox.path(&to)).unwrap();
        for file in std::fs::read_dir(sample.join(from)).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), sandbox.path(&to).join(file.file_name())).unwrap();
        }
    }
    more_data(&sandbox.path("data"));
    sandbox.host(table_of).expect(0);
    let read = TableReader::any(&sandbox.path("t.parquet")).unwrap();
    let names: Vec<&str> = read.columns()[1..].iter().map(|(name, _)| name.as_str()).collect();
    let values = table(&sandbox.path("t.parquet"), "BTCUSDT", 15 * MINUTE_MS);
    assert!(values.values().last().unwrap().iter().all(|bits| !f64::from_bits(*bits).is_nan()));
    let mut runs = Vec::new();
    for delivery in ["event", "paged"] {
        let ran = sandbox.host(&format!("{run} --delivery {delivery} --out {delivery} --format json"));
        runs.push(ran.expect(0).json());
        // The strategy asked for them in another order.
        let first_of_bars = names.iter().position(|name| *name == "rsi_14").unwrap();
        assert_eq!(first_of_bars, 0);
        let served = witnessed(&sandbox, delivery);
        let moved = served.into_iter().map(|(row, mut values)| {
            let rsi = values.remove(13);
            values.insert(0, rsi);
            (row, values)
        });
        compare(&values, &moved.collect());
    }
    assert_eq!(runs[0]["journal_sha256"], runs[1]["journal_sha256"]);
    // What strategies may be served from is part of what the run was made on.
    let writer = CatalogWriter::open(sandbox.path("data")).unwrap();
    let series = SeriesId::new("synthetic", "BTCUSDT", "oi-5m".parse().unwrap()).unwrap();
    let mut other = Rows::new(series.kind);
    other.push(&[Cell::Integer(START_MS), Cell::Number(1.25)]);
    writer.append(&series, &other, "test").unwrap();
    let again = sandbox.host(&format!("{run} --out again --format json")).expect(0).json();
    assert_ne!(again["run"]["data_sha256"], runs[0]["run"]["data_sha256"]);
}

#[test]
fn scripts_are_served_what_tables_have() {
    let sandbox = Sandbox::with_sample();
    sandbox.write(
        "features.rhai",
        "let f = features(\"rsi_14\"); let long = features(\"rsi_14\", \"1h\");\n\
         fn on_bar(bar) { if !is_nan(long.rsi_14.value) { info(`${bar.time / 1000000} ${f.rsi_14} ${long.rsi_14}`); } }",
    );
    let market = "--symbol BTCUSDT --timeframe 15m --to 2024-01-10";
    sandbox.host(&format!("run --plugin features.rhai {market} --out run --accept")).expect(0);
    sandbox.host(&format!("features --set rsi_14 --higher 1h {market} --out t.parquet")).expect(0);
    let table = table(&sandbox.path("t.parquet"), "", 15 * MINUTE_MS);
    let log = sandbox.read("run/log.txt");
    let mut lines = 0;
    for line in log.lines() {
        let words: Vec<&str> = line.split_once(": ").unwrap().1.split(' ').collect();
        let row = &table[&(String::new(), words[0].parse().unwrap())];
        let served = words[1..].iter().map(|word| word.parse::<f64>().unwrap().to_bits());
        assert!(served.eq(row.iter().copied()), "{line}");
        lines += 1;
    }
    assert_eq!(lines, 9 * 96 - 59);
}

#[test]
fn other_programs_read_tables_and_their_schema() {
    let sandbox = Sandbox::with_sample();
    let command = "features --set technical_fast --higher 1h --symbol BTCUSDT --timeframe 15m --to 2024-01-10 \
                   --scaler robust --fit-until 2024-01-05 --out t.parquet --format json";
    let written = sandbox.host(command).expect(0).json();
    assert_eq!((&written["rows"], &written["schema"]["fitted"]["rows"]), (&864.into(), &384.into()));
    let stored: serde_json::Value = serde_json::from_str(&sandbox.read("t.schema.json")).unwrap();
    assert_eq!(stored, written["schema"]);
    let read = TableReader::any(&sandbox.path("t.parquet")).unwrap();
    assert_eq!(read.noted("cryptobot.features").unwrap(), sandbox.read("t.schema.json").trim_end());
    let columns = stored["schema"]["columns"].as_array().unwrap();
    let names = columns.iter().map(|column| (column["name"].as_str().unwrap().to_owned(), CellKind::Number));
    let expected: Vec<_> = std::iter::once(("ts".to_owned(), CellKind::Integer)).chain(names).collect();
    assert_eq!(*read.columns(), expected);
    // Again, and the files are the same.
    let before = sandbox.bytes("t.parquet");
    sandbox.host(command).expect(0);
    assert!(sandbox.bytes("t.parquet") == before);

    let python = std::env::var("CRYPTOBOT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let hash = "import json, hashlib; d = json.load(open('t.schema.json')); s = json.dumps(d['schema'], separators=(',', ':')); \
                assert hashlib.sha256(s.encode()).hexdigest() == d['sha256'], s; n = len(d['schema']['columns'])";
    for (program, check) in [
        (
            "polars",
            "t = polars.read_parquet('t.parquet'); assert t.shape == (864, n + 1); \
             assert t['rsi_14'].null_count() == 14 and t['rsi_14'].dtype == polars.Float64; \
             m = t['rsi_14'].head(384).median(); assert abs(m) < 1e-12, m",
        ),
        (
            "pandas",
            "t = pandas.read_parquet('t.parquet'); assert t.shape == (864, n + 1) and t.rsi_14.isna().sum() == 14",
        ),
        (
            "duckdb",
            "assert duckdb.sql(\"select count(*), count(rsi_14), min(ts) from 't.parquet'\").fetchall()[0] == \
             (864, 850, 1704067200000)",
        ),
        (
            "pyarrow",
            "import pyarrow.parquet as q; m = q.read_schema('t.parquet').metadata[b'cryptobot.features']; \
             assert json.loads(m) == d",
        ),
    ] {
        let there = Command::new(&python).args(["-c", &format!("import {program}")]).output();
        if !there.is_ok_and(|of| of.status.success()) {
            skip(&format!("{python} has no {program}"));
            continue;
        }
        let script = format!("import {program}; {hash}; {check}");
        let ran =
            Command::new(&python).args(["-c", &script]).current_dir(sandbox.path(".")).output().unwrap();
        assert!(ran.status.success(), "{program}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let sandbox = Sandbox::with_sample();
    let table = "--symbol BTCUSDT --timeframe 15m --to 2024-01-03 --out t.parquet";
    let refused = |options: &str, code: i32, words: &[&str]| {
        sandbox.host(&format!("features {options}")).refused(code, words);
        assert!(!sandbox.path("t.parquet").exists() && !sandbox.path("t.parquet.tmp").exists());
    };
    refused(
        &format!("--set fast {table}"),
        2,
        &["no feature set `fast`", "technical_fast", "a single feature", "rsi_14"],
    );
    refused(&format!("--set rsi_14 --higher 20m {table}"), 2, &["--higher: 20m is no multiple of 15m"]);
    refused("--set rsi_14 --symbol X --out t.parquet", 3, &["no symbol `X`", "BTCUSDT"]);
    refused(
        "--set rsi_14 --symbol BTCUSDT --to 2023-01-01 --out t.parquet",
        3,
        &["no whole bar lies in the period"],
    );
    refused(&format!("--set futures {table}"), 3, &["nothing is stored of", "mark_index_deviation"]);
    refused(
        &format!("--set rsi_14 {table} --scaler log --fit-until 2023-01-01"),
        2,
        &["--fit-until: no row closes before"],
    );
    refused(
        &format!("--set volatility_cone_position {table} --scaler log --fit-until 2024-01-01T03:00"),
        2,
        &["--fit-until: `volatility_cone_position` has no value"],
    );
    refused(
        &format!("--set rsi_14 {table} --fit-until 2024-01-02"),
        2,
        &["required arguments were not provided"],
    );
    refused("--symbol BTCUSDT --out t.parquet", 2, &["required arguments were not provided"]);
    sandbox.write("f.yaml", "features:\n  - {name: a, indicator: rsi, params: {length: 3}}\n");
    refused(&format!("--features f.yaml {table}"), 2, &["feature `a`: `rsi` has no parameter `length`"]);
    sandbox.write("f.yaml", "feature: []\n");
    refused(&format!("--features f.yaml {table}"), 2, &["f.yaml", "feature"]);
    sandbox.write("f.yaml", "features:\n  - {name: a, indicator: rsi, timeframe: 1x}\n");
    refused(&format!("--features f.yaml {table}"), 2, &["f.yaml: `1x` is not a timeframe"]);
    refused(&format!("--features g.yaml {table}"), 2, &["cannot read g.yaml"]);
    sandbox.write(
        "f.yaml",
        "sets: [rsi_14]\nhigher: [1h]\nfeatures:\n  - {name: low, indicator: bollinger, params: {period: 30}, output: lower}\n  \
         - {name: day, indicator: atr, timeframe: 4h}\n",
    );
    sandbox.host(&format!("features --features f.yaml {table}")).expect(0);
    let read = TableReader::any(&sandbox.path("t.parquet")).unwrap();
    let names: Vec<&str> = read.columns().iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["ts", "rsi_14", "low", "rsi_14_1h", "low_1h", "day"]);
}
