//! From a configuration to a run that only has to be started.

use std::path::PathBuf;
use std::time::Instant;

use cryptobot_analytics::RunFolder;
use cryptobot_data::HashJob;
use cryptobot_engine::{Delivery, Desk, Engine, Params, Strategy};
use cryptobot_plugin::Limits;
use cryptobot_wasm::Compiler;

use crate::bots::LoadedBot;
use crate::config::{Mode, RunConfig};
use crate::error::RunError;
use crate::live::{Controls, RealTime, Simulation};
use crate::permissions::Acceptance;
use crate::plan::{self, Inputs, Plan};
use crate::supply::Supply;
use crate::venue::Simulated;

/// Folders that a run uses besides its data.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Where plugins are looked up by name.
    pub plugin_folders: Vec<PathBuf>,
    /// Where compiled plugins and file hashes are kept between runs; `None` = nowhere.
    pub cache_folder: Option<PathBuf>,
    /// Where plugins are compiled that are not in the cache.
    pub compiler: Compiler,
    /// What the user has accepted that plugins may do.
    pub acceptance: Acceptance,
    /// The run folder; `None` = `runs/<plugin>-<symbol>` in the working folder.
    pub out: Option<PathBuf>,
    /// When the process began, for the figures of `timing`.
    pub started: Instant,
}

/// A run that is checked and ready.
pub struct PreparedRun {
    pub(crate) plan: Plan,
    pub(crate) folder: RunFolder,
    pub(crate) drive: Drive,
    pub(crate) hash: HashJob,
    pub(crate) started: Instant,
}

/// What drives a run.
pub(crate) enum Drive {
    /// An engine that reads stored data.
    Backtest(Box<Engine<Simulated>>),
    /// Stored data that arrive when they happened.
    Simulation(Box<Simulation>),
}

impl PreparedRun {
    /// Says how a run in real time is driven, and returns what controls it; `None` where it is a backtest.
    pub fn in_real_time(&mut self, real_time: RealTime) -> Option<Controls> {
        let Drive::Simulation(simulation) = &mut self.drive else { return None };
        simulation.real_time = real_time;
        Some(simulation.controls.clone())
    }
}

/// Checks a configuration against plugins and data and builds the run.
pub fn prepare(config: RunConfig, environment: &Environment) -> Result<PreparedRun, RunError> {
    let loader = plan::loader(&config, environment);
    let (mut plan, Inputs { supplies, hash }) = Plan::new(config, &loader, environment)?;
    plan.rehearse()?;
    let folder = RunFolder::prepare(&environment.out.clone().unwrap_or_else(|| plan.usual_folder()))?;
    let drive = match plan.config.mode {
        Mode::Backtest => {
            let feeds = supplies.into_iter().map(Supply::once).collect::<Result<_, _>>()?;
            Drive::Backtest(Box::new(plan.engine(feeds, plan.params(), plan.config.delivery.0)?))
        }
        Mode::Simulation => Drive::Simulation(Box::new(Simulation::new(&mut plan, supplies)?)),
    };
    Ok(PreparedRun { plan, folder, drive, hash, started: environment.started })
}

/// A strategy at its desk, ready for `init`. The one place where a run's plugins get their delivery.
pub(crate) fn instantiate(
    bot: &LoadedBot,
    desk: Desk,
    params: Params,
    delivery: Delivery,
) -> Result<Box<dyn Strategy>, RunError> {
    bot.plugin
        .instantiate(desk, params, &Limits::default().with(&bot.limits), delivery)
        .map_err(|fault| RunError::plugin_fault(&bot.name, &bot.plugin, fault))
}
