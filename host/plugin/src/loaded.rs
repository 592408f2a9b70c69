//! A plugin that is loaded and has described itself: the one door through which tests, benchmarks and checks start
//! plugins, whatever they are made of.

use std::path::Path;

use cryptobot_engine::{Delivery, Desk, DeskLimits, Fault, Strategy};
use cryptobot_model::{ParamValue, PluginInfo};

use crate::backend::{Limits, Loader, Plugin, PluginFile};
use crate::inspect::{InspectError, described};
use crate::limits::host_limits;

/// A plugin, ready to be started any number of times.
pub struct Loaded {
    plugin: Plugin,
    info: PluginInfo,
    limits: Limits,
    desk_limits: DeskLimits,
}

impl Loaded {
    /// Loads a file and asks it to describe itself. What it declares of limits holds where it is stricter.
    pub fn open(loader: &Loader, path: &Path, limits: &Limits) -> Result<Self, InspectError> {
        let file = PluginFile::read(path)?;
        let plugin = loader.compile(&file)?;
        let declared = file.declaration().limits;
        let limits = limits.at_most(&declared);
        let desk_limits = DeskLimits::default().with(&host_limits().stricter(declared));
        let info = described(&plugin, &limits)?;
        Ok(Self { plugin, info, limits, desk_limits })
    }

    /// What it may ask for at its desk.
    pub fn desk_limits(&self) -> DeskLimits {
        self.desk_limits
    }

    /// What it says of itself.
    pub fn info(&self) -> &PluginInfo {
        &self.info
    }

    /// SHA-256 of the file, in hexadecimal.
    pub fn sha256(&self) -> &str {
        self.plugin.sha256()
    }

    /// Whether it looks back on closed bars through the host, so that the host has to keep some.
    pub fn looks_back(&self) -> bool {
        self.plugin.looks_back()
    }

    /// A new instance at a desk. `params` are all declared parameters in the declared order, already checked.
    pub fn start(&self, desk: Desk, params: &[(String, ParamValue)]) -> Result<Box<dyn Strategy>, Fault> {
        self.plugin.instantiate(desk, params.to_vec(), &self.limits, Delivery::Single)
    }
}
