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

/// The warnings of a run.
fn warnings(summary: &Value) -> Vec<&str> {
    summary["warnings"].as_array().unwrap().iter().map(|said| said.as_str().unwrap()).collect()
}

#[test]
fn settings_about_signals_that_a_plugin_cannot_send_are_warned_of() {
    let sandbox = with_bots();
    sandbox.write("quiet.rhai", "fn on_bar(bar) { if position() == 0.0 { buy(0.01) } }");
    sandbox.write("loud.rhai", "fn on_bar(bar) { if position() == 0.0 { signal(\"buy\", 0.8) } }");
    let bot = |name: &str, plugin: &str, more: &str| format!("  {name}: {{plugin: {plugin}{more}}}\n");
    let config = |risk: &str, more: &str| {
        let bots =
            [("flip", "sma-flip"), ("breakout", "breakout"), ("quiet", "quiet.rhai"), ("loud", "loud.rhai")];
        let bots: String = bots.iter().map(|(name, plugin)| bot(name, plugin, more)).collect();
        format!("{risk}bots:\n{bots}")
    };
    let run = |text: String| {
        sandbox.write("run.yaml", text);
        sandbox.host("run --config run.yaml --symbol BTCUSDT --to 2024-01-08 --format json").expect(0).json()
    };
    let without = |summary: &Value| -> Vec<String> {
        warnings(summary).into_iter().filter(|said| said.contains("no effect")).map(str::to_owned).collect()
    };
    let own = run(config("", ", stake: {notional: 100}, min_confidence: 0.6"));
    let ends = "have no effect: the plugin";
    assert_eq!(
        without(&own),
        [
            format!(
                "flip: bots.flip.stake, bots.flip.min_confidence {ends} sma-flip cannot send signals, it sizes its orders itself"
            ),
            format!(
                "quiet: bots.quiet.stake, bots.quiet.min_confidence {ends} quiet cannot send signals, it sizes its orders itself"
            ),
        ]
    );
    let sizer = "risk: {strategy: {sizer: {model: fixed-notional, notional: 100}}}\n";
    let said = without(&run(config(sizer, "")));
    let starts = "flip: risk.strategy.sizer has no effect: the plugin sma-flip";
    assert!(said.len() == 2 && said[0].starts_with(starts), "{said:?}");
    // Positions are those of all orders, and a profile's sizer is nobody's wish.
    assert_eq!(without(&run(config("risk: {profile: standard}\n", ", max_positions: 2"))), [""; 0]);
}

#[test]
fn a_stake_that_a_plugin_left_aside_for_its_own_is_named_when_the_run_ends() {
    let sandbox = with_bots();
    let run = "run --config config/bots/trend_hunter.yaml --to 2024-02-01 --format json";
    let said = |summary: &Value| warnings(summary).join("\n");
    let own = said(&sandbox.host(&format!("{run} --set stake=0.05")).expect(0).json());
    let keys = "bots.trend_hunter.stake, bots.trend_hunter.min_confidence";
    let expected = format!("trend_hunter: {keys} had no effect: the plugin breakout sent no signals");
    assert!(own.contains(&expected), "{own}");
    let signals = said(&sandbox.host(run).expect(0).json());
    assert!(!signals.contains("no effect"), "{signals}");
}

#[test]
fn a_refused_entry_counts_once_and_a_signal_without_a_size_says_what_to_do() {
    let sandbox = with_bots();
    sandbox.write(
        "own.yaml",
        "risk: {orders: {cooldown_s: 864000}}\nbots: {own: {plugin: breakout, timeframe: 15m}}\n",
    );
    let run = "run --config own.yaml --symbol BTCUSDT --to 2024-03-01 --out run --format json --set";
    let summary = sandbox.host(&format!("{run} stake=0.5")).expect(0).json();
    let orders = sandbox.read("run/orders.csv");
    let count = |reason: &str| rows(&orders).iter().filter(|row| row["reason"] == reason).count();
    let (entries, exits) = (count("cooldown"), count("parent"));
    assert!(entries > 0 && exits == 2 * entries, "{entries} entries, {exits} exits");
    assert_eq!(summary["refused"], entries, "{}", summary["refusals"]);
    let said: Vec<&str> = warnings(&summary).into_iter().filter(|said| said.contains("refused as")).collect();
    assert!(
        said.len() == 1 && said[0].starts_with(&format!("own: {entries} orders were refused as cooldown")),
        "{said:?}"
    );

    let summary = sandbox.host(&format!("{run} stake=0")).expect(0).json();
    let said = warnings(&summary).join("\n");
    assert!(
        said.contains("refused as no-sizer (nothing sizes its signals: state `stake` of the bot"),
        "{said}"
    );
    assert_eq!(summary["fills"], 0);
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
