//! A whole random run through the collector, and what tables, summary and report make of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::io::{self, Write};

use cryptobot_analytics::{
    AccountLabel, Collector, InstrumentLabel, Record, RunFolder, RunInfo, Setup, Summary, report, tables,
};
use cryptobot_engine::{Decision, Entry, Evidence, Fault, FaultKind, Intent, Mark, Recorder};
use cryptobot_model::{
    InstrumentId, Money, OrderId, OrderKind, OrderTerms, RefusalReason, SeriesId, Side, StrategyId,
    TimeInForce, Timestamp,
};
use serde_json::Value;

#[path = "../examples/sample_report/random_run.rs"]
mod random_run;

use random_run::RandomRun;

fn played() -> (Record, RunInfo) {
    RandomRun::new(2_000, false).play()
}

/// A table as it is written.
fn text(table: fn(&Record, &mut dyn Write) -> io::Result<()>, record: &Record) -> String {
    let mut written = Vec::new();
    table(record, &mut written).unwrap();
    String::from_utf8(written).unwrap()
}

fn column(table: &str, name: &str) -> Vec<String> {
    let mut lines = table.lines();
    let index = lines.next().unwrap().split(',').position(|head| head == name).expect(name);
    lines.map(|line| line.split(',').nth(index).unwrap().to_owned()).collect()
}

fn sum(table: &str, name: &str) -> Money {
    column(table, name).iter().map(|text| text.parse::<Money>().unwrap()).sum()
}

#[test]
fn accounts_add_up_to_the_portfolio() {
    let (record, _) = played();
    let portfolio = &record.portfolio;
    assert!(record.strategies.len() == 2 && portfolio.trades > 1_500);
    assert_eq!(record.strategies.iter().map(|account| account.fills).sum::<u64>(), portfolio.fills);
    assert_eq!(
        record.strategies.iter().map(|account| account.costs.fees).sum::<Money>(),
        portfolio.costs.fees
    );
    for (index, bucket) in portfolio.equity.iter().enumerate() {
        let total: f64 = record.strategies.iter().map(|account| account.equity[index].last).sum();
        assert!((bucket.last - total).abs() < 1e-6);
        assert!(bucket.low <= bucket.last && bucket.last <= bucket.high && bucket.of_peak <= 1.0);
    }
    let realised: f64 = record.trades.iter().map(|trade| trade.net_pnl.to_f64()).sum();
    let open: f64 =
        record.open_positions.iter().map(|open| (open.quantity.to_f64() * open.price).abs()).sum();
    let gained = portfolio.final_equity.to_f64() - portfolio.initial_balance.to_f64();
    assert!((gained - realised).abs() <= 0.2 * open, "{gained} against {realised} and {open} still open");
}

#[test]
fn exact_equities_of_the_ledger_win_over_marked_ones() {
    let mut collector = Collector::new(bare_setup());
    collector.mark(&Mark { ts: Timestamp(1), prices: &[1.0], equities: &[100.1], margin_ratios: &[] });
    let exact: Money = "100.10000001".parse().unwrap();
    let record = collector.finish(&[exact]);
    assert_eq!((record.portfolio.final_equity, record.strategies[0].final_equity), (exact, exact));
}

fn bare_setup() -> Setup {
    Setup {
        strategies: vec![AccountLabel {
            name: "s".to_owned(),
            initial_balance: "100".parse().unwrap(),
            instruments: Vec::new(),
            series: vec![InstrumentId(0)],
        }],
        instruments: vec![InstrumentLabel { venue: "v".to_owned(), symbol: "X".to_owned() }],
        from: Timestamp(0),
        to: Timestamp(1),
    }
}

