//! All combinations of the values of some parameters, numbered.

use std::collections::{BTreeMap, BTreeSet};

use cryptobot_engine::Params;
use cryptobot_model::{ParamSpec, ParamValue};
use cryptobot_run::TrialBot;

use crate::axis::{self, Axis};
use crate::error::SweepError;

/// The parameters that a sweep varies.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    /// In the order in which the bots and their plugins have them, whatever order they were given in.
    pub axes: Vec<Axis>,
    /// Parameters that keep their default because the range that is described of them has no step.
    pub(crate) kept: Vec<String>,
    /// Bot and position among its parameters, by axis.
    places: Vec<(usize, usize)>,
}

impl Space {
    /// The space that ranges by name span; without any, of all parameters that plugins describe a range of
    /// and a step in it, and that are not `stated` to have one value.
    pub(crate) fn new(
        bots: &[TrialBot<'_>],
        given: &BTreeMap<String, Option<String>>,
        stated: &BTreeSet<String>,
    ) -> Result<Self, SweepError> {
        let mut space = Self { axes: Vec::new(), kept: Vec::new(), places: Vec::new() };
        let name_of = |bot: &TrialBot<'_>, spec: &ParamSpec| {
            if bots.len() == 1 { spec.name.clone() } else { format!("{}.{}", bot.name, spec.name) }
        };
        let mut known = Vec::new();
        for (slot, bot) in bots.iter().enumerate() {
            for (position, spec) in bot.info.params.iter().enumerate() {
                let name = name_of(bot, spec);
                let range = given.get(&name);
                let described = given.is_empty() && spec.min.is_some() && spec.max.is_some();
                let described = described && !stated.contains(&name);
                if described && !axis::has_step(spec) {
                    space.kept.push(name.clone());
                } else if range.is_some() || described {
                    let text = range.and_then(|range| range.as_deref());
                    space.axes.push(axis::parse(&name, spec, text)?);
                    space.places.push((slot, position));
                }
                known.push(name);
            }
        }
        if let Some(unknown) = given.keys().find(|name| !known.contains(name)) {
            let listed = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let problem = format!("there is no such parameter; there is {listed}");
            return Err(SweepError::usage(format!("--param {unknown}"), problem));
        }
        if space.axes.is_empty() {
            let problem = format!(
                "no plugin describes a range with a step; say what to vary, for example --param {}=1..10:1",
                known.first().map_or("name", String::as_str)
            );
            return Err(SweepError::usage("--param", problem));
        }
        Ok(space)
    }

    /// What a reader must know of the parameters that are not varied although nobody said so.
    pub(crate) fn remark(&self) -> Option<String> {
        let first = self.kept.first()?;
        let (keep, their) = if self.kept.len() == 1 {
            ("keeps its default", "its")
        } else {
            ("keep their defaults", "their")
        };
        Some(format!(
            "{} {keep}: the plugin describes no step of {their} range; --param {first}=FIRST..LAST:STEP varies {first}",
            self.kept.join(", ")
        ))
    }

    /// A space of axes alone.
    #[cfg(test)]
    pub(crate) fn of_axes(axes: Vec<Axis>) -> Self {
        Self { axes, kept: Vec::new(), places: Vec::new() }
    }

    /// Number of combinations.
    pub fn size(&self) -> u128 {
        self.axes.iter().fold(1, |size: u128, axis| size.saturating_mul(u128::from(axis.len())))
    }

    /// The combination with a number below [`Self::size`], as positions on the axes: mixed radix, the last axis fastest.
    pub(crate) fn positions(&self, mut number: u128) -> Vec<u32> {
        let mut positions = vec![0; self.axes.len()];
        for (position, axis) in positions.iter_mut().zip(&self.axes).rev() {
            let radix = u128::from(axis.len());
            *position = (number % radix) as u32;
            number /= radix;
        }
        positions
    }

    /// The number of a combination: the inverse of [`Self::positions`].
    fn number(&self, positions: &[u32]) -> u128 {
        let digit = |number: u128, (axis, at): (&Axis, &u32)| {
            number.wrapping_mul(u128::from(axis.len())).wrapping_add(u128::from(*at))
        };
        self.axes.iter().zip(positions).fold(0, digit)
    }

    /// The values at some positions.
    pub(crate) fn values(&self, positions: &[u32]) -> Vec<ParamValue> {
        self.axes.iter().zip(positions).map(|(axis, position)| axis.value(*position)).collect()
    }

    /// The parameters of each bot with these values in the place of its own.
    pub(crate) fn params(&self, base: &[Params], values: &[ParamValue]) -> Vec<Params> {
        let mut params = base.to_vec();
        for ((slot, position), value) in self.places.iter().zip(values) {
            params[*slot][*position].1 = value.clone();
        }
        params
    }
}

/// The combinations of a space that were not tried yet.
#[derive(Clone, Debug)]
pub(crate) struct Untried {
    size: u128,
    /// By the number of one that was tried: one from which to look on. Walks shorten it, so that looking on past many
    /// that were tried stays cheap.
    next: BTreeMap<u128, u128>,
}

impl Untried {
    pub(crate) fn new(space: &Space) -> Self {
        Self { size: space.size(), next: BTreeMap::new() }
    }

    /// Takes a combination; returns whether it was not tried before.
    pub(crate) fn take(&mut self, positions: &[u32], space: &Space) -> bool {
        let number = space.number(positions);
        let fresh = !self.next.contains_key(&number);
        if fresh {
            self.next.insert(number, self.after(number));
        }
        fresh
    }

