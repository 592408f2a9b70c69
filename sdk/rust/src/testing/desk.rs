//! What stands behind the [`Host`](crate::Host) on a tape: an account, working orders, timers and indicators.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use cryptobot_indicators::Bank;

use super::account::Position;
use super::matching::{Outcome, outcome};
use super::record::{Fill, LogLine, Placed, TapeRun};
use crate::{
    Bar, Column, Level, Order, OrderEvent, OrderEventKind, OrderId, OrderKind, PositionClose, Series, Side,
    Tif,
};

/// Refusal reasons of the contract.
mod reason {
    pub(super) const INVALID_ARGUMENT: u32 = 1;
    pub(super) const BELOW_MINIMUM: u32 = 2;
    pub(super) const INSUFFICIENT_MARGIN: u32 = 3;
    pub(super) const NOTHING_TO_REDUCE: u32 = 4;
    pub(super) const WOULD_TAKE: u32 = 6;
    pub(super) const NOT_FILLABLE: u32 = 7;
    pub(super) const NOT_ACCEPTING: u32 = 8;
}

/// Something the strategy is told.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Order(OrderEvent),
    Close(PositionClose),
}

#[derive(Debug)]
enum Intent {
    Order(Working),
    Cancel(OrderId),
    CancelAll(usize),
}

#[derive(Clone, Debug)]
struct Working {
    id: OrderId,
    series: u32,
    symbol: usize,
    order: Order,
    is_target: bool,
    decided_at: i64,
}

#[derive(Debug)]
struct Symbol {
    name: String,
    position: Position,
    mark: f64,
    /// The shortest series: its bars fill orders.
    fill_series: u32,
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Desk {
    series: Vec<Series>,
    symbol_of: Vec<usize>,
    symbols: Vec<Symbol>,
    history: Vec<Vec<Bar>>,
    cash: f64,
    leverage: f64,
    fee: f64,
    now: i64,
    accepting: bool,
    last_id: OrderId,
    intents: Vec<Intent>,
    working: Vec<Working>,
    events: VecDeque<Event>,
    timers: BTreeMap<u32, i64>,
    bank: Bank,
    random: u64,
    /// Behind a cell, so that a message may ask the host for its numbers.
    logs: RefCell<Vec<LogLine>>,
    run: TapeRun,
}

// What the tape does.
impl Desk {
    pub(super) fn new(series: &[Series], balance: f64, leverage: f64, fee: f64) -> Self {
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
            cash: balance,
            leverage,
            fee,
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
            self.bank.update(*series as usize, bar.open, bar.high, bar.low, bar.close, bar.volume);
        }
    }

    fn match_orders(&mut self, symbol: usize, bar: &Bar, opened_at: i64) {
        let (mut meets, rest): (Vec<Working>, Vec<Working>) = std::mem::take(&mut self.working)
            .into_iter()
            .partition(|working| working.symbol == symbol && working.decided_at <= opened_at);
        self.working = rest;
        // Market orders trade at the open, stops before limits: the less pleasant order of things.
        meets.sort_by_key(|working| match working.order.kind {
            OrderKind::Market => 0,
            OrderKind::Stop { .. } => 1,
            OrderKind::Limit { .. } => 2,
        });
        for working in meets {
            match outcome(working.order.side, working.order.kind, bar) {
                Outcome::Rests => self.working.push(working),
                Outcome::Ends => self.report(&working, OrderEventKind::Expired, reason::NOT_FILLABLE),
                Outcome::Trades(price) => self.fill(&working, price),
            }
        }
        self.working.sort_by_key(|working| working.id);
    }

