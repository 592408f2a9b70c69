//! An order book around the quotes of the generator: ten levels a side, never crossed.

use std::collections::BTreeMap;

use super::draw::Draw;
use super::latent::Minute;
use super::pairs::Pair;
use super::trades::{Moment, Trade};

/// Levels of a side.
const LEVELS: usize = 10;
/// Distance of the levels behind the best one, as a fraction of the first price.
const STEP: f64 = 2e-4;
/// Usual quantity of a level against the usual volume of a minute.
const LEVEL: f64 = 0.25;
/// What stress of 1 adds to the divisor of the quantities.
const STRESSED_BOOK: f64 = 9.0;

/// New quantities of some levels; 0 takes a level away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// Number of the first and of the last update in it, and of the last one before it.
    pub first_id: u64,
    pub last_id: u64,
    pub previous_id: u64,
    /// Whether a bid, price in ticks, quantity in lots.
    pub levels: Vec<(bool, i64, i64)>,
}

/// The book of one pair: at every moment the best bid and ask are those of the quotes.
pub(super) struct Book {
    draw: Draw,
    /// By price in ticks: quantity in lots.
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    /// Levels behind the best one are at multiples of so many ticks.
    step: i64,
    /// Usual quantity of a level in lots.
    lots: f64,
    last_id: u64,
}

impl Book {
    pub fn new(pair: &Pair, seed: u64) -> Self {
        let step = (STEP * pair.start * pair.ticks_per_unit()).round().max(1.0) as i64;
        Self {
            draw: Draw::new(seed, 400 + pair.slot),
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            step,
            lots: LEVEL * pair.volume * pair.lots_per_unit(),
            last_id: 0,
        }
    }

    /// Follows a quote; a trade of that moment finds its quantity at the best price.
    pub fn quote(&mut self, minute: &Minute, moment: &Moment) -> Option<Change> {
        let size = self.lots * minute.regime.book / (1.0 + STRESSED_BOOK * minute.stress);
        let mut levels = Vec::new();
        for bid in [true, false] {
            let needed = moment.trade.filter(|trade| trade.buy != bid).map_or(0, |trade| trade.lots);
            let best = if bid { moment.bid } else { moment.ask };
            self.move_side(bid, best, size, &mut levels);
            let there = self.side(bid).get(&best).copied().unwrap_or(0);
            if there < needed {
                let lots = needed + self.quantity(size);
                self.set(bid, best, lots, &mut levels);
            }
            if moment.trade.is_none() {
                self.refresh(bid, size, &mut levels);
            }
        }
        self.change(levels)
    }

    /// Takes what was traded out of the book.
    pub fn take(&mut self, trade: Trade) -> Option<Change> {
        let bid = !trade.buy;
        let left = self.side(bid).get(&trade.ticks).copied().unwrap_or(0) - trade.lots;
        let mut levels = Vec::new();
        self.set(bid, trade.ticks, left.max(0), &mut levels);
        self.change(levels)
    }

    /// All levels, best first, bids before asks, and the number of the last update.
    pub fn snapshot(&self) -> (u64, Vec<(bool, i64, i64)>) {
        let bids = self.bids.iter().rev().map(|(ticks, lots)| (true, *ticks, *lots));
        let asks = self.asks.iter().map(|(ticks, lots)| (false, *ticks, *lots));
        (self.last_id, bids.chain(asks).collect())
    }

    fn side(&mut self, bid: bool) -> &mut BTreeMap<i64, i64> {
        if bid { &mut self.bids } else { &mut self.asks }
    }

    fn set(&mut self, bid: bool, ticks: i64, lots: i64, levels: &mut Vec<(bool, i64, i64)>) {
        if lots == 0 {
            self.side(bid).remove(&ticks);
        } else {
            self.side(bid).insert(ticks, lots);
        }
        levels.retain(|(of_bid, at, _)| (*of_bid, *at) != (bid, ticks));
        levels.push((bid, ticks, lots));
    }

    /// Brings the levels of a side to where they belong behind a best price.
    fn move_side(&mut self, bid: bool, best: i64, size: f64, levels: &mut Vec<(bool, i64, i64)>) {
        let behind = |level: i64| {
            if bid {
                ((best - 1).div_euclid(self.step) - level) * self.step
            } else {
                (best.div_euclid(self.step) + 1 + level) * self.step
            }
        };
        let mut wanted = vec![best];
        wanted.extend((0..LEVELS as i64 - 1).map(behind).filter(|ticks| *ticks > 0));
        let gone: Vec<i64> = self.side(bid).keys().copied().filter(|ticks| !wanted.contains(ticks)).collect();
        for ticks in gone {
            self.set(bid, ticks, 0, levels);
        }
        for ticks in wanted {
            if !self.side(bid).contains_key(&ticks) {
                let lots = self.quantity(size);
                self.set(bid, ticks, lots, levels);
            }
        }
    }

    /// Somebody adds to a level or takes away from it.
    fn refresh(&mut self, bid: bool, size: f64, levels: &mut Vec<(bool, i64, i64)>) {
        let count = self.side(bid).len() as u64;
        let at = self.draw.below(count) as usize;
        if let Some(ticks) = self.side(bid).keys().copied().nth(at) {
            let lots = self.quantity(size);
            self.set(bid, ticks, lots, levels);
        }
    }

    fn quantity(&mut self, size: f64) -> i64 {
        (size * (0.3 + 0.7 * self.draw.exponential())).round().max(1.0) as i64
    }

    fn change(&mut self, levels: Vec<(bool, i64, i64)>) -> Option<Change> {
        if levels.is_empty() {
            return None;
        }
        let previous_id = self.last_id;
        self.last_id += levels.len() as u64;
        Some(Change { first_id: previous_id + 1, last_id: self.last_id, previous_id, levels })
    }
}
