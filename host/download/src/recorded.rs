//! The readers on answers that were recorded from the exchanges.

use std::fs;
use std::io::Read;
use std::path::Path;

use cryptobot_data::store::{Cell, Rows};
use flate2::read::GzDecoder;

use crate::pages::time_of;
use crate::venue::{Ask, Page, Venue};

/// A recorded answer; `None`, said aloud, where it is not there.
fn recorded(name: &str) -> Option<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/messages").join(name);
    let Ok(bytes) = fs::read(&path) else {
        println!("skipped: {} is not here", path.display());
        return None;
    };
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Some(bytes);
    }
    let mut plain = Vec::new();
    GzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).unwrap();
    Some(plain)
}

/// Reads an answer as one of a kind, and checks that all of its rows can be stored.
fn page(venue: &str, kind: &str, body: &[u8]) -> Page {
    let (kind, endpoint, interval) = Venue::named(venue).unwrap().endpoint(kind).unwrap();
    let ask = Ask {
        symbol: "X",
        interval,
        from_ms: 0,
        to_ms: 1,
        limit: endpoint.limit,
        cursor: None,
        after: None,
        part: 0,
    };
    let page = (endpoint.read)(body, &ask).unwrap();
    let mut rows = Rows::new(kind);
    page.rows.iter().for_each(|row| rows.push(row));
    for row in 0..rows.len() {
        assert_eq!(rows.fault(row), None, "{venue} {kind}: {:?}", page.rows[row]);
    }
    page
}

#[test]
fn funding_of_binance() {
    let Some(body) =
        recorded("binance-usdm/rest/20260710T061419Z/fapi-v1-fundingRate-BTCUSDT-limit1000.json")
    else {
        return;
    };
    let page = page("binance-usdm", "funding", &body);
    assert_eq!(page.rows.len(), 90);
    assert!(page.rows.windows(2).all(|pair| time_of(&pair[0]) < time_of(&pair[1])));
}

#[test]
fn instruments_of_binance() {
    let futures = recorded("binance-usdm/rest/20260703T051738Z/fapi-v1-exchangeInfo.json.gz");
    let spot = recorded("binance-spot/rest/20260703T051738Z/api-v3-exchangeInfo-curated-BTCETHXVG.json");
    let (Some(futures), Some(spot)) = (futures, spot) else { return };
    let all = (Venue::named("binance-usdm").unwrap().instruments.read)(&futures).unwrap();
    assert_eq!(all.len(), 696 + 118);
    let bitcoin = all.iter().find(|terms| terms.symbol == "BTCUSDT").unwrap();
    let texts = [Some(bitcoin.tick), Some(bitcoin.lot), bitcoin.min_notional, bitcoin.market_max_quantity]
        .map(|value| value.unwrap().normalize().to_string());
    assert_eq!(texts, ["0.1", "0.001", "50", "120"]);
    assert_eq!((bitcoin.max_orders, bitcoin.price_band.is_some()), (Some(200), true));
    let all = (Venue::named("binance-spot").unwrap().instruments.read)(&spot).unwrap();
    let bitcoin = all.iter().find(|terms| terms.symbol == "BTCUSDT").unwrap();
    assert_eq!(bitcoin.lot.normalize().to_string(), "0.00001");
    assert_eq!(bitcoin.min_notional.unwrap().normalize().to_string(), "5");
}

#[test]
fn bars_trades_and_instruments_of_the_others() {
    let read = |name| recorded(name).map(|body| (name, body));
    for (name, body) in [
        read("coinbase/nautilus/http_candles.json"),
        read("coinbase/nautilus/http_products.json"),
        read("coinbase/nautilus/http_ticker.json"),
        read("kraken/nautilus/http_trades.json"),
        read("kraken/nautilus/http_asset_pairs.json"),
    ]
    .into_iter()
    .flatten()
    {
        let listed = |venue| (Venue::named(venue).unwrap().instruments.read)(&body).unwrap().len();
        match name {
            _ if name.contains("candles") => assert_eq!(page("coinbase", "1h", &body).rows.len(), 2),
            _ if name.contains("products") => assert!(listed("coinbase") >= 2),
            _ if name.contains("ticker") => {
                let page = page("coinbase", "aggtrades", &body);
                assert_eq!(page.rows[0][1], Cell::Integer(995_098_663));
                // At the best ask of the same answer: the maker sold.
                assert_eq!(page.rows[0][6], Cell::Flag(false));
                assert_eq!(page.rows[2][6], Cell::Flag(true));
            }
            _ if name.contains("trades") => {
                let page = page("kraken", "aggtrades", &body);
                assert_eq!((page.rows.len(), page.cursor), (1_000, Some(1_762_820_035_982_277_754)));
            }
            _ => assert_eq!(listed("kraken"), 1),
        }
    }
}