    /// Takes a combination, or where it was tried the next by number that was not, from the last one on to the first.
    /// There must be one.
    pub(crate) fn take_next(&mut self, positions: &[u32], space: &Space) -> Vec<u32> {
        let (mut free, mut passed) = (space.number(positions), Vec::new());
        while let Some(next) = self.next.get(&free) {
            passed.push(free);
            free = *next;
        }
        let after = self.after(free);
        self.next.insert(free, after);
        self.next.extend(passed.into_iter().map(|number| (number, after)));
        space.positions(free)
    }

    fn after(&self, number: u128) -> u128 {
        if number + 1 < self.size { number + 1 } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptobot_model::{PluginInfo, Wants};

    fn info(params: &[&str]) -> PluginInfo {
        let spec = |name: &&str| ParamSpec {
            name: (*name).to_owned(),
            default: ParamValue::Integer(5),
            min: Some(2.0),
            max: (*name != "free").then_some(9.0),
            step: None,
            tunable: false,
            doc: String::new(),
        };
        PluginInfo {
            name: "test".into(),
            version: "1.0.0".into(),
            state_version: 1,
            warmup_bars: 0,
            params: params.iter().map(spec).collect(),
            series: Vec::new(),
            wants: Wants::default(),
        }
    }

    fn space(bots: &[(&str, &PluginInfo)], given: &[(&str, &str)]) -> Result<Space, SweepError> {
        let params = Vec::new();
        let bots: Vec<_> = bots.iter().map(|(name, info)| TrialBot { name, info, params: &params }).collect();
        let given = given.iter().map(|(name, range)| ((*name).to_owned(), Some((*range).to_owned())));
        Space::new(&bots, &given.collect(), &BTreeSet::new())
    }

    #[test]
    fn combinations_are_numbered_with_the_last_parameter_fastest() {
        let info = info(&["slow", "fast"]);
        let space = space(&[("a", &info)], &[("fast", "2..4"), ("slow", "5,7")]).unwrap();
        assert_eq!(space.size(), 6);
        let all: Vec<_> = (0..6).map(|number| space.positions(number)).collect();
        assert_eq!(all, [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]);
        assert_eq!(space.values(&all[5]), [ParamValue::Integer(7), ParamValue::Integer(4)]);
        let base = vec![vec![
            ("slow".to_owned(), ParamValue::Integer(5)),
            ("fast".to_owned(), ParamValue::Integer(5)),
        ]];
        let params = space.params(&base, &space.values(&all[5]));
        assert_eq!(params[0][1], ("fast".to_owned(), ParamValue::Integer(4)));
    }

    #[test]
    fn without_ranges_all_that_are_described_are_varied() {
        let info = info(&["slow", "free", "fast"]);
        let found = space(&[("a", &info)], &[]).unwrap();
        assert_eq!(found.axes.iter().map(|axis| axis.name.as_str()).collect::<Vec<_>>(), ["slow", "fast"]);
        let names = |error: SweepError| error.to_string();
        let unknown = names(space(&[("a", &info)], &[("fats", "2..3")]).unwrap_err());
        assert_eq!(unknown, "--param fats: there is no such parameter; there is slow, free, fast");
    }

    #[test]
    fn what_has_no_step_keeps_its_default_unless_it_is_named() {
        let mut info = info(&["slow", "quantity", "fast"]);
        info.params[1].default = ParamValue::Number(1.0);
        let found = space(&[("a", &info)], &[]).unwrap();
        assert_eq!(found.axes.iter().map(|axis| axis.name.as_str()).collect::<Vec<_>>(), ["slow", "fast"]);
        let remark = found.remark().unwrap();
        assert!(remark.starts_with("quantity keeps its default: "), "{remark}");
        let named = BTreeMap::from([("quantity".to_owned(), None)]);
        let params = Vec::new();
        let bot = TrialBot { name: "a", info: &info, params: &params };
        let refused = Space::new(&[bot], &named, &BTreeSet::new()).unwrap_err().to_string();
        assert!(refused.contains("has no step"), "{refused}");
        assert_eq!(space(&[("a", &info)], &[("fast", "2..4")]).unwrap().remark(), None);
    }

    #[test]
    fn what_was_tried_is_passed_over_by_number() {
        let info = info(&["slow", "fast"]);
        let space = space(&[("a", &info)], &[("fast", "2..4"), ("slow", "5,7")]).unwrap();
        let mut untried = Untried::new(&space);
        assert!(untried.take(&[1, 1], &space) && !untried.take(&[1, 1], &space));
        let next: Vec<_> = (0..5).map(|_| untried.take_next(&[1, 1], &space)).collect();
        assert_eq!(next, [[1, 2], [0, 0], [0, 1], [0, 2], [1, 0]]);
    }

    #[test]
    fn with_several_bots_parameters_are_those_of_one() {
        let fast = info(&["fast"]);
        let bots = [("a", &fast), ("b", &fast)];
        assert_eq!(space(&bots, &[("b.fast", "2..4")]).unwrap().places, [(1, 0)]);
        assert!(space(&bots, &[("fast", "2..4")]).unwrap_err().to_string().contains("a.fast, b.fast"));
        let none = info(&["free"]);
        assert!(space(&[("a", &none)], &[]).unwrap_err().to_string().contains("--param free=1..10:1"));
    }
}
