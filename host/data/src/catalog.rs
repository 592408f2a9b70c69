//! The catalog: what is stored under a data folder.

use std::fs;
use std::path::{Path, PathBuf};

use cryptobot_model::{Timeframe, Timestamp};

use crate::columns::{Content, FUNDING, INDEX, MARK};
use crate::error::DataError;
use crate::file::{StoredFile, TouchedFile};
use crate::funding::FundingRates;
use crate::instruments::Instruments;
use crate::plan::{Plan, plan};
use crate::resample::divides;
use crate::series::{SeriesReader, SeriesRequest};
use crate::store::{RowStream, SeriesId, Voids, parquet_files};

/// A folder of market data: `<root>/<venue>/<SYMBOL>/<kind>/<year>.parquet`.
#[derive(Clone, Debug)]
pub struct Catalog {
    root: PathBuf,
}

/// What is stored of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// First time stamp; the open time of the first bar.
    pub first: Timestamp,
    /// Last time stamp; the open time of the last bar.
    pub last: Timestamp,
    /// Number of rows.
    pub rows: u64,
    /// Paths of the files below the root, sorted.
    pub files: Vec<String>,
}

/// The best plan for a series, and why other kinds have nothing of the period.
struct Best {
    plan: Option<(Timeframe, Plan)>,
    refusal: Option<DataError>,
}

