//! Queries against computations by hand, on a catalog of several series, files and row groups.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_types, reason = "tests")]

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use cryptobot_data::Catalog;
use cryptobot_data::store::{CatalogWriter, Cell, Rows, SeriesId};
use cryptobot_data::table::{CellKind, Cells, TableReader};
use cryptobot_model::Timestamp;
use cryptobot_sql::{Database, SqlError, Value, preview, write_csv, write_file, write_json};
use tempfile::TempDir;

const MINUTE: i64 = 60_000;
/// Over the end of a year, so that there are two files, and over three months.
const START: &str = "2023-11-20T00:00:00Z";
const BARS: usize = 80_000;

/// Close and volume of a bar of a symbol.
fn bar(symbol: usize, row: usize) -> (f64, f64) {
    let noise = ((row * 7_919 + symbol * 104_729) % 1_009) as f64 / 1_009.0;
    (100.0 * (symbol + 1) as f64 + libm::sin(row as f64 / 500.0) * 10.0 + noise, (row % 13) as f64 + noise)
}

fn start_ms() -> i64 {
    START.parse::<Timestamp>().unwrap().millis()
}

fn series(venue: &str, symbol: &str, kind: &str) -> SeriesId {
    SeriesId::new(venue, symbol, kind.parse().unwrap()).unwrap()
}

/// AAA and BBB with minutes, BBB without every tenth; funding of AAA; a day of CCC at another venue too.
fn catalog() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let writer = CatalogWriter::open(folder.path()).unwrap();
    let minutes = |symbol: usize, keep: &dyn Fn(usize) -> bool, count: usize| {
        let mut rows = Rows::new("1m".parse().unwrap());
        for row in (0..count).filter(|row| keep(*row)) {
            let (close, volume) = bar(symbol, row);
            let ts = start_ms() + row as i64 * MINUTE;
            let trades = if row % 3 == 0 { Cell::Empty } else { Cell::Integer(row as i64) };
            rows.push(&[
                ts.into(),
                close.into(),
                (close + 1.0).into(),
                (close - 1.0).into(),
                close.into(),
                volume.into(),
                Cell::Empty,
                trades,
            ]);
        }
        rows
    };
    writer.append(&series("one", "AAA", "1m"), &minutes(0, &|_| true, BARS), "test").unwrap();
    writer.append(&series("one", "BBB", "1m"), &minutes(1, &|row| row % 10 != 0, BARS), "test").unwrap();
    for venue in ["one", "two"] {
        writer.append(&series(venue, "CCC", "1m"), &minutes(2, &|_| true, 1_440), "test").unwrap();
    }
    let mut funding = Rows::new("funding".parse().unwrap());
    for row in 0..150 {
        funding.push(&[(start_ms() + row * 8 * 60 * MINUTE + 5).into(), (row as f64 * 1e-6).into()]);
    }
    writer.append(&series("one", "AAA", "funding"), &funding, "test").unwrap();
    folder
}

