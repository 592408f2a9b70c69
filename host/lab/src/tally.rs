//! What all rows of a sweep together say.

use std::path::{Path, PathBuf};

use crate::error::SweepError;
use crate::folder::TABLE;
use crate::goal::{Aim, Numbers};
use crate::leaders::{Leaders, pooled};
use crate::row::{Layout, Row};
use crate::store;
use crate::survey::Survey;

const NOTHING_TRADED: &str = "no run had a single fill";
const NO_FIGURE: &str = "no run without a fault has a figure to rank it by";
const NONE_KEPT: &str = "no combination keeps all constraints";

const ALL_FAULTS: &str = "every run ended with a fault";
const NOTHING_VERIFIED: &str = "nothing was verified";

/// Whether a warning is one of [`Tally::remark`] or [`nothing_verified`]: said of a part of a sweep, it need not hold for
/// the whole.
pub(crate) fn is_remark(warning: &str) -> bool {
    let remarks = [NOTHING_TRADED, NO_FIGURE, NONE_KEPT, ALL_FAULTS, NOTHING_VERIFIED];
    remarks.iter().any(|remark| warning.starts_with(remark))
}

/// What a reader must know where no run was made a second time: `most` of the best are asked for, `ranked` there are.
pub(crate) fn nothing_verified(most: usize, ranked: u64) -> Option<String> {
    let why = match (most, ranked) {
        (_, 0) => "no combination is ranked",
        (0, _) => "with --top 0 no run is made again with one call per event",
        _ => return None,
    };
    Some(format!("{NOTHING_VERIFIED}: {why}"))
}

/// Counts of rows and combinations, and the best of them.
pub(crate) struct Tally<'a> {
    aim: &'a Aim,
    pub(crate) rows: u64,
    pub(crate) combinations: u64,
    pub(crate) failed: u64,
    pub(crate) ranked: u64,
    pub(crate) leaders: Leaders<'a>,
    pub(crate) survey: Survey,
    /// The first fault and how many runs ended with the same.
    fault: Option<(String, u64)>,
    /// Runs with a fill.
    traded: u64,
    /// Combinations that have the figure by which they are ranked.
    measured: u64,
    /// Combinations that keep a constraint, by constraint.
    kept: Vec<u64>,
}

impl<'a> Tally<'a> {
    /// Joins tables into that of a folder and counts its rows on the way.
    pub(crate) fn of(
        tables: &[PathBuf],
        layout: &Layout,
        aim: &'a Aim,
        top: usize,
        out: &Path,
    ) -> Result<Self, SweepError> {
        let mut tally = Self::new(layout, aim, top);
        store::join(tables, layout, &out.join(TABLE), |rows| {
            for combination in rows.chunk_by(|a, b| a.index == b.index) {
                tally.add(combination);
            }
        })?;
        Ok(tally)
    }

    fn new(layout: &Layout, aim: &'a Aim, top: usize) -> Self {
        Self {
            aim,
            rows: 0,
            combinations: 0,
            failed: 0,
            ranked: 0,
            leaders: Leaders::new(aim, top),
            survey: Survey::new(&layout.axes, aim.goal.less_is_better()),
            fault: None,
            traded: 0,
            measured: 0,
            kept: vec![0; aim.constraints.len()],
        }
    }

    /// Counts all rows of a combination.
    fn add(&mut self, rows: &[Row]) {
        self.rows += rows.len() as u64;
        self.combinations += 1;
        for error in rows.iter().filter_map(|row| row.error.as_ref()) {
            self.failed += 1;
            let (first, count) = self.fault.get_or_insert_with(|| (error.clone(), 0));
            *count += u64::from(first == error);
        }
        self.traded += rows.iter().filter(|row| row.has_fills()).count() as u64;
        self.look_for_reasons(&pooled(rows));
        let score = self.leaders.offer(rows);
        self.ranked += u64::from(score.is_some());
        let metric = score.map(|score| self.aim.goal.score(score));
        self.survey.add(rows[0].index, &rows[0].values, metric);
    }

    fn look_for_reasons(&mut self, numbers: &Numbers) {
        self.measured += u64::from(!self.aim.goal.value(numbers).is_nan());
        for (kept, constraint) in self.kept.iter_mut().zip(&self.aim.constraints) {
            *kept += u64::from(constraint.holds(numbers));
        }
    }

