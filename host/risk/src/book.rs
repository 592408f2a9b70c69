//! What the strategies hold and what is under way, as the limits count it.

use cryptobot_model::{
    Fill, InstrumentId, OrderId, OrderKind, OrderRequest, Price, Quantity, Side, StrategyId, Timestamp,
    Trigger,
};

use crate::state::{Closing, OrderRef, Scope};

/// What an order that closes whatever there is stands for: more than any position.
const EVERYTHING: Quantity = Quantity::from_units(i64::MAX as i128);

/// One strategy's business in one instrument.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cell {
    /// Signed position.
    pub(crate) position: Quantity,
    /// Open buy orders that may open or enlarge a position.
    pub(crate) buys: Quantity,
    /// Open sell orders that may.
    pub(crate) sells: Quantity,
    /// Open reduce-only orders.
    exit_buys: Quantity,
    exit_sells: Quantity,
    /// Quantity of the position that came with a stop, and the mean of these stops.
    stopped: f64,
    stop: f64,
    /// When a position was last closed.
    pub(crate) closed_at: Option<Timestamp>,
}

impl Cell {
    /// The position in a side's direction: negative where the side closes it.
    pub(crate) fn held(&self, side: Side) -> Quantity {
        side.signed(self.position)
    }

    /// Open orders of a side that may open or enlarge a position.
    pub(crate) fn open(&self, side: Side) -> Quantity {
        match side {
            Side::Buy => self.buys,
            Side::Sell => self.sells,
        }
    }

    /// The same to be changed, or open orders that only reduce.
    fn open_mut(&mut self, side: Side, reduce_only: bool) -> &mut Quantity {
        match (side, reduce_only) {
            (Side::Buy, false) => &mut self.buys,
            (Side::Sell, false) => &mut self.sells,
            (Side::Buy, true) => &mut self.exit_buys,
            (Side::Sell, true) => &mut self.exit_sells,
        }
    }

    /// Quantity that can be held in a side's direction when all its orders are filled, those that only reduce first:
    /// these leave less of an opposite position for the others to close.
    pub(crate) fn reach(&self, side: Side) -> Quantity {
        let exits = match side {
            Side::Buy => self.exit_buys,
            Side::Sell => self.exit_sells,
        };
        let held = self.held(side);
        let left = if held.signum() < 0 { (held + exits).min(Quantity::ZERO) } else { held };
        left + self.open(side)
    }

    /// Largest absolute position it can come to.
    pub(crate) fn worst(&self) -> f64 {
        self.reach(Side::Buy).max(self.reach(Side::Sell)).to_f64()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.position.is_zero() && self.buys.is_zero() && self.sells.is_zero()
    }
}

/// An order that was approved and is not over.
#[derive(Clone, Copy, Debug)]
struct OpenOrder {
    id: OrderId,
    instrument: InstrumentId,
    side: Side,
    remaining: Quantity,
    /// Price it would trade at, where it states one.
    price: Option<f64>,
    /// Stop of the position that it opens.
    stop: Option<f64>,
    reduce_only: bool,
    /// Trigger, where the order is a stop that protects a position.
    protects_at: Option<f64>,
}

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    instruments: usize,
    cells: Vec<Cell>,
    /// By strategy, in the order of their ids: a list in place is searched and changed faster than a tree while it is short.
    open: Vec<Vec<OpenOrder>>,
}

impl Book {
    pub(crate) fn new(strategies: usize, instruments: usize) -> Self {
        let cells = vec![Cell::default(); strategies * instruments];
        Self { instruments, cells, open: vec![Vec::new(); strategies] }
    }

    pub(crate) fn cell(&self, strategy: StrategyId, instrument: InstrumentId) -> &Cell {
        &self.cells[strategy.index() * self.instruments + instrument.index()]
    }

    fn cell_mut(&mut self, strategy: StrategyId, instrument: InstrumentId) -> &mut Cell {
        &mut self.cells[strategy.index() * self.instruments + instrument.index()]
    }

    /// Whether there is one strategy with one instrument.
    pub(crate) const fn has_one_cell(&self) -> bool {
        self.cells.len() == 1
    }

