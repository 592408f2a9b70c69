//! The prices at which nothing happens.

use crate::bar::Bar;

/// Prices between which a bar causes nothing to what asked for it: to orders that rest, to a position's margin, to a
/// limit. Most bars stay within, and that is all that has to be known of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calm {
    /// Only bars above it pass.
    pub below: f64,
    /// Only bars below it pass.
    pub above: f64,
}

impl Calm {
    /// Every bar passes.
    pub const ALL: Self = Self { below: f64::NEG_INFINITY, above: f64::INFINITY };

    /// No bar passes.
    pub const NONE: Self = Self { below: f64::INFINITY, above: f64::NEG_INFINITY };

    /// Whether a bar passes.
    #[inline]
    pub fn holds(&self, bar: &Bar) -> bool {
        bar.low > self.below && bar.high < self.above
    }

    /// What passes both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { below: self.below.max(other.below), above: self.above.min(other.above) }
    }
}
