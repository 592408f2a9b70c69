//! Parameters of plugins: what they declare and what they are given.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParamValue {
    /// A switch.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParamType {
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A text.
    Text,
}

impl fmt::Display for ParamType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "flag",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Text => "text",
        })
    }
}

impl ParamValue {
    /// The type of this value.
    pub const fn param_type(&self) -> ParamType {
        match self {
            Self::Flag(_) => ParamType::Flag,
            Self::Integer(_) => ParamType::Integer,
            Self::Number(_) => ParamType::Number,
            Self::Text(_) => ParamType::Text,
        }
    }

    /// The value as a number, where it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Number(value) => Some(*value),
            Self::Flag(_) | Self::Text(_) => None,
        }
    }
}

impl fmt::Display for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
        }
    }
}

/// A parameter that a plugin declares. The type is that of the default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParamSpec {
    /// Name, as `--set name=value` uses it.
    pub name: String,
    /// Value where none is given.
    pub default: ParamValue,
    /// Smallest allowed number.
    pub min: Option<f64>,
    /// Largest allowed number.
    pub max: Option<f64>,
    /// Step of a sweep.
    pub step: Option<f64>,
    /// Whether it may change while the plugin runs.
    pub tunable: bool,
    /// What it means, for people.
    pub doc: String,
}

/// Why a value does not fit a parameter.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ParamError {
    /// The text is not a value of the parameter's type.
    #[error("`{name}` takes {article} {expected}, not `{given}`", article = if *expected == ParamType::Integer { "an" } else { "a" })]
    WrongType {
        /// The parameter.
        name: String,
        /// Its type.
        expected: ParamType,
        /// What was given.
        given: String,
    },
    /// The plugin has no parameter of that name.
    #[error("plugin {plugin} has no parameter `{name}`; it has {known}")]
    Unknown {
        /// The name.
        name: String,
        /// The plugin.
        plugin: String,
        /// Those it has, for people.
        known: String,
    },
    /// The number lies outside the declared range.
    #[error("`{name}` must lie in {range}, not {given}")]
    OutOfRange {
        /// The parameter.
        name: String,
        /// Its range, for people.
        range: String,
        /// What was given.
        given: String,
    },
}

impl ParamError {
    /// The parameter that was given.
    pub fn name(&self) -> &str {
        match self {
            Self::WrongType { name, .. } | Self::Unknown { name, .. } | Self::OutOfRange { name, .. } => name,
        }
    }
}

impl ParamSpec {
    /// The declared range for people: `2..500`, `>= 2`, `<= 500` or nothing.
    pub fn range(&self) -> String {
        match (self.min, self.max) {
            (Some(min), Some(max)) => format!("{min}..{max}"),
            (Some(min), None) => format!(">= {min}"),
            (None, Some(max)) => format!("<= {max}"),
            (None, None) => String::new(),
        }
    }

    /// Reads a value from the text of `--set name=text`.
    pub fn parse(&self, text: &str) -> Result<ParamValue, ParamError> {
        let wrong_type = || ParamError::WrongType {
            name: self.name.clone(),
            expected: self.default.param_type(),
            given: text.to_owned(),
        };
        let value = match self.default.param_type() {
            ParamType::Flag => ParamValue::Flag(text.parse().map_err(|_| wrong_type())?),
            ParamType::Integer => ParamValue::Integer(text.parse().map_err(|_| wrong_type())?),
            ParamType::Number => ParamValue::Number(text.parse().map_err(|_| wrong_type())?),
            ParamType::Text => ParamValue::Text(text.to_owned()),
        };
        self.check(value)
    }

    /// Takes a value as users give it: a text is read, anything else is checked.
    pub fn accept(&self, value: ParamValue) -> Result<ParamValue, ParamError> {
        match value {
            ParamValue::Text(text) => self.parse(&text),
            value => self.check(value),
        }
    }

    /// Checks type and range of a value; a whole number is accepted where a number is asked for.
    pub fn check(&self, value: ParamValue) -> Result<ParamValue, ParamError> {
        let value = match (self.default.param_type(), value) {
            (ParamType::Number, ParamValue::Integer(whole)) => ParamValue::Number(whole as f64),
            (_, value) => value,
        };
        if value.param_type() != self.default.param_type() {
            return Err(ParamError::WrongType {
                name: self.name.clone(),
                expected: self.default.param_type(),
                given: value.to_string(),
            });
        }
        let inside = value.as_f64().is_none_or(|number| {
            number.is_finite()
                && self.min.is_none_or(|min| number >= min)
                && self.max.is_none_or(|max| number <= max)
        });
        if inside {
            Ok(value)
        } else {
            let range = self.range();
            Err(ParamError::OutOfRange {
                name: self.name.clone(),
                range: if range.is_empty() { "the finite numbers".to_owned() } else { range },
                given: value.to_string(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fast() -> ParamSpec {
        ParamSpec {
            name: "fast".into(),
            default: ParamValue::Integer(10),
            min: Some(2.0),
            max: Some(500.0),
            step: Some(1.0),
            tunable: false,
            doc: "bars".into(),
        }
    }

    #[test]
    fn values_are_checked_against_the_declaration() {
        assert_eq!(fast().parse("20"), Ok(ParamValue::Integer(20)));
        assert_eq!(fast().parse("2.5").unwrap_err().to_string(), "`fast` takes an integer, not `2.5`");
        assert_eq!(fast().parse("1").unwrap_err().to_string(), "`fast` must lie in 2..500, not 1");
    }

    #[test]
    fn not_a_number_is_out_of_range() {
        let spec = ParamSpec { default: ParamValue::Number(1.0), min: None, max: None, ..fast() };
        assert!(spec.parse("NaN").is_err());
        assert!(spec.parse("inf").is_err());
        assert_eq!(spec.check(ParamValue::Integer(3)), Ok(ParamValue::Number(3.0)));
    }
}
