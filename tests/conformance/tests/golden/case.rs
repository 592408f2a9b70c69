//! What a case is given, and how it is played.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use cryptobot_engine::{
    AccountKind, BarBlock, Command, ExchangeConfig, Latency, LatencyModel, Limits, MarginMode,
    MarginSettings, OperatorCommand, Outcome, RiskSettings, Scope, Slippage,
};
use cryptobot_model::{
    Bracket, Brackets, ContractTerms, FundingRate, Instrument, Money, OrderEvent, Price, PriceBand, Quantity,
    Rate, Timeframe, Timestamp, Wants,
};
use cryptobot_test_support::market::START_MS;
use cryptobot_test_support::native::Native;
use cryptobot_test_support::run::{MemoryRun, Record, desk, instrument};
use serde::Deserialize;

use crate::action::{Action, Script};
use crate::expected::Expected;
use crate::recorded::Recorded;
use crate::staged::{Level, Staged};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What the case shows.
    pub about: String,
    /// From a decision to the exchange.
    #[serde(default)]
    latency_ms: f64,
    /// From the exchange back to the strategy; as long as the way there where nothing is said.
    response_ms: Option<f64>,
    #[serde(default)]
    slippage_bps: f64,
    /// `k` of `open-late`.
    #[serde(default)]
    open_late: f64,
    #[serde(default = "balance")]
    balance: f64,
    /// Largest notional per unit of equity.
    #[serde(default = "one")]
    leverage: f64,
    /// Positions stand on an exchange account with margin, at the leverage above, which is a whole number then.
    margin: Option<Mode>,
    #[serde(default)]
    brackets: Vec<BracketRow>,
    #[serde(default)]
    liquidation_fee: Rate,
    /// Both fees; 0.0002 and 0.0004 where nothing is said.
    fee: Option<Rate>,
    lot: Option<Quantity>,
    tick: Option<Price>,
    #[serde(default)]
    risk: RiskSettings,
    /// Length of the bars.
    #[serde(default = "minute")]
    timeframe: String,
    /// Bars: open, high, low, close, volume.
    bars: Vec<[f64; 5]>,
    /// Mark prices of the same bars: open, high, low, close; the last price where there are none.
    #[serde(default)]
    marks: Vec<[f64; 4]>,
    #[serde(default)]
    funding: Vec<FundingRow>,
    /// The mark price at which the exchange liquidates whatever position there is.
    liquidation: Option<f64>,
    /// How much it closes then, at first; all of it where nothing is said.
    liquidation_quantity: Option<Quantity>,
    /// Where the rest goes then.
    liquidation_after: Option<f64>,
    /// The recorded market that orders meet instead of the bars.
    recorded: Option<Recorded>,
    /// What the operator commands.
    #[serde(default)]
    operator: Vec<CommandRow>,
    /// Filters of the instrument: highest buy and lowest sell price as multiples of the mark price.
    price_band: Option<PriceBand>,
    max_orders: Option<u32>,
    max_quantity: Option<Quantity>,
    market_max_quantity: Option<Quantity>,
    /// Bars that are missing before a bar, by its number.
    #[serde(default)]
    holes: BTreeMap<usize, i64>,
    /// What the strategy does after the close of a bar, by the bar's number.
    actions: BTreeMap<usize, Vec<Action>>,
    /// What it does when it learns that an order was filled, by the order's number.
    #[serde(default)]
    after_fill: BTreeMap<u64, Vec<Action>>,
    /// What comes of it.
    #[serde(flatten)]
    pub expected: Expected,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Isolated,
    Cross,
}

/// A line of the bracket table.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BracketRow {
    floor: Money,
    cap: Money,
    leverage: u32,
    rate: Rate,
    #[serde(default)]
    cum: Money,
}

/// A funding rate, milliseconds after the open of the first bar.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FundingRow {
    at_ms: i64,
    rate: Rate,
    mark: Option<Price>,
}

/// A command of the operator to all strategies, milliseconds after the open of the first bar.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandRow {
    at_ms: i64,
    command: CommandName,
    #[serde(default)]
    flatten: bool,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum CommandName {
    Halt,
    Reduce,
    Resume,
    Kill,
}

impl CommandRow {
    fn given(&self) -> OperatorCommand {
        let command = match self.command {
            CommandName::Halt => Command::Halt,
            CommandName::Reduce => Command::Reduce,
            CommandName::Resume => Command::Resume,
            CommandName::Kill => Command::Kill { flatten: self.flatten },
        };
        OperatorCommand { at: after_start(self.at_ms), scope: Scope::Portfolio, command }
    }
}

fn balance() -> f64 {
    100_000.0
}

fn one() -> f64 {
    1.0
}

fn minute() -> String {
    "1m".to_owned()
}

/// What came of a case.
pub struct Played {
    pub record: Record,
    pub outcome: Outcome,
    /// What the strategy was told of its orders.
    pub told: Vec<OrderEvent>,
}

impl Case {
    /// Whether reports are back in the step in which they are sent.
    pub fn reports_at_once(&self) -> bool {
        self.response_ms.unwrap_or(self.latency_ms) == 0.0
    }

