//! Terms of instruments as an exchange states them, into `instruments.json`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use cryptobot_model::decimal::SCALE;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::brackets::existing;
use crate::catalog::is_name;
use crate::error::DataError;
use crate::instruments::{Contract, Exact, parse};
use crate::write::replace_file;

/// What an exchange says of an instrument. What is `None` it does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstrumentTerms {
    /// The symbol.
    pub symbol: String,
    /// What it is.
    pub contract: Contract,
    /// Smallest step of a price.
    pub tick: Decimal,
    /// Smallest step of a quantity.
    pub lot: Decimal,
    /// Smallest notional of an order.
    pub min_notional: Option<Decimal>,
    /// Fee of a liquidation, a fraction of notional.
    pub liquidation_fee: Option<Decimal>,
    /// Largest and smallest limit price, as multiples of the mark price.
    pub price_band: Option<(Decimal, Decimal)>,
    /// Orders that may be open at once.
    pub max_orders: Option<u32>,
    /// Largest quantity of a limit order.
    pub max_quantity: Option<Decimal>,
    /// Largest quantity of a market order.
    pub market_max_quantity: Option<Decimal>,
}

/// A field in which the file and the exchange differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The symbol.
    pub symbol: String,
    /// The field.
    pub field: String,
    /// What the file says; `None` = nothing.
    pub stored: Option<String>,
    /// What the exchange says.
    pub exchange: String,
}

/// What became of the terms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RecordedInstruments {
    /// The venue's `instruments.json`.
    pub file: PathBuf,
    /// Symbols that were not in it.
    pub added: Vec<String>,
    /// Symbols whose fields were changed.
    pub updated: Vec<String>,
    /// Fields that were changed, or, unless `updated` has their symbol, left as the file has them.
    pub differences: Vec<Difference>,
}

impl InstrumentTerms {
    /// Terms of which nothing but the symbol is known: a spot instrument on the finest grid.
    pub fn named(symbol: String) -> Self {
        let finest = Decimal::new(1, SCALE);
        Self {
            symbol,
            contract: Contract::Spot,
            tick: finest,
            lot: finest,
            min_notional: None,
            liquidation_fee: None,
            price_band: None,
            max_orders: None,
            max_quantity: None,
            market_max_quantity: None,
        }
    }

