//! `instruments.json`: grid and costs of what a venue trades.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use cryptobot_model::decimal::SCALE;
use cryptobot_model::{Instrument, Money, Price, Quantity};
use rust_decimal::Decimal;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::DataError;
use crate::hash::sha256;
use crate::terms::{BracketTables, TermsEntry, brackets, canonical};
use crate::venues::{Terms, VenueDefaults};

/// What an instrument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contract {
    /// A perpetual future: funding is paid unless the file says otherwise.
    Perpetual,
    /// The asset itself: no funding.
    Spot,
}

/// The instruments of one venue.
#[derive(Clone, Debug)]
pub struct Instruments {
    venue: String,
    defaults: VenueDefaults,
    file: Option<(PathBuf, InstrumentsFile)>,
}

/// One instrument as a run needs it, with what the user should know about its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedInstrument {
    /// Grid and costs.
    pub instrument: Instrument,
    /// What was assumed, if anything.
    pub warning: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InstrumentsFile {
    #[serde(default)]
    synthetic: bool,
    #[serde(default)]
    label: Option<String>,
    instruments: BTreeMap<String, Entry>,
    #[serde(default)]
    brackets: BracketTables,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    tick: Exact,
    lot: Exact,
    #[serde(default)]
    min_notional: Option<Exact>,
    #[serde(default)]
    contract: Option<Contract>,
    #[serde(default)]
    maker_fee: Option<Exact>,
    #[serde(default)]
    taker_fee: Option<Exact>,
    #[serde(default)]
    funding: Option<bool>,
    #[serde(default)]
    terms: TermsEntry,
}

/// A decimal written as a string or a number, taken as written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exact(pub(crate) Decimal);

impl Instruments {
    /// The instruments of a venue below the root of a catalog, which need not be there.
    pub fn below(root: &Path, venue: &str) -> Result<Self, DataError> {
        Self::of_venue(venue, &root.join(venue).join("instruments.json"))
    }

