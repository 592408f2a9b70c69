//! What a case expects, how it differs from what came, and how it is written anew.

use std::collections::BTreeMap;
use std::fmt::Write;

use cryptobot_model::{Money, Quantity};
use serde::Deserialize;

use super::play::Actual;

/// Lists beyond this are not aligned; their first difference is shown.
const ALIGNED_LINES: usize = 500;
/// Equal lines shown around a difference.
const CONTEXT: usize = 1;

/// `expect:` of a case. What is absent is not compared, but a fault, which is never expected unless it is named.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    /// What the plugin asks for, in order; an empty list = no orders.
    orders: Option<Vec<String>>,
    /// Executions, in order.
    fills: Option<Vec<String>>,
    /// Orders that are refused, in order.
    refusals: Option<Vec<String>>,
    /// Positions at the end by symbol; `{}` = flat.
    position: Option<BTreeMap<String, f64>>,
    /// Equity at the end.
    equity: Option<f64>,
    /// Funding paid; negative = received.
    funding: Option<f64>,
    /// Kind of the fault that stops the plugin.
    fault: Option<String>,
}

impl Expected {
    /// Where a run differs, a readable text for each kind of expectation.
    pub(super) fn differences(&self, actual: &Actual) -> Vec<String> {
        let mut found = Vec::new();
        let kind = actual.fault.as_ref().map(|fault| fault.kind.name());
        match (&self.fault, &actual.fault) {
            (None, Some(fault)) => found.push(format!("the plugin was stopped: {fault}")),
            (Some(expected), _) if Some(expected.as_str()) != kind => {
                let came = actual.fault.as_ref().map_or_else(|| "none came".to_owned(), ToString::to_string);
                found.push(format!("fault: expected {expected}; {came}"));
            }
            _ => {}
        }
        for (name, expected, actual) in [
            ("orders", &self.orders, &actual.orders),
            ("fills", &self.fills, &actual.fills),
            ("refusals", &self.refusals, &actual.refusals),
        ] {
            found.extend(expected.as_ref().and_then(|expected| lists_differ(name, expected, actual)));
        }
        if let Some(expected) = &self.position {
            let exact = |value: &f64| Quantity::from_f64(*value).unwrap_or_default();
            let wanted: BTreeMap<String, Quantity> = expected
                .iter()
                .map(|(symbol, value)| (symbol.clone(), exact(value)))
                .filter(|(_, quantity)| *quantity != Quantity::ZERO)
                .collect();
            if wanted != actual.position {
                found.push(format!("position: expected {}, is {}", map(&wanted), map(&actual.position)));
            }
        }
        for (name, expected, actual) in
            [("equity", self.equity, actual.equity), ("funding", self.funding, actual.funding)]
        {
            if let Some(expected) = expected.filter(|expected| Money::from_f64(*expected) != Some(actual)) {
                found.push(format!("{name}: expected {expected}, is {actual}"));
            }
        }
        found
    }
}

/// Lists side by side: `-` what was expected and did not come, `+` what came and was not expected.
fn lists_differ(name: &str, expected: &[String], actual: &[String]) -> Option<String> {
    if expected == actual {
        return None;
    }
    let mut text = format!("{name}: expected {}, came {} (- expected, + came)", expected.len(), actual.len());
    let same = expected.iter().zip(actual).take_while(|(expected, actual)| expected == actual).count();
    let aligned = if expected.len().max(actual.len()) <= ALIGNED_LINES {
        align(&expected[same..], &actual[same..])
    } else {
        let first = |lines: &[String], sign| lines.get(same).map(|line| (sign, line.clone()));
        [first(expected, '-'), first(actual, '+')].into_iter().flatten().collect()
    };
    for line in &expected[same.saturating_sub(CONTEXT)..same] {
        let _ = write!(text, "\n    {line}");
    }
    for (index, (sign, line)) in aligned.iter().enumerate() {
        let changed = |at: usize| aligned.get(at).is_some_and(|(sign, _)| *sign != ' ');
        let near = (index.saturating_sub(CONTEXT)..=index + CONTEXT).any(changed);
        if near {
            let _ = write!(text, "\n  {sign} {line}");
        }
    }
    Some(text)
}

