//! Changes of bots on the way: other versions that take over, and new values of live-tunable parameters.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use cryptobot_analytics::{SwapSummary, TuningSummary};
use cryptobot_engine::{Change, ChangeReport, ChangeRequest, Delivery, Params, Retire, Version, When};
use cryptobot_model::{
    Capability, Instrument, InstrumentPattern, ParamSpec, ParamValue, PluginInfo, PluginLimits, StrategyId,
    Timestamp,
};
use cryptobot_plugin::{Limits, Loader, Plugin, PluginFile, resolve};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bots::LoadedBot;
use crate::config::{Bot, RunConfig};
use crate::error::RunError;
use crate::markets;
use crate::permissions::{self, Gate};
use crate::spelled::Spelled;
use crate::versions::version;

/// When a bot is changed: a time, or `bar:N` = once N base bars of the run have closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the first event at this time or later.
    Time(Timestamp),
    /// Before the next event once so many base bars, of all instruments together, have closed.
    Bars(u64),
}

/// Why a text is no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no moment; write a time such as 2024-06-01T00:00Z, or bar:5000")]
pub struct ParseMomentError(String);

impl FromStr for Moment {
    type Err = ParseMomentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseMomentError(text.to_owned());
        match text.strip_prefix("bar:") {
            Some(count) => count.parse().map(Self::Bars).map_err(|_| wrong()),
            None => text.parse().map(Self::Time).map_err(|_| wrong()),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(at) => at.fmt(f),
            Self::Bars(count) => write!(f, "bar:{count}"),
        }
    }
}

impl From<Moment> for When {
    fn from(moment: Moment) -> Self {
        match moment {
            Moment::Time(at) => Self::Time(at),
            Moment::Bars(count) => Self::Bars(count),
        }
    }
}

/// Another version of a bot's plugin that takes over on the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Swap {
    /// A time, or `bar:N` = once N base bars of the run have closed.
    pub at: Spelled<Moment>,
    /// Path or name of the plugin.
    pub plugin: String,
    /// Values of its parameters; the others keep the running values, and new ones have their defaults.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub set: BTreeMap<String, ParamValue>,
}

/// New values of parameters that the plugin marks as tunable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    /// A time, or `bar:N` = once N base bars of the run have closed.
    pub at: Spelled<Moment>,
    /// The values.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub set: BTreeMap<String, ParamValue>,
}

/// The plugin of a swap, or why there is none.
pub(crate) type Loaded = Result<Later, String>;

/// A plugin that may take over.
#[derive(Clone)]
pub(crate) struct Later {
    pub(crate) plugin: Plugin,
    pub(crate) info: PluginInfo,
    /// Interfaces that it may use.
    pub(crate) granted: BTreeSet<Capability>,
    /// Whether it can send signals.
    pub(crate) signals: bool,
    /// What it may use: of the limits of run, bot and manifest the strictest.
    pub(crate) limits: PluginLimits,
    /// Instruments that it declares.
    pub(crate) instruments: Vec<InstrumentPattern>,
}

/// Loads the plugins of a bot's swaps, each file once, and checks what is set. What is no plugin, or may not do what it
/// asks for, is refused when its time comes, so that the running version goes on; a file that does not exist is a mistake of the user.
pub(crate) fn load(
    name: &str,
    bot: &mut Bot,
    first: &PluginInfo,
    loader: &Loader,
    folders: &[PathBuf],
    gate: &Gate<'_>,
) -> Result<Vec<Loaded>, RunError> {
    let asked = bot.clone();
    let mut files: BTreeMap<PathBuf, Loaded> = BTreeMap::new();
    let mut later = Vec::with_capacity(bot.swaps.len());
    for (index, swap) in bot.swaps.iter_mut().enumerate() {
        let path = resolve(&swap.plugin, folders)?;
        swap.plugin = path.display().to_string();
        let load = |path: &PathBuf| load_file(path, name, &asked, loader, gate);
        let plugin = files.entry(path).or_insert_with_key(load).clone();
        if let Ok(Later { info, .. }) = &plugin {
            check(&format!("bots.{name}.swaps[{index}].set"), &mut swap.set, &[info], |_| true)?;
        }
        later.push(plugin);
    }
    let versions: Vec<&PluginInfo> =
        std::iter::once(first).chain(later.iter().flatten().map(|later| &later.info)).collect();
    for (index, tuning) in bot.tuning.iter_mut().enumerate() {
        check(&format!("bots.{name}.tuning[{index}].set"), &mut tuning.set, &versions, |spec| spec.tunable)?;
    }
    Ok(later)
}

