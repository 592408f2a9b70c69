//! The bots of a run with their plugins: loaded, described and given their parameters.

use std::path::PathBuf;

use cryptobot_model::{InstrumentPattern, Money, ParamSpec, ParamValue, PluginInfo, PluginLimits};
use cryptobot_plugin::{Limits, Loader, Plugin, PluginFile, resolve};

use crate::changes::{self, Loaded};
use crate::config::{Bot, RunConfig};
use crate::error::RunError;
use crate::permissions::{self, Acceptance};

/// A bot whose plugin is loaded and whose parameters are checked.
pub(crate) struct LoadedBot {
    pub(crate) name: String,
    pub(crate) plugin: Plugin,
    pub(crate) info: PluginInfo,
    /// All declared parameters, in the declared order.
    pub(crate) params: Vec<(String, ParamValue)>,
    pub(crate) balance: Money,
    /// What it may use.
    pub(crate) limits: PluginLimits,
    /// Instruments that it declares.
    pub(crate) instruments: Vec<InstrumentPattern>,
    /// The plugins of its swaps, in their order.
    pub(crate) swaps: Vec<Loaded>,
}

/// The plugin that a bot begins with, and those of its swaps.
pub(crate) fn plugins(bot: LoadedBot) -> Vec<Plugin> {
    let later = bot.swaps.into_iter().flatten().map(|(plugin, ..)| plugin);
    std::iter::once(bot.plugin).chain(later).collect()
}

/// Loads the plugins of all bots and completes the configuration with their parameters and balances.
pub(crate) fn load(
    config: &mut RunConfig,
    loader: &Loader,
    folders: &[PathBuf],
    acceptance: &Acceptance,
    warnings: &mut Vec<String>,
) -> Result<Vec<LoadedBot>, RunError> {
    let (mode, run_limits) = (config.mode.run_mode(), config.limits.stated());
    let balances = balances(config)?;
    let mut bots = Vec::with_capacity(config.bots.len());
    for ((name, bot), balance) in config.bots.iter_mut().zip(balances) {
        let path = resolve(&bot.plugin, folders)?;
        let refused = |source| RunError::LoadPlugin { path: path.clone(), source };
        let file = PluginFile::read(&path).map_err(refused)?;
        let admitted = permissions::admit(name, bot, mode, run_limits, (&path, &file), acceptance)?;
        warnings.extend(admitted.warning);
        let plugin = loader.compile(&file).map_err(refused)?;
        let info = plugin
            .describe(&Limits::default().with(&admitted.limits))
            .map_err(|fault| RunError::plugin_fault(&path.display().to_string(), &plugin, fault))?;
        let params = params(name, bot, &info)?;
        let swaps = changes::load(name, bot, &info, loader, folders, |bot, path, file| {
            permissions::admit(name, bot, mode, run_limits, (path, file), acceptance)
                .map(|admitted| admitted.limits)
        })?;
        bot.plugin = path.display().to_string();
        bot.params = params.iter().cloned().collect();
        bot.balance = Some(balance);
        bot.grants.allow = Some(admitted.granted);
        bot.limits = admitted.limits;
        bots.push(LoadedBot {
            name: name.clone(),
            plugin,
            info,
            params,
            balance,
            limits: admitted.limits,
            instruments: file.declaration().instruments,
            swaps,
        });
    }
    Ok(bots)
}

/// Stated balances, and equal shares of the rest of the run's balance for the others; what cannot be divided goes to
/// the first of them.
fn balances(config: &RunConfig) -> Result<Vec<Money>, RunError> {
    let stated: Money = config.bots.values().filter_map(|bot| bot.balance).sum();
    let others = config.bots.values().filter(|bot| bot.balance.is_none()).count() as i128;
    let rest = config.balance - stated;
    if others > 0 && rest <= Money::ZERO {
        let problem = format!("the bots' own balances come to {stated}: nothing is left for the others");
        return Err(RunError::config("balance", problem));
    }
    let share = if others > 0 { rest.units() / others } else { 0 };
    let mut remainder = rest.units() - share * others;
    Ok(config
        .bots
        .values()
        .map(|bot| bot.balance.unwrap_or_else(|| Money::from_units(share + std::mem::take(&mut remainder))))
        .collect())
}

fn params(name: &str, bot: &Bot, info: &PluginInfo) -> Result<Vec<(String, ParamValue)>, RunError> {
    for given in bot.params.keys() {
        if !info.params.iter().any(|spec| spec.name == *given) {
            let problem =
                format!("plugin {} has no parameter `{given}`; it has {}", info.name, listed(&info.params));
            return Err(RunError::config(format!("bots.{name}.params"), problem));
        }
    }
    let value = |spec: &ParamSpec| {
        let value = match bot.params.get(&spec.name) {
            None => Ok(spec.default.clone()),
            Some(value) => spec.accept(value.clone()),
        };
        value.map(|value| (spec.name.clone(), value)).map_err(|error| {
            let problem = format!("{error}; {} has {}", info.name, listed(&info.params));
            RunError::config(format!("bots.{name}.params.{}", spec.name), problem)
        })
    };
    info.params.iter().map(value).collect()
}

/// `fast (integer, 2..500), slow (…)`.
fn listed(specs: &[ParamSpec]) -> String {
    if specs.is_empty() {
        return "none".to_owned();
    }
    let one = |spec: &ParamSpec| match spec.range() {
        range if range.is_empty() => format!("{} ({})", spec.name, spec.default.param_type()),
        range => format!("{} ({}, {range})", spec.name, spec.default.param_type()),
    };
    specs.iter().map(one).collect::<Vec<_>>().join(", ")
}