fn ask(root: &Path, sql: &str) -> Result<Vec<Vec<Value>>, SqlError> {
    let database = Database::open(&Catalog::open(root).unwrap())?;
    let mut rows = Vec::new();
    database.prepare(sql)?.run(&AtomicBool::new(false), |cells| {
        rows.push(cells.to_vec());
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(rows)
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Real(value) => *value,
        Value::Integer(value) => *value as f64,
        other => panic!("{other:?} is no number"),
    }
}

fn close_to(value: &Value, expected: f64) {
    let value = number(value);
    assert!((value - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{value} instead of {expected}");
}

fn closes(symbol: usize) -> Vec<f64> {
    (0..BARS).map(|row| bar(symbol, row).0).collect()
}

#[test]
fn aggregates_are_those_of_the_rows() {
    let folder = catalog();
    let rows = ask(
        folder.path(),
        "SELECT count(*), sum(volume), min(low), max(high), avg(close), stddev(close), stddev_pop(close),
                variance(close), median(close), quantile(close, 0.9), first(close, ts), last(close, ts),
                count(trades), count(quote_volume)
         FROM klines_1m WHERE venue = 'one' AND symbol = 'AAA'",
    )
    .unwrap();
    let mut sorted = closes(0);
    let n = sorted.len() as f64;
    let mean = sorted.iter().sum::<f64>() / n;
    let squares = sorted.iter().map(|close| (close - mean) * (close - mean)).sum::<f64>();
    let (first, last) = (sorted[0], sorted[BARS - 1]);
    sorted.sort_by(f64::total_cmp);
    let place = 0.9 * (n - 1.0);
    let below = sorted[place as usize];
    let quantile = below + (sorted[place as usize + 1] - below) * place.fract();
    let volume: f64 = (0..BARS).map(|row| bar(0, row).1).sum();
    let expected = [
        n,
        volume,
        sorted[0] - 1.0,
        sorted[BARS - 1] + 1.0,
        mean,
        (squares / (n - 1.0)).sqrt(),
        (squares / n).sqrt(),
        squares / (n - 1.0),
        f64::midpoint(sorted[BARS / 2 - 1], sorted[BARS / 2]),
        quantile,
        first,
        last,
        (0..BARS).filter(|row| row % 3 != 0).count() as f64,
        0.0,
    ];
    for (value, expected) in rows[0].iter().zip(expected) {
        close_to(value, expected);
    }
}

#[test]
fn every_way_to_say_a_period_gives_the_same_rows() {
    let folder = catalog();
    let (from, to) = ("2023-12-30T12:00", "2024-01-02");
    let conditions = [
        format!("time >= '{from}' AND time < '{to}'"),
        format!("ts >= ms('{from}') AND ts < ms('{to}')"),
        format!("ts > ms('{from}') - 1 AND ts <= ms('{to}') - 1"),
        format!("ts BETWEEN ms('{from}') AND ms('{to}') - 1.5"),
        format!("ms(time) >= ms('{from}') AND ts + 0 < ms('{to}')"),
    ];
    for condition in conditions {
        let sql = format!("SELECT count(*), min(ts), max(time) FROM AAA_1m WHERE {condition}");
        let rows = ask(folder.path(), &sql).unwrap();
        let first = from.parse::<Timestamp>().unwrap().millis();
        let expected =
            [Value::Integer(60 * 60), Value::Integer(first), Value::Text("2024-01-01T23:59:00Z".to_owned())];
        assert_eq!(rows[0], expected, "{condition}");
    }
    let none =
        ask(folder.path(), "SELECT * FROM AAA_1m WHERE ts = NULL OR ts < 0 OR symbol = 'BBB'").unwrap();
    assert!(none.is_empty());
    let one = ask(folder.path(), &format!("SELECT close FROM AAA_1m WHERE ts = ms('{from}')")).unwrap();
    let row = (from.parse::<Timestamp>().unwrap().millis() - start_ms()) / MINUTE;
    assert_eq!(one, [[Value::Real(bar(0, row as usize).0)]]);
}

#[test]
fn symbols_are_joined_by_time() {
    let folder = catalog();
    let sql = "SELECT count(*), sum(a.close * b.close), corr(a.close, b.close), covar(a.close, b.close),
                      slope(b.close, a.close)
               FROM AAA_1m a JOIN BBB_1m b USING (ts)";
    let rows = ask(folder.path(), sql).unwrap();
    let pairs: Vec<(f64, f64)> =
        (0..BARS).filter(|row| row % 10 != 0).map(|row| (bar(0, row).0, bar(1, row).0)).collect();
    let n = pairs.len() as f64;
    let mean =
        (pairs.iter().map(|pair| pair.0).sum::<f64>() / n, pairs.iter().map(|pair| pair.1).sum::<f64>() / n);
    let sum =
        |of: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|(x, y)| of(x - mean.0, y - mean.1)).sum::<f64>();
    let (xx, xy, yy) = (sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y));
    let expected =
        [n, pairs.iter().map(|(x, y)| x * y).sum(), xy / (xx * yy).sqrt(), xy / (n - 1.0), xy / xx];
    for (value, expected) in rows[0].iter().zip(expected) {
        close_to(value, expected);
    }
    let sql = "SELECT count(*) FROM AAA_1m a LEFT JOIN BBB_1m b USING (ts) WHERE b.close IS NULL";
    assert_eq!(ask(folder.path(), sql).unwrap(), [[Value::Integer(BARS as i64 / 10)]]);
    // Funding is stamped some milliseconds late.
    let sql = "SELECT count(*), max(k.close) FROM funding f JOIN klines_1m k
               ON k.ts = bucket(f.ts, '1m') AND k.symbol = f.symbol AND k.venue = f.venue";
    let best = (0..150).map(|row| bar(0, row * 480).0).fold(0.0, f64::max);
    assert_eq!(ask(folder.path(), sql).unwrap(), [[Value::Integer(150), Value::Real(best)]]);
}

#[test]
fn windows_move_over_the_rows() {
    let folder = catalog();
    let sql = "SELECT close / lag(close) OVER w - 1, avg(close) OVER (w ROWS 19 PRECEDING),
                      stddev(close) OVER (w ROWS 19 PRECEDING)
               FROM AAA_1m WINDOW w AS (ORDER BY ts)";
    let rows = ask(folder.path(), sql).unwrap();
    let closes = closes(0);
    assert_eq!(rows.len(), BARS);
    assert_eq!(rows[0][0], Value::Null);
    assert_eq!(rows[0][2], Value::Null);
    for row in [1, 19, 20, 500, 43_217, BARS - 1] {
        let window = &closes[(row + 1_usize).saturating_sub(20)..=row];
        let n = window.len() as f64;
        let mean = window.iter().sum::<f64>() / n;
        let deviation =
            (window.iter().map(|close| (close - mean) * (close - mean)).sum::<f64>() / (n - 1.0)).sqrt();
        close_to(&rows[row][0], closes[row] / closes[row - 1] - 1.0);
        close_to(&rows[row][1], mean);
        close_to(&rows[row][2], deviation);
    }
}

#[test]
fn bars_are_resampled_by_hand() {
    let folder = catalog();
    let sql = "SELECT iso(bucket(ts, '1h')) AS time, first(open, ts), max(high), min(low), last(close, ts), sum(volume)
               FROM AAA_1m GROUP BY bucket(ts, '1h') ORDER BY 1";
    let rows = ask(folder.path(), sql).unwrap();
    assert_eq!(rows.len(), BARS.div_ceil(60));
    for hour in [0, 700, 1_332] {
        let bars: Vec<(f64, f64)> = (hour * 60..(hour * 60 + 60).min(BARS)).map(|row| bar(0, row)).collect();
        let time = Timestamp::from_millis(start_ms() + hour as i64 * 60 * MINUTE).to_string();
        assert_eq!(rows[hour][0], Value::Text(time));
        close_to(&rows[hour][1], bars[0].0);
        close_to(&rows[hour][2], bars.iter().map(|bar| bar.0).fold(f64::MIN, f64::max) + 1.0);
        close_to(&rows[hour][3], bars.iter().map(|bar| bar.0).fold(f64::MAX, f64::min) - 1.0);
        close_to(&rows[hour][4], bars[bars.len() - 1].0);
        close_to(&rows[hour][5], bars.iter().map(|bar| bar.1).sum());
    }
}

#[test]
fn listings_say_what_is_there() {
    let folder = catalog();
    let sql =
        "SELECT view_name, rows, first, last, files FROM series WHERE kind = '1m' ORDER BY venue, symbol";
    let rows = ask(folder.path(), sql).unwrap();
    let text = |text: &str| Value::Text(text.to_owned());
    let last = Timestamp::from_millis(start_ms() + (BARS as i64 - 1) * MINUTE).to_string();
    assert_eq!(
        rows[0],
        [text("AAA_1m"), Value::Integer(BARS as i64), text(START), text(&last), Value::Integer(2)]
    );
    // Two venues have it: its views have their names.
    assert_eq!((&rows[2][0], &rows[3][0]), (&text("one_CCC_1m"), &text("two_CCC_1m")));
    let sql = "SELECT count(*), max(maker_fee) FROM instruments";
    assert_eq!(ask(folder.path(), sql).unwrap(), [[Value::Integer(4), Value::Real(0.0002)]]);
    let sql = "SELECT venue, count(*) FROM klines_1m WHERE symbol IN ('CCC', 'XXX') OR symbol = 'CCC' GROUP BY venue";
    let both = [[text("one"), Value::Integer(1_440)], [text("two"), Value::Integer(1_440)]];
    assert_eq!(ask(folder.path(), sql).unwrap(), both);
    let sql = "SELECT venue || symbol || count(*) FROM klines_1m GROUP BY venue, symbol";
    let counts = ask(folder.path(), sql).unwrap().concat();
    assert_eq!(counts, ["oneAAA80000", "oneBBB72000", "oneCCC1440", "twoCCC1440"].map(text));
    let sql = "SELECT symbol || count(*) FROM klines_1m GROUP BY symbol ORDER BY symbol";
    assert_eq!(ask(folder.path(), sql).unwrap().concat(), ["AAA80000", "BBB72000", "CCC2880"].map(text));
}

#[test]
fn nothing_is_changed_and_mistakes_are_named() {
    let folder = catalog();
    for (sql, says) in [
        ("DELETE FROM series", "writing is refused: the catalog is only read here"),
        ("INSERT INTO klines_1m(ts) VALUES (1)", "writing is refused"),
        ("UPDATE AAA_1m SET close = 1", "cannot modify AAA_1m because it is a view"),
        ("UPDATE klines_1m SET close = 1", "table klines_1m may not be modified"),
        ("CREATE TABLE t(a)", "writing is refused"),
        ("DROP TABLE series", "writing is refused"),
        ("ATTACH 'x.db' AS x", "ATTACH is refused"),
        ("VACUUM INTO 'x.db'", "is refused"),
        ("PRAGMA journal_mode = wal", "PRAGMA journal_mode is refused"),
        ("PRAGMA writable_schema = 1", "PRAGMA writable_schema is refused"),
        ("SELECT load_extension('x')", "load_extension() is refused"),
        ("BEGIN", "a transaction is refused"),
        ("WITH a AS (SELECT 1) DELETE FROM series", "writing is refused"),
        ("SELECT 1; SELECT 2", "more than one statement"),
        ("", "no query"),
        ("-- nothing", "no query"),
        ("SELECT ?1", "no parameters"),
        (
            "SELECT * FROM klines_5m",
            "no such table: klines_5m; tables: funding instruments klines_1m series;",
        ),
        ("SELECT * FROM CCC_1m", "views: one_CCC_1m two_CCC_1m"),
        (
            "SELECT clsoe FROM AAA_1m",
            "no such column: clsoe; columns: AAA_1m has venue symbol ts time open high",
        ),
        ("SELECT \"clsoe\" FROM funding", "columns: funding has venue symbol ts time rate mark_price"),
        ("SELECT stdev(close) FROM AAA_1m", "stddev(x)"),
        ("SELECT ms('yesterday')", "ms('yesterday')"),
        ("SELECT bucket(ts, '1y') FROM AAA_1m", "bucket(ts, timeframe)"),
        ("SELECT quantile(close, 2) FROM AAA_1m", "between 0 and 1"),
        ("SELEC 1", "syntax error"),
    ] {
        let error = ask(folder.path(), sql).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(says) && !message.contains('\n'), "{sql}: {message}");
        assert!(error.is_usage(), "{sql}: {error:?}");
    }
    assert!(!folder.path().join("x.db").exists() && !Path::new("x.db").exists());
}

