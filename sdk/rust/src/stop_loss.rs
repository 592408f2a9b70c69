//! A protective stop that follows its position.

use serde::{Deserialize, Serialize};

use crate::{Host, Order, OrderEvent, OrderId, Series, Side, TriggerSource};

/// A reduce-only stop-market order for the whole position of one series. Part of a strategy's state: give it every
/// order event, set it when an entry fills, clear it before the position is changed.
///
/// ```
/// # use cryptobot_sdk::prelude::*;
/// # struct Example { stop: StopLoss }
/// # impl Example {
/// fn on_order(&mut self, host: &mut Host, series: &Series, event: &OrderEvent) {
///     if self.stop.on_order(event) {
///         return;
///     }
///     if event.kind == OrderEventKind::Filled {
///         self.stop.set(host, series, event.price * 0.95);
///     }
/// }
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StopLoss {
    /// The open order; 0 = none.
    id: OrderId,
    trigger: f64,
    /// The order before, whose cancellation is still to come.
    replaced: OrderId,
}

impl StopLoss {
    /// Protects the position at `trigger` (last price); replaces an earlier stop. Nothing happens without a position.
    pub fn set(&mut self, host: &mut Host, series: &Series, trigger: f64) {
        self.clear(host);
        let position = host.position(series);
        if position != 0.0 {
            let side = if position > 0.0 { Side::Sell } else { Side::Buy };
            let order = Order::stop(side, position.abs(), trigger, TriggerSource::Last).reduce_only();
            self.id = host.submit(series, &order);
            self.trigger = trigger;
        }
    }

    /// Cancels the stop, if there is one.
    pub fn clear(&mut self, host: &mut Host) {
        if self.id != 0 {
            host.cancel(self.id);
            self.replaced = self.id;
            self.id = 0;
        }
    }

    /// Takes an order event; answers whether it was one of the stop's.
    pub fn on_order(&mut self, event: &OrderEvent) -> bool {
        let own = event.id == self.id;
        if own && event.kind.is_final() {
            self.id = 0;
        }
        own || event.id == self.replaced
    }

    /// The price at which the position is closed; `None` without a stop.
    pub fn trigger(&self) -> Option<f64> {
        (self.id != 0).then_some(self.trigger)
    }
}
