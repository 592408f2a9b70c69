//! The write side of the catalog: rows of every kind are appended, and a file is either the old one or the whole new one.

mod check;
mod coverage;
mod export;
mod files;
mod groups;
mod import;
mod index;
mod kind;
mod merge;
mod read;
mod regroup;
mod rewrite;
mod rows;
mod stream;
mod trade_bar;
mod voids;
mod writer;

pub use check::{CheckRequest, Finding, Rule, Severity, check, missing_rows};
pub use coverage::{Month, MonthState, months_of};
pub use export::{ExportRequest, export};
pub use files::FileNotes;
pub(crate) use files::parquet_files;
pub use groups::{SeriesFile, stored_rows};
pub use import::{ImportOptions, TimeUnit, import, read_foreign};
pub use index::{CatalogIndex, FileEntry};
pub use kind::{CellType, ColumnSpec, FilePeriod, SeriesId, SeriesKind, UnknownSeriesKind, ValueRange};
pub use read::StoredRows;
pub use rows::{Cell, CellFault, Column, Rows};
pub use stream::RowStream;
pub use trade_bar::{BarTrade, TradeBar};
pub(crate) use voids::FILE as VOIDS_FILE;
pub use voids::{Void, Voids, mark_void};
pub use writer::{Appended, CatalogWriter, Compacted};
