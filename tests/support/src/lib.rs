//! Native strategies, seeded markets and runs without files, for tests and benchmarks.

pub mod market;
pub mod native;
pub mod noise;
pub mod run;
pub mod sma_flip;