    /// The cells of a scope with their owners that are not idle.
    pub(crate) fn busy(&self, scope: Scope) -> impl Iterator<Item = (StrategyId, InstrumentId, &Cell)> {
        let rows = self.cells.chunks(self.instruments.max(1)).enumerate();
        rows.flat_map(|(strategy, row)| {
            let cells = row.iter().enumerate();
            cells.map(move |(instrument, cell)| (strategy.into(), instrument.into(), cell))
        })
        .filter(move |(strategy, instrument, cell)| !cell.is_idle() && covers(scope, *strategy, *instrument))
    }

    /// Registers an approved order.
    pub(crate) fn add(&mut self, order: &OrderRequest, stop: Option<f64>) {
        let reduce_only = order.terms.reduce_only || order.terms.close_position;
        let trigger = order.kind.trigger_price().map(Price::to_f64);
        let limit = order.kind.limit().map(|(price, _)| price.to_f64());
        let is_stop = matches!(order.kind.trigger(), Some((Trigger::Stop, _)));
        let open = OpenOrder {
            id: order.id,
            instrument: order.instrument,
            side: order.side,
            remaining: if order.terms.close_position { EVERYTHING } else { order.quantity },
            price: limit.or(trigger),
            stop,
            reduce_only,
            protects_at: trigger.filter(|_| reduce_only && is_stop),
        };
        let list = &mut self.open[order.strategy.index()];
        if list.last().is_none_or(|newest| newest.id < open.id) {
            list.push(open);
        } else {
            match list.binary_search_by_key(&open.id, |order| order.id) {
                Ok(at) => list[at] = open,
                Err(at) => list.insert(at, open),
            }
        }
        *self.cell_mut(order.strategy, open.instrument).open_mut(open.side, reduce_only) += open.remaining;
    }

    /// What is left of an order; nothing ends it. Orders that are not known are passed over.
    pub(crate) fn set_remaining(&mut self, id: OrderId, remaining: Quantity) {
        if let Some((strategy, at)) = self.find(id) {
            self.leave(strategy, at, remaining);
        }
    }

    /// The same for the order at a place of its strategy's list.
    fn leave(&mut self, strategy: StrategyId, at: usize, remaining: Quantity) {
        let list = &mut self.open[strategy.index()];
        let order = &mut list[at];
        let (instrument, side, reduce_only) = (order.instrument, order.side, order.reduce_only);
        let change = remaining - order.remaining;
        order.remaining = remaining;
        if remaining.signum() <= 0 {
            list.remove(at);
        }
        *self.cell_mut(strategy, instrument).open_mut(side, reduce_only) += change;
    }

    /// Whose an open order is, and its place in the list.
    fn find(&self, id: OrderId) -> Option<(StrategyId, usize)> {
        let strategy = id.strategy()?;
        let list = self.open.get(strategy.index())?;
        Some((strategy, list.binary_search_by_key(&id, |order| order.id).ok()?))
    }

    /// Books a fill.
    pub(crate) fn fill(&mut self, fill: &Fill) {
        let mut stop = None;
        if let Some((strategy, at)) = self.find(fill.order) {
            let order = &self.open[strategy.index()][at];
            stop = order.stop;
            let left = order.remaining - fill.quantity;
            self.leave(strategy, at, if left.signum() > 0 { left } else { Quantity::ZERO });
        }
        let cell = self.cell_mut(fill.strategy, fill.instrument);
        let before = cell.position;
        cell.position += fill.side.signed(fill.quantity);
        let after = cell.position;
        let turned = before.signum() * after.signum() <= 0;
        if turned {
            cell.stopped = 0.0;
            if !before.is_zero() {
                cell.closed_at = Some(fill.ts);
            }
        }
        let kept = if turned { 0.0 } else { before.abs().to_f64() };
        let opened = after.abs().to_f64() - kept;
        if let Some(stop) = stop
            && opened > 0.0
        {
            cell.stop = (cell.stop * cell.stopped + stop * opened) / (cell.stopped + opened);
            cell.stopped += opened;
        }
        cell.stopped = cell.stopped.min(after.abs().to_f64());
    }

    /// Replaces a position, as after a reconciliation.
    pub(crate) fn set_position(
        &mut self,
        strategy: StrategyId,
        instrument: InstrumentId,
        position: Quantity,
    ) {
        let cell = self.cell_mut(strategy, instrument);
        cell.stopped = if cell.position.signum() == position.signum() {
            cell.stopped.min(position.abs().to_f64())
        } else {
            0.0
        };
        cell.position = position;
    }

