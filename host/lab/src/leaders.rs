//! The best combinations.

use cryptobot_model::ParamValue;

use crate::goal::{Aim, NUMBERS, Numbers};
use crate::row::Row;

/// A combination that is among the best.
#[derive(Clone, Debug)]
pub(crate) struct Leader {
    pub(crate) index: u64,
    pub(crate) values: Vec<ParamValue>,
    /// Means over its rows.
    pub(crate) numbers: Numbers,
    /// Of each symbol.
    pub(crate) rows: Vec<Row>,
    score: f64,
}

/// The best combinations so far, the best first; of equal ones the one with the smaller number.
pub(crate) struct Leaders<'a> {
    aim: &'a Aim,
    most: usize,
    best: Vec<Leader>,
}

impl<'a> Leaders<'a> {
    pub(crate) fn new(aim: &'a Aim, most: usize) -> Self {
        Self { aim, most, best: Vec::new() }
    }

    /// Looks at all rows of a combination; returns its score, where it has one.
    pub(crate) fn offer(&mut self, rows: &[Row]) -> Option<f64> {
        let numbers = pooled(rows);
        let score = self.aim.score(&numbers)?;
        let first = rows.first()?;
        let place = self.best.partition_point(|leader| {
            leader.score > score || leader.score == score && leader.index < first.index
        });
        if place < self.most {
            let (index, values) = (first.index, first.values.clone());
            self.best.insert(place, Leader { index, values, numbers, rows: rows.to_vec(), score });
            self.best.truncate(self.most);
        }
        Some(score)
    }

    pub(crate) fn best(&self) -> &[Leader] {
        &self.best
    }
}

/// The means of the numbers of some rows; NaN where one has none. Rows of a fault have no figures, so that their mean has
/// none either.
pub(crate) fn pooled(rows: &[Row]) -> Numbers {
    match rows {
        [row] => row.numbers,
        rows => {
            let mut means = [0.0; NUMBERS];
            for (at, mean) in means.iter_mut().enumerate() {
                *mean = rows.iter().map(|row| row.numbers[at]).sum::<f64>() / rows.len() as f64;
            }
            means
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::{layout, row};

    #[test]
    fn the_best_come_first_and_ties_go_to_the_earlier() {
        let (layout, aim) = (layout(&["A"]), Aim::default());
        let at = crate::goal::names().position(|name| name == "sharpe").unwrap();
        let mut leaders = Leaders::new(&aim, 3);
        for (index, sharpe) in [(4, 1.0), (0, 2.0), (3, f64::NAN), (1, 1.0), (2, 3.0), (5, 0.5)] {
            let mut row = row(&layout, index);
            row.numbers[at] = sharpe;
            assert_eq!(leaders.offer(&[row]).is_some(), !sharpe.is_nan());
        }
        assert_eq!(leaders.best().iter().map(|leader| leader.index).collect::<Vec<_>>(), [2, 0, 1]);
    }

    #[test]
    fn several_symbols_are_pooled_by_their_means() {
        let layout = layout(&["A", "B"]);
        let mut rows = [row(&layout, 2), row(&layout, 3)];
        assert_eq!(pooled(&rows)[0], 2.5);
        rows[1].numbers[0] = f64::NAN;
        assert!(pooled(&rows)[0].is_nan());
    }
}
