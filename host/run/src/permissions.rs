//! What a plugin may do in a run: of what it declares, what the run file grants and the user has accepted.
//!
//! Everything here is decided from the file before the plugin is compiled or instantiated.

use std::collections::BTreeSet;
use std::path::Path;

use cryptobot_model::{Capability, Declaration, InstrumentPattern, PluginLimits, RunMode};
use cryptobot_plugin::{Accepted, PluginFile, Standing, plugin_name};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bots::LoadedBot;
use crate::config::{Bot, RunConfig};
use crate::error::RunError;
use crate::left_out::LeftOut;

/// What a bot's plugin is granted of what it declares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Grants {
    /// Interfaces of the plugin contract. Without the key everything that the plugin declares, but not in live mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<BTreeSet<Capability>>,
    /// Interfaces that it does not get, whatever is allowed.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub deny: BTreeSet<Capability>,
    /// Instruments that it may be given, as `SYMBOL` or `VENUE/SYMBOL` with `*`. Without the key those that it declares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instruments: Option<Vec<InstrumentPattern>>,
}

/// What the user has accepted before, and whether more is accepted now.
#[derive(Clone, Debug, Default)]
pub struct Acceptance {
    /// Where it is kept; `None` = nowhere, and nothing is compared.
    pub store: Option<Accepted>,
    /// Accepts whatever the plugins of this run declare.
    pub accept: bool,
}

/// A plugin that may run, and what it may use.
pub(crate) struct Admitted {
    /// Interfaces that it may use.
    pub(crate) granted: BTreeSet<Capability>,
    /// Of the limits of run, bot and manifest the strictest.
    pub(crate) limits: PluginLimits,
    /// What the user should know.
    pub(crate) warning: Option<String>,
}

/// What decides about the plugins of a run.
pub(crate) struct Gate<'a> {
    /// The mode of the run.
    pub(crate) mode: RunMode,
    /// The limits that the run file states for all plugins.
    pub(crate) limits: PluginLimits,
    pub(crate) acceptance: &'a Acceptance,
}

impl Gate<'_> {
    /// Decides about a plugin of the bot `name` before it is compiled.
    pub(crate) fn admit(
        &self,
        name: &str,
        bot: &Bot,
        path: &Path,
        file: &PluginFile,
    ) -> Result<Admitted, RunError> {
        let refuse = |reason: String| RunError::PluginNotAllowed { path: path.to_owned(), reason };
        let declared = file.declaration();
        check_mode(name, bot, self.mode, file, &declared).map_err(refuse)?;
        let granted = granted(&bot.grants, &declared.interfaces);
        if let Some(missing) = file.capabilities().difference(&granted).next() {
            return Err(refuse(not_granted(name, bot, *missing)));
        }
        let warning = accepted(file, path, self.mode, &declared, self.acceptance).map_err(refuse)?;
        let limits = self.limits.stricter(bot.limits).stricter(declared.limits);
        Ok(Admitted { granted, limits, warning })
    }
}

fn not_granted(name: &str, bot: &Bot, missing: Capability) -> String {
    let field = format!("bots.{name}.grants");
    if bot.grants.deny.contains(&missing) {
        format!(
            "it uses the interface `{missing}`, which {field}.deny names; the plugin does not work without it"
        )
    } else {
        format!(
            "it uses the interface `{missing}`, which {field}.allow does not name; add it, or use another plugin"
        )
    }
}

fn granted(grants: &Grants, declared: &BTreeSet<Capability>) -> BTreeSet<Capability> {
    let allowed = grants.allow.as_ref().map_or_else(|| declared.clone(), |allow| allow & declared);
    &allowed - &grants.deny
}

