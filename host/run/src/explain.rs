//! Why an order was filled as it was: what a run's folder and its data say about one fill.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use cryptobot_journal::{DecodeError, Entries, JournalDecision, JournalEntry, VerifyError};
use cryptobot_model::{
    Fill, Liquidity, Money, OrderEventKind, OrderId, Quantity, RefusalReason, Side, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::config::RunConfig;
use crate::entries::NamedEntry;
use crate::error::{ExitCode, RunError};
use crate::recordings::Fills;

mod market;
mod words;

pub use market::{MarketData, ShownBar, ShownMatch};

/// Why a fill cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The folder is not one of a complete run.
    #[error("{}: not the folder of a complete run: {reason}", path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Its run.yaml cannot be read.
    #[error(transparent)]
    Config(#[from] RunError),
    /// The journal cannot be opened.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The journal is not whole.
    #[error("{}: {source}", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// Why.
        source: DecodeError,
    },
    /// The journal is whole, but another one.
    #[error("{}: the journal has hash {found}, summary.json says {stated}: it is not the journal of this run", path.display())]
    OtherJournal {
        /// The file.
        path: PathBuf,
        /// The journal's hash.
        found: String,
        /// The summary's.
        stated: String,
    },
    /// There is no such fill.
    #[error("fill {given}: {}", there_are(*fills, *is_order))]
    UnknownFill {
        /// What was asked for.
        given: u64,
        /// Whether that is the id of an order.
        is_order: bool,
        /// Fills of the run.
        fills: u64,
    },
}

fn there_are(fills: u64, is_order: bool) -> String {
    match (fills, is_order) {
        (0, _) => "the run has no fills".to_owned(),
        (fills, true) => {
            format!("no fill has that order id; give one of fills.csv, or a row of it, 1 to {fills}")
        }
        (fills, false) => format!("there is no such row; fills.csv has the rows 1 to {fills}"),
    }
}

impl ExplainError {
    /// The exit code for this error.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::NoRun { .. } | Self::Open { .. } | Self::UnknownFill { .. } => ExitCode::Usage,
            Self::Config(error) => error.exit_code(),
            Self::Journal { .. } | Self::OtherJournal { .. } => ExitCode::Failed,
        }
    }
}

/// An order with its life and the fills that were asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The order; 0 for a fill that no order of a strategy led to.
    pub order: u64,
    /// Name of its strategy.
    pub strategy: String,
    /// Its venue.
    pub venue: String,
    /// Its symbol.
    pub symbol: String,
    /// When the strategy decided; `None` where no decision led to the fill.
    pub decided_at: Option<String>,
    /// When the order reached the exchange.
    pub arrived_at: Option<String>,
    /// From decision to arrival.
    pub latency_ms: Option<f64>,
    /// The model of latency that the run was configured with.
    pub latency_model: String,
    /// What the journal says about the order, in its order.
    #[serde(serialize_with = "as_json")]
    pub life: Vec<NamedEntry>,
    /// The fills.
    pub fills: Vec<FillExplanation>,
}

fn as_json<S: serde::Serializer>(entries: &[NamedEntry], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(entries.iter().map(NamedEntry::to_json))
}

/// One fill with everything it follows from. Exact numbers are texts.
#[derive(Clone, Debug, Serialize)]
pub struct FillExplanation {
    /// Its row in fills.csv, from 1.
    pub row: u64,
    /// When.
    pub ts: String,
    /// `buy` or `sell`.
    pub side: &'static str,
    /// Amount.
    pub quantity: String,
    /// Price, slippage included.
    pub price: String,
    /// The price that the rule starts from.
    pub reference: String,
    /// Cost of slippage.
    pub slippage: String,
    /// Fee.
    pub fee: String,
    /// `maker` or `taker`.
    pub liquidity: &'static str,
    /// Name of the rule.
    pub rule: &'static str,
    /// The rule in words.
    pub because: &'static str,
    /// Its place in the queue, in words.
    pub queue: String,
    /// How the numbers follow from each other.
    pub formulas: Vec<String>,
    /// The strategy's position before.
    pub position_before: String,
    /// The strategy's position after.
    pub position_after: String,
    /// The strategy's wallet after; `None` where the journal ends before.
    pub wallet_after: Option<String>,
    /// The bar that the fill happened in, or why it cannot be shown.
    pub market: MarketData,
}