#[test]
fn a_damaged_file_is_an_error_of_the_data() {
    let folder = catalog();
    std::fs::write(folder.path().join("one/BBB/1m/2024.parquet"), "PAR1 and no more").unwrap();
    let error = ask(folder.path(), "SELECT count(*) FROM klines_1m").unwrap_err();
    assert!(
        matches!(&error, SqlError::Data(_)) && error.to_string().contains("one/BBB/1m/2024.parquet"),
        "{error:?}"
    );
    let rows = ask(folder.path(), "SELECT count(*) FROM AAA_1m").unwrap();
    assert_eq!(rows, [[Value::Integer(BARS as i64)]]);
}

#[test]
fn a_long_query_can_be_stopped() {
    let folder = catalog();
    let database = Database::open(&Catalog::open(folder.path()).unwrap()).unwrap();
    let mut query = database.prepare("SELECT count(*) FROM AAA_1m a, AAA_1m b, AAA_1m c").unwrap();
    let stop = AtomicBool::new(false);
    let began = Instant::now();
    let outcome = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(100));
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        query.run(&stop, |_| Ok(ControlFlow::Continue(())))
    });
    assert!(matches!(outcome, Err(SqlError::Interrupted)), "{outcome:?}");
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn results_are_written_in_every_form() {
    let folder = catalog();
    let catalog = Catalog::open(folder.path()).unwrap();
    let database = Database::open(&catalog).unwrap();
    let go = AtomicBool::new(false);
    let sql = "SELECT symbol AS a, 1.5 AS a, NULL AS n, 'x,\"y\"' AS t FROM one_CCC_1m LIMIT 2";
    let mut query = database.prepare(sql).unwrap();
    let mut text = Vec::new();
    assert_eq!(write_csv(&mut query, &mut text, &go).unwrap(), 2);
    let line = "CCC,1.5,,\"x,\"\"y\"\"\"\n";
    assert_eq!(String::from_utf8(text).unwrap(), format!("a,a,n,t\n{line}{line}"));
    let mut text = Vec::new();
    write_json(&mut query, &mut text, &go).unwrap();
    let rows: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(rows[1], serde_json::json!({"a": "CCC", "a_2": 1.5, "n": null, "t": "x,\"y\""}));
    let shown = preview(&mut query, 1, &go).unwrap();
    assert!(shown.more && shown.rows.len() == 1);
    assert_eq!(shown.numbers, [false, true, true, false]);

    // A column whose type only a later group tells, and one that is empty.
    let sql = "SELECT ts, CASE WHEN ts < ms('2024-01-10') THEN 1 ELSE 0.5 END AS late, NULL AS n, symbol FROM AAA_1m";
    let path = folder.path().join("result.parquet");
    assert_eq!(write_file(&mut database.prepare(sql).unwrap(), &path, &go).unwrap(), BARS as u64);
    let table = TableReader::any(&path).unwrap();
    let kinds: Vec<CellKind> = table.columns().iter().map(|(_, kind)| *kind).collect();
    assert_eq!(kinds, [CellKind::Integer, CellKind::Number, CellKind::Number, CellKind::Text]);
    let mut times = Vec::new();
    for group in 0..table.groups() {
        let Cells::Integers(cells) = &table.group(group).unwrap()[0] else { panic!("no integers") };
        times.extend(cells.iter().map(|cell| cell.unwrap()));
    }
    assert_eq!((times.len(), times[0]), (BARS, start_ms()));
    assert!(times.is_sorted());

    let error = write_file(&mut query, &folder.path().join("result.xls"), &go).unwrap_err();
    assert!(error.to_string().ends_with("must end with .csv or .parquet"), "{error}");
    // What fails leaves nothing behind.
    let mut failing = database.prepare("SELECT ms(symbol) FROM AAA_1m").unwrap();
    for name in ["a.csv", "a.parquet"] {
        assert!(write_file(&mut failing, &folder.path().join(name), &go).is_err());
    }
    let mut there: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    there.sort();
    assert_eq!(there, ["one", "result.parquet", "two"]);
}