impl Catalog {
    /// Opens the catalog under a folder.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, DataError> {
        let root = root.into();
        if root.is_dir() { Ok(Self { root }) } else { Err(DataError::NoCatalog { root }) }
    }

    /// The catalog under a folder that need not be there: then nothing is stored in it.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The venues, sorted.
    pub fn venues(&self) -> Result<Vec<String>, DataError> {
        let mut venues = folders(&self.root)?;
        // A venue holds symbols that hold kinds that hold files; other folders may stand beside the venues.
        venues.retain(|venue| {
            let venue = self.root.join(venue);
            let symbols = folders(&venue).unwrap_or_default();
            symbols.iter().map(|symbol| venue.join(symbol)).any(|symbol| {
                let kinds = folders(&symbol).unwrap_or_default();
                kinds.iter().any(|kind| holds_parquet(&symbol.join(kind)))
            })
        });
        Ok(venues)
    }

    /// The symbols of a venue, sorted.
    pub fn symbols(&self, venue: &str) -> Result<Vec<String>, DataError> {
        if !is_name(venue) || !self.root.join(venue).is_dir() {
            let (root, venue) = (self.root.clone(), venue.to_owned());
            return Err(DataError::UnknownVenue { root, venue, known: self.venues()? });
        }
        folders(&self.root.join(venue))
    }

    /// The kinds that are stored of a symbol, sorted.
    pub fn kinds(&self, venue: &str, symbol: &str) -> Result<Vec<String>, DataError> {
        let known = self.symbols(venue)?;
        if !known.iter().any(|name| name == symbol) {
            return Err(DataError::UnknownSymbol {
                venue: venue.to_owned(),
                symbol: symbol.to_owned(),
                known,
            });
        }
        folders(&self.root.join(venue).join(symbol))
    }

    /// Every series whose kind the layout knows, sorted.
    pub fn all_series(&self) -> Result<Vec<SeriesId>, DataError> {
        let mut all = Vec::new();
        for venue in self.venues()? {
            for symbol in self.symbols(&venue)? {
                for kind in self.kinds(&venue, &symbol)? {
                    if let Ok(kind) = kind.parse() {
                        all.push(SeriesId::new(&venue, &symbol, kind)?);
                    }
                }
            }
        }
        all.sort();
        Ok(all)
    }

    /// The files of a series, below the root, sorted by name; none where nothing is stored.
    pub fn files_of(&self, series: &SeriesId) -> Result<Vec<String>, DataError> {
        let folder = series.folder();
        let names = parquet_files(&self.root.join(&folder))?;
        Ok(names.into_iter().map(|name| format!("{folder}/{name}")).collect())
    }

    /// What is stored of a kind, from the files' metadata.
    pub fn coverage(&self, venue: &str, symbol: &str, kind: &str) -> Result<Coverage, DataError> {
        let files = self.files(venue, symbol, kind)?;
        let (mut bounds, mut rows, mut names): (Option<(i64, i64)>, _, _) = (None, 0, Vec::new());
        for file in &files {
            names.push(file.name().to_owned());
            for (index, group) in file.groups.iter().enumerate() {
                rows += group.rows as u64;
                let found = match group.bounds {
                    Some(found) => Some(found),
                    None => file.bounds(index)?,
                };
                if let Some((first, last)) = found {
                    bounds =
                        Some(bounds.map_or((first, last), |(low, high)| (low.min(first), high.max(last))));
                }
            }
        }
        let (first, last) = bounds
            .ok_or_else(|| DataError::NoBars { series: format!("{venue} {symbol} {kind}"), stored: None })?;
        names.sort();
        Ok(Coverage {
            first: Timestamp::from_millis(first),
            last: Timestamp::from_millis(last),
            rows,
            files: names,
        })
    }

    /// The instruments of a venue: its `instruments.json`, or the built-in defaults.
    pub fn instruments(&self, venue: &str) -> Result<Instruments, DataError> {
        self.symbols(venue)?;
        Instruments::of_venue(venue, &self.root.join(venue).join("instruments.json"))
    }

    /// Opens a series: finds and checks what the period needs, and decodes nothing that is not needed for that.
    ///
    /// The stored kind of the asked timeframe is read as it is. Where it is not stored, bars are built from the
    /// finest stored kind that divides it and has every bar of the period.
    pub fn series(&self, request: &SeriesRequest) -> Result<SeriesReader, DataError> {
        if let (Some(from), Some(to)) = (request.from, request.to)
            && from >= to
        {
            return Err(DataError::EmptyPeriod { from, to });
        }
        let SeriesRequest { venue, symbol, timeframe, .. } = request;
        let kinds = self.kinds(venue, symbol)?;
        let Best { plan, refusal } = self.best_plan(request, "", &sources(&kinds, "", *timeframe))?;
        match (plan, refusal) {
            (Some((source, plan)), _) if !request.allow_gaps && !self.is_known(request, source, &plan)? => {
                Err(DataError::Missing(Box::new(plan.missing)))
            }
            (Some((source, plan)), _) => SeriesReader::new(plan, source, *timeframe),
            (None, Some(error)) => Err(error),
            (None, None) => Err(DataError::UnknownKind {
                venue: venue.clone(),
                symbol: symbol.clone(),
                kind: timeframe.to_string(),
                known: kinds,
            }),
        }
    }

    /// Whether everything that a plan lacks is marked as void.
    fn is_known(&self, request: &SeriesRequest, source: Timeframe, plan: &Plan) -> Result<bool, DataError> {
        if plan.missing.runs.is_empty() {
            return Ok(true);
        }
        let folder = self.root.join(&request.venue).join(&request.symbol).join(source.to_string());
        let voids = Voids::of_folder(&folder)?;
        Ok(plan.missing.runs.iter().all(|run| voids.cover_run(run)))
    }

    /// Opens the mark prices over a series, as bars of its length: only where every part of a bar is stored, so that
    /// no extreme is missed. `None` = none are stored that the length can be built from, or none in the period.
    ///
    /// The stored kind of the same length is preferred, then the finest one; one that has the whole period to any other.
    pub fn marks(
        &self,
        venue: &str,
        symbol: &str,
        bars: &SeriesReader,
    ) -> Result<Option<SeriesReader>, DataError> {
        self.prices(venue, symbol, MARK, bars)
    }

    /// Opens the index prices over a series as [`Catalog::marks`] does the mark prices.
    pub fn index(
        &self,
        venue: &str,
        symbol: &str,
        bars: &SeriesReader,
    ) -> Result<Option<SeriesReader>, DataError> {
        self.prices(venue, symbol, INDEX, bars)
    }

    fn prices(
        &self,
        venue: &str,
        symbol: &str,
        prefix: &str,
        bars: &SeriesReader,
    ) -> Result<Option<SeriesReader>, DataError> {
        let kinds = self.kinds(venue, symbol)?;
        let request = SeriesRequest {
            venue: venue.to_owned(),
            symbol: symbol.to_owned(),
            timeframe: bars.timeframe(),
            from: Some(bars.first_open()),
            to: Some(bars.last_close()),
            allow_gaps: true,
        };
        let best = self.best_plan(&request, prefix, &sources(&kinds, prefix, request.timeframe))?;
        let open = |(source, plan)| SeriesReader::new(plan, source, request.timeframe);
        Ok(best.plan.map(open).transpose()?.map(SeriesReader::only_whole_bars))
    }

    /// The funding rates of a symbol in `[from, to)`, and which are missing: with `hours` between two of them, or as
    /// often as the recorded ones come.
    pub fn funding(
        &self,
        venue: &str,
        symbol: &str,
        hours: Option<u32>,
        period: (Timestamp, Timestamp),
    ) -> Result<FundingRates, DataError> {
        let stored = self.kinds(venue, symbol)?.iter().any(|kind| kind == FUNDING);
        let files = if stored { self.files(venue, symbol, FUNDING)? } else { Vec::new() };
        FundingRates::read(files, hours, period)
    }

    /// The files of a kind that have rows in `[from, to]`, for the identity of a run.
    pub fn files_in(
        &self,
        series: &SeriesId,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Vec<TouchedFile>, DataError> {
        let mut touched = Vec::new();
        for file in self.files(&series.venue, &series.symbol, &series.kind.to_string())? {
            for (index, group) in file.groups.iter().enumerate() {
                let bounds = if group.bounds.is_some() { group.bounds } else { file.bounds(index)? };
                if bounds.is_some_and(|(first, last)| last >= from.millis() && first <= to.millis()) {
                    touched.push(file.touched.clone());
                    break;
                }
            }
        }
        Ok(touched)
    }

    /// The rows of a series of any kind in `[from, to)`, file by file.
    pub fn rows(
        &self,
        series: &SeriesId,
        period: (Option<Timestamp>, Option<Timestamp>),
    ) -> Result<RowStream, DataError> {
        // Says what is there where the series is not.
        self.coverage(&series.venue, &series.symbol, &series.kind.to_string())?;
        RowStream::open(self.root(), series, period)
    }

    /// The first plan that lacks nothing, or the one that lacks least; without any, why not.
    fn best_plan(
        &self,
        request: &SeriesRequest,
        prefix: &str,
        sources: &[(Timeframe, &str)],
    ) -> Result<Best, DataError> {
        let mut best: Option<(Timeframe, Plan)> = None;
        let mut refusal = None;
        for &(source, kind) in sources {
            let plan = match self.plan(request, prefix, kind, source) {
                Ok(plan) => plan,
                // Another kind may hold the period; a file that is faulty must not be passed over in silence.
                Err(error @ DataError::NoBars { .. }) => {
                    refusal.get_or_insert(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let lacks =
                |source: Timeframe, plan: &Plan| i128::from(plan.missing.bars()) * i128::from(source.nanos());
            if best.as_ref().is_none_or(|(known, other)| lacks(source, &plan) < lacks(*known, other)) {
                best = Some((source, plan));
            }
            if best.as_ref().is_some_and(|(_, plan)| plan.missing.runs.is_empty()) {
                break;
            }
        }
        Ok(Best { plan: best, refusal })
    }

    fn plan(
        &self,
        request: &SeriesRequest,
        prefix: &str,
        kind: &str,
        source: Timeframe,
    ) -> Result<Plan, DataError> {
        let SeriesRequest { venue, symbol, timeframe, from, to, .. } = request;
        let files = self.files(venue, symbol, kind)?;
        let series = if source == *timeframe {
            format!("{venue} {symbol} {kind}")
        } else {
            format!("{venue} {symbol} {prefix}{timeframe} (built from {kind})")
        };
        plan(series, files, source, *timeframe, (*from, *to))
    }

    /// The files of a kind, opened.
    pub(crate) fn files(&self, venue: &str, symbol: &str, kind: &str) -> Result<Vec<StoredFile>, DataError> {
        let known = self.kinds(venue, symbol)?;
        if !known.iter().any(|name| name == kind) {
            let (venue, symbol, kind) = (venue.to_owned(), symbol.to_owned(), kind.to_owned());
            return Err(DataError::UnknownKind { venue, symbol, kind, known });
        }
        let folder = self.root.join(venue).join(symbol).join(kind);
        let content = Content::of_kind(kind);
        let mut files = Vec::new();
        for name in
            names(&folder, |path| path.is_file() && path.extension().is_some_and(|end| end == "parquet"))?
        {
            files.push(StoredFile::open(
                &folder.join(&name),
                format!("{venue}/{symbol}/{kind}/{name}"),
                content,
            )?);
        }
        Ok(files)
    }
}

/// The stored lengths that can give bars of a timeframe: of trades itself alone, of mark prices itself first; or all
/// finer ones, finest first.
fn sources<'a>(kinds: &'a [String], prefix: &str, timeframe: Timeframe) -> Vec<(Timeframe, &'a str)> {
    let stored = kinds
        .iter()
        .filter_map(|kind| Some((kind.strip_prefix(prefix)?.parse::<Timeframe>().ok()?, kind.as_str())));
    let mut sources: Vec<_> = stored.filter(|(source, _)| divides(*source, timeframe)).collect();
    sources.sort();
    if let Some(exact) = sources.iter().position(|(source, _)| *source == timeframe) {
        if prefix.is_empty() {
            return vec![sources[exact]];
        }
        sources[..=exact].rotate_right(1);
    }
    sources
}

/// Whether a name is one plain path component, so that no request leads out of the catalog.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\'])
}

fn folders(folder: &Path) -> Result<Vec<String>, DataError> {
    names(folder, Path::is_dir)
}

fn holds_parquet(folder: &Path) -> bool {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.map(|file| file.path()).any(|file| file.extension().is_some_and(|extension| extension == "parquet"))
}

/// Sorted names in a folder, without hidden ones: the order of the file system's listing never matters.
fn names(folder: &Path, keep: impl Fn(&Path) -> bool) -> Result<Vec<String>, DataError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(DataError::io(folder))? {
        let entry = entry.map_err(DataError::io(folder))?;
        if let Ok(name) = entry.file_name().into_string()
            && is_name(&name)
            && keep(&entry.path())
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
