//! A stream of checked bars of one series.

use std::sync::Arc;

use cryptobot_engine::{BarBlock, BarSource, SourceError};
use cryptobot_model::{Timeframe, Timestamp};

use crate::audit::{times_rise, values_are_possible};
use crate::columns::{BarColumns, GroupReader};
use crate::error::{DataError, MissingBars};
use crate::file::{BLOCK_ROWS, StoredFile, TouchedFile};
use crate::plan::{Plan, Segment};
use crate::resample::Resampler;

/// Which bars are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesRequest {
    /// Venue, for example `binance-usdm`.
    pub venue: String,
    /// Symbol, for example `BTCUSDT`.
    pub symbol: String,
    /// Length of the bars.
    pub timeframe: Timeframe,
    /// Only bars that open at or after this; `None` = from the first stored bar on.
    pub from: Option<Timestamp>,
    /// Only bars that open before this; `None` = to the last stored bar.
    pub to: Option<Timestamp>,
    /// Whether missing bars are allowed. Nothing else is waived.
    pub allow_gaps: bool,
}

/// Reads a series block by block. Every row is checked on the way.
pub struct SeriesReader {
    rows: RowReader,
    source: Timeframe,
    target: Timeframe,
    resampling: Option<(Resampler, BarBlock)>,
    missing: MissingBars,
}

impl SeriesReader {
    pub(crate) fn new(plan: Plan, source: Timeframe, target: Timeframe) -> Result<Self, DataError> {
        let Plan { files, segments, missing } = plan;
        let columns = files.iter().map(StoredFile::bar_columns).collect::<Result<_, _>>()?;
        let stored = Arc::new(StoredRows { files, columns, segments, timeframe: source });
        let rows = RowReader { stored, next: 0, open: None };
        let resampling = (source != target).then(|| (Resampler::new(target), BarBlock::default()));
        Ok(Self { rows, source, target, resampling, missing })
    }

    /// Leaves out bars that are built from a stretch with a hole in it.
    pub(crate) fn only_whole_bars(mut self) -> Self {
        if let Some((resampler, _)) = &mut self.resampling {
            resampler.only_whole(self.source);
        }
        self
    }

    /// The series from its first bar on, to be read any number of times.
    pub fn repeatable(&self) -> StoredSeries {
        let resampler = self.resampling.as_ref().map(|(resampler, _)| resampler.fresh());
        let (stored, missing) = (Arc::clone(&self.rows.stored), self.missing.clone());
        StoredSeries { stored, source: self.source, target: self.target, resampler, missing }
    }

    /// Length of the stored bars that are read; another one than asked for where bars are resampled.
    pub fn source_kind(&self) -> Timeframe {
        self.source
    }

    /// Length of the bars that come out.
    pub fn timeframe(&self) -> Timeframe {
        self.target
    }

    /// Open time of the first bar.
    pub fn first_open(&self) -> Timestamp {
        let first = self.rows.stored.segments.first().map_or(0, |segment| segment.bounds.0);
        self.target.open_of(Timestamp::from_millis(first))
    }

    /// Close time of the last bar.
    pub fn last_close(&self) -> Timestamp {
        let last = self.rows.stored.segments.last().map_or(0, |segment| segment.bounds.1);
        self.target.open_of(Timestamp::from_millis(last)).plus(self.target.nanos())
    }

    /// Number of bars to come: exact for stored bars; for resampled ones exact without gaps, else an upper bound.
    pub fn expected_rows(&self) -> u64 {
        let stored: u64 = self.rows.stored.segments.iter().map(|segment| segment.take as u64).sum();
        if self.resampling.is_none() {
            return stored;
        }
        ((self.last_close().0 - self.first_open().0) / self.target.nanos()).min(stored as i64) as u64
    }

    /// The missing bars that were waived, in bars of [`Self::source_kind`]; `None` = nothing is missing.
    pub fn waived(&self) -> Option<&MissingBars> {
        (!self.missing.runs.is_empty()).then_some(&self.missing)
    }

