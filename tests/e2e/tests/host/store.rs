//! The catalog as users fill it: imports, checks, repairs, and what is left after a kill or on a full disk.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use cryptobot_e2e::{Ran, START_MS, Sandbox, run_to_end, skip, start};
use cryptobot_test_support::cases;
use rustix::process::{Pid, Signal, kill_process};

const SERIES: &str = "--venue v --symbol S --kind 1m";

/// CSV of some minutes, counted from 2024-01-01, whose prices follow from `price`.
fn csv(minutes: impl Iterator<Item = i64>, price: i64) -> String {
    let mut text = "open_time,open,high,low,close,volume\n".to_owned();
    for minute in minutes {
        let open = price + minute.rem_euclid(7);
        let (high, low, time) = (open + 2, open - 1, START_MS + minute * 60_000);
        writeln!(text, "{time},{open},{high},{low},{}.5,{}", open, 5 + minute.rem_euclid(3)).unwrap();
    }
    text
}

/// Time and open of every stored row.
fn stored(sandbox: &Sandbox) -> BTreeMap<i64, i64> {
    sandbox.host(&format!("data export out.csv {SERIES} --columns ts,open")).expect(0);
    let row = |line: &str| {
        let (ts, open) = line.split_once(',').unwrap();
        (ts.parse().unwrap(), open.parse().unwrap())
    };
    sandbox.read("out.csv").lines().skip(1).map(row).collect()
}

#[test]
fn a_series_is_imported_listed_checked_repaired_and_exported() {
    let sandbox = Sandbox::new();
    sandbox.write("a.csv", csv((0..1_440).filter(|minute| !(600..660).contains(minute)), 100));
    let imported = sandbox.host(&format!("data import a.csv {SERIES} --format json")).expect(0).json();
    assert_eq!(imported[0]["added"], 1_380);
    for command in ["list", "check", "repair --compact"] {
        let words = ["nothing is stored of v X", "host data list"];
        sandbox.host(&format!("data {command} --venue v --symbol X")).refused(3, &words);
    }
    sandbox.host("data export x.csv --venue v --symbol X --kind 1m").refused(3, &["no symbol `X`"]);
    sandbox.host("data export x.parquet --venue v --symbol S --kind 5m").refused(3, &["no `5m`"]);
    assert!(!sandbox.path("x.parquet.tmp").exists());
    let listed = sandbox.host("data list").expect(0).stdout;
    assert!(listed.contains("v S 1m  1380 rows") && listed.contains("2024  ▒"), "{listed}");
    let listed = sandbox.host("data list --format json").expect(0).json();
    assert_eq!(listed[0]["months"][0]["expected"], 31 * 1_440);
    assert_eq!(listed[0]["files"][0]["sources"][0], "import a.csv");

    let checked = sandbox.host("data check").expect(3).stdout;
    let line = checked.lines().next().unwrap();
    for word in ["error v/S/1m/2024.parquet row 600", "2024-01-01T11:00:00Z", "60 rows are missing", "fix:"] {
        assert!(line.contains(word), "{line}");
    }
    let checked = sandbox.host("data check --format json").expect(3).json();
    assert_eq!((checked["errors"].as_u64(), checked["findings"][0]["rule"].as_str()), (Some(1), Some("gap")));

    sandbox.host("data repair").expect(2);
    sandbox.host("data repair --refetch").refused(2, &["--refetch", "host data download"]);
    sandbox.host("data repair --void tomorrow").refused(2, &["--void tomorrow", "FROM..TO"]);
    let marked = sandbox.host("data repair --void-gaps --reason halt").expect(0).stdout;
    assert!(marked.contains("1 voids marked in v/S/1m/_voids.json"), "{marked}");
    sandbox.host("data check").expect(0);
    assert!(sandbox.read("data/v/S/1m/_voids.json").contains("halt"));

    // The exchange restated one bar.
    sandbox.write("b.csv", csv(5..6, 200));
    let again = sandbox.host(&format!("data import b.csv {SERIES}")).expect(0).stdout;
    assert!(again.contains("0 new, 0 known, 0 completed, 1 restated"), "{again}");
    let checked = sandbox.host("data check").expect(0).stdout;
    assert!(checked.contains("notice") && checked.contains("replaced this row"), "{checked}");
    assert_eq!(stored(&sandbox)[&(START_MS + 5 * 60_000)], 205);
}

#[test]
fn a_run_accepts_marked_voids_and_nothing_else() {
    let sandbox = Sandbox::new().with_plugin("buy-and-hold");
    sandbox.write("a.csv", csv((0..1_440).filter(|minute| !(600..660).contains(minute)), 100));
    sandbox.host(&format!("data import a.csv {SERIES}")).expect(0);
    let run = "run --plugin buy-and-hold --symbol S --timeframe 1m --out run --accept";
    sandbox.host(run).refused(3, &["lacks 60 bars", "--allow-gaps"]);
    sandbox.host("data repair --void 2024-01-01T10:00..2024-01-01T11:00").expect(0);
    let ran = sandbox.host(run).expect(0);
    assert!(ran.stderr.contains("60 missing bars in 1 gaps"), "{}", ran.stderr);
}

