//! The bots of a run with their plugins: loaded, described and given their parameters.

use std::path::PathBuf;

use cryptobot_model::params::ParamError;
use cryptobot_model::{Capability, InstrumentPattern, Money, ParamValue, PluginInfo, PluginLimits};
use cryptobot_plugin::{Limits, Loader, Plugin, PluginFile, resolve};

use crate::changes::{self, Loaded};
use crate::config::{Bot, RunConfig};
use crate::error::RunError;
use crate::left_out::LeftOut;
use crate::permissions::Gate;

/// A bot whose plugin is loaded and whose parameters are checked.
pub(crate) struct LoadedBot {
    pub(crate) name: String,
    pub(crate) plugin: Plugin,
    pub(crate) info: PluginInfo,
    /// All declared parameters, in the declared order.
    pub(crate) params: Vec<(String, ParamValue)>,
    pub(crate) balance: Money,
    /// The plugins of its swaps, in their order.
    pub(crate) swaps: Vec<Loaded>,
    /// What it may use.
    pub(crate) limits: PluginLimits,
    /// Instruments that it declares.
    pub(crate) instruments: Vec<InstrumentPattern>,
    /// Whether its plugin, or that of a swap, can send signals.
    pub(crate) signals: bool,
}

/// The plugin that a bot begins with, and those of its swaps.
pub(crate) fn plugins(bot: &LoadedBot) -> impl Iterator<Item = &Plugin> {
    let later = bot.swaps.iter().flatten().map(|later| &later.plugin);
    std::iter::once(&bot.plugin).chain(later)
}

/// Loads the plugins of all bots and completes the configuration with their parameters and balances. Bots whose plugin
/// cannot be loaded are left out; their share of the balance stays aside.
pub(crate) fn load(
    config: &mut RunConfig,
    loader: &Loader,
    folders: &[PathBuf],
    gate: &Gate<'_>,
    left_out: &mut LeftOut,
    warnings: &mut Vec<String>,
) -> Result<Vec<LoadedBot>, RunError> {
    // A file that does not exist is a mistake of the user, whatever else is wrong.
    for (name, bot) in &config.bots {
        let find = |field: String, plugin: &str| {
            resolve(plugin, folders).map_err(|error| RunError::config(field, error.to_string()))
        };
        find(format!("bots.{name}.plugin"), &bot.plugin)?;
        for (index, swap) in bot.swaps.iter().enumerate() {
            find(format!("bots.{name}.swaps[{index}].plugin"), &swap.plugin)?;
        }
    }
    let balances = balances(config)?;
    let mut bots = Vec::with_capacity(config.bots.len());
    for ((name, bot), balance) in config.bots.iter_mut().zip(balances) {
        let result = load_bot(name, bot, balance, (loader, folders, gate), warnings);
        bots.extend(left_out.sort(name, result)?);
    }
    left_out.remove_from(config, warnings)?;
    Ok(bots)
}

fn load_bot(
    name: &str,
    bot: &mut Bot,
    balance: Money,
    (loader, folders, gate): (&Loader, &[PathBuf], &Gate<'_>),
    warnings: &mut Vec<String>,
) -> Result<LoadedBot, RunError> {
    let path = resolve(&bot.plugin, folders)?;
    let refused = |source| RunError::LoadPlugin { path: path.clone(), source };
    let file = PluginFile::read(&path).map_err(refused)?;
    let admitted = gate.admit(name, bot, &path, &file)?;
    warnings.extend(admitted.warning);
    let plugin = loader.compile(&file).map_err(refused)?;
    let info = plugin
        .describe(&Limits::default().with(&admitted.limits))
        .map_err(|fault| RunError::plugin_fault(&path.display().to_string(), &plugin, fault))?;
    let params = params(name, bot, &info)?;
    let swaps = changes::load(name, bot, &info, loader, folders, gate)?;
    bot.plugin = path.display().to_string();
    bot.params = params.iter().cloned().collect();
    bot.balance = Some(balance);
    let later = swaps.iter().flatten().flat_map(|later| &later.granted);
    bot.grants.allow = Some(later.chain(&admitted.granted).copied().collect());
    if swaps.is_empty() {
        // With swaps there is more than one answer; each follows from the limits that are stated.
        bot.limits = admitted.limits;
    }
    let signals = file.capabilities().contains(&Capability::Signals)
        || swaps.iter().flatten().any(|later| later.signals);
    Ok(LoadedBot {
        name: name.to_owned(),
        plugin,
        info,
        params,
        balance,
        limits: admitted.limits,
        swaps,
        instruments: file.declaration().instruments,
        signals,
    })
}

/// Stated balances, and equal shares of the rest of the run's balance for the others; what cannot be divided goes to
/// the first of them.
fn balances(config: &mut RunConfig) -> Result<Vec<Money>, RunError> {
    let stated: Money = config.bots.values().filter_map(|bot| bot.balance).sum();
    let others = config.bots.values().filter(|bot| bot.balance.is_none()).count() as i128;
    let rest = config.balance - stated;
    if others > 0 && rest <= Money::ZERO {
        let problem = format!("the bots' own balances come to {stated}: nothing is left for the others");
        return Err(RunError::config("balance", problem));
    }
    if others == 0 && rest < Money::ZERO {
        // Nobody asked for a balance of the run: it is what the bots have.
        config.balance = stated;
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
    info.complete(&bot.params).map_err(|error| {
        let problem = match &error {
            ParamError::Unknown { .. } => error.to_string(),
            _ => format!("{error}; {} has {}", info.name, info.listed_params()),
        };
        RunError::config(format!("bots.{name}.params.{}", error.name()), problem)
    })
}
