//! The section `sweep` of a run file: what `host sweep` tries.

use std::collections::BTreeMap;

use cryptobot_engine::Delivery;
use cryptobot_model::ParamValue;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spelled::Spelled;

/// Runs of one configuration with many sets of parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sweep {
    /// Values of each parameter; with several bots `bot.name`. Without any, what the plugins describe.
    pub params: BTreeMap<String, Values>,
    /// Which combinations are tried.
    pub search: Search,
    /// Number of combinations that are tried; all of them where `search` is `grid`.
    pub samples: Option<u64>,
    /// What the best combination is best in: a figure of summary.json, `min:NAME` where less is better.
    pub metric: Option<String>,
    /// What a combination must fulfil to be among the best, for example `trades>=30`.
    pub constraints: Vec<String>,
    /// Combinations that are listed, run again with one call per event, and reported in full.
    pub top: Option<usize>,
    /// Runs of one symbol each instead of runs of all symbols together.
    pub per_symbol: bool,
    /// How bars are handed to plugins: `auto`, `paged`, `event` or `single`.
    #[schemars(with = "Option<String>")]
    pub delivery: Option<Spelled<Delivery>>,
}

/// Which combinations are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Search {
    /// All.
    #[default]
    Grid,
    /// Some of the grid, drawn without replacement.
    Random,
    /// A Latin hypercube: each part of each range is tried equally often.
    Lhs,
    /// Tree-structured Parzen estimator (Bergstra et al., 2011): later combinations lie where earlier ones did well.
    Tpe,
}

/// Values of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Values {
    /// A list.
    List(#[schemars(with = "Vec<serde_json::Value>")] Vec<ParamValue>),
    /// `first..last`, `first..last:step`, `a,b,c`, or a single value.
    One(#[schemars(with = "serde_json::Value")] ParamValue),
}

impl Values {
    /// As it is written on the command line.
    pub fn text(&self) -> String {
        match self {
            Self::One(value) => value.to_string(),
            Self::List(values) => values.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        }
    }
}
