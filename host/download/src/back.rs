//! Endpoints that are paged back from now, and bars built from trades that come in that order.

use cryptobot_data::store::Cell;
use cryptobot_model::{Timeframe, Timestamp};

use crate::error::DownloadError;
use crate::pages::{Series, time_of};
use crate::plan::Lacking;
use crate::venue::{Ask, Paging, Row};

/// A bar whose trades come in from the last to the first.
#[derive(Clone, Copy)]
struct Bar {
    open_ms: i64,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    quote_volume: f64,
    trades: i64,
    taker_buy_volume: f64,
}

/// Builds bars backwards.
#[derive(Default)]
pub(crate) struct BackwardBars(Option<Bar>);

impl BackwardBars {
    /// Adds a trade of time, price, quantity and whether the taker bought, which is earlier than those before. Returns
    /// the bar behind it, where this trade is of an earlier one.
    pub(crate) fn add(&mut self, length: Timeframe, trade: &Row) -> Option<Row> {
        let &[Cell::Integer(ts), Cell::Number(price), Cell::Number(quantity), Cell::Flag(bought)] =
            trade.as_slice()
        else {
            return None;
        };
        let open_ms = length.open_of(Timestamp::from_millis(ts)).millis();
        let bought = if bought { quantity } else { 0.0 };
        if let Some(bar) = self.0.as_mut().filter(|bar| bar.open_ms == open_ms) {
            bar.open = price;
            bar.high = bar.high.max(price);
            bar.low = bar.low.min(price);
            bar.volume += quantity;
            bar.quote_volume += price * quantity;
            bar.trades += 1;
            bar.taker_buy_volume += bought;
            return None;
        }
        let first = Bar {
            open_ms,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: quantity,
            quote_volume: price * quantity,
            trades: 1,
            taker_buy_volume: bought,
        };
        self.0.replace(first).map(row)
    }

    /// The earliest bar: complete where an earlier trade than the period was seen, or there is none.
    pub(crate) fn finish(self) -> Option<Row> {
        self.0.map(row)
    }
}

fn row(bar: Bar) -> Row {
    vec![
        bar.open_ms.into(),
        bar.open.into(),
        bar.high.into(),
        bar.low.into(),
        bar.close.into(),
        bar.volume.into(),
        bar.quote_volume.into(),
        bar.trades.into(),
        bar.taker_buy_volume.into(),
    ]
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
