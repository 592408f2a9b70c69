//! Options of `host data generate`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use cryptobot_data::store::SeriesKind;
use cryptobot_data::synthetic::Scenario;
use cryptobot_model::{Timeframe, Timestamp};

/// What is generated: without --scenario and --overlay the bundled sample.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("market").args(["scenario", "overlay"]))]
pub(crate) struct GenerateArguments {
    /// Folder of market data [default: data; of a scenario or overlay data-NAME].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Seed.
    #[arg(long, default_value_t = cryptobot_data::sample::SEED)]
    pub(crate) seed: u64,
    /// A market of its own instead of the sample: bull, bear, sideways, high-volatility, flash-crash, low-liquidity,
    /// high-correlation or mixed.
    #[arg(long, value_name = "NAME")]
    pub(crate) scenario: Option<Scenario>,
    /// Symbols with commas between [default of a scenario: BTCUSDT,ETHUSDT,BNBUSDT,ADAUSDT,SOLUSDT].
    #[arg(long = "symbol", value_name = "SYMBOL", value_delimiter = ',', requires = "market")]
    pub(crate) symbols: Vec<String>,
    /// First time, UTC, inclusive [default of a scenario: 2024-01-01, of an overlay: all that is stored].
    #[arg(long, value_name = "TIME", requires = "market")]
    pub(crate) from: Option<Timestamp>,
    /// End, UTC, exclusive.
    #[arg(long, value_name = "TIME", requires = "market")]
    pub(crate) to: Option<Timestamp>,
    /// Length of the scenario in days, instead of --to [default: 30].
    #[arg(long, value_name = "N", requires = "scenario", conflicts_with = "to",
        value_parser = clap::value_parser!(u32).range(1..=3653))]
    pub(crate) days: Option<u32>,
    /// Length of the scenario's bars [default: 1m].
    #[arg(long, requires = "scenario", conflicts_with = "kinds")]
    pub(crate) timeframe: Option<Timeframe>,
    /// Kinds with commas between: bars (1m), mark-1m, index-1m, funding, aggtrades, depth [default of a scenario:
    /// 1m,mark-1m,funding; of an overlay: all that is stored of bars, mark, index, funding and statistics].
    #[arg(long = "kind", value_name = "KIND", value_delimiter = ',', requires = "market")]
    pub(crate) kinds: Vec<SeriesKind>,
    /// Correlation of any two pairs of the scenario, 0 to 1 [default: that of the scenario].
    #[arg(long, value_name = "NUMBER", requires = "scenario", allow_negative_numbers = true)]
    pub(crate) correlation: Option<f64>,
    #[command(flatten)]
    pub(crate) overlay: OverlayArguments,
}

/// A stress on stored data.
#[derive(Debug, Args)]
pub(crate) struct OverlayArguments {
    /// Put a stress on stored data: flash-crash, gap, volatility or drought.
    #[arg(id = "overlay", long = "overlay", value_name = "NAME", requires_all = ["on", "at", "symbols"])]
    pub(crate) stress: Option<String>,
    /// Folder of the market data that the stress is put on.
    #[arg(long, value_name = "DIR", requires = "overlay")]
    pub(crate) on: Option<PathBuf>,
    /// Venue of these data; needed where there are several.
    #[arg(long, requires = "overlay")]
    pub(crate) venue: Option<String>,
    /// When the stress begins, UTC.
    #[arg(long, value_name = "TIME", requires = "overlay")]
    pub(crate) at: Option<Timestamp>,
    /// flash-crash: what the price loses, as a fraction [default: 0.3].
    #[arg(long, value_name = "FRACTION", requires = "overlay", allow_negative_numbers = true)]
    pub(crate) fall: Option<f64>,
    /// flash-crash: what comes back of it within four times as long, as a fraction [default: 0.6].
    #[arg(long, value_name = "FRACTION", requires = "overlay", allow_negative_numbers = true)]
    pub(crate) recovery: Option<f64>,
    /// Length of a flash crash's fall [default: 15], of volatility or a drought [default: 240].
    #[arg(long, value_name = "N", requires = "overlay")]
    pub(crate) minutes: Option<u32>,
    /// gap: change of the price, as a fraction [default: -0.1].
    #[arg(long, value_name = "FRACTION", requires = "overlay", allow_negative_numbers = true)]
    pub(crate) size: Option<f64>,
    /// volatility: what returns are multiplied with [default: 3]; drought: what volumes are divided by [default: 10].
    #[arg(long, value_name = "NUMBER", requires = "overlay", allow_negative_numbers = true)]
    pub(crate) factor: Option<f64>,
}
