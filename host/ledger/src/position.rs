//! One position and the trade that it is part of.

use cryptobot_model::{
    ClosedTrade, Fill, InstrumentId, Money, Price, Quantity, Rate, Side, StrategyId, Timestamp,
};

use crate::margin::funding_payment;

/// What a fill did to a position.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PositionChange {
    /// Profit that became cash, before the fee.
    pub realised: Money,
    /// The trade that ended with this fill.
    pub closed: Option<ClosedTrade>,
}

/// A signed amount of one instrument with what it cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Position {
    quantity: Quantity,
    cost: Money,
    trade: Option<OpenTrade>,
}

impl Position {
    /// Signed quantity; negative = short.
    pub fn quantity(&self) -> Quantity {
        self.quantity
    }

    /// Entry value of what is open: Σ signed quantity × entry price.
    pub fn cost(&self) -> Money {
        self.cost
    }

    /// Average entry price as a view; 0 when flat.
    pub fn average_price(&self) -> f64 {
        if self.quantity.is_zero() { 0.0 } else { self.cost.to_f64() / self.quantity.to_f64() }
    }

    /// Books a fill. A fill through zero closes the trade and opens one on the other side; fee and slippage are then
    /// divided by quantity.
    pub fn apply(&mut self, fill: &Fill) -> PositionChange {
        let signed = fill.side.signed(fill.quantity);
        if self.quantity.signum() * signed.signum() >= 0 {
            self.increase(fill, signed, fill.fee, fill.slippage);
            return PositionChange::default();
        }
        let held = self.quantity.abs();
        if fill.quantity <= held {
            return self.reduce(fill, fill.quantity, fill.fee, fill.slippage);
        }
        let (fee, slippage) = (fill.fee.share(held, fill.quantity), fill.slippage.share(held, fill.quantity));
        let change = self.reduce(fill, held, fee, slippage);
        let rest = fill.side.signed(fill.quantity - held);
        self.increase(fill, rest, fill.fee - fee, fill.slippage - slippage);
        change
    }

    /// Books funding on what is open: `quantity * mark * rate`. Positive = paid: with a positive rate longs pay shorts.
    /// Attributed to the open trade.
    pub fn pay_funding(&mut self, mark: Price, rate: Rate) -> Money {
        let paid = funding_payment(self.quantity, mark, rate);
        if let Some(trade) = &mut self.trade {
            trade.funding += paid;
        }
        paid
    }

    fn increase(&mut self, fill: &Fill, signed: Quantity, fee: Money, slippage: Money) {
        self.quantity += signed;
        let cost = signed.at(fill.price);
        self.cost += cost;
        let trade = self.trade.get_or_insert_with(|| OpenTrade::new(fill.side, fill.ts));
        trade.entry.add(signed.abs(), fill.price, cost.abs());
        trade.fees += fee;
        trade.slippage += slippage;
    }

    fn reduce(&mut self, fill: &Fill, quantity: Quantity, fee: Money, slippage: Money) -> PositionChange {
        let closed = fill.side.opposite().signed(quantity);
        let portion = self.cost.share(closed, self.quantity);
        let value = closed.at(fill.price);
        let realised = value - portion;
        self.quantity -= closed;
        self.cost -= portion;
        let Some(mut trade) = self.trade.take() else {
            return PositionChange { realised, closed: None };
        };
        trade.exit.add(quantity, fill.price, value.abs());
        trade.realised += realised;
        trade.fees += fee;
        trade.slippage += slippage;
        if !self.quantity.is_zero() {
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
            net_pnl: self.realised - self.fees - self.funding,
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
