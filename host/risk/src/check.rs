//! The checks of one order.

use cryptobot_model::{
    Amendment, Callback, Instrument, InstrumentId, Money, OrderId, OrderKind, OrderRequest, OrderTerms,
    Price, Quantity, RefusalReason, SeriesId, Side, StrategyId, Timestamp, Trigger,
};

use crate::grid::Grid;
use crate::verdict::Refusal;

/// An order as the strategy asked for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProposedOrder {
    /// The id it was given.
    pub id: OrderId,
    /// Owner.
    pub strategy: StrategyId,
    /// The owner's series it is for.
    pub series: SeriesId,
    /// What to trade.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Amount as given.
    pub quantity: f64,
    /// Kind and prices as given.
    pub kind: OrderKind<f64>,
    /// What binds it.
    pub terms: OrderTerms,
    /// Event time of the decision.
    pub decided_at: Timestamp,
}

/// What the strategy has at stake when it proposes an order.
#[derive(Clone, Copy, Debug)]
pub struct Exposure {
    /// Signed position in the order's instrument.
    pub position: Quantity,
    /// Quantity of its open buy orders that may increase a position.
    pub open_buys: Quantity,
    /// Quantity of its open sell orders that may increase a position.
    pub open_sells: Quantity,
    /// Newest price of the order's instrument; NaN before the first.
    pub price: f64,
    /// Equity of the strategy.
    pub equity: f64,
    /// Σ |position × price| of its other instruments.
    pub other_notional: f64,
    /// Largest notional per unit of equity.
    pub leverage: f64,
    /// Signed position in the order's instrument that others hold on the same exchange account.
    pub elsewhere: Quantity,
    /// Largest notional that the exchange account may hold of the instrument at its leverage, by the instrument's
    /// brackets; infinite without margin.
    pub largest_notional: f64,
    /// Orders it has open.
    pub open_orders: usize,
    /// Orders it may have open.
    pub max_open_orders: usize,
}

/// A value that passed the checks. Nothing outside of this crate makes one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Approved<T>(T);

impl<T> Approved<T> {
    /// What was approved.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// What was approved.
    pub fn get(&self) -> &T {
        &self.0
    }
}

impl Approved<OrderRequest> {
    /// The same order for no more than `quantity`, which is on the grid.
    #[must_use]
    pub fn for_at_most(self, quantity: Quantity) -> Self {
        Self(OrderRequest { quantity: self.0.quantity.min(quantity), ..self.0 })
    }

    /// The same order for less; `closing` where only its closing part is left.
    pub(crate) fn reduced(mut self, to: Quantity, closing: bool) -> Self {
        self.0.quantity = to;
        self.0.terms.reduce_only |= closing;
        self
    }
}

/// Puts an order on the instrument's grid and checks it against the strategy's exposure.
pub fn check(
    order: &ProposedOrder,
    instrument: &Instrument,
    grid: &Grid,
    exposure: &Exposure,
) -> Result<Approved<OrderRequest>, Refusal> {
    let OrderTerms { reduce_only, close_position, .. } = order.terms;
    let quantity = if close_position {
        Quantity::ZERO
    } else {
        grid.quantity(order.quantity).ok_or(invalid(order.quantity))?
    };
    let kind = on_grid(order, grid).ok_or(RefusalReason::InvalidArgument)?;
    if quantity.is_zero() && !close_position {
        return Err(below_lot(order.quantity, instrument.lot.to_f64()));
    }
    if exposure.price.is_nan() || exposure.price <= 0.0 {
        return Err(RefusalReason::NoMarket.into());
    }
    if exposure.open_orders >= exposure.max_open_orders {
        let (most, orders) = (exposure.max_open_orders as f64, exposure.open_orders as f64 + 1.0);
        return Err(Refusal::new(RefusalReason::TooManyOrders, most, orders));
    }
    if reduce_only || close_position {
        check_reduces(order, exposure)?;
    } else {
        let limit = kind.limit().map(|(price, _)| price).or(kind.trigger_price());
        let price = limit.map_or(exposure.price, Price::to_f64);
        check_minimum(quantity, price, instrument)?;
        check_margin(order.side, quantity, price, exposure)?;
    }
    Ok(Approved(OrderRequest {
        id: order.id,
        strategy: order.strategy,
        series: order.series,
        instrument: order.instrument,
        side: order.side,
        quantity,
        kind,
        terms: order.terms,
        decided_at: order.decided_at,
    }))
}

