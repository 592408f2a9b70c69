//! Ethereal: a perpetual exchange that pages its trades back from now and knows no candles of trades.

use std::collections::BTreeMap;

use cryptobot_data::store::Cell;
use cryptobot_data::{Contract, InstrumentTerms};
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::budget::Pool;
use crate::read::{Number, json};
use crate::venue::{Ask, Endpoint, Keeps, Listing, Page, Paging, Row, Venue};

const DAY_MS: i64 = 86_400_000;
const PRODUCTS: &str = "/v1/product?order=asc&limit=500";

/// Ethereal. What a request costs in points is not documented: 20 are counted for each.
pub(crate) static ETHEREAL: Venue = Venue {
    name: "ethereal",
    base_url: "https://api.ethereal.trade",
    pools: &[Pool { name: "points", limit: 20_000, window_ms: 60_000, used_header: None }],
    endpoints: &[
        Endpoint {
            kind: "",
            intervals: &[
                ("1m", "1m"),
                ("5m", "5m"),
                ("15m", "15m"),
                ("30m", "30m"),
                ("1h", "1h"),
                ("4h", "4h"),
                ("1d", "1d"),
            ],
            paging: Paging::Back { trades: true },
            limit: 100,
            weight: 20,
            pool: 0,
            keeps: Keeps::All,
            parts: 1,
            target: |ask| page("/v1/order/trade", "", ask),
            read: read_trades,
        },
        Endpoint {
            kind: "funding",
            intervals: &[],
            paging: Paging::Back { trades: false },
            limit: 100,
            weight: 20,
            pool: 0,
            // The longest range that it has is a month.
            keeps: Keeps::Millis(29 * DAY_MS),
            parts: 1,
            target: |ask| page("/v1/funding", "&range=MONTH", ask),
            read: read_funding,
        },
    ],
    time: None,
    instruments: Listing { target: PRODUCTS, weight: 20, read: read_products },
    ids: Some(Listing { target: PRODUCTS, weight: 20, read: read_ids }),
};

fn page(path: &str, more: &str, ask: &Ask<'_>) -> String {
    let after = ask.after.map(|after| format!("&cursor={after}")).unwrap_or_default();
    format!("{path}?productId={}{more}&order=desc&limit={}{after}", ask.symbol, ask.limit)
}

#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>", rename_all = "camelCase")]
struct Pages<T> {
    data: Vec<T>,
    has_next: bool,
    next_cursor: Option<String>,
}

impl<T> Pages<T> {
    fn read(self, row: impl Fn(T) -> Row) -> Page {
        let next = self.next_cursor.filter(|cursor| self.has_next && !cursor.is_empty());
        Page { rows: self.data.into_iter().map(row).collect(), cursor: None, next }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trade {
    price: Number,
    /// Quantity.
    filled: Number,
    /// 0 bought, 1 sold.
    taker_side: u8,
    /// ms.
    created_at: i64,
}

/// Trades as time, price, quantity and whether the taker bought.
fn read_trades(body: &[u8], _: &Ask<'_>) -> Result<Page, String> {
    let pages: Pages<Trade> = json(body)?;
    Ok(pages.read(|Trade { price, filled, taker_side, created_at }| {
        vec![Cell::Integer(created_at), price.into(), filled.into(), Cell::Flag(taker_side == 0)]
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Funding {
    created_at: i64,
    #[serde(rename = "fundingRate1h")]
    rate: Number,
}

fn read_funding(body: &[u8], _: &Ask<'_>) -> Result<Page, String> {
    let pages: Pages<Funding> = json(body)?;
    Ok(pages.read(|Funding { created_at, rate }| vec![Cell::Integer(created_at), rate.into(), Cell::Empty]))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Product {
    id: String,
    ticker: String,
    tick_size: Decimal,
    lot_size: Decimal,
}

fn read_products(body: &[u8]) -> Result<Vec<InstrumentTerms>, String> {
    let Pages::<Product> { data, .. } = json(body)?;
    let terms = |product: Product| InstrumentTerms {
        contract: Contract::Perpetual,
        tick: product.tick_size,
        lot: product.lot_size,
        ..InstrumentTerms::named(product.ticker)
    };
    Ok(data.into_iter().map(terms).collect())
}

/// What requests call a product.
fn read_ids(body: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let Pages::<Product> { data, .. } = json(body)?;
    Ok(data.into_iter().map(|product| (product.ticker, product.id)).collect())
}
