//! Columns of futures data: what was known of a perpetual future at the close of each bar.

use cryptobot_data::store::SeriesKind;
use cryptobot_data::{DataError, SeriesReader};
use cryptobot_engine::BarBlock;
use cryptobot_indicators::{ColumnSpec, FeatureSet, FuturesData, Input};
use cryptobot_model::{Timeframe, Timestamp};

use crate::error::FeatureError;
use crate::market::Market;
use crate::side::{Interval, Row, RowCursor, Side};

/// Column of open interest, and of the ratio, among those of their kinds.
const READING: usize = 1;
/// Columns of the kind `liquidations`, in their order.
const SELL: usize = 1;
const QUANTITY: usize = 3;

pub(crate) struct Futures {
    set: FeatureSet<FuturesData>,
    mark: Option<Prices>,
    index: Option<Prices>,
    funding: Option<Readings>,
    open_interest: Option<Readings>,
    long_short: Option<Readings>,
    liquidations: Option<RowCursor>,
}

impl Futures {
    /// Opens what the columns are computed from, and nothing else.
    pub(crate) fn open(
        market: &Market,
        columns: &[ColumnSpec],
        bars: &SeriesReader,
    ) -> Result<Self, FeatureError> {
        let need = |part: &str| {
            let needs = |column: &&ColumnSpec| {
                let kind = FuturesData::kind(&column.kind);
                kind.is_some_and(|kind| kind.input.split(", ").any(|input| input == part))
            };
            columns.iter().filter(needs).map(|column| column.name.as_str()).collect::<Vec<_>>()
        };
        let (catalog, kinds) = (&market.catalog, market.kinds()?);
        let period = (bars.first_open(), bars.last_close());
        let timeframe = market.timeframe;
        let prices = |columns: Vec<&str>, reader: Option<SeriesReader>, kind: &str| match reader {
            _ if columns.is_empty() => Ok(None),
            Some(reader) => Ok(Some(Prices::new(reader))),
            None => {
                let wanted = format!("{kind}-<tf> of at most {timeframe} in the period");
                Err(market.not_stored(&wanted, &format!("{kind}-{timeframe}"), &columns))
            }
        };
        let readings = |columns: Vec<&str>, prefix: &str, like: fn(Timeframe) -> SeriesKind| {
            if columns.is_empty() {
                return Ok(None);
            }
            let grids = kinds.iter().filter_map(|kind| kind.grid().filter(|grid| like(*grid) == *kind));
            let Some(grid) = grids.min() else {
                return Err(market.not_stored(&format!("{prefix}-<tf>"), &format!("{prefix}-5m"), &columns));
            };
            // A reading counts until the next one is due, so that one before the period may count in it.
            let from = period.0.plus(-grid.nanos());
            let rows =
                catalog.rows(&market.series(like(grid))?, (Some(from), Some(period.1.plus(1_000_000))))?;
            Ok(Some(Readings::of_rows(rows, grid)?))
        };
        let liquidations = need("liquidations");
        Ok(Self {
            set: FeatureSet::of(columns)?,
            mark: prices(need("mark"), catalog.marks(&market.venue, &market.symbol, bars)?, "mark")?,
            index: prices(need("index"), catalog.index(&market.venue, &market.symbol, bars)?, "index")?,
            funding: match need("funding_rate") {
                columns if columns.is_empty() => None,
                columns if !kinds.contains(&SeriesKind::Funding) => {
                    return Err(market.not_stored("funding", "funding", &columns));
                }
                _ => Some(Readings::of_funding(market, period)?),
            },
            open_interest: readings(need("open_interest"), "oi", SeriesKind::OpenInterest)?,
            long_short: readings(need("long_short_ratio"), "long-short", SeriesKind::LongShort)?,
            liquidations: match kinds.contains(&SeriesKind::Liquidations) {
                _ if liquidations.is_empty() => None,
                false => return Err(market.not_stored("liquidations", "liquidations", &liquidations)),
                true => {
                    let series = market.series(SeriesKind::Liquidations)?;
                    Some(RowCursor::new(catalog.rows(&series, (Some(period.0), Some(period.1)))?))
                }
            },
        })
    }

    /// Quantities of long and short positions that were liquidated in a bar.
    fn liquidated(&mut self, bar: Interval) -> Result<(f64, f64), DataError> {
        let Some(rows) = &mut self.liquidations else { return Ok((f64::NAN, f64::NAN)) };
        let (mut long, mut short) = (0.0, 0.0);
        while let Some(row) = rows.next_before(bar.close_ms)? {
            let side = if row.flag(SELL) { &mut long } else { &mut short };
            *side += row.number(QUANTITY).unwrap_or(0.0);
        }
        Ok((long, short))
    }
}