#[test]
fn refused_orders_and_faults_are_kept() {
    let mut collector = Collector::new(bare_setup());
    let (strategy, ts) = (StrategyId(0), Timestamp(5));
    let order = |sequence| Intent::Order {
        id: OrderId::new(strategy, sequence),
        series: SeriesId(0),
        side: Side::Buy,
        quantity: f64::NAN,
        kind: OrderKind::Limit { price: 1.5, tif: TimeInForce::Gtx },
        terms: OrderTerms::FREE,
        target: None,
    };
    // Sequence 2 was withdrawn by the strategy and never seen.
    for sequence in [1, 3] {
        collector.entry(&Entry::Intent { ts, strategy, intent: &order(sequence) });
        let decision = Decision::Refused { reason: RefusalReason::InvalidArgument, evidence: Evidence::NONE };
        collector.entry(&Entry::Decision { ts, id: OrderId::new(strategy, sequence), decision: &decision });
    }
    let fault = Fault::new(FaultKind::Trap, "unreachable");
    collector.entry(&Entry::Fault { ts, strategy, fault: &fault });
    let record = collector.finish(&[]);
    assert_eq!((record.portfolio.intents, record.portfolio.orders, record.portfolio.refused), (2, 0, 2));
    let orders = text(tables::orders, &record);
    assert_eq!(column(&orders, "status"), ["rejected", "rejected"]);
    assert_eq!(column(&orders, "reason"), ["invalid-argument", "invalid-argument"]);
    assert_eq!(column(&orders, "time_in_force"), ["gtx", "gtx"]);
    let summary = Summary::new(&record, RunInfo::default());
    assert_eq!((summary.faults[0].kind, summary.faults[0].strategy.as_str()), ("trap", "s"));
}

#[test]
fn a_run_without_a_single_bar_has_no_figures() {
    let record = Collector::new(bare_setup()).finish(&[]);
    let mut summary = Summary::new(&record, RunInfo::default());
    assert_eq!(summary.metrics.max_drawdown, None);
    assert_eq!(summary.metrics.samples, 0);
    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::prepare(root.path()).unwrap();
    folder.write_tables(&record).unwrap();
    folder.write_report(&record, &summary, "").unwrap();
    folder.write_summary(&mut summary).unwrap();
    assert!(!fs::read_to_string(root.path().join("equity.csv")).unwrap().contains("NaN"));
}

#[test]
fn tables_hold_every_row_exactly() {
    let (record, _) = played();
    let (orders, fills, trades) =
        (text(tables::orders, &record), text(tables::fills, &record), text(tables::trades, &record));
    assert_eq!(orders.lines().count() - 1, record.orders.len());
    assert_eq!(fills.lines().count() - 1, record.fills.len());
    assert_eq!(trades.lines().count() - 1, record.trades.len());
    assert_eq!(text(tables::equity, &record).lines().count() - 2, record.times.len());
    assert_eq!(sum(&fills, "fee"), record.portfolio.costs.fees);
    assert_eq!(sum(&orders, "fees"), record.portfolio.costs.fees);
    assert_eq!(sum(&trades, "net_pnl"), record.trades.iter().map(|trade| trade.net_pnl).sum());
    let liquidations = column(&fills, "rule").iter().filter(|rule| *rule == "liquidation").count() as u64;
    assert!(liquidations > 0 && liquidations == record.portfolio.liquidations);
    let filled = column(&orders, "status").iter().filter(|status| *status == "filled").count();
    assert_eq!(filled + record.portfolio.refused as usize, record.orders.len());
    assert!(column(&orders, "symbol").iter().all(|symbol| symbol.ends_with("USDT")));
    let funding = text(tables::funding, &record);
    assert_eq!(sum(&funding, "paid"), record.portfolio.costs.funding);
    let first = &record.fills[0];
    assert_eq!(column(&fills, "ts")[0], first.ts.to_string());
    assert_eq!(column(&fills, "side")[0], if first.side == Side::Buy { "buy" } else { "sell" });
    let drawdowns = column(&text(tables::equity, &record), "drawdown");
    let deepest = drawdowns.iter().map(|text| text.parse::<f64>().unwrap()).fold(0.0, f64::min);
    assert!((deepest + record.portfolio.drawdowns.deepest.unwrap().depth).abs() < 1e-12);
}

