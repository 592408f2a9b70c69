//! `host margin`.

use cryptobot_data::Catalog;
use cryptobot_ledger::{Estimate, MaintenanceTerms, MarginFigures};
use cryptobot_model::{Brackets, Money, Price, Side};
use cryptobot_run::ExitCode;
use serde::Serialize;

use crate::args::{Format, MarginArguments, PositionSide};
use crate::commands::CommandError;
use crate::output::print;

pub(super) fn run(arguments: &MarginArguments) -> Result<ExitCode, CommandError> {
    let estimate = Estimate {
        side: match arguments.side {
            PositionSide::Long => Side::Buy,
            PositionSide::Short => Side::Sell,
        },
        size: arguments.size,
        entry: arguments.entry,
        wallet: arguments.wallet,
        other_maintenance: arguments.other_maintenance,
        other_unrealised: arguments.other_upnl,
        mark: arguments.mark,
        leverage: arguments.leverage,
    };
    let table = arguments.symbol.as_deref().map(|symbol| table(arguments, symbol)).transpose()?;
    let terms = table.as_ref().map_or(
        MaintenanceTerms::Fixed { rate: arguments.mmr.unwrap_or_default(), cum: arguments.cum },
        MaintenanceTerms::Table,
    );
    let figures = estimate.figures(terms)?;
    match arguments.format {
        Format::Json => print(serde_json::to_string_pretty(&Document::from(&figures))?)?,
        Format::Human => print(human(&figures))?,
    }
    Ok(ExitCode::Done)
}

fn table(arguments: &MarginArguments, symbol: &str) -> Result<Brackets, CommandError> {
    let instruments = Catalog::open(&arguments.data)?.instruments(&arguments.venue)?;
    let brackets = instruments.get(symbol)?.instrument.terms.brackets;
    if brackets.is_empty() {
        return Err(CommandError::NoBrackets { venue: arguments.venue.clone(), symbol: symbol.to_owned() });
    }
    Ok(brackets)
}

/// The figures as JSON: exact amounts are decimal strings, the ratio is a number where there is one.
#[derive(Serialize)]
struct Document {
    /// `0` where no price liquidates the position, as exchanges show it.
    liquidation_price: Price,
    liquidation_bracket: Option<usize>,
    bankruptcy_price: Option<Price>,
    notional: Money,
    initial_margin: Money,
    maintenance_margin: Money,
    margin_balance: Money,
    margin_ratio: Ratio,
}

/// A ratio, or `inf` where nothing is left of the margin balance.
#[derive(Serialize)]
#[serde(untagged)]
enum Ratio {
    Finite(f64),
    Infinite(&'static str),
}

impl From<f64> for Ratio {
    fn from(ratio: f64) -> Self {
        if ratio.is_finite() { Self::Finite(ratio) } else { Self::Infinite("inf") }
    }
}

impl From<&MarginFigures> for Document {
    fn from(figures: &MarginFigures) -> Self {
        Self {
            liquidation_price: figures.liquidation_price.unwrap_or_default(),
            liquidation_bracket: figures.liquidation_bracket,
            bankruptcy_price: figures.bankruptcy_price,
            notional: figures.notional,
            initial_margin: figures.initial_margin,
            maintenance_margin: figures.maintenance_margin,
            margin_balance: figures.margin_balance,
            margin_ratio: figures.margin_ratio.into(),
        }
    }
}

fn human(figures: &MarginFigures) -> String {
    let price = |price: Option<Price>| price.map_or_else(|| "none".to_owned(), |price| price.to_string());
    let bracket = figures.liquidation_bracket.map(|bracket| format!(" (bracket {bracket})"));
    [
        format!("liquidation price   {}{}", price(figures.liquidation_price), bracket.unwrap_or_default()),
        format!("bankruptcy price    {}", price(figures.bankruptcy_price)),
        format!("notional            {}", figures.notional),
        format!("initial margin      {}", figures.initial_margin),
        format!("maintenance margin  {}", figures.maintenance_margin),
        format!("margin balance      {}", figures.margin_balance),
        format!("margin ratio        {:.8}", figures.margin_ratio),
    ]
    .join("\n")
}
