//! Dense ids: instruments, series and strategies are indexed once at start-up and are array positions afterwards.

use serde::{Deserialize, Serialize};

macro_rules! dense_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The position of this id in the arrays of a run.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl From<usize> for $name {
            fn from(index: usize) -> Self {
                Self(index as u32)
            }
        }
    };
}

dense_id!(
    /// One instrument of a run: a symbol at a venue.
    InstrumentId
);
dense_id!(
    /// One bar series of a strategy: an instrument at a timeframe, numbered per strategy from 0.
    SeriesId
);
dense_id!(
    /// One strategy of a run: its slot, in the order of the configuration.
    StrategyId
);

/// A client order id: unique in a run, the same in every repetition of it.
///
/// The upper 24 bits are the strategy's slot plus one, the lower 40 its own sequence from 1, so that ids of
/// different strategies never meet and 0 stays free for "nothing to do".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderId(pub u64);

impl OrderId {
    /// What an order function returns when there is nothing to do.
    pub const NONE: Self = Self(0);
    const SEQUENCE_BITS: u32 = 40;

    /// The id of a strategy's `sequence`-th order (from 1).
    pub const fn new(strategy: StrategyId, sequence: u64) -> Self {
        Self(((strategy.0 as u64 + 1) << Self::SEQUENCE_BITS) | sequence)
    }

    /// The id of the exchange's own orders on a strategy's position, such as liquidations.
    pub const fn of_exchange(strategy: StrategyId) -> Self {
        Self::new(strategy, 0)
    }

    /// Whether it names an order.
    pub const fn is_some(self) -> bool {
        self.0 != 0
    }

    /// The strategy that owns the order; `None` for ids that no strategy was given.
    pub const fn strategy(self) -> Option<StrategyId> {
        match self.0 >> Self::SEQUENCE_BITS {
            0 => None,
            slot => Some(StrategyId((slot - 1) as u32)),
        }
    }

    /// The order's number among the orders of its strategy, from 1; 0 = the exchange's own.
    pub const fn sequence(self) -> u64 {
        self.0 & ((1 << Self::SEQUENCE_BITS) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_ids_carry_their_strategy_and_sequence() {
        let id = OrderId::new(StrategyId(3), 7);
        assert_eq!(id.strategy(), Some(StrategyId(3)));
        assert_eq!(id.sequence(), 7);
        assert_eq!(OrderId::NONE.strategy(), None);
    }
}
