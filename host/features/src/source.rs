//! Features of strategies that are not computed from bars, from a catalog.

use std::sync::{Arc, Mutex, PoisonError};

use cryptobot_data::store::{SeriesId, SeriesKind};
use cryptobot_data::{Catalog, DataError, TouchedFile};
use cryptobot_engine::FeatureSource;
use cryptobot_indicators::{ColumnSpec, GivenColumns};
use cryptobot_model::{SeriesInfo, Timeframe, Timestamp};

use crate::error::FeatureError;
use crate::market::Market;
use crate::plan::{Plan, Wanted, WantedColumn};
use crate::rows::FeatureRows;

/// Serves the strategies of a run, or of many runs over the same period: columns are computed once and kept.
#[derive(Clone, Debug)]
pub struct StoredFeatures {
    catalog: Catalog,
    from: Timestamp,
    to: Timestamp,
    allow_gaps: bool,
    made: Arc<Mutex<Vec<Made>>>,
}

/// Columns of a series.
#[derive(Debug)]
struct Made {
    venue: String,
    symbol: String,
    timeframe: Timeframe,
    asked: Vec<ColumnSpec>,
    columns: Arc<GivenColumns>,
}

impl StoredFeatures {
    /// Features over `[from, to)` by open time of bars. Where data may be missing, cells that need them are NaN.
    pub fn new(catalog: Catalog, from: Timestamp, to: Timestamp, allow_gaps: bool) -> Self {
        Self { catalog, from, to, allow_gaps, made: Arc::default() }
    }

    /// Whether anything is stored of a symbol.
    pub fn has(&self, venue: &str, symbol: &str) -> bool {
        self.catalog.kinds(venue, symbol).is_ok()
    }

    /// The files that strategies may be served from at a symbol, for the identity of the run.
    pub fn files(&self, venue: &str, symbol: &str) -> Result<Vec<TouchedFile>, DataError> {
        // A reading before the period counts in it until another one comes.
        let period = (self.from.plus(-Timeframe::DAY.nanos()), self.to);
        let mut files = Vec::new();
        for kind in self.catalog.kinds(venue, symbol)? {
            match kind.parse() {
                Err(_) | Ok(SeriesKind::Bars(_) | SeriesKind::Premium(_)) => {}
                Ok(kind) => {
                    files.extend(self.catalog.files_in(&SeriesId::new(venue, symbol, kind)?, period)?);
                }
            }
        }
        Ok(files)
    }

    /// The market of a series. Its bars only tell times here: whether they are complete is for the run to say.
    fn market(&self, series: &SeriesInfo) -> Market {
        Market {
            catalog: self.catalog.clone(),
            venue: series.venue.clone(),
            symbol: series.symbol.clone(),
            timeframe: series.timeframe,
            from: Some(self.from),
            to: Some(self.to),
            allow_gaps: true,
        }
    }

    fn compute(&self, series: &SeriesInfo, asked: &[ColumnSpec]) -> Result<GivenColumns, FeatureError> {
        let own = |spec: &ColumnSpec| WantedColumn { spec: spec.clone(), timeframe: None };
        let wanted = Wanted { own: asked.iter().map(own).collect(), ..Wanted::default() };
        let plan = Plan::new(&wanted, series.timeframe)?;
        // The plan has the columns by what they are computed from.
        let places: Vec<usize> =
            asked.iter().filter_map(|spec| plan.names().position(|name| name == spec.name)).collect();
        let market = self.market(series);
        let bars = market.bars()?;
        let market = Market { allow_gaps: self.allow_gaps, ..market };
        let mut rows = FeatureRows::beside(bars, &market, &plan)?;
        let (mut columns, mut open_ms, mut values) = (GivenColumns::default(), Vec::new(), Vec::new());
        loop {
            rows.next_rows(&mut open_ms, &mut values)?;
            if open_ms.is_empty() {
                return Ok(columns);
            }
            let close = |ms: &i64| Timestamp::from_millis(*ms).plus(series.timeframe.nanos()).0;
            columns.ts.extend(open_ms.iter().map(close));
            let of_row = |row: &[f64]| places.iter().map(|place| row[*place]).collect::<Vec<_>>();
            columns.values.extend(values.chunks_exact(asked.len()).flat_map(of_row));
        }
    }
}

impl FeatureSource for StoredFeatures {
    fn columns(&self, series: &SeriesInfo, asked: &[ColumnSpec]) -> Result<Arc<GivenColumns>, String> {
        // Whoever panicked with the lock has left complete entries.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let known = made.iter().find(|made| {
            made.venue == series.venue
                && made.symbol == series.symbol
                && made.timeframe == series.timeframe
                && made.asked == asked
        });
        if let Some(known) = known {
            return Ok(Arc::clone(&known.columns));
        }
        let columns = Arc::new(self.compute(series, asked).map_err(|error| error.to_string())?);
        made.push(Made {
            venue: series.venue.clone(),
            symbol: series.symbol.clone(),
            timeframe: series.timeframe,
            asked: asked.to_vec(),
            columns: Arc::clone(&columns),
        });
        Ok(columns)
    }
}
