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

/// The newest bars of one series.
#[derive(Clone, Debug)]
pub struct BarRing {
    bars: Vec<Bar>,
    capacity: usize,
    next: usize,
}

impl BarRing {
    /// A ring that keeps `capacity` bars (at least one).
    pub fn new(capacity: usize) -> Self {
        Self { bars: Vec::new(), capacity: capacity.max(1), next: 0 }
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
        self.bars.len()
    }

    /// Whether no bar has closed yet.
    pub fn is_empty(&self) -> bool {
        self.bars.is_empty()
    }

    /// The `n`-th newest bar, 0 = the newest.
    pub fn get(&self, n: usize) -> Option<&Bar> {
        if n >= self.bars.len() {
            return None;
        }
        self.bars.get((self.next + self.capacity - 1 - n) % self.capacity)
    }

    /// The newest `n` values of a column, oldest first.
    pub fn window(&self, column: Column, n: usize) -> Vec<f64> {
        let n = n.min(self.bars.len());
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
}