/// What is needed of `summary.json`.
#[derive(Deserialize)]
struct RunFacts {
    instruments: Vec<String>,
    #[serde(default)]
    fill_timeframes: Vec<String>,
    strategies: Vec<StrategyFacts>,
    journal_sha256: String,
    #[serde(default)]
    data_files: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct StrategyFacts {
    name: String,
}

/// A fill as it stands in the journal.
struct Found {
    row: u64,
    fill: Fill,
    before: Quantity,
}

/// Explains the fill in row `given` of `fills.csv`, counted from 1, or all fills of the order with that id. `data`
/// replaces the data folder that the run was configured with.
pub fn explain(folder: &Path, given: u64, data: Option<&Path>) -> Result<Explanation, ExplainError> {
    let facts = read_facts(folder)?;
    let config = RunConfig::read(&folder.join("run.yaml"))?;
    let journal = Journal { path: folder.join("journal.bin") };
    let found = journal.find(given, &facts.journal_sha256)?;
    let order = found[0].fill.order;
    let (life, wallets) = journal.life(order, &found)?;
    let data = data.unwrap_or(&config.data);
    let fills = found.iter().zip(wallets).map(|(found, wallet)| {
        let market =
            MarketData::recorded(&life, &found.fill).unwrap_or_else(|| match config.execution.fills {
                Fills::Bars => MarketData::read(data, &facts, &found.fill),
                Fills::Trades | Fills::Depth => {
                    let problem = "the run traded in a recorded market and has no stored bars".to_owned();
                    MarketData::Unknown { problem }
                }
            });
        explain_fill(found, wallet, market, &life, &config)
    });
    let fills = fills.collect();
    let first = &found[0].fill;
    let instrument = facts.instruments.get(first.instrument.index()).map_or("", String::as_str);
    let (venue, symbol) = instrument.split_once('/').unwrap_or_default();
    let (decided, arrived) = (decided_at(&life), arrived_at(&life));
    let millis = |from: Timestamp, to: Timestamp| (to.0 - from.0) as f64 / 1e6;
    Ok(Explanation {
        order: order.0,
        strategy: facts
            .strategies
            .get(first.strategy.index())
            .map_or_else(String::new, |strategy| strategy.name.clone()),
        venue: venue.to_owned(),
        symbol: symbol.to_owned(),
        decided_at: decided.map(|ts| ts.to_string()),
        arrived_at: arrived.map(|ts| ts.to_string()),
        latency_ms: decided.zip(arrived).map(|(from, to)| millis(from, to)),
        latency_model: words::model(config.execution.latency),
        life: named(&life, venue),
        fills,
    })
}

fn read_facts(folder: &Path) -> Result<RunFacts, ExplainError> {
    let path = folder.join("summary.json");
    let no_run = |reason: String| ExplainError::NoRun { path: folder.to_owned(), reason };
    let text = fs::read_to_string(&path).map_err(|error| no_run(format!("summary.json: {error}")))?;
    serde_json::from_str(&text).map_err(|error| no_run(format!("summary.json: {error}")))
}

fn decided_at(life: &[JournalEntry]) -> Option<Timestamp> {
    life.iter().find_map(|entry| match entry {
        JournalEntry::Decision { ts, .. } => Some(*ts),
        _ => None,
    })
}

/// The life of an order by names, with the venue's own error beside each refusal.
fn named(life: &[JournalEntry], venue: &str) -> Vec<NamedEntry> {
    let sent = life.iter().find_map(|entry| match entry {
        JournalEntry::Decision { decision: JournalDecision::Approved(order), .. }
        | JournalEntry::Decision { decision: JournalDecision::Reduced { order, .. }, .. } => Some(order),
        _ => None,
    });
    let error = |reason: RefusalReason| {
        let order = sent?;
        reason.venue_error(venue, order.side, order.kind.limit().map(|(_, tif)| tif))
    };
    let entry = |entry: &JournalEntry| {
        let reason = match entry {
            JournalEntry::Decision { decision: JournalDecision::Refused { reason, .. }, .. } => Some(*reason),
            JournalEntry::Order(event) => event.reason,
            _ => None,
        };
        let mut named = NamedEntry::from(entry);
        let error = reason.and_then(error).map(|error| ("venue_error", error.into()));
        named.fields.extend(error);
        named
    };
    life.iter().map(entry).collect()
}

/// When the exchange first said anything about the order.
fn arrived_at(life: &[JournalEntry]) -> Option<Timestamp> {
    life.iter().find_map(|entry| match entry {
        JournalEntry::Order(event) if event.kind == OrderEventKind::Accepted => Some(event.ts),
        _ => None,
    })
}

fn explain_fill(
    found: &Found,
    wallet: Option<Money>,
    market: MarketData,
    life: &[JournalEntry],
    config: &RunConfig,
) -> FillExplanation {
    let Found { row, fill, before } = found;
    let reference = words::reference(fill, market.bar(), life);
    FillExplanation {
        row: *row,
        ts: fill.ts.to_string(),
        side: if fill.side == Side::Buy { "buy" } else { "sell" },
        quantity: fill.quantity.to_string(),
        price: fill.price.to_string(),
        reference: reference.to_string(),
        slippage: fill.slippage.to_string(),
        fee: fill.fee.to_string(),
        liquidity: if fill.liquidity == Liquidity::Maker { "maker" } else { "taker" },
        rule: fill.rule.name(),
        because: words::because(fill.rule),
        queue: words::queue(fill, arrived_at(life), market.seen()),
        formulas: words::formulas(fill, reference, market.bar(), config),
        position_before: before.to_string(),
        position_after: (*before + fill.side.signed(fill.quantity)).to_string(),
        wallet_after: wallet.map(|wallet| wallet.to_string()),
        market,
    }
}

/// The journal of a run.
struct Journal {
    path: PathBuf,
}

impl Journal {
    fn entries(&self) -> Result<Entries<BufReader<File>>, ExplainError> {
        let file = File::open(&self.path)
            .map_err(|source| ExplainError::Open { path: self.path.clone(), source })?;
        Entries::new(BufReader::new(file)).map_err(|source: VerifyError| self.broken(source.into()))
    }

