//! Native strategies, seeded markets, runs without files and exchanges on a loopback address, for tests and benchmarks.

pub mod exchange;
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
