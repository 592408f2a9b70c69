//! Bracket tables: import, what stays in the file, and every table of the exchange that is stored.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};

use cryptobot_data::{Catalog, import_brackets};
use cryptobot_model::Instrument;

const VENUE: &str = "binance-usdm";
const ANSWER: &str = r#"[{"symbol": "BTCUSDT", "brackets": [
    {"bracket": 1, "initialLeverage": 125, "notionalCap": 50000, "notionalFloor": 0, "maintMarginRatio": 0.004, "cum": 0.0},
    {"bracket": 2, "initialLeverage": 100, "notionalCap": 500000, "notionalFloor": 50000, "maintMarginRatio": 0.005, "cum": 50.0}]}]"#;
const TIERS: &str = r#"{"BTC/USDT:USDT-250926": [{"tier": 1.0, "info": {"bracket": "1", "initialLeverage": "50",
    "notionalCap": "375000", "notionalFloor": "0", "maintMarginRatio": "0.01", "cum": "0.0"}}]}"#;

fn put(root: &Path, text: &str) -> PathBuf {
    let file = root.join("source.json");
    fs::write(&file, text).unwrap();
    file
}

fn instrument(root: &Path, symbol: &str) -> Instrument {
    Catalog::open(root).unwrap().instruments(VENUE).unwrap().get(symbol).unwrap().instrument
}

#[test]
fn tables_are_added_and_everything_else_stays() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join(VENUE).join("instruments.json");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let before = r#"{"label": "mine", "instruments": {"BTCUSDT": {"tick": "0.5", "lot": "0.1",
        "terms": {"liquidation_fee": "0.02", "price_band": {"up": "1.1", "down": "0.9"}, "funding_hours": 4}}},
        "brackets": {"OLD": [{"floor": "0", "cap": "10", "max_leverage": 3, "maintenance_rate": "0.1", "cum": "0"}]}}"#;
    fs::write(&file, before).unwrap();
    let imported = import_brackets(root.path(), VENUE, &put(root.path(), ANSWER)).unwrap();
    assert_eq!((imported.symbols, imported.file), (1, file.clone()));
    assert_eq!(import_brackets(root.path(), VENUE, &put(root.path(), TIERS)).unwrap().symbols, 1);
    let bitcoin = instrument(root.path(), "BTCUSDT");
    assert_eq!(bitcoin.tick.to_string(), "0.5");
    assert_eq!(bitcoin.terms.liquidation_fee.to_string(), "0.02");
    assert_eq!(bitcoin.terms.price_band.unwrap().up.to_string(), "1.1");
    assert_eq!(bitcoin.terms.funding_hours, Some(4));
    assert_eq!(bitcoin.terms.max_orders, Some(200), "the venue's default");
    assert_eq!(bitcoin.terms.brackets.maintenance_margin("264000".parse().unwrap()), "1270".parse().unwrap());
    assert_eq!(instrument(root.path(), "OLD").terms.brackets.as_slice().len(), 1);
    assert_eq!(instrument(root.path(), "BTCUSDT_250926").terms.brackets.as_slice()[0].max_leverage, 50);
    let (mut stored, original): (serde_json::Value, serde_json::Value) =
        (serde_json::from_slice(&fs::read(&file).unwrap()).unwrap(), serde_json::from_str(before).unwrap());
    for symbol in ["BTCUSDT", "BTCUSDT_250926"] {
        stored["brackets"].as_object_mut().unwrap().remove(symbol).unwrap();
    }
    assert_eq!(stored, original, "and nothing else has changed");
}

#[test]
fn a_file_of_tables_alone_leaves_the_known_grid() {
    let root = tempfile::tempdir().unwrap();
    import_brackets(root.path(), VENUE, &put(root.path(), ANSWER)).unwrap();
    let found = Catalog::open(root.path()).unwrap().instruments(VENUE).unwrap().get("BTCUSDT").unwrap();
    assert_eq!(found.warning, None);
    assert_eq!(
        (found.instrument.tick.to_string().as_str(), found.instrument.terms.brackets.is_empty()),
        ("0.1", false)
    );
}

