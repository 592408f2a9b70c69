//! What can be wrong with stored data, said so that a person can act on it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use cryptobot_model::{Timeframe, Timestamp};
use cryptobot_sim::depth::SequenceGap;

use crate::funding::MissingFunding;
use crate::resample::next_open;
use crate::store::FilePeriod;

/// Offending rows that a message shows at most.
pub const SHOWN: usize = 5;

/// Why data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The catalog's folder is not there.
    #[error("{}: no such data folder; give the root of a catalog with --data", root.display())]
    NoCatalog {
        /// The folder that was asked for.
        root: PathBuf,
    },
    /// A venue that the catalog does not have.
    #[error("{}: no venue `{venue}`; {}", root.display(), there_are("venues", known))]
    UnknownVenue {
        /// The catalog.
        root: PathBuf,
        /// What was asked for.
        venue: String,
        /// What is there, sorted.
        known: Vec<String>,
    },
    /// A symbol that the venue does not have.
    #[error("{venue}: no symbol `{symbol}`; {}", there_are("symbols", known))]
    UnknownSymbol {
        /// The venue.
        venue: String,
        /// What was asked for.
        symbol: String,
        /// What is there, sorted.
        known: Vec<String>,
    },
    /// A kind that is neither stored nor can be built from what is stored.
    #[error(
        "{venue} {symbol}: no `{kind}`, and nothing finer to build it from; {}",
        there_are("kinds", known)
    )]
    UnknownKind {
        /// The venue.
        venue: String,
        /// The symbol.
        symbol: String,
        /// What was asked for.
        kind: String,
        /// What is there, sorted.
        known: Vec<String>,
    },
    /// A venue or symbol that is no name of a folder.
    #[error("`{name}` is no {field}: it must be one name without `/`, `\\` or a dot at its beginning")]
    Name {
        /// Venue or symbol.
        field: &'static str,
        /// What was given.
        name: String,
    },
    /// No stored series is of the venue, symbol and kind that were asked for.
    #[error("{}: nothing is stored of {wanted}; `host data list` shows what is", root.display())]
    NoSeries {
        /// The catalog.
        root: PathBuf,
        /// What was asked for.
        wanted: String,
    },
    /// A period without any time in it.
    #[error("the period from {from} to {to} is empty: --from must be before --to")]
    EmptyPeriod {
        /// Its beginning.
        from: Timestamp,
        /// Its end.
        to: Timestamp,
    },
    /// No whole bar lies in the period.
    #[error("{series}: no whole bar lies in the period; {}", stored_range(*stored))]
    NoBars {
        /// Venue, symbol and kind.
        series: String,
        /// First open time and last close time of everything that is stored.
        stored: Option<(Timestamp, Timestamp)>,
    },
    /// Bars are missing.
    #[error("{0}")]
    Missing(Box<MissingBars>),
    /// Funding rates are missing.
    #[error("{0}")]
    MissingFunding(Box<MissingFunding>),
    /// A file holds rows that cannot be true.
    #[error("{0}")]
    Rows(Box<RowFaults>),
    /// Days of trades or books are missing.
    #[error("{0}")]
    MissingDays(Box<MissingDays>),
    /// A book that cannot be built.
    #[error("{0}: no snapshot is stored of it; a book cannot be built from changes alone")]
    NoSnapshot(String),
    /// A change of a book does not follow the one before.
    #[error(
        "{series}: at {at} {gap}, which is stored after it; or choose a period without the gap with --from and --to, or \
         let the book stand until the next snapshot with --allow-gaps"
    )]
    BookGap {
        /// Venue, symbol and kind.
        series: String,
        /// Time of the change.
        at: Timestamp,
        /// The numbers.
        gap: SequenceGap,
    },
    /// Two files hold the same time.
    #[error(
        "{second}: begins at {begins}, before the end of {first}; fix: every time must stand in one file only"
    )]
    Overlap {
        /// The file that begins earlier.
        first: String,
        /// The file that begins inside it.
        second: String,
        /// The first time that both hold.
        begins: Timestamp,
    },
    /// A file whose name is no year or day holds times of the rows that are to be stored.
    #[error(
        "{file}: holds {begins} and has no name of the layout; fix: `host data repair --compact`, then again"
    )]
    Misplaced {
        /// The file.
        file: String,
        /// A time that both hold.
        begins: Timestamp,
    },
    /// A file of another program cannot be imported.
    #[error("{file}{}: {problem}", if *line > 0 { format!(" line {line}") } else { String::new() })]
    Import {
        /// The file; in an archive the archive and the file in it.
        file: String,
        /// Line or row, from 1; 0 = none in particular.
        line: u64,
        /// What is wrong and what is right.
        problem: String,
    },
    /// A column is absent or of another type than the layout says.
    #[error("{file}: column `{column}` {problem}; {expected}")]
    Column {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// What is wrong with it.
        problem: String,
        /// The columns that such files have.
        expected: &'static str,
    },
    /// A file that is no readable Parquet.
    #[error("{file}: not a readable Parquet file ({reason}); fix: import or generate it again")]
    Parquet {
        /// The file.
        file: String,
        /// What the reader says.
        reason: String,
    },
    /// A file that changed under the reader.
    #[error("{file}: changed while it was being used; run again when nothing writes to it")]
    Changed {
        /// The file.
        file: String,
    },
    /// `instruments.json` cannot be used.
    #[error("{}{}: {problem}", file.display(), at.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default())]
    Instruments {
        /// The file.
        file: PathBuf,
        /// Line and column, from 1, where they are known.
        at: Option<(usize, usize)>,
        /// What is wrong and what is right.
        problem: String,
    },
    /// Bars that must not be written.
    #[error("{}: refused to write: {problem}", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// What is wrong with the bars.
        problem: String,
    },
    /// Files in the sample's place that the generator did not make.
    #[error("{}: {problem}; move it away or choose another data folder: the sample never replaces foreign files", path.display())]
    Foreign {
        /// The file or folder.
        path: PathBuf,
        /// Why it counts as foreign.
        problem: String,
    },
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
    /// A thread of the host ended early.
    #[error("a background thread ended early while {doing}")]
    Thread {
        /// What it was doing.
        doing: &'static str,
    },
}