    fn broken(&self, source: DecodeError) -> ExplainError {
        ExplainError::Journal { path: self.path.clone(), source }
    }

    /// The fills that `given` names, one at least. Reads the whole journal, and so verifies it.
    fn find(&self, given: u64, stated: &str) -> Result<Vec<Found>, ExplainError> {
        let is_order = OrderId(given).strategy().is_some();
        let (mut found, mut row) = (Vec::new(), 0);
        let mut positions: BTreeMap<_, Quantity> = BTreeMap::new();
        let mut entries = self.entries()?;
        for entry in entries.by_ref() {
            let JournalEntry::Fill(fill) = entry.map_err(|source| self.broken(source))? else { continue };
            row += 1;
            let position = positions.entry((fill.strategy, fill.instrument)).or_default();
            if if is_order { fill.order.0 == given } else { row == given } {
                found.push(Found { row, fill, before: *position });
            }
            *position += fill.side.signed(fill.quantity);
        }
        let hash = entries.verified().hash.to_string();
        if hash != stated {
            let (path, stated) = (self.path.clone(), stated.to_owned());
            return Err(ExplainError::OtherJournal { path, found: hash, stated });
        }
        if found.is_empty() {
            return Err(ExplainError::UnknownFill { given, is_order, fills: row });
        }
        Ok(found)
    }

