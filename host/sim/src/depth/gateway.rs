//! The way to the exchange and back.

use std::collections::VecDeque;

use cryptobot_model::{Amendment, DepthEvent, OrderId, OrderRequest, Timestamp};

use super::exchange::Exchange;
use crate::book::Report;

/// How long messages travel, ns. Models may be random as long as they are seeded.
pub trait LatencyModel {
    /// From a decision to the arrival at the exchange.
    fn entry_ns(&mut self, decided_at: Timestamp) -> i64;
    /// From what happened at the exchange to its owner's knowing of it.
    fn response_ns(&mut self, happened_at: Timestamp) -> i64;
}

/// The same latencies at all times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConstantLatency {
    /// To the exchange, ns.
    pub entry_ns: i64,
    /// Back, ns.
    pub response_ns: i64,
}

impl LatencyModel for ConstantLatency {
    fn entry_ns(&mut self, _: Timestamp) -> i64 {
        self.entry_ns
    }

    fn response_ns(&mut self, _: Timestamp) -> i64 {
        self.response_ns
    }
}

/// An exchange at a distance. Messages go over one connection each way: they do not overtake each other.
#[derive(Clone, Debug)]
pub struct Gateway<L> {
    exchange: Exchange,
    latency: L,
    last_arrival: Timestamp,
    last_receipt: Timestamp,
    fresh: Vec<Report>,
    returning: VecDeque<Report>,
}

impl<L: LatencyModel> Gateway<L> {
    /// A connection to an exchange.
    pub const fn new(exchange: Exchange, latency: L) -> Self {
        Self {
            exchange,
            latency,
            last_arrival: Timestamp(i64::MIN),
            last_receipt: Timestamp(i64::MIN),
            fresh: Vec::new(),
            returning: VecDeque::new(),
        }
    }

    /// The exchange as it is now, which its users do not know yet.
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Sends an order. Returns when it arrives.
    pub fn submit(&mut self, order: OrderRequest) -> Timestamp {
        let arrives_at = self.arrival(order.decided_at);
        self.exchange.submit(order, arrives_at);
        arrives_at
    }

    /// Sends a cancel. Returns when it arrives.
    pub fn cancel(&mut self, id: OrderId, decided_at: Timestamp) -> Timestamp {
        let arrives_at = self.arrival(decided_at);
        self.exchange.cancel(id, arrives_at);
        arrives_at
    }

    /// Sends new numbers for an order. Returns when they arrive.
    pub fn modify(&mut self, amendment: Amendment) -> Timestamp {
        let arrives_at = self.arrival(amendment.decided_at);
        self.exchange.modify(amendment, arrives_at);
        arrives_at
    }

    /// The exchange handles a market event, at the exchange's time.
    #[inline]
    pub fn on_event(&mut self, ts: Timestamp, event: &DepthEvent) {
        self.exchange.on_event(ts, event, &mut self.fresh);
        if !self.fresh.is_empty() {
            self.send_back();
        }
    }

    /// The exchange handles what arrived before `ts`.
    pub fn advance(&mut self, ts: Timestamp) {
        self.exchange.advance(ts, &mut self.fresh);
        self.send_back();
    }

    /// The next report that is known by `now`.
    #[inline]
    pub fn receive(&mut self, now: Timestamp) -> Option<Report> {
        match self.returning.front() {
            Some(report) if report.arrives_at <= now => self.returning.pop_front(),
            _ => None,
        }
    }

    fn arrival(&mut self, decided_at: Timestamp) -> Timestamp {
        let arrives_at = decided_at.plus(self.latency.entry_ns(decided_at).max(0));
        self.last_arrival = arrives_at.max(self.last_arrival);
        self.last_arrival
    }

    fn send_back(&mut self) {
        for report in self.fresh.drain(..) {
            let happened_at = report.event.ts;
            let received_at = happened_at.plus(self.latency.response_ns(happened_at).max(0));
            self.last_receipt = received_at.max(self.last_receipt);
            self.returning.push_back(Report { arrives_at: self.last_receipt, ..report });
        }
    }
}
