//! Positions that the exchange closes.

use cryptobot_model::{
    Fill, FillRule, Liquidity, OrderEvent, OrderEventKind, OrderId, Price, Quantity, RefusalReason, SeriesId,
    Side, StrategyId, Timestamp,
};
use cryptobot_risk::Closing;

use super::{BarMatch, Moment, State};
use crate::book::{Holder, Report, liquidates};
use crate::exchange::EarlierLevel;
use crate::pricing::Pricing;
use crate::stats::MarketStats;

impl BarMatch<'_> {
    /// The mark price at which a strategy's position is liquidated as it is now.
    pub(super) fn liquidation_level(&self, state: &State, strategy: StrategyId) -> Option<f64> {
        let price = if state.fills.iter().any(|fill| fill.strategy == strategy) {
            self.accounts.liquidation_price_after(strategy, self.instrument, &state.fills)
        } else {
            self.accounts.liquidation_price(strategy, self.instrument)
        };
        price.map(Price::to_f64)
    }

    /// The level that was in force before something happened to the wallet in this bar, while the position is as it
    /// was then.
    pub(super) fn earlier_level(&self, state: &State, strategy: StrategyId) -> Option<EarlierLevel> {
        let earlier = self.accounts.earlier_liquidation(strategy, self.instrument)?;
        let is_as_it_was = !state.fills.iter().any(|fill| fill.strategy == strategy);
        is_as_it_was.then_some(earlier)
    }

    /// Whether the mark price reaches a position's liquidation price in this bar.
    pub(super) fn liquidation_in_reach(&self, state: &State, holder: &Holder) -> bool {
        let worst = if holder.position.signum() > 0 { self.mark.bar.low } else { self.mark.bar.high };
        let reached = |level: f64| liquidates(holder.position, level, worst);
        if !self.has_margin || holder.position.is_zero() {
            return false;
        }
        let earlier = self.earlier_level(state, holder.strategy);
        earlier.and_then(|earlier| earlier.price).is_some_and(|price| reached(price.to_f64()))
            || !self.accounts.is_safe_after(holder.strategy, self.instrument, &state.fills, worst)
                && self.liquidation_level(state, holder.strategy).is_some_and(reached)
    }

    /// A mark price that opens beyond a liquidation price takes the position before any order is matched.
    pub(super) fn liquidate_at_open(&self, state: &mut State, open: &Moment) {
        for index in 0..state.holders.len() {
            let Holder { strategy, position, .. } = state.holders[index];
            let level = match self.earlier_level(state, strategy) {
                Some(earlier) if open.ts < earlier.until => earlier.price,
                _ => self.accounts.liquidation_price(strategy, self.instrument),
            };
            let level = level.map(Price::to_f64);
            if level.is_some_and(|level| liquidates(position, level, open.mark)) {
                self.liquidate(state, strategy, open, open.mark);
            }
        }
    }

    /// Cancels a strategy's orders and closes what the exchange asks for at the mark price. Where that is not enough
    /// for this price, the rest goes too.
    pub(super) fn liquidate(&self, state: &mut State, strategy: StrategyId, moment: &Moment, mark: f64) {
        while let Some(order) = state.take(|order| order.order.strategy == strategy) {
            let reason = Some(RefusalReason::Liquidated);
            state.reports.push(order.event(moment.ts, OrderEventKind::Cancelled, reason));
        }
        let position = state.position(strategy);
        let price = Price::from_f64(mark).unwrap_or_default();
        let part =
            self.accounts.liquidation_quantity(strategy, self.instrument, &state.fills, position, price);
        let part = if part.is_zero() { position.abs() } else { part.min(position.abs()) };
        self.close(state, strategy, part, moment, mark);
        let rest = state.position(strategy);
        let level = self.liquidation_level(state, strategy);
        if level.is_some_and(|level| liquidates(rest, level, mark)) {
            self.close(state, strategy, rest.abs(), moment, mark);
        }
    }

    fn close(&self, state: &mut State, strategy: StrategyId, quantity: Quantity, moment: &Moment, mark: f64) {
        let Some(holder) = state.holders.iter().find(|holder| holder.strategy == strategy).copied() else {
            return;
        };
        let side = if holder.position.signum() > 0 { Side::Sell } else { Side::Buy };
        let closing = Closing { strategy, instrument: self.instrument, side, quantity };
        let report = closed(self.pricing, self.stats, &closing, holder.series, moment.ts, mark);
        state.reports.push(report);
        if let Some(fill) = &report.fill {
            self.book(state, holder.series, fill);
        }
    }
}

/// The exchange's own order that closes a part of a position at the mark price, plus slippage and liquidation fee.
pub(crate) fn closed(
    pricing: &Pricing,
    stats: &MarketStats,
    closing: &Closing,
    series: SeriesId,
    ts: Timestamp,
    mark: f64,
) -> Report {
    let Closing { strategy, instrument, side, quantity } = *closing;
    let order = OrderId::of_exchange(strategy);
    let (price, slippage) = pricing.taker_price(mark, side, quantity, order, stats);
    let fill = Fill {
        ts,
        strategy,
        instrument,
        order,
        side,
        price,
        quantity,
        fee: pricing.liquidation_fee(quantity, price),
        slippage,
        liquidity: Liquidity::Taker,
        rule: FillRule::Liquidation,
    };
    let plain = OrderEvent::plain(strategy, series, order, side, ts, OrderEventKind::Filled);
    let reason = Some(RefusalReason::Liquidated);
    Report::new(OrderEvent { price, quantity, fee: fill.fee, reason, ..plain }, Some(fill))
}
