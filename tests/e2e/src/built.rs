//! What is built once: the binary, the plugins and the sample.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};

/// The root of the repository.
pub fn repository() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the repository")
}

/// A folder for what these tests keep between their runs, inside cargo's target folder.
pub fn scratch() -> PathBuf {
    let folder = target().join("tmp").join("e2e");
    fs::create_dir_all(&folder).expect("the scratch folder");
    folder
}

/// Cargo's target folder: this program lies in `TARGET/PROFILE/deps`.
fn target() -> PathBuf {
    let program = std::env::current_exe().expect("the path of this program");
    program.ancestors().nth(3).expect("a target folder").to_owned()
}

/// The `host` binary, built in the profile of these tests.
pub fn host_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| build_host(if cfg!(debug_assertions) { "dev" } else { "release" }))
}

/// The `host` binary in the release profile.
pub fn built_release() -> PathBuf {
    build_host("release")
}

/// Builds `host` in a profile and takes the path of the executable from what cargo says.
fn build_host(profile: &str) -> PathBuf {
    let output = cargo()
        .args(["build", "--package", "host", "--bin", "host", "--profile", profile])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "host does not build");
    let messages = String::from_utf8(output.stdout).expect("messages of cargo");
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "host")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("cargo names the executable")
}

/// Cargo in the repository, as the tests were built.
fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(repository()).arg("--quiet").env("CARGO_TARGET_DIR", target());
    cargo
}

/// The component of a plugin, built once by `host plugin build`. Those of these tests are in `tests/e2e/plugins`.
pub fn plugin(name: &str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let host = host_binary();
    let mut built = BUILT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(path) = built.get(name) {
        return path.clone();
    }
    let own = repository().join("tests/e2e/plugins").join(name);
    let source = if own.is_dir() { own } else { repository().join("plugins").join(name) };
    let out = scratch().join("plugins");
    let output = Command::new(host)
        .args(["plugin", "build"])
        .arg(source)
        .arg("--out")
        .arg(&out)
        .env("CARGO_TARGET_DIR", target())
        .output()
        .expect("host runs");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("what host prints");
    let path = PathBuf::from(printed.split("  ").next().expect("the path of the component"));
    built.insert(name.to_owned(), path.clone());
    path
}

/// The catalog with the bundled sample, made by `host data generate`, which finds its own work of earlier times.
pub fn sample() -> &'static Path {
    static SAMPLE: OnceLock<PathBuf> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let root = scratch().join("data");
        let status = Command::new(host_binary())
            .args(["data", "generate", "--out"])
            .arg(&root)
            .stdout(Stdio::null())
            .status()
            .expect("host runs");
        assert!(status.success(), "the sample cannot be made");
        root
    })
}
