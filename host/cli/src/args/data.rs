//! Options of `host data`.

use std::path::PathBuf;

use clap::Args;
use cryptobot_data::store::SeriesKind;
use cryptobot_model::Timestamp;

use super::Format;

/// Which series of a catalog.
#[derive(Debug, Args)]
pub(crate) struct WhichSeries {
    /// Folder of market data.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
    /// Only this venue.
    #[arg(long)]
    pub(crate) venue: Option<String>,
    /// Only this symbol.
    #[arg(long)]
    pub(crate) symbol: Option<String>,
    /// Only this kind, for example 1m or funding.
    #[arg(long)]
    pub(crate) kind: Option<SeriesKind>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// What to check.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    pub(crate) which: WhichSeries,
    /// Another folder of market data to compare the same series with.
    #[arg(long, value_name = "DIR")]
    pub(crate) against: Option<PathBuf>,
}

/// What to repair, and how.
#[derive(Debug, Args)]
#[group(id = "way", required = true, multiple = true, args = ["compact", "void", "void_gaps", "refetch"])]
pub(crate) struct RepairArguments {
    #[command(flatten)]
    pub(crate) which: WhichSeries,
    /// Sort rows, drop those that stand twice, and move each into the file of its year.
    #[arg(long)]
    pub(crate) compact: bool,
    /// Mark a stretch as void: nothing is to be had there, and runs need no --allow-gaps for it.
    #[arg(long, value_name = "FROM..TO")]
    pub(crate) void: Vec<String>,
    /// Mark every hole as void.
    #[arg(long)]
    pub(crate) void_gaps: bool,
    /// Why there is nothing.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
    /// Ask the exchange again for what is missing.
    #[arg(long)]
    pub(crate) refetch: bool,
}

/// What to import, and as what.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// Files: CSV, JSON, Parquet or feather; CSV and JSON also gzipped or in a zip archive. Tapes say themselves what
    /// they hold.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Venue that the rows are stored under; of a tape only its series.
    #[arg(long)]
    pub(crate) venue: Option<String>,
    /// Symbol that the rows are stored under; of a tape only its series.
    #[arg(long)]
    pub(crate) symbol: Option<String>,
    /// What the rows are, for example 1m or funding; of a tape only such series.
    #[arg(long)]
    pub(crate) kind: Option<SeriesKind>,
    /// Which column of the file is which: ts=date,volume=2; names, or numbers from 0 on.
    #[arg(long, value_name = "COLUMN=NAME,...", value_delimiter = ',')]
    pub(crate) map: Vec<String>,
    /// Of a zip archive only the file of this name.
    #[arg(long, value_name = "NAME")]
    pub(crate) entry: Option<String>,
    /// Unit of the times, where it is not to be told from their size.
    #[arg(long, value_enum)]
    pub(crate) unit: Option<Unit>,
    /// Folder of market data.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Unit of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Unit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
}

/// What to export, and where to.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// The file to write: .csv or .parquet.
    pub(crate) out: PathBuf,
    /// Venue.
    #[arg(long)]
    pub(crate) venue: String,
    /// Symbol.
    #[arg(long)]
    pub(crate) symbol: String,
    /// Kind, for example 1m or funding.
    #[arg(long)]
    pub(crate) kind: SeriesKind,
    /// First time, UTC, inclusive.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Timestamp>,
    /// End, UTC, exclusive.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Timestamp>,
    /// Columns in the order in which they are written [default: all].
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// Folder of market data.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
}

/// What is downloaded.
#[derive(Debug, Args)]
pub(crate) struct DownloadArguments {
    /// The exchange: binance-usdm, binance-spot, coinbase, ethereal or kraken.
    #[arg(long)]
    pub(crate) venue: String,
    /// Symbols as the exchange writes them, with commas between.
    #[arg(long = "symbol", value_name = "SYMBOL", value_delimiter = ',', required = true)]
    pub(crate) symbols: Vec<String>,
    /// Kinds with commas between, for example 1m,mark-1m,funding; a wrong one is answered with those that there are.
    #[arg(long = "kind", value_name = "KIND", value_delimiter = ',', required = true)]
    pub(crate) kinds: Vec<String>,
    /// First time, UTC, inclusive: 2024-01-01 or 2024-01-01T12:00.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Timestamp,
    /// End, UTC, exclusive [default: now]. The bar that is open now is left out.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Timestamp>,
    /// Folder of market data.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
    /// Address of the exchange, where it is another one than usual.
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// Requests under way at once; each series is fetched by one.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub(crate) jobs: u8,
    /// Seed of the pauses after failures.
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// Replace terms in instruments.json that differ from the exchange's.
    #[arg(long)]
    pub(crate) update_instruments: bool,
    /// Ask for nothing; say how many requests it would be, of which weight, and how long they would take.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}