/// Loads the plugin file of a swap.
pub(crate) fn load_file(path: &Path, name: &str, bot: &Bot, loader: &Loader, gate: &Gate<'_>) -> Loaded {
    let refused = |reason: String| format!("{}: {reason}", path.display());
    let file = PluginFile::read(path).map_err(|error| refused(error.to_string()))?;
    let admitted = gate.admit(name, bot, path, &file).map_err(|error| error.to_string())?;
    let plugin = loader.compile(&file).map_err(|error| refused(error.to_string()))?;
    let limits = admitted.limits;
    let info =
        plugin.describe(&Limits::default().with(&limits)).map_err(|fault| refused(fault.to_string()))?;
    let instruments = file.declaration().instruments;
    let signals = file.capabilities().contains(&Capability::Signals);
    Ok(Later { plugin, info, granted: admitted.granted, signals, limits, instruments })
}

/// Reads the values by the declaration of a version that allows them, the newest that does.
fn check(
    field: &str,
    set: &mut BTreeMap<String, ParamValue>,
    versions: &[&PluginInfo],
    allows: impl Fn(&ParamSpec) -> bool,
) -> Result<(), RunError> {
    for (name, value) in set {
        let specs = || versions.iter().rev().flat_map(|info| &info.params).filter(|spec| allows(spec));
        let mut of_name = specs().filter(|spec| spec.name == *name).map(|spec| spec.accept(value.clone()));
        let Some(accepted) = of_name.clone().find_map(Result::ok).map(Ok).or_else(|| of_name.next()) else {
            let mut known: Vec<&str> = specs().map(|spec| spec.name.as_str()).collect();
            known.sort_unstable();
            known.dedup();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let problem = format!("`{name}` cannot be set here; what can be: {known}");
            return Err(RunError::config(format!("{field}.{name}"), problem));
        };
        *value = accepted.map_err(|error| RunError::config(format!("{field}.{name}"), error.to_string()))?;
    }
    Ok(())
}

/// Everything that is asked for on the way: swaps before values of the same moment, bot by bot.
pub(crate) fn requests(
    config: &RunConfig,
    bots: &[LoadedBot],
    instruments: &[Instrument],
    delivery: Delivery,
) -> Vec<ChangeRequest> {
    let mut requests = Vec::new();
    for (slot, bot) in bots.iter().enumerate() {
        let strategy = StrategyId::from(slot);
        let Some(entry) = config.bots.get(&bot.name) else { continue };
        let mut versions: BTreeMap<&str, Result<Arc<Version>, String>> = BTreeMap::new();
        for (swap, loaded) in entry.swaps.iter().zip(&bot.swaps) {
            let made = || {
                let later = loaded.as_ref().map_err(Clone::clone)?;
                permissions::check_instruments(&bot.name, entry, &later.instruments)
                    .map_err(|reason| format!("{}: {reason}", swap.plugin))?;
                let series = markets::series_of(entry, &later.info, instruments)?;
                Ok(version(&later.plugin, &later.info, series, &later.limits, delivery))
            };
            let version = versions.entry(&swap.plugin).or_insert_with(made).clone();
            let change = Change::Swap { version, set: params(&swap.set) };
            requests.push(ChangeRequest { strategy, when: swap.at.0.into(), change });
        }
        requests.extend(entry.tuning.iter().map(|tuning| ChangeRequest {
            strategy,
            when: tuning.at.0.into(),
            change: Change::Tune { set: params(&tuning.set) },
        }));
    }
    requests
}

