//! The figures of a summary as people read them, in groups: the terminal's table and the report's cards.

use cryptobot_model::{Money, Timestamp};
use serde::Serialize;

use crate::format::{UNDEFINED, amount, count, duration, money, percent, ratio};
use crate::metrics::Metrics;
use crate::summary::{Costs, MarginSummary, StrategySummary, Summary};

/// Whether a figure is good news, bad news or neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// A gain.
    Good,
    /// A loss.
    Bad,
    /// Just a figure.
    Neutral,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// Name of its field in `summary.json`.
    pub key: &'static str,
    /// Name for people.
    pub label: String,
    /// Value for people, with its unit.
    pub value: String,
    /// How it reads.
    pub tone: Tone,
}

/// Figures that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Heading.
    pub title: &'static str,
    /// Figures in reading order.
    pub figures: Vec<Figure>,
}

impl Summary {
    /// All figures of the run in reading order.
    pub fn groups(&self) -> Vec<Group> {
        let metrics = &self.metrics;
        vec![
            self.run_group(),
            performance(metrics, self.initial_balance, self.final_equity, &self.currency),
            ratios(metrics),
            risk(metrics, self.margin.as_ref()),
            months(metrics),
            trades(metrics, self.trades, self.liquidations, &self.currency),
            costs(&self.costs, self.insurance, metrics, &self.currency),
        ]
    }

    fn run_group(&self) -> Group {
        let speed = if self.timing.bars_per_s > 0.0 {
            format!("{} bars/s", count(self.timing.bars_per_s as u64))
        } else {
            UNDEFINED.to_owned()
        };
        Group {
            title: "Run",
            figures: vec![
                plain("period", "Period", format!("{} – {}", date(self.period.from), date(self.period.to))),
                plain("bars", "Bars", count(self.bars)),
                plain("bars_per_s", "Speed", speed),
                plain("orders", "Orders", count(self.orders)),
                plain("refused", "Refused", count(self.refused)),
                plain("fills", "Fills", count(self.fills)),
            ],
        }
    }
}

impl StrategySummary {
    /// All figures of the strategy in reading order; amounts are in `currency`.
    pub fn groups(&self, currency: &str) -> Vec<Group> {
        vec![
            performance(&self.metrics, self.initial_balance, self.final_equity, currency),
            ratios(&self.metrics),
            risk(&self.metrics, self.margin.as_ref()),
            months(&self.metrics),
            trades(&self.metrics, self.trades, self.liquidations, currency),
            costs(&self.costs, self.insurance, &self.metrics, currency),
        ]
    }
}

fn performance(metrics: &Metrics, initial: Money, last: Money, currency: &str) -> Group {
    Group {
        title: "Performance",
        figures: vec![
            plain("initial_balance", "Initial balance", with_unit(money(initial), currency)),
            plain("final_equity", "Final equity", with_unit(money(last), currency)),
            signed("total_return", "Total return", percent(metrics.total_return), metrics.total_return),
            signed("cagr", "CAGR", percent(metrics.cagr), metrics.cagr),
            signed("annual_return", "Annual return", percent(metrics.annual_return), metrics.annual_return),
            signed(
                "buy_and_hold_return",
                "Buy and hold",
                percent(metrics.buy_and_hold_return),
                metrics.buy_and_hold_return,
            ),
            signed("alpha", "Alpha", percent(metrics.alpha), metrics.alpha),
            plain("beta", "Beta", ratio(metrics.beta)),
        ],
    }
}

fn ratios(metrics: &Metrics) -> Group {
    Group {
        title: "Risk-adjusted",
        figures: vec![
            signed("sharpe", "Sharpe", ratio(metrics.sharpe), metrics.sharpe),
            signed("sortino", "Sortino", ratio(metrics.sortino), metrics.sortino),
            signed("calmar", "Calmar", ratio(metrics.calmar), metrics.calmar),
            signed("omega", "Omega", ratio(metrics.omega), metrics.omega.map(|omega| omega - 1.0)),
        ],
    }
}