/// The shortest way from one list to the other by lines taken out and put in (longest common subsequence).
fn align(expected: &[String], actual: &[String]) -> Vec<(char, String)> {
    let width = actual.len() + 1;
    let mut common = vec![0_usize; (expected.len() + 1) * width];
    for i in (0..expected.len()).rev() {
        for j in (0..actual.len()).rev() {
            common[i * width + j] = if expected[i] == actual[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < expected.len() || j < actual.len() {
        if i < expected.len() && j < actual.len() && expected[i] == actual[j] {
            lines.push((' ', expected[i].clone()));
            (i, j) = (i + 1, j + 1);
        } else if j == actual.len()
            || (i < expected.len() && common[(i + 1) * width + j] >= common[i * width + j + 1])
        {
            lines.push(('-', expected[i].clone()));
            i += 1;
        } else {
            lines.push(('+', actual[j].clone()));
            j += 1;
        }
    }
    lines
}

/// `case.yaml` with its expectations replaced by what came: those it has, or the usual ones where it has none. All else
/// stays as it is, comments too.
pub(super) fn renew(text: &str, expected: Option<&Expected>, actual: &Actual) -> String {
    let block = block(expected, actual);
    let lines: Vec<&str> = text.lines().collect();
    let Some(begin) = lines.iter().position(|line| line.starts_with("expect:")) else {
        return format!("{}\n{block}", text.trim_end_matches('\n'));
    };
    let inside = |line: &&&str| line.is_empty() || line.starts_with([' ', '\t', '-', '#']);
    let end = begin + 1 + lines[begin + 1..].iter().take_while(inside).count();
    let after = &lines[end..];
    let all = lines[..begin].iter().copied().chain(block.lines()).chain(after.iter().copied());
    all.flat_map(|line| [line, "\n"]).collect()
}

fn block(expected: Option<&Expected>, actual: &Actual) -> String {
    let usual = expected.is_none_or(|expected| *expected == Expected::default());
    let has = |of: fn(&Expected) -> bool| usual || expected.is_some_and(of);
    let mut text = "expect:\n".to_owned();
    let mut list = |name: &str, lines: &[String]| {
        if lines.is_empty() {
            let _ = writeln!(text, "  {name}: []");
            return;
        }
        let _ = writeln!(text, "  {name}:");
        for line in lines {
            let _ = writeln!(text, "    - {line}");
        }
    };
    if has(|expected| expected.orders.is_some()) {
        list("orders", &actual.orders);
    }
    if has(|expected| expected.fills.is_some()) {
        list("fills", &actual.fills);
    }
    if has(|expected| expected.refusals.is_some()) && !(usual && actual.refusals.is_empty()) {
        list("refusals", &actual.refusals);
    }
    if has(|expected| expected.position.is_some()) {
        let _ = writeln!(text, "  position: {}", map(&actual.position));
    }
    if has(|expected| expected.equity.is_some()) {
        let _ = writeln!(text, "  equity: {}", actual.equity);
    }
    if has(|expected| expected.funding.is_some()) && !(usual && actual.funding == Money::ZERO) {
        let _ = writeln!(text, "  funding: {}", actual.funding);
    }
    if let Some(fault) = &actual.fault {
        let _ = writeln!(text, "  fault: {}", fault.kind.name());
    }
    text
}

fn map(positions: &BTreeMap<String, Quantity>) -> String {
    let one = |(symbol, quantity): (&String, &Quantity)| format!("{symbol}: {quantity}");
    format!("{{{}}}", positions.iter().map(one).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use cryptobot_engine::{Fault, FaultKind};

    use super::*;

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    fn actual() -> Actual {
        Actual {
            orders: lines(&["bar 1 buy 1 A market", "bar 2 buy 2 A market", "bar 3 buy 3 A market"]),
            position: BTreeMap::from([("A".to_owned(), Quantity::from_f64(6.0).unwrap())]),
            equity: Money::from_f64(1_000.5).unwrap(),
            ..Actual::default()
        }
    }

    fn expected(yaml: &str) -> Expected {
        serde_saphyr::from_str(yaml).unwrap()
    }

    #[test]
    fn only_what_is_stated_is_compared() {
        assert_eq!(Expected::default().differences(&actual()), lines(&[]));
        assert_eq!(expected("position: {A: 6}\nequity: 1000.50").differences(&actual()), lines(&[]));
        assert_eq!(
            expected("position: {B: 1}\nequity: 1000").differences(&actual()),
            ["position: expected {B: 1}, is {A: 6}", "equity: expected 1000, is 1000.5"]
        );
    }

    #[test]
    fn lists_are_aligned() {
        let case = expected("orders: [bar 1 buy 1 A market, bar 3 buy 3 A market, bar 4 sell 6 A market]");
        let difference = "orders: expected 3, came 3 (- expected, + came)\n    bar 1 buy 1 A market\n  \
                          + bar 2 buy 2 A market\n    bar 3 buy 3 A market\n  - bar 4 sell 6 A market";
        assert_eq!(case.differences(&actual()), [difference]);
        let none = expected("orders: []").differences(&actual());
        assert!(none[0].starts_with("orders: expected 0, came 3"), "{none:?}");
    }

    #[test]
    fn a_fault_is_never_overlooked() {
        let faulty = Actual { fault: Some(Fault::new(FaultKind::Trap, "it broke")), ..actual() };
        assert_eq!(Expected::default().differences(&faulty), ["the plugin was stopped: trap: it broke"]);
        assert_eq!(expected("fault: trap").differences(&faulty), lines(&[]));
        assert_eq!(expected("fault: trap").differences(&actual()), ["fault: expected trap; none came"]);
        assert_eq!(
            expected("fault: memory").differences(&faulty),
            ["fault: expected memory; trap: it broke"]
        );
    }

    #[test]
    fn what_is_renewed_is_what_was_stated() {
        let text = "# why\nabout: x\nexpect:\n  # old\n  equity: 5\n\nparams: {a: 1}\n";
        let renewed = renew(text, Some(&expected("equity: 5")), &actual());
        assert_eq!(renewed, "# why\nabout: x\nexpect:\n  equity: 1000.5\nparams: {a: 1}\n");
        let all = renew("about: x\n", None, &actual());
        let again = expected(all.split_once("expect:\n").unwrap().1);
        assert_eq!(again.differences(&actual()), lines(&[]));
        assert_eq!(renew(&all, Some(&again), &actual()), all, "a second update changes nothing");
    }
}
