//! One row per order: what was asked for, what the host made of it, and how it ended.

use cryptobot_engine::{Decision, Intent};
use cryptobot_model::{
    Fill, InstrumentId, Liquidity, Money, OrderEvent, OrderEventKind, OrderId, OrderKind, OrderRequest,
    Price, Quantity, RefusalReason, SeriesId, Side, StrategyId, TimeInForce, Timestamp, TriggerSource,
};

/// Prices and kind of an order as text, because an intent's are plain numbers and an approved order's are exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OrderTerms {
    /// `market`, `limit` or `stop-market`.
    pub kind: &'static str,
    /// Limit price.
    pub price: Option<f64>,
    /// Trigger of a stop or take-profit; activation price of a trailing stop.
    pub trigger: Option<f64>,
    /// Which price wakes a stop.
    pub source: Option<TriggerSource>,
    /// How long a limit order lives.
    pub tif: Option<TimeInForce>,
}

impl OrderTerms {
    fn new(kind: &OrderKind<f64>) -> Self {
        let activation = match *kind {
            OrderKind::TrailingStop { activation, .. } => activation,
            _ => None,
        };
        Self {
            kind: kind.name(),
            price: kind.limit().map(|(price, _)| price),
            trigger: kind.trigger_price().or(activation),
            source: kind.trigger().map(|(_, source)| source),
            tif: kind.limit().map(|(_, tif)| tif),
        }
    }
}

/// One order of the run.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderRow {
    /// Its id.
    pub id: OrderId,
    /// Its owner.
    pub strategy: StrategyId,
    /// The owner's series.
    pub series: SeriesId,
    /// What was traded; `None` if the host refused the order.
    pub instrument: Option<InstrumentId>,
    /// Buy or sell.
    pub side: Side,
    /// Kind and prices.
    pub terms: OrderTerms,
    /// May only reduce the position.
    pub reduce_only: bool,
    /// Quantity as the strategy gave it.
    pub requested: f64,
    /// Quantity on the instrument's grid; zero if the host refused the order.
    pub quantity: Quantity,
    /// When the strategy decided.
    pub decided_at: Timestamp,
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
}

impl OrderRow {
    /// Volume-weighted price of the fills.
    pub fn average_price(&self) -> Option<Price> {
        (!self.filled.is_zero()).then(|| Price::average(self.notional, self.filled))
    }
}

/// The orders of a run in the order of their intents, found again by id without hashing: ids of a strategy are
/// numbered from 1.
#[derive(Clone, Debug, Default)]
pub(crate) struct OrderBook {
    rows: Vec<OrderRow>,
    /// Per strategy: position of the row by sequence, plus one; 0 = none.
    positions: Vec<Vec<u32>>,
}

impl OrderBook {
    pub fn new(strategies: usize) -> Self {
        Self { rows: Vec::new(), positions: vec![Vec::new(); strategies] }
    }

    pub fn into_rows(self) -> Vec<OrderRow> {
        self.rows
    }

    fn row(&mut self, id: OrderId) -> Option<&mut OrderRow> {
        let of_strategy = self.positions.get(id.strategy()?.index())?;
        let position = *of_strategy.get(id.sequence() as usize)?;
        self.rows.get_mut((position as usize).checked_sub(1)?)
    }

    pub fn intent(&mut self, ts: Timestamp, strategy: StrategyId, intent: &Intent) {
        let Intent::Order { id, series, side, quantity, kind, terms, .. } = *intent else {
            return;
        };
        let Some(positions) = self.positions.get_mut(strategy.index()) else {
            return;
        };
        let sequence = id.sequence() as usize;
        if positions.len() <= sequence {
            positions.resize(sequence + 1, 0);
        }
        self.rows.push(OrderRow {
            id,
            strategy,
            series,
            instrument: None,
            side,
            terms: OrderTerms::new(&kind),
            reduce_only: terms.reduce_only || terms.close_position,
            requested: quantity,
            quantity: Quantity::ZERO,
            decided_at: ts,
            status: None,
            updated_at: ts,
            reason: None,
            filled: Quantity::ZERO,
            notional: Money::ZERO,
            fees: Money::ZERO,
            taker: false,
        });
        positions[sequence] = self.rows.len() as u32;
    }

    /// Whether the decision let an order of this run through.
    pub fn decision(&mut self, ts: Timestamp, id: OrderId, decision: &Decision) -> bool {
        let Some(row) = self.row(id) else { return false };
        match decision {
            Decision::Approved(request) | Decision::Reduced { order: request, .. } => approve(row, request),
            // A refused cancel names an order that lives on.
            Decision::Refused { reason, .. } if row.status.is_none() && row.instrument.is_none() => {
                row.status = Some(OrderEventKind::Rejected);
                row.reason = Some(*reason);
                row.updated_at = ts;
            }
            Decision::Refused { .. } => {}
        }
        !matches!(decision, Decision::Refused { .. })
    }

    pub fn event(&mut self, event: &OrderEvent) {
        let Some(row) = self.row(event.id) else { return };
        row.status = Some(event.kind);
        row.updated_at = event.ts;
        row.reason = event.reason.or(row.reason);
    }

    pub fn fill(&mut self, fill: &Fill) {
        let Some(row) = self.row(fill.order) else { return };
        row.filled += fill.quantity;
        row.notional += fill.quantity.at(fill.price);
        row.fees += fill.fee;
        row.taker |= fill.liquidity == Liquidity::Taker;
    }
}

fn approve(row: &mut OrderRow, request: &OrderRequest) {
    row.instrument = Some(request.instrument);
    row.quantity = request.quantity;
    let shown = |price: Price| Some(price.to_f64());
    if let Some(kind) = request.kind.try_map(shown, shown) {
        row.terms = OrderTerms::new(&kind);
    }
}
