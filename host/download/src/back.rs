//! Endpoints that are paged back from now, and bars built from trades that come in that order.

use cryptobot_data::store::{BarTrade, Cell, TradeBar};
use cryptobot_model::Timeframe;

use crate::error::DownloadError;
use crate::pages::{Series, time_of};
use crate::plan::Lacking;
use crate::venue::{Ask, Paging, Row};

/// Builds bars from trades that come in from the last to the first.
#[derive(Default)]
pub(crate) struct BackwardBars(Option<TradeBar>);

impl BackwardBars {
    /// Adds a trade of time, price, quantity and whether the taker bought, which is earlier than those before. Returns
    /// the bar behind it, where this trade is of an earlier one.
    pub(crate) fn add(&mut self, length: Timeframe, trade: &Row) -> Option<Row> {
        let &[Cell::Integer(ts_ms), Cell::Number(price), Cell::Number(quantity), Cell::Flag(bought)] =
            trade.as_slice()
        else {
            return None;
        };
        let trade = BarTrade { ts_ms, price, quantity, taker_bought: Some(bought) };
        let earliest = TradeBar::of(&trade, length);
        if let Some(bar) = self.0.as_mut().filter(|bar| bar.open_ms() == earliest.open_ms()) {
            *bar = earliest.then(bar);
            return None;
        }
        self.0.replace(earliest).map(row)
    }

    /// The earliest bar: complete where an earlier trade than the period was seen, or there is none.
    pub(crate) fn finish(self) -> Option<Row> {
        self.0.map(row)
    }
}

fn row(bar: TradeBar) -> Row {
    bar.cells().into()
}

impl Series<'_> {
    /// Fetches a part of the period from its end to its beginning.
    pub(crate) fn fetch_back(&mut self, part: &Lacking) -> Result<(), DownloadError> {
        let job = self.job;
        let length = match job.endpoint.paging {
            Paging::Back { trades: true } => job.series.kind.grid(),
            _ => None,
        };
        let mut bars = BackwardBars::default();
        let mut after: Option<String> = None;
        loop {
            let ask = Ask { after: after.as_deref(), ..job.ask(part.times.start, part.times.end, None) };
            let mut page = self.page(&ask)?;
            // Stable: rows of one moment stay in the exchange's order.
            page.rows.sort_by_key(|row| std::cmp::Reverse(time_of(row)));
            let begun = page.rows.last().is_none_or(|row| time_of(row) < part.times.start);
            let mut kept = 0;
            for row in page.rows.into_iter().filter(|row| part.times.contains(&time_of(row))) {
                kept += 1;
                match length {
                    Some(length) => self.waiting.extend(bars.add(length, &row)),
                    None => self.waiting.push(row),
                }
            }
            (self.progress)(1, kept);
            self.store_many()?;
            match page.next {
                Some(next) if !begun && Some(&next) != after.as_ref() => after = Some(next),
                _ => break,
            }
        }
        self.waiting.extend(bars.finish());
        Ok(())
    }
}
