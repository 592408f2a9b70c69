//! The identity of a run: what must be equal for its journal to be equal.

use std::fmt::Write;
use std::path::PathBuf;

use cryptobot_analytics::RunIdentity;
use cryptobot_engine::Delivery;
use sha2::{Digest, Sha256};

use crate::bots::LoadedBot;
use crate::config::RunConfig;
use crate::error::RunError;
use crate::spelled::Spelled;

/// Version of this host, part of every identity.
pub(crate) const HOST_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Everything but the data's hash and what depends on it, which [`complete`] adds.
pub(crate) fn begin(
    config: &RunConfig,
    bots: &[LoadedBot],
    reference_sha256: String,
    delivery: Delivery,
) -> Result<RunIdentity, RunError> {
    Ok(RunIdentity {
        id: String::new(),
        host_version: HOST_VERSION.to_owned(),
        plugin: bots.iter().map(|bot| bot.info.name.as_str()).collect::<Vec<_>>().join(","),
        plugin_sha256: plugins_sha256(bots),
        models_sha256: None,
        data_sha256: String::new(),
        reference_sha256,
        config_sha256: config_sha256(config, bots)?,
        seed: config.seed,
        mode: config.mode.run_mode().to_string(),
        delivery: delivery.to_string(),
    })
}

/// Adds the data's hash and names the run by everything that makes it.
pub(crate) fn complete(identity: &mut RunIdentity, data_sha256: String) {
    identity.data_sha256 = data_sha256;
    let parts = [
        &identity.data_sha256,
        &identity.reference_sha256,
        &identity.plugin_sha256,
        &identity.config_sha256,
        &identity.seed.to_string(),
        &identity.host_version,
    ];
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    identity.id = hex(&hash.finalize());
    identity.id.truncate(16);
}

/// The plugin's own hash; with several bots a hash over theirs, in the order of the bots.
fn plugins_sha256(bots: &[LoadedBot]) -> String {
    if let [bot] = bots {
        return bot.plugin.sha256().to_owned();
    }
    let mut hash = Sha256::new();
    for bot in bots {
        hash.update(bot.plugin.sha256().as_bytes());
    }
    hex(&hash.finalize())
}

/// The hash of the complete configuration without paths, which say where things are and not what they are, and
/// without the seed, which the identity has of its own; recorded latencies are part of it, and the plugins of swaps are by
/// their hashes.
fn config_sha256(config: &RunConfig, bots: &[LoadedBot]) -> Result<String, RunError> {
    let mut config = config.clone();
    config.data = PathBuf::default();
    config.seed = 0;
    // However bars are handed over, a run is the same run.
    config.delivery = Spelled::default();
    // Their contents are part of the data.
    config.execution.recordings.clear();
    for (bot, loaded) in config.bots.values_mut().zip(bots) {
        bot.plugin.clear();
        for (swap, loaded) in bot.swaps.iter_mut().zip(&loaded.swaps) {
            swap.plugin = loaded.as_ref().map(|later| later.plugin.sha256().to_owned()).unwrap_or_default();
        }
    }
    let file = config.execution.latency.take_file();
    let canonical = serde_json::to_string(&config)
        .map_err(|error| RunError::Document { document: "the configuration", reason: error.to_string() })?;
    let mut hash = Sha256::new_with_prefix(canonical);
    if let Some(file) = file {
        hash.update(crate::round_trips::read_text(&file)?);
    }
    Ok(hex(&hash.finalize()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
