//! Options of runs in real time.

use clap::Args;
use cryptobot_run::Speed;
use cryptobot_run::length::Length;

/// How a run in real time is driven.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct LiveArguments {
    /// In a simulation: how fast time passes, 10 = ten times as fast as on the wall, or max [default: 1].
    #[arg(long, value_name = "N|max")]
    pub(crate) speed: Option<Speed>,
    /// In a simulation: end after so much time on the wall, for example 90s, 5m or 24h.
    #[arg(long, value_name = "TIME")]
    pub(crate) duration: Option<Length>,
    /// In a simulation: when a plugin file changes, the new version takes over.
    #[arg(long)]
    pub(crate) watch: bool,
}
