//! Accounts, virtual sub-accounts, positions, profit and loss.
//!
//! Every strategy trades in an [`Account`] of its own. All amounts are exact decimals; a fill that reduces a position
//! realises its share of the position's cost, so that money is conserved to the last place:
//! `wallet − Σ cost` changes by exactly `−signed quantity × price − fee` with every fill.
//!
//! A [`MarginAccount`] is the account at the exchange: net positions, isolated and cross margin, brackets, liquidation.
#![forbid(unsafe_code)]

mod account;
mod margin;
mod net;
mod position;

pub use account::Account;
pub use margin::{
    Estimate, LiquidationPoint, LiquidationStep, MaintenanceTerms, MarginAccount, MarginChange, MarginError,
    MarginFigures, MarginMode, MarginSettings, Stake, funding_payment, margin_ratio,
};
pub use net::NetPosition;
pub use position::{Position, PositionChange};