impl Side for Futures {
    fn advance(&mut self, bar: Interval) -> Result<Option<&'static str>, DataError> {
        let (long, short) = self.liquidated(bar)?;
        let mut missing = None;
        let mut known = |value: Option<Option<f64>>, kind: &'static str| match value {
            // Nothing is computed from it.
            None => f64::NAN,
            Some(value) => value.unwrap_or_else(|| {
                missing.get_or_insert(kind);
                f64::NAN
            }),
        };
        let mark = self.mark.as_mut().map(|prices| prices.at(bar.open_ms)).transpose()?;
        let index = self.index.as_mut().map(|prices| prices.at(bar.open_ms)).transpose()?;
        let at = |readings: &mut Option<Readings>| readings.as_mut().map(|of| of.at(bar.close_ms));
        let data = FuturesData {
            mark: known(mark, "mark-<tf>"),
            index: known(index, "index-<tf>"),
            funding_rate: known(at(&mut self.funding), "funding"),
            open_interest: known(at(&mut self.open_interest), "oi-<tf>"),
            long_short_ratio: known(at(&mut self.long_short), "long-short-<tf>"),
            long_liquidations: long,
            short_liquidations: short,
        };
        if missing.is_none() {
            self.set.update(&data);
        }
        Ok(missing)
    }

    fn values(&self) -> &[f64] {
        self.set.values()
    }
}

/// Prices as bars of the same length.
struct Prices {
    reader: SeriesReader,
    block: BarBlock,
    next: usize,
}

impl Prices {
    fn new(reader: SeriesReader) -> Self {
        Self { reader, block: BarBlock::default(), next: 0 }
    }

    /// The price at the close of the bar that opens then; `None` where it is not stored.
    fn at(&mut self, open_ms: i64) -> Result<Option<f64>, DataError> {
        loop {
            match self.block.open_ms.get(self.next) {
                Some(ms) if *ms < open_ms => self.next += 1,
                Some(ms) => return Ok((*ms == open_ms).then(|| self.block.close[self.next])),
                None => {
                    self.reader.read(&mut self.block)?;
                    self.next = 0;
                    if self.block.is_empty() {
                        return Ok(None);
                    }
                }
            }
        }
    }
}

/// Values that count from their time on, until another one comes or is overdue: at the time itself the one before still
/// counts, since what is downloaded up to a time lacks the reading of that time.
struct Readings {
    /// Time, ms, and value; `None` from a time on at which a value is overdue.
    values: Vec<(i64, Option<f64>)>,
    next: usize,
}

impl Readings {
    /// Readings on a grid: the value stands in the column after the time.
    fn of_rows(stream: cryptobot_data::store::RowStream, grid: Timeframe) -> Result<Self, DataError> {
        let (mut rows, mut values) = (RowCursor::new(stream), Vec::<(i64, Option<f64>)>::new());
        let mut due = None;
        while let Some(row) = rows.next_before(i64::MAX)? {
            let (ts_ms, value) = (Row::ts_ms(row), row.number(READING));
            values.extend(due.filter(|due| *due < ts_ms).map(|due| (due, None)));
            values.push((ts_ms, value));
            due = Some(ts_ms + grid.millis() + 1);
        }
        values.extend(due.map(|due| (due, None)));
        Ok(Self { values, next: 0 })
    }

    /// Funding rates; the one before the period counts at its beginning.
    fn of_funding(market: &Market, period: (Timestamp, Timestamp)) -> Result<Self, DataError> {
        let terms = market.catalog.instruments(&market.venue)?.get(&market.symbol)?.instrument.terms;
        let from = period.0.plus(-Timeframe::DAY.nanos());
        let of = market.catalog.funding(
            &market.venue,
            &market.symbol,
            terms.funding_hours,
            (from, period.1.plus(1)),
        )?;
        let rates = of.rates.iter().map(|rate| (rate.ts.millis(), Some(rate.rate.to_f64())));
        let overdue = of.missing.iter().map(|run| (run.first.millis() + 1, None));
        let mut values: Vec<_> = rates.chain(overdue).collect();
        values.sort_by_key(|(ts_ms, _)| *ts_ms);
        Ok(Self { values, next: 0 })
    }

    /// The value that counts at a time; times must not fall.
    fn at(&mut self, ms: i64) -> Option<f64> {
        while self.values.get(self.next).is_some_and(|(ts_ms, _)| *ts_ms <= ms) {
            self.next += 1;
        }
        self.values[..self.next].last().and_then(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_counts_until_another_one_comes_or_is_overdue() {
        let mut readings = Readings { values: vec![(10, Some(1.0)), (20, Some(2.0)), (30, None)], next: 0 };
        let at = [9, 10, 19, 20, 29, 30, 40].map(|ms| readings.at(ms));
        assert_eq!(at, [None, Some(1.0), Some(1.0), Some(2.0), Some(2.0), None, None]);
    }
}
