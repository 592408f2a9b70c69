//! Mistakes in run files that are values, not syntax: each is named with its file and line, or with the flag it is from.

use cryptobot_e2e::Sandbox;

/// Runs a file and checks it: both say the same.
fn refused(sandbox: &Sandbox, text: &str, words: &[&str]) {
    sandbox.write("c.yaml", text);
    for command in ["run --config c.yaml", "config check c.yaml"] {
        println!("{}", sandbox.host(command).refused(2, words));
    }
}

/// What only the run can know: plugins and data.
fn refused_by_run(sandbox: &Sandbox, flags: &str, text: &str, words: &[&str]) {
    sandbox.write("c.yaml", text);
    println!("{}", sandbox.host(&format!("run --config c.yaml {flags}")).refused(2, words));
}

const BOT: &str = "bots:\n  t:\n    plugin: sma-flip\n";

#[test]
fn values_are_refused_with_file_and_line() {
    let sandbox = Sandbox::with_sample();
    let file = |text: &str, words: &[&str]| refused(&sandbox, &format!("{text}{BOT}"), words);
    file(
        "execution:\n  fees:\n    maker: 0.0002\n    taker: -0.0004\n",
        &["c.yaml:4:5: execution.fees.taker: must lie in 0..0.1"],
    );
    file(
        "risk:\n  portfolio:\n    daily_loss: 0.1\n    weekly_loss: 0.05\n",
        &["c.yaml:3:5: risk.portfolio.daily_loss: ", "more than weekly_loss = 0.05"],
    );
    file(
        "risk:\n  portfolio: {reduce_from_drawdown: 0.2, halt_at_drawdown: 0.1}\n",
        &["c.yaml:2:15: risk.portfolio.reduce_from_drawdown: ", "less than halt_at_drawdown = 0.1"],
    );
    file(
        "risk:\n  orders: {min_stop_distance: 0.5, max_stop_distance: 0.2}\n",
        &["c.yaml:2:12: risk.orders.min_stop_distance: ", "less than max_stop_distance = 0.2"],
    );
    file("execution: {margin: {leverage: 126}}\n", &["c.yaml:1:22: execution.margin.leverage: ", "1..125"]);
    file("period: {from: 2024-02-01, to: 2024-01-01}\n", &["c.yaml:1:1: period: "]);
    file(
        "operator:\n  - {at: 2024-01-20, command: halt}\n  - {at: 2024-01-21, command: halt, bot: u}\n",
        &["c.yaml:3:37: operator[1].bot: there is no bot `u`; there are t"],
    );
}

#[test]
fn what_plugins_and_data_refuse_has_its_line_too() {
    let sandbox = Sandbox::with_sample();
    let file = |text: &str, words: &[&str]| refused_by_run(&sandbox, "", text, words);
    file(
        &format!("execution: {{margin: {{leverage: 125}}}}\n{BOT}"),
        &["c.yaml:1:22: execution.margin.leverage: is 125, and BTCUSDT allows"],
    );
    file(
        &format!("execution:\n  latency:\n    model: recorded\n    file: nofile.csv\n{BOT}"),
        &["c.yaml:4:5: execution.latency.file: cannot read nofile.csv"],
    );
    file(
        &format!("{BOT}operator:\n  - {{at: 2030-01-01, command: halt}}\n"),
        &["c.yaml:5:6: operator[0].at: ", "outside of the run"],
    );
    file(&format!("{BOT}    modes: [live]\n"), &["c.yaml:4:5: bots.t.modes: may run in live only"]);
    file(
        &format!("{BOT}    params:\n      qty: 1\n"),
        &["c.yaml:5:7: bots.t.params.qty: ", "no parameter `qty`"],
    );
    file(&format!("{BOT}    params:\n      fast: 0\n"), &["c.yaml:5:7: bots.t.params.fast: ", "1..10000"]);
    file("bots:\n  t:\n    plugin: trnd\n", &["c.yaml:3:5: bots.t.plugin: there is no plugin `trnd`"]);
    let more = "    swaps:\n      - {at: 'bar:5', plugin: sma-flip, set: {fast: 0}}\n";
    file(&format!("{BOT}{more}"), &["c.yaml:5:47: bots.t.swaps[0].set.fast: "]);
}

