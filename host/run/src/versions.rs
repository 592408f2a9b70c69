//! Plugins as versions of a strategy, from which the engine makes instances.

use std::sync::Arc;

use cryptobot_engine::{Desk, Version};
use cryptobot_model::{PluginInfo, PluginLimits, SeriesInfo};
use cryptobot_plugin::{Limits, Plugin};

use crate::bots::LoadedBot;

/// A warm-up that is longer does not make the host keep more bars.
const MOST_WARM_UP_BARS: usize = 100_000;

/// A plugin with its series in the run.
pub(crate) fn version(
    plugin: &Plugin,
    info: &PluginInfo,
    series: Vec<SeriesInfo>,
    granted: &PluginLimits,
) -> Arc<Version> {
    let (made_of, limits) = (plugin.clone(), Limits::default().with(granted));
    Arc::new(Version {
        info: info.clone(),
        sha256: plugin.sha256().to_owned(),
        series,
        look_back: look_back(plugin, info, granted),
        make: Box::new(move |params| made_of.instantiate(Desk::vacant(), params.clone(), &limits)),
    })
}

/// Closed bars of each series that a plugin can look back on.
pub(crate) fn look_back(plugin: &Plugin, info: &PluginInfo, granted: &PluginLimits) -> usize {
    let warm_up = (info.warmup_bars as usize).min(MOST_WARM_UP_BARS);
    let most = granted.history_bars.unwrap_or_default() as usize;
    if plugin.looks_back() { most.max(warm_up) } else { 0 }
}

/// Closed bars of each series that are kept for the indicators of versions that take over.
pub(crate) fn kept_bars(bot: &LoadedBot) -> usize {
    let later = bot.swaps.iter().flatten().map(|(_, info, _)| info);
    let warm_ups = later.chain([&bot.info]).map(|info| info.warmup_bars as usize);
    warm_ups
        .max()
        .unwrap_or(0)
        .min(MOST_WARM_UP_BARS)
        .max(bot.limits.history_bars.unwrap_or_default() as usize)
}
