//! Pre-trade checks between every strategy and every venue.
//!
//! [`check`] is the only way to an [`Approved`] order, and venues take nothing else: an order that was not approved
//! cannot be sent.
#![forbid(unsafe_code)]

mod check;
mod grid;

pub use check::{Approved, Exposure, ProposedOrder, check, check_amendment};
pub use grid::Grid;
