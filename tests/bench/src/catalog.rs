//! A large catalog: fifty pairs, five years, one-minute bars. How small its files are, how fast it is read.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use cryptobot_data::store::{CatalogWriter, Cell, Rows, SeriesId};
use cryptobot_data::{Catalog, DataError, SeriesRequest};
use cryptobot_engine::BarBlock;
use cryptobot_model::random::Random;
use cryptobot_model::{Timeframe, Timestamp};
use cryptobot_sql::{Database, SqlError, preview};

const VENUE: &str = "bench";
/// The first year.
const FIRST: i32 = 2020;
/// Rounds of what is measured warm.
const ROUNDS: usize = 9;

/// Makes the catalog where it is not there yet, and measures.
pub fn run(folder: &str, pairs: usize, years: i32) -> ExitCode {
    match measure(Path::new(folder), pairs, years) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(folder: &Path, pairs: usize, years: i32) -> Result<(), SqlError> {
    generate(folder, pairs, years)?;
    let catalog = Catalog::open(folder)?;
    let symbols = catalog.symbols(VENUE)?;
    let (bytes, rows) = size(&catalog, &symbols)?;
    println!("{rows} rows, {bytes} bytes, {:.2} bytes a row", bytes as f64 / rows as f64);
    load_a_year(&catalog, &symbols[0], FIRST + years / 2)?;
    for threads in [1, thread::available_parallelism().map_or(1, usize::from)] {
        let (seconds, read) = scan(&catalog, &symbols, threads)?;
        println!(
            "scan of all bars, {threads} threads: {seconds:.2} s, {:.1} million rows/s",
            rate(read, seconds)
        );
    }
    for query in [
        "SELECT count(*) FROM klines_1m",
        "SELECT symbol, avg(close), stddev(close), sum(volume) FROM klines_1m GROUP BY symbol",
        "SELECT count(*), corr(a.close, b.close) FROM P000USDT_1m a JOIN P001USDT_1m b USING (ts)",
    ] {
        let (began, database) = (Instant::now(), Database::open(&catalog)?);
        if let Ok(mut query) = database.prepare(query) {
            preview(&mut query, 1_000, &AtomicBool::new(false))?;
        }
        println!("{:.2} s  {query}", began.elapsed().as_secs_f64());
    }
    println!("most memory: {}", peak_memory());
    Ok(())
}

fn rate(rows: u64, seconds: f64) -> f64 {
    rows as f64 / seconds / 1e6
}

/// Writes the years of every pair that are not there, through the path that downloads take.
fn generate(folder: &Path, pairs: usize, years: i32) -> Result<(), DataError> {
    let writer = CatalogWriter::open(folder)?;
    let kind = "1m".parse().map_err(|_| DataError::Thread { doing: "naming the kind" })?;
    let next = AtomicUsize::new(0);
    let written = AtomicU64::new(0);
    let began = Instant::now();
    let work = || -> Result<(), DataError> {
        loop {
            let pair = next.fetch_add(1, Ordering::Relaxed);
            if pair >= pairs {
                return Ok(());
            }
            let series = SeriesId::new(VENUE, &format!("P{pair:03}USDT"), kind)?;
            let file = |year: i32| folder.join(series.folder()).join(format!("{year}.parquet"));
            if (FIRST..FIRST + years).all(|year| file(year).exists()) {
                continue;
            }
            let mut random = Random::new(pair as u64, 1);
            // Counts of ticks of 0.1, from 100 to some ten thousands.
            let mut price = 1_000.0 * (1.0 + (pair % 40) as f64 * 10.0);
            for year in FIRST..FIRST + years {
                let rows = minutes(year, &mut price, &mut random);
                if !file(year).exists() {
                    writer.append(&series, &rows, "benchmark")?;
                    written.fetch_add(rows.len() as u64, Ordering::Relaxed);
                }
            }
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let outcomes: Vec<_> = thread::scope(|scope| {
        let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        handles.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    for outcome in outcomes {
        outcome.map_err(|_| DataError::Thread { doing: "making bars" })??;
    }
    let (rows, seconds) = (written.into_inner(), began.elapsed().as_secs_f64());
    if rows > 0 {
        println!(
            "made and appended {rows} rows in {seconds:.0} s, {:.1} million rows/s",
            rate(rows, seconds)
        );
    }
    Ok(())
}

/// A year of bars that look like an exchange's: prices on a tick, amounts with three decimals, all columns filled.
fn minutes(year: i32, price: &mut f64, random: &mut Random) -> Rows {
    let (from, to) =
        (Timestamp::from_civil(year, 1, 1).millis(), Timestamp::from_civil(year + 1, 1, 1).millis());
    let mut rows = Rows::new(cryptobot_data::store::SeriesKind::Bars(Timeframe::MINUTE));
    let ticks = |value: f64| value / 10.0;
    for ts in (from..to).step_by(60_000) {
        let step = *price * 0.0008;
        let open = *price;
        *price = (open + (step * (random.uniform() + random.uniform() - 1.0) * 2.0).round()).max(100.0);
        let high = open.max(*price) + (step * random.uniform()).round();
        let low = (open.min(*price) - (step * random.uniform()).round()).max(1.0);
        let volume = (1_000.0 * 20.0 * random.uniform() * random.uniform()).round() / 1_000.0;
        let taker = (1_000.0 * volume * random.uniform()).round() / 1_000.0;
        let quote = (volume * ticks(open) * 100.0).round() / 100.0;
        rows.push(&[
            ts.into(),
            ticks(open).into(),
            ticks(high).into(),
            ticks(low).into(),
            ticks(*price).into(),
            volume.into(),
            quote.into(),
            Cell::Integer((random.uniform() * 900.0) as i64),
            taker.into(),
        ]);
    }
    rows
}

/// Bytes of all files, and rows in them.
fn size(catalog: &Catalog, symbols: &[String]) -> Result<(u64, u64), DataError> {
    let (mut bytes, mut rows) = (0, 0);
    for symbol in symbols {
        let stored = catalog.coverage(VENUE, symbol, "1m")?;
        rows += stored.rows;
        for file in stored.files {
            bytes += fs::metadata(catalog.root().join(file)).map_or(0, |of| of.len());
        }
    }
    Ok((bytes, rows))
}

fn request(symbol: &str, period: Option<(Timestamp, Timestamp)>) -> SeriesRequest {
    SeriesRequest {
        venue: VENUE.to_owned(),
        symbol: symbol.to_owned(),
        timeframe: Timeframe::MINUTE,
        from: period.map(|period| period.0),
        to: period.map(|period| period.1),
        allow_gaps: false,
    }
}

/// Reads bars block by block; returns their number.
fn read(catalog: &Catalog, request: &SeriesRequest) -> Result<u64, DataError> {
    let mut reader = catalog.series(request)?;
    let (mut block, mut rows) = (BarBlock::default(), 0);
    loop {
        reader.read(&mut block)?;
        if block.is_empty() {
            return Ok(rows);
        }
        rows += block.len() as u64;
    }
}

fn load_a_year(catalog: &Catalog, symbol: &str, year: i32) -> Result<(), DataError> {
    let period = (Timestamp::from_civil(year, 1, 1), Timestamp::from_civil(year + 1, 1, 1));
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        read(catalog, &request(symbol, Some(period)))?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    println!("a year of one pair, warm: {:.1} ms at best, {:.1} ms usual", times[0], times[ROUNDS / 2]);
    Ok(())
}

/// Reads every pair, each by one thread; seconds and rows.
fn scan(catalog: &Catalog, symbols: &[String], threads: usize) -> Result<(f64, u64), DataError> {
    let (next, rows, began) = (AtomicUsize::new(0), AtomicU64::new(0), Instant::now());
    let work = || -> Result<(), DataError> {
        while let Some(symbol) = symbols.get(next.fetch_add(1, Ordering::Relaxed)) {
            rows.fetch_add(read(catalog, &request(symbol, None))?, Ordering::Relaxed);
        }
        Ok(())
    };
    let outcomes: Vec<_> = thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        handles.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    for outcome in outcomes {
        outcome.map_err(|_| DataError::Thread { doing: "reading bars" })??;
    }
    Ok((began.elapsed().as_secs_f64(), rows.into_inner()))
}

/// What the kernel says of this process; nothing where it is no Linux.
fn peak_memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "not known".to_owned(), |line| line.trim().to_owned())
}
