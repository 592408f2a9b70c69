//! One pair of a scenario: its moments, and the series that are made of them.

use std::collections::BTreeSet;
use std::path::Path;

use super::bars::{Bars, TickBar};
use super::book::{Book, Change};
use super::latent::{Minute, Minutes};
use super::pairs::Pair;
use super::premium::{FUNDING_MS, Premium};
use super::recording::RecordingWriter;
use super::regime::Timeline;
use super::series::SeriesOutput;
use super::trades::{Moment, Trade, Trades};
use super::{RECORDINGS, ScenarioRequest};
use crate::error::DataError;
use crate::sample::VENUE;
use crate::store::{CatalogWriter, SeriesId, SeriesKind};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// Bars of one content and length.
struct BarOutput<'a> {
    kind: SeriesKind,
    bars: Bars,
    rows: SeriesOutput<'a>,
}

/// The book in both forms: rows of the catalog and messages for runs.
struct BookOutput<'a> {
    book: Book,
    rows: SeriesOutput<'a>,
    recording: RecordingWriter,
    /// Time of the newest change, ms since the epoch.
    newest_ms: i64,
    /// When the next snapshot is due in the catalog, ms since the epoch.
    snapshot_ms: i64,
    is_first: bool,
}

/// Everything that is written of one pair.
struct Outputs<'a> {
    pair: Pair,
    bars: Vec<BarOutput<'a>>,
    funding: Option<SeriesOutput<'a>>,
    trades: Option<(SeriesOutput<'a>, i64)>,
    book: Option<BookOutput<'a>>,
}

/// Generates one pair and writes its series below `root`.
pub(super) fn write_pair(
    writer: &CatalogWriter,
    root: &Path,
    request: &ScenarioRequest,
    pair: &Pair,
    source: &str,
) -> Result<(), DataError> {
    let (from_ms, minutes) = (request.from.millis(), request.minutes());
    let timeline = Timeline::new(request.scenario, request.correlation, request.seed, minutes, from_ms);
    let mut outputs = Outputs::new(writer, root, request, pair, source)?;
    let mut trades = Trades::new(pair, request.seed);
    let mut premium = Premium::new(pair, request.seed);
    let mut moments = Vec::new();
    for minute in Minutes::new(pair, &timeline, request.seed, from_ms, minutes) {
        let rate = (minute.open_ms % FUNDING_MS == 0).then(|| premium.rate(&minute));
        let ratios = premium.step(&minute);
        if let (Some(rate), Some(funding)) = (rate, &mut outputs.funding) {
            let mark = pair.price((minute.from * ratios.mark).round() as i64);
            funding.push(minute.open_ms, &[minute.open_ms.into(), rate.into(), mark.into()])?;
        }
        trades.fill(&minute, &mut moments);
        for moment in &moments {
            outputs.add(&minute, moment, (ratios.index, ratios.mark))?;
        }
        outputs.close_bars(minute.open_ms + MINUTE_MS)?;
    }
    outputs.finish()
}

impl<'a> Outputs<'a> {
    fn new(
        writer: &'a CatalogWriter,
        root: &Path,
        request: &ScenarioRequest,
        pair: &Pair,
        source: &'a str,
    ) -> Result<Self, DataError> {
        let mut outputs = Self { pair: *pair, bars: Vec::new(), funding: None, trades: None, book: None };
        let start = (pair.start * pair.ticks_per_unit()).round() as i64;
        let from_ms = request.from.millis();
        let kinds: BTreeSet<SeriesKind> = request.kinds.iter().copied().collect();
        for kind in kinds {
            let rows = SeriesOutput::new(writer, source, SeriesId::new(VENUE, pair.symbol, kind)?);
            match kind.grid() {
                Some(grid) => {
                    outputs.bars.push(BarOutput { kind, bars: Bars::new(grid, from_ms, start), rows });
                }
                None if kind == SeriesKind::Funding => outputs.funding = Some(rows),
                None if kind == SeriesKind::AggTrades => outputs.trades = Some((rows, 0)),
                None => {
                    let path = root.join(RECORDINGS).join(format!("{}.gz", pair.symbol));
                    outputs.book = Some(BookOutput {
                        book: Book::new(pair, request.seed),
                        rows,
                        recording: RecordingWriter::create(&path, pair)?,
                        newest_ms: from_ms,
                        snapshot_ms: from_ms,
                        is_first: true,
                    });
                }
            }
        }
        Ok(outputs)
    }

