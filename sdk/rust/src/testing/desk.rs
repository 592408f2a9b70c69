//! What stands behind the [`Host`](crate::Host) on a tape: an account, working orders, timers and indicators.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use cryptobot_indicators::feature::wanted_columns;
use cryptobot_indicators::{Bank, ColumnSpec, CreateError, FeatureColumn, Lengths, Ohlcv};

use super::account::Position;
use super::matching::Since;
use super::record::{LogLine, TapeRun};
use crate::{
    Bar, Bracket, ClosePosition, Column, FeatureQuery, Level, Order, OrderEvent, OrderId, OrderKind, Pair,
    PositionClose, Series, Side, Signal, advanced::Exit,
};

/// Refusal reasons of the contract.
pub(super) mod reason {
    pub(crate) const INVALID_ARGUMENT: u32 = 1;
    pub(crate) const BELOW_MINIMUM: u32 = 2;
    pub(crate) const INSUFFICIENT_MARGIN: u32 = 3;
    pub(crate) const NOTHING_TO_REDUCE: u32 = 4;
    pub(crate) const WOULD_TAKE: u32 = 6;
    pub(crate) const NOT_FILLABLE: u32 = 7;
    pub(crate) const NOT_ACCEPTING: u32 = 8;
    pub(crate) const UNKNOWN_ORDER: u32 = 10;
    pub(crate) const GOOD_TILL_DATE: u32 = 13;
    pub(crate) const SIBLING: u32 = 14;
    pub(crate) const PARENT: u32 = 15;
    pub(crate) const NO_SIZER: u32 = 40;
}

/// Something the strategy is told.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Order(OrderEvent),
    Close(PositionClose),
}

#[derive(Debug)]
pub(super) enum Intent {
    Order(Working),
    Signal { id: OrderId, series: u32, signal: Signal },
    Modify { id: OrderId, quantity: f64, price: f64 },
    Cancel(OrderId),
    CancelAll(usize),
}

/// What binds an order to others or to the position; 0 = none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Links {
    pub(super) close_position: bool,
    /// The entry whose fill wakes it.
    pub(super) parent: OrderId,
    /// The order that ends with it.
    pub(super) sibling: OrderId,
}

#[derive(Clone, Debug)]
pub(super) struct Working {
    pub(super) id: OrderId,
    pub(super) series: u32,
    pub(super) symbol: usize,
    pub(super) order: Order<OrderKind>,
    pub(super) links: Links,
    pub(super) is_target: bool,
    pub(super) decided_at: i64,
    /// When it came to be in the bar that is played.
    pub(super) since: Since,
    /// The best price of a trailing stop, once it trails.
    pub(super) best: Option<f64>,
}

#[derive(Debug)]
pub(super) struct Symbol {
    pub(super) name: String,
    pub(super) position: Position,
    pub(super) mark: f64,
    /// The shortest series: its bars fill orders.
    pub(super) fill_series: u32,
}

/// What an account starts with and pays.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) balance: f64,
    pub(super) leverage: f64,
    pub(super) fee: f64,
    pub(super) lot: f64,
    pub(super) stake: Option<f64>,
}

/// What a new version must not move before it has its state.
#[derive(Debug)]
pub(super) struct Before {
    timers: BTreeMap<u32, i64>,
    last_id: OrderId,
    random: u64,
}

/// See the module's documentation. What happens to orders is in `exchange`.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(super) series: Vec<Series>,
    pub(super) symbol_of: Vec<usize>,
    pub(super) symbols: Vec<Symbol>,
    pub(super) history: Vec<Vec<Bar>>,
    pub(super) cash: f64,
    pub(super) leverage: f64,
    pub(super) fee: f64,
    /// Share of the equity that a signal stakes; without one signals are refused.
    pub(super) stake: Option<f64>,
    pub(super) now: i64,
    pub(super) accepting: bool,
    pub(super) last_id: OrderId,
    pub(super) intents: Vec<Intent>,
    pub(super) working: Vec<Working>,
    pub(super) events: VecDeque<Event>,
    pub(super) timers: BTreeMap<u32, i64>,
    pub(super) bank: Bank,
    pub(super) random: u64,
    /// Behind a cell, so that a message may ask the host for its numbers.
    pub(super) logs: RefCell<Vec<LogLine>>,
    pub(super) run: TapeRun,
}