    /// What a reader must know where nothing came of the whole sweep.
    pub(crate) fn remark(&self) -> Option<String> {
        if self.failed == self.rows {
            let (first, count) = self.fault.as_ref()?;
            return Some(format!(
                "{ALL_FAULTS}: `{first}` in {count} of {}; the column `error` of the table has all of them",
                self.rows
            ));
        }
        if self.traded == 0 {
            return Some(format!(
                "{NOTHING_TRADED}: all orders were refused, or there were none; `host run` with the parameters of one of \
                 them says why"
            ));
        }
        if self.measured == 0 {
            return Some(format!(
                "{NO_FIGURE}: there is no `{}` where an account is lost, nothing was closed or nothing varied; \
                 `--metric final_equity` ranks every run",
                self.aim.goal.name()
            ));
        }
        (self.ranked == 0).then(|| {
            let kept = self.aim.constraints.iter().zip(&self.kept);
            let kept: Vec<String> =
                kept.map(|(constraint, kept)| format!("{kept} keep {constraint}")).collect();
            format!("{NONE_KEPT}: of {}, {}", self.combinations, kept.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goal::names;
    use crate::row::tests::{layout, row};

    /// The remark on rows with these numbers each, as one combination a row.
    fn remark(aim: &Aim, rows: &[&[(&str, f64)]]) -> Option<String> {
        let layout = layout(&["A"]);
        let mut tally = Tally::new(&layout, aim, 3);
        for (index, numbers) in rows.iter().enumerate() {
            let mut row = row(&layout, index as u64);
            for (name, number) in *numbers {
                row.numbers[names().position(|one| one == *name).unwrap()] = *number;
            }
            tally.add(&[row]);
        }
        let remark = tally.remark();
        assert!(remark.as_deref().is_none_or(is_remark));
        remark
    }

    #[test]
    fn a_sweep_without_a_best_run_says_why() {
        let aim = Aim {
            constraints: vec!["trades>=30".parse().unwrap(), "fills>1".parse().unwrap()],
            ..Aim::default()
        };
        let idle: &[(&str, f64)] = &[("sharpe", 0.0), ("fills", 0.0), ("trades", 0.0)];
        let ruined: &[(&str, f64)] = &[("sharpe", f64::NAN), ("fills", 40.0), ("trades", 40.0)];
        let rare: &[(&str, f64)] = &[("sharpe", 1.0), ("fills", 2.0), ("trades", 1.0)];
        let good: &[(&str, f64)] = &[("sharpe", 1.0), ("fills", 40.0), ("trades", 40.0)];
        let of = |rows: &[&[(&str, f64)]]| remark(&aim, rows).unwrap_or_default();
        assert!(of(&[idle, idle]).starts_with(NOTHING_TRADED));
        assert!(of(&[ruined, ruined]).starts_with(NO_FIGURE), "{}", of(&[ruined, ruined]));
        let none = of(&[rare, ruined, idle]);
        assert!(
            none.starts_with(NONE_KEPT) && none.ends_with("of 3, 1 keep trades>=30, 2 keep fills>1"),
            "{none}"
        );
        assert_eq!(remark(&aim, &[idle, ruined, rare, good]), None);
    }

    #[test]
    fn a_sweep_of_faults_says_the_first_and_how_many_have_it() {
        let layout = layout(&["A"]);
        let aim = Aim::default();
        let mut tally = Tally::new(&layout, &aim, 3);
        for (index, error) in [(0, "trap"), (1, "other"), (2, "trap")] {
            let mut failed = row(&layout, index);
            failed.error = Some(error.into());
            tally.add(&[failed]);
        }
        let remark = tally.remark().unwrap();
        assert!(is_remark(&remark) && remark.contains("fault: `trap` in 2 of 3;"), "{remark}");
        let mut right = row(&layout, 3);
        right.error = None;
        tally.add(&[right]);
        assert_eq!(tally.remark(), None);
    }

    #[test]
    fn where_nothing_is_run_again_the_reason_is_said() {
        assert_eq!(nothing_verified(3, 1), None);
        assert!(nothing_verified(0, 5).is_some_and(|said| said.contains("--top 0") && is_remark(&said)));
        assert!(nothing_verified(3, 0).is_some_and(|said| said.contains("no combination is ranked")));
    }
}
