//! Results for people.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use cryptobot_analytics::Group;
use cryptobot_run::Finished;

/// Figures beside each other in a line of the summary.
const COLUMNS: usize = 3;

/// Prints a run's figures and where its files are.
pub(crate) fn summary(finished: &Finished) {
    let summary = &finished.summary;
    println!("{}  {}  {}", summary.run.plugin, summary.instruments.join(" "), summary.timeframe);
    if summary.synthetic {
        println!("SYNTHETIC DATA: generated bars, not market data");
    }
    for group in summary.groups() {
        println!("\n{}", group.title);
        println!("{}", figures(&group));
    }
    if summary.strategies.len() > 1 {
        println!("\nStrategies\n{}", strategies(finished));
    }
    for warning in &summary.warnings {
        eprintln!("warning: {warning}");
    }
    println!("\nrun      {}", summary.run.id);
    println!("journal  {}", summary.journal_sha256);
    println!("report   {}", finished.folder.join("report.html").display());
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

/// A table without lines.
pub(crate) fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table
}
