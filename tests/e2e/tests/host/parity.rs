//! The engine against plain arrays, and against what seven other engines make of the benchmark job.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use cryptobot_data::sample;
use cryptobot_e2e::{MINUTE_MS, Sandbox, repository, scratch, skip};
use cryptobot_engine::BarBlock;
use cryptobot_model::{FundingRate, Timestamp};

/// No latency, no slippage, fees of 4 basis points, a position of one unit.
const IDEAL: &str = "\
balance: 100000000
execution:
  latency: {model: constant, base_ms: 0}
  fees: {maker: 0.0004, taker: 0.0004}
  slippage: {model: none}
";

/// Scale of all amounts here: 1e-8.
const SCALE: f64 = 1e8;

/// What the crossover comes to on plain arrays, in whole units of 1e-8: no engine, no ledger, no floating point.
#[derive(Debug, Default, PartialEq, Eq)]
struct ByHand {
    orders: u64,
    fills: u64,
    trades: u64,
    /// Bars on which the averages are equal.
    ties: u64,
    equity: i128,
    fees: i128,
}

/// What a bar of the crossover needs to know.
struct Bars {
    open: Vec<i128>,
    close: Vec<i128>,
    /// Funding that one unit pays at the close of a bar, where it does.
    funding: Vec<Option<i128>>,
    /// Mark price at the end.
    last_mark: i128,
}

fn by_hand(bars: &Bars, fast: usize, slow: usize, balance: i128) -> ByHand {
    let Bars { open, close, funding, last_mark } = bars;
    let mut result = ByHand { equity: balance, ..ByHand::default() };
    let (mut target, mut position) = (0_i128, 0_i128);
    for bar in slow - 1..close.len() {
        // The position at this moment pays, before anything is decided.
        result.equity -= position * funding[bar].unwrap_or(0);
        let sum = |length: usize| close[bar + 1 - length..=bar].iter().sum::<i128>();
        // Averages are compared as fractions with a common denominator.
        let (quick, lazy) = (sum(fast) * slow as i128, sum(slow) * fast as i128);
        let wanted = (quick - lazy).signum();
        result.ties += u64::from(wanted == 0);
        if wanted == 0 || wanted == target {
            continue;
        }
        target = wanted;
        result.orders += 1;
        let Some(price) = open.get(bar + 1) else { break };
        let traded = target - position;
        // 4 basis points; exact, because prices have two decimals.
        let fee = traded.abs() * price * 4 / 10_000;
        result.equity -= traded * price + fee;
        result.fees += fee;
        result.fills += 1;
        result.trades += u64::from(position != 0);
        position = target;
    }
    result.equity += position * last_mark;
    result
}

/// Bars of `minutes` minutes.
fn resampled(bars: &BarBlock, marks: &BarBlock, rates: &[FundingRate], minutes: usize) -> Bars {
    let units = |price: f64| (price * SCALE).round() as i128;
    let open = bars.open.chunks(minutes).map(|chunk| units(chunk[0]));
    let close = bars.close.chunks(minutes).map(|chunk| units(chunk[chunk.len() - 1]));
    let pays = |rate: &FundingRate| {
        let (units, one) = (rate.mark.unwrap().units() * rate.rate.units(), 100_000_000);
        // Half to even.
        let (down, rest) = (units.div_euclid(one), units.rem_euclid(one));
        down + i128::from(2 * rest > one || (2 * rest == one && down % 2 != 0))
    };
    let closes_at = |chunk: &[i64]| chunk[0] + minutes as i64 * MINUTE_MS;
    let due = |at: i64| rates.iter().find(|rate| rate.ts.millis() == at).map(pays);
    Bars {
        open: open.collect(),
        close: close.collect(),
        funding: bars.open_ms.chunks(minutes).map(|chunk| due(closes_at(chunk))).collect(),
        last_mark: units(marks.close[bars.len() - 1]),
    }
}

fn units(decimal: &serde_json::Value) -> i128 {
    let text = decimal.as_str().unwrap();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<8}").parse().unwrap()
}

