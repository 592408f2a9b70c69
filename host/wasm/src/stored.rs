//! What the folder of compiled plugins holds, and how it is emptied.
//!
//! Entries stay until somebody evicts them: those of another version of the host, of other settings or of another
//! processor are never read again.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cache::Cache;
use crate::runtime::{Runtime, RuntimeConfig, RuntimeError};

/// Hexadecimal digits of a component's SHA-256 and of an engine's hash in the name of an entry.
const COMPONENT_DIGITS: usize = 64;
const ENGINE_DIGITS: usize = 16;
/// A file that is still being written is younger than this.
const WRITING: Duration = Duration::from_hours(1);
/// Permission of others to write.
const OTHERS_WRITE: u32 = 0o022;

/// What is in the folder of compiled plugins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredPlugins {
    /// Entries that this host reads.
    pub current: Amount,
    /// Entries of other versions, settings or processors, and files whose writer died.
    pub stale: Amount,
    /// Permissions of the folder, for example `700`; `None` = there is no folder yet.
    pub mode: Option<u32>,
    /// Why the folder is not used, where it is not.
    pub problem: Option<String>,
}

/// Files and their size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Number of files.
    pub files: u64,
    /// Bytes of all.
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

/// Which entries are evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evict {
    /// Those that this host never reads.
    Stale,
    /// All.
    All,
}

/// Why the folder cannot be emptied.
#[derive(Debug, thiserror::Error)]
pub enum EvictError {
    /// The runtime cannot say which entries are its own.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The folder is not one to delete in.
    #[error("nothing was removed: {0}")]
    Folder(String),
    /// A file cannot be removed.
    #[error("cannot remove {}: {source}", path.display())]
    Remove {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Looks through the folder; makes and changes nothing.
pub fn stored_plugins(dir: &Path) -> Result<StoredPlugins, RuntimeError> {
    let mut stored = StoredPlugins::default();
    let Ok(metadata) = fs::symlink_metadata(dir) else { return Ok(stored) };
    stored.mode = Some(metadata.mode() & 0o777);
    stored.problem = problem(dir, &metadata);
    let own = own_tags()?;
    for entry in entries(dir) {
        let amount = if is_current(&entry.name, &own) { &mut stored.current } else { &mut stored.stale };
        amount.add(entry.bytes);
    }
    Ok(stored)
}

/// Removes entries; other files in the folder stay. A host that runs loads nothing from the folder any more.
pub fn evict_plugins(dir: &Path, which: Evict) -> Result<Amount, EvictError> {
    let mut removed = Amount::default();
    let Ok(metadata) = fs::symlink_metadata(dir) else { return Ok(removed) };
    if let Some(problem) = problem(dir, &metadata) {
        return Err(EvictError::Folder(problem));
    }
    let own = own_tags()?;
    for entry in entries(dir) {
        if which == Evict::All || !is_current(&entry.name, &own) {
            let path = dir.join(&entry.name);
            fs::remove_file(&path).map_err(|source| EvictError::Remove { path, source })?;
            removed.add(entry.bytes);
        }
    }
    Ok(removed)
}

fn problem(dir: &Path, metadata: &Metadata) -> Option<String> {
    let dir = dir.display();
    if !metadata.is_dir() {
        return Some(format!("{dir} is not a folder; remove it"));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Some(format!("{dir} belongs to another user; remove it"));
    }
    (metadata.mode() & OTHERS_WRITE != 0)
        .then(|| format!("{dir} may be written by others; run `chmod 700 {dir}`"))
}

/// The ends of names of entries that this host reads: with the usual settings and with the strict ones.
fn own_tags() -> Result<BTreeSet<String>, RuntimeError> {
    let tag = |strict| {
        let runtime = Runtime::new(&RuntimeConfig { strict, ..RuntimeConfig::default() })?;
        Ok(Cache::tag(runtime.engine()))
    };
    [false, true].into_iter().map(tag).collect()
}

struct Entry {
    name: String,
    bytes: u64,
}

/// The files that bear the name of an entry, or of one whose writer did not come to its end.
fn entries(dir: &Path) -> impl Iterator<Item = Entry> {
    fs::read_dir(dir).into_iter().flatten().flatten().filter_map(|entry| {
        let metadata = entry.metadata().ok().filter(Metadata::is_file)?;
        let name = entry.file_name().into_string().ok()?;
        let (entry, writer) =
            name.split_once('.').map_or((name.as_str(), None), |(entry, pid)| (entry, Some(pid)));
        let (component, engine) = entry.split_once('-')?;
        let digits =
            |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_entry = digits(component, COMPONENT_DIGITS) && digits(engine, ENGINE_DIGITS);
        let abandoned = |pid: &str| {
            let age = metadata.modified().ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
            pid.bytes().all(|byte| byte.is_ascii_digit()) && age > WRITING
        };
        (is_entry && writer.is_none_or(abandoned))
            .then(|| Entry { name: name.clone(), bytes: metadata.len() })
    })
}

fn is_current(name: &str, own: &BTreeSet<String>) -> bool {
    name.split_once('-').is_some_and(|(_, engine)| own.contains(engine))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
        let own = own_tags().unwrap();
        let component = "ab".repeat(32);
        for tag in &own {
            fs::write(folder.path().join(format!("{component}-{tag}")), b"12345").unwrap();
        }
        for other in [format!("{component}-0123456789abcdef"), format!("{component}-0123456789abcdef.17")] {
            fs::write(folder.path().join(other), b"123").unwrap();
        }
        for foreign in ["file-hashes.json", "readme", "ab-cd"] {
            fs::write(folder.path().join(foreign), b"keep").unwrap();
        }
        folder
    }

    #[test]
    fn only_entries_that_nobody_reads_are_stale() {
        let folder = folder();
        let stored = stored_plugins(folder.path()).unwrap();
        assert_eq!(stored.current, Amount { files: 2, bytes: 10 });
        // The other one is being written, as far as anybody can tell.
        assert_eq!(stored.stale, Amount { files: 1, bytes: 3 });
        assert_eq!((stored.mode, stored.problem), (Some(0o700), None));

        let old = fs::File::options()
            .append(true)
            .open(folder.path().join(format!("{}-0123456789abcdef.17", "ab".repeat(32))))
            .unwrap();
        old.set_modified(std::time::SystemTime::now() - 2 * WRITING).unwrap();
        assert_eq!(stored_plugins(folder.path()).unwrap().stale.files, 2);

        assert_eq!(evict_plugins(folder.path(), Evict::Stale).unwrap(), Amount { files: 2, bytes: 6 });
        assert_eq!(evict_plugins(folder.path(), Evict::Stale).unwrap(), Amount::default());
        assert_eq!(evict_plugins(folder.path(), Evict::All).unwrap(), Amount { files: 2, bytes: 10 });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "what is no entry stays");
    }

    #[test]
    fn nothing_is_removed_from_a_folder_of_others() {
        let folder = folder();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        let stored = stored_plugins(folder.path()).unwrap();
        assert!(stored.problem.unwrap().contains("run `chmod 700"));
        assert!(matches!(evict_plugins(folder.path(), Evict::All), Err(EvictError::Folder(_))));
        let missing = folder.path().join("none");
        assert_eq!(stored_plugins(&missing).unwrap(), StoredPlugins::default());
        assert_eq!(evict_plugins(&missing, Evict::All).unwrap(), Amount::default());
        assert!(!missing.exists());
    }
}