#[test]
fn what_flags_say_is_named_by_the_flag() {
    let sandbox = Sandbox::with_sample();
    let text = format!("execution: {{margin: {{leverage: 2}}}}\n{BOT}    params: {{fast: 5}}\n");
    let with = |flags: &str, words: &[&str]| {
        refused_by_run(&sandbox, flags, &text, words);
        assert!(!words[0].contains("c.yaml"));
    };
    with("--leverage 125", &["error: --leverage: is 125, and BTCUSDT allows"]);
    with("--set fast=0", &["error: --set fast: ", "1..10000"]);
    with("--set t.fast=ten", &["error: --set t.fast: ", "`ten`"]);
    with("--plugin trnd", &["error: --plugin: there is no plugin `trnd`"]);
    with("--swap bar:5=trnd", &["error: --swap: there is no plugin `trnd`"]);
    with("--from 2024-03-01 --to 2024-02-01", &["error: --from: the period begins 2024-03-01"]);
    // What the file says beside them keeps its line.
    with("--set slow=50 --leverage 125", &["error: --leverage: is 125"]);
    println!(
        "{}",
        sandbox.host("sweep --config c.yaml --param fast=0..3").refused(2, &["error: --param fast: "])
    );
    sandbox.write("s.yaml", format!("{text}sweep:\n  params:\n    fast: 0..3\n  metric: shrp\n"));
    println!("{}", sandbox.host("sweep --config s.yaml").refused(2, &["s.yaml:9:3: sweep.metric: "]));
    println!(
        "{}",
        sandbox
            .host("sweep --config s.yaml --metric sharpe")
            .refused(2, &["s.yaml:8:5: sweep.params.fast: ", "1..10000"])
    );
}

#[test]
fn the_key_that_is_written_is_named_and_the_fix_helps() {
    let sandbox = Sandbox::with_sample();
    let bot = |more: &str, words: &[&str]| refused(&sandbox, &format!("{BOT}    {more}\n"), words);
    bot(
        "stake: {percent_of_equity: 30}",
        &["c.yaml:4:13: bots.t.stake.percent_of_equity: must be greater than 0 and at most 20, not 30"],
    );
    bot(
        "max_positions: 0",
        &["c.yaml:4:5: bots.t.max_positions: must be at least 1, not 0; leave it out for no limit"],
    );
    bot("min_confidence: 2", &["c.yaml:4:5: bots.t.min_confidence: must lie in 0..1, not 2"]);
    bot(
        "risk: {sizer: {model: fixed-quantity, quantity: 0}}",
        &["c.yaml:4:43: bots.t.risk.sizer.quantity: must be greater than 0 and at most 1000000000000, not 0"],
    );
    let file = |text: &str, words: &[&str]| refused(&sandbox, &format!("{text}{BOT}"), words);
    file(
        "risk: {profile: standard, portfolio: {daily_loss: 2}}\n",
        &[
            "c.yaml:1:39: risk.portfolio.daily_loss: ",
            "leave it out for daily_loss = 0.02 of the profile standard",
        ],
    );
    file(
        "risk: {profile: standard, strategy: {sizer: {model: atr, risk: 0.03}}}\n",
        &[
            "c.yaml:1:58: risk.strategy.sizer.risk: is 0.03",
            "max_risk_per_trade = 0.02 of the profile standard",
        ],
    );
}

#[test]
fn what_could_never_have_an_effect_is_refused() {
    let sandbox = Sandbox::with_sample();
    let file = |text: &str, words: &[&str]| refused(&sandbox, &format!("{text}{BOT}"), words);
    file(
        "risk: {portfolio: {max_notional: 1000, max_instrument_notional: 5000}}\n",
        &["c.yaml:1:40: risk.portfolio.max_instrument_notional: is 5000, more than max_notional = 1000"],
    );
    for (name, portfolio, strategy) in [
        ("max_leverage", "2", "3"),
        ("max_exposure", "0.1", "0.5"),
        ("max_notional", "1000", "2000"),
        ("halt_at_drawdown", "0.1", "0.2"),
    ] {
        file(
            &format!(
                "risk:\n  portfolio: {{{name}: {portfolio}}}\n  strategy: {{budget: {{{name}: {strategy}}}}}\n"
            ),
            &[&format!(
                "c.yaml:3:23: risk.strategy.budget.{name}: is {strategy}, more than risk.portfolio.{name} = \
                 {portfolio}, and could never act"
            )],
        );
    }
    file(
        "risk:\n  portfolio: {max_heat: 0.01}\n  orders: {max_risk_per_trade: 0.05}\n",
        &["c.yaml:3:12: risk.orders.max_risk_per_trade: is 0.05, more than risk.portfolio.max_heat = 0.01"],
    );
    file(
        "risk:\n  profile: standard\n  orders: {min_stop_distance: 0.5}\n",
        &[
            "c.yaml:3:12: risk.orders.min_stop_distance: is 0.5",
            "max_stop_distance = 0.2 of the profile standard",
        ],
    );
    refused(
        &sandbox,
        &format!("balance: 1000\n{BOT}    balance: 20000\n"),
        &["c.yaml:1:1: balance: is 1000, and the bots' own balances come to 20000"],
    );
    refused(&sandbox, &format!("{BOT}    modes: []\n"), &["c.yaml:4:5: bots.t.modes: names no mode"]);
    let own = format!("{BOT}    balance: 20000\n");
    refused_by_run(&sandbox, "--balance 1000", &own, &["error: --balance: is 1000, and the bots' own"]);
}

