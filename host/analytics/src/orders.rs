//! One row per order: what was asked for, what the host made of it, and how it ended.

use cryptobot_engine::{Intent, Signal};
use cryptobot_model::{
    Callback, Fill, InstrumentId, Liquidity, Money, OrderEvent, OrderEventKind, OrderId, OrderKind,
    OrderRequest, Price, Quantity, RefusalReason, SeriesId, Side, StrategyId, TimeInForce, Timestamp,
    TriggerSource,
};

use crate::reasons::Verdict;

/// Prices and kind of an order as text, because an intent's are plain numbers and an approved order's are exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OrderTerms {
    /// Kind of the order, such as `market`; `signal` for one that the host was to size and did not.
    pub kind: &'static str,
    /// Limit price.
    pub price: Option<f64>,
    /// Trigger of a stop or take-profit; a trailing stop's moves and is not shown.
    pub trigger: Option<f64>,
    /// Which price wakes a stop.
    pub source: Option<TriggerSource>,
    /// How far behind the best price a trailing stop stays.
    pub callback: Option<Callback<f64>>,
    /// The price whose touch starts a trailing stop.
    pub activation: Option<f64>,
    /// How long a limit order lives.
    pub tif: Option<TimeInForce>,
}

impl OrderTerms {
    /// A signal that has not become an order.
    const SIGNAL: Self = Self {
        kind: "signal",
        price: None,
        trigger: None,
        source: None,
        callback: None,
        activation: None,
        tif: None,
    };

    fn new(kind: &OrderKind<f64>) -> Self {
        let (callback, activation) = match *kind {
            OrderKind::TrailingStop { callback, activation, .. } => (Some(callback), activation),
            _ => (None, None),
        };
        Self {
            kind: kind.name(),
            price: kind.limit().map(|(price, _)| price),
            trigger: kind.trigger_price(),
            source: kind.trigger().map(|(_, source)| source),
            callback,
            activation,
            tif: kind.limit().map(|(_, tif)| tif),
        }
    }
}

/// Who made an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderOrigin {
    /// The strategy.
    Strategy,
    /// The host, of a signal of the strategy: its entry, stop or target.
    Signal,
    /// The host, which closed a position of a strategy that it had stopped.
    AfterFault,
    /// The host, which closed a position at the operator's command.
    Kill,
}

impl OrderOrigin {
    /// The name in tables and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Strategy => "strategy",
            Self::Signal => "signal",
            Self::AfterFault => "after-fault",
            Self::Kill => "kill",
        }
    }

    /// Whether the host placed it without being asked by the strategy.
    pub const fn is_of_host(self) -> bool {
        matches!(self, Self::AfterFault | Self::Kill)
    }
}

/// One order of the run.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderRow {
    /// Its id.
    pub id: OrderId,
    /// Who made it.
    pub origin: OrderOrigin,
    /// Its owner.
    pub strategy: StrategyId,
    /// The owner's series.
    pub series: SeriesId,
    /// What it was for; `None` only for a series that the strategy does not have.
    pub instrument: Option<InstrumentId>,
    /// Buy or sell.
    pub side: Side,
    /// Kind and prices.
    pub terms: OrderTerms,
    /// May only reduce the position.
    pub reduce_only: bool,
    /// Quantity as the strategy gave it; `None` where it left the size to the host.
    pub requested: Option<f64>,
    /// Quantity on the instrument's grid; zero if the host refused the order.
    pub quantity: Quantity,
    /// When the strategy decided.
    pub decided_at: Timestamp,
    /// Whether the host let it through.
    pub sent: bool,
    /// Newest step in its life; `None` while only decided.
    pub status: Option<OrderEventKind>,
    /// When that was.
    pub updated_at: Timestamp,
    /// Why it was refused or expired.
    pub reason: Option<RefusalReason>,
    /// Filled so far.
    pub filled: Quantity,
    /// Σ quantity × price of its fills.
    pub notional: Money,
    /// Fees of its fills.
    pub fees: Money,
    /// Whether a fill was a taker's.
    pub taker: bool,
    /// Limit price, or trigger where it has none, that the strategy asked to change it to.
    amended: Option<f64>,
}

