//! What a table of features says: its columns, and how they were scaled.

use std::collections::BTreeMap;

use cryptobot_indicators::{Column, Scaler};
use cryptobot_model::{Timeframe, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Columns with everything that makes their numbers. Two tables with the same schema are computed in the same way: what
/// was trained on one can be served with the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// Version of this description.
    pub format: u32,
    /// Length of the bars that rows stand for.
    pub timeframe: String,
    /// The columns in their order.
    pub columns: Vec<SchemaColumn>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SchemaColumn {
    /// Its name.
    pub name: String,
    /// What it is computed from: `bars`, `trades`, `order books` or `futures data`.
    pub input: String,
    /// Length of the bars that it is computed from, or goes with.
    pub timeframe: String,
    /// The indicator that it is an output of.
    pub indicator: String,
    /// All of the indicator's parameters.
    pub params: BTreeMap<String, f64>,
    /// The indicator's output.
    pub output: String,
    /// The first of its inputs with a value, counted from 1.
    pub warmup: u32,
}

/// The data that a scaler was fitted on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// The symbols.
    pub symbols: Vec<String>,
    /// Close time of the first row.
    pub from: String,
    /// Only rows whose bar closed at this time or before.
    pub until: String,
    /// Number of rows.
    pub rows: u64,
}

/// A schema as it is stored, with its hash and the scaler of the table, where it has one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SchemaDocument {
    /// The hash of the schema, without what follows it.
    pub sha256: String,
    /// The schema.
    pub schema: Schema,
    /// Rows of the table until every column of bars has a value, from the beginning of a bar of the longest timeframe on.
    pub warmup_rows: u64,
    /// How the columns were scaled.
    pub scaler: Option<Scaler>,
    /// What the scaler was fitted on.
    pub fitted: Option<Fitted>,
}

impl Schema {
    pub(crate) fn new(timeframe: Timeframe) -> Self {
        Self { format: 1, timeframe: timeframe.to_string(), columns: Vec::new() }
    }

    /// The SHA-256 of the schema as JSON without spaces, in hexadecimal digits.
    pub fn sha256(&self) -> String {
        // Names, numbers and texts are always JSON.
        let json = serde_json::to_string(self).unwrap_or_default();
        Sha256::digest(json).iter().fold(String::with_capacity(64), |mut text, byte| {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('?'));
            }
            text
        })
    }

    /// Rows until every column of bars has a value, where the first row begins a bar of the longest timeframe.
    pub fn warmup_rows(&self) -> u64 {
        let nanos = |text: &str| text.parse::<Timeframe>().map_or(1, Timeframe::nanos);
        let base = nanos(&self.timeframe);
        let of_bars = self.columns.iter().filter(|column| column.input == "bars");
        let rows = of_bars.map(|column| u64::from(column.warmup) * (nanos(&column.timeframe) / base) as u64);
        rows.max().unwrap_or(0)
    }

    /// The schema as it is stored.
    pub fn document(&self, scaler: Option<(Scaler, Fitted)>) -> SchemaDocument {
        let (scaler, fitted) = scaler.unzip();
        SchemaDocument {
            sha256: self.sha256(),
            schema: self.clone(),
            warmup_rows: self.warmup_rows(),
            scaler,
            fitted,
        }
    }
}

impl SchemaColumn {
    pub(crate) fn new(column: &Column, input: &str, timeframe: Timeframe) -> Self {
        Self {
            name: column.name.clone(),
            input: input.to_owned(),
            timeframe: timeframe.to_string(),
            indicator: column.kind.to_owned(),
            params: column.params.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
            output: column.output.to_owned(),
            warmup: column.warmup,
        }
    }
}

impl Fitted {
    pub(crate) fn new(symbols: &[String], from: Timestamp, until: Timestamp, rows: u64) -> Self {
        Self { symbols: symbols.to_vec(), from: from.to_string(), until: until.to_string(), rows }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::{Plan, Wanted};

    #[test]
    fn the_hash_is_that_of_what_is_computed() {
        let schema = |name: &str, timeframe: &str, higher: &[&str]| {
            let wanted = Wanted {
                names: vec![name.to_owned()],
                higher: higher.iter().map(|text| text.parse().unwrap()).collect(),
                own: Vec::new(),
            };
            Plan::new(&wanted, timeframe.parse().unwrap()).unwrap().schema().clone()
        };
        let rsi = schema("rsi_14", "15m", &[]);
        assert_eq!(
            serde_json::to_string(&rsi).unwrap(),
            r#"{"format":1,"timeframe":"15m","columns":[{"name":"rsi_14","input":"bars","timeframe":"15m","indicator":"rsi","params":{"period":14.0},"output":"value","warmup":15}]}"#
        );
        // By `printf '%s' JSON | sha256sum`.
        assert_eq!(rsi.sha256(), "7ad17cd78a9b416dcdec451afc4291bc8e3a5e9fa98cfe7ddbd0df109cf82cd2");
        assert_eq!(rsi.sha256(), schema("rsi_14", "15m", &[]).sha256());
        assert_ne!(rsi.sha256(), schema("rsi_14", "1h", &[]).sha256());
        assert_eq!(rsi.warmup_rows(), 15);
        assert_eq!(schema("rsi_14", "15m", &["4h"]).warmup_rows(), 15 * 16);
    }
}