#[test]
fn what_can_have_an_effect_is_not_refused() {
    let sandbox = Sandbox::with_sample();
    let valid = |text: &str| {
        sandbox.write("c.yaml", text);
        sandbox.host("config check c.yaml").expect(0);
    };
    // A share of one bot's equity is less of the portfolio's where there are others.
    valid(&format!(
        "risk:\n  portfolio: {{max_leverage: 2}}\n  strategy: {{budget: {{max_leverage: 3}}}}\n{BOT}  u:\n    plugin: sma-flip\n"
    ));
    // A profile gives way to what is written.
    valid(&format!(
        "risk: {{profile: standard, portfolio: {{max_leverage: 2, halt_at_drawdown: 0.05}}}}\n{BOT}"
    ));
    valid(&format!("risk: {{profile: standard, orders: {{max_risk_per_trade: 0.003}}}}\n{BOT}"));

    // Where it is the profile that acts first, a warning says so; the run is valid and so is the file it leaves.
    sandbox.write(
        "c.yaml",
        format!("risk: {{profile: conservative}}\n{BOT}    balance: 20000\n    risk: {{budget: {{max_leverage: 8}}}}\n"),
    );
    let ran = sandbox.host("run --config c.yaml --out run").expect(0);
    let warning = "warning: bots.t.risk.budget.max_leverage: is 8, more than max_leverage = 5 of the profile conservative";
    assert!(ran.stderr.contains(warning), "{}", ran.stderr);
    sandbox.host("run --config run/run.yaml --out again").expect(0);
    assert_eq!(sandbox.summary("again")["run"]["id"], sandbox.summary("run")["run"]["id"]);
    for file in [
        "run",
        "portfolio",
        "benchmark",
        "benchmark-realistic",
        "bots/trend_hunter",
        "bots/mean_reversion",
        "bots/arbitrage_scout",
    ] {
        let file = cryptobot_e2e::repository().join(format!("config/{file}.yaml"));
        sandbox.host(&format!("config check {}", file.display())).expect(0);
    }
}

#[test]
fn recorded_latencies_must_be_nanoseconds_of_the_time_of_the_run() {
    let sandbox = Sandbox::with_sample();
    let text = format!("execution:\n  latency: {{model: recorded, file: l.csv}}\n{BOT}");
    let header = "req_ts,exch_ts,resp_ts\n";
    let refused = |rows: &str, words: &[&str]| {
        sandbox.write("l.csv", format!("{header}{rows}\n"));
        refused_by_run(&sandbox, "", &text, words);
    };
    refused(
        "1704067200000,1704067200010,1704067200020",
        &["c.yaml:2:30: execution.latency.file: l.csv, line 2: ", "milliseconds: multiply by 1,000,000"],
    );
    refused(
        "1704067200000000000,1704167200000000000,1704167200000000001",
        &["l.csv, line 2: from req_ts to exch_ts are 100000 s, and a latency is at most 60 s"],
    );
    sandbox.write("l.csv", format!("{header}1577836800000000000,1577836800010000000,1577836800020000000\n"));
    let ran = sandbox.host("run --config c.yaml --out run").expect(0);
    let warning = "warning: execution.latency.file: l.csv goes from 2020-01-01T00:00:00Z to ";
    assert!(ran.stderr.contains(warning), "{}", ran.stderr);
}
