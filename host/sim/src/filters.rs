//! What the exchange does not accept: orders beyond the filters of their instrument.

use cryptobot_model::{Instrument, OrderKind, OrderRequest, Price, Quantity, RefusalReason, Side};

/// The filters of one instrument.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filters {
    /// Highest buy and lowest sell price, as multiples of the mark price.
    band: Option<[f64; 2]>,
    max_orders: Option<u32>,
    max_quantity: Option<Quantity>,
    market_max_quantity: Option<Quantity>,
}

impl Filters {
    pub(crate) fn new(instrument: &Instrument) -> Self {
        let terms = &instrument.terms;
        Self {
            band: terms.price_band.map(|band| [band.up.to_f64(), band.down.to_f64()]),
            max_orders: terms.max_orders,
            max_quantity: terms.max_quantity,
            market_max_quantity: terms.market_max_quantity,
        }
    }

    /// Why an order is not accepted that arrives at a mark price, where it is not. `open` counts the orders that its
    /// owner has in the instrument.
    pub(crate) fn refusal(
        &self,
        order: &OrderRequest,
        mark: f64,
        open: impl FnOnce() -> usize,
    ) -> Option<RefusalReason> {
        if self.max_orders.is_some_and(|most| open() >= most as usize) {
            return Some(RefusalReason::TooManyOrders);
        }
        self.refuses_numbers(order, mark)
    }

    /// The same for the numbers of an order alone.
    pub(crate) fn refuses_numbers(&self, order: &OrderRequest, mark: f64) -> Option<RefusalReason> {
        let most = if order.kind.limit().is_some() { self.max_quantity } else { self.market_max_quantity };
        if most.is_some_and(|most| order.quantity > most) {
            return Some(RefusalReason::AboveMaximum);
        }
        // The limit behind a trigger is for another time, when the mark price is another one.
        let OrderKind::Limit { price, .. } = order.kind else { return None };
        let outside = self.band.is_some_and(|[up, down]| match order.side {
            Side::Buy => Price::from_f64(mark * up).is_some_and(|most| price > most),
            Side::Sell => Price::from_f64(mark * down).is_some_and(|least| price < least),
        });
        outside.then_some(RefusalReason::PriceBand)
    }
}