fn params(set: &BTreeMap<String, ParamValue>) -> Params {
    set.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Drops instances on a thread of its own, which ends with the engine.
pub(crate) fn retirement() -> Option<Retire> {
    let (send, receive) = mpsc::channel::<Box<dyn Send>>();
    let thread = thread::Builder::new().name("retirement".to_owned());
    thread.spawn(move || receive.into_iter().for_each(drop)).ok()?;
    Some(Box::new(move |remains| {
        // A thread that is gone leaves the dropping to us.
        let _ = send.send(remains);
    }))
}

/// What became of the changes, for the summary, and what a reader must know of those that were refused.
pub(crate) struct Report {
    pub(crate) swaps: Vec<SwapSummary>,
    pub(crate) tuning: Vec<TuningSummary>,
    pub(crate) warnings: Vec<String>,
    /// Whether one was refused that the run lasted long enough for.
    pub(crate) refused: bool,
}

/// Puts the engine's reports into words. `names` are those of the strategies.
pub(crate) fn report(changes: &[ChangeReport], names: &[&str]) -> Report {
    let mut report = Report { swaps: Vec::new(), tuning: Vec::new(), warnings: Vec::new(), refused: false };
    let mut refusals: BTreeMap<(usize, &str), (usize, String)> = BTreeMap::new();
    for change in changes {
        let index = change.request.strategy.index();
        let name = (*names.get(index).unwrap_or(&"?")).to_owned();
        let at = match change.request.when {
            When::Time(at) => Moment::Time(at).to_string(),
            When::Bars(count) => Moment::Bars(count).to_string(),
            When::Next => String::new(),
        };
        let reason = change.result.as_ref().err().cloned();
        let done = change.result.clone().unwrap_or_default();
        report.refused |= reason.is_some() && change.ts.is_some();
        let kind = match &change.request.change {
            Change::Swap { .. } => "swap",
            Change::Tune { .. } => "change of parameters",
        };
        if let Some(reason) = &reason {
            let first = || (0, format!("at {at}: {reason}"));
            refusals.entry((index, kind)).or_insert_with(first).0 += 1;
        }
        if !done.dropped.is_empty() {
            let dropped = done.dropped.join(", ");
            report.warnings.push(format!("{name}: the swap at {at} dropped the parameters {dropped}"));
        }
        let texts =
            |set: &Params| set.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
        match &change.request.change {
            Change::Swap { version, set } => report.swaps.push(SwapSummary {
                strategy: name,
                at,
                ts: change.ts,
                plugin: version.as_ref().ok().map(|to| format!("{} {}", to.info.name, to.info.version)),
                plugin_sha256: version.as_ref().ok().map(|to| to.sha256.clone()),
                set: texts(set),
                done: reason.is_none(),
                reason,
                state_bytes: done.state_bytes,
                dropped: done.dropped,
            }),
            Change::Tune { set } => report.tuning.push(TuningSummary {
                strategy: name,
                at,
                ts: change.ts,
                set: texts(set),
                done: reason.is_none(),
                reason,
            }),
        }
    }
    report.warnings.extend(refusals.into_iter().map(|((index, kind), (count, first))| {
        let name = names.get(index).unwrap_or(&"?");
        if count == 1 {
            format!("{name}: a {kind} was refused, the running version went on; {first}")
        } else {
            format!(
                "{name}: {count} times a {kind} was refused, the running version went on; the first {first}"
            )
        }
    }));
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_times_or_numbers_of_bars() {
        for text in ["2024-06-01T00:00:00Z", "bar:5000"] {
            assert_eq!(text.parse::<Moment>().unwrap().to_string(), text);
        }
        for text in ["bar:", "bar:-1", "soon", "5000"] {
            let error = text.parse::<Moment>().unwrap_err().to_string();
            assert!(error.contains(text) && error.contains("bar:5000"), "{error}");
        }
    }
}
