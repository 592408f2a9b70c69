//! What makes a combination a good one.

use std::fmt;
use std::str::FromStr;

use cryptobot_analytics::Metrics;
use serde::Serialize;

/// Numbers of a row besides the figures of its run.
pub(crate) const COUNTS: [&str; 5] = ["orders", "fills", "trades", "liquidations", "final_equity"];
/// Numbers of a row.
pub(crate) const NUMBERS: usize = Metrics::FIGURES.len() + COUNTS.len();

/// Figures of which less is better.
const LESS_IS_BETTER: [&str; 2] = ["volatility", "max_drawdown_days"];

/// The numbers of a row, in the order of [`names`]; NaN = there is none.
pub(crate) type Numbers = [f64; NUMBERS];

/// The names of a row's numbers.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    Metrics::FIGURES.into_iter().chain(COUNTS)
}

fn number_named(name: &str) -> Result<usize, String> {
    let listed = || names().collect::<Vec<_>>().join(", ");
    names()
        .position(|one| one == name)
        .ok_or_else(|| format!("there is no figure `{name}`; there is {}", listed()))
}

/// What the best combination is best in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    number: usize,
    less: bool,
}

impl Default for Goal {
    fn default() -> Self {
        Self { number: number_named("sharpe").unwrap_or_default(), less: false }
    }
}

impl FromStr for Goal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (less, name) = match text.split_once(':') {
            Some(("min", name)) => (true, name),
            Some(("max", name)) => (false, name),
            _ => (LESS_IS_BETTER.contains(&text), text),
        };
        Ok(Self { number: number_named(name)?, less })
    }
}

impl Goal {
    /// Name of the figure.
    pub fn name(&self) -> &'static str {
        names().nth(self.number).unwrap_or_default()
    }

    /// Whether less of it is better.
    pub fn less_is_better(&self) -> bool {
        self.less
    }

    /// The figure, as it is reported.
    pub(crate) fn value(&self, numbers: &Numbers) -> f64 {
        numbers[self.number]
    }

    /// The figure, turned so that more is better; NaN where there is none.
    pub(crate) fn score(&self, value: f64) -> f64 {
        if self.less { -value } else { value }
    }
}

/// A condition such as `trades>=30`.
#[derive(Clone, Debug, PartialEq)]
pub struct Constraint {
    number: usize,
    relation: Relation,
    bound: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    AtLeast,
    AtMost,
    Equal,
    Other,
    Above,
    Below,
}

/// Longer signs first, so that `>=` is not read as `>`.
const SIGNS: [(&str, Relation); 6] = [
    (">=", Relation::AtLeast),
    ("<=", Relation::AtMost),
    ("==", Relation::Equal),
    ("!=", Relation::Other),
    (">", Relation::Above),
    ("<", Relation::Below),
];

impl FromStr for Constraint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || format!("`{text}` is not of the form NAME>=NUMBER (>=, >, <=, <, ==, !=)");
        let split = SIGNS.iter().find_map(|(sign, relation)| Some((text.split_once(sign)?, *relation)));
        let ((name, bound), relation) = split.ok_or_else(form)?;
        let bound: f64 = bound.trim().parse().map_err(|_| form())?;
        if !bound.is_finite() {
            return Err(form());
        }
        Ok(Self { number: number_named(name.trim())?, relation, bound })
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = names().nth(self.number).unwrap_or_default();
        let sign = SIGNS.iter().find(|(_, relation)| *relation == self.relation).map_or("", |(sign, _)| sign);
        write!(f, "{name}{sign}{}", self.bound)
    }
}

impl Serialize for Constraint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Constraint {
    /// Whether a row fulfils it; one without the figure does not.
    pub(crate) fn holds(&self, numbers: &Numbers) -> bool {
        let value = numbers[self.number];
        match self.relation {
            Relation::AtLeast => value >= self.bound,
            Relation::AtMost => value <= self.bound,
            Relation::Equal => value == self.bound,
            Relation::Other => !value.is_nan() && value != self.bound,
            Relation::Above => value > self.bound,
            Relation::Below => value < self.bound,
        }
    }
}

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aim {
    /// What the best is best in.
    pub goal: Goal,
    /// What it must fulfil.
    pub constraints: Vec<Constraint>,
}

impl Aim {
    /// The score by which a row is ranked, more is better; `None` where it is not ranked.
    pub(crate) fn score(&self, numbers: &Numbers) -> Option<f64> {
        let score = self.goal.score(self.goal.value(numbers));
        (!score.is_nan() && self.constraints.iter().all(|constraint| constraint.holds(numbers)))
            .then_some(score)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_and_constraints_are_read() {
        let sharpe: Goal = "sharpe".parse().unwrap();
        assert_eq!((sharpe.name(), sharpe.less_is_better()), ("sharpe", false));
        assert_eq!(sharpe, Goal::default());
        assert!("volatility".parse::<Goal>().unwrap().less_is_better());
        assert!(!"max:volatility".parse::<Goal>().unwrap().less_is_better());
        assert!("min:trades".parse::<Goal>().unwrap().less_is_better());
        let unknown = "sharp".parse::<Goal>().unwrap_err();
        assert!(
            unknown.contains("no figure `sharp`; there is samples, ") && unknown.contains("trades"),
            "{unknown}"
        );
        for text in ["trades>=30", "max_drawdown>-0.2", "sharpe!=0", "orders<5", "fills<=5", "trades==1"] {
            assert_eq!(text.parse::<Constraint>().unwrap().to_string(), text);
        }
        for text in ["", "trades", "trades>=many", "sharp>1", "trades>=NaN", "trades=30"] {
            assert!(text.parse::<Constraint>().is_err(), "{text}");
        }
    }

    #[test]
    fn rows_without_the_figure_or_against_a_constraint_are_not_ranked() {
        let mut numbers = [f64::NAN; NUMBERS];
        let set = |numbers: &mut Numbers, name: &str, value| numbers[number_named(name).unwrap()] = value;
        let aim =
            Aim { goal: "min:volatility".parse().unwrap(), constraints: vec!["trades>=30".parse().unwrap()] };
        set(&mut numbers, "trades", 30.0);
        assert_eq!(aim.score(&numbers), None);
        set(&mut numbers, "volatility", 0.5);
        assert_eq!(aim.score(&numbers), Some(-0.5));
        set(&mut numbers, "trades", 29.0);
        assert_eq!(aim.score(&numbers), None);
    }
}
