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
