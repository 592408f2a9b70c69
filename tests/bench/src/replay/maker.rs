//! A market maker that keeps one bid and one ask at the best prices.

use cryptobot_model::{
    OrderEventKind, OrderId, OrderKind, OrderRequest, OrderTerms, SeriesId, Side, StrategyId, TimeInForce,
    Timestamp,
};
use cryptobot_sim::Report;
use cryptobot_sim::depth::{Book, ConstantLatency, Contract, Gateway};

use super::Trader;

const OWNER: StrategyId = StrategyId(0);

/// A post-only order.
pub(super) fn post_only(
    contract: &Contract,
    number: u64,
    side: Side,
    (tick, lots): (i64, i64),
    now: Timestamp,
) -> OrderRequest {
    OrderRequest {
        id: OrderId::new(OWNER, number),
        strategy: OWNER,
        series: SeriesId(0),
        instrument: contract.instrument,
        side,
        quantity: contract.quantity(lots),
        kind: OrderKind::Limit { price: contract.price(tick), tif: TimeInForce::Gtx },
        terms: OrderTerms::FREE,
        decided_at: now,
    }
}

#[derive(Clone, Copy)]
enum Quote {
    None,
    /// Sent, or a cancel is on its way: wait for the report.
    Pending(OrderId, i64),
    Resting(OrderId, i64),
}

pub(super) struct Maker {
    contract: Contract,
    /// A thousandth of a coin.
    lots: i64,
    quotes: [Quote; 2],
    orders: u64,
    fills: u64,
}

impl Maker {
    pub(super) fn new(contract: Contract) -> Self {
        let lots = (100_000 / contract.lot.units()) as i64;
        Self { contract, lots, quotes: [Quote::None; 2], orders: 0, fills: 0 }
    }

    pub(super) const fn orders(&self) -> u64 {
        self.orders
    }

    pub(super) const fn fills(&self) -> u64 {
        self.fills
    }
}

const fn slot(side: Side) -> usize {
    match side {
        Side::Buy => 0,
        Side::Sell => 1,
    }
}

impl Trader for Maker {
    fn on_report(&mut self, report: &Report) {
        let event = &report.event;
        let quote = &mut self.quotes[slot(event.side)];
        self.fills += u64::from(report.fill.is_some());
        if event.kind.is_final() {
            *quote = Quote::None;
        } else if let (OrderEventKind::Accepted, Quote::Pending(id, tick)) = (event.kind, *quote) {
            *quote = Quote::Resting(id, tick);
        }
    }

    fn on_market(&mut self, now: Timestamp, book: &Book, gateway: &mut Gateway<ConstantLatency>) {
        let (Some(bid), Some(ask)) = (book.best(Side::Buy), book.best(Side::Sell)) else { return };
        if bid.tick >= ask.tick {
            return;
        }
        for (side, best) in [(Side::Buy, bid), (Side::Sell, ask)] {
            match self.quotes[slot(side)] {
                Quote::None => {
                    self.orders += 1;
                    let order = post_only(&self.contract, self.orders, side, (best.tick, self.lots), now);
                    gateway.submit(order);
                    self.quotes[slot(side)] = Quote::Pending(order.id, best.tick);
                }
                Quote::Resting(id, tick) if tick != best.tick => {
                    gateway.cancel(id, now);
                    self.quotes[slot(side)] = Quote::Pending(id, tick);
                }
                Quote::Pending(..) | Quote::Resting(..) => {}
            }
        }
    }
}