    /// What the journal says about an order, with what follows from the fills that were found: the trade that they
    /// closed, the liquidation that they were, and the wallet after each of them.
    fn life(
        &self,
        order: OrderId,
        found: &[Found],
    ) -> Result<(Vec<JournalEntry>, Vec<Option<Money>>), ExplainError> {
        let (mut life, mut wallets) = (Vec::new(), Vec::with_capacity(found.len()));
        let (mut row, mut follows) = (0, None);
        for entry in self.entries()? {
            let entry = entry.map_err(|source| self.broken(source))?;
            if let JournalEntry::Fill(fill) = entry {
                row += 1;
                follows = found.iter().any(|found| found.row == row).then_some(fill.strategy);
                if follows.is_some() || (order.is_some() && fill.order == order) {
                    life.push(entry);
                }
                if follows.is_some() {
                    wallets.push(None);
                }
            } else if is_about(&entry, order) {
                life.push(entry);
            } else if let Some(strategy) = follows {
                match entry {
                    JournalEntry::Wallet { strategy: of, wallet, .. } if of == strategy => {
                        if let Some(after) = wallets.last_mut() {
                            *after = Some(wallet);
                        }
                    }
                    JournalEntry::Trade(trade) if trade.strategy == strategy => {}
                    JournalEntry::Liquidation(liquidation) if liquidation.strategy == strategy => {}
                    _ => {
                        follows = None;
                        continue;
                    }
                }
                life.push(entry);
            }
        }
        Ok((life, wallets))
    }
}

/// Whether an entry other than a fill is about an order. A signal is the intent of its entry, stop and target, whose
/// ids follow each other; what was decided on those that protect an entry is about the entry too.
fn is_about(entry: &JournalEntry, order: OrderId) -> bool {
    if !order.is_some() {
        return false;
    }
    if let JournalEntry::Intent { intent: cryptobot_engine::Intent::Signal(signal), .. } = entry {
        return (signal.id.0..=signal.id.0 + 2).contains(&order.0);
    }
    if let JournalEntry::Decision {
        decision: JournalDecision::Approved(protection) | JournalDecision::Reduced { order: protection, .. },
        ..
    } = entry
        && protection.terms.parent == order
    {
        return true;
    }
    entry.order() == Some(order)
}

#[cfg(test)]
mod tests {
    use cryptobot_journal::ApprovedOrder;
    use cryptobot_model::{
        InstrumentId, OrderEvent, OrderKind, OrderTerms, SeriesId, StrategyId, TimeInForce,
    };

    use super::*;

    #[test]
    fn a_refusal_in_the_life_of_an_order_has_the_name_of_the_venue() {
        let (strategy, ts) = (StrategyId(0), Timestamp(0));
        let id = OrderId::new(strategy, 1);
        let order = ApprovedOrder {
            instrument: InstrumentId(0),
            side: Side::Buy,
            quantity: "1".parse().unwrap(),
            kind: OrderKind::Limit { price: "50".parse().unwrap(), tif: TimeInForce::Gtx },
            terms: OrderTerms::FREE,
        };
        let step = OrderEvent::plain(strategy, SeriesId(0), id, Side::Buy, ts, OrderEventKind::Modified);
        let life = [
            JournalEntry::Decision { ts, id, decision: JournalDecision::Approved(order) },
            JournalEntry::Order(OrderEvent { reason: Some(RefusalReason::WouldTake), ..step }),
        ];
        let refused = |venue| named(&life, venue)[1].to_string();
        assert!(refused("binance-usdm").ends_with("reason=would-take venue_error=-5022 GTX_ORDER_REJECT"));
        assert!(refused("ethereal").ends_with("reason=would-take"));
    }
}