    /// What is lost, from `price` on, when every stop of the cell is hit: protected quantities lose the way to their
    /// stops, the others, and entries under way without a stop, all of their notional.
    pub(crate) fn open_risk(&self, strategy: StrategyId, instrument: InstrumentId, price: f64) -> f64 {
        let cell = self.cell(strategy, instrument);
        let side = if cell.position.signum() < 0 { Side::Sell } else { Side::Buy };
        let mut bare = cell.position.abs().to_f64() - cell.stopped;
        let mut risk = cell.stopped * way(side, price, cell.stop);
        for order in self.of(strategy).filter(|order| order.instrument == instrument) {
            let quantity = order.remaining.to_f64();
            if let Some(trigger) = order.protects_at.filter(|_| order.side != side) {
                let covered = quantity.min(bare);
                bare -= covered;
                risk += covered * way(side, price, trigger);
            } else if !order.reduce_only {
                let entry = order.price.unwrap_or(price);
                risk += quantity * order.stop.map_or(entry, |stop| way(order.side, entry, stop));
            }
        }
        risk + bare * price
    }

    /// Open entry orders of a scope.
    pub(crate) fn entries(&self, scope: Scope) -> Vec<OrderRef> {
        self.refs(scope, |order| !order.reduce_only)
    }

    /// All open orders of a scope.
    pub(crate) fn orders(&self, scope: Scope) -> Vec<OrderRef> {
        self.refs(scope, |_| true)
    }

    fn refs(&self, scope: Scope, wanted: fn(&OpenOrder) -> bool) -> Vec<OrderRef> {
        self.all_open(scope)
            .filter(|(_, order)| wanted(order))
            .map(|(strategy, order)| OrderRef { id: order.id, strategy, instrument: order.instrument })
            .collect()
    }

    /// Number of open entry orders of a scope.
    pub(crate) fn entry_count(&self, scope: Scope) -> usize {
        self.all_open(scope).filter(|(_, order)| !order.reduce_only).count()
    }

    /// How many orders are open, of all kinds and strategies.
    pub(crate) fn open_count(&self) -> usize {
        self.open.iter().map(Vec::len).sum()
    }

    /// All open orders of a scope with their owners, in the order of their ids.
    fn all_open(&self, scope: Scope) -> impl Iterator<Item = (StrategyId, &OpenOrder)> {
        let lists = self.open.iter().enumerate().map(|(index, list)| (StrategyId::from(index), list));
        lists
            .flat_map(|(strategy, list)| list.iter().map(move |order| (strategy, order)))
            .filter(move |(strategy, order)| covers(scope, *strategy, order.instrument))
    }

    /// What closes the positions of a scope.
    pub(crate) fn closings(&self, scope: Scope) -> Vec<Closing> {
        let held = self.busy(scope).filter(|(.., cell)| !cell.position.is_zero());
        held.map(|(strategy, instrument, cell)| Closing {
            strategy,
            instrument,
            side: if cell.position.signum() > 0 { Side::Sell } else { Side::Buy },
            quantity: cell.position.abs(),
        })
        .collect()
    }

    fn of(&self, strategy: StrategyId) -> impl Iterator<Item = &OpenOrder> {
        self.open.get(strategy.index()).into_iter().flatten()
    }
}

fn covers(scope: Scope, strategy: StrategyId, instrument: InstrumentId) -> bool {
    match scope {
        Scope::Portfolio => true,
        Scope::Strategy(only) => only == strategy,
        Scope::Instrument(only) => only == instrument,
    }
}

/// Adverse way from a price to a stop of a position on `side`; none where the stop lies in the profit.
pub(crate) fn way(side: Side, price: f64, stop: f64) -> f64 {
    (side.sign() * (price - stop)).max(0.0)
}

/// The price at which an order would trade, where it states one: its limit, else its trigger.
pub(crate) fn stated_price(kind: &OrderKind<Price>) -> Option<f64> {
    kind.limit().map(|(price, _)| price).or(kind.trigger_price()).map(Price::to_f64)
}
