//! The report's data about risk and about where costs came from.

use std::collections::BTreeSet;

use cryptobot_model::{Fill, FillRule, Liquidation, Money, OrderId};
use serde::Serialize;

use super::short;
use crate::orders::OrderRow;
use crate::record::Record;
use crate::tables::{direction, seconds, side, status};

/// All fills by one rule.
#[derive(Serialize)]
pub(super) struct RuleData {
    rule: &'static str,
    fills: u64,
    traded: f64,
    slippage: f64,
    fees: f64,
}

/// Sums per rule, the most frequent rule first.
pub(super) fn rules(record: &Record) -> Vec<RuleData> {
    let mut sums: Vec<(FillRule, u64, [Money; 3])> = Vec::new();
    for fill in &record.fills {
        let index = sums.iter().position(|(rule, ..)| *rule == fill.rule).unwrap_or_else(|| {
            sums.push((fill.rule, 0, [Money::ZERO; 3]));
            sums.len() - 1
        });
        let (_, count, amounts) = &mut sums[index];
        *count += 1;
        for (sum, amount) in amounts.iter_mut().zip(amounts_of(fill)) {
            *sum += amount;
        }
    }
    sums.sort_by_key(|(rule, count, _)| (std::cmp::Reverse(*count), *rule as u8));
    let data = |(rule, fills, [traded, slippage, fees]): (FillRule, u64, [Money; 3])| RuleData {
        rule: rule.name(),
        fills,
        traded: traded.to_f64(),
        slippage: slippage.to_f64(),
        fees: fees.to_f64(),
    };
    sums.into_iter().map(data).collect()
}

fn amounts_of(fill: &Fill) -> [Money; 3] {
    [fill.quantity.at(fill.price), fill.slippage, fill.fee]
}

/// One position, or a part of it, that the exchange closed.
#[derive(Serialize)]
pub(super) struct LiquidationData {
    time: i64,
    strategy: u32,
    instrument: u32,
    /// `long` or `short`: what was closed.
    side: &'static str,
    quantity: f64,
    mark: f64,
    bankruptcy: f64,
    fee: f64,
    insurance: f64,
}

pub(super) fn liquidations(record: &Record) -> Vec<LiquidationData> {
    let data = |liquidation: &Liquidation| LiquidationData {
        time: seconds(liquidation.ts),
        strategy: liquidation.strategy.0,
        instrument: liquidation.instrument.0,
        side: direction(liquidation.side.opposite()),
        quantity: liquidation.quantity.to_f64(),
        mark: liquidation.mark.to_f64(),
        bankruptcy: liquidation.bankruptcy_price.to_f64(),
        fee: liquidation.fee.to_f64(),
        insurance: liquidation.insurance.to_f64(),
    };
    record.liquidations.iter().map(data).collect()
}

/// Places, in the order of closing, of the trades that a liquidation ended.
pub(super) fn liquidated_trades(record: &Record) -> Vec<usize> {
    let key = |liquidation: &Liquidation| (liquidation.ts, liquidation.strategy, liquidation.instrument);
    let ends: BTreeSet<_> = record.liquidations.iter().map(key).collect();
    let trades = record.trades.iter().enumerate();
    trades
        .filter(|(_, trade)| ends.contains(&(trade.closed_at, trade.strategy, trade.instrument)))
        .map(|(index, _)| index)
        .collect()
}

/// An order that the host placed itself, to close a position.
#[derive(Serialize)]
pub(super) struct HostOrderData {
    time: i64,
    strategy: u32,
    instrument: Option<u32>,
    /// `buy` or `sell`.
    side: &'static str,
    quantity: f64,
    /// Average price of its fills.
    price: Option<f64>,
    status: &'static str,
    origin: &'static str,
}

pub(super) fn host_orders(record: &Record) -> Vec<HostOrderData> {
    let data = |order: &OrderRow| HostOrderData {
        time: seconds(order.decided_at),
        strategy: order.strategy.0,
        instrument: order.instrument.map(|instrument| instrument.0),
        side: side(order.side),
        quantity: order.quantity.to_f64(),
        price: order.average_price().map(|price| short(price.to_f64())),
        status: status(order.status),
        origin: order.origin.name(),
    };
    record.orders.iter().filter(|order| order.origin.is_of_host()).map(data).collect()
}

/// Places, in the order of closing, of the trades that an order of the host ended.
pub(super) fn trades_ended_by_host(record: &Record) -> Vec<usize> {
    let of_host: BTreeSet<OrderId> =
        record.orders.iter().filter(|order| order.origin.is_of_host()).map(|order| order.id).collect();
    let fills = record.fills.iter().filter(|fill| of_host.contains(&fill.order));
    let ends: BTreeSet<_> = fills.map(|fill| (fill.ts, fill.strategy, fill.instrument)).collect();
    let trades = record.trades.iter().enumerate();
    trades
        .filter(|(_, trade)| ends.contains(&(trade.closed_at, trade.strategy, trade.instrument)))
        .map(|(index, _)| index)
        .collect()
}

/// The highest margin ratio per bucket, zero while flat; empty where the account never had one.
pub(super) fn margin(account: &crate::record::AccountRecord) -> Vec<f64> {
    if account.margin_peak.is_none() {
        return Vec::new();
    }
    account.margin.iter().map(|ratio| if ratio.is_nan() { 0.0 } else { short(*ratio) }).collect()
}
