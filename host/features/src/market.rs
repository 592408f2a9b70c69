//! The stored data of one symbol over a period.

use cryptobot_data::store::{SeriesId, SeriesKind};
use cryptobot_data::{Catalog, DataError, SeriesReader, SeriesRequest};
use cryptobot_indicators::ColumnSpec;
use cryptobot_model::{Timeframe, Timestamp};

use crate::error::FeatureError;
use crate::side::RowCursor;

/// One symbol over a period.
#[derive(Clone, Debug)]
pub struct Market {
    /// Where its data are stored.
    pub catalog: Catalog,
    /// Its venue.
    pub venue: String,
    /// The symbol.
    pub symbol: String,
    /// Length of its bars.
    pub timeframe: Timeframe,
    /// Only bars that open at or after this.
    pub from: Option<Timestamp>,
    /// Only bars that open before this.
    pub to: Option<Timestamp>,
    /// Whether data may be missing.
    pub allow_gaps: bool,
}

impl Market {
    /// Venue and symbol, for messages.
    pub fn name(&self) -> String {
        format!("{} {}", self.venue, self.symbol)
    }

    /// Its bars.
    pub(crate) fn bars(&self) -> Result<SeriesReader, DataError> {
        self.catalog.series(&SeriesRequest {
            venue: self.venue.clone(),
            symbol: self.symbol.clone(),
            timeframe: self.timeframe,
            from: self.from,
            to: self.to,
            allow_gaps: self.allow_gaps,
        })
    }

    /// The kinds that are stored of it.
    pub(crate) fn kinds(&self) -> Result<Vec<SeriesKind>, DataError> {
        let kinds = self.catalog.kinds(&self.venue, &self.symbol)?;
        Ok(kinds.iter().filter_map(|kind| kind.parse().ok()).collect())
    }

    /// One of its series.
    pub(crate) fn series(&self, kind: SeriesKind) -> Result<SeriesId, DataError> {
        SeriesId::new(&self.venue, &self.symbol, kind)
    }

    /// The rows of a kind over a period, for columns that are made of them; an error where none are stored.
    pub(crate) fn cursor(
        &self,
        kind: SeriesKind,
        columns: &[ColumnSpec],
        period: (Timestamp, Timestamp),
    ) -> Result<RowCursor, FeatureError> {
        if !self.kinds()?.contains(&kind) {
            let (kind, names) = (kind.to_string(), columns.iter().map(|column| column.name.as_str()));
            return Err(self.not_stored(&kind, &kind, &names.collect::<Vec<_>>()));
        }
        let rows = self.catalog.rows(&self.series(kind)?, (Some(period.0), Some(period.1)))?;
        Ok(RowCursor::new(rows))
    }

    /// What columns need is not stored.
    pub(crate) fn not_stored(&self, kind: &str, example: &str, columns: &[&str]) -> FeatureError {
        FeatureError::NotStored {
            series: self.name(),
            kind: kind.to_owned(),
            example: example.to_owned(),
            columns: columns.join(", "),
        }
    }
}
