//! The write side of the catalog: rows of every kind are appended, and a file is either the old one or the whole new one.

mod files;
mod kind;
mod merge;
mod rows;
mod writer;

pub use files::FileNotes;
pub use kind::{CellType, ColumnSpec, FilePeriod, SeriesId, SeriesKind, UnknownSeriesKind, ValueRange};
pub use rows::{Cell, CellFault, Rows};
pub use writer::{Appended, CatalogWriter, Compacted};