    pub fn play(&self, wants: Wants) -> Played {
        let base: Timeframe = self.timeframe.parse().unwrap();
        let opens = self.opens(base);
        let volumes = self.bars.iter().map(|bar| bar[4]);
        let rows = self.bars.iter().map(|[open, high, low, close, _]| [*open, *high, *low, *close]);
        let mut run = MemoryRun::new(vec![(self.instrument(), block(&opens, rows, volumes))]);
        run.base = base;
        run.balance = Money::from_f64(self.balance).unwrap();
        run.leverage = self.leverage;
        run.limits = self.limits();
        run.margin = self.margin.map(|mode| (AccountKind::Shared, self.margin_settings(mode)));
        run.exchange = self.exchange();
        run.commands = self.operator.iter().map(CommandRow::given).collect();
        if !self.marks.is_empty() {
            assert_eq!(self.marks.len(), self.bars.len(), "{}: a mark for each bar", self.about);
            let volumes = self.marks.iter().map(|_| 0.0);
            run.marks.insert(0, block(&opens, self.marks.iter().copied(), volumes));
        }
        let rate =
            |row: &FundingRow| FundingRate { ts: after_start(row.at_ms), rate: row.rate, mark: row.mark };
        run.funding.insert(0, self.funding.iter().map(rate).collect());
        let told = Rc::new(RefCell::default());
        let script = Script {
            actions: self.actions.clone(),
            after_fill: self.after_fill.clone(),
            bar: 0,
            told: Rc::clone(&told),
        };
        let level = self.level();
        let mut record = Record::default();
        let desk = desk(0, &[self.instrument()], &[base], 0);
        let run = run.with_strategy_wanting(Box::new(Native::new(desk, script)), wants);
        let outcome = match &self.recorded {
            Some(recorded) => {
                let venue = recorded.venue(&self.instrument(), &self.exchange());
                run.run_at(|_| venue, &mut record)
            }
            None => run.run_at(|exchange| Staged { exchange, level }, &mut record),
        };
        let told = told.take();
        Played { record, outcome, told }
    }

    fn instrument(&self) -> Instrument {
        let line = |row: &BracketRow| Bracket {
            floor: row.floor,
            cap: row.cap,
            max_leverage: row.leverage,
            maintenance_rate: row.rate,
            cum: row.cum,
        };
        let terms = ContractTerms {
            brackets: Brackets::new(self.brackets.iter().map(line).collect()).unwrap(),
            liquidation_fee: self.liquidation_fee,
            price_band: self.price_band,
            max_orders: self.max_orders,
            max_quantity: self.max_quantity,
            market_max_quantity: self.market_max_quantity,
            ..ContractTerms::default()
        };
        let usual = instrument("TEST");
        let (maker_fee, taker_fee) =
            self.fee.map_or((usual.maker_fee, usual.taker_fee), |fee| (fee.into(), fee.into()));
        let (lot, tick) = (self.lot.unwrap_or(usual.lot), self.tick.unwrap_or(usual.tick));
        Instrument { terms, maker_fee, taker_fee, lot, tick, ..usual }
    }

    fn limits(&self) -> Limits {
        self.risk.resolve().unwrap()
    }

    fn margin_settings(&self, mode: Mode) -> MarginSettings {
        let mode = match mode {
            Mode::Isolated => MarginMode::Isolated,
            Mode::Cross => MarginMode::Cross,
        };
        assert_eq!(self.leverage.fract(), 0.0, "{}: leverage of a margin account is whole", self.about);
        MarginSettings::new(mode, self.leverage as u32).unwrap()
    }

    fn exchange(&self) -> ExchangeConfig {
        let way = |ms: f64| LatencyModel::Constant { ns: (ms * 1e6) as i64 };
        ExchangeConfig {
            latency: Latency {
                entry: way(self.latency_ms),
                response: way(self.response_ms.unwrap_or(self.latency_ms)),
            },
            slippage: match self.slippage_bps {
                0.0 => Slippage::NONE,
                bps => Slippage::fixed(bps),
            },
            open_late: self.open_late,
            window_bars: 10,
            seed: 0,
        }
    }

    fn level(&self) -> Option<Level> {
        Some(Level {
            price: Price::from_f64(self.liquidation?)?,
            quantity: self.liquidation_quantity,
            after: self.liquidation_after.and_then(Price::from_f64),
        })
    }

    /// Open times of the bars in milliseconds.
    fn opens(&self, base: Timeframe) -> Vec<i64> {
        let mut missing = 0;
        (0..self.bars.len())
            .map(|index| {
                missing += self.holes.get(&index).copied().unwrap_or(0);
                START_MS + (index as i64 + missing) * base.nanos() / 1_000_000
            })
            .collect()
    }
}

pub fn after_start(ms: i64) -> Timestamp {
    Timestamp::from_millis(START_MS + ms)
}

fn block(
    opens: &[i64],
    rows: impl Iterator<Item = [f64; 4]>,
    volumes: impl Iterator<Item = f64>,
) -> BarBlock {
    let mut block = BarBlock { open_ms: opens.to_vec(), volume: volumes.collect(), ..BarBlock::default() };
    for [open, high, low, close] in rows {
        block.open.push(open);
        block.high.push(high);
        block.low.push(low);
        block.close.push(close);
    }
    block
}