// What the tape does.
impl Desk {
    pub(super) fn new(series: &[Series], terms: &Terms) -> Self {
        let mut symbols: Vec<Symbol> = Vec::new();
        let mut symbol_of = Vec::new();
        for one in series {
            let known = symbols.iter().position(|symbol| symbol.name == one.symbol);
            let symbol = known.unwrap_or_else(|| {
                symbols.push(Symbol {
                    name: one.symbol.clone(),
                    position: Position::default(),
                    mark: f64::NAN,
                    fill_series: one.id,
                });
                symbols.len() - 1
            });
            if one.timeframe_ns < series[symbols[symbol].fill_series as usize].timeframe_ns {
                symbols[symbol].fill_series = one.id;
            }
            symbol_of.push(symbol);
        }
        Self {
            symbol_of,
            symbols,
            history: vec![Vec::new(); series.len()],
            cash: terms.balance,
            leverage: terms.leverage,
            fee: terms.fee,
            stake: terms.stake,
            now: 0,
            accepting: false,
            last_id: 0,
            intents: Vec::new(),
            working: Vec::new(),
            events: VecDeque::new(),
            timers: BTreeMap::new(),
            bank: Bank::new(series.len()),
            random: 42,
            logs: RefCell::default(),
            run: TapeRun::default(),
            series: series.to_vec(),
        }
    }

    pub(super) fn accept_orders(&mut self) {
        self.accepting = true;
    }

    pub(super) fn refuse_orders(&mut self) {
        self.accepting = false;
    }

    /// What a new version must not move.
    pub(super) fn before(&self) -> Before {
        Before { timers: self.timers.clone(), last_id: self.last_id, random: self.random }
    }

    /// Forgets what was asked for since, as the host does with what `new` asks for in a swap.
    pub(super) fn forget_since(&mut self, before: Before) {
        self.intents.clear();
        (self.timers, self.last_id, self.random) = (before.timers, before.last_id, before.random);
    }

    /// Moves time to `now`: working orders meet the bars that close then, prices and indicators follow.
    pub(super) fn advance(&mut self, now: i64, bars: &[(u32, Bar)]) {
        self.now = now;
        for (series, bar) in bars {
            let symbol = self.symbol_of[*series as usize];
            if self.symbols[symbol].fill_series == *series {
                self.match_orders(symbol, bar, bar.ts - self.series[*series as usize].timeframe_ns);
                self.symbols[symbol].mark = bar.close;
            }
        }
        for (series, bar) in bars {
            self.history[*series as usize].push(*bar);
            let Bar { ts, open, high, low, close, volume } = *bar;
            self.bank.update(*series as usize, &Ohlcv { ts, open, high, low, close, volume });
        }
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Takes a timer that is due.
    pub(super) fn due_timer(&mut self) -> Option<u32> {
        let id = *self.timers.iter().find(|(_, at)| **at <= self.now)?.0;
        self.timers.remove(&id);
        Some(id)
    }

    pub(super) fn into_run(mut self) -> TapeRun {
        self.run.logs = self.logs.take();
        self.run.equity = self.equity();
        self.run.positions =
            self.symbols.iter().map(|symbol| (symbol.name.clone(), symbol.position.quantity)).collect();
        self.run
    }
}

/// The orders of a bracket whose entry has `id`: stop and target have the two ids that follow.
pub(super) fn bracket_orders(id: OrderId, bracket: &Bracket) -> Vec<(OrderId, Order<OrderKind>, Links)> {
    let Bracket { side, quantity, entry, stop, target, source } = *bracket;
    let (stop_id, target_id) = (id + 1, id + 2);
    let exit = |kind: OrderKind| {
        let kind = kind.source(source);
        Order { side: side.opposite(), quantity, kind, reduce_only: true }
    };
    let child = |sibling| Links { parent: id, sibling, ..Links::default() };
    let kind = entry.map_or(OrderKind::Market, OrderKind::limit);
    let of_stop = if target.is_some() { target_id } else { 0 };
    let mut orders = vec![
        (id, Order { side, quantity, kind, reduce_only: false }, Links::default()),
        (stop_id, exit(OrderKind::stop(stop)), child(of_stop)),
    ];
    orders.extend(target.map(|target| (target_id, exit(OrderKind::take_profit(target)), child(stop_id))));
    orders
}

// What the strategy does: the methods of the contract's imports.
impl Desk {
    /// Goes on to the next bar. A tape has no pages that could end.
    #[allow(clippy::unused_self, reason = "the same method as that of a plugin, which has a page")]
    pub(crate) fn pass(&mut self) -> bool {
        false
    }
}

impl Desk {
    pub(crate) fn target_position(&mut self, series: u32, quantity: f64) -> OrderId {
        let symbol = self.symbol_of[series as usize];
        self.intents.retain(|intent| {
            !matches!(intent, Intent::Order(working) if working.is_target && working.symbol == symbol)
        });
        let unsent = self.intents.iter().filter_map(|intent| match intent {
            Intent::Order(working) => Some(working),
            _ => None,
        });
        let under_way: f64 = self
            .working
            .iter()
            .chain(unsent)
            .filter(|order| order.symbol == symbol)
            .map(Working::market_quantity)
            .sum();
        let delta = quantity - (self.symbols[symbol].position.quantity + under_way);
        if delta.abs() < self.series[series as usize].lot * (1.0 - 1e-9) {
            return 0;
        }
        let side = if delta > 0.0 { Side::Buy } else { Side::Sell };
        let id = self.next_id();
        self.place(id, series, Order::market(side, delta.abs()).into(), Links::default(), true);
        id
    }

