//! What a run folder says of its run: at its end in `summary.json`, until then, of a run in real time, in `started.json`.

use std::fs;
use std::path::Path;

use cryptobot_analytics::{RunFolder, STARTED};
use serde::{Deserialize, Serialize};

use crate::error::RunError;
use crate::plan::Plan;

/// What repeating a run needs to know of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stated {
    pub(crate) run: StatedRun,
    #[serde(default)]
    pub(crate) interrupted: bool,
    #[serde(default)]
    pub(crate) bars: u64,
    pub(crate) strategies: Vec<StatedStrategy>,
    #[serde(default)]
    pub(crate) journal_sha256: String,
    /// Whether it was never ended.
    #[serde(skip)]
    pub(crate) is_cut: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StatedRun {
    pub(crate) host_version: String,
    #[serde(default)]
    pub(crate) data_sha256: String,
    pub(crate) reference_sha256: String,
    pub(crate) mode: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StatedStrategy {
    pub(crate) name: String,
    pub(crate) plugin_sha256: String,
}

impl Stated {
    /// Reads what a folder says, or why that is nothing.
    pub(crate) fn read(folder: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(folder.join("summary.json"));
        let begun = || fs::read_to_string(folder.join(STARTED)).ok();
        let (name, text, is_cut) = match (text, begun()) {
            (Ok(text), _) => ("summary.json", text, false),
            (Err(_), Some(text)) => (STARTED, text, true),
            (Err(error), None) => return Err(format!("summary.json: {error}")),
        };
        let stated = serde_json::from_str::<Self>(&text).map_err(|error| format!("{name}: {error}"))?;
        Ok(Self { is_cut, ..stated })
    }

    /// Writes into a folder what repeating needs of a run that begins now and may be cut off at any time.
    pub(crate) fn write(plan: &Plan, folder: &RunFolder) -> Result<(), RunError> {
        let strategies = plan.bots.iter().map(|bot| StatedStrategy {
            name: bot.name.clone(),
            plugin_sha256: bot.plugin.sha256().to_owned(),
        });
        let stated = Self {
            run: StatedRun {
                host_version: plan.identity.host_version.clone(),
                data_sha256: String::new(),
                reference_sha256: plan.identity.reference_sha256.clone(),
                mode: plan.identity.mode.clone(),
            },
            interrupted: true,
            bars: 0,
            strategies: strategies.collect(),
            journal_sha256: String::new(),
            is_cut: true,
        };
        let text = serde_json::to_string_pretty(&stated)
            .map_err(|error| RunError::Document { document: STARTED, reason: error.to_string() })?;
        folder.write("run.yaml", &plan.config.to_yaml()?)?;
        Ok(folder.write(STARTED, &text)?)
    }
}
