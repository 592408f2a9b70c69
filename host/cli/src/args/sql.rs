//! Options of `host data sql`.

use std::path::PathBuf;

use clap::Args;

/// What to ask the catalog.
#[derive(Debug, Args)]
pub(crate) struct SqlArguments {
    /// One query: SELECT … or WITH …
    #[arg(value_name = "QUERY")]
    pub(crate) query: String,
    /// Folder of market data.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: SqlFormat,
    /// Write the result into a file instead: .csv or .parquet.
    #[arg(long, value_name = "FILE", conflicts_with = "format")]
    pub(crate) out: Option<PathBuf>,
    /// Most rows of the table that is printed; CSV, JSON and files have all.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) rows: usize,
}

/// How the rows of a query are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SqlFormat {
    /// A table with the first rows.
    #[default]
    Human,
    /// A list of objects.
    Json,
    /// Names of columns, then rows.
    Csv,
}
