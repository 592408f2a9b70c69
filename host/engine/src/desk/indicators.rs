//! Indicators and features of a strategy: created in `init`, up to date before every callback.

use std::fmt;
use std::sync::Arc;

use cryptobot_indicators::feature::wanted_columns;
use cryptobot_indicators::{Bank, ColumnSpec, CreateError, GivenColumns, Lengths, Ohlcv, WantedFeature};
use cryptobot_model::{Bar, SeriesId, SeriesInfo};

use super::Desk;
use crate::fault::Fault;
use crate::history::BarRing;

/// Where columns of features come from that are not computed from bars.
pub trait FeatureSource: fmt::Debug + Send {
    /// The values of such columns for every bar of a series that is to come; the error says what is missing.
    fn columns(&self, series: &SeriesInfo, columns: &[ColumnSpec]) -> Result<Arc<GivenColumns>, String>;
}

/// Serves every column without any value: for those who only look whether a plugin works.
#[derive(Clone, Copy, Debug)]
pub struct EmptyColumns;

impl FeatureSource for EmptyColumns {
    fn columns(&self, _series: &SeriesInfo, _columns: &[ColumnSpec]) -> Result<Arc<GivenColumns>, String> {
        Ok(Arc::default())
    }
}

impl Desk {
    /// Serves features that are not computed from bars, too.
    #[must_use]
    pub fn with_features(self, source: Box<dyn FeatureSource>) -> Self {
        Self { features: Some(source), ..self }
    }

    /// Creates an indicator on a series and returns its handle; [`Desk::observe`] keeps it up to date. In a version that
    /// takes over, one that was there before carries on, and a new one is computed over the bars that are kept.
    pub fn create_indicator(
        &mut self,
        kind: &str,
        series: SeriesId,
        params: &[(String, f64)],
    ) -> Result<u32, CreateError> {
        let kept = self.history.get(series.index()).into_iter().flat_map(BarRing::kept);
        let past = kept.map(as_input);
        self.indicators.create_after(kind, series.index(), params, past)
    }

    /// The columns that features on a series are, and the lengths of their bars; a fault where the strategy made the
    /// series up.
    pub fn feature_columns(
        &self,
        wanted: &[WantedFeature],
        series: SeriesId,
        higher_ns: Option<i64>,
    ) -> Result<Result<(Vec<ColumnSpec>, Lengths), CreateError>, Fault> {
        let bar_ns = self.series_info(series)?.timeframe.nanos();
        let columns = wanted_columns(wanted, higher_ns.unwrap_or(bar_ns));
        Ok(columns.map(|columns| (columns, Lengths { bar_ns, higher_ns })))
    }

    /// Makes the columns of features on a series and returns their handle; as [`Desk::create_indicator`].
    pub fn subscribe(
        &mut self,
        columns: &[ColumnSpec],
        series: SeriesId,
        lengths: Lengths,
    ) -> Result<u32, CreateError> {
        let Self { history, indicators, features, series: infos, .. } = self;
        let past = || history.get(series.index()).into_iter().flat_map(BarRing::kept).map(as_input);
        let given = |columns: &[ColumnSpec]| match (features, infos.get(series.index())) {
            (Some(source), Some(info)) => source.columns(info, columns).map_err(CreateError),
            _ => Err(CreateError(format!(
                "feature `{}` is not computed from bars; there are only bars here",
                columns.first().map_or("", |column| column.name.as_str())
            ))),
        };
        indicators.subscribe(columns, series.index(), lengths, past, given)
    }

    /// The indicators and features of the strategy, to be read.
    pub fn indicators(&self) -> &Bank {
        &self.indicators
    }
}

/// A bar as indicators take it.
pub(super) fn as_input(bar: &Bar) -> Ohlcv {
    Ohlcv { ts: bar.ts.0, open: bar.open, high: bar.high, low: bar.low, close: bar.close, volume: bar.volume }
}
