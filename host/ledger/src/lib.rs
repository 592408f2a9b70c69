//! Accounts, virtual sub-accounts, positions, profit and loss.
//!
//! Every strategy trades in an [`Account`] of its own. All amounts are exact decimals; a fill that reduces a position
//! realises its share of the position's cost, so that money is conserved to the last place:
//! `wallet − Σ cost` changes by exactly `−signed quantity × price − fee` with every fill.
#![forbid(unsafe_code)]

mod account;
mod position;

pub use account::Account;
pub use position::{Position, PositionChange};
