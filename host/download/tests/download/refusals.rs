//! Requests that cannot be fulfilled are refused with what can.

use cryptobot_download::{DownloadError, Venue, download};

use crate::rig::{Rig, TestClock};

fn refused(symbols: &str, kinds: &str, from: &str, to: Option<&str>) -> DownloadError {
    let rig = Rig::new("binance-usdm", TestClock::standing("2024-03-01"), |_| ());
    let error = rig.run(symbols, kinds, from, to).unwrap_err();
    assert!(!rig.data().exists(), "nothing is made");
    assert!(!error.to_string().contains('\n'), "{error}");
    error
}

#[test]
fn a_wrong_venue_kind_symbol_or_period_is_named_with_what_is_right() {
    let error = Venue::named("bitmex").err().unwrap();
    assert!(error.is_usage() && error.to_string().contains("binance-spot"), "{error}");
    let error = refused("BTCUSDT", "1m,liquidations", "2024-01-01", None);
    assert!(error.is_usage(), "{error}");
    assert!(
        error.to_string().contains("--kind liquidations") && error.to_string().contains("aggtrades"),
        "{error}"
    );
    let error = refused("BTCUSDT,BTC-USDT", "1m", "2024-01-01", None);
    assert!(error.is_data(), "{error}");
    assert!(error.to_string().contains("--symbol BTC-USDT") && error.to_string().contains("example BTCUSDT"));
    for (from, to) in
        [("2024-01-02", Some("2024-01-01")), ("2024-01-01", Some("2024-01-01")), ("2025-01-01", None)]
    {
        let error = refused("BTCUSDT", "1m", from, to);
        assert!(matches!(error, DownloadError::EmptyPeriod { .. }) && error.is_usage(), "{error}");
    }
}

#[test]
fn an_address_that_is_none_is_refused() {
    let rig = Rig::new("binance-usdm", TestClock::standing("2024-03-01"), |_| ());
    for url in ["fapi.binance.com", "ftp://x", "https://", "http:///x", "http://a b"] {
        let mut options = rig.options("BTCUSDT", "1m", "2024-01-01", None);
        options.base_url = Some(url.to_owned());
        let error = download(&options, &|_| ()).unwrap_err();
        assert!(matches!(error, DownloadError::BaseUrl { .. }), "{url}: {error}");
    }
}