    pub(crate) fn submit(&mut self, series: u32, order: &Order) -> OrderId {
        self.submit_any(series, &Order::from(*order))
    }

    pub(crate) fn submit_any(&mut self, series: u32, order: &Order<OrderKind>) -> OrderId {
        let id = self.next_id();
        self.place(id, series, *order, Links::default(), false);
        id
    }

    pub(crate) fn close_position(&mut self, series: u32, close: &ClosePosition) -> OrderId {
        let kind = match close.exit {
            Exit::Stop => OrderKind::stop(close.trigger),
            Exit::TakeProfit => OrderKind::take_profit(close.trigger),
        };
        let order =
            Order { side: close.side, quantity: 0.0, kind: kind.source(close.source), reduce_only: false };
        let id = self.next_id();
        self.place(id, series, order, Links { close_position: true, ..Links::default() }, false);
        id
    }

    pub(crate) fn submit_bracket(&mut self, series: u32, bracket: &Bracket) -> OrderId {
        let (id, _, _) = (self.next_id(), self.next_id(), self.next_id());
        for (id, order, links) in bracket_orders(id, bracket) {
            self.place(id, series, order, links, false);
        }
        id
    }

    pub(crate) fn submit_pair(&mut self, series: u32, pair: &Pair) -> OrderId {
        let Pair { side, quantity, first, second, reduce_only } = *pair;
        let ids = [self.next_id(), self.next_id()];
        for (id, kind, sibling) in [(ids[0], first, ids[1]), (ids[1], second, ids[0])] {
            let links = Links { sibling, ..Links::default() };
            self.place(id, series, Order { side, quantity, kind, reduce_only }, links, false);
        }
        ids[0]
    }

    pub(crate) fn signal(&mut self, series: u32, signal: &Signal) -> OrderId {
        let (id, _, _) = (self.next_id(), self.next_id(), self.next_id());
        self.intents.push(Intent::Signal { id, series, signal: *signal });
        id
    }

    fn next_id(&mut self) -> OrderId {
        self.last_id += 1;
        self.last_id
    }

    fn place(&mut self, id: OrderId, series: u32, order: Order<OrderKind>, links: Links, is_target: bool) {
        let working = self.working(id, series, order, links, is_target);
        self.intents.push(Intent::Order(working));
    }

    /// An order as it is decided now.
    pub(super) fn working(
        &self,
        id: OrderId,
        series: u32,
        order: Order<OrderKind>,
        links: Links,
        is_target: bool,
    ) -> Working {
        let (symbol, decided_at) = (self.symbol_of[series as usize], self.now);
        let (since, best) = (Since::Open, None);
        Working { id, series, symbol, order, links, is_target, decided_at, since, best }
    }

    pub(crate) fn modify(&mut self, id: OrderId, quantity: f64, price: f64) {
        self.intents.push(Intent::Modify { id, quantity, price });
    }

    pub(crate) fn cancel(&mut self, id: OrderId) {
        self.intents.push(Intent::Cancel(id));
    }

