//! Plugin files that take over from a bot's running version while a run goes on.

use std::path::Path;
use std::sync::Arc;

use cryptobot_engine::{Delivery, Version};
use cryptobot_model::{Instrument, PluginLimits, RunMode};
use cryptobot_plugin::Loader;
use cryptobot_wasm::RuntimeConfig;

use crate::changes;
use crate::config::Bot;
use crate::markets;
use crate::permissions::{self, Acceptance, Gate};
use crate::versions::version;

/// Makes versions for one bot, on any thread.
#[derive(Clone)]
pub(crate) struct Successors {
    pub(crate) name: String,
    pub(crate) bot: Bot,
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) mode: RunMode,
    pub(crate) limits: PluginLimits,
    pub(crate) acceptance: Acceptance,
    pub(crate) runtime: RuntimeConfig,
}

impl Successors {
    /// Loads a plugin file as a version that may take over, or says why it may not.
    pub(crate) fn load(&self, file: &Path) -> Result<Arc<Version>, String> {
        let Self { name, bot, instruments, .. } = self;
        let gate = Gate { mode: self.mode, limits: self.limits, acceptance: &self.acceptance };
        let loader = Loader::new(self.runtime.clone());
        let later = changes::load_file(file, name, bot, &loader, &gate)?;
        permissions::check_instruments(name, bot, &later.instruments)?;
        let series = markets::series_of(bot, &later.info, instruments)?;
        Ok(version(&later.plugin, &later.info, series, &later.limits, Delivery::Single))
    }
}
