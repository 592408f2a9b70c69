//! What a page can show of any number of combinations: sums and samples of bounded size.

use cryptobot_model::ParamValue;
use serde::Serialize;

use crate::axis::{Axis, Values};

/// Most parts of an axis; the values of longer ones share parts.
const MOST_BINS: u32 = 40;
/// Axes of which each pair has a map.
const MOST_AXES: usize = 12;
/// Bars of the distribution.
const BARS: usize = 48;
/// Best combinations, and about as many others twice, that are lines of the picture of all parameters.
const LINES: usize = 300;

/// What is kept of all combinations.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    axes: Vec<Axis>,
    less_is_better: bool,
    pairs: Vec<Pair>,
    along: Vec<Vec<Part>>,
    /// By number of the combination; NaN = none.
    metrics: Vec<f32>,
    best: Vec<Line>,
    sample: Vec<Line>,
    stride: u64,
    ranked: u64,
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
        let varied: Vec<usize> =
            (0..axes.len()).filter(|axis| axes[*axis].len() > 1).take(MOST_AXES).collect();
        let mut pairs = Vec::new();
        for (place, a) in varied.iter().enumerate() {
            for b in &varied[place + 1..] {
                let cells = (bins(&axes[*a]) * bins(&axes[*b])) as usize;
                pairs.push(Pair { a: *a, b: *b, parts: vec![Part::default(); cells] });
            }
        }
        Self {
            axes: axes.to_vec(),
            less_is_better,
            pairs,
            along: axes.iter().map(|axis| vec![Part::default(); bins(axis) as usize]).collect(),
            metrics: Vec::new(),
            best: Vec::new(),
            sample: Vec::new(),
            stride: 1,
            ranked: 0,
        }
    }

    /// Looks at a combination, in the order of their numbers.
    pub(crate) fn add(&mut self, index: u64, values: &[ParamValue], metric: Option<f64>) {
        self.metrics.resize(index as usize, f32::NAN);
        self.metrics.push(metric.map_or(f32::NAN, |metric| metric as f32));
        let Some(metric) = metric else { return };
        let positions: Option<Vec<u32>> =
            self.axes.iter().zip(values).map(|(axis, value)| axis.position(value)).collect();
        let Some(positions) = positions else { return };
        let part = |axis: usize| bin(&self.axes[axis], positions[axis]);
        for pair in &mut self.pairs {
            let cell = part(pair.a) * bins(&self.axes[pair.b]) + part(pair.b);
            pair.parts[cell as usize].add(metric, self.less_is_better);
        }
        for (axis, parts) in self.along.iter_mut().enumerate() {
            parts[part(axis) as usize].add(metric, self.less_is_better);
        }
        self.keep(Line { index, metric, positions });
    }

    fn keep(&mut self, line: Line) {
        let (less_is_better, metric) = (self.less_is_better, line.metric);
        let place = self.best.partition_point(|best| {
            if less_is_better { best.metric <= metric } else { best.metric >= metric }
        });
        if place < LINES {
            self.best.insert(place, line.clone());
            self.best.truncate(LINES);
        }
        if self.ranked.is_multiple_of(self.stride) {
            self.sample.push(line);
            if self.sample.len() > 2 * LINES {
                let mut at = 0;
                self.sample.retain(|_| {
                    at += 1;
                    at % 2 == 1
                });
                self.stride *= 2;
            }
        }
        self.ranked += 1;
    }

    /// The number of a combination in a whole grid; the last axis fastest.
    fn number(&self, positions: &[u32]) -> usize {
        self.axes
            .iter()
            .zip(positions)
            .fold(0, |number, (axis, at)| number * axis.len() as usize + *at as usize)
    }

    fn metric_at(&self, positions: &[u32]) -> Option<f64> {
        self.metrics
            .get(self.number(positions))
            .filter(|metric| !metric.is_nan())
            .map(|metric| f64::from(*metric))
    }

    /// The mean over the combinations that are one step away on one range; `None` where there are none.
    fn neighbours(&self, values: &[ParamValue]) -> Option<f64> {
        let positions: Vec<u32> =
            self.axes.iter().zip(values).map(|(axis, value)| axis.position(value)).collect::<Option<_>>()?;
        let (mut sum, mut count) = (0.0, 0.0);
        for (at, axis) in self.axes.iter().enumerate().filter(|(_, axis)| axis.is_range()) {
            for step in [-1, 1] {
                let Some(position) = positions[at].checked_add_signed(step).filter(|it| *it < axis.len())
                else {
                    continue;
                };
                let mut neighbour = positions.clone();
                neighbour[at] = position;
                if let Some(metric) = self.metric_at(&neighbour) {
                    sum += metric;
                    count += 1.0;
                }
            }
        }
        (count > 0.0).then(|| sum / count)
    }

    /// What the page shows. `whole` = every combination of the grid has its number; `top` are the values of the best.
    pub(crate) fn view(&self, whole: bool, top: &[Vec<ParamValue>]) -> View {
        let mut sorted: Vec<f32> = self.metrics.iter().copied().filter(|metric| !metric.is_nan()).collect();
        sorted.sort_unstable_by(f32::total_cmp);
        let quantile = |share: f64| {
            let at = (share * sorted.len().saturating_sub(1) as f64) as usize;
            sorted.get(at).map(|metric| f64::from(*metric))
        };
        let mut shown: Vec<u64> = self.best.iter().map(|line| line.index).collect();
        shown.sort_unstable();
        let others = self.sample.iter().filter(|line| shown.binary_search(&line.index).is_err());
        let lines = || self.best.iter().chain(others.clone());
        let shares = |positions: &Vec<u32>| -> Vec<f32> {
            let share = |(axis, at): (&Axis, &u32)| *at as f32 / (axis.len().max(2) - 1) as f32;
            self.axes.iter().zip(positions).map(share).collect()
        };
        View {
            axes: self.axes.iter().map(AxisView::new).collect(),
            pairs: self.pairs.iter().map(PairView::new).collect(),
            slices: (0..self.axes.len()).map(|axis| self.slice(axis, whole)).collect(),
            exact: whole,
            neighbours: top.iter().map(|values| self.neighbours(values).filter(|_| whole)).collect(),
            metrics: Spread { low: quantile(0.05), median: quantile(0.5), high: quantile(0.95) },
            histogram: Histogram::new(&sorted),
            lines: Lines {
                positions: lines().flat_map(|line| shares(&line.positions)).collect(),
                values: lines().map(|line| line.metric).collect(),
            },
        }
    }

    /// The metric along an axis: through the best combination of a whole grid, else the best of each part.
    fn slice(&self, axis: usize, whole: bool) -> Slice {
        let bins = bins(&self.axes[axis]);
        let best = self.best.first().map(|line| &line.positions);
        let at = best.map(|positions| bin(&self.axes[axis], positions[axis]));
        let exact = best.filter(|_| whole && bins == self.axes[axis].len());
        let values = match exact {
            Some(positions) => (0..bins)
                .map(|position| {
                    let mut positions = positions.clone();
                    positions[axis] = position;
                    self.metric_at(&positions)
                })
                .collect(),
            None => self.along[axis].iter().map(|part| (part.count > 0).then_some(part.best)).collect(),
        };
        Slice { axis, values, at }
    }
}

