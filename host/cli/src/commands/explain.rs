//! `host explain`.

use std::fmt::Write as _;

use cryptobot_run::ExitCode;
use cryptobot_run::explain::{Explanation, FillExplanation, MarketData, ShownMatch, explain};

use crate::args::{ExplainArguments, Format};
use crate::commands::CommandError;
use crate::output::{plain_table, print};

pub(super) fn run(arguments: &ExplainArguments) -> Result<ExitCode, CommandError> {
    let explanation = explain(&arguments.run, arguments.fill, arguments.data.as_deref())?;
    match arguments.format {
        Format::Json => print(serde_json::to_string_pretty(&explanation)?)?,
        Format::Human => print(for_people(&explanation).trim_end())?,
    }
    Ok(ExitCode::Done)
}

fn for_people(explanation: &Explanation) -> String {
    let Explanation { order, strategy, venue, symbol, .. } = explanation;
    let mut text = match order {
        0 => format!("No order  {strategy}  {venue} {symbol}\n"),
        order => format!("Order {order}  {strategy}  {venue} {symbol}\n"),
    };
    // Writing to a String cannot fail.
    for fill in &explanation.fills {
        let _ = write!(text, "\n{}", fill_for_people(fill, explanation));
    }
    text.push_str("\nIn the journal\n");
    for entry in &explanation.life {
        let _ = writeln!(text, "  {entry}");
    }
    text
}

fn fill_for_people(fill: &FillExplanation, explanation: &Explanation) -> String {
    let FillExplanation { row, ts, side, quantity, price, .. } = fill;
    let mut text = format!("Fill {row}: {side} {quantity} at {price}, {ts}\n");
    let mut table = plain_table();
    let mut line = |name: &str, value: String| {
        table.add_row([format!("  {name}"), value]);
    };
    line("rule", format!("{}: {}", fill.rule, fill.because));
    line("market", market(&fill.market));
    line("latency", latency(explanation));
    line("queue", fill.queue.clone());
    for (number, formula) in fill.formulas.iter().enumerate() {
        line(if number == 0 { "numbers" } else { "" }, formula.clone());
    }
    line("position", format!("{} before, {} after", fill.position_before, fill.position_after));
    if let Some(wallet) = &fill.wallet_after {
        line("wallet", format!("{wallet} after"));
    }
    let _ = writeln!(text, "{}", table.trim_fmt());
    text
}

fn market(data: &MarketData) -> String {
    match data {
        MarketData::Known(bar) => format!(
            "{} bar {} to {}: open {} high {} low {} close {} volume {}\n{}, unchanged since the run",
            bar.timeframe,
            bar.open_ts,
            bar.close_ts,
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            bar.volume,
            bar.file
        ),
        MarketData::Recorded(seen) => recorded(seen),
        MarketData::Unknown { problem } => format!("not shown: {problem}"),
    }
}

fn recorded(seen: &ShownMatch) -> String {
    let level = match &seen.level {
        Some(level) => format!("the level held {level} just before"),
        None => "the book is not known".to_owned(),
    };
    match &seen.trade {
        Some([side, quantity, price]) => format!("{level}; a {side} of {quantity} at {price} was traded"),
        None => level,
    }
}

fn latency(explanation: &Explanation) -> String {
    let Explanation { decided_at, arrived_at, latency_ms, latency_model, .. } = explanation;
    match (decided_at, arrived_at, latency_ms) {
        (Some(decided), Some(arrived), Some(latency)) => {
            format!("decided {decided}, arrived {arrived}: {latency} ms ({latency_model})")
        }
        (Some(decided), ..) => format!("decided {decided}; no arrival is in the journal"),
        _ => "none: no decision of a strategy led to it".to_owned(),
    }
}