    pub(crate) fn cancel_all(&mut self, series: u32) {
        self.intents.push(Intent::CancelAll(self.symbol_of[series as usize]));
    }

    fn position_of(&self, series: u32) -> &Position {
        &self.symbols[self.symbol_of[series as usize]].position
    }

    pub(crate) fn position(&self, series: u32) -> f64 {
        self.position_of(series).quantity
    }

    pub(crate) fn average_price(&self, series: u32) -> f64 {
        self.position_of(series).average_price
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        let held = self.symbols.iter().filter(|symbol| symbol.position.quantity != 0.0);
        held.map(|symbol| symbol.position.quantity * symbol.mark)
    }

    pub(crate) fn equity(&self) -> f64 {
        self.cash + self.values().sum::<f64>()
    }

    pub(crate) fn available_margin(&self) -> f64 {
        self.equity() - self.values().map(f64::abs).sum::<f64>() / self.leverage
    }

    pub(crate) fn close(&self, series: u32, n: u32) -> f64 {
        self.bar(series, n).map_or(f64::NAN, |bar| bar.close)
    }

    pub(crate) fn bar(&self, series: u32, n: u32) -> Option<Bar> {
        self.history[series as usize].iter().nth_back(n as usize).copied()
    }

    pub(crate) fn bars(&self, series: u32) -> u32 {
        self.history[series as usize].len() as u32
    }

    pub(crate) fn window(&self, series: u32, column: Column, n: u32) -> Vec<f64> {
        let bars = &self.history[series as usize];
        let newest = &bars[bars.len().saturating_sub(n as usize)..];
        let value = |bar: &Bar| match column {
            Column::Ts => bar.ts as f64,
            Column::Open => bar.open,
            Column::High => bar.high,
            Column::Low => bar.low,
            Column::Close => bar.close,
            Column::Volume => bar.volume,
        };
        newest.iter().map(value).collect()
    }

    pub(crate) fn create_indicator(
        &mut self,
        series: u32,
        kind: &str,
        params: &[(&str, f64)],
    ) -> Result<u32, String> {
        let params: Vec<(String, f64)> =
            params.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        self.bank.create(kind, series as usize, &params).map_err(|error| error.to_string())
    }

    pub(crate) fn indicator_value(&self, handle: u32, output: u32, n: u32) -> f64 {
        self.bank.value(handle, output, n)
    }

    pub(crate) fn subscribe(
        &mut self,
        series: u32,
        query: &FeatureQuery,
    ) -> Result<(u32, Vec<FeatureColumn>), String> {
        let bar_ns = self.series[series as usize].timeframe_ns;
        let lengths = Lengths { bar_ns, higher_ns: query.timeframe_ns };
        let nothing_given = |columns: &[ColumnSpec]| {
            let name = columns.first().map_or("", |column| column.name.as_str());
            Err(CreateError(format!("feature `{name}` is not computed from bars; a tape has only bars")))
        };
        let made = wanted_columns(&query.wanted, query.timeframe_ns.unwrap_or(bar_ns)).and_then(|columns| {
            self.bank.subscribe(&columns, series as usize, lengths, std::iter::empty, nothing_given)
        });
        let handle = made.map_err(|error| error.to_string())?;
        Ok((handle, self.bank.feature_columns(handle).to_vec()))
    }

    pub(crate) fn feature(&self, handle: u32, column: u32, _place: &FeatureColumn, n: u32) -> f64 {
        self.bank.feature(handle, column, n)
    }

    pub(crate) fn feature_values(&self, handle: u32, columns: &[FeatureColumn]) -> Vec<f64> {
        (0..columns.len() as u32).map(|column| self.bank.feature(handle, column, 0)).collect()
    }

    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    /// Numbers of a Weyl sequence through a mixing function: different and repeatable, no more is needed here.
    pub(crate) fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn set_timer(&mut self, id: u32, at: i64) {
        self.timers.insert(id, at);
    }

    pub(crate) fn cancel_timer(&mut self, id: u32) {
        self.timers.remove(&id);
    }

    #[expect(clippy::unused_self, reason = "the same methods as the plugin's imports")]
    pub(crate) fn log_enabled(&self, level: Level) -> bool {
        !matches!(level, Level::Trace)
    }

    pub(crate) fn log(&self, level: Level, message: &str) {
        self.logs.borrow_mut().push(LogLine { ts: self.now, level, message: message.to_owned() });
    }
}
