//! The rows of a table of one symbol, computed block by block.

use std::sync::Arc;

use cryptobot_data::SeriesReader;
use cryptobot_engine::BarBlock;
use cryptobot_indicators::{Bank, Lengths, Ohlcv};
use cryptobot_model::{Timeframe, Timestamp};

use crate::books::Books;
use crate::error::FeatureError;
use crate::futures::Futures;
use crate::market::Market;
use crate::plan::{Group, Plan, Source};
use crate::side::{Interval, Side};
use crate::trades::Trades;

/// Computes the rows of one symbol, in order of time.
pub struct FeatureRows {
    name: String,
    timeframe: Timeframe,
    allow_gaps: bool,
    bars: SeriesReader,
    block: BarBlock,
    bank: Bank,
    /// Indicator and output of each column of bars.
    sources: Vec<(u32, u32)>,
    /// What else is computed, with the names of its columns.
    sides: Vec<(Box<dyn Side>, Vec<String>)>,
    width: usize,
}

impl FeatureRows {
    /// Opens everything that the columns are computed from.
    pub fn open(market: &Market, plan: &Plan) -> Result<Self, FeatureError> {
        Self::beside(market.bars()?, market, plan)
    }

    /// Opens everything that the columns are computed from, beside bars that are open already.
    pub(crate) fn beside(bars: SeriesReader, market: &Market, plan: &Plan) -> Result<Self, FeatureError> {
        let period = (bars.first_open(), bars.last_close());
        let (mut bank, mut sources, mut sides) = (Bank::new(1), Vec::new(), Vec::<(Box<dyn Side>, _)>::new());
        for Group { source, columns } in &plan.groups {
            let side: Box<dyn Side> = match source {
                Source::Bars(timeframe) => {
                    let higher_ns = (*timeframe != plan.timeframe).then(|| timeframe.nanos());
                    let lengths = Lengths { bar_ns: plan.timeframe.nanos(), higher_ns };
                    let handle =
                        bank.subscribe(columns, 0, lengths, std::iter::empty, |_| Ok(Arc::default()))?;
                    let made = bank.feature_columns(handle).iter();
                    sources.extend(made.map(|column| (column.indicator, column.output)));
                    continue;
                }
                Source::Trades => Box::new(Trades::open(market, columns, period)?),
                Source::Books => Box::new(Books::open(market, columns, period)?),
                Source::Futures => Box::new(Futures::open(market, columns, &bars)?),
            };
            sides.push((side, columns.iter().map(|column| column.name.clone()).collect()));
        }
        Ok(Self {
            name: market.name(),
            timeframe: plan.timeframe,
            allow_gaps: market.allow_gaps,
            bars,
            block: BarBlock::default(),
            bank,
            sources,
            sides,
            width: plan.names().count(),
        })
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Replaces the rows with the next ones: the open times of their bars, ms since the epoch, and their values, one row
    /// after the other; NaN where a column has no value. Leaves them empty at the end.
    pub fn next_rows(&mut self, open_ms: &mut Vec<i64>, values: &mut Vec<f64>) -> Result<(), FeatureError> {
        open_ms.clear();
        values.clear();
        self.bars.read(&mut self.block)?;
        let block = std::mem::take(&mut self.block);
        for row in 0..block.len() {
            let ts = Timestamp::from_millis(block.open_ms[row]).plus(self.timeframe.nanos());
            let bar = Ohlcv {
                ts: ts.0,
                open: block.open[row],
                high: block.high[row],
                low: block.low[row],
                close: block.close[row],
                volume: block.volume[row],
            };
            self.bank.update(0, &bar);
            values.extend(
                self.sources.iter().map(|(indicator, output)| self.bank.value(*indicator, *output, 0)),
            );
            self.side_values(block.open_ms[row], ts, block.volume[row] > 0.0, values)?;
            open_ms.push(block.open_ms[row]);
        }
        self.block = block;
        Ok(())
    }

    fn side_values(
        &mut self,
        open_ms: i64,
        close: Timestamp,
        traded: bool,
        values: &mut Vec<f64>,
    ) -> Result<(), FeatureError> {
        let bar = Interval { open_ms, close_ms: close.millis(), traded };
        for (side, columns) in &mut self.sides {
            match side.advance(bar)? {
                None => values.extend(side.values()),
                Some(_) if self.allow_gaps => values.extend(columns.iter().map(|_| f64::NAN)),
                Some(kind) => {
                    return Err(FeatureError::Hole {
                        series: self.name.clone(),
                        kind: kind.to_owned(),
                        at: close,
                        columns: columns.join(", "),
                    });
                }
            }
        }
        Ok(())
    }
}