    /// The files whose rows are read, for the identity of a run.
    pub fn touched(&self) -> Vec<TouchedFile> {
        let mut indices: Vec<usize> = self.rows.stored.segments.iter().map(|segment| segment.file).collect();
        indices.dedup();
        indices.into_iter().map(|index| self.rows.stored.files[index].touched.clone()).collect()
    }

    /// Replaces the contents of `block` with the next bars; leaves it empty at the end.
    pub fn read(&mut self, block: &mut BarBlock) -> Result<(), DataError> {
        let Some((resampler, scratch)) = &mut self.resampling else {
            return self.rows.read(block);
        };
        block.clear();
        while block.is_empty() {
            self.rows.read(scratch)?;
            if scratch.is_empty() {
                resampler.flush(block);
                break;
            }
            resampler.add(scratch, 0..scratch.len(), block);
        }
        Ok(())
    }
}

impl BarSource for SeriesReader {
    fn next_block(&mut self, block: &mut BarBlock) -> Result<(), SourceError> {
        self.read(block).map_err(SourceError::from)
    }
}

/// A series whose files are open and planned: it is read from its first bar on any number of times, by several threads
/// at once.
pub struct StoredSeries {
    stored: Arc<StoredRows>,
    source: Timeframe,
    target: Timeframe,
    resampler: Option<Resampler>,
    missing: MissingBars,
}

impl StoredSeries {
    /// A reader that begins with the first bar.
    pub fn read(&self) -> SeriesReader {
        SeriesReader {
            rows: RowReader { stored: Arc::clone(&self.stored), next: 0, open: None },
            source: self.source,
            target: self.target,
            resampling: self.resampler.as_ref().map(|resampler| (resampler.fresh(), BarBlock::default())),
            missing: self.missing.clone(),
        }
    }
}

/// The rows of a plan.
struct StoredRows {
    files: Vec<StoredFile>,
    columns: Vec<BarColumns>,
    segments: Vec<Segment>,
    timeframe: Timeframe,
}

/// Reads the segments of a plan.
struct RowReader {
    stored: Arc<StoredRows>,
    next: usize,
    open: Option<OpenSegment>,
}

/// A segment that is being read.
struct OpenSegment {
    reader: GroupReader,
    segment: Segment,
    left: usize,
    /// Time of the row before; `None` at the beginning.
    before: Option<i64>,
}

impl RowReader {
    fn read(&mut self, block: &mut BarBlock) -> Result<(), DataError> {
        block.clear();
        let StoredRows { files, columns, segments, timeframe } = &*self.stored;
        if self.open.is_none() {
            let Some(&segment) = segments.get(self.next) else {
                return Ok(());
            };
            let Segment { file, group, skip, take, .. } = segment;
            let reader = files[file].bars(group, columns[file], skip)?;
            self.open = Some(OpenSegment { reader, segment, left: take, before: None });
            self.next += 1;
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let file = &files[open.segment.file];
        let rows = open.left.min(BLOCK_ROWS);
        let complete = file.read(&mut open.reader, rows, block)?;
        open.left -= rows;
        if !complete || !open.fits(block, timeframe.millis()) || !values_are_possible(block) {
            block.clear();
            return Err(file.fault(*timeframe));
        }
        if open.left == 0 {
            self.open = None;
        }
        Ok(())
    }
}

impl OpenSegment {
    /// Whether the times are those that the plan foresaw.
    fn fits(&mut self, block: &BarBlock, step: i64) -> bool {
        let (Some(&first), Some(&last)) = (block.open_ms.first(), block.open_ms.last()) else {
            return false;
        };
        let exact = self.segment.continuous;
        let connected = match self.before {
            None => first == self.segment.bounds.0,
            Some(before) => times_rise(&[before, first], step, exact),
        };
        self.before = Some(last);
        connected
            && times_rise(&block.open_ms, step, exact)
            && (self.left > 0 || last == self.segment.bounds.1)
    }
}
