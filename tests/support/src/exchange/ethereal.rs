//! What Ethereal answers: lists that lead back from now, page by page.

use super::Shared;
use super::market::{bar, hash, tenths, thousandths};
use super::pages::{Answer, HOUR_MS, TRADE_MS, number, parameter, refused};

const PRODUCT: &str = "bc7d5575-3711-4532-a000-312bfacfb767";

pub(super) fn products() -> String {
    format!(
        r#"{{"data":[{{"id":"{PRODUCT}","ticker":"BTCUSD","displayTicker":"BTC-USD","tickSize":"1","lotSize":"0.00001",
        "makerFee":"0","takerFee":"0.0003"}}],"hasNext":false}}"#
    )
}

/// Rows from the newest to the oldest, numbered by time; the cursor is the number of the last one that was shown.
fn back(of: &Shared, target: &str, step: i64, oldest: i64, row: impl Fn(i64, i64) -> String) -> Answer {
    if parameter(target, "productId") != Some(PRODUCT) {
        return refused(404, "no such product");
    }
    let limit = number(target, "limit").unwrap_or(10).clamp(1, 100);
    let (listed, now) = (of.rules.listed_ms, (of.rules.now)());
    let newest = (now - 1 - listed).div_euclid(step);
    let begin = parameter(target, "cursor").map_or(newest, |cursor| {
        cursor.strip_prefix("after-").and_then(|id| id.parse::<i64>().ok()).unwrap_or(0) - 1
    });
    let end = (begin - limit + 1).max(oldest);
    let rows: Vec<String> = (end..=begin).rev().map(|id| row(id, listed + id * step)).collect();
    let (more, last) = (end > oldest, end);
    Ok(format!(r#"{{"data":[{}],"hasNext":{more},"nextCursor":"after-{last}"}}"#, rows.join(",")))
}

pub(super) fn trades(of: &Shared, target: &str) -> Answer {
    back(of, target, TRADE_MS, 0, |id, time| {
        let [price, .., quantity] = bar("BTCUSD", "trade", id);
        let (price, quantity, side) = (tenths(price), thousandths(quantity + 1), id % 2);
        format!(
            r#"{{"id":"{id}","price":"{price}","filled":"{quantity}","makerSide":{},"takerSide":{side},"createdAt":{time}}}"#,
            1 - side
        )
    })
}

pub(super) fn funding(of: &Shared, target: &str) -> Answer {
    if parameter(target, "range") != Some("MONTH") {
        return refused(400, "range must be one of DAY, WEEK, MONTH");
    }
    let month = ((of.rules.now)() - 30 * 24 * HOUR_MS - of.rules.listed_ms).div_euclid(HOUR_MS);
    back(of, target, HOUR_MS, month.max(0), |_, time| {
        let rate = hash("BTCUSD", "funding", time) % 100;
        format!(r#"{{"createdAt":{time},"fundingRate1h":"0.0000{rate:02}"}}"#)
    })
}
