//! An axis as the page shows it.

use cryptobot_model::{ParamType, ParamValue};

use crate::axis::{Axis, Values};

/// Most parts of an axis; the values of longer ones share parts.
const MOST_BINS: u32 = 40;

/// An axis with its numbers in rising order, whatever order a list has them in.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    axis: Axis,
    /// Positions of a list in the grid, by position here; empty where both are the same.
    grid: Vec<u32>,
    /// All of it in words.
    text: String,
}

impl Scale {
    pub(super) fn new(axis: &Axis) -> Self {
        let mut scale = Self { axis: axis.clone(), grid: Vec::new(), text: String::new() };
        match &axis.values {
            Values::Range { step, .. } => {
                scale.text = format!("{}..{}:{step}", axis.value(0), axis.value(axis.len() - 1));
            }
            Values::List(list) => {
                scale.text = list.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
                if scale.ordered() {
                    let number = |at: &u32| list[*at as usize].as_f64().unwrap_or_default();
                    scale.grid = (0..axis.len()).collect();
                    scale.grid.sort_by(|a, b| number(a).total_cmp(&number(b)));
                    scale.axis.values =
                        Values::List(scale.grid.iter().map(|at| list[*at as usize].clone()).collect());
                }
            }
        }
        scale
    }

    pub(super) fn name(&self) -> &str {
        &self.axis.name
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn len(&self) -> u32 {
        self.axis.len()
    }

    /// Whether the values are numbers, so that one is next to another.
    pub(super) fn ordered(&self) -> bool {
        matches!(self.axis.kind, ParamType::Integer | ParamType::Number)
    }

    pub(super) fn position(&self, value: &ParamValue) -> Option<u32> {
        self.axis.position(value)
    }

    /// Where the value at a position stands in the grid.
    pub(super) fn in_grid(&self, position: u32) -> u32 {
        self.grid.get(position as usize).copied().unwrap_or(position)
    }

    pub(super) fn label(&self, position: u32) -> String {
        self.axis.value(position).to_string()
    }

    /// Number of parts.
    pub(super) fn bins(&self) -> u32 {
        self.len().min(MOST_BINS)
    }

    /// The part of a position.
    pub(super) fn bin(&self, position: u32) -> u32 {
        (u64::from(position) * u64::from(self.bins()) / u64::from(self.len())) as u32
    }

    /// First and last position of each part.
    pub(super) fn parts(&self) -> impl Iterator<Item = (u32, u32)> {
        let (bins, len) = (u64::from(self.bins()), u64::from(self.len()));
        let first = move |bin: u64| (bin * len).div_ceil(bins) as u32;
        (0..bins).map(move |bin| (first(bin), first(bin + 1) - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::tests::{axis, list};

    #[test]
    fn numbers_of_a_list_stand_in_rising_order() {
        let scale = Scale::new(&list("n", &[30, 10, 20]));
        let shown: Vec<_> = (0..3).map(|at| (scale.label(at), scale.in_grid(at))).collect();
        assert_eq!(shown, [("10".into(), 1), ("20".into(), 2), ("30".into(), 0)]);
        assert_eq!((scale.position(&ParamValue::Integer(30)), scale.text()), (Some(2), "30,10,20"));
        let words = ["sma", "ema"].map(|word| ParamValue::Text(word.into())).to_vec();
        let text = Axis { name: "t".into(), kind: ParamType::Text, values: Values::List(words) };
        assert_eq!((Scale::new(&text).ordered(), Scale::new(&text).label(0)), (false, "sma".into()));
    }

    #[test]
    fn parts_hold_all_positions_once() {
        for len in [1, 2, 39, 40, 41, 97, 1_000] {
            let scale = Scale::new(&axis("x", len));
            let mut next = 0;
            for (bin, (first, last)) in scale.parts().enumerate() {
                assert_eq!(first, next);
                assert!((first..=last).all(|at| scale.bin(at) as usize == bin), "{len}");
                next = last + 1;
            }
            assert_eq!(next, len);
        }
    }
}
