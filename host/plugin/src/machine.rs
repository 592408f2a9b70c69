//! The machine that a measurement was made on.

use std::{env, fs, thread};

use serde::Serialize;

/// What a measurement depends on besides the plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// The processor, as the system names it.
    pub cpu: String,
    /// Threads that can run at once.
    pub cores: usize,
    /// Operating system and architecture, for example `linux-x86_64`.
    pub platform: String,
    /// `release` or `debug`: how the host was built.
    pub host_build: &'static str,
}

impl Machine {
    /// This machine.
    pub fn this() -> Self {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            cpu: model.map_or_else(|| "unknown processor".to_owned(), |(_, name)| name.trim().to_owned()),
            cores: thread::available_parallelism().map_or(1, usize::from),
            platform: format!("{}-{}", env::consts::OS, env::consts::ARCH),
            host_build: if cfg!(debug_assertions) { "debug" } else { "release" },
        }
    }
}