    /// Reads the file of a venue; without one the venue's built-in defaults hold.
    pub(crate) fn of_venue(venue: &str, path: &Path) -> Result<Self, DataError> {
        let defaults = VenueDefaults::of(venue);
        let file = match fs::read_to_string(path) {
            Ok(text) => Some((path.to_owned(), parse(path, &text)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(DataError::io(path)(error)),
        };
        Ok(Self { venue: venue.to_owned(), defaults, file })
    }

    /// Whether the venue's data are made up.
    pub fn synthetic(&self) -> bool {
        self.file.as_ref().is_some_and(|(_, file)| file.synthetic)
    }

    /// What a report says about the data's origin.
    pub fn label(&self) -> Option<&str> {
        self.file.as_ref().and_then(|(_, file)| file.label.as_deref())
    }

    /// The instrument of a symbol: from the file, else from the venue's defaults, else from general ones.
    pub fn get(&self, symbol: &str) -> Result<ResolvedInstrument, DataError> {
        let terms = self.defaults.terms(symbol);
        let Some((path, file)) = &self.file else {
            return Ok(self.assumed(symbol, terms));
        };
        let located = |section: &str, problem: String| DataError::Instruments {
            file: path.clone(),
            at: None,
            problem: format!("{section}.{symbol}: {problem}"),
        };
        let table = file.brackets.get(symbol).map_or(&[][..], Vec::as_slice);
        let table = brackets(table).map_err(|problem| located("brackets", problem))?;
        let Some(entry) = file.instruments.get(symbol) else {
            let mut assumed = self.assumed(symbol, terms);
            // A file of bracket tables alone says nothing about grids.
            if !file.instruments.is_empty() {
                assumed.warning =
                    Some(format!("{} has no {symbol}: {}", path.display(), describe(&assumed.instrument)));
            }
            assumed.instrument.terms.brackets = table;
            return Ok(assumed);
        };
        let wrong = |problem: String| located("instruments", problem);
        let contract = entry.contract.unwrap_or(self.defaults.contract());
        let funding = entry.funding.unwrap_or(contract == Contract::Perpetual && self.defaults.funding());
        if funding && contract == Contract::Spot {
            return Err(wrong("a spot instrument has no funding; write \"funding\": false".to_owned()));
        }
        if contract == Contract::Spot && !table.is_empty() {
            return Err(located("brackets", "a spot instrument has no brackets".to_owned()));
        }
        let fee = |name: &str, written: Option<Exact>, default: Decimal| match written {
            Some(Exact(fee)) if fee.abs() >= Decimal::new(1, 1) => {
                Err(wrong(format!("{name} {fee} is a fraction of notional, for example 0.0004 for 0.04 %")))
            }
            Some(Exact(fee)) => Ok(fee),
            None => Ok(default),
        };
        let step = |name: &str, Exact(step): Exact| {
            if step > Decimal::ZERO && step.normalize().scale() <= SCALE {
                Ok(step)
            } else {
                Err(wrong(format!("{name} {step} must be above 0 and have at most {SCALE} decimal places")))
            }
        };
        let min_notional = entry.min_notional.map_or(terms.min_notional, |Exact(value)| Money::new(value));
        if min_notional < Money::ZERO {
            return Err(wrong(format!("min_notional {min_notional} must not be negative")));
        }
        let mut limits =
            entry.terms.over(&terms.limits).map_err(|problem| wrong(format!("terms: {problem}")))?;
        limits.brackets = table;
        let instrument = Instrument {
            venue: self.venue.clone(),
            symbol: symbol.to_owned(),
            tick: Price::new(step("tick", entry.tick)?),
            lot: Quantity::new(step("lot", entry.lot)?),
            min_notional,
            maker_fee: fee("maker_fee", entry.maker_fee, terms.maker_fee)?,
            taker_fee: fee("taker_fee", entry.taker_fee, terms.taker_fee)?,
            funding,
            terms: limits,
        };
        Ok(ResolvedInstrument { instrument, warning: None })
    }

    fn assumed(&self, symbol: &str, terms: Terms) -> ResolvedInstrument {
        let instrument = Instrument {
            venue: self.venue.clone(),
            symbol: symbol.to_owned(),
            tick: terms.tick,
            lot: terms.lot,
            min_notional: terms.min_notional,
            maker_fee: terms.maker_fee,
            taker_fee: terms.taker_fee,
            funding: self.defaults.funding(),
            terms: terms.limits,
        };
        let warning = if !self.defaults.is_known() {
            Some(format!("venue {} is not known and has no instruments.json", self.venue))
        } else if !terms.is_known {
            Some(format!("{symbol} at {} is not known and there is no instruments.json", self.venue))
        } else {
            None
        };
        let warning = warning.map(|reason| format!("{reason}: {}", describe(&instrument)));
        ResolvedInstrument { instrument, warning }
    }
}

fn describe(assumed: &Instrument) -> String {
    let Instrument { tick, lot, maker_fee, taker_fee, funding, .. } = assumed;
    let funding = if *funding { "with funding" } else { "no funding" };
    format!("assumed tick {tick}, lot {lot}, fees {maker_fee} maker and {taker_fee} taker, {funding}")
}

pub(crate) fn parse(path: &Path, text: &str) -> Result<InstrumentsFile, DataError> {
    serde_json::from_str(text).map_err(|error| {
        let at = (error.line() > 0).then(|| (error.line(), error.column()));
        // serde_json repeats the position at the end of its message.
        let message = error.to_string();
        let problem = message.split(" at line ").next().unwrap_or(&message).to_owned();
        DataError::Instruments { file: path.to_owned(), at, problem }
    })
}

/// SHA-256 of the instruments that a run uses, whatever their order: the `reference` part of its identity.
///
/// The canonical form is one line per instrument, sorted by venue and symbol, of venue, symbol, tick, lot, minimum
/// notional, maker fee, taker fee, funding, liquidation fee, price band, largest number of orders, largest quantities of
/// limit and market orders, trigger protection, hours between funding payments, and brackets, separated by tabs; numbers
/// without trailing zeros.
pub fn reference_sha256(instruments: &[Instrument]) -> String {
    let mut lines: Vec<String> = instruments
        .iter()
        .map(|of| {
            let Instrument { venue, symbol, tick, lot, min_notional, maker_fee, taker_fee, funding, terms } =
                of;
            let (maker, taker) = (maker_fee.normalize(), taker_fee.normalize());
            let terms = canonical(terms);
            format!(
                "{venue}\t{symbol}\t{tick}\t{lot}\t{min_notional}\t{maker}\t{taker}\t{funding}\t{terms}\n"
            )
        })
        .collect();
    lines.sort();
    lines.dedup();
    sha256(lines.concat())
}

/// As a text without trailing zeros.
impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.normalize())
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;

        impl Visitor<'_> for Number {
            type Value = Exact;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal such as 0.01 or \"0.01\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Exact, E> {
                let parsed = Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text));
                parsed.map(Exact).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Exact, E> {
                // The shortest text that reads back as the same number is what stood in the file.
                self.visit_str(&value.to_string())
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Exact, E> {
                Ok(Exact(value.into()))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Exact, E> {
                Ok(Exact(value.into()))
            }
        }

        deserializer.deserialize_any(Number)
    }
}