#[test]
fn the_crossover_trades_as_plain_arrays_do() {
    let sandbox = Sandbox::with_sample();
    sandbox.write("ideal.yaml", IDEAL);
    let year = sample::bars("BTCUSDT", sample::SEED).unwrap();
    let (marks, rates) = sample::marks_and_funding("BTCUSDT", sample::SEED).unwrap();
    let january = cut(&year, 31 * 1_440);
    for (bars, to, minutes, fast, slow) in [
        (&january, "2024-02-01", 1, 10, 31),
        (&january, "2024-02-01", 1, 4, 11),
        (&january, "2024-02-01", 1, 53, 199),
        (&year, "2025-01-01", 15, 10, 30),
        (&year, "2025-01-01", 15, 4, 9),
        (&year, "2025-01-01", 15, 21, 144),
    ] {
        // What is due at the very end of a run is not paid any more.
        let until: Timestamp = to.parse().unwrap();
        let due: Vec<_> = rates.iter().copied().filter(|rate| rate.ts < until).collect();
        let by_minutes = resampled(bars, &marks, &due, minutes);
        let expected = by_hand(&by_minutes, fast, slow, units(&"100000000".into()));
        assert!(expected.trades > 100, "{expected:?}");
        // Of equal averages floating point may make the one or the other the larger.
        assert_eq!(expected.ties, 0, "{fast}/{slow} on {minutes}m is no pair for this test");
        let summary = sandbox
            .host(&format!(
                "run --config ideal.yaml --plugin sma-flip --timeframe {minutes}m --to {to} \
                 --set fast={fast} --set slow={slow} --set quantity=1 --format json"
            ))
            .expect(0)
            .json();
        let count = |name: &str| summary[name].as_u64().unwrap();
        let found = ByHand {
            orders: count("orders"),
            fills: count("fills"),
            trades: count("trades"),
            ties: 0,
            equity: units(&summary["final_equity"]),
            fees: units(&summary["costs"]["fees"]),
        };
        assert_eq!(found, expected, "{fast}/{slow} on {minutes}m");
        assert_eq!(summary["bars"], by_minutes.close.len());
    }
}

fn cut(bars: &BarBlock, length: usize) -> BarBlock {
    let column = |values: &[f64]| values[..length].to_vec();
    BarBlock {
        open_ms: bars.open_ms[..length].to_vec(),
        open: column(&bars.open),
        high: column(&bars.high),
        low: column(&bars.low),
        close: column(&bars.close),
        volume: column(&bars.volume),
    }
}

#[test]
fn the_benchmark_job_gives_its_exact_answer() {
    let Some(catalog) = benchmark_catalog() else { return };
    let sandbox = Sandbox::new().with_plugin("sma-flip");
    sandbox.link(&repository().join("config"), "config");
    let data = catalog.display();
    let summary = sandbox
        .host(&format!("run --config config/benchmark.yaml --data {data} --symbol J1USDT --format json"))
        .expect(0)
        .json();
    assert_eq!(summary["bars"], 525_600);
    assert_eq!(summary["orders"], 20_573);
    let equity: f64 = summary["final_equity"].as_str().unwrap().parse().unwrap();
    assert_eq!(format!("{equity:.2}"), "99349416.69");
}

/// Leverage, funding, limits that are not reached and stops that are not touched change nothing but the costs.
#[test]
fn the_realistic_benchmark_job_makes_the_same_trades() {
    let Some(catalog) = benchmark_catalog() else { return };
    let sandbox = Sandbox::new().with_plugin("signal-flip");
    sandbox.link(&repository().join("config"), "config");
    let bracket = |floor: &str, cap: &str, most: u32, rate: &str, cum: &str| {
        serde_json::json!({
            "floor": floor, "cap": cap, "max_leverage": most, "maintenance_rate": rate, "cum": cum
        })
    };
    let instruments = serde_json::json!({
        "instruments": {"J1USDT": {
            "tick": "0.00000001", "lot": "0.00000001", "funding": true, "terms": {"funding_hours": 8}
        }},
        "brackets": {"J1USDT": [
            bracket("0", "50000", 50, "0.004", "0"),
            bracket("50000", "500000", 25, "0.005", "50"),
            bracket("500000", "100000000", 10, "0.01", "2550"),
        ]},
    });
    sandbox.write("catalog/bench/instruments.json", instruments.to_string());
    sandbox.link(&catalog.join("bench/J1USDT"), "catalog/bench/J1USDT");
    let summary = sandbox
        .host("run --config config/benchmark-realistic.yaml --data catalog --format json")
        .expect(0)
        .json();
    assert_eq!(summary["orders"], 2 * 20_573, "each with a stop");
    assert_eq!(summary["fills"], 20_573);
    let units = |of: &serde_json::Value| of.as_str().unwrap().parse::<f64>().unwrap();
    let funding = units(&summary["costs"]["funding"]);
    assert!(funding != 0.0);
    assert_eq!(format!("{:.2}", units(&summary["final_equity"]) + funding), "99349416.69");
}

/// The benchmark's catalog, made once by its own script.
fn benchmark_catalog() -> Option<PathBuf> {
    let script = repository().join("../shared/bench/make_catalog.py");
    if !script.is_file() {
        skip("../shared/bench/make_catalog.py is not there");
        return None;
    }
    let catalog = scratch().join("bench");
    if catalog.join("complete").is_file() {
        return Some(catalog);
    }
    let python = std::env::var("CRYPTOBOT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let imports =
        Command::new(&python).args(["-c", "import numpy, pyarrow.parquet"]).stderr(Stdio::null()).status();
    if !imports.is_ok_and(|status| status.success()) {
        skip("the benchmark's data need python3 (or CRYPTOBOT_PYTHON) with numpy and pyarrow");
        return None;
    }
    let made = Command::new(&python).arg(script).arg(&catalog).status().unwrap();
    assert!(made.success());
    std::fs::write(catalog.join("complete"), "").unwrap();
    Some(catalog)
}
