//! A protective stop that follows its position.

use serde::{Deserialize, Serialize};

use crate::{Host, Order, OrderEvent, OrderEventKind, OrderId, Series, Side, TriggerSource};

/// A reduce-only stop-market order for the whole position of one series. Part of a strategy's state: give it every
/// order event and clear it before the position is changed. [`StopLoss::protect`] does what most strategies want;
/// [`StopLoss::on_order`] and [`StopLoss::set`] are its parts. It looks only at executions and ends: a strategy that needs
/// only these asks for [`Wants::OUTCOMES`](crate::Wants) instead of all steps of its orders.
///
/// ```
/// # use cryptobot_sdk::prelude::*;
/// # struct Example { stop: StopLoss }
/// # impl Example {
/// fn on_order(&mut self, host: &mut Host, series: &Series, event: &OrderEvent) {
///     // 5 % from the entry, on the side of the loss.
///     self.stop.protect(host, series, event, |fill| fill.price * (1.0 - 0.05 * fill.side.sign()));
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
            let order = Order::stop(side, position.abs(), trigger).source(TriggerSource::Last);
            self.id = host.submit(series, &order.reduce_only());
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

    /// Takes an order event and does what protects a position: a fill of another order sets the stop at `trigger`, unless
    /// that is not above 0; a stop that is refused closes the position. Refusals are told to the log.
    pub fn protect(
        &mut self,
        host: &mut Host,
        series: &Series,
        event: &OrderEvent,
        trigger: impl FnOnce(&OrderEvent) -> f64,
    ) {
        let refused = event.kind == OrderEventKind::Rejected;
        if self.on_order(event) {
            if refused {
                host.warn(format_args!("{}: the stop was refused, closing the position", series.symbol));
                host.target_position(series, 0.0);
            }
        } else if event.kind.is_fill() {
            let trigger = trigger(event);
            if trigger > 0.0 {
                self.set(host, series, trigger);
            }
        } else if refused {
            host.warn(format_args!("{}: an order was refused, reason {}", series.symbol, event.reason));
        }
    }

    /// The price at which the position is closed; `None` without a stop.
    pub fn trigger(&self) -> Option<f64> {
        (self.id != 0).then_some(self.trigger)
    }
}
