//! From the sources of a Rust plugin to a component.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cryptobot_model::{Capability, Declaration, Manifest};
use cryptobot_wasm::{LoadError, PluginFile};
use serde::Deserialize;
use thiserror::Error;
use wit_component::ComponentEncoder;

use crate::kept::{keep, replace};
use crate::manifest;
use crate::toolchain::{GetTarget, INSTALL_RUST, TARGET, has_target};

/// A plugin that was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltPlugin {
    /// Name of the package, and of the file without its extension.
    pub name: String,
    /// The component.
    pub path: PathBuf,
    /// Its size.
    pub size_bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
    /// What its author should know, one sentence each.
    pub notes: Vec<String>,
}

/// Why a plugin was not built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The folder is no Rust project.
    #[error("{} has no Cargo.toml; give the folder of a plugin (`host plugin new NAME` makes one)", .0.display())]
    NoManifest(PathBuf),
    /// `cargo` or `rustc` does not run.
    #[error(
        "cannot run `{program}` ({source}); install Rust with `{INSTALL_RUST}`, then open a new shell \
         (`host doctor` shows what else is missing)"
    )]
    NoToolchain {
        /// The program.
        program: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// The target's standard library is not installed.
    #[error("the compiler target {TARGET} is missing; {0}")]
    NoTarget(GetTarget),
    /// The manifest does not describe a plugin.
    #[error("{} cannot be read by cargo: {reason}", manifest.display())]
    Manifest {
        /// The manifest.
        manifest: PathBuf,
        /// Cargo's words.
        reason: String,
    },
    /// The manifest is that of a workspace without a package.
    #[error("{} is a workspace, not a package; give the folder of one plugin", .0.display())]
    Workspace(PathBuf),
    /// The package makes no library that can become a plugin.
    #[error("package `{0}` is no plugin: its Cargo.toml needs `[lib] crate-type = [\"cdylib\"]`")]
    NotCdylib(String),
    /// The compiler found errors, and has shown them.
    #[error("package `{0}` does not compile; cargo's messages are above")]
    Compile(String),
    /// The module does not describe a component.
    #[error("package `{name}` does not make a component ({reason}); does it use the plugin SDK?")]
    Component {
        /// The package.
        name: String,
        /// The encoder's words.
        reason: String,
    },
    /// What the project declares makes no sense.
    #[error("{}: [{}]: {problem}", manifest.display(), manifest::TABLE)]
    Declaration {
        /// The project's manifest.
        manifest: PathBuf,
        /// The field and what is wrong with it.
        problem: String,
    },
    /// It uses interfaces that it does not declare.
    #[error(
        "package `{name}` uses {}, which it does not declare; write {} below [{}] in {}",
        listed(undeclared), manifest::interfaces_line(needed), manifest::TABLE, manifest.display()
    )]
    Undeclared {
        /// The package.
        name: String,
        /// What it uses and does not declare.
        undeclared: BTreeSet<Capability>,
        /// All that has to be declared.
        needed: BTreeSet<Capability>,
        /// The project's manifest.
        manifest: PathBuf,
    },
    /// A component, but not one that the host would load.
    #[error("package `{name}` makes no plugin: {source}")]
    Refused {
        /// The package.
        name: String,
        /// The loader's words.
        source: LoadError,
    },
    /// A file cannot be read or written.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

fn listed(interfaces: &BTreeSet<Capability>) -> String {
    interfaces.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
    /// `[package.metadata]`.
    #[serde(default)]
    metadata: serde_json::Value,
}

#[derive(Deserialize)]
struct Target {
    crate_types: Vec<String>,
}

impl Target {
    fn is_cdylib(&self) -> bool {
        self.crate_types.iter().any(|crate_type| crate_type == "cdylib")
    }
}

/// A line of cargo's `--message-format json`.
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Message {
    CompilerArtifact {
        package_id: String,
        target: Target,
        filenames: Vec<PathBuf>,
    },
    #[serde(other)]
    Other,
}

/// Compiles the Rust package in `dir` and writes the component as `OUT_DIR/PACKAGE.wasm`.
///
/// What the table `[package.metadata.cryptobot]` declares becomes the component's manifest; the component may import
/// no more than that. Cargo's messages go to standard error. The profile is `plugin` where the workspace declares one, else `release`.
pub fn build(dir: &Path, out_dir: &Path) -> Result<BuiltPlugin, BuildError> {
    let manifest = dir.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(BuildError::NoManifest(dir.to_owned()));
    }
    let metadata = metadata(dir, &manifest)?;
    let package = package(&metadata, &manifest)?;
    let declared = declared(package, &manifest)?;
    let no_compiler = |source| BuildError::NoToolchain { program: "rustc", source };
    if !has_target(dir).map_err(no_compiler)? {
        return Err(BuildError::NoTarget(GetTarget::here()));
    }
    let module = compile(dir, &manifest, &metadata, package)?;
    let mut component = encode(&package.name, &module)?;
    let notes = describe(&mut component, package, declared, &manifest)?;
    write(out_dir, &package.name, &component, notes)
}

/// What the project declares; `None` where it has no such table.
fn declared(package: &Package, manifest: &Path) -> Result<Option<Declaration>, BuildError> {
    let table = package.metadata.get(manifest::KEY);
    table
        .map(manifest::declaration)
        .transpose()
        .map_err(|problem| BuildError::Declaration { manifest: manifest.to_owned(), problem })
}

