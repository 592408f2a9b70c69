//! The values that a parameter is tried with.

use cryptobot_model::{ParamSpec, ParamType, ParamValue};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use crate::error::SweepError;

/// A parameter that a sweep varies, with its values in their order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// Its name; with several bots `bot.name`.
    pub name: String,
    /// Its type.
    pub kind: ParamType,
    /// Its values.
    pub values: Values,
}

/// The values of an axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Values {
    /// `first`, `first + step`, …: exact, so that 0.3 is 0.3 and not 0.1 + 0.2.
    Range {
        /// The first.
        first: Decimal,
        /// Distance of two.
        step: Decimal,
        /// How many.
        count: u32,
    },
    /// These.
    List(Vec<ParamValue>),
}

impl Axis {
    /// How many values there are, at least one.
    pub fn len(&self) -> u32 {
        match &self.values {
            Values::Range { count, .. } => *count,
            Values::List(list) => list.len() as u32,
        }
    }

    /// Whether there are no values: never.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the values are numbers in rising order, so that neighbours mean something.
    pub fn is_range(&self) -> bool {
        matches!(self.values, Values::Range { .. })
    }

    /// The value at a position, which is below [`Self::len`].
    pub fn value(&self, position: u32) -> ParamValue {
        match &self.values {
            Values::List(list) => list[position as usize].clone(),
            Values::Range { first, step, .. } => {
                let value = *first + *step * Decimal::from(position);
                match self.kind {
                    ParamType::Integer => ParamValue::Integer(value.to_i64().unwrap_or_default()),
                    // Through its digits: the number that the same text on the command line would be.
                    _ => ParamValue::Number(value.normalize().to_string().parse().unwrap_or_default()),
                }
            }
        }
    }

    /// Where a value stands.
    pub fn position(&self, value: &ParamValue) -> Option<u32> {
        match &self.values {
            Values::List(list) => list.iter().position(|one| one == value).map(|at| at as u32),
            Values::Range { first, step, count } => {
                let offset = (exact(value.as_f64()?)? - *first) / *step;
                offset.round().to_u32().filter(|at| at < count)
            }
        }
    }
}

/// Reads `first..last`, `first..last:step`, `a,b,c`, a single value, or nothing: the described range.
pub(crate) fn parse(name: &str, spec: &ParamSpec, text: Option<&str>) -> Result<Axis, SweepError> {
    let kind = spec.default.param_type();
    let wrong = |problem: String| SweepError::usage(format!("--param {name}"), problem);
    let values = match text {
        None => described(name, spec)?,
        Some(text) => match text.split_once("..") {
            Some((first, rest)) if kind != ParamType::Text => {
                let (last, step) =
                    rest.split_once(':').map_or((rest, None), |(last, step)| (last, Some(step)));
                range(name, spec, text, (first, last, step))?
            }
            _ => {
                let one = |text: &str| {
                    let value = spec.parse(text.trim());
                    value.map_err(|error| wrong(format!("{error}; {}", form(kind))))
                };
                let list = text.split(',').map(one).collect::<Result<Vec<_>, _>>()?;
                if let Some(twice) = (1..list.len()).find(|at| list[..*at].contains(&list[*at])) {
                    return Err(wrong(format!("`{text}` has {} twice; leave one out", list[twice])));
                }
                Values::List(list)
            }
        },
    };
    Ok(Axis { name: name.to_owned(), kind, values })
}

/// How values of a parameter are written.
fn form(kind: ParamType) -> &'static str {
    match kind {
        ParamType::Integer | ParamType::Number => {
            "write first..last, first..last:step or values, for example 2..26, 30..420:10 or 5,10,20"
        }
        ParamType::Flag => "write true,false",
        ParamType::Text => "write values, for example sma,ema",
    }
}

/// Whether what the plugin describes can be gone through.
pub(crate) fn has_step(spec: &ParamSpec) -> bool {
    spec.step.is_some() || spec.default.param_type() != ParamType::Number
}

/// The range that the plugin describes.
fn described(name: &str, spec: &ParamSpec) -> Result<Values, SweepError> {
    if spec.default.param_type() == ParamType::Flag {
        return Ok(Values::List(vec![ParamValue::Flag(false), ParamValue::Flag(true)]));
    }
    let number = |number: f64| number.to_string();
    let (Some(min), Some(max)) = (spec.min, spec.max) else {
        let problem = format!(
            "the plugin describes no smallest and largest value; say which, for example --param {name}=1..10:1"
        );
        return Err(SweepError::usage(format!("--param {name}"), problem));
    };
    let text = format!("{min}..{max}");
    range(name, spec, &text, (&number(min), &number(max), None))
}

