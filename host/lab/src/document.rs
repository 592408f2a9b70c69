//! `sweep.json`: what a sweep was and what it came to.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cryptobot_run::Residency;
use serde::{Deserialize, Serialize};

use crate::error::SweepError;
use crate::goal::{self, Aim};
use crate::identity::Identity;
use crate::leaders::Leader;

/// File name of the document.
pub(crate) const DOCUMENT: &str = "sweep.json";

/// The whole of `sweep.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// What makes it the same sweep.
    pub sweep: Identity,
    /// `venue/symbol` of each instrument.
    pub instruments: Vec<String>,
    /// Base timeframe.
    pub timeframe: String,
    /// Begin and end by open time of bars.
    pub period: Period,
    /// Whether the market data were generated.
    pub synthetic: bool,
    /// Combinations that were tried: what the best one was chosen from.
    pub trials: u64,
    /// Runs: combinations times symbols that are run on their own.
    pub runs: u64,
    /// Runs that a fault of a plugin ended.
    pub failed: u64,
    /// Combinations that fulfil the constraints and have the metric.
    pub ranked: u64,
    /// What the best is best in.
    pub metric: String,
    /// Whether less of it is better.
    pub less_is_better: bool,
    /// What the best must fulfil.
    pub constraints: Vec<String>,
    /// How many of the best were asked for.
    #[serde(default)]
    pub top_most: usize,
    /// The best, the best first.
    pub top: Vec<Best>,
    /// How events were handed to plugins.
    pub delivery: String,
    /// What a second run of the best with one call per event came to.
    pub verification: Verification,
    /// Where the runs had their bars from: `decoded` or `streamed`, and the size of the decoded bars.
    pub bars: Bars,
    /// What a reader must know of all runs.
    pub warnings: Vec<String>,
    /// Wall-clock times.
    pub timing: Timing,
    /// Most memory that the process had, where the system tells.
    pub peak_memory_bytes: Option<u64>,
}

/// Begin (inclusive) and end (exclusive), UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// Begin.
    pub from: String,
    /// End.
    pub to: String,
}

/// One of the best combinations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Place, from 1.
    pub rank: usize,
    /// Number of the combination: the column `index` of the table.
    pub index: u64,
    /// Values of the parameters that are varied.
    pub params: BTreeMap<String, String>,
    /// Figures; with several symbols, each on its own, their means.
    pub figures: BTreeMap<String, Option<f64>>,
    /// Its runs.
    pub runs: Vec<BestRun>,
}

/// A run of one of the best combinations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BestRun {
    /// The symbols.
    pub symbol: String,
    /// Hash of its journal in the sweep.
    pub journal_sha256: String,
    /// Final equity as a decimal.
    pub final_equity: String,
    /// Folder of its second run, below that of the sweep.
    pub folder: String,
}

/// What a second run of the best, with one call per event and a fresh instance, came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Delivery of the second runs.
    pub delivery: String,
    /// Runs that were made again.
    pub checked: usize,
    /// Those with another journal; any of them refuses the plugin.
    pub differing: Vec<Differing>,
}

/// A run that came out otherwise the second time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differing {
    /// Number of the combination.
    pub index: u64,
    /// The symbols.
    pub symbol: String,
    /// Hash of the journal in the sweep.
    pub journal_sha256: String,
    /// Hash of the journal of the second run.
    pub verified_sha256: String,
}

/// The bars of the runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bars {
    /// Of one run, all instruments together.
    pub per_run: u64,
    /// `decoded` once and kept, or `streamed` from the files by each run.
    pub from: String,
    /// Size of the decoded bars.
    pub decoded_bytes: u64,
}

/// Wall-clock times of this process; what an earlier one did of the same sweep is not in them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Worker threads.
    pub jobs: usize,
    /// Seconds until the first run.
    pub load_s: f64,
    /// Seconds of runs.
    pub runs_s: f64,
    /// Seconds for joining tables, second runs and reports.
    pub report_s: f64,
    /// Seconds of the process.
    pub total_s: f64,
    /// Runs that were made.
    pub runs: u64,
    /// Runs per second.
    pub runs_per_s: f64,
    /// Bars per second.
    pub bars_per_s: f64,
}

impl Bars {
    pub(crate) fn new(per_run: u64, residencies: impl Iterator<Item = Residency>) -> Self {
        let (mut from, mut decoded_bytes) = ("decoded", 0);
        for residency in residencies {
            match residency {
                Residency::Decoded { bytes } => decoded_bytes += bytes,
                Residency::Streamed { .. } => from = "streamed",
            }
        }
        Self { per_run, from: from.to_owned(), decoded_bytes }
    }
}

impl Best {
    pub(crate) fn new(rank: usize, leader: &Leader, identity: &Identity) -> Self {
        let params = identity.axes.iter().zip(&leader.values);
        let figures = goal::names().zip(leader.numbers);
        let run = |row: &crate::row::Row| BestRun {
            symbol: identity.symbols.get(row.symbol as usize).cloned().unwrap_or_default(),
            journal_sha256: row.journal.clone().unwrap_or_default(),
            final_equity: row.final_equity.clone().unwrap_or_default(),
            folder: folder(rank, identity, row.symbol),
        };
        Self {
            rank,
            index: leader.index,
            params: params.map(|(axis, value)| (axis.name.clone(), value.to_string())).collect(),
            figures: figures
                .map(|(name, value)| (name.to_owned(), Some(value).filter(|it| it.is_finite())))
                .collect(),
            runs: leader.rows.iter().map(run).collect(),
        }
    }
}

/// Folder of a run of one of the best, below that of the sweep.
pub(crate) fn folder(rank: usize, identity: &Identity, symbol: u32) -> String {
    match identity.symbols.get(symbol as usize) {
        Some(symbol) if identity.symbols.len() > 1 => format!("top/{rank:02}/{symbol}"),
        _ => format!("top/{rank:02}"),
    }
}

impl Document {
    /// What was looked for.
    pub(crate) fn aim(&self) -> Result<Aim, String> {
        let sign = if self.less_is_better { "min" } else { "max" };
        let constraints = self.constraints.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        Ok(Aim { goal: format!("{sign}:{}", self.metric).parse()?, constraints })
    }

    /// How many of the best were looked for; documents that do not say so list all of them.
    pub(crate) fn most(&self) -> usize {
        self.top_most.max(self.top.len())
    }

    /// The document as it is written.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }

    /// Reads the document of a folder; `None` where there is none.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, SweepError> {
        read_json(&folder.join(DOCUMENT))
    }
}

/// Reads a document; `None` where the file is not there.
pub(crate) fn read_json<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Option<T>, SweepError> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(SweepError::document(path)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SweepError::file(path)(error)),
    }
}

/// Writes a document: a reader sees the old one or the new one, never a part.
pub(crate) fn write(path: &Path, content: &str) -> Result<(), SweepError> {
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, content).map_err(SweepError::file(&temporary))?;
    fs::rename(&temporary, path).map_err(SweepError::file(path))
}

/// Most memory that this process had, where the system tells.
pub(crate) fn peak_memory_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}
