//! The answers: which rows of the made-up market a request gets, and in which words.

use super::market::{bar, hash, tenths, thousandths};
use super::{Shared, ethereal};

pub(super) const MINUTE_MS: i64 = 60_000;
pub(super) const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Time between two aggregated trades.
pub(super) const TRADE_MS: i64 = 1_500;
/// The symbols, and what else Kraken and Coinbase call them.
const SYMBOLS: [&str; 4] = ["BTCUSDT", "ETHUSDT", "XBTUSD", "BTC-USD"];

/// Body, or status and body of an error.
pub(super) type Answer = Result<String, (u16, String)>;

/// What a request weighs.
pub(super) fn weight(target: &str) -> u32 {
    match path(target) {
        "/fapi/v1/time" | "/fapi/v1/exchangeInfo" | "/api/v3/time" => 1,
        "/fapi/v1/aggTrades" | "/fapi/v1/depth" | "/api/v3/exchangeInfo" => 20,
        "/fapi/v1/fundingRate" => 0,
        "/api/v3/klines" => 2,
        "/api/v3/aggTrades" => 4,
        path if path.ends_with("lines") => match number(target, "limit").unwrap_or(500) {
            ..100 => 1,
            100..500 => 2,
            500..=1_000 => 5,
            _ => 10,
        },
        _ => 0,
    }
}

