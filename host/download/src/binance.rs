//! Binance: USD-M futures and spot.

use cryptobot_data::store::Cell;
use cryptobot_data::{Contract, InstrumentTerms};
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::budget::Pool;
use crate::read::{Number, json, optional};
use crate::venue::{Ask, Endpoint, Keeps, Listing, Page, Paging, Row, Venue};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// The header that counts for everyone behind the address.
const USED: Option<&str> = Some("x-mbx-used-weight-1m");

/// Pools of USD-M.
const WEIGHT: usize = 0;
const FUNDING: usize = 1;
const STATISTICS: usize = 2;

type Intervals = &'static [(&'static str, &'static str)];

/// The exchange also has 3d, of which nothing says on which days they open, and 1M, which is no fixed length.
const INTERVALS: Intervals = &[
    ("1m", "1m"),
    ("3m", "3m"),
    ("5m", "5m"),
    ("15m", "15m"),
    ("30m", "30m"),
    ("1h", "1h"),
    ("2h", "2h"),
    ("4h", "4h"),
    ("6h", "6h"),
    ("8h", "8h"),
    ("12h", "12h"),
    ("1d", "1d"),
    ("1w", "1w"),
];

const SPOT_INTERVALS: Intervals = &[
    ("1s", "1s"),
    ("1m", "1m"),
    ("3m", "3m"),
    ("5m", "5m"),
    ("15m", "15m"),
    ("30m", "30m"),
    ("1h", "1h"),
    ("2h", "2h"),
    ("4h", "4h"),
    ("6h", "6h"),
    ("8h", "8h"),
    ("12h", "12h"),
    ("1d", "1d"),
    ("1w", "1w"),
];

const PERIODS: Intervals = &[
    ("5m", "5m"),
    ("15m", "15m"),
    ("30m", "30m"),
    ("1h", "1h"),
    ("2h", "2h"),
    ("4h", "4h"),
    ("6h", "6h"),
    ("12h", "12h"),
    ("1d", "1d"),
];

/// Statistics go back a month. A day less is asked: the first one expires while it is fetched.
const MONTH: Keeps = Keeps::Millis(29 * DAY_MS);

