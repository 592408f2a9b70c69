//! What it takes to build a plugin, and how to get what is missing.

use std::fmt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The compiler target of plugins: no operating system, so that nothing of one can be imported.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// Installs Rust with its toolchain manager.
pub const INSTALL_RUST: &str = "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh";
/// Oldest compiler that the SDK builds with, as `1.95`.
pub const RUST_VERSION: &str = env!("CARGO_PKG_RUST_VERSION");

/// How the compiler target is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GetTarget {
    /// By the toolchain manager.
    Rustup,
    /// The compiler came another way, for example from a distribution, which may not have the target.
    WithoutRustup,
}

impl GetTarget {
    /// The way on this machine.
    pub fn here() -> Self {
        if version("rustup", Path::new(".")).is_some() { Self::Rustup } else { Self::WithoutRustup }
    }
}

/// The fix as a clause: `install it with ...`.
impl fmt::Display for GetTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rustup => write!(f, "install it with `rustup target add {TARGET}`"),
            Self::WithoutRustup => write!(
                f,
                "this Rust was not installed by rustup; install one that has it with `{INSTALL_RUST}` and \
                 `rustup target add {TARGET}`"
            ),
        }
    }
}

/// What a program answers to `--version`, first line; `None` = it is not there or does not run.
pub fn version(program: &str, dir: &Path) -> Option<String> {
    let output = quiet(Command::new(program).arg("--version").current_dir(dir)).ok()?;
    let said = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| said.lines().next().unwrap_or_default().trim().to_owned())
}

/// Whether the toolchain that a folder uses has the standard library of the target; an error where no compiler runs.
pub fn has_target(dir: &Path) -> std::io::Result<bool> {
    let arguments = ["--print", "target-libdir", "--target", TARGET];
    let output = quiet(Command::new("rustc").args(arguments).current_dir(dir))?;
    Ok(output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

fn quiet(command: &mut Command) -> std::io::Result<Output> {
    command.stdin(Stdio::null()).output()
}

/// Whether a version as `rustc 1.95.0 (...)` names it is at least `least`, as `1.95`.
pub fn is_at_least(said: &str, least: &str) -> bool {
    let numbers = |text: &str| text.split('.').map_while(|part| part.parse::<u32>().ok()).collect::<Vec<_>>();
    let found = said.split_whitespace().map(numbers).find(|version| version.len() >= 2);
    found.is_some_and(|found| found >= numbers(least))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(is_at_least("rustc 1.95.0 (598076168 2026-01-01)", "1.95"));
        assert!(is_at_least("rustc 1.100.2", "1.95"));
        assert!(is_at_least("cargo 2.0.0", "1.95"));
        for old in ["rustc 1.94.9", "rustc 1.9.0", "rustc", "", "rustc x.y"] {
            assert!(!is_at_least(old, "1.95"), "{old}");
        }
    }

    #[test]
    fn what_is_missing_comes_with_its_command() {
        assert_eq!(version("no-such-program-anywhere", Path::new(".")), None);
        assert!(GetTarget::Rustup.to_string().contains("`rustup target add wasm32-unknown-unknown`"));
        let without = GetTarget::WithoutRustup.to_string();
        assert!(without.contains("not installed by rustup") && without.contains(INSTALL_RUST));
    }
}