#[test]
fn the_summary_has_the_fields_of_the_contract() {
    let (record, info) = played();
    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::prepare(&root.path().join("run")).unwrap();
    let mut summary = Summary::new(&record, info);
    folder.write_tables(&record).unwrap();
    folder.write_report(&record, &summary, "seed: 7\n").unwrap();
    folder.write_summary(&mut summary).unwrap();
    let text = fs::read_to_string(folder.path().join("summary.json")).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    for path in [
        "run/id",
        "run/host_version",
        "run/plugin",
        "run/plugin_sha256",
        "run/data_sha256",
        "run/reference_sha256",
        "run/config_sha256",
        "run/seed",
        "run/mode",
        "run/delivery",
        "period/from",
        "period/to",
        "bars",
        "orders",
        "fills",
        "trades",
        "intents",
        "initial_balance",
        "final_equity",
        "costs/fees",
        "costs/slippage",
        "costs/funding",
        "warnings",
        "journal_sha256",
        "timing/load_s",
        "timing/engine_s",
        "timing/report_s",
        "timing/total_s",
        "timing/bars_per_s",
        "files/report",
        "strategies/0/metrics/sharpe",
        "strategies/1/trades",
    ] {
        assert!(json.pointer(&format!("/{path}")).is_some_and(|value| !value.is_null()), "{path}");
    }
    for name in [
        "total_return",
        "annual_return",
        "cagr",
        "volatility",
        "sharpe",
        "sortino",
        "calmar",
        "omega",
        "alpha",
        "beta",
        "max_drawdown",
        "max_drawdown_days",
        "var_95",
        "cvar_95",
        "win_rate",
        "profit_factor",
        "expectancy",
        "best_month",
        "worst_month",
        "winning_months",
        "exposure",
        "average_win",
        "average_loss",
        "average_holding_s",
        "turnover",
        "buy_and_hold_return",
    ] {
        assert!(json["metrics"][name].as_f64().is_some_and(f64::is_finite), "{name}");
    }
    let exposure = json["metrics"]["exposure"].as_f64().unwrap();
    assert!(exposure > 0.0 && exposure <= 1.0);
    assert_eq!(json["period"]["from"], "2024-01-01T00:00:00Z");
    assert!(json["final_equity"].is_string());
    for file in json["files"].as_object().unwrap().values() {
        assert!(folder.path().join(file.as_str().unwrap()).is_file());
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 7);
}

#[test]
fn a_run_without_trades_has_no_trade_figures() {
    let (record, info) = RandomRun::new(0, false).play();
    let json = serde_json::to_value(Summary::new(&record, info)).unwrap();
    for name in [
        "sharpe",
        "sortino",
        "calmar",
        "omega",
        "win_rate",
        "profit_factor",
        "expectancy",
        "average_holding_s",
    ] {
        assert!(json["metrics"][name].is_null(), "{name}: {}", json["metrics"][name]);
    }
    for name in ["total_return", "max_drawdown", "max_drawdown_days", "exposure", "turnover"] {
        assert_eq!(json["metrics"][name], 0.0, "{name}");
    }
}

#[test]
fn text_from_plugins_stays_text() {
    let run = RandomRun::new(50, true);
    let (record, info) = run.play();
    let page = report::html(&record, &Summary::new(&record, info), &run.configuration()).unwrap().concat();
    assert!(!page.contains("<img") && !page.contains("</script><"), "markup got through");
    // The data, the library and the page's own script; nothing else opens or closes one.
    let lower = page.to_ascii_lowercase();
    assert_eq!((lower.matches("<script").count(), lower.matches("</script>").count()), (3, 3));
    let data = page.split_once("id=\"data\">").unwrap().1.split_once("</script>").unwrap().0;
    let data: Value = serde_json::from_str(data).unwrap();
    assert!(data["summary"]["run"]["plugin"].as_str().unwrap().contains("</script><img"));
    assert!(page.contains("<title>trend&lt;/script&gt;&lt;img"));
}

#[test]
fn equal_runs_make_equal_reports() {
    let make = || {
        let run = RandomRun::new(50, false);
        let (record, info) = run.play();
        report::html(&record, &Summary::new(&record, info), &run.configuration()).unwrap().concat()
    };
    assert!(make() == make());
}

#[test]
fn terminal_and_report_show_all_figures_by_name() {
    let (record, info) = played();
    let summary = Summary::new(&record, info);
    let groups = summary.groups();
    let keys: Vec<&str> = groups.iter().flat_map(|group| &group.figures).map(|figure| figure.key).collect();
    assert!(keys.contains(&"sharpe") && keys.contains(&"funding") && keys.len() > 35);
    assert!(groups.iter().flat_map(|group| &group.figures).all(|figure| !figure.value.contains("NaN")));
}
