//! What a page can show of any number of combinations: sums and samples of bounded size.

mod histogram;
mod sample;
mod scale;
mod slice;
mod view;

use cryptobot_model::ParamValue;

use crate::axis::Axis;
use sample::Sample;
use scale::Scale;
pub(crate) use view::View;

/// Axes of which each pair has a map.
const MOST_AXES: usize = 12;
/// Best combinations that are lines of the picture of all parameters.
const BEST_LINES: usize = 300;
/// Combinations that stand for all in that picture.
const SAMPLE_LINES: usize = 600;

/// What is kept of all combinations.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    axes: Vec<Scale>,
    less_is_better: bool,
    pairs: Vec<Pair>,
    along: Vec<Vec<Part>>,
    /// By number of the combination; NaN = none.
    metrics: Vec<f32>,
    best: Vec<Line>,
    sample: Sample,
}

/// A combination: its number, its metric, and where it is.
#[derive(Clone, Debug)]
struct Line {
    index: u64,
    metric: f64,
    positions: Vec<u32>,
}

/// A map of two axes.
#[derive(Clone, Debug)]
struct Pair {
    a: usize,
    b: usize,
    parts: Vec<Part>,
}

/// The combinations that share a part of the map.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    best: f64,
    sum: f64,
    count: u64,
}

impl Part {
    fn add(&mut self, metric: f64, less_is_better: bool) {
        if self.count == 0 || (metric < self.best) == less_is_better {
            self.best = metric;
        }
        self.sum += metric;
        self.count += 1;
    }
}

impl Survey {
    pub(crate) fn new(axes: &[Axis], less_is_better: bool) -> Self {
        let axes: Vec<Scale> = axes.iter().map(Scale::new).collect();
        let mapped: Vec<usize> = varied(&axes).take(MOST_AXES).collect();
        let mut pairs = Vec::new();
        for (place, a) in mapped.iter().enumerate() {
            for b in &mapped[place + 1..] {
                let cells = (axes[*a].bins() * axes[*b].bins()) as usize;
                pairs.push(Pair { a: *a, b: *b, parts: vec![Part::default(); cells] });
            }
        }
        Self {
            along: axes.iter().map(|axis| vec![Part::default(); axis.bins() as usize]).collect(),
            axes,
            less_is_better,
            pairs,
            metrics: Vec::new(),
            best: Vec::new(),
            sample: Sample::new(SAMPLE_LINES),
        }
    }

    /// Looks at a combination, in the order of their numbers.
    pub(crate) fn add(&mut self, index: u64, values: &[ParamValue], metric: Option<f64>) {
        self.metrics.resize(index as usize, f32::NAN);
        self.metrics.push(metric.map_or(f32::NAN, |metric| metric as f32));
        let Some(metric) = metric else { return };
        let Some(positions) = self.positions(values) else { return };
        let part = |axis: usize| self.axes[axis].bin(positions[axis]);
        for pair in &mut self.pairs {
            let cell = part(pair.a) * self.axes[pair.b].bins() + part(pair.b);
            pair.parts[cell as usize].add(metric, self.less_is_better);
        }
        for (axis, parts) in self.along.iter_mut().enumerate() {
            parts[part(axis) as usize].add(metric, self.less_is_better);
        }
        let line = Line { index, metric, positions };
        self.sample.offer(&line);
        self.keep_best(line);
    }

    fn keep_best(&mut self, line: Line) {
        let (less_is_better, metric) = (self.less_is_better, line.metric);
        let place = self.best.partition_point(|best| {
            if less_is_better { best.metric <= metric } else { best.metric >= metric }
        });
        if place < BEST_LINES {
            self.best.insert(place, line);
            self.best.truncate(BEST_LINES);
        }
    }

    fn positions(&self, values: &[ParamValue]) -> Option<Vec<u32>> {
        self.axes.iter().zip(values).map(|(axis, value)| axis.position(value)).collect()
    }

    /// The metric at a place of a whole grid, whose combinations are numbered with the last axis fastest.
    fn metric_at(&self, positions: &[u32]) -> Option<f32> {
        let number = self.axes.iter().zip(positions).fold(0, |number, (axis, position)| {
            number * axis.len() as usize + axis.in_grid(*position) as usize
        });
        self.metrics.get(number).copied().filter(|metric| !metric.is_nan())
    }

    /// The metric where one axis has another position.
    fn metric_with(&self, positions: &[u32], axis: usize, position: u32) -> Option<f32> {
        let mut positions = positions.to_vec();
        positions[axis] = position;
        self.metric_at(&positions)
    }
}

/// The axes of more than one value.
fn varied(axes: &[Scale]) -> impl Iterator<Item = usize> {
    (0..axes.len()).filter(|axis| axes[*axis].len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::Values;
    use cryptobot_model::ParamType;
    use rust_decimal::Decimal;

    pub(super) fn axis(name: &str, count: u32) -> Axis {
        let values = Values::Range { first: Decimal::ZERO, step: Decimal::ONE, count };
        Axis { name: name.into(), kind: ParamType::Integer, values }
    }

    pub(super) fn list(name: &str, values: &[i64]) -> Axis {
        let values = Values::List(values.iter().map(|value| ParamValue::Integer(*value)).collect());
        Axis { name: name.into(), kind: ParamType::Integer, values }
    }

    /// A survey of a whole grid with a metric by position in the grid.
    pub(super) fn filled(axes: &[Axis], metric: impl Fn(&[u32]) -> Option<f64>) -> Survey {
        let space = crate::space::Space::of_axes(axes.to_vec());
        let mut survey = Survey::new(axes, false);
        for index in 0..space.size() {
            let positions = space.positions(index);
            survey.add(index as u64, &space.values(&positions), metric(&positions));
        }
        survey
    }

    /// A dome over a grid, with its top at (3, 4).
    pub(super) fn dome(less_is_better: bool) -> Survey {
        let mut survey = Survey::new(&[axis("x", 10), axis("y", 8)], less_is_better);
        for index in 0..80_u64 {
            let (x, y) = (index as i64 / 8, index as i64 % 8);
            let height = -((x - 3).pow(2) + (y - 4).pow(2)) as f64;
            let metric = if less_is_better { -height } else { height };
            survey.add(
                index,
                &[ParamValue::Integer(x), ParamValue::Integer(y)],
                Some(metric).filter(|_| index != 7),
            );
        }
        survey
    }
}
