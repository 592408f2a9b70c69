//! What margin accounts refuse.

use cryptobot_model::{Money, Price, Quantity, Rate};
use thiserror::Error;

/// Settings or amounts that no exchange accepts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MarginError {
    /// More leverage than there is, or none.
    #[error("leverage {leverage} must be between 1 and {limit}")]
    Leverage {
        /// What was asked for.
        leverage: u32,
        /// The highest possible one.
        limit: u32,
    },
    /// More leverage than the bracket table allows for a position of this size.
    #[error("leverage {leverage} is above {limit}, the highest for a notional of {notional}")]
    LeverageOfNotional {
        /// What was asked for.
        leverage: u32,
        /// The highest possible one.
        limit: u32,
        /// Notional of the position.
        notional: Money,
    },
    /// A position larger than the bracket table allows.
    #[error("a notional of {notional} is above {limit}, the largest position")]
    Notional {
        /// Notional of the position.
        notional: Money,
        /// Cap of the last bracket.
        limit: Money,
    },
    /// Mode or leverage cannot change under a position.
    #[error("margin mode and leverage change only without a position; close {quantity} first")]
    OpenPosition {
        /// What is open, signed.
        quantity: Quantity,
    },
    /// A size that is none.
    #[error("size {0} must be above 0")]
    Size(Quantity),
    /// A price that is none.
    #[error("{name} {price} must be above 0")]
    Price {
        /// Which price.
        name: &'static str,
        /// Its value.
        price: Price,
    },
    /// A maintenance rate that is no fraction.
    #[error("mmr {0} must be a fraction from 0 to below 1, for example 0.004 for 0.4 %")]
    MaintenanceRate(Rate),
    /// An amount that cannot be negative.
    #[error("{name} {amount} must not be negative")]
    Negative {
        /// Which amount.
        name: &'static str,
        /// Its value.
        amount: Money,
    },
    /// A price that cannot be computed with.
    #[error("the amounts are too large to compute with; none may exceed 100000000000")]
    TooLarge,
}
