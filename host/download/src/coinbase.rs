//! Coinbase Advanced Trade: public market data.

use cryptobot_data::store::Cell;
use cryptobot_data::{Contract, InstrumentTerms};
use cryptobot_model::Timestamp;
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
    endpoints: &[
        Endpoint {
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
        },
        Endpoint {
            kind: "aggtrades",
            intervals: &[],
            paging: Paging::Narrow { window_ms: 3_600_000 },
            limit: 1_000,
            weight: 1,
            pool: 0,
            keeps: Keeps::All,
            parts: 1,
            target: |ask| {
                // Whole seconds around the window; what lies outside is left out.
                let (start, end) = (ask.from_ms.div_euclid(1_000), ask.to_ms.div_euclid(1_000) + 1);
                let Ask { symbol, limit, .. } = ask;
                format!(
                    "/api/v3/brokerage/market/products/{symbol}/ticker?limit={limit}&start={start}&end={end}"
                )
            },
            read: read_trades,
        },
    ],
    time: None,
    instruments: Listing {
        target: "/api/v3/brokerage/market/products?product_type=SPOT",
        weight: 1,
        read: read_products,
    },
    ids: None,
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
    Ok(Page { rows: candles.into_iter().map(row).collect::<Result<_, String>>()?, cursor: None, next: None })
}

#[derive(Deserialize)]
struct Trades {
    trades: Vec<Trade>,
}

#[derive(Deserialize)]
struct Trade {
    /// A number, counted by product.
    trade_id: String,
    price: Number,
    size: Number,
    time: String,
    /// Of the maker.
    side: String,
}

fn read_trades(body: &[u8], _: &Ask<'_>) -> Result<Page, String> {
    let Trades { trades } = json(body)?;
    let row = |trade: Trade| -> Result<Row, String> {
        let Trade { trade_id, price, size, time, side } = trade;
        let id: i64 = trade_id.parse().map_err(|_| format!("trade_id `{trade_id}` is no number"))?;
        let at = time.parse::<Timestamp>().map_err(|error| format!("time `{time}`: {error}"))?;
        let id = Cell::Integer(id);
        Ok(vec![Cell::Integer(at.millis()), id, price.into(), size.into(), id, id, Cell::Flag(side == "BUY")])
    };
    Ok(Page { rows: trades.into_iter().map(row).collect::<Result<_, _>>()?, cursor: None, next: None })
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
