//! What the files of `config/bots` say of a bot holds, whatever its plugin thinks.

use std::collections::BTreeMap;

use cryptobot_e2e::{Sandbox, repository};
use serde_json::Value;

/// A file of `config/bots` that a backtest can run, its plugin, stake and least confidence.
const BOTS: [(&str, &str, f64, f64); 2] =
    [("trend_hunter", "breakout", 0.02, 0.75), ("mean_reversion", "mean-reversion", 0.015, 0.65)];

fn with_bots() -> Sandbox {
    let sandbox = Sandbox::with_sample().with_plugin("breakout").with_plugin("mean-reversion");
    sandbox.link(&repository().join("config"), "config");
    sandbox
}

/// The rows of a table by the names of its columns.
fn rows(table: &str) -> Vec<BTreeMap<&str, &str>> {
    let mut lines = table.lines().map(|line| line.split(','));
    let names: Vec<&str> = lines.next().unwrap().collect();
    lines.map(|values| names.iter().copied().zip(values).collect()).collect()
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is no number"))
}

/// The entries of the journal in `run`.
fn journal(sandbox: &Sandbox, run: &str) -> Vec<Value> {
    let shown = sandbox.host(&format!("journal show {run} --format json")).expect(0);
    shown.json().as_array().unwrap().clone()
}

#[test]
fn entries_of_the_shipped_bots_are_worth_their_stake() {
    let sandbox = with_bots();
    let instruments: Value = serde_json::from_str(&sandbox.read("data/synthetic/instruments.json")).unwrap();
    for (bot, _, stake, _) in BOTS {
        sandbox.host(&format!("run --config config/bots/{bot}.yaml --to 2024-04-01 --out {bot}")).expect(0);
        let equity = sandbox.read(&format!("{bot}/equity.csv"));
        let equity = |column: &str| rows(&equity).iter().map(|row| number(row[column])).collect::<Vec<_>>();
        let least = equity("low").into_iter().fold(f64::MAX, f64::min);
        let most = equity("high").into_iter().fold(0.0, f64::max);
        let orders = sandbox.read(&format!("{bot}/orders.csv"));
        let mut entries = 0;
        for row in rows(&orders) {
            if row["reduce_only"] == "true" || row["status"] != "filled" {
                continue;
            }
            assert_eq!((row["origin"], row["type"]), ("signal", "market"), "{bot}: {row:?}");
            let lot = number(instruments["instruments"][row["symbol"]]["lot"].as_str().unwrap());
            let price = number(row["average_price"]);
            let notional = number(row["quantity"]) * price;
            // Between decision and fill the price moves a little.
            let stakes = stake * least * 0.99 - lot * price..stake * most * 1.01;
            assert!(stakes.contains(&notional), "{bot}: {notional} is not in {stakes:?}: {row:?}");
            entries += 1;
        }
        println!("{bot}: {entries} entries, equity between {least} and {most}");
        assert!(entries >= 10, "{bot}: {entries} entries");
    }
}

#[test]
fn signals_below_the_least_confidence_are_refused_and_the_others_are_not() {
    let sandbox = with_bots();
    for (bot, _, _, least) in BOTS {
        let run = format!("run --config config/bots/{bot}.yaml --to 2024-04-01 --out {bot} --format json");
        let summary = sandbox.host(&run).expect(0).json();
        let entries = journal(&sandbox, bot);
        let refused: Vec<&Value> = entries
            .iter()
            .filter(|entry| entry["entry"] == "decision" && entry["reason"] == "low-confidence")
            .map(|entry| &entry["order"])
            .collect();
        let signals: Vec<&Value> = entries.iter().filter(|entry| entry["intent"] == "signal").collect();
        for signal in &signals {
            let confidence = signal["confidence"].as_f64().unwrap();
            assert!((0.5..=1.0).contains(&confidence), "{signal}");
            assert_eq!(refused.contains(&&signal["order"]), confidence < least, "{bot}: {signal}");
        }
        // The bound tells them apart.
        let share = refused.len() as f64 / signals.len() as f64;
        println!("{bot}: {} signals, {share:.2} of them below {least}", signals.len());
        assert!((0.2..0.9).contains(&share), "{bot}: {share}");
        let warning = format!("{bot}: {} orders were refused as low-confidence", refused.len());
        let warnings = summary["warnings"].as_array().unwrap();
        assert!(warnings.iter().any(|said| said.as_str().unwrap().starts_with(&warning)), "{warnings:?}");
    }
}

#[test]
fn both_plugins_trade_recorded_markets_and_not_at_every_signal() {
    let Some(sandbox) = Sandbox::with_real_data() else { return };
    let sandbox = sandbox.with_plugin("breakout").with_plugin("mean-reversion");
    for (bot, plugin, stake, least) in BOTS {
        let timeframe = if plugin == "breakout" { "15m" } else { "5m" };
        let config = format!(
            "venues: {{binance-usdm: {{funding: none}}}}\nrisk: {{profile: standard}}\n\
             bots:\n  {bot}: {{plugin: {plugin}, venue: binance-usdm, symbols: [ETHUSDT], timeframe: {timeframe}, \
             min_confidence: {least}, stake: {{percent_of_equity: {stake}}}}}\n"
        );
        sandbox.write("recorded.yaml", config);
        let run = "run --config recorded.yaml --from 2023-01-01 --to 2023-04-01 --out run --format json";
        let summary = sandbox.host(run).expect(0).json();
        let (trades, refused) = (summary["trades"].as_u64().unwrap(), summary["refused"].as_u64().unwrap());
        println!("{bot}: {trades} trades, {refused} refused");
        assert!(trades >= 10 && refused >= 10, "{bot}: {trades} trades, {refused} refused");
    }
}