impl DataError {
    /// Wraps an operating system error with its path.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

fn there_are(what: &str, known: &[String]) -> String {
    if known.is_empty() {
        format!("there are no {what}")
    } else {
        format!("{what} there: {}", known.join(", "))
    }
}

fn stored_range(stored: Option<(Timestamp, Timestamp)>) -> String {
    match stored {
        Some((from, to)) => format!("stored are {from} to {to}: choose a part of that with --from and --to"),
        None => "its files are empty".to_owned(),
    }
}

/// A range of missing bars, `[from, to)` by open time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingRun {
    /// Open time of the first missing bar.
    pub from: Timestamp,
    /// Open time of the next bar that is there, or the end of the period.
    pub to: Timestamp,
    /// Number of missing bars.
    pub bars: u64,
}

/// Bars that a period lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingBars {
    /// Venue, symbol and timeframe, for example `binance-usdm BTCUSDT 15m`, and what it is built from if it is.
    pub series: String,
    /// Length of the stored bars.
    pub timeframe: Timeframe,
    /// The period that was asked for; the stored range where it was left open.
    pub asked: (Timestamp, Timestamp),
    /// First open time and last close time of everything that is stored.
    pub stored: (Timestamp, Timestamp),
    /// All missing ranges in order.
    pub runs: Vec<MissingRun>,
}

impl MissingBars {
    /// Number of missing bars.
    pub fn bars(&self) -> u64 {
        self.runs.iter().map(|run| run.bars).sum()
    }

    /// Number of bars of a longer timeframe that lack a part.
    pub fn bars_of(&self, timeframe: Timeframe) -> u64 {
        let (mut bars, mut counted) = (0, Timestamp(i64::MIN));
        for run in &self.runs {
            let from = timeframe.open_of(run.from).max(counted);
            let to = next_open(timeframe, run.to);
            bars += ((to.0 - from.0) / timeframe.nanos()).max(0) as u64;
            counted = counted.max(to);
        }
        bars
    }

    /// The stretches of the period that have every bar, in order.
    fn continuous(&self) -> Vec<(Timestamp, Timestamp)> {
        let mut from = self.asked.0;
        let mut stretches = Vec::new();
        for run in &self.runs {
            if run.from > from {
                stretches.push((from, run.from));
            }
            from = run.to;
        }
        if self.asked.1 > from {
            stretches.push((from, self.asked.1));
        }
        stretches
    }
}