/// Puts new numbers for an order on the instrument's grid, and checks them like an order where it is worth more with them.
/// `order` is the order as it was approved.
pub fn check_amendment(
    order: &OrderRequest,
    quantity: f64,
    price: f64,
    decided_at: Timestamp,
    grid: &Grid,
    exposure: &Exposure,
) -> Result<Approved<Amendment>, RefusalReason> {
    let quantity = grid.quantity(quantity).ok_or(RefusalReason::InvalidArgument)?;
    let price = match (order.kind.limit(), order.kind.trigger()) {
        (Some(_), _) => grid.limit_price(price, order.side),
        (None, Some((Trigger::TakeProfit, _))) => grid.adverse_price(price, order.side.opposite()),
        (None, _) => grid.adverse_price(price, order.side),
    };
    let price = price.ok_or(RefusalReason::InvalidArgument)?;
    if quantity.is_zero() {
        return Err(RefusalReason::BelowMinimum);
    }
    let opens = !order.terms.reduce_only && !order.terms.close_position;
    let before = order.kind.limit().map(|(price, _)| price).or(order.kind.trigger_price()).unwrap_or(price);
    let worth = |quantity: Quantity, price: Price| quantity.to_f64() * price.to_f64();
    if opens && worth(quantity, price) > worth(order.quantity, before) {
        check_margin(order.side, quantity - order.quantity, price.to_f64(), exposure)
            .map_err(|refusal| refusal.reason)?;
    }
    Ok(Approved(Amendment { id: order.id, quantity, price, decided_at }))
}

const fn invalid(value: f64) -> Refusal {
    Refusal::new(RefusalReason::InvalidArgument, f64::NAN, value)
}

const fn below_lot(quantity: f64, lot: f64) -> Refusal {
    Refusal::new(RefusalReason::BelowMinimum, lot, quantity)
}

/// The order's prices on the grid: limits on the passive side, triggers away from the market.
fn on_grid(order: &ProposedOrder, grid: &Grid) -> Option<OrderKind<Price>> {
    if let OrderKind::TrailingStop { callback: Callback::Bps(bps), .. } = order.kind
        && !(bps > 0.0 && bps < 10_000.0)
    {
        return None;
    }
    let (limit, stop) =
        (|price| grid.limit_price(price, order.side), |trigger| grid.adverse_price(trigger, order.side));
    let take_profit = |trigger| grid.adverse_price(trigger, order.side.opposite());
    match order.kind.trigger() {
        Some((Trigger::TakeProfit, _)) => order.kind.try_map(limit, take_profit),
        _ => order.kind.try_map(limit, stop),
    }
}

/// An order that sleeps may wait for the position it protects; anything else must have one to reduce when it is sent.
fn check_reduces(order: &ProposedOrder, exposure: &Exposure) -> Result<(), Refusal> {
    let reduces = exposure.position.signum() * order.side.sign() as i32 == -1;
    if reduces || order.kind.trigger().is_some() || order.terms.parent.is_some() {
        Ok(())
    } else {
        Err(Refusal::new(RefusalReason::NothingToReduce, f64::NAN, exposure.position.to_f64()))
    }
}

fn check_minimum(quantity: Quantity, price: f64, instrument: &Instrument) -> Result<(), Refusal> {
    if instrument.min_notional == Money::ZERO {
        return Ok(());
    }
    let (least, notional) = (instrument.min_notional.to_f64(), quantity.to_f64() * price);
    if notional >= least { Ok(()) } else { Err(Refusal::new(RefusalReason::BelowMinimum, least, notional)) }
}

