//! The reference page is generated from the tables of functions; this test fails when the page is stale.

use std::fmt::Write as _;
use std::path::Path;

use cryptobot_rhai::{Function, GROUPS, LANGUAGE};

const INTRODUCTION: &str = "\
# Rhai functions

<!-- Generated from the tables in `host/rhai/src/api`. To renew it after a change:
     CRYPTOBOT_WRITE_DOCS=1 cargo test -p cryptobot-rhai --test reference_page -->

All that a script can call. [Write a strategy in Rhai](../guide/rhai.md) shows how it is used. Arguments in brackets may be
left out. Where a number is asked for, a whole number does too.

## Functions that the host calls

A script has at least one whose name begins with `on_`. An event without a function is not delivered.

| Function | When |
|---|---|
| `fn init()` | once for each symbol, before the first bar; orders are refused in it |
| `fn on_bar(bar)` | a bar of the run's own series has closed |
| `fn on_series_bar(series, bar)` | a bar of another declared series has closed |
| `fn on_order(event)` | one of its orders took a step, whichever |
| `fn on_outcome(event)` | one of its orders was filled, whole or in part, or ended: rejected, cancelled, expired. Cheaper than `on_order`; with both, `on_order` comes first |
| `fn on_position_close(trade)` | its position closed or changed sides |
| `fn on_timer(number)` | a timer it had set has come |
| `fn stop()` | once for each symbol, when the run is over |

| Value | Properties |
|---|---|
| `bar` | `time` (close time, ns), `open`, `high`, `low`, `close`, `volume` |
| `event` | `id`, `kind` (`\"submitted\"`, `\"accepted\"`, `\"rejected\"`, `\"triggered\"`, `\"partially-filled\"`, `\"filled\"`, `\"modified\"`, `\"cancelled\"`, `\"expired\"`), `side`, `price`, `quantity`, `remaining`, `fee`, `maker`, `reason`, `time` |
| `trade` | `side` of the entry, `quantity`, `entry_price`, `exit_price`, `net_pnl`, `opened_at`, `closed_at` |
| an indicator | stands for its newest value in comparisons and with `+ - * /`; `.value`, `.previous`, `[n]` bars ago, `.ready`; outputs by their names |
| features | their columns by name: `f.rsi_14` is an indicator |
| `state` | what the script keeps: `state.name`. One for each symbol. Numbers, texts, lists, maps and bars, at most 64 KiB each. A name has its first value from the top of the script |
| `main` | the series of the run |
";

const HOW: &str = "
### How

An order without `how` is a market order. `how` is a map of:

| Name | Meaning |
|---|---|
| `limit: price` | a limit order |
| `stop: price` | waits until the price is touched: a sell from above, a buy from below; with `limit` it then becomes a limit order |
| `take_profit: price` | as `stop`, the other way round |
| `trail: distance`, `trail_bps: n` | a stop that follows the best price, by a distance or by basis points of it |
| `activation: price` | a trailing stop begins when this price is touched |
| `watch: \"mark\"` or `\"last\"` | the price that wakes it; the mark price where nothing is said |
| `tif: \"gtc\"`, `\"ioc\"`, `\"fok\"`, `\"post-only\"` | how long a limit order lives; until cancelled where nothing is said |
| `good_until: time` | a limit order that expires |
| `reduce_only: true` | only makes a position smaller |
";

fn table(text: &mut String, functions: &[Function]) {
    text.push_str("\n| Function | What it does |\n|---|---|\n");
    for function in functions {
        let _ = writeln!(text, "| `{}` | {} |", function.call, function.doc); // Writing to a string cannot fail.
    }
}

#[test]
fn the_page_is_up_to_date() {
    let mut page = INTRODUCTION.to_owned();
    for group in GROUPS {
        write!(page, "\n## {}\n", group.title).unwrap();
        if let Some(interface) = group.interface {
            write!(page, "\nInterface `{interface}` of the plugin contract.\n").unwrap();
        }
        table(&mut page, group.functions);
        if group.title == "Orders" {
            page.push_str(HOW);
        }
    }
    page.push_str("\n## The language itself\n\nA selection; the Rhai book at <https://rhai.rs/book> has the whole language.\n");
    table(&mut page, LANGUAGE);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/reference/rhai.md");
    if std::env::var_os("CRYPTOBOT_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == page,
        "docs/src/reference/rhai.md is stale; renew it with \
         CRYPTOBOT_WRITE_DOCS=1 cargo test -p cryptobot-rhai --test reference_page"
    );
}