fn range(
    name: &str,
    spec: &ParamSpec,
    text: &str,
    (first, last, step): (&str, &str, Option<&str>),
) -> Result<Values, SweepError> {
    let kind = spec.default.param_type();
    let wrong = |problem: String| SweepError::usage(format!("--param {name}"), problem);
    if kind == ParamType::Flag {
        return Err(wrong(format!("`{text}` is a range, and {name} is a flag; write true,false")));
    }
    let form = form(kind);
    let number = |part: &str| -> Result<Decimal, SweepError> {
        let value = spec.parse(part.trim()).map_err(|error| wrong(format!("{error}; {form}")))?;
        value.as_f64().and_then(exact).ok_or_else(|| wrong(format!("`{part}` is no number; {form}")))
    };
    let (first, last) = (number(first)?, number(last)?);
    let step = match (step, spec.step) {
        (Some(step), _) => {
            Decimal::from_str_exact(step.trim()).map_err(|_| wrong(format!("`{step}` is no step; {form}")))?
        }
        (None, Some(step)) => exact(step).unwrap_or(Decimal::ONE),
        (None, None) if kind == ParamType::Integer => Decimal::ONE,
        (None, None) => {
            return Err(wrong(format!(
                "`{text}` has no step and the plugin describes none; write {text}:STEP"
            )));
        }
    };
    if last < first {
        return Err(wrong(format!("`{text}` is reversed; write {last}..{first}")));
    }
    if step <= Decimal::ZERO {
        return Err(wrong(format!("a step of {step} gets nowhere; it must be above 0")));
    }
    if kind == ParamType::Integer && !step.fract().is_zero() {
        return Err(wrong(format!("{name} takes whole numbers: a step of {step} is none")));
    }
    if first < last && step > last - first {
        return Err(wrong(format!(
            "a step of {step} leads beyond {last}, so that {first} would be the only value; take a smaller step, or \
             write {first}"
        )));
    }
    let count = ((last - first) / step).floor() + Decimal::ONE;
    let count =
        count.to_u32().ok_or_else(|| wrong(format!("`{text}` has {count} values; take a larger step")))?;
    Ok(Values::Range { first: first.normalize(), step: step.normalize(), count })
}

/// A number by the digits that it is written with.
fn exact(number: f64) -> Option<Decimal> {
    let text = number.to_string();
    Decimal::from_str_exact(&text).ok().map(|decimal| decimal.normalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(default: ParamValue, min: Option<f64>, max: Option<f64>, step: Option<f64>) -> ParamSpec {
        ParamSpec { name: "p".into(), default, min, max, step, tunable: false, doc: String::new() }
    }

    fn whole() -> ParamSpec {
        spec(ParamValue::Integer(10), Some(2.0), Some(500.0), None)
    }

    fn listed(spec: &ParamSpec, text: Option<&str>) -> Vec<String> {
        let axis = parse("p", spec, text).unwrap();
        let values: Vec<ParamValue> = (0..axis.len()).map(|at| axis.value(at)).collect();
        for (at, value) in values.iter().enumerate() {
            assert_eq!(axis.position(value), Some(at as u32));
            assert_eq!(spec.parse(&value.to_string()).as_ref(), Ok(value), "as on the command line");
        }
        values.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn ranges_lists_and_descriptions() {
        assert_eq!(listed(&whole(), Some("2..5")), ["2", "3", "4", "5"]);
        assert_eq!(listed(&whole(), Some("2..25:10")), ["2", "12", "22"]);
        assert_eq!(listed(&whole(), Some("30,10,20")), ["30", "10", "20"]);
        assert_eq!(listed(&whole(), Some("7")), ["7"]);
        assert_eq!(listed(&whole(), Some("7..7")), ["7"]);
        assert_eq!(listed(&whole(), Some("2..26:24")), ["2", "26"]);
        assert_eq!(listed(&whole(), None).len(), 499);
        let number = spec(ParamValue::Number(0.5), Some(-1.0), Some(1.0), Some(0.5));
        assert_eq!(listed(&number, Some("0.1..0.4:0.1")), ["0.1", "0.2", "0.3", "0.4"]);
        assert_eq!(listed(&number, Some("-1..0")), ["-1", "-0.5", "0"]);
        assert_eq!(listed(&number, None), ["-1", "-0.5", "0", "0.5", "1"]);
        let flag = spec(ParamValue::Flag(true), None, None, None);
        assert_eq!(listed(&flag, None), ["false", "true"]);
        assert_eq!(listed(&flag, Some("true")), ["true"]);
        let text = spec(ParamValue::Text("a".into()), None, None, None);
        assert_eq!(listed(&text, Some("sma,ema..x")), ["sma", "ema..x"]);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_fix() {
        let refused = |spec: &ParamSpec, text: Option<&str>| {
            let error = parse("p", spec, text).unwrap_err();
            assert_eq!(error.exit_code(), cryptobot_run::ExitCode::Usage);
            error.to_string()
        };
        for (text, words) in [
            ("", "`p` takes an integer, not ``"),
            ("5..2", "reversed; write 2..5"),
            ("2..5:0", "above 0"),
            ("2..5:-1", "above 0"),
            ("2..5:0.5", "whole numbers"),
            ("2..5:x", "`x` is no step"),
            ("..5", "write first..last"),
            ("", "for example 2..26"),
            ("5,,6", "for example 2..26, 30..420:10 or 5,10,20"),
            ("2..26:30", "a step of 30 leads beyond 26"),
            ("1..5", "must lie in 2..500, not 1"),
            ("2..501", "must lie in 2..500, not 501"),
            ("4,5,4", "4 twice"),
        ] {
            let said = refused(&whole(), Some(text));
            assert!(said.starts_with("--param p: ") && said.contains(words), "{text}: {said}");
        }
        let number = spec(ParamValue::Number(0.5), None, None, None);
        assert!(refused(&number, Some("0..1")).contains("write 0..1:STEP"));
        assert!(refused(&number, None).contains("--param p=1..10:1"));
        assert!(
            refused(&spec(ParamValue::Flag(true), None, None, None), Some("0..1")).contains("true,false")
        );
    }
}
