//! Plugins as versions of a strategy, from which the engine makes instances.

use std::sync::Arc;

use cryptobot_engine::{Delivery, Desk, DeskLimits, Version};
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
    limits: &PluginLimits,
    delivery: Delivery,
) -> Arc<Version> {
    let (made_of, of_instance) = (plugin.clone(), Limits::default().with(limits));
    Arc::new(Version {
        info: info.clone(),
        sha256: plugin.sha256().to_owned(),
        series,
        look_back: look_back(plugin, info, limits),
        desk_limits: DeskLimits::default().with(limits),
        max_open_orders: max_open_orders(limits),
        make: Box::new(move |params| {
            made_of.instantiate(Desk::vacant(), params.clone(), &of_instance, delivery)
        }),
    })
}

/// Orders that a plugin may have open at once.
pub(crate) fn max_open_orders(limits: &PluginLimits) -> usize {
    limits.open_orders.map_or(usize::MAX, |most| most as usize)
}

/// Closed bars of each series that a plugin can look back on.
pub(crate) fn look_back(plugin: &Plugin, info: &PluginInfo, limits: &PluginLimits) -> usize {
    let warm_up = (info.warmup_bars as usize).min(MOST_WARM_UP_BARS);
    let most = limits.history_bars.unwrap_or_default() as usize;
    if plugin.looks_back() { most.max(warm_up) } else { 0 }
}

/// Closed bars of each series that are kept for the indicators of versions that take over.
pub(crate) fn kept_bars(bot: &LoadedBot) -> usize {
    let later = bot.swaps.iter().flatten().map(|later| (&later.info, &later.limits));
    let needs = later.chain([(&bot.info, &bot.limits)]).map(|(info, limits)| {
        let warm_up = (info.warmup_bars as usize).min(MOST_WARM_UP_BARS);
        warm_up.max(limits.history_bars.unwrap_or_default() as usize)
    });
    needs.max().unwrap_or(0)
}
