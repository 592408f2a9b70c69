//! Where fields stand in a YAML file.

use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Location, Spanned};

/// Line and column, from 1.
pub(crate) type Place = (u64, u64);

/// The keys and entries of a document, with their places.
#[derive(Debug)]
pub(crate) enum Places {
    /// Keys, each where it is written.
    Section(Vec<(Spanned<String>, Places)>),
    /// Entries, each where it begins.
    List(Vec<Spanned<Places>>),
    /// A single value.
    Value,
}

/// The nearest thing to a field that a document has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where that is.
    pub(crate) place: Place,
    /// Whether it is the field itself, not something around it.
    pub(crate) is_field: bool,
}

impl Places {
    /// The places of a document; those of an empty one where it is no YAML.
    pub(crate) fn of(text: &str) -> Self {
        serde_saphyr::from_str(text).unwrap_or(Self::Value)
    }

    /// The field of a path such as `bots.a.swaps[1].at`, or the nearest section around it that is written.
    pub(crate) fn find(&self, field: &str) -> Option<Found> {
        let (location, below, rest) = self.step(field)?;
        let place = (location.line(), location.column());
        let here = Found { place, is_field: rest.is_empty() };
        below.find(rest).or(Some(here).filter(|_| place.0 > 0))
    }

    /// The entry that a path begins with, and the rest of the path.
    fn step<'a>(&self, field: &'a str) -> Option<(Location, &Self, &'a str)> {
        match self {
            // Keys may contain dots: the longest one is meant.
            Self::Section(keys) => {
                let after =
                    |key: &str| rest_after(field, key).or_else(|| rest_after(field, &format!("{key:?}")));
                let fits = keys
                    .iter()
                    .filter_map(|(key, below)| after(&key.value).map(|rest| (key.referenced, below, rest)));
                fits.min_by_key(|(.., rest)| rest.len())
            }
            Self::List(entries) => {
                let (index, rest) = field.strip_prefix('[')?.split_once(']')?;
                let entry = entries.get(index.parse::<usize>().ok()?)?;
                Some((entry.referenced, &entry.value, rest.strip_prefix('.').unwrap_or(rest)))
            }
            Self::Value => None,
        }
    }
}

/// What follows a whole key at the beginning of a path.
fn rest_after<'a>(field: &'a str, key: &str) -> Option<&'a str> {
    let rest = field.strip_prefix(key)?;
    match rest.strip_prefix('.') {
        Some(below) => Some(below),
        None => (rest.is_empty() || rest.starts_with('[')).then_some(rest),
    }
}

impl<'de> Deserialize<'de> for Places {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;
        impl<'de> Visitor<'de> for Walk {
            type Value = Places;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Places, A::Error> {
                let mut keys = Vec::new();
                while let Some(key) = map.next_key()? {
                    keys.push((key, map.next_value()?));
                }
                Ok(Places::Section(keys))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Places, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = list.next_element()? {
                    entries.push(entry);
                }
                Ok(Places::List(entries))
            }
            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Places, D::Error> {
                Places::deserialize(deserializer)
            }
            fn visit_bool<E: Error>(self, _: bool) -> Result<Places, E> {
                Ok(Places::Value)
            }
            fn visit_i64<E: Error>(self, _: i64) -> Result<Places, E> {
                Ok(Places::Value)
            }
            fn visit_i128<E: Error>(self, _: i128) -> Result<Places, E> {
                Ok(Places::Value)
            }
            fn visit_u64<E: Error>(self, _: u64) -> Result<Places, E> {
                Ok(Places::Value)
            }
            fn visit_u128<E: Error>(self, _: u128) -> Result<Places, E> {
                Ok(Places::Value)
            }
            fn visit_f64<E: Error>(self, _: f64) -> Result<Places, E> {
                Ok(Places::Value)
            }
            fn visit_str<E: Error>(self, _: &str) -> Result<Places, E> {
                Ok(Places::Value)
            }
            fn visit_none<E: Error>(self) -> Result<Places, E> {
                Ok(Places::Value)
            }
            fn visit_unit<E: Error>(self) -> Result<Places, E> {
                Ok(Places::Value)
            }
        }
        deserializer.deserialize_any(Walk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "seed: 1\nexecution:\n  fees:\n    taker: -1\n    maker: 0.0\nbots:\n  a: {plugin: x, on: true}\n  \
                        b.c:\n    swaps:\n      - {at: 'bar:1', plugin: y}\n      -\n        at: ~\nlast: &it {x: 2}\nagain: *it\n";

    #[test]
    fn a_field_stands_where_its_key_is_written() {
        let places = Places::of(TEXT);
        for (field, place) in [
            ("seed", (1, 1)),
            ("execution.fees.taker", (4, 5)),
            ("bots.a.on", (7, 18)),
            ("bots.b.c.swaps[0].plugin", (10, 23)),
            ("bots.\"b.c\".swaps[1].at", (12, 9)),
            ("again", (14, 1)),
        ] {
            assert_eq!(places.find(field), Some(Found { place, is_field: true }), "{field}");
        }
    }

    #[test]
    fn what_is_not_written_is_where_it_could_be() {
        let places = Places::of(TEXT);
        for (field, place) in [
            ("execution.margin.leverage", (2, 1)),
            ("execution.fees.taker.deeper", (4, 5)),
            ("bots.a.swaps[0].at", (7, 3)),
            ("bots.b.c.swaps[7].at", (9, 5)),
            ("bots.b.cc", (6, 1)),
        ] {
            assert_eq!(places.find(field), Some(Found { place, is_field: false }), "{field}");
        }
        assert_eq!(places.find("operator[0].at"), None);
        assert_eq!(Places::of("").find("seed"), None);
        assert_eq!(Places::of("a: [").find("a"), None);
    }
}