/// The largest position that this order and those already open can lead to must be covered by the equity, and its
/// notional allowed at the leverage; an order that only brings the position nearer to zero always may. An estimate at
/// the newest price, hence in `f64`.
fn check_margin(side: Side, quantity: Quantity, price: f64, exposure: &Exposure) -> Result<(), Refusal> {
    let sign = side.sign();
    let position = exposure.position.to_f64() * sign;
    let open_same_side = match side {
        Side::Buy => exposure.open_buys,
        Side::Sell => exposure.open_sells,
    };
    let after = position + open_same_side.to_f64() + quantity.to_f64();
    if after <= 0.0 || after <= -position {
        return Ok(());
    }
    let notional = after * price + exposure.other_notional;
    if notional > exposure.equity * exposure.leverage {
        let needed = notional / exposure.leverage;
        return Err(Refusal::new(RefusalReason::InsufficientMargin, exposure.equity, needed));
    }
    let at_exchange = (after + exposure.elsewhere.to_f64() * sign) * price;
    if at_exchange > exposure.largest_notional {
        return Err(Refusal::new(RefusalReason::LeverageExceeded, exposure.largest_notional, at_exchange));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use cryptobot_model::{ContractTerms, TimeInForce, TriggerSource};
    use rust_decimal::Decimal;

    use super::*;

    fn instrument() -> Instrument {
        Instrument {
            venue: "v".into(),
            symbol: "S".into(),
            tick: Price::new("0.01".parse().unwrap()),
            lot: Quantity::new("0.001".parse().unwrap()),
            min_notional: "5".parse().unwrap(),
            maker_fee: Decimal::ZERO,
            taker_fee: Decimal::ZERO,
            funding: false,
            terms: ContractTerms::default(),
        }
    }

    fn order(side: Side, quantity: f64, kind: OrderKind<f64>, reduce_only: bool) -> ProposedOrder {
        ProposedOrder {
            id: OrderId::new(StrategyId(0), 1),
            strategy: StrategyId(0),
            series: SeriesId(0),
            instrument: InstrumentId(0),
            side,
            quantity,
            kind,
            terms: OrderTerms { reduce_only, ..OrderTerms::FREE },
            decided_at: Timestamp(0),
        }
    }

    fn exposure(position: &str) -> Exposure {
        Exposure {
            position: Quantity::new(position.parse().unwrap()),
            open_buys: Quantity::ZERO,
            open_sells: Quantity::ZERO,
            price: 100.0,
            equity: 1_000.0,
            other_notional: 0.0,
            leverage: 1.0,
            elsewhere: Quantity::ZERO,
            largest_notional: f64::INFINITY,
            open_orders: 0,
            max_open_orders: 10,
        }
    }

    fn verdict(order: &ProposedOrder, exposure: &Exposure) -> Result<(), RefusalReason> {
        let checked = check(order, &instrument(), &Grid::new(&instrument()), exposure);
        checked.map(|_| ()).map_err(|refusal| refusal.reason)
    }

    #[test]
    fn refusals_tell_the_numbers_they_rest_on() {
        let refused = |order: ProposedOrder, exposure: Exposure| {
            check(&order, &instrument(), &Grid::new(&instrument()), &exposure).unwrap_err()
        };
        let buy = |quantity| order(Side::Buy, quantity, OrderKind::Market, false);
        let at_ten = Exposure { leverage: 10.0, other_notional: 1_000.0, ..exposure("0") };
        // (100 × 100 + 1,000) / 10 of margin, and 1,000 of equity.
        let expected = Refusal::new(RefusalReason::InsufficientMargin, 1_000.0, 1_100.0);
        assert_eq!(refused(buy(100.0), at_ten), expected);
        let expected = Refusal::new(RefusalReason::BelowMinimum, 5.0, 4.0);
        assert_eq!(refused(buy(0.04), exposure("0")), expected, "a notional");
        let expected = Refusal::new(RefusalReason::BelowMinimum, 0.001, 0.0004);
        assert_eq!(refused(buy(0.0004), exposure("0")), expected, "a quantity");
        let expected = Refusal::new(RefusalReason::NothingToReduce, f64::NAN, -2.0);
        assert_eq!(refused(order(Side::Sell, 1.0, OrderKind::Market, true), exposure("-2")), expected);
        let full = Exposure { open_orders: 10, ..exposure("0") };
        assert_eq!(refused(buy(1.0), full), Refusal::new(RefusalReason::TooManyOrders, 10.0, 11.0));
        let expected = Refusal::new(RefusalReason::InvalidArgument, f64::NAN, -1.0);
        assert_eq!(refused(buy(-1.0), exposure("0")), expected);
    }

    #[test]
    fn the_position_after_the_order_must_be_covered() {
        let buy = |quantity| order(Side::Buy, quantity, OrderKind::Market, false);
        assert_eq!(verdict(&buy(10.0), &exposure("0")), Ok(()));
        assert_eq!(verdict(&buy(10.1), &exposure("0")), Err(RefusalReason::InsufficientMargin));
        assert_eq!(verdict(&buy(20.0), &exposure("-10")), Ok(()), "a flip to the same size");
        assert_eq!(verdict(&buy(21.0), &exposure("-10")), Err(RefusalReason::InsufficientMargin));
        assert_eq!(verdict(&buy(30.0), &exposure("-15")), Ok(()), "reduces, though it is under water");
        let waiting = Exposure { open_buys: Quantity::new("5".parse().unwrap()), ..exposure("0") };
        assert_eq!(verdict(&buy(6.0), &waiting), Err(RefusalReason::InsufficientMargin));
    }

    #[test]
    fn the_notional_on_the_exchange_account_must_be_allowed_at_the_leverage() {
        let largest =
            |position: &str| Exposure { equity: 1e6, largest_notional: 1_000.0, ..exposure(position) };
        let buy = |quantity| order(Side::Buy, quantity, OrderKind::Market, false);
        let sell = |quantity| order(Side::Sell, quantity, OrderKind::Market, false);
        assert_eq!(verdict(&buy(10.0), &largest("0")), Ok(()));
        assert_eq!(verdict(&buy(10.1), &largest("0")), Err(RefusalReason::LeverageExceeded));
        assert_eq!(verdict(&sell(1.0), &largest("15")), Ok(()), "reduces what is too large");
        assert_eq!(verdict(&sell(21.0), &largest("10")), Err(RefusalReason::LeverageExceeded));
        let with_others =
            |held: &str| Exposure { elsewhere: Quantity::new(held.parse().unwrap()), ..largest("0") };
        assert_eq!(verdict(&buy(6.0), &with_others("5")), Err(RefusalReason::LeverageExceeded));
        assert_eq!(verdict(&buy(15.0), &with_others("-5")), Ok(()), "the net position counts");
        assert_eq!(verdict(&sell(6.0), &with_others("-5")), Err(RefusalReason::LeverageExceeded));
    }

    #[test]
    fn new_numbers_that_are_worth_more_are_checked_like_an_order() {
        let resting = |reduce_only| OrderRequest {
            id: OrderId::new(StrategyId(0), 1),
            strategy: StrategyId(0),
            series: SeriesId(0),
            instrument: InstrumentId(0),
            side: Side::Buy,
            quantity: Quantity::new("2".parse().unwrap()),
            kind: OrderKind::Limit { price: Price::new("90".parse().unwrap()), tif: TimeInForce::Gtc },
            terms: OrderTerms { reduce_only, ..OrderTerms::FREE },
            decided_at: Timestamp(0),
        };
        let waiting = Exposure { open_buys: Quantity::new("2".parse().unwrap()), ..exposure("0") };
        let grid = Grid::new(&instrument());
        let amended = |order: &OrderRequest, quantity, exposure: &Exposure| {
            check_amendment(order, quantity, 100.0, Timestamp(1), &grid, exposure).map(|_| ())
        };
        assert_eq!(amended(&resting(false), 10.0, &waiting), Ok(()));
        assert_eq!(amended(&resting(false), 10.1, &waiting), Err(RefusalReason::InsufficientMargin));
        // 2 at 600 are 1,200.
        let dearer = |price| check_amendment(&resting(false), 2.0, price, Timestamp(1), &grid, &waiting);
        assert_eq!(dearer(500.0).map(|_| ()), Ok(()));
        assert_eq!(dearer(600.0).map(|_| ()), Err(RefusalReason::InsufficientMargin));
        let broke = Exposure { equity: 0.0, ..waiting };
        let cheaper = check_amendment(&resting(false), 2.5, 70.0, Timestamp(1), &grid, &broke);
        assert_eq!(cheaper.map(|_| ()), Ok(()), "2.5 at 70 are less than 2 at 90");
        let largest = Exposure { largest_notional: 500.0, ..waiting };
        assert_eq!(amended(&resting(false), 5.1, &largest), Err(RefusalReason::LeverageExceeded));
        assert_eq!(amended(&resting(false), 1.0, &Exposure { equity: 0.0, ..waiting }), Ok(()), "shrinks");
        assert_eq!(amended(&resting(true), 100.0, &waiting), Ok(()), "can only reduce");
    }

    #[test]
    fn small_and_meaningless_orders_are_refused() {
        let market = |quantity| order(Side::Sell, quantity, OrderKind::Market, false);
        assert_eq!(verdict(&market(0.04), &exposure("0")), Err(RefusalReason::BelowMinimum));
        assert_eq!(verdict(&market(0.0001), &exposure("0")), Err(RefusalReason::BelowMinimum));
        for quantity in [f64::NAN, f64::INFINITY, 0.0, -1.0] {
            assert_eq!(verdict(&market(quantity), &exposure("0")), Err(RefusalReason::InvalidArgument));
        }
        let limit = OrderKind::Limit { price: f64::NAN, tif: TimeInForce::Gtc };
        assert_eq!(
            verdict(&order(Side::Buy, 1.0, limit, false), &exposure("0")),
            Err(RefusalReason::InvalidArgument)
        );
        let nothing = Exposure { price: f64::NAN, ..exposure("0") };
        assert_eq!(verdict(&market(1.0), &nothing), Err(RefusalReason::NoMarket));
    }

    #[test]
    fn reduce_only_needs_something_to_reduce_unless_it_waits_for_a_trigger() {
        let sell = |kind| order(Side::Sell, 0.01, kind, true);
        assert_eq!(verdict(&sell(OrderKind::Market), &exposure("0")), Err(RefusalReason::NothingToReduce));
        assert_eq!(verdict(&sell(OrderKind::Market), &exposure("-1")), Err(RefusalReason::NothingToReduce));
        assert_eq!(verdict(&sell(OrderKind::Market), &exposure("1")), Ok(()), "and no minimum applies");
        let stop = OrderKind::StopMarket { trigger: 90.0, source: TriggerSource::Last };
        assert_eq!(verdict(&sell(stop), &exposure("0")), Ok(()));
    }
}