fn check_mode(
    name: &str,
    bot: &Bot,
    mode: RunMode,
    file: &PluginFile,
    declared: &Declaration,
) -> Result<(), String> {
    if mode == RunMode::Live && file.manifest().is_none() {
        return Err("it has no manifest, and plugins without one do not trade live; \
                    build it with `host plugin build` from a project that declares what it needs"
            .to_owned());
    }
    if !declared.modes.contains(&mode) {
        let modes: Vec<&str> = declared.modes.iter().map(|mode| mode.name()).collect();
        return Err(format!("its manifest declares the modes {}, and this is {mode}", modes.join(", ")));
    }
    if mode == RunMode::Live && bot.grants.allow.is_none() {
        return Err(format!(
            "live trading needs bots.{name}.grants.allow, the list of what it may use; it declares {}",
            names(&declared.interfaces)
        ));
    }
    Ok(())
}

/// Compares with what was accepted. A first use is taken down, but not in live mode, where it must have been accepted.
fn accepted(
    file: &PluginFile,
    path: &Path,
    mode: RunMode,
    declared: &Declaration,
    acceptance: &Acceptance,
) -> Result<Option<String>, String> {
    let Some(store) = &acceptance.store else {
        let live = mode == RunMode::Live;
        return if live {
            Err("there is no folder of accepted plugins; set HOME".to_owned())
        } else {
            Ok(None)
        };
    };
    let plugin = plugin_name(file, path);
    let how = format!("accept it with `host plugin accept {}`", path.display());
    let mut told = None;
    let new = if acceptance.accept {
        true
    } else {
        match store.standing(&plugin, declared).map_err(|error| error.to_string())? {
            Standing::Within => false,
            Standing::New if mode == RunMode::Live => {
                let wants = names(&declared.interfaces);
                return Err(format!("`{plugin}` has not been accepted yet: it declares {wants}; {how}"));
            }
            Standing::New => true,
            // A script is a text that its user changes; before it trades for real he is told and not stopped.
            Standing::Beyond(items) if mode != RunMode::Live && matches!(file, PluginFile::Script(_)) => {
                told = Some(format!("{plugin} uses more than before: {}", items.join(", ")));
                true
            }
            Standing::Beyond(items) => {
                let items = items.join(", ");
                return Err(format!(
                    "`{plugin}` asks for more than you accepted: {items}; {how} or --accept"
                ));
            }
        }
    };
    if !new {
        return Ok(None);
    }
    match store.accept(&plugin, declared) {
        Ok(()) => Ok(told),
        Err(error) if mode == RunMode::Live => Err(error.to_string()),
        Err(error) => {
            Ok(Some(format!("a later version of {plugin} that asks for more will not be noticed: {error}")))
        }
    }
}

