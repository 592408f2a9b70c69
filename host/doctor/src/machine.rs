//! The host itself and the processor.

use cryptobot_plugin::Machine;
use cryptobot_wasm::{Runtime, RuntimeConfig};

use crate::{Finding, State};

pub(crate) fn findings() -> Vec<Finding> {
    vec![host(), processor(), sandbox()]
}

fn host() -> Finding {
    let version = env!("CARGO_PKG_VERSION");
    let Machine { host_build, platform, .. } = Machine::this();
    let found = format!("{version}, {host_build} build, {platform}");
    if host_build == "release" {
        Finding::ok("host", found)
    } else {
        Finding::but(
            "host",
            State::Note,
            found,
            "a release build is many times faster: `cargo build --release`",
        )
    }
}

fn processor() -> Finding {
    let Machine { cpu, cores, .. } = Machine::this();
    let features = features();
    let names: Vec<&str> = features.iter().filter(|(_, has)| *has).map(|(name, _)| *name).collect();
    let listed = if names.is_empty() { String::new() } else { format!(", {}", names.join(" ")) };
    let found = format!("{cpu}, {cores} threads{listed}");
    if features.iter().any(|(name, has)| *name == "sse4.1" && !has) {
        let fix = "plugins run slower without SSE 4.1; a newer processor, or a virtual machine that shows its own, has it";
        return Finding::but("processor", State::Note, found, fix);
    }
    Finding::ok("processor", found)
}

/// What compiled plugins, hashing and compression can use.
#[cfg(target_arch = "x86_64")]
fn features() -> Vec<(&'static str, bool)> {
    vec![
        ("sse4.1", std::is_x86_feature_detected!("sse4.1")),
        ("avx", std::is_x86_feature_detected!("avx")),
        ("avx2", std::is_x86_feature_detected!("avx2")),
        ("bmi2", std::is_x86_feature_detected!("bmi2")),
        ("sha", std::is_x86_feature_detected!("sha")),
    ]
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> Vec<(&'static str, bool)> {
    Vec::new()
}

/// Whether a sandbox can be had: it needs a thread and address space.
fn sandbox() -> Finding {
    match Runtime::new(&RuntimeConfig::default()) {
        Ok(_) => Finding::ok("sandbox", "starts; nothing has to be installed for it"),
        Err(error) => {
            let fix =
                "allow this process more address space and threads (`ulimit -v unlimited`, `ulimit -u`)";
            Finding::but("sandbox", State::Missing, error.to_string(), fix)
        }
    }
}
