//! One series, page by page, into the catalog.

use std::collections::BTreeMap;

use cryptobot_data::store::{Appended, CatalogWriter, Cell, Rows};
use cryptobot_model::Timestamp;

use crate::error::DownloadError;
use crate::fetch::{Fetcher, Request};
use crate::plan::{Job, Lacking};
use crate::venue::{Ask, Page, Paging, Row};

/// Rows that are kept before they are stored: about a month of one-minute bars. Every time, the file of the year is
/// written anew.
const STORED_TOGETHER: usize = 50_000;

/// The shortest window that is asked for where a page is full, ms: exchanges count in seconds.
const SHORTEST_WINDOW_MS: i64 = 1_000;

/// Downloads one series.
pub(crate) struct Series<'a> {
    pub(crate) job: &'a Job,
    pub(crate) fetcher: &'a Fetcher<'a>,
    pub(crate) writer: &'a CatalogWriter,
    /// Told how many of the job's requests are behind it, and how many rows came.
    pub(crate) progress: &'a (dyn Fn(u64, u64) + Sync),
    pub(crate) waiting: Vec<Row>,
    stored: Appended,
}

/// The time of a row, ms.
pub(crate) fn time_of(row: &Row) -> i64 {
    match row.first() {
        Some(Cell::Integer(time)) => *time,
        _ => i64::MIN,
    }
}

impl<'a> Series<'a> {
    pub(crate) fn new(
        job: &'a Job,
        fetcher: &'a Fetcher<'a>,
        writer: &'a CatalogWriter,
        progress: &'a (dyn Fn(u64, u64) + Sync),
    ) -> Self {
        Self { job, fetcher, writer, progress, waiting: Vec::new(), stored: Appended::default() }
    }

    /// Fetches all that is lacking. What came is stored also where it ends early.
    pub(crate) fn download(mut self) -> (Appended, Result<(), DownloadError>) {
        let job = self.job;
        let fetched = job.lacking.iter().try_for_each(|part| match job.endpoint.paging {
            Paging::Back { .. } => self.fetch_back(part),
            _ => self.fetch(part),
        });
        let stored = self.store();
        (self.stored, fetched.and(stored))
    }

    fn fetch(&mut self, part: &Lacking) -> Result<(), DownloadError> {
        let (mut from, end, mut cursor) = (part.times.start, part.times.end, part.cursor);
        let all = self.job.requests_for(&part.times);
        let mut behind = 0;
        let mut window = i64::MAX;
        while from < end {
            let mut ask = self.job.ask(from, end, cursor);
            ask.to_ms = ask.to_ms.min(from.saturating_add(window));
            let page = self.page(&ask)?;
            if let Paging::Narrow { .. } = self.job.endpoint.paging {
                let asked = ask.to_ms - from;
                let full = page.rows.len() >= self.job.endpoint.limit as usize;
                if full && asked > SHORTEST_WINDOW_MS {
                    window = asked / 2;
                    continue;
                }
                if full {
                    let (symbol, at) = (self.job.series.symbol.clone(), Timestamp::from_millis(from));
                    return Err(DownloadError::Crowded { symbol, at, rows: page.rows.len() });
                }
                window = asked.saturating_mul(2);
            }
            let last = page.rows.iter().max_by_key(|row| time_of(row));
            let after = last.map(|row| self.job.after(row));
            let next = match self.job.endpoint.paging {
                Paging::Window | Paging::Narrow { .. } => ask.to_ms,
                // Nothing more, or not a row that was asked for: the rest of the period is empty.
                Paging::Forward => after.filter(|after| *after > from).unwrap_or(end),
                Paging::Snapshot | Paging::Back { .. } => end,
                // An answer that leads back to itself.
                _ if page.cursor.is_some() && page.cursor == cursor => end,
                Paging::ById { .. } => match (last, cursor) {
                    (Some(row), _) => time_of(row).max(from),
                    (None, Some(_)) => end,
                    (None, None) => ask.to_ms,
                },
                Paging::Since => match (last, page.cursor) {
                    (Some(row), Some(_)) => time_of(row).max(from),
                    _ => end,
                },
            };
            cursor = page.cursor.or(cursor);
            let keep = |row: &Row| {
                self.job.endpoint.paging == Paging::Snapshot || (from..end).contains(&time_of(row))
            };
            let kept: Vec<Row> = page.rows.into_iter().filter(keep).collect();
            let rows = kept.len() as u64;
            self.waiting.extend(kept);
            from = next;
            let left = if from < end { self.job.requests_for(&(from..end)) } else { 0 };
            let now_behind = all.saturating_sub(left).max(behind);
            (self.progress)(now_behind - behind, rows);
            behind = now_behind;
            self.store_many()?;
        }
        Ok(())
    }

    /// Stores what waits where that is much.
    pub(crate) fn store_many(&mut self) -> Result<(), DownloadError> {
        if self.waiting.len() >= STORED_TOGETHER { self.store() } else { Ok(()) }
    }

    /// A page; of an endpoint in parts, the parts joined by time.
    pub(crate) fn page(&self, ask: &Ask<'_>) -> Result<Page, DownloadError> {
        let endpoint = self.job.endpoint;
        let fetch = |part| {
            let ask = Ask { part, ..*ask };
            let request = Request {
                target: (endpoint.target)(&ask),
                pool: endpoint.pool,
                weight: endpoint.weight,
                symbol: ask.symbol.to_owned(),
            };
            self.fetcher.get(&request, |body| (endpoint.read)(body, &ask))
        };
        if endpoint.parts == 1 {
            return fetch(0);
        }
        let mut joined: BTreeMap<i64, Row> = BTreeMap::new();
        for part in 0..endpoint.parts {
            for row in fetch(part)?.rows {
                let known = joined.entry(time_of(&row)).or_insert_with(|| vec![Cell::Empty; row.len()]);
                for (known, cell) in known.iter_mut().zip(row) {
                    if cell != Cell::Empty {
                        *known = cell;
                    }
                }
            }
        }
        Ok(Page { rows: joined.into_values().collect(), cursor: None, next: None })
    }

    fn store(&mut self) -> Result<(), DownloadError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let series = &self.job.series;
        let mut rows = Rows::new(series.kind);
        self.waiting.drain(..).for_each(|row| rows.push(&row));
        let source = format!("download {}", series.venue);
        let done = self.writer.append(series, &rows, &source)?;
        self.stored.added += done.added;
        self.stored.identical += done.identical;
        self.stored.completed += done.completed;
        self.stored.restated += done.restated;
        self.stored.files.extend(done.files);
        self.stored.files.sort();
        self.stored.files.dedup();
        Ok(())
    }
}
