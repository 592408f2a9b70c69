//! Options of `host features`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use cryptobot_model::{Timeframe, Timestamp};

use super::Format;

/// Which columns, over which data, into which file.
#[derive(Debug, Args)]
pub(crate) struct FeatureArguments {
    /// Feature sets, or single features of them, with commas between; a wrong name is answered with those that there are.
    #[arg(
        long = "set",
        value_name = "NAME,...",
        value_delimiter = ',',
        required_unless_present = "features"
    )]
    pub(crate) sets: Vec<String>,
    /// File (YAML) with sets and columns of your own.
    #[arg(long, value_name = "FILE")]
    pub(crate) features: Option<PathBuf>,
    /// Longer timeframes at which columns of bars are computed, too, with commas between: 1h,4h.
    #[arg(long, value_name = "TIMEFRAME,...", value_delimiter = ',')]
    pub(crate) higher: Vec<Timeframe>,
    /// Folder of market data.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
    /// Venue, for example binance-usdm; needed where the data have several.
    #[arg(long)]
    pub(crate) venue: Option<String>,
    /// Symbols, with commas between; with several the table has a column `symbol`.
    #[arg(long = "symbol", value_name = "SYMBOL,...", value_delimiter = ',', required = true)]
    pub(crate) symbols: Vec<String>,
    /// Length of the bars that rows stand for, for example 15m.
    #[arg(long, default_value_t = Timeframe::HOUR)]
    pub(crate) timeframe: Timeframe,
    /// First bar by open time, UTC, inclusive: 2024-01-01 or 2024-01-01T12:00.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Timestamp>,
    /// End by open time, UTC, exclusive.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Timestamp>,
    /// Scale the columns; the scaler is fitted on the rows before --fit-until and stored with the schema.
    #[arg(long, value_enum, requires = "fit_until")]
    pub(crate) scaler: Option<Scaling>,
    /// The scaler is fitted on rows whose bars closed at this time or before, UTC.
    #[arg(long, value_name = "TIME", requires = "scaler")]
    pub(crate) fit_until: Option<Timestamp>,
    /// Compute over missing data: cells that need them are empty.
    #[arg(long)]
    pub(crate) allow_gaps: bool,
    /// The table (Parquet); its schema is written beside it as .schema.json.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// How columns are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scaling {
    /// To mean 0 and standard deviation 1.
    Standard,
    /// Smallest and largest fitted value to 0 and 1.
    MinMax,
    /// To median 0 and interquartile range 1.
    Robust,
    /// Logarithm of the size, then as standard.
    Log,
}

impl From<Scaling> for cryptobot_features::Scaling {
    fn from(scaling: Scaling) -> Self {
        match scaling {
            Scaling::Standard => Self::Standard,
            Scaling::MinMax => Self::MinMax,
            Scaling::Robust => Self::Robust,
            Scaling::Log => Self::Log,
        }
    }
}
