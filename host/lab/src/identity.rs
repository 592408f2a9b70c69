//! What makes two sweeps the same one: only then may one go on where the other ended, or be joined with it.

use std::fmt;
use std::str::FromStr;

use cryptobot_run::Trials;
use cryptobot_run::sweep::Search;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::axis::Axis;
use crate::goal::Aim;
use crate::search::Choice;

/// A part of a sweep: every `of`-th combination, from the `part`-th on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shard {
    /// Which part, from 1.
    pub part: u32,
    /// Of how many.
    pub of: u32,
}

impl Shard {
    /// The whole.
    pub const WHOLE: Self = Self { part: 1, of: 1 };

    /// Whether a combination belongs to it.
    pub(crate) fn has(self, index: u64) -> bool {
        index % u64::from(self.of) == u64::from(self.part - 1)
    }

    /// How many of the combinations `0..all` belong to it.
    pub(crate) fn count(self, all: u64) -> u64 {
        (all + u64::from(self.of - self.part)) / u64::from(self.of)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((part, of)) if (1..=of).contains(&part) => Ok(Self { part, of }),
            _ => Err(format!("`{text}` is no part of a sweep; write 1/4 to 4/4 for four parts")),
        }
    }
}

/// The inputs of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// Name of the sweep, the same for all its parts.
    pub id: String,
    /// Version of the host.
    pub host_version: String,
    /// Names of the plugins.
    pub plugin: String,
    /// SHA-256 of the plugins.
    pub plugin_sha256: String,
    /// SHA-256 of the data and the period, by symbol where each is run on its own.
    pub data_sha256: Vec<String>,
    /// SHA-256 of instruments, brackets and fees, likewise.
    pub reference_sha256: Vec<String>,
    /// SHA-256 of the configuration, likewise; parameters that are varied have their defaults in it.
    pub config_sha256: Vec<String>,
    /// Which combinations.
    pub choice: Choice,
    /// The parameters that are varied.
    pub axes: Vec<Axis>,
    /// The symbols that are run together, joined by `+`, or each that is run on its own.
    pub symbols: Vec<String>,
    /// What the search looks for, where its results decide what is tried next.
    pub aim: Option<String>,
    /// The part.
    pub shard: Shard,
}

impl Identity {
    pub(crate) fn new(
        trials: &[Trials],
        choice: Choice,
        axes: &[Axis],
        symbols: &[String],
        aim: &Aim,
        shard: Shard,
    ) -> Self {
        let runs = || trials.iter().map(Trials::identity);
        let of_first = |of: fn(&cryptobot_analytics::RunIdentity) -> &String| {
            runs().next().map(|run| of(run).clone()).unwrap_or_default()
        };
        let mut identity = Self {
            id: String::new(),
            host_version: of_first(|run| &run.host_version),
            plugin: of_first(|run| &run.plugin),
            plugin_sha256: of_first(|run| &run.plugin_sha256),
            data_sha256: runs().map(|run| run.data_sha256.clone()).collect(),
            reference_sha256: runs().map(|run| run.reference_sha256.clone()).collect(),
            config_sha256: runs().map(|run| run.config_sha256.clone()).collect(),
            choice,
            axes: axes.to_vec(),
            symbols: symbols.to_vec(),
            aim: (choice.search == Search::Tpe).then(|| {
                let constraints: Vec<String> = aim.constraints.iter().map(ToString::to_string).collect();
                let sign = if aim.goal.less_is_better() { "min" } else { "max" };
                format!("{sign}:{} {}", aim.goal.name(), constraints.join(" "))
            }),
            shard: Shard::WHOLE,
        };
        // A structure of texts and numbers is always a document.
        let canonical = serde_json::to_vec(&identity).unwrap_or_default();
        let digest = Sha256::digest(canonical);
        let first = digest.iter().take(8).fold(0, |id: u64, byte| id << 8 | u64::from(*byte));
        identity.id = format!("{first:016x}");
        identity.shard = shard;
        identity
    }

    /// What the other sweep has another one of; `None` = they are parts of the same sweep, or the same part.
    pub(crate) fn difference(&self, other: &Self) -> Option<&'static str> {
        [
            (self.plugin_sha256 != other.plugin_sha256, "another plugin"),
            (self.axes != other.axes, "other ranges"),
            (self.choice != other.choice, "another search or seed"),
            (self.symbols != other.symbols, "other symbols"),
            (self.data_sha256 != other.data_sha256, "other market data or another period"),
            (self.reference_sha256 != other.reference_sha256, "other instruments or fees"),
            (self.config_sha256 != other.config_sha256, "another configuration"),
            (self.aim != other.aim, "another metric or other constraints, which decide what is tried"),
            (self.host_version != other.host_version, "another version of the host"),
        ]
        .into_iter()
        .find_map(|(differs, what)| differs.then_some(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_divide_everything() {
        assert_eq!("2/3".parse(), Ok(Shard { part: 2, of: 3 }));
        for text in ["", "2", "0/3", "4/3", "1/0", "a/b", "1/2/3"] {
            assert!(text.parse::<Shard>().unwrap_err().contains("1/4 to 4/4"), "{text}");
        }
        for all in [0_u64, 1, 7, 9] {
            let shards = [1, 2, 3].map(|part| Shard { part, of: 3 });
            let counts = shards.map(|shard| (0..all).filter(|index| shard.has(*index)).count() as u64);
            assert_eq!(counts, shards.map(|shard| shard.count(all)));
            assert_eq!(counts.iter().sum::<u64>(), all);
        }
    }
}
