//! Which rows of which files make up a period, and which bars it lacks: known before the first bar is decoded.

use cryptobot_model::{Timeframe, Timestamp};

use crate::audit::on_grid;
use crate::error::{DataError, MissingBars, MissingRun};
use crate::file::{Group, StoredFile};
use crate::resample::next_open;

/// The rows of one row group that lie in the period.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    /// Index of the file.
    pub file: usize,
    /// Index of the row group in it.
    pub group: usize,
    /// Rows to leave out at its beginning.
    pub skip: usize,
    /// Rows to read.
    pub take: usize,
    /// First and last open time.
    pub bounds: (i64, i64),
    /// Whether the statistics say that no bar is missing between the two.
    pub continuous: bool,
}

/// What a period reads.
pub(crate) struct Plan {
    /// Its files in order of time; those without rows in the period included.
    pub files: Vec<StoredFile>,
    /// Its rows in order.
    pub segments: Vec<Segment>,
    /// What is missing; also where nothing is.
    pub missing: MissingBars,
}

/// A row group whose bounds are known.
struct Span {
    file: usize,
    group: usize,
    rows: usize,
    bounds: (i64, i64),
}

/// Plans the bars of `target` length that open in `[from, to)`, read from files of `source` bars.
///
/// An open end means the stored range, without the bar of `target` that begins before it or ends after it.
pub(crate) fn plan(
    series: String,
    files: Vec<StoredFile>,
    source: Timeframe,
    target: Timeframe,
    period: (Option<Timestamp>, Option<Timestamp>),
) -> Result<Plan, DataError> {
    let (files, spans) = spans(files, source)?;
    let Some((first, last)) = extent(&spans) else {
        return Err(DataError::NoBars { series, stored: None });
    };
    let stored = (Timestamp::from_millis(first), Timestamp::from_millis(last).plus(source.nanos()));
    let asked = (
        next_open(target, period.0.unwrap_or(stored.0)),
        period.1.map_or(target.open_of(stored.1), |to| next_open(target, to)),
    );
    // A higher bar that begins before the data or ends after them would be a half one.
    let window = (asked.0.max(next_open(target, stored.0)), asked.1.min(target.open_of(stored.1)));

    let segments = segments(&files, &spans, source, (window.0.millis(), window.1.millis()))?;
    let runs = missing(&segments, source, asked, window, stored);
    if segments.is_empty() {
        return Err(DataError::NoBars { series, stored: Some(stored) });
    }
    let missing = MissingBars { series, timeframe: source, asked, stored, runs };
    let segments = segments.into_iter().map(|(segment, _)| segment).collect();
    Ok(Plan { files, segments, missing })
}

/// All row groups with their bounds; files sorted by time, so that the order of listing does not matter.
fn spans(files: Vec<StoredFile>, timeframe: Timeframe) -> Result<(Vec<StoredFile>, Vec<Span>), DataError> {
    let mut known = Vec::new();
    for file in files {
        let mut spans = Vec::new();
        for (group, Group { rows, bounds }) in file.groups.iter().copied().enumerate() {
            if rows == 0 {
                continue;
            }
            let bounds = match bounds {
                Some(bounds) => Some(bounds),
                None => file.bounds(group)?,
            };
            let bounds = bounds
                .filter(|(first, last)| on_grid(timeframe, *first) && on_grid(timeframe, *last))
                .ok_or_else(|| file.fault(timeframe))?;
            spans.push(Span { file: 0, group, rows, bounds });
        }
        if spans.windows(2).any(|pair| pair[1].bounds.0 <= pair[0].bounds.1) {
            return Err(file.fault(timeframe));
        }
        known.push((file, spans));
    }
    known.sort_by(|(a, a_spans), (b, b_spans)| {
        let begins = |spans: &[Span]| spans.first().map(|span| span.bounds.0);
        begins(a_spans).cmp(&begins(b_spans)).then_with(|| a.name().cmp(b.name()))
    });
    let (mut files, mut all): (Vec<StoredFile>, Vec<Span>) = (Vec::new(), Vec::new());
    for (index, (file, spans)) in known.into_iter().enumerate() {
        if let (Some(before), Some(next)) = (all.last(), spans.first())
            && next.bounds.0 <= before.bounds.1
        {
            return Err(DataError::Overlap {
                first: files[before.file].name().to_owned(),
                second: file.name().to_owned(),
                begins: Timestamp::from_millis(next.bounds.0),
            });
        }
        all.extend(spans.into_iter().map(|span| Span { file: index, ..span }));
        files.push(file);
    }
    Ok((files, all))
}

fn extent(spans: &[Span]) -> Option<(i64, i64)> {
    Some((spans.first()?.bounds.0, spans.last()?.bounds.1))
}

/// Holes inside a segment: end of the bar before and next open, ms.
type Holes = Vec<(i64, i64)>;

fn segments(
    files: &[StoredFile],
    spans: &[Span],
    timeframe: Timeframe,
    window: (i64, i64),
) -> Result<Vec<(Segment, Holes)>, DataError> {
    let step = timeframe.millis();
    let mut segments = Vec::new();
    for &Span { file, group, rows, bounds: (first, last) } in spans {
        if last < window.0 || first >= window.1 || window.0 >= window.1 {
            continue;
        }
        let of = |skip, take, bounds, continuous| Segment { file, group, skip, take, bounds, continuous };
        // With as many rows as there are steps from the first to the last, and none twice (which reading
        // verifies), no bar can be missing: nothing needs decoding.
        if (last - first) / step + 1 == rows as i64 {
            let (from, to) = (first.max(window.0), last.min(window.1 - step));
            let (skip, take) = ((from - first) / step, (to - from) / step + 1);
            segments.push((of(skip as usize, take as usize, (from, to), true), Holes::new()));
            continue;
        }
        let scan = files[file].scan(group, timeframe, window)?.ok_or_else(|| files[file].fault(timeframe))?;
        if let Some(bounds) = scan.bounds {
            segments.push((of(scan.skip, scan.take, bounds, false), scan.holes));
        }
    }
    Ok(segments)
}

/// Everything that `asked` lacks: before the stored range, inside it, after it.
fn missing(
    segments: &[(Segment, Holes)],
    timeframe: Timeframe,
    asked: (Timestamp, Timestamp),
    window: (Timestamp, Timestamp),
    stored: (Timestamp, Timestamp),
) -> Vec<MissingRun> {
    let step = timeframe.millis();
    let mut runs = Vec::new();
    let mut lacks = |from: i64, to: i64| {
        if to > from {
            let bars = ((to - from) / step) as u64;
            let (from, to) = (Timestamp::from_millis(from), Timestamp::from_millis(to));
            runs.push(MissingRun { from, to, bars });
        }
    };
    lacks(asked.0.millis(), stored.0.min(asked.1).millis());
    let mut expected = window.0.millis();
    for (segment, holes) in segments {
        lacks(expected, segment.bounds.0);
        for &(from, to) in holes {
            lacks(from, to);
        }
        expected = segment.bounds.1 + step;
    }
    lacks(expected, window.1.millis());
    lacks(stored.1.max(asked.0).millis(), asked.1.millis());
    runs
}
