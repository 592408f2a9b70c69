//! A new plugin project: small, complete, and independent of this repository.

use std::fs;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::backend::{SCRIPT_EXTENSION, is_script};

/// The SDK as it was when this binary was built: path in the repository and text.
const SDK_FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sdk_files.rs"));

/// Files of a new project in Rust; `{name}`, `{crate}` and `{sdk}` are filled in.
const RUST_FILES: [(&str, &str); 4] = [
    ("Cargo.toml", include_str!("../templates/rust/Cargo.toml.template")),
    ("src/lib.rs", include_str!("../templates/rust/lib.rs.template")),
    ("README.md", include_str!("../templates/rust/README.md.template")),
    (".gitignore", include_str!("../templates/rust/gitignore.template")),
];

/// A new script; `{name}` is filled in.
const RHAI_FILE: &str = include_str!("../templates/rhai/script.rhai.template");

/// Longest name of a plugin.
const MAX_NAME_BYTES: usize = 64;

/// The language of a new plugin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// Rust with the SDK's macro.
    #[default]
    Rust,
    /// A Rhai script: one file, nothing to build.
    Rhai,
}

/// A project that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewProject {
    /// Its folder.
    pub dir: PathBuf,
    /// Its files, relative to the folder, without those of the SDK.
    pub files: Vec<PathBuf>,
}

/// Why no project was written.
#[derive(Debug, Error)]
pub enum NewError {
    /// The name cannot be that of a package.
    #[error(
        "`{0}` is no name for a plugin: small letters, digits and `-`, beginning with a letter, \
         at most {MAX_NAME_BYTES}"
    )]
    Name(String),
    /// Something is there already.
    #[error("{} exists already; choose another name or remove it", .0.display())]
    Exists(PathBuf),
    /// The given SDK is none.
    #[error("{} is not the plugin SDK: it has no Cargo.toml of the package `cryptobot-sdk`", .0.display())]
    Sdk(PathBuf),
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Writes a new plugin project into `dir`, whose last part is its name.
///
/// `sdk` is the folder of an SDK crate to use; without one the SDK's sources are written into the project, which
/// then needs nothing but the package registry.
///
/// In Rhai the project is one file, `NAME.rhai` beside where the folder would have been.
pub fn new(dir: &Path, language: Language, sdk: Option<&Path>) -> Result<NewProject, NewError> {
    if language == Language::Rhai {
        return new_script(dir);
    }
    let name = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !is_package_name(&name) {
        return Err(NewError::Name(if name.is_empty() { dir.display().to_string() } else { name }));
    }
    if dir.exists() {
        return Err(NewError::Exists(dir.to_owned()));
    }
    let sdk_path = match sdk {
        Some(path) => sdk_crate(path)?,
        None => "sdk/sdk/rust".to_owned(),
    };
    if sdk.is_none() {
        write_sdk(&dir.join("sdk"))?;
    }
    for (file, template) in RUST_FILES {
        let text = template
            .replace("{name}", &name)
            .replace("{crate}", &name.replace('-', "_"))
            .replace("{sdk}", &sdk_path);
        write(&dir.join(file), &text)?;
    }
    let files = RUST_FILES.iter().map(|(file, _)| PathBuf::from(file)).collect();
    Ok(NewProject { dir: dir.to_owned(), files })
}

/// Writes a new script. `path` is its name, with or without the extension.
fn new_script(path: &Path) -> Result<NewProject, NewError> {
    let path = if is_script(path) { path.to_owned() } else { path.with_added_extension(SCRIPT_EXTENSION) };
    let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !is_package_name(&name) {
        return Err(NewError::Name(if name.is_empty() { path.display().to_string() } else { name }));
    }
    if path.exists() {
        return Err(NewError::Exists(path));
    }
    write(&path, &RHAI_FILE.replace("{name}", &name))?;
    let file = PathBuf::from(path.file_name().unwrap_or_default());
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(NewProject { dir: dir.to_owned(), files: vec![file] })
}

fn is_package_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    // A package must not be named like a crate that the compiler brings along.
    let reserved = ["core", "std", "alloc", "test", "proc-macro"].contains(&name);
    !reserved
        && name.len() <= MAX_NAME_BYTES
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(allowed)
}

/// The absolute path of an SDK crate, as a TOML string without its quotes.
fn sdk_crate(path: &Path) -> Result<String, NewError> {
    let no_sdk = || NewError::Sdk(path.to_owned());
    let manifest = fs::read_to_string(path.join("Cargo.toml")).map_err(|_| no_sdk())?;
    if !manifest.contains("name = \"cryptobot-sdk\"") {
        return Err(no_sdk());
    }
    let path = fs::canonicalize(path).map_err(|_| no_sdk())?;
    Ok(path.display().to_string().replace('\\', "\\\\").replace('"', "\\\""))
}

/// Writes the SDK with the layout of the repository, so that its relative paths hold, as a workspace of its own.
fn write_sdk(dir: &Path) -> Result<(), NewError> {
    for (file, text) in SDK_FILES {
        let path = dir.join(file);
        if *file == "Cargo.toml" {
            write(&path, &sdk_workspace(text))?;
        } else {
            write(&path, text)?;
        }
    }
    Ok(())
}

/// The repository's root manifest for the SDK alone: its two members and no build profiles, which only count at
/// the root of a build. Versions of dependencies and lints stay.
fn sdk_workspace(root: &str) -> String {
    let without_profiles = root.split_once("\n[profile.").map_or(root, |(before, _)| before);
    let (before, rest) = without_profiles.split_once("members = [").unwrap_or((without_profiles, ""));
    let after = rest.split_once(']').map_or(rest, |(_, after)| after);
    format!("{before}members = [\"host/indicators\", \"sdk/rust\"]{after}\n")
}

fn write(path: &Path, text: &str) -> Result<(), NewError> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(path, text))
        .map_err(|source| NewError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cargo_would_refuse_are_refused() {
        for name in ["my-strategy", "a", "sma2"] {
            assert!(is_package_name(name), "{name}");
        }
        for name in ["", "2fast", "My", "a b", "a/b", "std", "-x", "ä", "..", &"x".repeat(65)] {
            assert!(!is_package_name(name), "{name}");
        }
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(new(&folder.path().join("Bad Name"), Language::Rust, None), Err(NewError::Name(_))));
        assert!(matches!(new(Path::new(".."), Language::Rust, None), Err(NewError::Name(_))));
    }

    #[test]
    fn what_exists_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("mine");
        fs::create_dir(&dir).unwrap();
        assert!(matches!(new(&dir, Language::Rust, None), Err(NewError::Exists(_))));
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
    }

    #[test]
    fn the_sdk_is_a_workspace_of_its_own() {
        let (_, root) = SDK_FILES.iter().find(|(file, _)| *file == "Cargo.toml").unwrap();
        let workspace = sdk_workspace(root);
        assert!(workspace.contains("members = [\"host/indicators\", \"sdk/rust\"]\n"), "{workspace}");
        assert!(workspace.contains("[workspace.dependencies]") && workspace.contains("[workspace.lints"));
        assert!(!workspace.contains("[profile.") && !workspace.contains("host/model\","));
    }

    #[test]
    fn a_wrong_sdk_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = new(&folder.path().join("mine"), Language::Rust, Some(folder.path()));
        assert!(matches!(refused, Err(NewError::Sdk(_))));
        assert!(!folder.path().join("mine").exists());
    }
}