#[test]
fn what_cannot_be_imported_says_why_and_writes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("names.csv", "when,open,high,low,close,volume\n1704067200000,1,2,0.5,1,3\n");
    sandbox.host(&format!("data import names.csv {SERIES}")).refused(3, &["`ts`", "--map ts=NAME", "when"]);
    sandbox
        .host(&format!("data import names.csv {SERIES} --map ts"))
        .refused(2, &["--map ts", "COLUMN=NAME"]);
    sandbox.write("bad.csv", "ts,open,high,low,close,volume\n1704067200000,1,2,0.5,one,3\n");
    sandbox.host(&format!("data import bad.csv {SERIES}")).refused(3, &["bad.csv line 2", "`close`", "one"]);
    sandbox.write("low.csv", "ts,open,high,low,close,volume\n1704067200000,1,2,1.5,1,3\n");
    sandbox.host(&format!("data import low.csv {SERIES}")).refused(3, &["row 0", "`low` is above"]);
    sandbox.write("a.feather", "ARROW1 and so on");
    sandbox
        .host(&format!("data import a.feather {SERIES}"))
        .refused(3, &["a.feather", "no readable feather file"]);
    assert!(!sandbox.path("data/v").exists());
    sandbox.host(&format!("data import names.csv {SERIES} --map ts=when")).expect(0);
    assert_eq!(stored(&sandbox).len(), 1);
}

#[test]
fn a_lost_stale_or_damaged_database_is_made_again() {
    let sandbox = Sandbox::new();
    sandbox.write("a.csv", csv(0..100, 100));
    sandbox.host(&format!("data import a.csv {SERIES}")).expect(0);
    let listed = sandbox.host("data list --format json").expect(0);
    assert_eq!(listed.stderr, "");
    fs::remove_file(sandbox.path("data/catalog.sqlite")).unwrap();
    assert_eq!(sandbox.host("data list --format json").expect(0).json(), listed.json());
    sandbox.write("data/catalog.sqlite", "this was a database once".repeat(100));
    let again = sandbox.host("data list --format json").expect(0);
    assert_eq!(again.json(), listed.json());
    assert_eq!(again.stderr.lines().count(), 1, "{}", again.stderr);
    // A file that changed is read again.
    sandbox.write("b.csv", csv(100..150, 100));
    sandbox.host(&format!("data import b.csv {SERIES}")).expect(0);
    assert_eq!(sandbox.host("data list --format json").expect(0).json()[0]["rows"], 150);
}

/// Kills a command after a part of the time that it takes.
fn killed(sandbox: &Sandbox, command: &str, after: Duration) {
    let child = start(&mut sandbox.command(command));
    thread::sleep(after);
    // It may have ended already.
    let _ = kill_process(Pid::from_child(&child), Signal::KILL);
    run_to_end(child);
}

#[test]
fn killed_imports_and_compactions_lose_no_row() {
    let sandbox = Sandbox::new();
    let committed = csv(-5_000..5_000, 100);
    sandbox.write("old.csv", &committed);
    sandbox.write("new.csv", csv(-8_000..8_000, 300));
    let import = format!("data import new.csv {SERIES}");
    let fresh = |sandbox: &Sandbox| {
        let _ = fs::remove_dir_all(sandbox.path("data"));
        sandbox.host(&format!("data import old.csv {SERIES}")).expect(0);
    };
    fresh(&sandbox);
    let old = stored(&sandbox);
    let began = Instant::now();
    sandbox.host(&import).expect(0);
    let takes = began.elapsed();
    let new = stored(&sandbox);
    assert_eq!((old.len(), new.len()), (10_000, 16_000));
    let mut state = 42_u64;
    let mut moment = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    let rounds = cases(20);
    let mut midway = 0;
    for round in 0..rounds {
        fresh(&sandbox);
        killed(&sandbox, &import, takes.mul_f64(moment()));
        let found = stored(&sandbox);
        for (time, open) in &old {
            let now = found[time];
            assert!(now == *open || now == new[time], "round {round}: {now} at {time}");
        }
        midway += u32::from(found != old && found != new);
        // A file that holds other times than its name says is taken apart: everything into one first.
        let series = sandbox.path("data/v/S/1m");
        fs::rename(series.join("2023.parquet"), series.join("a.parquet")).unwrap();
        fs::rename(series.join("2024.parquet"), series.join("b.parquet")).unwrap();
        killed(&sandbox, "data repair --compact", takes.mul_f64(moment()));
        sandbox.host("data repair --compact").expect(0);
        assert_eq!(stored(&sandbox), found, "round {round}");
        sandbox.host("data check").expect(0);
        sandbox.host(&import).expect(0);
        assert_eq!(stored(&sandbox), new, "round {round}");
    }
    println!("{rounds} rounds, {midway} with one of two files written");
}