    fn fill(&mut self, working: &Working, price: f64) {
        let side = working.order.side;
        let position = &mut self.symbols[working.symbol].position;
        let mut quantity = working.order.quantity;
        if working.order.reduce_only {
            quantity = quantity.min((-side.sign() * position.quantity).max(0.0));
        }
        if quantity == 0.0 {
            self.report(working, OrderEventKind::Expired, reason::NOTHING_TO_REDUCE);
            return;
        }
        let fee = quantity * price * self.fee;
        self.cash -= side.sign() * quantity * price + fee;
        let closed = position.apply((self.now, working.series), side, quantity, price, fee);
        if matches!(working.order.kind, OrderKind::Stop { .. }) {
            self.report(working, OrderEventKind::Triggered, 0);
        }
        let symbol = self.symbols[working.symbol].name.clone();
        self.run.fills.push(Fill { ts: self.now, symbol, id: working.id, side, quantity, price });
        let event = OrderEvent {
            price,
            quantity,
            remaining: 0.0,
            fee,
            maker: matches!(working.order.kind, OrderKind::Limit { .. }),
            ..self.event(working, OrderEventKind::Filled, 0)
        };
        self.push(event);
        if let Some(close) = closed {
            self.run.closed.push(close);
            self.events.push_back(Event::Close(close));
        }
    }

    /// Checks what the last callback asked for and makes it work.
    pub(super) fn process_intents(&mut self) {
        for intent in std::mem::take(&mut self.intents) {
            match intent {
                Intent::Order(mut working) => {
                    self.run.orders.push(Placed {
                        ts: self.now,
                        symbol: self.symbols[working.symbol].name.clone(),
                        id: working.id,
                        order: working.order,
                        target: working.is_target.then(|| self.target_of(&working)),
                    });
                    match self.check(&working) {
                        Ok(quantity) => {
                            working.order.quantity = quantity;
                            self.report(&working, OrderEventKind::Submitted, 0);
                            self.report(&working, OrderEventKind::Accepted, 0);
                            self.working.push(working);
                        }
                        Err(reason) => self.report(&working, OrderEventKind::Rejected, reason),
                    }
                }
                Intent::Cancel(id) => self.cancel_where(|working| working.id == id),
                Intent::CancelAll(symbol) => self.cancel_where(|working| working.symbol == symbol),
            }
        }
    }

    /// The position a target order leads to.
    fn target_of(&self, working: &Working) -> f64 {
        let symbol = working.symbol;
        let working_orders = self.working.iter().filter(|other| other.symbol == symbol).map(market_quantity);
        self.symbols[symbol].position.quantity + working_orders.sum::<f64>() + market_quantity(working)
    }

    /// The quantity on the lot, or why the order is refused.
    fn check(&self, working: &Working) -> Result<f64, u32> {
        let Order { side, quantity, kind, reduce_only } = working.order;
        let symbol = &self.symbols[working.symbol];
        let price = match kind {
            OrderKind::Market => symbol.mark,
            OrderKind::Limit { price, .. } => price,
            OrderKind::Stop { trigger, .. } => trigger,
        };
        if !self.accepting {
            return Err(reason::NOT_ACCEPTING);
        }
        if !(quantity >= 0.0 && quantity.is_finite() && price > 0.0 && price.is_finite()) {
            return Err(reason::INVALID_ARGUMENT);
        }
        let lot = self.series[working.series as usize].lot;
        let quantity = round_to_lot(quantity, lot);
        if let OrderKind::Limit { price, tif: Tif::Gtx } = kind
            && side.sign() * (price - symbol.mark) >= 0.0
        {
            return Err(reason::WOULD_TAKE);
        }
        if quantity == 0.0 {
            return Err(reason::BELOW_MINIMUM);
        }
        let position = symbol.position.quantity;
        if reduce_only {
            let waits = matches!(kind, OrderKind::Stop { .. });
            let reduces = position * side.sign() < 0.0;
            return if waits || reduces { Ok(quantity) } else { Err(reason::NOTHING_TO_REDUCE) };
        }
        let open: f64 = self
            .working
            .iter()
            .filter(|other| {
                other.symbol == working.symbol && other.order.side == side && !other.order.reduce_only
            })
            .map(|other| side.sign() * other.order.quantity)
            .sum();
        let after = (position + open + side.sign() * quantity).abs();
        let others: f64 = self
            .symbols
            .iter()
            .enumerate()
            .filter(|(index, other)| *index != working.symbol && other.position.quantity != 0.0)
            .map(|(_, other)| (other.position.quantity * other.mark).abs())
            .sum();
        let fits = after * price + others <= self.equity() * self.leverage * (1.0 + 1e-9);
        if fits || after <= position.abs() { Ok(quantity) } else { Err(reason::INSUFFICIENT_MARGIN) }
    }

