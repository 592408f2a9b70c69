//! Earlier versions of a plugin file, and the way back to them.
//!
//! They lie beside the file, in `.versions/FILE/`: one file per version, named by its SHA-256, and `order`, a line per
//! version in the order of their first appearance. Everything is written under another name and renamed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cryptobot_wasm::sha256;
use thiserror::Error;

/// Versions that are kept of one file.
const KEPT: usize = 10;

/// A file that is an earlier version of itself again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolledBack {
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of what it was.
    pub from: String,
    /// SHA-256 of what it is now.
    pub to: String,
    /// Versions that are kept from before that one.
    pub earlier: usize,
}

/// Why there is no way back.
#[derive(Debug, Error)]
pub enum RollbackError {
    /// Nothing older is kept.
    #[error(
        "{}: no earlier version is kept; `host plugin build` keeps what it replaces, and a watched file what was loaded",
        .0.display()
    )]
    NoEarlier(PathBuf),
    /// What is kept is not what it was.
    #[error("{}: the kept version {sha256} is damaged; build or download it again", path.display())]
    Damaged {
        /// The plugin file.
        path: PathBuf,
        /// What it should be.
        sha256: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Keeps the contents that a plugin file has or gets. One that is known already keeps its place in the order.
///
/// # Errors
/// What the system says; the plugin file itself is not touched.
pub fn keep(file: &Path, contents: &[u8]) -> io::Result<()> {
    let (folder, sha256) = (folder(file), sha256(contents));
    let mut order = order(&folder)?;
    let kept = folder.join(&sha256);
    if order.contains(&sha256) && kept.is_file() {
        return Ok(());
    }
    fs::create_dir_all(&folder)?;
    replace(&kept, contents)?;
    order.retain(|known| *known != sha256);
    order.push(sha256);
    let surplus = order.len().saturating_sub(KEPT);
    for oldest in order.drain(..surplus) {
        // One that is gone already needs no removal.
        let _ = fs::remove_file(folder.join(oldest));
    }
    replace(&folder.join("order"), (order.join("\n") + "\n").as_bytes())
}

/// Puts the version back that came before the present one.
pub fn rollback(file: &Path) -> Result<RolledBack, RollbackError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| RollbackError::Io { path, source }
    };
    let present = fs::read(file).map_err(at(file))?;
    // Kept before it is replaced, so that the way forth is open too.
    keep(file, &present).map_err(at(file))?;
    let (folder, from) = (folder(file), sha256(&present));
    let order = order(&folder).map_err(at(&folder))?;
    let earlier = order.iter().position(|known| *known == from).unwrap_or_default().checked_sub(1);
    let Some((earlier, to)) = earlier.and_then(|place| Some((place, order.get(place)?))) else {
        return Err(RollbackError::NoEarlier(file.to_owned()));
    };
    let kept = folder.join(to);
    let contents = fs::read(&kept).map_err(at(&kept))?;
    if sha256(&contents) != *to {
        return Err(RollbackError::Damaged { path: file.to_owned(), sha256: to.clone() });
    }
    replace(file, &contents).map_err(at(file))?;
    Ok(RolledBack { path: file.to_owned(), from, to: to.clone(), earlier })
}

fn folder(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default();
    file.with_file_name(".versions").join(name)
}

fn order(folder: &Path) -> io::Result<Vec<String>> {
    match fs::read_to_string(folder.join("order")) {
        Ok(text) => Ok(text.lines().filter(|line| is_sha256(line)).map(str::to_owned).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The lines name files: nothing else may.
fn is_sha256(line: &str) -> bool {
    line.len() == 64 && line.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Writes a file so that a reader sees the old contents or the new ones, never half of them.
pub(crate) fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}", std::process::id()));
    fs::write(&temporary, contents).and_then(|()| fs::rename(&temporary, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_is_step_by_step_and_the_way_forth_stays_open() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trend.wasm");
        for version in ["one", "two", "three"] {
            fs::write(&file, version).unwrap();
            keep(&file, version.as_bytes()).unwrap();
        }
        let back = rollback(&file).unwrap();
        assert_eq!(
            (fs::read_to_string(&file).unwrap().as_str(), &back.from, back.earlier),
            ("two", &sha256(b"three"), 1)
        );
        // Loaded again by whoever watches: that is no new version.
        keep(&file, b"two").unwrap();
        assert_eq!(rollback(&file).unwrap().to, sha256(b"one"));
        let error = rollback(&file).unwrap_err().to_string();
        assert!(error.contains("no earlier version is kept"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "one");

        // What was never kept is kept before it goes.
        fs::write(&file, "four").unwrap();
        assert_eq!(rollback(&file).unwrap().to, sha256(b"three"));
        assert!(folder.path().join(".versions/trend.wasm").join(sha256(b"four")).is_file());
    }

    #[test]
    fn a_damaged_version_is_not_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trend.wasm");
        fs::write(&file, "two").unwrap();
        keep(&file, b"one").unwrap();
        fs::write(folder.path().join(".versions/trend.wasm").join(sha256(b"one")), "0ne").unwrap();
        assert!(matches!(rollback(&file), Err(RollbackError::Damaged { .. })));
        assert_eq!(fs::read_to_string(&file).unwrap(), "two");
    }

    #[test]
    fn the_newest_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trend.wasm");
        for version in 0..KEPT + 5 {
            keep(&file, version.to_string().as_bytes()).unwrap();
        }
        let kept = fs::read_dir(folder.path().join(".versions/trend.wasm")).unwrap().count();
        assert_eq!(kept, KEPT + 1, "the versions and their order");
    }
}
