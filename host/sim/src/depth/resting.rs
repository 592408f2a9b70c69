//! Our own orders that rest in the book, by price and time.

use cryptobot_model::{OrderId, OrderRequest, Side, TimeInForce, Timestamp};

use super::queue::QueuePosition;

/// An order at the exchange, in whole ticks and lots.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    pub(super) order: OrderRequest,
    /// Limit price; `None` for market orders, which never rest.
    pub(super) limit: Option<(i64, TimeInForce)>,
    /// What is left to fill.
    pub(super) lots: i64,
}

/// An order with its place in the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resting {
    pub(super) own: Own,
    pub(super) tick: i64,
    pub(super) position: QueuePosition,
    /// Lots before it when it joined its level.
    pub(super) joined: f64,
    /// The market reached it when it had nothing to reduce.
    pub(super) idle: bool,
}

impl Resting {
    /// When it expires by itself.
    const fn expiry(&self) -> Option<Timestamp> {
        match self.own.limit {
            Some((_, TimeInForce::Gtd(until))) => Some(until),
            _ => None,
        }
    }
}

/// The resting orders of one side: best price first, then first come.
#[derive(Clone, Debug)]
pub(super) struct RestingSide {
    side: Side,
    orders: Vec<Resting>,
    /// Earliest time at which one of them expires.
    next_expiry: Timestamp,
}

impl RestingSide {
    pub(super) const fn new(side: Side) -> Self {
        Self { side, orders: Vec::new(), next_expiry: Timestamp(i64::MAX) }
    }

    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Resting> {
        self.orders.iter()
    }

    pub(super) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Resting> {
        self.orders.iter_mut()
    }

    pub(super) fn best(&self) -> Option<i64> {
        self.orders.first().map(|order| order.tick)
    }

    /// Puts an order behind all others of its price.
    pub(super) fn insert(&mut self, order: Resting) {
        let behind = |other: &Resting| !is_better(self.side, order.tick, other.tick);
        let at = self.orders.partition_point(behind);
        self.orders.insert(at, order);
        self.note_expiry();
    }

    pub(super) fn remove(&mut self, id: OrderId) -> Option<Resting> {
        let at = self.orders.iter().position(|order| order.own.order.id == id)?;
        let order = self.orders.remove(at);
        self.note_expiry();
        Some(order)
    }

    /// Drops what is filled; returns, taken out, what had nothing to reduce.
    pub(super) fn sweep(&mut self) -> Vec<Resting> {
        self.orders.retain(|order| order.own.lots > 0);
        let idle = self.orders.extract_if(.., |order| order.idle).collect();
        self.note_expiry();
        idle
    }

    /// Takes out an order whose time has come, with that time.
    #[inline]
    pub(super) fn expired(&mut self, now: Timestamp) -> Option<(Timestamp, Own)> {
        if now < self.next_expiry {
            return None;
        }
        let until = self.next_expiry;
        let at = self.orders.iter().position(|order| order.expiry() == Some(until))?;
        let order = self.orders.remove(at);
        self.note_expiry();
        Some((until, order.own))
    }

    fn note_expiry(&mut self) {
        let earliest = self.orders.iter().filter_map(Resting::expiry).min();
        self.next_expiry = earliest.unwrap_or(Timestamp(i64::MAX));
    }
}

/// Whether a price on a side comes before another.
pub(super) const fn is_better(side: Side, tick: i64, than: i64) -> bool {
    match side {
        Side::Buy => tick > than,
        Side::Sell => tick < than,
    }
}
