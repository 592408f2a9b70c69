//! A market's order book by price level.

use cryptobot_model::{DepthUpdate, Side};

use super::ladder::Ladder;

/// A price level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Price in ticks.
    pub tick: i64,
    /// Quantity in lots, positive.
    pub lots: i64,
}

/// Bids and asks in whole ticks and lots. The best levels are known at any time.
#[derive(Clone, Debug)]
pub struct Book {
    bids: Ladder,
    asks: Ladder,
}

impl Default for Book {
    fn default() -> Self {
        Self::new()
    }
}

/// Turns ticks of a side into ladder keys and back: the best price has the highest key.
const fn key(side: Side, tick: i64) -> i64 {
    match side {
        Side::Buy => tick,
        Side::Sell => -tick,
    }
}

impl Book {
    /// An empty book.
    pub fn new() -> Self {
        Self { bids: Ladder::new(), asks: Ladder::new() }
    }

    /// Sets one level and returns its former quantity in lots.
    #[inline]
    pub fn apply(&mut self, update: DepthUpdate) -> i64 {
        let key = key(update.side, update.tick);
        match update.side {
            Side::Buy => self.bids.set(key, update.lots),
            Side::Sell => self.asks.set(key, update.lots),
        }
    }

    /// Replaces the whole book.
    pub fn reset(&mut self, levels: &[DepthUpdate]) {
        self.bids.clear();
        self.asks.clear();
        for level in levels {
            self.apply(*level);
        }
    }

    /// The best level of a side: the highest bid or the lowest ask.
    #[inline]
    pub fn best(&self, side: Side) -> Option<Level> {
        self.ladder(side).best().map(|(at, lots)| Level { tick: key(side, at), lots })
    }

    /// Quantity of a level in lots; 0 where there is none.
    #[inline]
    pub fn lots(&self, side: Side, tick: i64) -> i64 {
        self.ladder(side).get(key(side, tick))
    }

    /// The levels of a side from the best on.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        self.ladder(side).iter().map(move |(at, lots)| Level { tick: key(side, at), lots })
    }

    /// Whether a side has no level.
    pub fn is_empty(&self, side: Side) -> bool {
        self.ladder(side).best().is_none()
    }

    const fn ladder(&self, side: Side) -> &Ladder {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }
}
