//! Coinbase Advanced Trade: public market data.

use cryptobot_data::store::Cell;
use cryptobot_data::{Contract, InstrumentTerms};
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::budget::Pool;
use crate::read::{Number, json};
use crate::venue::{Ask, Endpoint, Keeps, Listing, Page, Paging, Row, Venue};

/// Coinbase Advanced Trade.
pub(crate) static COINBASE: Venue = Venue {
    name: "coinbase",
    base_url: "https://api.coinbase.com",
    pools: &[Pool { name: "requests", limit: 8, window_ms: 1_000, used_header: None }],
    endpoints: &[Endpoint {
        kind: "",
        intervals: &[
            ("1m", "ONE_MINUTE"),
            ("5m", "FIVE_MINUTE"),
            ("15m", "FIFTEEN_MINUTE"),
            ("30m", "THIRTY_MINUTE"),
            ("1h", "ONE_HOUR"),
            ("2h", "TWO_HOUR"),
            ("6h", "SIX_HOUR"),
            ("1d", "ONE_DAY"),
        ],
        paging: Paging::Window,
        // 350 candles at most. Whether the end belongs to the window is not documented: it may bring one more.
        limit: 349,
        weight: 1,
        pool: 0,
        keeps: Keeps::All,
        parts: 1,
        target: |ask| {
            let (start, end) = (ask.from_ms.div_euclid(1_000), ask.to_ms.div_euclid(1_000));
            format!(
                "/api/v3/brokerage/market/products/{}/candles?start={start}&end={end}&granularity={}&limit=350",
                ask.symbol, ask.interval
            )
        },
        read: read_candles,
    }],
    time: None,
    instruments: Listing {
        target: "/api/v3/brokerage/market/products?product_type=SPOT",
        weight: 1,
        read: read_products,
    },
};

#[derive(Deserialize)]
struct Candles {
    candles: Vec<Candle>,
}

#[derive(Deserialize)]
struct Candle {
    /// Open time, s.
    start: String,
    open: Number,
    high: Number,
    low: Number,
    close: Number,
    volume: Number,
}

fn read_candles(body: &[u8], _: &Ask<'_>) -> Result<Page, String> {
    let Candles { candles } = json(body)?;
    let row = |candle: Candle| {
        let start: i64 =
            candle.start.parse().map_err(|_| format!("start `{}` is no number of seconds", candle.start))?;
        let Candle { open, high, low, close, volume, .. } = candle;
        let mut row: Row = vec![Cell::Integer(start.saturating_mul(1_000))];
        row.extend([open, high, low, close, volume].map(Cell::from));
        Ok(row)
    };
    Ok(Page { rows: candles.into_iter().map(row).collect::<Result<_, String>>()?, cursor: None })
}

#[derive(Deserialize)]
struct Products {
    products: Vec<Product>,
}

#[derive(Deserialize)]
struct Product {
    product_id: String,
    price_increment: Decimal,
    base_increment: Decimal,
    quote_min_size: Option<Decimal>,
}

fn read_products(body: &[u8]) -> Result<Vec<InstrumentTerms>, String> {
    let Products { products } = json(body)?;
    let terms = |product: Product| InstrumentTerms {
        contract: Contract::Spot,
        tick: product.price_increment,
        lot: product.base_increment,
        min_notional: product.quote_min_size,
        ..InstrumentTerms::named(product.product_id)
    };
    Ok(products.into_iter().map(terms).collect())
}