impl OrderRow {
    /// Volume-weighted price of the fills.
    pub fn average_price(&self) -> Option<Price> {
        (!self.filled.is_zero()).then(|| Price::average(self.notional, self.filled))
    }

    /// What the order's venue answers where it refuses an order for the same reason: code and name of its error. `None`
    /// for orders that were not refused, and where the venue has no such refusal.
    pub fn venue_error(&self, venue: &str) -> Option<&'static str> {
        let refused = matches!(self.status, Some(OrderEventKind::Rejected | OrderEventKind::Expired));
        let reason = self.reason.filter(|_| refused)?;
        reason.venue_error(venue, self.side, self.terms.tif)
    }
}

/// The orders of a run in the order of their intents, found again by id without hashing: ids of a strategy are
/// numbered from 1.
#[derive(Clone, Debug, Default)]
pub(crate) struct OrderBook {
    rows: Vec<OrderRow>,
    /// Per strategy: position of the row by sequence, plus one; 0 = none.
    positions: Vec<Vec<u32>>,
    /// Per strategy: the instrument of each series.
    series: Vec<Vec<InstrumentId>>,
    /// The order that the host refused last: its `rejected` event says nothing new.
    refused: OrderId,
    /// The order that the host makes next, to close a position.
    closing: Option<(OrderId, OrderOrigin)>,
}

impl OrderBook {
    pub fn new(series: Vec<Vec<InstrumentId>>) -> Self {
        let positions = vec![Vec::new(); series.len()];
        Self { rows: Vec::new(), positions, series, refused: OrderId::NONE, closing: None }
    }

    pub fn into_rows(self) -> Vec<OrderRow> {
        self.rows
    }

    pub fn row(&mut self, id: OrderId) -> Option<&mut OrderRow> {
        let of_strategy = self.positions.get(id.strategy()?.index())?;
        let position = *of_strategy.get(id.sequence() as usize)?;
        self.rows.get_mut((position as usize).checked_sub(1)?)
    }

    fn instrument(&self, strategy: StrategyId, series: SeriesId) -> Option<InstrumentId> {
        self.series.get(strategy.index())?.get(series.index()).copied()
    }

    /// Adds the row of an order, unless its strategy is none of this run.
    fn add(&mut self, id: OrderId, row: OrderRow) {
        let Some(positions) = id.strategy().and_then(|strategy| self.positions.get_mut(strategy.index()))
        else {
            return;
        };
        let sequence = id.sequence() as usize;
        if positions.len() <= sequence {
            positions.resize(sequence + 1, 0);
        }
        self.rows.push(row);
        positions[sequence] = self.rows.len() as u32;
    }

    pub fn intent(&mut self, ts: Timestamp, strategy: StrategyId, intent: &Intent) {
        let (id, series, side, shape, reduce_only, requested, origin) = match *intent {
            Intent::Order { id, series, side, quantity, kind, terms, .. } => {
                let reduce_only = terms.reduce_only || terms.close_position;
                let shape = OrderTerms::new(&kind);
                (id, series, side, shape, reduce_only, Some(quantity), OrderOrigin::Strategy)
            }
            Intent::Signal(Signal { id, series, side, .. }) => {
                (id, series, side, OrderTerms::SIGNAL, false, None, OrderOrigin::Signal)
            }
            Intent::Modify { id, price, .. } => {
                if let Some(row) = self.row(id) {
                    row.amended = Some(price);
                }
                return;
            }
            Intent::Cancel { .. } | Intent::CancelAll { .. } => return,
        };
        let row = OrderRow {
            instrument: self.instrument(strategy, series),
            terms: shape,
            reduce_only,
            requested,
            origin,
            ..OrderRow::new(id, strategy, series, side, ts)
        };
        self.add(id, row);
    }

    /// The host closes a position by the order that is decided next.
    pub fn closing(&mut self, id: OrderId, origin: OrderOrigin) {
        self.closing = Some((id, origin));
    }

    /// Who made an order that no intent announced.
    fn origin(&mut self, id: OrderId) -> OrderOrigin {
        let closing = self.closing.take().filter(|(closing, _)| *closing == id);
        closing.map_or(OrderOrigin::Signal, |(_, origin)| origin)
    }