#[test]
fn what_is_no_table_is_refused_and_nothing_is_written() {
    let root = tempfile::tempdir().unwrap();
    for (text, expected) in [
        (ANSWER.replace("50.0}", "51}"), "BTCUSDT: bracket 2: cum 51 must be 50"),
        (ANSWER.replace("\"notionalFloor\": 50000", "\"notionalFloor\": 40000"), "floor 40000 must be 50000"),
        (ANSWER.replace("125", "12.5"), "initialLeverage 12.5 is no whole number"),
        (ANSWER.replace("maintMarginRatio", "rate"), "missing field `maintMarginRatio`"),
        (TIERS.replace("BTC/USDT:USDT", "BTCUSDT"), "no symbol such as BTC/USDT:USDT"),
        (TIERS.replace("info", "data"), "lack the exchange's bracket in `info`"),
        ("[]".to_owned(), "holds no bracket table"),
        ("{".to_owned(), "no JSON"),
        ("7".to_owned(), "must be a list"),
    ] {
        let error = import_brackets(root.path(), VENUE, &put(root.path(), &text)).unwrap_err().to_string();
        assert!(error.contains("source.json") && error.contains(expected), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
    let outside = import_brackets(root.path(), "../v", &put(root.path(), ANSWER)).unwrap_err().to_string();
    assert!(outside.contains("is no name of a venue"), "{outside}");
    assert!(!root.path().join(VENUE).exists());
}

#[test]
fn faults_of_terms_and_brackets_name_symbol_and_field() {
    let problem = |terms: &str, brackets: &str| {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(VENUE);
        fs::create_dir_all(&folder).unwrap();
        let json = format!(
            r#"{{"instruments": {{"BTCUSDT": {{"tick": 1, "lot": 1, "terms": {{{terms}}}}}}}, "brackets": {{"BTCUSDT": [{brackets}]}}}}"#
        );
        fs::write(folder.join("instruments.json"), json).unwrap();
        let found = Catalog::open(root.path()).unwrap().instruments(VENUE).and_then(|all| all.get("BTCUSDT"));
        found.unwrap_err().to_string()
    };
    for (terms, expected) in [
        (r#""liquidation_fee": 1.25"#, "instruments.BTCUSDT: terms: liquidation_fee 1.25 must be a fraction"),
        (r#""price_band": {"up": 0.9, "down": 0.8}"#, "price_band 0.8 to 0.9: down must be"),
        (r#""max_orders": 0"#, "max_orders 0 must be above 0"),
        (r#""max_quantity": -1"#, "max_quantity -1 must be above 0"),
        (r#""funding_hours": 48"#, "funding_hours 48 must be between 1 and 24"),
        (r#""max_order": 1"#, "unknown field `max_order`"),
    ] {
        let problem = problem(terms, "");
        assert!(problem.contains("instruments.json") && problem.contains(expected), "{problem}");
    }
    let bracket = r#"{"floor": 10, "cap": 20, "max_leverage": 5, "maintenance_rate": "0.01", "cum": 0}"#;
    let problem = problem("", bracket);
    assert!(problem.contains("brackets.BTCUSDT: bracket 1: floor 10 must be 0"), "{problem}");
}

/// Every stored table of the exchange is imported as it stands: none deviates from the rule of `cum`.
#[test]
fn all_tables_of_the_exchange_are_imported() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/messages/binance-usdm/leverage-tiers");
    let Ok(files) = fs::read_dir(&folder) else {
        println!("skipped: ../shared/data/messages/binance-usdm/leverage-tiers is not here");
        return;
    };
    let mut symbols = 0;
    for file in files {
        let root = tempfile::tempdir().unwrap();
        let imported = import_brackets(root.path(), VENUE, &file.unwrap().path()).unwrap();
        let text = fs::read_to_string(imported.file).unwrap();
        let stored: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(stored["brackets"].as_object().unwrap().len(), imported.symbols, "no symbol twice");
        let instruments = Catalog::open(root.path()).unwrap().instruments(VENUE).unwrap();
        for symbol in stored["brackets"].as_object().unwrap().keys() {
            let brackets = instruments.get(symbol).unwrap().instrument.terms.brackets;
            assert!(!brackets.is_empty(), "{symbol}");
            for pair in brackets.as_slice().windows(2) {
                let floor = pair[1].floor;
                assert_eq!(pair[0].maintenance_margin(floor), pair[1].maintenance_margin(floor), "{symbol}");
            }
        }
        symbols += imported.symbols;
        assert_eq!(
            instrument(root.path(), "BTCUSDT").terms.brackets.max_leverage("1000".parse().unwrap()),
            Some(125)
        );
    }
    assert!(symbols >= 300, "{symbols}");
}