/// The answer to a request.
pub(super) fn body(of: &Shared, target: &str) -> Answer {
    let path = path(target);
    match path {
        "/fapi/v1/time" | "/api/v3/time" => Ok(format!(r#"{{"serverTime":{}}}"#, (of.rules.now)())),
        "/fapi/v1/exchangeInfo" => Ok(exchange_info("PERPETUAL", "MIN_NOTIONAL", "notional")),
        "/api/v3/exchangeInfo" => Ok(exchange_info("", "NOTIONAL", "minNotional")),
        "/fapi/v1/klines" | "/api/v3/klines" => klines(of, target, "last"),
        "/fapi/v1/markPriceKlines" => klines(of, target, "mark"),
        "/fapi/v1/indexPriceKlines" => klines(of, target, "index"),
        "/fapi/v1/premiumIndexKlines" => klines(of, target, "premium"),
        "/fapi/v1/fundingRate" => funding(of, target),
        "/fapi/v1/aggTrades" | "/api/v3/aggTrades" => trades(of, target),
        "/fapi/v1/depth" => Ok(depth(of, target)),
        "/0/public/AssetPairs" => Ok(kraken_pairs()),
        "/0/public/OHLC" => Ok(kraken_candles(of, target)),
        "/0/public/Trades" => Ok(kraken_trades(of, target)),
        "/api/v3/brokerage/market/products" => Ok(coinbase_products()),
        "/v1/product" => Ok(ethereal::products()),
        "/v1/order/trade" => ethereal::trades(of, target),
        "/v1/funding" => ethereal::funding(of, target),
        _ if path.starts_with("/futures/data/") => statistics(of, target),
        _ if path.ends_with("/candles") => coinbase_candles(of, target),
        _ if path.ends_with("/ticker") => coinbase_trades(of, target),
        _ => Err((404, r#"{"code":-5000,"msg":"Path is not valid"}"#.to_owned())),
    }
}

fn path(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

pub(super) fn parameter<'a>(target: &'a str, name: &str) -> Option<&'a str> {
    let query = target.split_once('?')?.1;
    query
        .split('&')
        .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))
        .map(|(_, value)| value)
}

pub(super) fn number(target: &str, name: &str) -> Option<i64> {
    parameter(target, name)?.parse().ok()
}

pub(super) fn refused(code: i64, msg: &str) -> Answer {
    Err((400, format!(r#"{{"code":{code},"msg":"{msg}"}}"#)))
}

fn symbol(target: &str) -> Option<&'static str> {
    let wanted = parameter(target, "symbol").or_else(|| parameter(target, "pair"))?;
    SYMBOLS.into_iter().find(|symbol| *symbol == wanted)
}

/// Length in ms of `15m` and of Kraken's minutes.
fn step(text: &str) -> Option<i64> {
    let unit = match text.chars().last()? {
        's' => 1_000,
        'm' => MINUTE_MS,
        'h' => HOUR_MS,
        'd' => 24 * HOUR_MS,
        'w' => 7 * 24 * HOUR_MS,
        _ => return Some(text.parse::<i64>().ok()? * MINUTE_MS),
    };
    Some(text[..text.len() - 1].parse::<i64>().ok()? * unit)
}

/// Times on a grid from one on (inclusive) to another (inclusive) that have a bar, at most some; the open one last.
fn times(of: &Shared, step: i64, (from, to): (i64, i64), limit: usize) -> Vec<i64> {
    let rules = &of.rules;
    let first = from.max(rules.listed_ms);
    let first = first + (-first).rem_euclid(step);
    let last = to.min((rules.now)());
    let open = |time: &i64| !rules.holes.iter().any(|hole| hole.contains(time));
    (first..=last).step_by(step as usize).filter(open).take(limit).collect()
}

fn kline(symbol: &str, series: &str, time: i64, step: i64) -> String {
    let [open, high, low, close, volume] = bar(symbol, series, time);
    let [open, high, low, close] = [open, high, low, close].map(tenths);
    let quote = thousandths(volume * 1_000);
    let (end, count, taker, volume) =
        (time + step - 1, volume % 977, thousandths(volume / 2), thousandths(volume));
    format!(
        r#"[{time},"{open}","{high}","{low}","{close}","{volume}",{end},"{quote}",{count},"{taker}","{quote}","0"]"#
    )
}

fn klines(of: &Shared, target: &str, series: &str) -> Answer {
    let Some(symbol) = symbol(target) else { return refused(-1121, "Invalid symbol.") };
    let Some(step) = parameter(target, "interval").and_then(step) else {
        return refused(-1120, "Invalid interval.");
    };
    let limit = number(target, "limit").unwrap_or(500);
    let (from, to) =
        (number(target, "startTime").unwrap_or(0), number(target, "endTime").unwrap_or(i64::MAX));
    let rows: Vec<String> = times(of, step, (from, to), limit.clamp(1, 1_500) as usize)
        .into_iter()
        .map(|time| kline(symbol, series, time, step))
        .collect();
    Ok(format!("[{}]", rows.join(",")))
}

fn funding(of: &Shared, target: &str) -> Answer {
    let Some(symbol) = symbol(target) else { return refused(-1121, "Invalid symbol.") };
    let (from, to) =
        (number(target, "startTime").unwrap_or(0), number(target, "endTime").unwrap_or(i64::MAX));
    let limit = number(target, "limit").unwrap_or(100).clamp(1, 1_000) as usize;
    // Stamps are some milliseconds late.
    let late = |time: i64| time + (hash(symbol, "late", time) % 9) as i64;
    let on_grid = times(of, 8 * HOUR_MS, (from - 10, to), limit + 1);
    let rows: Vec<String> = on_grid
        .into_iter()
        .filter(|time| (from..=to).contains(&late(*time)))
        .take(limit)
        .map(|time| {
            let rate = hash(symbol, "funding", time) % 100;
            let (stamp, mark) = (late(time), tenths(bar(symbol, "mark", time)[0]));
            format!(
                r#"{{"symbol":"{symbol}","fundingTime":{stamp},"fundingRate":"0.0000{rate:02}","markPrice":"{mark}"}}"#
            )
        })
        .collect();
    Ok(format!("[{}]", rows.join(",")))
}

/// Statistics of the last month. Of a window that is too long only its end comes.
fn statistics(of: &Shared, target: &str) -> Answer {
    let Some(symbol) = symbol(target) else { return refused(-1121, "Invalid symbol.") };
    let Some(step) = parameter(target, "period").and_then(step) else {
        return refused(-1130, "Data sent for parameter 'period' is not valid.");
    };
    let (from, to) =
        (number(target, "startTime").unwrap_or(0), number(target, "endTime").unwrap_or(i64::MAX));
    if from < (of.rules.now)() - 30 * 24 * HOUR_MS {
        return refused(-1130, "parameter 'startTime' is invalid.");
    }
    let limit = number(target, "limit").unwrap_or(30).clamp(1, 500) as usize;
    let all = times(of, step, (from, to), usize::MAX);
    let name = path(target).rsplit('/').next().unwrap_or_default();
    let rows: Vec<String> = all[all.len().saturating_sub(limit)..]
        .iter()
        .map(|&time| {
            let value = thousandths(500 + hash(symbol, name, time) % 1_000);
            match name {
                "openInterestHist" => format!(
                    r#"{{"symbol":"{symbol}","sumOpenInterest":"{value}","sumOpenInterestValue":"{value}","timestamp":{time}}}"#
                ),
                "takerlongshortRatio" => {
                    format!(r#"{{"buySellRatio":"{value}","buyVol":"1","sellVol":"1","timestamp":{time}}}"#)
                }
                _ => format!(
                    r#"{{"symbol":"{symbol}","longShortRatio":"{value}","longAccount":"0.6","shortAccount":"0.4","timestamp":{time}}}"#
                ),
            }
        })
        .collect();
    Ok(format!("[{}]", rows.join(",")))
}

fn trades(of: &Shared, target: &str) -> Answer {
    let Some(symbol) = symbol(target) else { return refused(-1121, "Invalid symbol.") };
    let limit = number(target, "limit").unwrap_or(500).clamp(1, 1_000);
    let listed = of.rules.listed_ms;
    // Numbers rise by one with every step of time; two trades share each moment.
    let first_at = |time: i64| ((time - listed).max(0) + TRADE_MS - 1).div_euclid(TRADE_MS) * 2;
    let (first, end) =
        match (number(target, "fromId"), number(target, "startTime"), number(target, "endTime")) {
            (Some(id), _, _) => (id, i64::MAX),
            (None, Some(from), Some(to)) if to - from >= HOUR_MS => {
                return refused(-4166, "Search window is restricted to recent 1 hour only.");
            }
            (None, Some(from), to) => (first_at(from), to.map_or(i64::MAX, |to| first_at(to + 1))),
            (None, None, _) => (first_at((of.rules.now)()) - limit, i64::MAX),
        };
    let end = end.min(first + limit).min(first_at((of.rules.now)()));
    let rows: Vec<String> = (first..end)
        .map(|id| {
            let time = listed + id / 2 * TRADE_MS;
            let [price, .., quantity] = bar(symbol, "trade", id);
            let (price, quantity, maker) = (tenths(price), thousandths(quantity + 1), id % 3 == 0);
            format!(r#"{{"a":{id},"p":"{price}","q":"{quantity}","f":{id},"l":{id},"T":{time},"m":{maker}}}"#)
        })
        .collect();
    Ok(format!("[{}]", rows.join(",")))
}

/// The book that the streams are about; else a made-up one.
fn depth(of: &Shared, target: &str) -> String {
    if let Some(book) = parameter(target, "symbol").and_then(|symbol| of.streams.snapshot(symbol)) {
        return book;
    }
    let now = (of.rules.now)();
    let levels = |sign: i64| {
        let level = |n: i64| format!(r#"["{}","1.5"]"#, tenths((10_000 + sign * n) as u64));
        (1..=20).map(level).collect::<Vec<_>>().join(",")
    };
    let (bids, asks) = (levels(-1), levels(1));
    format!(r#"{{"lastUpdateId":{now},"E":{now},"T":{now},"bids":[{bids}],"asks":[{asks}]}}"#)
}

fn exchange_info(contract: &str, filter: &str, notional: &str) -> String {
    let symbols: Vec<String> = ["BTCUSDT", "ETHUSDT"]
        .into_iter()
        .map(|symbol| {
            format!(
                r#"{{"symbol":"{symbol}","contractType":"{contract}","liquidationFee":"0.012500","filters":[
                {{"filterType":"PRICE_FILTER","minPrice":"0.10","tickSize":"0.10","maxPrice":"4529764"}},
                {{"filterType":"LOT_SIZE","stepSize":"0.001","minQty":"0.001","maxQty":"1000"}},
                {{"filterType":"MARKET_LOT_SIZE","stepSize":"0.001","minQty":"0.001","maxQty":"120"}},
                {{"filterType":"MAX_NUM_ORDERS","limit":200}},
                {{"filterType":"{filter}","{notional}":"50"}},
                {{"filterType":"PERCENT_PRICE","multiplierUp":"1.0500","multiplierDown":"0.9500","multiplierDecimal":"4"}}
                ]}}"#
            )
        })
        .collect();
    format!(r#"{{"timezone":"UTC","symbols":[{}]}}"#, symbols.join(","))
}

fn kraken_pairs() -> String {
    r#"{"error":[],"result":{"XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD","pair_decimals":1,"lot_decimals":8,
    "tick_size":"0.1","costmin":"0.5"}}}"#
        .to_owned()
}

/// The last 720 bars, whatever is asked.
fn kraken_candles(of: &Shared, target: &str) -> String {
    let Some(symbol) = symbol(target) else {
        return r#"{"error":["EQuery:Unknown asset pair"]}"#.to_owned();
    };
    let step = parameter(target, "interval").and_then(step).unwrap_or(MINUTE_MS);
    let all = times(of, step, ((of.rules.now)() - 720 * step, i64::MAX), usize::MAX);
    let since = number(target, "since").unwrap_or(0) * 1_000;
    let rows: Vec<String> = all
        .into_iter()
        .filter(|time| *time > since)
        .map(|time| {
            let [open, high, low, close, volume] = bar(symbol, "last", time);
            let [open, high, low, close] = [open, high, low, close].map(tenths);
            let (seconds, volume) = (time / 1_000, thousandths(volume));
            format!(r#"[{seconds},"{open}","{high}","{low}","{close}","0","{volume}",7]"#)
        })
        .collect();
    format!(r#"{{"error":[],"result":{{"XXBTZUSD":[{}],"last":0}}}}"#, rows.join(","))
}

fn kraken_trades(of: &Shared, target: &str) -> String {
    let Some(symbol) = symbol(target) else {
        return r#"{"error":["EQuery:Unknown asset pair"]}"#.to_owned();
    };
    let (since, listed) = (number(target, "since").unwrap_or(0), of.rules.listed_ms);
    let first = ((since / 1_000_000 - listed).max(-1)).div_euclid(TRADE_MS) + 1;
    let limit = number(target, "count").unwrap_or(1_000);
    let known = ((of.rules.now)() - listed).div_euclid(TRADE_MS);
    let rows: Vec<String> = (first..(first + limit).min(known))
        .map(|id| {
            let [price, .., quantity] = bar(symbol, "trade", id);
            let (time, price, quantity) = (listed + id * TRADE_MS, tenths(price), thousandths(quantity + 1));
            let seconds = thousandths(time as u64);
            format!(
                r#"["{price}","{quantity}",{seconds},"{}","l","",{id}]"#,
                if id % 2 == 0 { "b" } else { "s" }
            )
        })
        .collect();
    let last = rows.len() as i64 + first - 1;
    let last = if rows.is_empty() { since } else { (listed + last * TRADE_MS) * 1_000_000 };
    format!(r#"{{"error":[],"result":{{"XXBTZUSD":[{}],"last":"{last}"}}}}"#, rows.join(","))
}

fn coinbase_products() -> String {
    r#"{"products":[{"product_id":"BTC-USD","price_increment":"0.01","base_increment":"0.00000001","quote_min_size":"1"}]}"#
        .to_owned()
}

/// Candles of a window, the newest first; the window includes its end.
fn coinbase_candles(of: &Shared, target: &str) -> Answer {
    let step = match parameter(target, "granularity") {
        Some("ONE_MINUTE") => MINUTE_MS,
        Some("ONE_HOUR") => HOUR_MS,
        _ => return refused(400, "unsupported granularity"),
    };
    let bound = |name| number(target, name).unwrap_or(0) * 1_000;
    let (from, to) = (bound("start"), bound("end"));
    if (to - from) / step >= 350 {
        return refused(400, "number of candles requested should be less than 350");
    }
    let rows: Vec<String> = times(of, step, (from, to), usize::MAX)
        .into_iter()
        .rev()
        .map(|time| {
            let [open, high, low, close, volume] = bar("BTC-USD", "last", time);
            let [open, high, low, close] = [open, high, low, close].map(tenths);
            let (start, volume) = (time / 1_000, thousandths(volume));
            format!(
                r#"{{"start":"{start}","low":"{low}","high":"{high}","open":"{open}","close":"{close}","volume":"{volume}"}}"#
            )
        })
        .collect();
    Ok(format!(r#"{{"candles":[{}]}}"#, rows.join(",")))
}

/// Trades of a window, the newest first, at most `limit`; both ends are whole seconds and belong to it. Every full minute
/// a burst of 900 falls into one second.
fn coinbase_trades(of: &Shared, target: &str) -> Answer {
    let bound = |name, otherwise| number(target, name).map_or(otherwise, |seconds| seconds * 1_000);
    let (from, to) = (bound("start", 0), bound("end", i64::MAX));
    let Some(limit) = number(target, "limit") else { return refused(400, "limit is required") };
    let (listed, now) = (of.rules.listed_ms, (of.rules.now)());
    let first = (from.max(listed) - listed).div_euclid(MINUTE_MS);
    let last = (to.min(now) - listed).div_euclid(MINUTE_MS);
    let mut rows = Vec::new();
    for minute in (first..=last).rev() {
        for number in (0..BURST).rev() {
            // All but a few of a minute stand in its first second.
            let time =
                listed + minute * MINUTE_MS + if number < 900 { number } else { (number - 890) * 1_000 };
            if (from..=to).contains(&time) && time < now && (rows.len() as i64) < limit.min(1_000) {
                let id = minute * BURST + number;
                let [price, .., quantity] = bar("BTC-USD", "trade", id);
                let (price, quantity, at) = (tenths(price), thousandths(quantity + 1), iso(time));
                let side = if id % 3 == 0 { "BUY" } else { "SELL" };
                rows.push(format!(
                    r#"{{"trade_id":"{id}","product_id":"BTC-USD","price":"{price}","size":"{quantity}","time":"{at}","side":"{side}"}}"#
                ));
            }
        }
    }
    Ok(format!(r#"{{"trades":[{}],"best_bid":"1","best_ask":"2"}}"#, rows.join(",")))
}

/// Trades of Coinbase in a minute.
const BURST: i64 = 930;

fn iso(time_ms: i64) -> String {
    cryptobot_model::Timestamp::from_millis(time_ms).to_string()
}