    fn add(&mut self, minute: &Minute, moment: &Moment, (index, mark): (f64, f64)) -> Result<(), DataError> {
        let Moment { ts_ms, mid, trade, .. } = *moment;
        let pair = self.pair;
        for BarOutput { kind, bars, rows } in &mut self.bars {
            bars.advance(ts_ms, |bar| put_bar(rows, *kind, &pair, bar))?;
            match kind {
                SeriesKind::Bars(_) => {
                    if let Some(Trade { buy, ticks, lots }) = trade {
                        bars.trade(ticks, lots, buy);
                    }
                }
                SeriesKind::Index(_) => bars.price((mid * index).round().max(1.0) as i64),
                _ => bars.price((mid * mark).round().max(1.0) as i64),
            }
        }
        if let (Some(trade), Some((rows, count))) = (trade, &mut self.trades) {
            *count += 1;
            let cells = [
                ts_ms.into(),
                (*count).into(),
                pair.price(trade.ticks).into(),
                pair.quantity(trade.lots).into(),
                (*count).into(),
                (*count).into(),
                (!trade.buy).into(),
            ];
            rows.push(ts_ms, &cells)?;
        }
        match &mut self.book {
            Some(book) => book.add(&pair, minute, moment),
            None => Ok(()),
        }
    }

    fn close_bars(&mut self, ts_ms: i64) -> Result<(), DataError> {
        for BarOutput { kind, bars, rows } in &mut self.bars {
            bars.advance(ts_ms, |bar| put_bar(rows, *kind, &self.pair, bar))?;
        }
        Ok(())
    }

    fn finish(self) -> Result<(), DataError> {
        let Self { bars, funding, trades, book, .. } = self;
        let (trades, bars) = (trades.map(|(rows, _)| rows), bars.into_iter().map(|of| of.rows));
        for mut rows in bars.chain(funding).chain(trades) {
            rows.flush()?;
        }
        if let Some(BookOutput { mut rows, recording, .. }) = book {
            rows.flush()?;
            recording.finish()?;
        }
        Ok(())
    }
}

/// Adds a bar to the rows.
fn put_bar(
    rows: &mut SeriesOutput<'_>,
    kind: SeriesKind,
    pair: &Pair,
    bar: TickBar,
) -> Result<(), DataError> {
    let [open, high, low, close] =
        [bar.open, bar.high, bar.low, bar.close].map(|ticks| pair.price(ticks).into());
    if !matches!(kind, SeriesKind::Bars(_)) {
        return rows.push(bar.open_ms, &[bar.open_ms.into(), open, high, low, close]);
    }
    let quote = bar.turnover as f64 / (pair.ticks_per_unit() * pair.lots_per_unit());
    let [volume, bought] = [bar.lots, bar.bought].map(|lots| pair.quantity(lots).into());
    let cells = [bar.open_ms.into(), open, high, low, close, volume, quote.into(), bar.trades.into(), bought];
    rows.push(bar.open_ms, &cells)
}

impl BookOutput<'_> {
    fn add(&mut self, pair: &Pair, minute: &Minute, moment: &Moment) -> Result<(), DataError> {
        if let Some(change) = self.book.quote(minute, moment) {
            self.put_change(pair, self.quoted_ms(moment.ts_ms), &change)?;
        }
        let Some(trade) = moment.trade else { return Ok(()) };
        self.recording.trade(moment.ts_ms, trade)?;
        match self.book.take(trade) {
            Some(change) => self.put_change(pair, moment.ts_ms, &change),
            None => Ok(()),
        }
    }

    /// When the quote of a moment is published: before the trade, which comes first among the events of its time.
    fn quoted_ms(&self, ts_ms: i64) -> i64 {
        if ts_ms % MINUTE_MS == 0 { ts_ms } else { (ts_ms - 1).max(self.newest_ms) }
    }

    /// Writes a change; after the first one of a day the whole book, so that every file begins with one. The snapshot has
    /// the number of that change, which exchanges want the first change after a snapshot to contain.
    fn put_change(&mut self, pair: &Pair, ts_ms: i64, change: &Change) -> Result<(), DataError> {
        self.newest_ms = ts_ms;
        self.recording.change(ts_ms, change)?;
        self.put_levels(pair, ts_ms, change.last_id, Some(change), &change.levels)?;
        if ts_ms < self.snapshot_ms {
            return Ok(());
        }
        self.snapshot_ms = (ts_ms.div_euclid(DAY_MS) + 1) * DAY_MS;
        let (last_id, levels) = self.book.snapshot();
        if std::mem::take(&mut self.is_first) {
            self.recording.snapshot(ts_ms, last_id, &levels)?;
        }
        self.put_levels(pair, ts_ms, last_id, None, &levels)
    }

    /// Rows of a change, or without one of a snapshot.
    fn put_levels(
        &mut self,
        pair: &Pair,
        ts_ms: i64,
        last_id: u64,
        change: Option<&Change>,
        levels: &[(bool, i64, i64)],
    ) -> Result<(), DataError> {
        for &(bid, ticks, lots) in levels {
            let cells = [
                ts_ms.into(),
                (last_id as i64).into(),
                change.map(|change| change.first_id as i64).into(),
                change.is_none().into(),
                bid.into(),
                pair.price(ticks).into(),
                pair.quantity(lots).into(),
                change.map(|change| change.previous_id as i64).into(),
            ];
            self.rows.push(ts_ms, &cells)?;
        }
        Ok(())
    }
}
