//! Native strategies, seeded markets and runs without files, for tests and benchmarks.

pub mod market;
pub mod native;
pub mod noise;
pub mod run;
pub mod sma_flip;

/// How many cases a property is tried with: a few every day, as many as `CRYPTOBOT_CASES` says in campaigns.
#[must_use]
pub fn cases(everyday: u32) -> u32 {
    std::env::var("CRYPTOBOT_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(everyday)
}