#[test]
fn only_what_matters_is_looked_at() {
    let folder = catalog();
    let plan = |sql: &str| {
        let rows = ask(folder.path(), &format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        rows.iter().map(|row| format!("{:?}", row[3])).collect::<Vec<_>>().join("; ")
    };
    // The letters are those of the conditions that a search is begun with.
    let period = plan("SELECT close FROM AAA_1m WHERE ts >= 5 AND time < '2024'");
    assert!(period.contains("vs>l") || period.contains(">lvs"), "{period}");
    // Series come one after the other: what is asked by symbol needs no sorting.
    for (sql, sorts) in [
        ("SELECT symbol, max(close) FROM klines_1m WHERE venue = 'one' GROUP BY symbol", false),
        ("SELECT venue, symbol, max(close) FROM klines_1m GROUP BY venue, symbol", false),
        ("SELECT symbol, max(close) FROM klines_1m GROUP BY symbol", true),
        ("SELECT symbol FROM klines_1m WHERE venue = 'one' ORDER BY symbol DESC", true),
    ] {
        assert_eq!(plan(sql).contains("USE TEMP B-TREE"), sorts, "{sql}: {}", plan(sql));
    }
    let join = plan("SELECT count(*) FROM AAA_1m a JOIN BBB_1m b USING (ts)");
    assert!(join.contains('='), "{join}");
}
