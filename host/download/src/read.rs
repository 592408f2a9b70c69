//! What the readers of all venues share: decimals in texts, and cells.

use cryptobot_data::store::Cell;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// A number that exchanges write as a text or as a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Number(pub(crate) f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = Number;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number, or one as a text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
                number.map(Number).ok_or_else(|| E::custom(format_args!("`{text}` is no number")))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Number, E> {
                Ok(Number(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl From<Number> for Cell {
    fn from(Number(number): Number) -> Self {
        Self::Number(number)
    }
}

/// A number that may not be there.
pub(crate) fn optional(number: Option<Number>) -> Cell {
    number.map_or(Cell::Empty, Cell::from)
}

/// Reads an answer of JSON.
pub(crate) fn json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}
