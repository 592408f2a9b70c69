//! Where plugins and their compiled forms are.

use std::env;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::backend::SCRIPT_EXTENSION;

/// Folder name of this product below the user's data and cache folders.
const PRODUCT: &str = "cryptobot-pro";

/// Extensions of plugin files.
const EXTENSIONS: [&str; 2] = ["wasm", SCRIPT_EXTENSION];

/// Why a plugin was not found.
#[derive(Debug, Error)]
pub enum ResolveError {
    /// The path leads nowhere.
    #[error("there is no plugin {}", .0.display())]
    NoFile(PathBuf),
    /// The path is that of a folder.
    #[error(
        "{folder} is a folder; build it with `host plugin build {folder}` and give the .wasm file, or give a .rhai script",
        folder = .0.display()
    )]
    Folder(PathBuf),
    /// No folder has a plugin of that name.
    #[error("there is no plugin `{name}`; looked for {looked}", looked = list(looked))]
    NoPlugin {
        /// The name.
        name: String,
        /// The files that would have been it.
        looked: Vec<PathBuf>,
    },
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// The file of a plugin: a path, or a bare name that is looked up as `NAME.wasm` and `NAME.rhai` in `folders`, in their
/// order.
pub fn resolve(name_or_path: &str, folders: &[PathBuf]) -> Result<PathBuf, ResolveError> {
    let path = Path::new(name_or_path);
    if path.is_file() {
        return Ok(path.to_owned());
    }
    let named_file =
        path.extension().is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known));
    let bare = path.components().count() == 1 && !named_file;
    if bare {
        let looked: Vec<PathBuf> = folders
            .iter()
            .flat_map(|folder| EXTENSIONS.map(|kind| folder.join(format!("{name_or_path}.{kind}"))))
            .collect();
        if let Some(found) = looked.iter().find(|file| file.is_file()) {
            return Ok(found.clone());
        }
        if !path.is_dir() {
            return Err(ResolveError::NoPlugin { name: name_or_path.to_owned(), looked });
        }
    }
    Err(if path.is_dir() {
        ResolveError::Folder(path.to_owned())
    } else {
        ResolveError::NoFile(path.to_owned())
    })
}

/// Folders of plugins: the repository's build products, then the user's own plugins.
pub fn plugin_folders() -> Vec<PathBuf> {
    let mut folders = vec![Path::new("plugins").join("dist")];
    folders.extend(data_folder().map(|data| data.join("plugins")));
    folders
}

/// Folder of compiled plugins; `None` where the user has no home folder.
pub fn cache_folder() -> Option<PathBuf> {
    user_folder("XDG_CACHE_HOME", ".cache").map(|cache| cache.join("compiled"))
}

/// Folder of what the user keeps; `None` where the user has no home folder.
pub(crate) fn data_folder() -> Option<PathBuf> {
    user_folder("XDG_DATA_HOME", ".local/share")
}

/// As the XDG base directory specification has it: the variable where it is an absolute path, else below the home.
fn user_folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute(variable).or_else(|| Some(absolute("HOME")?.join(below_home)))?;
    Some(base.join(PRODUCT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_up_and_paths_are_taken_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trend.wasm");
        std::fs::write(&file, b"").unwrap();
        let folders = [folder.path().join("none"), folder.path().to_owned()];
        assert_eq!(resolve("trend", &folders).unwrap(), file);
        assert_eq!(resolve(file.to_str().unwrap(), &[]).unwrap(), file);
        let script = folders[1].join("ema.rhai");
        std::fs::write(&script, b"").unwrap();
        assert_eq!(resolve("ema", &folders).unwrap(), script);
        assert_eq!(resolve("ema.rhai", &folders).unwrap_err().to_string(), "there is no plugin ema.rhai");
        let missing = resolve("trnd", &folders).unwrap_err().to_string();
        assert!(missing.contains("no plugin `trnd`") && missing.contains("none/trnd.wasm"), "{missing}");
        let missing = resolve("a/trend.wasm", &folders).unwrap_err().to_string();
        assert_eq!(missing, "there is no plugin a/trend.wasm");
        let named_folder = resolve(folder.path().to_str().unwrap(), &folders).unwrap_err().to_string();
        assert!(named_folder.contains("host plugin build"), "{named_folder}");
    }
}