/// Bars of USD-M under a kind, at a path.
const fn bars(
    kind: &'static str,
    target: fn(&Ask<'_>) -> String,
    read: fn(&[u8], &Ask<'_>) -> Result<Page, String>,
) -> Endpoint {
    Endpoint {
        kind,
        intervals: INTERVALS,
        paging: Paging::Forward,
        limit: 1_500,
        weight: 10,
        pool: WEIGHT,
        keeps: Keeps::All,
        parts: 1,
        target,
        read,
    }
}

/// Binance USD-M futures.
pub(crate) static USDM: Venue = Venue {
    name: "binance-usdm",
    base_url: "https://fapi.binance.com",
    pools: &[
        Pool { name: "weight", limit: 2_400, window_ms: MINUTE_MS, used_header: USED },
        Pool { name: "funding requests", limit: 500, window_ms: 5 * MINUTE_MS, used_header: None },
        Pool { name: "statistics requests", limit: 1_000, window_ms: 5 * MINUTE_MS, used_header: None },
    ],
    endpoints: &[
        bars("", |ask| klines("/fapi/v1/klines", "symbol", ask), read_klines),
        bars("mark-", |ask| klines("/fapi/v1/markPriceKlines", "symbol", ask), read_prices),
        bars("index-", |ask| klines("/fapi/v1/indexPriceKlines", "pair", ask), read_prices),
        bars("premium-", |ask| klines("/fapi/v1/premiumIndexKlines", "symbol", ask), read_prices),
        Endpoint {
            kind: "funding",
            intervals: &[],
            paging: Paging::Forward,
            limit: 1_000,
            weight: 1,
            pool: FUNDING,
            keeps: Keeps::All,
            parts: 1,
            target: |ask| {
                let Ask { symbol, from_ms, to_ms, limit, .. } = ask;
                let to = to_ms - 1;
                format!("/fapi/v1/fundingRate?symbol={symbol}&startTime={from_ms}&endTime={to}&limit={limit}")
            },
            read: read_funding,
        },
        Endpoint {
            kind: "oi-",
            intervals: PERIODS,
            paging: Paging::Window,
            limit: 500,
            weight: 1,
            pool: STATISTICS,
            keeps: MONTH,
            parts: 1,
            target: |ask| statistics("openInterestHist", ask),
            read: read_open_interest,
        },
        Endpoint {
            kind: "long-short-",
            intervals: PERIODS,
            paging: Paging::Window,
            limit: 500,
            weight: 1,
            pool: STATISTICS,
            keeps: MONTH,
            parts: RATIOS.len(),
            target: |ask| statistics(RATIOS[ask.part], ask),
            read: read_ratio,
        },
        Endpoint {
            kind: "aggtrades",
            intervals: &[],
            paging: Paging::ById { column: "agg_id", window_ms: HOUR_MS },
            limit: 1_000,
            weight: 20,
            pool: WEIGHT,
            keeps: Keeps::Millis(47 * HOUR_MS),
            parts: 1,
            target: |ask| trades("/fapi/v1/aggTrades", ask),
            read: read_trades,
        },
        Endpoint {
            kind: "depth",
            intervals: &[],
            paging: Paging::Snapshot,
            limit: 1_000,
            weight: 20,
            pool: WEIGHT,
            keeps: Keeps::All,
            parts: 1,
            target: |ask| format!("/fapi/v1/depth?symbol={}&limit={}", ask.symbol, ask.limit),
            read: read_depth,
        },
    ],
    time: Some(Listing { target: "/fapi/v1/time", weight: 1, read: read_time }),
    instruments: Listing { target: "/fapi/v1/exchangeInfo", weight: 1, read: read_perpetuals },
    ids: None,
};

/// Binance spot.
pub(crate) static SPOT: Venue = Venue {
    name: "binance-spot",
    base_url: "https://api.binance.com",
    pools: &[Pool { name: "weight", limit: 6_000, window_ms: MINUTE_MS, used_header: USED }],
    endpoints: &[
        Endpoint {
            kind: "",
            intervals: SPOT_INTERVALS,
            paging: Paging::Forward,
            limit: 1_000,
            weight: 2,
            pool: WEIGHT,
            keeps: Keeps::All,
            parts: 1,
            target: |ask| klines("/api/v3/klines", "symbol", ask),
            read: read_klines,
        },
        Endpoint {
            kind: "aggtrades",
            intervals: &[],
            paging: Paging::ById { column: "agg_id", window_ms: HOUR_MS },
            limit: 1_000,
            weight: 4,
            pool: WEIGHT,
            keeps: Keeps::All,
            parts: 1,
            target: |ask| trades("/api/v3/aggTrades", ask),
            read: read_trades,
        },
    ],
    time: Some(Listing { target: "/api/v3/time", weight: 1, read: read_time }),
    instruments: Listing { target: "/api/v3/exchangeInfo", weight: 20, read: read_spot },
    ids: None,
};

/// The four ratios, in the order of their columns.
const RATIOS: [&str; 4] = [
    "globalLongShortAccountRatio",
    "topLongShortAccountRatio",
    "topLongShortPositionRatio",
    "takerlongshortRatio",
];

fn klines(path: &str, name: &str, ask: &Ask<'_>) -> String {
    let Ask { symbol, interval, from_ms, to_ms, limit, .. } = ask;
    let to = to_ms - 1;
    format!("{path}?{name}={symbol}&interval={interval}&startTime={from_ms}&endTime={to}&limit={limit}")
}

fn statistics(path: &str, ask: &Ask<'_>) -> String {
    let Ask { symbol, interval, from_ms, to_ms, limit, .. } = ask;
    let to = to_ms - 1;
    format!(
        "/futures/data/{path}?symbol={symbol}&period={interval}&startTime={from_ms}&endTime={to}&limit={limit}"
    )
}

fn trades(path: &str, ask: &Ask<'_>) -> String {
    let Ask { symbol, from_ms, to_ms, limit, cursor, .. } = ask;
    match cursor {
        Some(id) => format!("{path}?symbol={symbol}&fromId={id}&limit={limit}"),
        None => format!("{path}?symbol={symbol}&startTime={from_ms}&endTime={}&limit={limit}", to_ms - 1),
    }
}

/// Open time, four prices, volume, close time, quote volume, trades, taker volumes in base and quote, nothing.
type Kline =
    (i64, Number, Number, Number, Number, Number, i64, Number, i64, Number, Number, serde_json::Value);

fn read_klines(body: &[u8], _: &Ask<'_>) -> Result<Page, String> {
    let klines: Vec<Kline> = json(body)?;
    let row = |(ts, open, high, low, close, volume, _, quote, trades, taker, _, _): Kline| -> Row {
        vec![
            Cell::Integer(ts),
            open.into(),
            high.into(),
            low.into(),
            close.into(),
            volume.into(),
            quote.into(),
            Cell::Integer(trades),
            taker.into(),
        ]
    };
    Ok(Page { rows: klines.into_iter().map(row).collect(), cursor: None, next: None })
}

/// Klines of which only the prices mean something.
fn read_prices(body: &[u8], ask: &Ask<'_>) -> Result<Page, String> {
    let mut page = read_klines(body, ask)?;
    page.rows.iter_mut().for_each(|row| row.truncate(5));
    Ok(page)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Funding {
    funding_time: i64,
    funding_rate: Number,
    /// Empty in the first years.
    #[serde(default)]
    mark_price: String,
}

fn read_funding(body: &[u8], _: &Ask<'_>) -> Result<Page, String> {
    let rates: Vec<Funding> = json(body)?;
    let row = |rate: Funding| {
        let mark = match rate.mark_price.as_str() {
            "" => Cell::Empty,
            text => {
                let mark: f64 = text.parse().map_err(|_| format!("markPrice `{text}` is no number"))?;
                if mark > 0.0 { Cell::Number(mark) } else { Cell::Empty }
            }
        };
        Ok(vec![Cell::Integer(rate.funding_time), rate.funding_rate.into(), mark])
    };
    Ok(Page { rows: rates.into_iter().map(row).collect::<Result<_, String>>()?, cursor: None, next: None })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OpenInterest {
    sum_open_interest: Number,
    sum_open_interest_value: Option<Number>,
    timestamp: i64,
}

fn read_open_interest(body: &[u8], _: &Ask<'_>) -> Result<Page, String> {
    let statistics: Vec<OpenInterest> = json(body)?;
    let row = |of: OpenInterest| -> Row {
        vec![Cell::Integer(of.timestamp), of.sum_open_interest.into(), optional(of.sum_open_interest_value)]
    };
    Ok(Page { rows: statistics.into_iter().map(row).collect(), cursor: None, next: None })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ratio {
    #[serde(alias = "buySellRatio")]
    long_short_ratio: Number,
    long_account: Option<Number>,
    short_account: Option<Number>,
    timestamp: i64,
}

/// One of the four ratios: the shares are those of all accounts.
fn read_ratio(body: &[u8], ask: &Ask<'_>) -> Result<Page, String> {
    let ratios: Vec<Ratio> = json(body)?;
    let row = |of: Ratio| -> Row {
        let mut row = vec![Cell::Empty; 7];
        row[0] = Cell::Integer(of.timestamp);
        row[[1, 4, 5, 6][ask.part]] = of.long_short_ratio.into();
        if ask.part == 0 {
            row[2] = optional(of.long_account);
            row[3] = optional(of.short_account);
        }
        row
    };
    Ok(Page { rows: ratios.into_iter().map(row).collect(), cursor: None, next: None })
}

#[derive(Deserialize)]
struct Trade {
    a: i64,
    p: Number,
    q: Number,
    f: i64,
    l: i64,
    #[serde(rename = "T")]
    time: i64,
    m: bool,
}

fn read_trades(body: &[u8], _: &Ask<'_>) -> Result<Page, String> {
    let trades: Vec<Trade> = json(body)?;
    let cursor = trades.iter().map(|trade| trade.a + 1).max();
    let row = |trade: Trade| -> Row {
        vec![
            Cell::Integer(trade.time),
            Cell::Integer(trade.a),
            trade.p.into(),
            trade.q.into(),
            // -1 stands for trades that never were, in some old rows.
            if trade.f < 0 { Cell::Empty } else { Cell::Integer(trade.f) },
            if trade.l < 0 { Cell::Empty } else { Cell::Integer(trade.l) },
            Cell::Flag(trade.m),
        ]
    };
    Ok(Page { rows: trades.into_iter().map(row).collect(), cursor, next: None })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Depth {
    last_update_id: i64,
    #[serde(rename = "T")]
    time: i64,
    bids: Vec<(Number, Number)>,
    asks: Vec<(Number, Number)>,
}

fn read_depth(body: &[u8], _: &Ask<'_>) -> Result<Page, String> {
    let Depth { last_update_id, time, bids, asks } = json(body)?;
    let level = |bid: bool| {
        move |(price, quantity): (Number, Number)| -> Row {
            vec![
                Cell::Integer(time),
                Cell::Integer(last_update_id),
                Cell::Empty,
                Cell::Flag(true),
                Cell::Flag(bid),
                price.into(),
                quantity.into(),
            ]
        }
    };
    let rows = bids.into_iter().map(level(true)).chain(asks.into_iter().map(level(false))).collect();
    Ok(Page { rows, cursor: None, next: None })
}

fn read_time(body: &[u8]) -> Result<i64, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Time {
        server_time: i64,
    }
    json(body).map(|Time { server_time }| server_time)
}

#[derive(Deserialize)]
struct ExchangeInfo {
    symbols: Vec<Symbol>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Symbol {
    symbol: String,
    #[serde(default)]
    contract_type: String,
    liquidation_fee: Option<Decimal>,
    filters: Vec<Filter>,
}

/// A filter: those of all types in one, since every field has one meaning.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    filter_type: String,
    tick_size: Option<Decimal>,
    step_size: Option<Decimal>,
    max_qty: Option<Decimal>,
    #[serde(alias = "minNotional")]
    notional: Option<Decimal>,
    multiplier_up: Option<Decimal>,
    multiplier_down: Option<Decimal>,
    limit: Option<u32>,
}

impl Symbol {
    fn filter<T>(&self, name: &str, field: fn(&Filter) -> Option<T>) -> Option<T> {
        self.filters.iter().find(|filter| filter.filter_type == name).and_then(field)
    }

    /// Its terms; `None` = without grid.
    fn terms(&self, contract: Contract) -> Option<InstrumentTerms> {
        let positive = |value: Option<Decimal>| value.filter(|value| *value > Decimal::ZERO);
        let notional = |name| self.filter(name, |filter| filter.notional);
        Some(InstrumentTerms {
            symbol: self.symbol.clone(),
            contract,
            tick: positive(self.filter("PRICE_FILTER", |filter| filter.tick_size))?,
            lot: positive(self.filter("LOT_SIZE", |filter| filter.step_size))?,
            min_notional: positive(notional("MIN_NOTIONAL").or_else(|| notional("NOTIONAL"))),
            liquidation_fee: self.liquidation_fee,
            price_band: self
                .filter("PERCENT_PRICE", |filter| filter.multiplier_up)
                .zip(self.filter("PERCENT_PRICE", |filter| filter.multiplier_down)),
            max_orders: self.filter("MAX_NUM_ORDERS", |filter| filter.limit),
            max_quantity: positive(self.filter("LOT_SIZE", |filter| filter.max_qty)),
            market_max_quantity: positive(self.filter("MARKET_LOT_SIZE", |filter| filter.max_qty)),
        })
    }
}

/// Perpetuals, those on assets other than coins among them. Dated futures settle, which is not simulated.
fn read_perpetuals(body: &[u8]) -> Result<Vec<InstrumentTerms>, String> {
    let ExchangeInfo { symbols } = json(body)?;
    let perpetual = |symbol: &&Symbol| symbol.contract_type.ends_with("PERPETUAL");
    Ok(symbols.iter().filter(perpetual).filter_map(|symbol| symbol.terms(Contract::Perpetual)).collect())
}

/// Pairs. The terms of margin and of order numbers that the host knows are those of futures.
fn read_spot(body: &[u8]) -> Result<Vec<InstrumentTerms>, String> {
    let ExchangeInfo { symbols } = json(body)?;
    Ok(symbols.iter().filter_map(|symbol| symbol.terms(Contract::Spot)).collect())
}
