//! Closed bars that a strategy may look back on: one ring per series.

use cryptobot_model::Bar;

/// A column of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Close time, ns as `f64`.
    Ts,
    /// First price.
    Open,
    /// Highest price.
    High,
    /// Lowest price.
    Low,
    /// Last price.
    Close,
    /// Traded amount.
    Volume,
}

/// The newest bars of one series. The strategy sees the newest of them; indicators of a version that takes over are
/// computed from all.
#[derive(Clone, Debug)]
pub struct BarRing {
    bars: Vec<Bar>,
    capacity: usize,
    next: usize,
    visible: usize,
}

impl BarRing {
    /// A ring that keeps `capacity` bars (at least one), all of them visible.
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self { bars: Vec::new(), capacity, next: 0, visible: capacity }
    }

    /// Bars that are kept at most.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Bars that the strategy may see at most.
    pub fn visible(&self) -> usize {
        self.visible
    }

    /// Changes how many bars the strategy may see; where that is more than were kept, more are kept from now on.
    pub fn show(&mut self, visible: usize) {
        self.visible = visible;
        if visible > self.capacity {
            self.bars = self.kept().copied().collect();
            self.capacity = visible;
            self.next = self.bars.len();
        }
    }

    /// All bars that are kept, oldest first.
    pub fn kept(&self) -> impl Iterator<Item = &Bar> {
        // Until the ring is full `next` is its length: then nothing lies before the oldest bar.
        let (newest, oldest) = self.bars.split_at(self.next % self.bars.len().max(1));
        oldest.iter().chain(newest)
    }

    /// Adds the newest bar and forgets the oldest one where there is no room.
    pub fn push(&mut self, bar: &Bar) {
        if self.bars.len() < self.capacity {
            self.bars.push(*bar);
        } else {
            self.bars[self.next] = *bar;
        }
        self.next = (self.next + 1) % self.capacity;
    }

    /// Bars that can be read.
    pub fn len(&self) -> usize {
        self.bars.len().min(self.visible)
    }

    /// Whether no bar can be read yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `n`-th newest bar, 0 = the newest.
    pub fn get(&self, n: usize) -> Option<&Bar> {
        if n >= self.len() {
            return None;
        }
        self.bars.get((self.next + self.capacity - 1 - n) % self.capacity)
    }

    /// The newest `n` values of a column, oldest first.
    pub fn window(&self, column: Column, n: usize) -> Vec<f64> {
        let n = n.min(self.len());
        (0..n).rev().filter_map(|back| self.get(back)).map(|bar| value(bar, column)).collect()
    }
}

fn value(bar: &Bar, column: Column) -> f64 {
    match column {
        Column::Ts => bar.ts.0 as f64,
        Column::Open => bar.open,
        Column::High => bar.high,
        Column::Low => bar.low,
        Column::Close => bar.close,
        Column::Volume => bar.volume,
    }
}

#[cfg(test)]
mod tests {
    use cryptobot_model::Timestamp;

    use super::*;

    #[test]
    fn the_ring_keeps_the_newest_bars() {
        let mut ring = BarRing::new(3);
        assert!(ring.get(0).is_none());
        for close in 1..=5 {
            let price = f64::from(close);
            let ts = Timestamp(i64::from(close));
            ring.push(&Bar { ts, open: price, high: price, low: price, close: price, volume: 0.0 });
        }
        assert_eq!(ring.window(Column::Close, 10), [3.0, 4.0, 5.0]);
        assert_eq!(ring.get(0).map(|bar| bar.close), Some(5.0));
        assert_eq!(ring.get(2).map(|bar| bar.close), Some(3.0));
        assert!(ring.get(3).is_none());
    }

    #[test]
    fn a_ring_grows_where_more_is_to_be_seen() {
        let mut ring = BarRing::new(2);
        let push = |ring: &mut BarRing, price: f64| {
            ring.push(&Bar {
                ts: Timestamp(0),
                open: price,
                high: price,
                low: price,
                close: price,
                volume: 0.0,
            });
        };
        (1..=3).for_each(|price| push(&mut ring, f64::from(price)));
        ring.show(4);
        assert_eq!(ring.window(Column::Close, 9), [2.0, 3.0]);
        (4..=6).for_each(|price| push(&mut ring, f64::from(price)));
        assert_eq!(ring.window(Column::Close, 9), [3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn what_is_kept_and_what_is_seen_differ() {
        for bars in 0..8 {
            let mut ring = BarRing::new(4);
            ring.show(2);
            for close in 1..=bars {
                let price = f64::from(close);
                let ts = Timestamp(i64::from(close));
                ring.push(&Bar { ts, open: price, high: price, low: price, close: price, volume: 0.0 });
            }
            let kept: Vec<i32> = ring.kept().map(|bar| bar.close as i32).collect();
            assert_eq!(kept, (1..=bars).skip((bars as usize).saturating_sub(4)).collect::<Vec<_>>());
            let seen: Vec<f64> = (1..=bars).skip((bars as usize).saturating_sub(2)).map(f64::from).collect();
            assert_eq!((ring.len(), ring.window(Column::Close, 9)), (seen.len(), seen));
            assert!(ring.get(2).is_none());
        }
    }
}