/// CSV of some minutes whose volumes are noise.
fn incompressible(minutes: i64) -> String {
    let mut text = "ts,open,high,low,close,volume\n".to_owned();
    let mut state = 7_u64;
    for minute in 0..minutes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        writeln!(text, "{},2,3,1,2,0.{}", START_MS + minute * 60_000, state >> 4).unwrap();
    }
    text
}

/// A small disk, where one may be mounted.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn at(folder: PathBuf) -> Option<Self> {
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=160k", "tmpfs"]).arg(&folder).output();
        mounted.is_ok_and(|of| of.status.success()).then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// The old files are there as they were, and nothing else.
fn assert_untouched(sandbox: &Sandbox, before: &BTreeMap<i64, i64>, ran: &Ran) {
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("2024.parquet"), "{}", ran.stderr);
    assert_eq!(&stored(sandbox), before);
    let files = fs::read_dir(sandbox.path("data/v/S/1m")).unwrap();
    let names: Vec<_> = files.map(|file| file.unwrap().file_name()).filter(|name| name != ".lock").collect();
    assert_eq!(names, ["2024.parquet"]);
}

#[test]
fn a_full_disk_leaves_the_old_files() {
    let sandbox = Sandbox::new();
    sandbox.write("old.csv", csv(0..1_000, 100));
    sandbox.write("new.csv", incompressible(40_000));
    fs::create_dir(sandbox.path("data")).unwrap();
    let disk = SmallDisk::at(sandbox.path("data"));
    if disk.is_none() {
        skip("a tmpfs cannot be mounted here; only the size of files is limited");
    }
    sandbox.host(&format!("data import old.csv {SERIES}")).expect(0);
    let before = stored(&sandbox);
    let binary = sandbox.command("").get_program().to_owned();
    let limited = format!("trap '' XFSZ; ulimit -f 100; exec \"$0\" data import new.csv {SERIES}");
    let mut command = Command::new("sh");
    command.args(["-c", &limited]).arg(binary).current_dir(sandbox.path("."));
    let ran = run_to_end(start(&mut command));
    let full = disk.as_ref().map(|_| sandbox.host(&format!("data import new.csv {SERIES}")));
    assert_untouched(&sandbox, &before, &ran);
    if let Some(full) = full {
        assert_untouched(&sandbox, &before, &full);
    }
    drop(disk);
}

#[test]
fn a_result_that_does_not_fit_leaves_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("new.csv", incompressible(40_000));
    sandbox.host(&format!("data import new.csv {SERIES}")).expect(0);
    let binary = sandbox.command("").get_program().to_owned();
    for (name, arguments) in [
        ("out.csv", format!("data export out.csv {SERIES}")),
        ("out.parquet", format!("data export out.parquet {SERIES}")),
        ("all.csv", "data sql 'SELECT * FROM S_1m' --out all.csv".to_owned()),
        ("all.parquet", "data sql 'SELECT * FROM S_1m' --out all.parquet".to_owned()),
    ] {
        let limited = format!("trap '' XFSZ; ulimit -f 20; exec \"$0\" {arguments}");
        let mut command = Command::new("sh");
        command.args(["-c", &limited]).arg(&binary).current_dir(sandbox.path("."));
        run_to_end(start(&mut command)).refused(3, &[name]);
        let there = fs::read_dir(sandbox.path(".")).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = there.filter(|there| there.to_string_lossy().contains(name)).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn other_programs_read_the_files() {
    let sandbox = Sandbox::new();
    sandbox.write("a.csv", csv(-100..100, 100));
    sandbox.host(&format!("data import a.csv {SERIES}")).expect(0);
    sandbox.host("data repair --void 2024-02-01..2024-02-02").expect(0);
    assert!(sandbox.path("data/v/S/1m/_voids.json").is_file());
    let python = std::env::var("CRYPTOBOT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let rows = "(rows, total) == (200, 200 * 100 + sum((m % 7) for m in range(-100, 100)))";
    for (program, read) in [
        (
            "polars",
            "t = polars.read_parquet('data/v/S/1m/*.parquet'); rows, total = t.height, t['open'].sum()",
        ),
        ("pandas", "t = pandas.read_parquet('data/v/S/1m'); rows, total = len(t), t['open'].sum()"),
        (
            "duckdb",
            "rows, total = duckdb.sql(\"select count(*), sum(open) from 'data/v/S/1m/*.parquet'\").fetchall()[0]",
        ),
        (
            "pyarrow",
            "import glob, pyarrow.parquet as q; t = [q.read_table(f) for f in glob.glob('data/v/S/1m/*.parquet')]; \
             rows, total = sum(x.num_rows for x in t), sum(sum(x['open'].to_pylist()) for x in t)",
        ),
    ] {
        let there = Command::new(&python).args(["-c", &format!("import {program}")]).output();
        if !there.is_ok_and(|of| of.status.success()) {
            skip(&format!("{python} has no {program}"));
            continue;
        }
        let script = format!("import {program}; {read}; assert {rows}, (rows, total)");
        let ran =
            Command::new(&python).args(["-c", &script]).current_dir(sandbox.path(".")).output().unwrap();
        assert!(ran.status.success(), "{program}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}