fn bins(axis: &Axis) -> u32 {
    axis.len().min(MOST_BINS)
}

fn bin(axis: &Axis, position: u32) -> u32 {
    (u64::from(position) * u64::from(bins(axis)) / u64::from(axis.len())) as u32
}

/// What the page's script reads.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    axes: Vec<AxisView>,
    pairs: Vec<PairView>,
    slices: Vec<Slice>,
    /// Whether slices go through the best combination.
    exact: bool,
    /// Of each of the best.
    neighbours: Vec<Option<f64>>,
    metrics: Spread,
    histogram: Histogram,
    lines: Lines,
}

#[derive(Debug, Serialize)]
struct AxisView {
    name: String,
    /// Of each part.
    labels: Vec<String>,
    binned: bool,
    /// All of it in words.
    text: String,
}

#[derive(Debug, Serialize)]
struct PairView {
    a: usize,
    b: usize,
    best: Vec<Option<f64>>,
    mean: Vec<Option<f64>>,
}

#[derive(Debug, Serialize)]
struct Slice {
    axis: usize,
    values: Vec<Option<f64>>,
    /// Part of the best.
    at: Option<u32>,
}

#[derive(Debug, Serialize)]
struct Spread {
    low: Option<f64>,
    median: Option<f64>,
    high: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Histogram {
    first: f64,
    width: f64,
    counts: Vec<u64>,
}

#[derive(Debug, Serialize)]
struct Lines {
    /// Of each line a share of each axis, line by line.
    positions: Vec<f32>,
    values: Vec<f64>,
}

impl AxisView {
    fn new(axis: &Axis) -> Self {
        let firsts = (0..axis.len()).filter(|at| *at == 0 || bin(axis, *at) != bin(axis, *at - 1));
        let text = match &axis.values {
            Values::Range { step, .. } => {
                format!("{}..{}:{step}", axis.value(0), axis.value(axis.len() - 1))
            }
            Values::List(list) => list.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        };
        Self {
            name: axis.name.clone(),
            labels: firsts.map(|at| axis.value(at).to_string()).collect(),
            binned: bins(axis) < axis.len(),
            text,
        }
    }
}

impl PairView {
    fn new(pair: &Pair) -> Self {
        let of = |value: fn(&Part) -> f64| {
            pair.parts.iter().map(|part| (part.count > 0).then(|| short(value(part)))).collect()
        };
        Self {
            a: pair.a,
            b: pair.b,
            best: of(|part| part.best),
            mean: of(|part| part.sum / part.count as f64),
        }
    }
}

impl Histogram {
    /// Bars over the bulk of the values; the outermost ones take what lies beyond.
    fn new(sorted: &[f32]) -> Self {
        let at = |share: f64| f64::from(sorted[(share * (sorted.len() - 1) as f64) as usize]);
        if sorted.len() < 2 || at(0.995) <= at(0.005) {
            return Self { first: 0.0, width: 0.0, counts: Vec::new() };
        }
        let (low, high) = (at(0.005), at(0.995));
        let width = (high - low) / BARS as f64;
        let mut counts = vec![0; BARS];
        for metric in sorted {
            counts[(((f64::from(*metric) - low) / width).max(0.0) as usize).min(BARS - 1)] += 1;
        }
        Self { first: low, width, counts }
    }
}

/// Six digits are more than a colour shows.
fn short(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptobot_model::ParamType;
    use rust_decimal::Decimal;

    fn axis(name: &str, count: u32) -> Axis {
        let values = Values::Range { first: Decimal::ZERO, step: Decimal::ONE, count };
        Axis { name: name.into(), kind: ParamType::Integer, values }
    }

    /// A dome over a grid, with its top at (3, 4).
    fn dome(less_is_better: bool) -> Survey {
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

    #[test]
    fn maps_slices_and_neighbours_show_the_landscape() {
        for less_is_better in [false, true] {
            let sign = if less_is_better { -1.0 } else { 1.0 };
            let top = vec![ParamValue::Integer(3), ParamValue::Integer(4)];
            let view = dome(less_is_better).view(true, &[top]);
            assert_eq!(view.pairs.len(), 1);
            assert_eq!(view.pairs[0].best[3 * 8 + 4], Some(0.0));
            assert_eq!(view.pairs[0].best[7], None);
            assert_eq!(view.slices[0].at, Some(3));
            assert_eq!(view.slices[0].values[5], Some(sign * -4.0));
            assert_eq!(view.neighbours, [Some(-sign)]);
            assert_eq!(view.lines.values.len(), 79);
            assert_eq!(view.histogram.counts.iter().sum::<u64>(), 79);
            let parts = dome(less_is_better).view(false, &[]);
            assert_eq!(parts.slices[1].values[6], Some(sign * -4.0), "the best with this value");
        }
    }

    #[test]
    fn the_view_stays_small() {
        let axes: Vec<Axis> = (0..14).map(|at| axis(&format!("p{at}"), 1_000)).collect();
        let mut survey = Survey::new(&axes, false);
        for index in 0..20_000_u64 {
            let values: Vec<ParamValue> =
                (0..14).map(|at| ParamValue::Integer(((index * 7_919 + at * 31) % 1_000) as i64)).collect();
            survey.add(index, &values, Some(index as f64));
        }
        let json = serde_json::to_string(&survey.view(false, &[])).unwrap();
        assert!(json.len() < 4 << 20, "{} bytes", json.len());
    }
}
