//! What a plugin file is, for people and for machines.

use std::collections::BTreeSet;
use std::path::Path;

use cryptobot_engine::Fault;
use cryptobot_model::{
    Capability, Manifest, ParamSpec, ParamType, PluginInfo, PluginLimits, RunMode, SeriesSpec, Timeframe,
    Wants,
};
use serde::Serialize;
use thiserror::Error;
use wit_component::DecodedWasm;

use crate::backend::{Limits, LoadError, Loader, Plugin, PluginFile};
use crate::limits::host_limits;

/// Why a file cannot be inspected.
#[derive(Debug, Error)]
pub enum InspectError {
    /// It is no plugin.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It does not describe itself.
    #[error("the plugin does not describe itself: {fault}{excerpt}")]
    Describe {
        /// What it did instead.
        fault: Box<Fault>,
        /// The place in its source, on lines of its own; empty where it has none.
        excerpt: String,
    },
}

impl InspectError {
    /// `:line:column` of the mistake in the file; nothing where it has no place.
    pub fn place(&self) -> String {
        match self {
            Self::Load(error) => error.place(),
            Self::Describe { .. } => String::new(),
        }
    }
}

/// Everything that a plugin file tells without being run on data.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// Name.
    pub name: String,
    /// Version, semver.
    pub version: String,
    /// Version of the plugin contract it was built for; `script` for scripts, which need none.
    pub contract: String,
    /// Size of the file.
    pub size_bytes: usize,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// What the plugin declares that it needs; `None` = it has no manifest, and is taken to declare what it imports.
    pub manifest: Option<Manifest>,
    /// Capabilities among its actual imports, each of which must be granted. A backtest grants what is declared.
    pub capabilities: BTreeSet<Capability>,
    /// Modes in which a run file need not grant it anything.
    pub default_modes: BTreeSet<RunMode>,
    /// The limits in force where the run file states none: of the host's and the manifest's the stricter.
    pub limits: PluginLimits,
    /// What it takes from the host.
    pub imports: Vec<Interface>,
    /// What it gives to the host.
    pub exports: Vec<Interface>,
    /// Parameters it takes.
    pub params: Vec<Param>,
    /// Series it asks for.
    pub series: Vec<Series>,
    /// Events it asks for, by their names in the contract.
    pub wants: Vec<&'static str>,
    /// Bars before its signals mean anything.
    pub warmup_bars: u32,
    /// Version of its snapshot format.
    pub state_version: u32,
}

/// An interface with its functions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// Full name with version; without a version where a script uses its functions.
    pub name: String,
    /// Functions that the plugin uses or has.
    pub functions: Vec<String>,
}

/// A parameter.
#[derive(Clone, Debug, Serialize)]
pub struct Param {
    /// Its type, named because a default of `10` may be a number or an integer.
    #[serde(rename = "type")]
    pub param_type: ParamType,
    /// The declaration.
    #[serde(flatten)]
    pub spec: ParamSpec,
}

/// A series asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Series {
    /// The plugin's name for it.
    pub role: String,
    /// Its timeframe as `--timeframe` writes it; `None` = the run's base timeframe.
    pub timeframe: Option<String>,
}

/// What a plugin says of itself.
pub(crate) fn described(plugin: &Plugin, limits: &Limits) -> Result<PluginInfo, InspectError> {
    plugin.describe(limits).map_err(|fault| {
        let excerpt = plugin.excerpt(&fault.message).map(|excerpt| format!("\n{excerpt}"));
        InspectError::Describe { fault: Box::new(fault), excerpt: excerpt.unwrap_or_default() }
    })
}

/// Loads a plugin and asks it to describe itself.
pub fn inspect(loader: &Loader, path: &Path, limits: &Limits) -> Result<Inspection, InspectError> {
    let file = PluginFile::read(path)?;
    let plugin = loader.compile(&file)?;
    let declaration = file.declaration();
    let PluginInfo { name, version, state_version, warmup_bars, params, series, wants } =
        described(&plugin, &limits.at_most(&declaration.limits))?;
    let (contract, imports, exports) = surface(&file, &plugin);
    Ok(Inspection {
        name,
        version,
        contract,
        size_bytes: plugin.size_bytes(),
        sha256: plugin.sha256().to_owned(),
        manifest: file.manifest().cloned(),
        capabilities: file.capabilities(),
        default_modes: &declaration.modes - &BTreeSet::from([RunMode::Live]),
        limits: host_limits().stricter(declaration.limits),
        imports,
        exports,
        params: params
            .into_iter()
            .map(|spec| Param { param_type: spec.default.param_type(), spec })
            .collect(),
        series: series.into_iter().map(named).collect(),
        wants: want_names(wants),
        warmup_bars,
        state_version,
    })
}

/// Version of the contract, imports and exports.
fn surface(file: &PluginFile, plugin: &Plugin) -> (String, Vec<Interface>, Vec<Interface>) {
    match (file, plugin) {
        (PluginFile::Component(file), Plugin::Component(plugin)) => {
            let (imports, exports) = interfaces(file.bytes());
            let exported = plugin.exports().iter().find_map(|name| name.split_once('@'));
            (exported.map_or("", |(_, version)| version).to_owned(), imports, exports)
        }
        (PluginFile::Script(script), _) | (_, Plugin::Script(script)) => {
            let used = script.interfaces().into_iter().map(|(interface, functions)| Interface {
                name: interface.to_owned(),
                functions: functions.into_iter().map(str::to_owned).collect(),
            });
            ("script".to_owned(), used.collect(), Vec::new())
        }
    }
}

/// Imports and exports by interface and function. A component that was loaded can be decoded; should it not, the
/// lists are empty rather than wrong.
fn interfaces(bytes: &[u8]) -> (Vec<Interface>, Vec<Interface>) {
    let Ok(DecodedWasm::Component(resolve, world)) = wit_component::decode(bytes) else {
        return Default::default();
    };
    let world = &resolve.worlds[world];
    let functions = |(key, item): (&wit_parser::WorldKey, &wit_parser::WorldItem)| {
        let wit_parser::WorldItem::Interface { id, .. } = item else {
            return None;
        };
        let functions = resolve.interfaces[*id].functions.keys().cloned().collect::<Vec<_>>();
        (!functions.is_empty()).then(|| Interface { name: resolve.name_world_key(key), functions })
    };
    (
        world.imports.iter().filter_map(functions).collect(),
        world.exports.iter().filter_map(functions).collect(),
    )
}

fn named(spec: SeriesSpec) -> Series {
    let timeframe = spec.timeframe_ns.and_then(Timeframe::from_nanos);
    Series { role: spec.role, timeframe: timeframe.map(|timeframe| timeframe.to_string()) }
}

fn want_names(wants: Wants) -> Vec<&'static str> {
    [
        (wants.bars, "bars"),
        (wants.orders, "orders"),
        (wants.position_closes, "position-closes"),
        (wants.timers, "timers"),
        (wants.outcomes, "outcomes"),
    ]
    .into_iter()
    .filter_map(|(wanted, name)| wanted.then_some(name))
    .collect()
}
