//! What the user has accepted that each plugin may do, kept between runs.
//!
//! A plugin is known by the name in its manifest. The first declaration of a name is taken over when it is used; a later
//! one that asks for more is refused until it is accepted. One file per name, so that several runs at once do not wait
//! for each other.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cryptobot_model::Declaration;
use thiserror::Error;

use crate::backend::{PluginFile, SCRIPT_EXTENSION};
use crate::find::data_folder;

/// Environment variable that names another folder.
pub const VARIABLE: &str = "CRYPTOBOT_ACCEPTED";

/// A folder of accepted declarations.
#[derive(Clone, Debug)]
pub struct Accepted {
    dir: PathBuf,
}

/// How a declaration compares with what was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing was accepted under this name yet.
    New,
    /// It asks for no more.
    Within,
    /// It asks for more, one item each.
    Beyond(Vec<String>),
}

/// Why accepted declarations cannot be read or written.
#[derive(Debug, Error)]
pub enum AcceptedError {
    /// A file cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is damaged.
    #[error("{} is damaged; remove it or accept the plugin again", .0.display())]
    Damaged(PathBuf),
}

impl Accepted {
    /// The user's own folder: `$CRYPTOBOT_ACCEPTED`, else `accepted` in the user's data folder; `None` where the user has
    /// no home.
    pub fn of_user() -> Option<Self> {
        let named = env::var_os(VARIABLE).filter(|dir| !dir.is_empty()).map(PathBuf::from);
        named.or_else(|| Some(data_folder()?.join("accepted"))).map(Self::at)
    }

    /// Another folder, which need not exist.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Compares a declaration with what was accepted under this name.
    pub fn standing(&self, plugin: &str, declaration: &Declaration) -> Result<Standing, AcceptedError> {
        let path = self.path(plugin);
        let json = match fs::read(&path) {
            Ok(json) => json,
            Err(error) if is_absent(&error) => return Ok(Standing::New),
            Err(source) => return Err(AcceptedError::Io { path, source }),
        };
        let accepted = record(&json).ok_or(AcceptedError::Damaged(path))?;
        let more = declaration.beyond(&accepted);
        Ok(if more.is_empty() { Standing::Within } else { Standing::Beyond(more) })
    }

    /// Accepts a declaration in place of what was accepted before.
    pub fn accept(&self, plugin: &str, declaration: &Declaration) -> Result<(), AcceptedError> {
        let path = self.path(plugin);
        let temporary = self.dir.join(format!(".{plugin}.{}", std::process::id()));
        let written = serde_json::to_vec_pretty(declaration)
            .map_err(io::Error::from)
            .and_then(|json| fs::create_dir_all(&self.dir).and_then(|()| fs::write(&temporary, json)))
            .and_then(|()| fs::rename(&temporary, &path));
        written.map_err(|source| AcceptedError::Io { path, source })
    }

    fn path(&self, plugin: &str) -> PathBuf {
        self.dir.join(format!("{plugin}.json"))
    }
}

/// The declaration of a record exactly as [`Accepted::accept`] writes it: what left a key out would accept the key's
/// default, which nobody did.
fn record(json: &[u8]) -> Option<Declaration> {
    let written: serde_json::Value = serde_json::from_slice(json).ok()?;
    let declaration = serde_json::from_value(written.clone()).ok()?;
    (serde_json::to_value(&declaration).ok()? == written).then_some(declaration)
}

/// Whether there is no such file; what keeps one from being made there is said when it is.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The name under which a plugin's declaration is accepted: that of its manifest, else of its file, which for a script has
/// its extension.
pub fn plugin_name(file: &PluginFile, path: &Path) -> String {
    if let Some(manifest) = file.manifest() {
        return manifest.plugin.clone();
    }
    let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    let letter = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    let name: String = stem.chars().take(64).map(letter).collect();
    match file {
        PluginFile::Component(_) => name,
        PluginFile::Script(_) => format!("{name}.{SCRIPT_EXTENSION}"),
    }
}

#[cfg(test)]
mod tests {
    use cryptobot_model::Capability;

    use super::*;

    fn declaring(interfaces: &[Capability]) -> Declaration {
        Declaration::of_imports(interfaces.iter().copied().collect())
    }

    #[test]
    fn more_than_accepted_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let accepted = Accepted::at(folder.path().join("accepted"));
        let (narrow, wide) =
            (declaring(&[Capability::Orders]), declaring(&[Capability::Orders, Capability::Random]));
        assert_eq!(accepted.standing("a", &narrow).unwrap(), Standing::New);
        accepted.accept("a", &narrow).unwrap();
        assert_eq!(accepted.standing("a", &narrow).unwrap(), Standing::Within);
        let more = vec!["interface random".to_owned()];
        assert_eq!(accepted.standing("a", &wide).unwrap(), Standing::Beyond(more));
        assert_eq!(accepted.standing("b", &wide).unwrap(), Standing::New, "names stand for themselves");
        accepted.accept("a", &wide).unwrap();
        assert_eq!(accepted.standing("a", &narrow).unwrap(), Standing::Within);
        assert_eq!(fs::read_dir(folder.path().join("accepted")).unwrap().count(), 1, "nothing is left over");
    }

    #[test]
    fn a_damaged_file_is_no_acceptance() {
        let folder = tempfile::tempdir().unwrap();
        let accepted = Accepted::at(folder.path());
        for damaged in ["", "{", "{}", "{\"interfaces\": [\"everything\"]}", "[]"] {
            fs::write(folder.path().join("a.json"), damaged).unwrap();
            let error = accepted.standing("a", &Declaration::default()).unwrap_err().to_string();
            assert!(error.contains("a.json is damaged"), "{error}");
        }
        accepted.accept("a", &Declaration::default()).unwrap();
        assert_eq!(accepted.standing("a", &Declaration::default()).unwrap(), Standing::Within);
    }
}
