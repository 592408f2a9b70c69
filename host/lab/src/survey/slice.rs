//! The metric along one axis, and next to a combination.

use cryptobot_model::ParamValue;
use serde::Serialize;

use super::Survey;

/// Most points of a curve; of longer axes it has some of the values.
const MOST_POINTS: u32 = 200;

/// A curve along an axis.
#[derive(Debug, Serialize)]
pub(super) struct Slice {
    pub(super) axis: usize,
    /// Whether it goes through the best combination. Otherwise each point is the best of all combinations of its part
    /// of the axis, whatever their other values.
    pub(super) exact: bool,
    /// Position of each point on the axis; of parts, of the first in it.
    pub(super) at: Vec<u32>,
    /// Values of the parameter.
    pub(super) labels: Vec<String>,
    /// Values of the metric.
    pub(super) values: Vec<Option<f32>>,
    /// The point of the best combination.
    pub(super) best: Option<usize>,
}

/// The combinations that are one step away from another on one axis.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Neighbours {
    /// Mean of the metric over those that are ranked.
    pub(super) mean: Option<f64>,
    pub(super) ranked: u32,
    pub(super) count: u32,
}

impl Survey {
    /// The metric along an axis. `whole` = every combination of the grid has its number.
    pub(super) fn slice(&self, axis: usize, whole: bool) -> Slice {
        let best = self.best.first().map(|line| line.positions.as_slice());
        match best.filter(|_| whole) {
            Some(best) => self.through(axis, best),
            None => self.best_of_parts(axis, best.map(|best| best[axis])),
        }
    }

    fn through(&self, axis: usize, best: &[u32]) -> Slice {
        let scale = &self.axes[axis];
        let at = points(scale.len(), best[axis]);
        Slice {
            axis,
            exact: true,
            labels: at.iter().map(|position| scale.label(*position)).collect(),
            values: at.iter().map(|position| self.metric_with(best, axis, *position)).collect(),
            best: at.binary_search(&best[axis]).ok(),
            at,
        }
    }

    fn best_of_parts(&self, axis: usize, best: Option<u32>) -> Slice {
        let scale = &self.axes[axis];
        let at: Vec<u32> = scale.parts().map(|(first, _)| first).collect();
        let value = |part: &super::Part| (part.count > 0).then_some(part.best as f32);
        Slice {
            axis,
            exact: false,
            labels: at.iter().map(|position| scale.label(*position)).collect(),
            values: self.along[axis].iter().map(value).collect(),
            best: best.map(|position| scale.bin(position) as usize),
            at,
        }
    }

    /// The neighbours of a combination of a whole grid; `None` where no axis has an order.
    pub(super) fn neighbours(&self, values: &[ParamValue]) -> Option<Neighbours> {
        let positions = self.positions(values)?;
        let (mut sum, mut ranked, mut count) = (0.0, 0, 0);
        for (at, axis) in self.axes.iter().enumerate().filter(|(_, axis)| axis.ordered()) {
            for step in [-1, 1] {
                let position = positions[at].checked_add_signed(step);
                let Some(position) = position.filter(|position| *position < axis.len()) else { continue };
                count += 1;
                if let Some(metric) = self.metric_with(&positions, at, position) {
                    sum += f64::from(metric);
                    ranked += 1;
                }
            }
        }
        let mean = (ranked > 0).then(|| sum / f64::from(ranked));
        (count > 0).then_some(Neighbours { mean, ranked, count })
    }
}

/// Positions on an axis: all, or evenly spread ones with the best and the two next to it, so that a peak of one step
/// is drawn as one.
fn points(len: u32, best: u32) -> Vec<u32> {
    if len <= MOST_POINTS {
        return (0..len).collect();
    }
    let spread = |point: u32| u64::from(point) * u64::from(len - 1) / u64::from(MOST_POINTS - 1);
    let mut points: Vec<u32> = (0..MOST_POINTS).map(|point| spread(point) as u32).collect();
    points.extend(best.saturating_sub(1)..=(best + 1).min(len - 1));
    points.sort_unstable();
    points.dedup();
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::tests::{axis, filled, list};
    use cryptobot_model::{ParamType, ParamValue::Integer};

    #[test]
    fn a_peak_is_a_peak_on_an_axis_of_any_length() {
        for len in [41, 90, 1_000] {
            // A single good combination on a floor that the other axis lifts elsewhere.
            let top = [len - 8, 2];
            let survey = filled(&[axis("x", len), axis("y", 4)], |at| match at {
                at if at == top => Some(5.0),
                [_, 3] => Some(4.0),
                _ => Some(0.0),
            });
            let slice = survey.slice(0, true);
            let best = slice.best.unwrap();
            assert!(slice.exact && slice.at.len() <= 203);
            assert_eq!((slice.at[best], slice.labels[best].as_str()), (top[0], top[0].to_string().as_str()));
            assert_eq!(slice.values[best - 1..=best + 1], [Some(0.0), Some(5.0), Some(0.0)]);
            assert_eq!((slice.at[best - 1], slice.at[best + 1]), (top[0] - 1, top[0] + 1));
            assert_eq!((slice.at[0], *slice.at.last().unwrap()), (0, len - 1));
            assert_eq!(slice.values.iter().flatten().filter(|value| **value > 0.0).count(), 1);
        }
    }

    #[test]
    fn without_a_whole_grid_each_axis_says_that_it_is_not_exact() {
        let survey = filled(&[axis("x", 90), axis("y", 4)], |at| Some(f64::from(at[0] * at[1])));
        let slices = [survey.slice(0, false), survey.slice(1, false)];
        assert!(slices.iter().all(|slice| !slice.exact));
        assert_eq!((slices[0].values.len(), slices[0].best), (40, Some(39)));
        assert_eq!((slices[0].at[1], slices[0].values[0]), (3, Some(6.0)), "the best of 0, 1 and 2");
        assert_eq!(slices[1].values, [0.0, 89.0, 178.0, 267.0].map(Some));
    }

    #[test]
    fn numbers_of_a_list_have_neighbours_in_rising_order() {
        // In the grid 30, 10, 20; the metric is the value.
        let axes = [list("x", &[30, 10, 20]), list("y", &[4, 6])];
        let survey = filled(&axes, |at| Some(f64::from([30, 10, 20][at[0] as usize])));
        let of = |x, y| survey.neighbours(&[Integer(x), Integer(y)]);
        let all = |mean, count| Some(Neighbours { mean: Some(mean), ranked: count, count });
        assert_eq!(of(20, 4), all((10.0 + 30.0 + 20.0) / 3.0, 3));
        assert_eq!(of(30, 6), all(25.0, 2));
        assert_eq!(survey.slice(0, true).values, [10.0, 20.0, 30.0].map(Some));
    }

    #[test]
    fn neighbours_that_are_not_ranked_are_counted() {
        let survey = filled(&[axis("x", 5)], |at| (at[0] != 1).then_some(1.0));
        let neighbours = survey.neighbours(&[Integer(2)]);
        assert_eq!(neighbours, Some(Neighbours { mean: Some(1.0), ranked: 1, count: 2 }));
        let none = filled(&[axis("x", 3)], |at| (at[0] == 1).then_some(1.0));
        assert_eq!(none.neighbours(&[Integer(1)]), Some(Neighbours { mean: None, ranked: 0, count: 2 }));
        let mut words = list("x", &[1, 2]);
        words.kind = ParamType::Text;
        assert_eq!(filled(&[words], |_| Some(1.0)).neighbours(&[Integer(1)]), None);
    }
}