/// Checks the component's imports against the declaration and adds it as manifest. Returns notes.
fn describe(
    component: &mut Vec<u8>,
    package: &Package,
    declared: Option<Declaration>,
    path: &Path,
) -> Result<Vec<String>, BuildError> {
    let refused = |source| BuildError::Refused { name: package.name.clone(), source };
    let used = PluginFile::parse(component.clone()).map_err(refused)?.capabilities();
    let Some(declaration) = declared else {
        let line = manifest::interfaces_line(&used);
        return Ok(vec![format!(
            "it has no manifest, so that it cannot trade live; add [{}] with {line} to {}",
            manifest::TABLE,
            path.display()
        )]);
    };
    let undeclared: BTreeSet<Capability> = used.difference(&declaration.interfaces).copied().collect();
    if !undeclared.is_empty() {
        return Err(BuildError::Undeclared {
            name: package.name.clone(),
            undeclared,
            needed: used.union(&declaration.interfaces).copied().collect(),
            manifest: path.to_owned(),
        });
    }
    let unused: BTreeSet<Capability> = declaration.interfaces.difference(&used).copied().collect();
    let unused = (!unused.is_empty()).then(|| {
        format!("it declares {} and does not use it; users are asked for less without", listed(&unused))
    });
    let manifest = Manifest {
        format: Manifest::FORMAT,
        plugin: package.name.clone(),
        version: package.version.clone(),
        declares: declaration,
    };
    let unfit = |problem| BuildError::Declaration { manifest: path.to_owned(), problem };
    if let Some((field, problem)) = manifest.problem() {
        return Err(unfit(format!("{field} {problem}")));
    }
    manifest::embed(component, &manifest).map_err(|error| unfit(error.to_string()))?;
    // What is written must be what the host reads.
    PluginFile::parse(component.clone()).map_err(refused)?;
    Ok(unused.into_iter().collect())
}

fn metadata(dir: &Path, manifest: &Path) -> Result<Metadata, BuildError> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps", "--manifest-path", "Cargo.toml"])
        .current_dir(dir)
        .output()
        .map_err(|source| BuildError::NoToolchain { program: "cargo", source })?;
    let unreadable = |reason: String| BuildError::Manifest { manifest: manifest.to_owned(), reason };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(unreadable(said.lines().map(str::trim).collect::<Vec<_>>().join(" ")));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| unreadable(error.to_string()))
}

/// The package of exactly this manifest: a workspace's metadata lists all of its members.
fn package<'a>(metadata: &'a Metadata, manifest: &Path) -> Result<&'a Package, BuildError> {
    let same = |path: &Path| fs::canonicalize(path).ok() == fs::canonicalize(manifest).ok();
    let package = metadata
        .packages
        .iter()
        .find(|package| same(&package.manifest_path))
        .ok_or_else(|| BuildError::Workspace(manifest.to_owned()))?;
    if package.targets.iter().any(Target::is_cdylib) {
        Ok(package)
    } else {
        Err(BuildError::NotCdylib(package.name.clone()))
    }
}

/// Runs cargo and returns the core module. Nothing but the module is made, whatever kinds of library the package has
/// besides for its tests: beside a Rust library cargo would not optimise across crates.
fn compile(
    dir: &Path,
    manifest: &Path,
    metadata: &Metadata,
    package: &Package,
) -> Result<Vec<u8>, BuildError> {
    let output = Command::new("cargo")
        .args(["rustc", "--lib", "--crate-type", "cdylib", "--target", TARGET])
        .args(["--profile", profile(metadata)])
        .args(["--message-format", "json-render-diagnostics", "--manifest-path", "Cargo.toml"])
        .current_dir(dir)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| BuildError::NoToolchain { program: "cargo", source })?;
    if !output.status.success() {
        return Err(BuildError::Compile(package.name.clone()));
    }
    let module = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter_map(|message| match message {
            Message::CompilerArtifact { package_id, target, filenames }
                if package_id == package.id && target.is_cdylib() =>
            {
                filenames
                    .into_iter()
                    .find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
            }
            _ => None,
        })
        .next_back()
        .ok_or_else(|| BuildError::Manifest {
            manifest: manifest.to_owned(),
            reason: "cargo made no .wasm file".to_owned(),
        })?;
    fs::read(&module).map_err(|source| BuildError::Io { path: module, source })
}

fn profile(metadata: &Metadata) -> &'static str {
    let manifest = fs::read_to_string(metadata.workspace_root.join("Cargo.toml")).unwrap_or_default();
    let declared = manifest.lines().any(|line| line.trim() == "[profile.plugin]");
    if declared { "plugin" } else { "release" }
}

/// Wraps the core module as a component. Of the interfaces of its world only those remain that it uses.
fn encode(name: &str, module: &[u8]) -> Result<Vec<u8>, BuildError> {
    ComponentEncoder::default().validate(true).module(module).and_then(ComponentEncoder::encode).map_err(
        |error| BuildError::Component {
            name: name.to_owned(),
            reason: error.root_cause().to_string().lines().next().unwrap_or_default().to_owned(),
        },
    )
}

/// Writes the component so that a reader sees the old file or the new one, never half of one. What it replaces is kept
/// for `host plugin rollback`.
fn write(
    out_dir: &Path,
    name: &str,
    component: &[u8],
    notes: Vec<String>,
) -> Result<BuiltPlugin, BuildError> {
    let path = out_dir.join(format!("{name}.wasm"));
    let replaced = fs::read(&path).ok().filter(|replaced| replaced != component);
    fs::create_dir_all(out_dir)
        .and_then(|()| replaced.map_or(Ok(()), |replaced| keep(&path, &replaced)))
        .and_then(|()| replace(&path, component))
        .map_err(|source| BuildError::Io { path: path.clone(), source })?;
    let sha256 = cryptobot_wasm::sha256(component);
    Ok(BuiltPlugin { name: name.to_owned(), path, size_bytes: component.len() as u64, sha256, notes })
}
