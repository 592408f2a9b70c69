//! Margin of an exchange account in one-way mode.

mod account;
mod error;
mod estimate;
mod formulas;
mod guard;
mod liquidation;

pub use account::{MarginAccount, MarginChange, MarginMode, MarginSettings};
pub use error::MarginError;
pub use estimate::{Estimate, MaintenanceTerms, MarginFigures};
pub use formulas::{LiquidationPoint, Stake, funding_payment, margin_ratio};
pub use liquidation::LiquidationStep;