fn risk(metrics: &Metrics, margin: Option<&MarginSummary>) -> Group {
    let days = metrics.max_drawdown_days.map(|days| days * 86_400.0);
    let mut group = Group {
        title: "Risk",
        figures: vec![
            signed("max_drawdown", "Max drawdown", percent(metrics.max_drawdown), metrics.max_drawdown),
            plain("max_drawdown_days", "Longest drawdown", duration(days)),
            plain("volatility", "Volatility, annual", percent(metrics.volatility)),
            signed("var_95", "VaR 95 %", percent(metrics.var_95), metrics.var_95),
            signed("cvar_95", "CVaR 95 %", percent(metrics.cvar_95), metrics.cvar_95),
            plain("exposure", "Exposure", percent(metrics.exposure)),
        ],
    };
    // Margin is not simulated in every run.
    if let Some(margin) = margin {
        let ratio = percent(Some(margin.max_ratio));
        group.figures.push(plain("margin", "Highest margin ratio", ratio));
    }
    group
}

fn months(metrics: &Metrics) -> Group {
    Group {
        title: "Months",
        figures: vec![
            signed("best_month", "Best month", percent(metrics.best_month), metrics.best_month),
            signed("worst_month", "Worst month", percent(metrics.worst_month), metrics.worst_month),
            plain("winning_months", "Winning months", percent(metrics.winning_months)),
        ],
    }
}

fn trades(metrics: &Metrics, number: u64, liquidations: u64, currency: &str) -> Group {
    let trading = &metrics.trading;
    let money = |key, label: &str, value: Option<f64>| {
        signed(
            key,
            label,
            value.map_or_else(|| UNDEFINED.to_owned(), |v| with_unit(amount(Some(v)), currency)),
            value,
        )
    };
    let mut group = Group {
        title: "Trades",
        figures: vec![
            plain("trades", "Closed trades", count(number)),
            plain("win_rate", "Win rate", percent(trading.win_rate)),
            signed(
                "profit_factor",
                "Profit factor",
                ratio(trading.profit_factor),
                trading.profit_factor.map(|factor| factor - 1.0),
            ),
            money("expectancy", "Expectancy", trading.expectancy),
            money("average_win", "Average win", trading.average_win),
            money("average_loss", "Average loss", trading.average_loss),
            money("best_trade", "Best trade", trading.best_trade),
            money("worst_trade", "Worst trade", trading.worst_trade),
            plain("average_holding_s", "Average holding", duration(trading.average_holding_s)),
        ],
    };
    if liquidations > 0 {
        group.figures.push(signed("liquidations", "Liquidations", count(liquidations), Some(-1.0)));
    }
    group
}

fn costs(costs: &Costs, insurance: Money, metrics: &Metrics, currency: &str) -> Group {
    let turnover = metrics.turnover.map_or_else(|| UNDEFINED.to_owned(), |_| ratio(metrics.turnover) + " ×");
    let mut group = Group {
        title: "Costs",
        figures: vec![
            plain("fees", "Fees", with_unit(money(costs.fees), currency)),
            plain("slippage", "Slippage", with_unit(money(costs.slippage), currency)),
            plain("funding", "Funding", with_unit(money(costs.funding), currency)),
            plain("turnover", "Turnover", turnover),
        ],
    };
    if !costs.liquidation_fees.is_zero() {
        let fees = with_unit(money(costs.liquidation_fees), currency);
        group.figures.push(plain("liquidation_fees", "Liquidation fees", fees));
    }
    if !insurance.is_zero() {
        let borne = with_unit(money(insurance), currency);
        group.figures.push(plain("insurance", "Borne by insurance", borne));
    }
    group
}

fn plain(key: &'static str, label: &str, value: String) -> Figure {
    Figure { key, label: label.to_owned(), value, tone: Tone::Neutral }
}

/// A figure whose `sign` says how it reads.
fn signed(key: &'static str, label: &str, value: String, sign: Option<f64>) -> Figure {
    let tone = match sign {
        Some(sign) if sign > 0.0 => Tone::Good,
        Some(sign) if sign < 0.0 => Tone::Bad,
        _ => Tone::Neutral,
    };
    Figure { key, label: label.to_owned(), value, tone }
}

fn with_unit(value: String, unit: &str) -> String {
    if unit.is_empty() { value } else { format!("{value} {unit}") }
}

/// The day; with the time of day only where there is any.
fn date(ts: Timestamp) -> String {
    let text = ts.to_string();
    text.strip_suffix("T00:00:00Z").map_or_else(|| text.clone(), ToOwned::to_owned)
}
