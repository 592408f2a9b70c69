//! Options of `host data record`.

use std::path::PathBuf;

use clap::Args;
use cryptobot_run::length::Length;

use super::Format;

/// What is recorded, and where to.
#[derive(Debug, Args)]
pub(crate) struct RecordArguments {
    /// The exchange: binance-usdm.
    #[arg(long)]
    pub(crate) venue: String,
    /// Symbols as the exchange writes them, with commas between.
    #[arg(long = "symbol", value_name = "SYMBOL", value_delimiter = ',', required = true)]
    pub(crate) symbols: Vec<String>,
    /// Kinds with commas between: aggtrades, depth, liquidations, funding, bars (1m), bars of the mark price (mark-1m);
    /// quotes onto a tape only.
    #[arg(long = "kind", value_name = "KIND", value_delimiter = ',', required = true)]
    pub(crate) kinds: Vec<String>,
    /// Folder of market data.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
    /// A new file that everything is written to as it arrives.
    #[arg(long, value_name = "FILE")]
    pub(crate) tape: Option<PathBuf>,
    /// Write the tape alone, and nothing into the folder of market data.
    #[arg(long, requires = "tape")]
    pub(crate) no_catalog: bool,
    /// End after so long, for example 90s, 5m or 24h [default: at Ctrl-C].
    #[arg(long, value_name = "TIME")]
    pub(crate) duration: Option<Length>,
    /// Time between two writes into the folder of market data; longer where a write takes more than a tenth of it.
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub(crate) every: Length,
    /// Time without a sign of life after which a connection is made again.
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub(crate) silence: Length,
    /// Address that requests go to, where it is another one than usual.
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// Address of the streams, where it is another one than usual: ws:// or wss://.
    #[arg(long, value_name = "URL")]
    pub(crate) stream_url: Option<String>,
    /// Seed of the pauses after failures.
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}
