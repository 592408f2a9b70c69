//! One position and the trade that it is part of.

use cryptobot_model::{
    ClosedTrade, Fill, InstrumentId, Money, Price, Quantity, Rate, Side, StrategyId, Timestamp,
};

use crate::margin::funding_payment;
use crate::net::NetPosition;

/// What a fill did to a position.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PositionChange {
    /// Profit that became cash, before the fee.
    pub realised: Money,
    /// The trade that ended with this fill.
    pub closed: Option<ClosedTrade>,
}

/// A net position with the trade that it is part of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Position {
    net: NetPosition,
    trade: Option<OpenTrade>,
}

impl Position {
    /// Signed quantity; negative = short.
    pub const fn quantity(&self) -> Quantity {
        self.net.quantity()
    }

    /// Entry value of what is open: Σ signed quantity × entry price.
    pub const fn cost(&self) -> Money {
        self.net.cost()
    }

    /// Average entry price as a view; 0 when flat.
    pub fn average_price(&self) -> f64 {
        self.net.average_price()
    }

    /// Books a fill. A fill through zero closes the trade and opens one on the other side; fee and slippage are then
    /// divided by quantity.
    pub fn apply(&mut self, fill: &Fill) -> PositionChange {
        let closed = self.net.closed_by(fill);
        if closed.is_zero() {
            self.increase(fill, fill.quantity, fill.fee, fill.slippage);
            return PositionChange::default();
        }
        if closed == fill.quantity {
            return self.reduce(fill, closed, fill.fee, fill.slippage);
        }
        let (fee, slippage) =
            (fill.fee.share(closed, fill.quantity), fill.slippage.share(closed, fill.quantity));
        let change = self.reduce(fill, closed, fee, slippage);
        self.increase(fill, fill.quantity - closed, fill.fee - fee, fill.slippage - slippage);
        change
    }

    /// Books funding on what is open: `quantity * mark * rate`. Positive = paid: with a positive rate longs pay shorts.
    /// Attributed to the open trade.
    pub fn pay_funding(&mut self, mark: Price, rate: Rate) -> Money {
        let paid = funding_payment(self.quantity(), mark, rate);
        if let Some(trade) = &mut self.trade {
            trade.funding += paid;
        }
        paid
    }

    /// Books what the insurance fund bore of a loss on the open trade.
    pub(crate) fn insure(&mut self, amount: Money) {
        if let Some(trade) = &mut self.trade {
            trade.insurance += amount;
        }
    }

    fn increase(&mut self, fill: &Fill, opened: Quantity, fee: Money, slippage: Money) {
        let value = self.net.increase(fill.side.signed(opened), fill.price);
        let trade = self.trade.get_or_insert_with(|| OpenTrade::new(fill.side, fill.ts));
        trade.entry.add(opened, fill.price, value.abs());
        trade.fees += fee;
        trade.slippage += slippage;
    }

    fn reduce(&mut self, fill: &Fill, closed: Quantity, fee: Money, slippage: Money) -> PositionChange {
        let (value, realised) = self.net.reduce(-fill.side.signed(closed), fill.price);
        let Some(mut trade) = self.trade.take() else {
            return PositionChange { realised, closed: None };
        };
        trade.exit.add(closed, fill.price, value.abs());
        trade.realised += realised;
        trade.fees += fee;
        trade.slippage += slippage;
        if !self.quantity().is_zero() {
            self.trade = Some(trade);
            return PositionChange { realised, closed: None };
        }
        PositionChange { realised, closed: Some(trade.close(fill.strategy, fill.instrument, fill.ts)) }
    }
}

/// A trade while its position is open.
#[derive(Clone, Debug, PartialEq)]
struct OpenTrade {
    side: Side,
    opened_at: Timestamp,
    entry: AveragePrice,
    exit: AveragePrice,
    realised: Money,
    fees: Money,
    funding: Money,
    slippage: Money,
    insurance: Money,
}

impl OpenTrade {
    fn new(side: Side, opened_at: Timestamp) -> Self {
        Self {
            side,
            opened_at,
            entry: AveragePrice::default(),
            exit: AveragePrice::default(),
            realised: Money::ZERO,
            fees: Money::ZERO,
            funding: Money::ZERO,
            slippage: Money::ZERO,
            insurance: Money::ZERO,
        }
    }

    fn close(self, strategy: StrategyId, instrument: InstrumentId, closed_at: Timestamp) -> ClosedTrade {
        ClosedTrade {
            strategy,
            instrument,
            side: self.side,
            opened_at: self.opened_at,
            closed_at,
            quantity: self.entry.quantity,
            entry_price: self.entry.price(),
            exit_price: self.exit.price(),
            gross_pnl: self.realised,
            fees: self.fees,
            funding: self.funding,
            slippage: self.slippage,
            insurance: self.insurance,
            net_pnl: self.realised - self.fees - self.funding + self.insurance,
        }
    }
}

/// A quantity-weighted mean price; exact while all prices were equal.
#[derive(Clone, Debug, Default, PartialEq)]
struct AveragePrice {
    quantity: Quantity,
    notional: Money,
    only_price: Option<Price>,
}

impl AveragePrice {
    /// Adds a quantity at a price, worth `notional`.
    fn add(&mut self, quantity: Quantity, price: Price, notional: Money) {
        self.only_price =
            if self.quantity.is_zero() || self.only_price == Some(price) { Some(price) } else { None };
        self.quantity += quantity;
        self.notional += notional;
    }

    fn price(&self) -> Price {
        self.only_price.unwrap_or_else(|| Price::average(self.notional, self.quantity))
    }
}
