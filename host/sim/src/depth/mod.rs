//! The simulated exchange on recorded order books (L2) and trades.
//!
//! A [`Book`] follows the market's levels, [`BookSync`] makes sure that no diff is missing, and an [`Exchange`] holds
//! our own orders against them: takers walk through the levels, resting orders wait in a queue whose length is
//! estimated by a [`QueueModel`]. A [`Gateway`] adds the way there and back. The rules are those of
//! `docs/src/concepts/order-book.md`.

mod book;
mod conditional;
mod contract;
mod exchange;
mod gateway;
mod ladder;
mod matching;
mod queue;
mod resting;
mod sync;
mod tally;
#[cfg(test)]
mod tests;
mod trades;

pub use book::{Book, Level};
pub use contract::Contract;
pub use exchange::{DepthConfig, Exchange};
pub use gateway::{ConstantLatency, Gateway, LatencyModel};
pub use queue::{QueueModel, QueuePosition};
pub use sync::{BookSync, Continuity, SequenceGap};
