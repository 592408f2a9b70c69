//! Order books by price level (L2) on the integer grid of an instrument: whole ticks and whole lots.

use crate::Side;

/// The new quantity of one price level. It replaces the old one; 0 removes the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepthUpdate {
    /// Buy = bids, sell = asks.
    pub side: Side,
    /// Price in ticks.
    pub tick: i64,
    /// Quantity in lots, not negative.
    pub lots: i64,
}

/// One trade of the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepthTrade {
    /// Side of the order that took.
    pub aggressor: Side,
    /// Price in ticks.
    pub tick: i64,
    /// Quantity in lots, positive.
    pub lots: i64,
}

/// One message of a market that publishes its book by levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DepthEvent<'a> {
    /// The whole book; levels that are not in it are empty.
    Snapshot(&'a [DepthUpdate]),
    /// Levels that changed. The book is consistent only after the last of them.
    Diff(&'a [DepthUpdate]),
    /// A trade.
    Trade(DepthTrade),
}

/// The numbers by which an exchange makes gaps in its diffs visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateIds {
    /// First update in the diff (`U` on Binance).
    pub first: u64,
    /// Last update in the diff (`u`).
    pub last: u64,
    /// Last update of the diff before, where the exchange tells it (`pu` on Binance futures).
    pub previous: Option<u64>,
}