impl fmt::Display for MissingBars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { series, asked, stored, runs, .. } = self;
        f.write_str(series)?;
        if stored.0 > asked.0 {
            write!(f, " begins {}, asked from {};", stored.0, asked.0)?;
        }
        if stored.1 < asked.1 {
            write!(f, " ends {}, asked to {};", stored.1, asked.1)?;
        }
        let ranges = if runs.len() == 1 { "range" } else { "ranges" };
        write!(f, " lacks {} bars in {} {ranges}:", self.bars(), runs.len())?;
        for run in runs.iter().take(SHOWN) {
            write!(f, " {} to {} ({} bars)", run.from, run.to, run.bars)?;
        }
        if runs.len() > SHOWN {
            f.write_str(" ...")?;
        }
        let stretches = self.continuous();
        if !stretches.is_empty() {
            f.write_str("; complete are:")?;
        }
        for (from, to) in stretches.iter().take(SHOWN) {
            write!(f, " {from} to {to}")?;
        }
        if stretches.len() > SHOWN {
            f.write_str(" ...")?;
        }
        f.write_str("; fix: choose a complete period with --from and --to, import what is missing, ")?;
        f.write_str("or pass --allow-gaps to trade over the holes")
    }
}

/// Days of which nothing is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingDays {
    /// Venue, symbol and kind.
    pub series: String,
    /// First and last of the days of each range, in order.
    pub days: Vec<(Timestamp, Timestamp)>,
    /// First and last time of everything that is stored.
    pub stored: (Timestamp, Timestamp),
}

impl fmt::Display for MissingDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { series, days, stored } = self;
        write!(f, "{series} lacks days of the period:")?;
        let name = |day: &Timestamp| FilePeriod::Day.of(day.millis());
        for (first, last) in days.iter().take(SHOWN) {
            write!(f, " {}", name(first))?;
            if last > first {
                write!(f, " to {}", name(last))?;
            }
        }
        if days.len() > SHOWN {
            f.write_str(" ...")?;
        }
        write!(
            f,
            "; stored are {} to {}; fix: choose a period without them with --from and --to, ",
            stored.0, stored.1
        )?;
        f.write_str("or import what is missing")
    }
}

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFault {
    /// A column of the row has no value.
    Null,
    /// The same time as the row before.
    Duplicate,
    /// An earlier time than the row before.
    Unsorted,
    /// The open time is no multiple of the timeframe.
    OffGrid,
    /// A price is zero, negative, not finite or larger than the host can compute with.
    Price,
    /// The high is below another price of the bar.
    High,
    /// The low is above another price of the bar.
    Low,
    /// The volume is negative or not finite.
    Volume,
    /// The time of a funding rate is none of the years 1684 to 2255.
    Time,
    /// A funding rate is not finite, or more than a tenth of the position.
    Rate,
}

impl fmt::Display for RowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "a value is null",
            Self::Duplicate => "same time as the row before",
            Self::Unsorted => "earlier than the row before",
            Self::OffGrid => "open time is not on the timeframe's grid",
            Self::Price => "a price is not positive and finite",
            Self::High => "high is below open, low or close",
            Self::Low => "low is above open or close",
            Self::Volume => "volume is negative or not finite",
            Self::Time => "time is not in milliseconds since 1970",
            Self::Rate => "rate is no fraction between -0.1 and 0.1",
        })
    }
}

/// A row that cannot be true.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultyRow {
    /// Row number in the file, the first is 0.
    pub row: u64,
    /// What is wrong; of several faults the first in the order of [`RowFault`].
    pub fault: RowFault,
    /// Time, the open time of a bar; `None` = null.
    pub ts_ms: Option<i64>,
    /// Its other columns by name; `None` = null.
    pub values: Vec<(&'static str, Option<f64>)>,
}

impl fmt::Display for FaultyRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}", self.row)?;
        match self.ts_ms {
            Some(ts_ms) => write!(f, " at {}", Timestamp::from_millis(ts_ms))?,
            None => f.write_str(" without time")?,
        }
        write!(f, ": {} (", self.fault)?;
        for (index, (name, value)) in self.values.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            match value {
                Some(value) => write!(f, "{separator}{name} {value}")?,
                None => write!(f, "{separator}{name} null")?,
            }
        }
        f.write_str(")")
    }
}

/// The rows of a file that cannot be true.
#[derive(Clone, Debug, PartialEq)]
pub struct RowFaults {
    /// The file, relative to the catalog.
    pub file: String,
    /// The first offending rows, at most [`SHOWN`].
    pub rows: Vec<FaultyRow>,
    /// How many rows of the file offend.
    pub total: u64,
}

impl fmt::Display for RowFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.total == 1 { "row" } else { "rows" };
        write!(f, "{}: {} faulty {noun}: ", self.file, self.total)?;
        for (index, row) in self.rows.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{row}")?;
        }
        if self.total > self.rows.len() as u64 {
            f.write_str("; ...")?;
        }
        f.write_str("; fix: correct these rows or import the file again (--allow-gaps does not waive them)")
    }
}