fn names(interfaces: &BTreeSet<Capability>) -> String {
    if interfaces.is_empty() {
        return "no interface".to_owned();
    }
    interfaces.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Leaves out bots with an instrument that their plugin does not declare or that they are not granted.
pub(crate) fn check_all_instruments(
    config: &mut RunConfig,
    bots: Vec<LoadedBot>,
    left_out: &mut LeftOut,
    warnings: &mut Vec<String>,
) -> Result<Vec<LoadedBot>, RunError> {
    let mut allowed = Vec::with_capacity(bots.len());
    for loaded in bots {
        let Some(bot) = config.bots.get(&loaded.name) else { continue };
        let refuse = |reason| RunError::PluginNotAllowed { path: bot.plugin.clone().into(), reason };
        let checked = check_instruments(&loaded.name, bot, &loaded.instruments).map_err(refuse);
        if left_out.sort(&loaded.name, checked)?.is_some() {
            allowed.push(loaded);
        }
    }
    left_out.remove_from(config, warnings)?;
    Ok(allowed)
}

/// Says which instrument of a bot a plugin does not declare or is not granted.
pub(crate) fn check_instruments(name: &str, bot: &Bot, declared: &[InstrumentPattern]) -> Result<(), String> {
    let venue = bot.venue.as_deref().unwrap_or_default();
    let list = |patterns: &[InstrumentPattern]| {
        patterns.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    for symbol in &bot.symbols {
        let meant = |patterns: &[InstrumentPattern]| patterns.iter().any(|one| one.matches(venue, symbol));
        if let Some(granted) = bot.grants.instruments.as_deref().filter(|granted| !meant(granted)) {
            let granted = list(granted);
            return Err(format!("bots.{name}.grants.instruments has {granted}, and not {venue}/{symbol}"));
        }
        if !meant(declared) {
            let declared = list(declared);
            return Err(format!(
                "its manifest declares the instruments {declared}, and not {venue}/{symbol}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use cryptobot_model::Manifest;

    use super::*;

    /// A strategy that imports `orders`, with or without a manifest.
    fn plugin(declares: Option<Declaration>) -> PluginFile {
        let mut bytes = include_bytes!("../../../tests/fuzz/corpus/component/strategy.wasm").to_vec();
        if let Some(declares) = declares {
            let (plugin, version) = ("dummy".to_owned(), "1.0.0".to_owned());
            let manifest = Manifest { format: Manifest::FORMAT, plugin, version, declares };
            cryptobot_plugin::manifest::embed(&mut bytes, &manifest).unwrap();
        }
        cryptobot_wasm::PluginFile::parse(bytes).unwrap().into()
    }

    fn decide(
        bot: &Bot,
        mode: RunMode,
        file: &PluginFile,
        acceptance: &Acceptance,
    ) -> Result<Admitted, String> {
        let gate = Gate { mode, limits: PluginLimits::default(), acceptance };
        gate.admit("a", bot, Path::new("p.wasm"), file).map_err(|error| error.to_string())
    }

    fn trading() -> Declaration {
        Declaration { interfaces: [Capability::Orders].into(), ..Declaration::default() }
    }

    #[test]
    fn live_trading_needs_a_manifest_a_grant_and_acceptance() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Acceptance { store: Some(Accepted::at(folder.path())), accept: false };
        let (live, plain) = (RunMode::Live, Bot::default());
        let grants = Grants { allow: Some([Capability::Orders].into()), ..Grants::default() };
        let granted = Bot { grants, ..Bot::default() };
        let refused = |bot: &Bot, file: &PluginFile, acceptance: &Acceptance, words: &str| {
            let said = decide(bot, live, file, acceptance).err().unwrap();
            assert!(said.starts_with("p.wasm: ") && said.contains(words), "expected `{words}` in: {said}");
        };
        refused(&granted, &plugin(None), &kept, "it has no manifest");
        let backtest = Declaration { modes: [RunMode::Backtest].into(), ..trading() };
        refused(&granted, &plugin(Some(backtest)), &kept, "declares the modes backtest, and this is live");
        let file = plugin(Some(trading()));
        refused(&plain, &file, &kept, "live trading needs bots.a.grants.allow");
        refused(&granted, &file, &Acceptance::default(), "no folder of accepted plugins");
        refused(&granted, &file, &kept, "`dummy` has not been accepted yet: it declares orders");
        let accept = Acceptance { accept: true, ..kept.clone() };
        assert_eq!(decide(&granted, live, &file, &accept).unwrap().granted, trading().interfaces);
        decide(&granted, live, &file, &kept).unwrap();
    }

    #[test]
    fn backtests_grant_what_is_declared_and_need_no_store() {
        for file in [plugin(None), plugin(Some(trading()))] {
            for mode in [RunMode::Backtest, RunMode::Simulation, RunMode::Paper] {
                let admitted = decide(&Bot::default(), mode, &file, &Acceptance::default()).unwrap();
                assert_eq!((admitted.granted, admitted.warning), (trading().interfaces, None));
            }
        }
    }

    #[test]
    fn denial_wins_and_a_grant_gives_no_more_than_is_declared() {
        let all: BTreeSet<Capability> = Capability::ALL.into();
        let grants = Grants { allow: Some(all), deny: [Capability::Random].into(), instruments: None };
        let declared = [Capability::Orders, Capability::Random].into();
        assert_eq!(granted(&grants, &declared), [Capability::Orders].into());
    }
}
