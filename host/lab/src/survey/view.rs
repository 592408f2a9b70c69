//! What the page's script reads.

use cryptobot_model::ParamValue;
use serde::Serialize;

use super::histogram::Histogram;
use super::scale::Scale;
use super::slice::{Neighbours, Slice};
use super::{Line, Pair, Part, Survey, varied};

/// The landscape of a sweep.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    /// Whether every combination of the grid was tried.
    whole: bool,
    axes: Vec<AxisView>,
    pairs: Vec<PairView>,
    /// Axes that are varied and have no map.
    unmapped: Vec<usize>,
    slices: Vec<Slice>,
    /// Of each of the best; of whole grids only.
    neighbours: Vec<Option<Neighbours>>,
    metrics: Spread,
    histogram: Histogram,
    lines: Lines,
}

#[derive(Debug, Serialize)]
struct AxisView {
    name: String,
    /// Number of values.
    count: u32,
    /// Whether one value is next to another.
    ordered: bool,
    /// First value of each part.
    labels: Vec<String>,
    /// Last value of each part, where parts have several.
    ends: Option<Vec<String>>,
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

/// Of all values of the metric.
#[derive(Debug, Serialize)]
struct Spread {
    least: Option<f64>,
    /// 5th percentile.
    low: Option<f64>,
    median: Option<f64>,
    /// 95th percentile.
    high: Option<f64>,
    most: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Lines {
    /// How many of them are the best; the others are drawn by lot.
    best: usize,
    /// Of each line a share of each axis, line by line.
    positions: Vec<f32>,
    values: Vec<f64>,
}

impl Survey {
    /// What the page shows. `whole` = every combination of the grid has its number; `top` are the values of the best.
    pub(crate) fn view(&self, whole: bool, top: &[Vec<ParamValue>]) -> View {
        let mut sorted: Vec<f32> = self.metrics.iter().copied().filter(|metric| !metric.is_nan()).collect();
        sorted.sort_unstable_by(f32::total_cmp);
        let neighbours = |values: &Vec<ParamValue>| if whole { self.neighbours(values) } else { None };
        let mapped = |axis: &usize| self.pairs.iter().any(|pair| pair.a == *axis || pair.b == *axis);
        View {
            whole,
            axes: self.axes.iter().map(AxisView::new).collect(),
            pairs: self.pairs.iter().map(PairView::new).collect(),
            unmapped: varied(&self.axes).filter(|axis| !mapped(axis)).collect(),
            slices: (0..self.axes.len()).map(|axis| self.slice(axis, whole)).collect(),
            neighbours: top.iter().map(neighbours).collect(),
            metrics: Spread::new(&sorted),
            histogram: Histogram::new(&sorted),
            lines: self.lines(),
        }
    }

    fn lines(&self) -> Lines {
        let mut best: Vec<u64> = self.best.iter().map(|line| line.index).collect();
        best.sort_unstable();
        let others = self.sample.lines().filter(|line| best.binary_search(&line.index).is_err());
        let lines = self.best.iter().chain(others);
        let share = |(axis, at): (&Scale, &u32)| *at as f32 / (axis.len().max(2) - 1) as f32;
        let shares = |line: &Line| self.axes.iter().zip(&line.positions).map(share).collect::<Vec<f32>>();
        Lines {
            best: self.best.len(),
            positions: lines.clone().flat_map(shares).collect(),
            values: lines.map(|line| line.metric).collect(),
        }
    }
}

impl AxisView {
    fn new(axis: &Scale) -> Self {
        let binned = axis.bins() < axis.len();
        Self {
            name: axis.name().to_owned(),
            count: axis.len(),
            ordered: axis.ordered(),
            labels: axis.parts().map(|(first, _)| axis.label(first)).collect(),
            ends: binned.then(|| axis.parts().map(|(_, last)| axis.label(last)).collect()),
            text: axis.text().to_owned(),
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

impl Spread {
    fn new(sorted: &[f32]) -> Self {
        let quantile = |share: f64| {
            let at = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
            sorted.get(at).map(|metric| f64::from(*metric))
        };
        Self {
            least: quantile(0.0),
            low: quantile(0.05),
            median: quantile(0.5),
            high: quantile(0.95),
            most: quantile(1.0),
        }
    }
}

/// Six digits are more than a colour shows.
fn short(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use crate::survey::tests::{axis, dome, filled};
    use crate::survey::{SAMPLE_LINES, Survey};
    use cryptobot_model::ParamValue;

    #[test]
    fn maps_slices_and_neighbours_show_the_landscape() {
        for less_is_better in [false, true] {
            let sign = if less_is_better { -1.0 } else { 1.0 };
            let top = vec![ParamValue::Integer(3), ParamValue::Integer(4)];
            let view = dome(less_is_better).view(true, &[top]);
            assert_eq!(view.pairs.len(), 1);
            assert_eq!(view.pairs[0].best[3 * 8 + 4], Some(0.0));
            assert_eq!(view.pairs[0].best[7], None);
            assert_eq!(view.slices[0].best, Some(3));
            assert_eq!(view.slices[0].values[5], Some(sign as f32 * -4.0));
            assert_eq!(view.neighbours[0].as_ref().unwrap().mean, Some(-sign));
            assert_eq!((view.lines.values.len(), view.lines.best), (79, 79));
            assert_eq!(view.histogram.counts.iter().sum::<u64>(), 79);
        }
    }

    #[test]
    fn the_lines_are_a_sample_of_all_and_the_metric_spans_all() {
        let axes = [axis("x", 200), axis("y", 8), axis("z", 4)];
        let view = filled(&axes, |at| Some(f64::from(at[0]) - f64::from(at[1] * at[2]))).view(true, &[]);
        let others: Vec<&[f32]> = view.lines.positions.chunks(3).skip(view.lines.best).collect();
        assert!(others.len() > SAMPLE_LINES * 8 / 10, "{}", others.len());
        for (axis, len) in [(1, 8), (2, 4)] {
            for at in 0..len {
                let share = at as f32 / (len - 1) as f32;
                let count = others.iter().filter(|line| (line[axis] - share).abs() < 1e-6).count();
                let expected = others.len() / len;
                assert!(count > expected / 2 && count < expected * 2, "{count} of {expected}");
            }
        }
        assert_eq!((view.metrics.least, view.metrics.most), (Some(-21.0), Some(199.0)));
    }

    #[test]
    fn axes_without_a_map_are_named() {
        let axes: Vec<_> = (0..16).map(|at| axis(&format!("p{at}"), if at == 3 { 1 } else { 3 })).collect();
        assert_eq!(Survey::new(&axes, false).view(false, &[]).unmapped, [13, 14, 15]);
        assert!(Survey::new(&axes[..12], false).view(false, &[]).unmapped.is_empty());
    }

    #[test]
    fn the_view_stays_small() {
        let axes: Vec<_> = (0..14).map(|at| axis(&format!("p{at}"), 1_000)).collect();
        let mut survey = Survey::new(&axes, false);
        for index in 0..20_000_u64 {
            let values: Vec<ParamValue> =
                (0..14).map(|at| ParamValue::Integer(((index * 7_919 + at * 31) % 1_000) as i64)).collect();
            survey.add(index, &values, Some(index as f64));
        }
        let json = serde_json::to_string(&survey.view(false, &[values_of(1)])).unwrap();
        assert!(json.len() < 4 << 20, "{} bytes", json.len());
    }

    fn values_of(value: i64) -> Vec<ParamValue> {
        vec![ParamValue::Integer(value); 14]
    }
}
