//! Where everything is printed, and results for people.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::io::{self, Write as _};

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use cryptobot_analytics::{FaultSummary, Group};
use cryptobot_run::Finished;

/// Figures beside each other in a line of the summary.
const COLUMNS: usize = 3;

/// Prints a result and a line break. A reader that has seen enough (`host run | head`) is no error.
pub(crate) fn print(result: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{result}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// Prints a message on standard error. Where that cannot be written, nobody is left to be told.
pub(crate) fn complain(message: impl Display) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// A run's figures and where its files are.
pub(crate) fn summary(finished: &Finished) -> String {
    let summary = &finished.summary;
    let mut text =
        format!("{}  {}  {}\n", summary.run.plugin, summary.instruments.join(" "), summary.timeframe);
    if summary.synthetic {
        text.push_str("SYNTHETIC DATA: generated bars, not market data\n");
    }
    // Writing to a String cannot fail.
    for group in summary.groups() {
        let _ = writeln!(text, "\n{}\n{}", group.title, figures(&group));
    }
    if summary.strategies.len() > 1 {
        let _ = writeln!(text, "\nStrategies\n{}", strategies(finished));
    }
    if !summary.swaps.is_empty() || !summary.tuning.is_empty() {
        let _ = writeln!(text, "\nChanges on the way\n{}", changes(finished));
    }
    if !summary.faults.is_empty() {
        let _ = writeln!(text, "\nFaults\n{}", faults(&summary.faults));
        backtraces(&mut text, &summary.faults);
    }
    let _ = writeln!(text, "\nrun      {}", summary.run.id);
    let _ = writeln!(text, "journal  {}", summary.journal_sha256);
    let _ = write!(text, "report   {}", finished.folder.join("report.html").display());
    text
}

fn figures(group: &Group) -> Table {
    let mut table = plain_table();
    for line in group.figures.chunks(COLUMNS) {
        let mut cells = Vec::with_capacity(2 * COLUMNS);
        for figure in line {
            cells.extend([figure.label.clone(), figure.value.clone()]);
        }
        cells.resize(2 * COLUMNS, String::new());
        table.add_row(cells);
    }
    for column in 0..COLUMNS {
        if let Some(values) = table.column_mut(2 * column + 1) {
            values.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn strategies(finished: &Finished) -> Table {
    let mut table = plain_table();
    table.set_header(["Name", "Plugin", "Symbols", "Final equity", "Trades", "Fees"]);
    for strategy in &finished.summary.strategies {
        table.add_row([
            strategy.name.clone(),
            strategy.plugin.clone(),
            strategy.symbols.join(" "),
            strategy.final_equity.to_string(),
            strategy.trades.to_string(),
            strategy.costs.fees.to_string(),
        ]);
    }
    table
}

/// Swaps and new values of parameters, in the order of their lists.
fn changes(finished: &Finished) -> Table {
    let result = |done: bool, reason: Option<&String>| match (done, reason) {
        (true, _) => "done".to_owned(),
        (false, reason) => format!("refused: {}", reason.map_or("", String::as_str)),
    };
    let set = |set: &BTreeMap<String, String>| {
        set.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    };
    let mut table = plain_table();
    table.set_header(["At", "Name", "Plugin", "Set", "Result"]);
    let summary = &finished.summary;
    for swap in &summary.swaps {
        let plugin = match (&swap.plugin, &swap.plugin_sha256) {
            (Some(plugin), Some(sha256)) => format!("{plugin} {}", &sha256[..sha256.len().min(8)]),
            _ => String::new(),
        };
        let result = result(swap.done, swap.reason.as_ref());
        table.add_row([swap.at.clone(), swap.strategy.clone(), plugin, set(&swap.set), result]);
    }
    for tuning in &summary.tuning {
        let result = result(tuning.done, tuning.reason.as_ref());
        table.add_row([tuning.at.clone(), tuning.strategy.clone(), String::new(), set(&tuning.set), result]);
    }
    table
}

fn faults(faults: &[FaultSummary]) -> Table {
    let mut table = plain_table();
    table.set_header([
        "Time",
        "Strategy",
        "Kind",
        "In",
        "Memory",
        "Instructions",
        "Orders",
        "Logs",
        "Restarted",
    ]);
    let dash = || "-".to_owned();
    for fault in faults {
        let used = fault.used;
        table.add_row([
            fault.ts.to_string(),
            fault.strategy.clone(),
            fault.kind.to_owned(),
            fault.call.map_or_else(dash, str::to_owned),
            used.memory_bytes.map_or_else(dash, |bytes| format!("{} KiB", bytes >> 10)),
            used.instructions.map_or_else(dash, |count| count.to_string()),
            used.orders.to_string(),
            used.log_lines.to_string(),
            fault.restarted_at.clone().unwrap_or_else(|| "no".to_owned()),
        ]);
    }
    table
}

/// The functions that were running, where they are known, the innermost first.
fn backtraces(text: &mut String, faults: &[FaultSummary]) {
    for fault in faults.iter().filter(|fault| !fault.backtrace.is_empty()) {
        let _ = writeln!(text, "\nBacktrace of {} at {}", fault.strategy, fault.ts);
        for function in &fault.backtrace {
            let _ = writeln!(text, "  {function}");
        }
    }
}

/// A table without lines.
pub(crate) fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table
}
