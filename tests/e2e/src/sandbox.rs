//! A working folder of its own for each test.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::built::{host_binary, plugin, repository, sample};
use crate::process::{Ran, run_to_end, start};

/// A working folder with a home of its own. Commands run in it, so that their paths are as short as those of users.
#[derive(Debug)]
pub struct Sandbox {
    root: TempDir,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Sandbox {
    /// An empty folder.
    pub fn new() -> Self {
        let root = tempfile::Builder::new().prefix("host-e2e-").tempdir().expect("a folder");
        let sandbox = Self { root };
        fs::create_dir_all(sandbox.path("plugins/dist")).expect("the folder of plugins");
        fs::create_dir(sandbox.path("home")).expect("a home");
        sandbox
    }

    /// A folder with the sample as `data` and `sma-flip` among its plugins.
    pub fn with_sample() -> Self {
        let sandbox = Self::new().with_plugin("sma-flip");
        sandbox.link(sample(), "data");
        sandbox
    }

    /// Adds a plugin.
    #[must_use]
    pub fn with_plugin(self, name: &str) -> Self {
        self.link(&plugin(name), &format!("plugins/dist/{name}.wasm"));
        self
    }

    /// The real market data as `data`; `None`, said aloud, where it is not there.
    pub fn with_real_data() -> Option<Self> {
        let data = repository().join("../shared/data");
        if !data.join("binance-usdm").is_dir() {
            crate::skip("there is no real market data in ../shared/data");
            return None;
        }
        let sandbox = Self::new().with_plugin("sma-flip").with_plugin("buy-and-hold");
        sandbox.link(&data, "data");
        Some(sandbox)
    }

    /// A path in the folder.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.path().join(relative)
    }

    /// Makes something outside appear in the folder.
    pub fn link(&self, target: &Path, relative: &str) {
        symlink(target, self.path(relative)).expect("a link");
    }

    /// Writes a file.
    pub fn write(&self, relative: &str, content: impl AsRef<[u8]>) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    /// Reads a text file.
    pub fn read(&self, relative: &str) -> String {
        fs::read_to_string(self.path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
    }

    /// Reads a file.
    pub fn bytes(&self, relative: &str) -> Vec<u8> {
        fs::read(self.path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
    }

    /// The `summary.json` in a run folder.
    pub fn summary(&self, run: &str) -> serde_json::Value {
        serde_json::from_str(&self.read(&format!("{run}/summary.json"))).expect("summary.json")
    }

    /// `host` with the words of `arguments`, to be run in the folder.
    pub fn command(&self, arguments: &str) -> Command {
        self.command_of(host_binary(), arguments)
    }

    /// As [`Self::command`], with another binary.
    pub fn command_of(&self, binary: &Path, arguments: &str) -> Command {
        let mut command = Command::new(binary);
        command
            .args(arguments.split_whitespace())
            .current_dir(self.root.path())
            .env("HOME", self.path("home"))
            .env_remove("XDG_CACHE_HOME")
            .env_remove("XDG_DATA_HOME")
            .env_remove("CRYPTOBOT_ACCEPTED")
            .env_remove("RUST_BACKTRACE");
        command
    }

    /// Runs `host` with the words of `arguments`.
    pub fn host(&self, arguments: &str) -> Ran {
        run_to_end(start(&mut self.command(arguments)))
    }
}