    /// The fields of its entry, those of `terms` under `terms.`.
    fn fields(&self) -> BTreeMap<&'static str, Value> {
        let text = |value: Decimal| Value::String(value.normalize().to_string());
        // The host counts in steps of 1e-8: on a finer grid it uses each hundredth or thousandth step.
        let step = |value: Decimal| text(value.max(Decimal::new(1, SCALE)));
        let contract = match self.contract {
            Contract::Perpetual => "perpetual",
            Contract::Spot => "spot",
        };
        let band = |(up, down): (Decimal, Decimal)| {
            Value::Object(Map::from_iter([("up".to_owned(), text(up)), ("down".to_owned(), text(down))]))
        };
        let given = [
            ("contract", Some(Value::String(contract.to_owned()))),
            ("tick", Some(step(self.tick))),
            ("lot", Some(step(self.lot))),
            ("min_notional", self.min_notional.map(text)),
            ("terms.liquidation_fee", self.liquidation_fee.map(text)),
            ("terms.price_band", self.price_band.map(band)),
            ("terms.max_orders", self.max_orders.map(Value::from)),
            ("terms.max_quantity", self.max_quantity.map(text)),
            ("terms.market_max_quantity", self.market_max_quantity.map(text)),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// Writes what an exchange says of instruments into `<root>/<venue>/instruments.json`. Symbols that are not there are
/// added. Where the file says something else, it stays as it is and the difference is reported, unless `update` asks for
/// the exchange's value; fields that the exchange says nothing of stay in either case.
pub fn record_instruments(
    root: &Path,
    venue: &str,
    terms: &[InstrumentTerms],
    update: bool,
) -> Result<RecordedInstruments, DataError> {
    if !is_name(venue) {
        return Err(DataError::Name { field: "venue", name: venue.to_owned() });
    }
    let file = root.join(venue).join("instruments.json");
    let wrong = |problem: String| DataError::Instruments { file: file.clone(), at: None, problem };
    let before = existing(&file)?;
    let mut document = before.clone();
    let stored = document.entry("instruments").or_insert_with(|| Value::Object(Map::new()));
    let Value::Object(stored) = stored else {
        return Err(wrong("instruments: must be a map from symbols".to_owned()));
    };
    let mut done = RecordedInstruments { file: file.clone(), ..RecordedInstruments::default() };
    for terms in terms {
        let is_new = !stored.contains_key(&terms.symbol);
        let entry = stored.entry(terms.symbol.clone()).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(entry) = entry else {
            return Err(wrong(format!("instruments.{}: must be a map of fields", terms.symbol)));
        };
        let differences = join(entry, terms, is_new || update);
        if is_new {
            done.added.push(terms.symbol.clone());
            continue;
        }
        if update && !differences.is_empty() {
            done.updated.push(terms.symbol.clone());
        }
        done.differences.extend(differences);
    }
    stored.sort_keys();
    if document == before && file.exists() {
        return Ok(done);
    }
    let text = serde_json::to_string_pretty(&document).map_err(|error| wrong(error.to_string()))?;
    parse(&file, &text)?;
    replace_file(&file, |out| writeln!(out, "{text}")).map_err(DataError::io(&file))?;
    Ok(done)
}

/// Compares an entry with the exchange's fields, and writes them where `write` says so.
fn join(entry: &mut Map<String, Value>, terms: &InstrumentTerms, write: bool) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (field, given) in terms.fields() {
        let (section, name) =
            field.split_once('.').map_or((None, field), |(section, name)| (Some(section), name));
        let stored = match section {
            Some(section) => entry.get(section).and_then(|section| section.get(name)),
            None => entry.get(name),
        };
        if stored.is_some_and(|stored| same(stored, &given)) || (stored.is_none() && !write) {
            continue;
        }
        let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        differences.push(Difference {
            symbol: terms.symbol.clone(),
            field: field.to_owned(),
            stored: stored.map(shown),
            exchange: shown(&given),
        });
        if write {
            let target = match section {
                Some(section) => {
                    entry.entry(section).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
                }
                None => Some(&mut *entry),
            };
            if let Some(target) = target {
                target.insert(name.to_owned(), given);
            }
        }
    }
    differences
}

/// Whether two values say the same: `0.10` and `"0.1"` do.
fn same(stored: &Value, given: &Value) -> bool {
    if let (Value::Object(stored), Value::Object(given)) = (stored, given) {
        return given.iter().all(|(name, given)| stored.get(name).is_some_and(|stored| same(stored, given)));
    }
    let exact = |value: &Value| serde_json::from_value::<Exact>(value.clone()).ok().map(|Exact(value)| value);
    stored == given || exact(stored).zip(exact(given)).is_some_and(|(stored, given)| stored == given)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Instruments;

    fn bitcoin(tick: &str) -> InstrumentTerms {
        InstrumentTerms {
            contract: Contract::Perpetual,
            tick: tick.parse().unwrap(),
            lot: "0.001".parse().unwrap(),
            min_notional: Some("50".parse().unwrap()),
            price_band: Some(("1.05".parse().unwrap(), "0.95".parse().unwrap())),
            max_orders: Some(200),
            ..InstrumentTerms::named("BTCUSDT".to_owned())
        }
    }

    #[test]
    fn what_is_not_there_is_added_and_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let done = record_instruments(folder.path(), "binance-usdm", &[bitcoin("0.10")], false).unwrap();
        assert_eq!(done.added, ["BTCUSDT"]);
        let read = Instruments::below(folder.path(), "binance-usdm").unwrap().get("BTCUSDT").unwrap();
        assert_eq!(read.warning, None);
        assert_eq!(read.instrument.tick.to_string(), "0.1");
        assert_eq!(read.instrument.terms.max_orders, Some(200));
        let again = record_instruments(folder.path(), "binance-usdm", &[bitcoin("0.1")], false).unwrap();
        assert!(again.added.is_empty() && again.differences.is_empty(), "{again:?}");
    }

    #[test]
    fn what_was_written_by_hand_stays_unless_asked() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("binance-usdm/instruments.json");
        let text = r#"{"label": "mine", "instruments": {"BTCUSDT": {"tick": 0.01, "lot": "0.0010", "maker_fee": "0.0001"}}}"#;
        replace_file(&file, |out| out.write_all(text.as_bytes())).unwrap();
        let done = record_instruments(folder.path(), "binance-usdm", &[bitcoin("0.1")], false).unwrap();
        let [difference] = done.differences.as_slice() else { panic!("{done:?}") };
        assert_eq!((difference.field.as_str(), difference.stored.as_deref()), ("tick", Some("0.01")));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);

        let done = record_instruments(folder.path(), "binance-usdm", &[bitcoin("0.1")], true).unwrap();
        assert_eq!(done.updated, ["BTCUSDT"]);
        let read: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let entry = &read["instruments"]["BTCUSDT"];
        assert_eq!((&entry["tick"], &entry["maker_fee"]), (&Value::from("0.1"), &Value::from("0.0001")));
        assert_eq!(read["label"], "mine");
    }
}