    /// An order was let through or refused. Orders that the host made itself, such as those of a signal, have no
    /// intent: their rows begin here.
    pub fn decision(&mut self, ts: Timestamp, id: OrderId, verdict: Verdict<'_>) {
        if let Some(request) = verdict.sent
            && self.row(id).is_none()
        {
            let origin = self.origin(id);
            let row = OrderRow::new(id, request.strategy, request.series, request.side, ts);
            self.add(id, OrderRow { origin, ..row });
        }
        if verdict.sent.is_none() {
            self.refused = id;
        }
        let Some(row) = self.row(id) else { return };
        if let Some(request) = verdict.sent {
            row.approve(request);
        } else if !row.sent {
            // A refused cancel names an order that lives on.
            row.status = Some(OrderEventKind::Rejected);
            row.updated_at = ts;
        } else {
            return;
        }
        row.reason = verdict.reason;
    }

    /// Follows an event. Answers whether its order was with the exchange until then; `None` where the event only
    /// repeats the host's refusal of a new order.
    pub fn event(&mut self, event: &OrderEvent) -> Option<bool> {
        let repeats = event.id.is_some() && std::mem::take(&mut self.refused) == event.id;
        if repeats && self.row(event.id).is_none() {
            // A stop or target of a signal, refused: nothing told of it before.
            let OrderEvent { id, strategy, series, side, ts, .. } = *event;
            let instrument = self.instrument(strategy, series);
            let status = Some(event.kind);
            let reason = event.reason;
            let row = OrderRow::new(id, strategy, series, side, ts);
            let origin = self.origin(id);
            self.add(id, OrderRow { origin, instrument, status, reason, ..row });
        }
        if repeats {
            return None;
        }
        let Some(row) = self.row(event.id).filter(|row| row.sent) else { return Some(false) };
        if row.status.is_some_and(OrderEventKind::is_final) {
            // A cancel that came too late: the order's end stands.
            return Some(false);
        }
        row.follow(event);
        Some(true)
    }

    pub fn fill(&mut self, fill: &Fill) {
        let Some(row) = self.row(fill.order) else { return };
        row.filled += fill.quantity;
        row.notional += fill.quantity.at(fill.price);
        row.fees += fill.fee;
        row.taker |= fill.liquidity == Liquidity::Taker;
    }
}

impl OrderRow {
    /// A row of which nothing but its origin is known.
    fn new(id: OrderId, strategy: StrategyId, series: SeriesId, side: Side, decided_at: Timestamp) -> Self {
        Self {
            id,
            origin: OrderOrigin::Strategy,
            strategy,
            series,
            instrument: None,
            side,
            terms: OrderTerms::SIGNAL,
            reduce_only: false,
            requested: None,
            quantity: Quantity::ZERO,
            decided_at,
            sent: false,
            status: None,
            updated_at: decided_at,
            reason: None,
            filled: Quantity::ZERO,
            notional: Money::ZERO,
            fees: Money::ZERO,
            taker: false,
            amended: None,
        }
    }

    fn approve(&mut self, request: &OrderRequest) {
        self.sent = true;
        self.instrument = Some(request.instrument);
        self.quantity = request.quantity;
        self.reduce_only = request.terms.reduce_only || request.terms.close_position;
        let shown = |price: Price| Some(price.to_f64());
        if let Some(kind) = request.kind.try_map(shown, shown) {
            self.terms = OrderTerms::new(&kind);
        }
    }

    fn follow(&mut self, event: &OrderEvent) {
        if event.kind == OrderEventKind::Modified {
            let price = self.amended.take();
            if event.reason.is_some() {
                // A refused amendment leaves the order as it is.
                return;
            }
            self.quantity = self.filled + event.remaining;
            if self.terms.price.is_some() {
                self.terms.price = price.or(self.terms.price);
            } else if self.terms.trigger.is_some() {
                self.terms.trigger = price.or(self.terms.trigger);
            }
        }
        self.status = Some(event.kind);
        self.updated_at = event.ts;
        self.reason = event.reason.or(self.reason);
    }
}