    fn cancel_where(&mut self, which: impl Fn(&Working) -> bool) {
        let (cancelled, kept) = std::mem::take(&mut self.working).into_iter().partition(which);
        self.working = kept;
        let cancelled: Vec<Working> = cancelled;
        for working in cancelled {
            self.report(&working, OrderEventKind::Cancelled, 0);
        }
    }

    fn event(&self, working: &Working, kind: OrderEventKind, reason: u32) -> OrderEvent {
        OrderEvent {
            ts: self.now,
            series: working.series,
            id: working.id,
            kind,
            side: working.order.side,
            price: 0.0,
            quantity: 0.0,
            remaining: working.order.quantity,
            fee: 0.0,
            maker: false,
            reason,
        }
    }

    fn report(&mut self, working: &Working, kind: OrderEventKind, reason: u32) {
        let event = self.event(working, kind, reason);
        self.push(event);
    }

    fn push(&mut self, event: OrderEvent) {
        self.run.events.push(event);
        self.events.push_back(Event::Order(event));
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

/// Toward zero, unless a whole number of lots is within 1e-9: the host's rule.
fn round_to_lot(quantity: f64, lot: f64) -> f64 {
    let lots = quantity / lot;
    let nearest = lots.round();
    let snaps = (lots - nearest).abs() <= 1e-9 * lots;
    lot * if snaps { nearest } else { lots.floor() }
}

/// Signed quantity of a market order; what a target counts as already under way.
fn market_quantity(working: &Working) -> f64 {
    match working.order.kind {
        OrderKind::Market => working.order.side.sign() * working.order.quantity,
        OrderKind::Limit { .. } | OrderKind::Stop { .. } => 0.0,
    }
}

// What the strategy does: the methods of the contract's imports.
impl Desk {
    pub(crate) fn target_position(&mut self, series: u32, quantity: f64) -> OrderId {
        let symbol = self.symbol_of[series as usize];
        self.intents.retain(|intent| {
            !matches!(intent, Intent::Order(working) if working.is_target && working.symbol == symbol)
        });
        let unsent = self.intents.iter().filter_map(|intent| match intent {
            Intent::Order(working) => Some(working),
            Intent::Cancel(_) | Intent::CancelAll(_) => None,
        });
        let under_way: f64 = self
            .working
            .iter()
            .chain(unsent)
            .filter(|order| order.symbol == symbol)
            .map(market_quantity)
            .sum();
        let delta = quantity - (self.symbols[symbol].position.quantity + under_way);
        if delta.abs() < self.series[series as usize].lot * (1.0 - 1e-9) {
            return 0;
        }
        let side = if delta > 0.0 { Side::Buy } else { Side::Sell };
        self.place(series, Order::market(side, delta.abs()), true)
    }

    pub(crate) fn submit(&mut self, series: u32, order: &Order) -> OrderId {
        self.place(series, *order, false)
    }

    fn place(&mut self, series: u32, order: Order, is_target: bool) -> OrderId {
        self.last_id += 1;
        let symbol = self.symbol_of[series as usize];
        let (id, decided_at) = (self.last_id, self.now);
        self.intents.push(Intent::Order(Working { id, series, symbol, order, is_target, decided_at }));
        id
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
