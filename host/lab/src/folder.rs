//! The folder of a sweep: what may be in it before, what is left of an earlier one, and who writes it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::document::{DOCUMENT, Document, read_json, write};
use crate::error::SweepError;
use crate::identity::{Identity, Shard};
use crate::store::PARTS;

/// The table of all rows.
pub(crate) const TABLE: &str = "sweep.parquet";
/// The page.
pub(crate) const PAGE: &str = "sweep.html";
/// The complete configuration.
pub(crate) const CONFIG: &str = "run.yaml";
/// The runs of the best.
pub(crate) const TOP: &str = "top";
/// Among the parts: whose they are.
const IDENTITY: &str = "identity.json";
/// An empty file that whoever writes the folder holds a lock on. It stays: were it removed, a process that waits with
/// the old file open could hold a lock that nobody sees.
const LOCK: &str = ".sweep.lock";

/// The right to write a folder, or to read it while nobody writes. It ends with the process, however that ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes a folder for writing, created with its parents; refused while another process writes or reads it.
    pub(crate) fn write(folder: &Path) -> Result<Self, SweepError> {
        fs::create_dir_all(folder).map_err(SweepError::file(folder))?;
        let path = folder.join(LOCK);
        let file = File::create(&path).map_err(SweepError::file(&path))?;
        let taken = file.try_lock();
        Self::taken(folder, file, taken, ", or give another --out")
    }

    /// Takes a folder for reading; `None` where nothing was ever written under a lock.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, SweepError> {
        let path = folder.join(LOCK);
        match File::open(&path) {
            Ok(file) => {
                let taken = file.try_lock_shared();
                Self::taken(folder, file, taken, "").map(Some)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(SweepError::file(&path)(error)),
        }
    }

    fn taken(
        folder: &Path,
        file: File,
        taken: Result<(), TryLockError>,
        or: &str,
    ) -> Result<Self, SweepError> {
        match taken {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                let problem = format!("is being written by another process; wait until it has ended{or}");
                Err(SweepError::folder(folder, problem))
            }
            Err(TryLockError::Error(error)) => Err(SweepError::file(&folder.join(LOCK))(error)),
        }
    }
}

/// What an earlier process left of the same sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Earlier {
    /// Nothing.
    Nothing,
    /// Parts.
    Parts,
    /// All of it.
    Whole,
}

/// Makes a folder ready for a sweep: created with its parents, or cleared of an earlier, complete sweep. With `resume`
/// what is there of the same sweep stays. Nobody else may write it while the lock is held.
pub(crate) fn prepare(out: &Path, identity: &Identity, resume: bool) -> Result<(Earlier, Lock), SweepError> {
    if !out.join(LOCK).exists() && Document::read(out)?.is_none() && begun(out)?.is_none() {
        // Nothing is left in the folder of somebody else, not even a lock.
        refuse_foreign(out)?;
    }
    let lock = Lock::write(out)?;
    let begun = begun(out)?;
    let whole = Document::read(out)?.map(|document| document.sweep);
    let earlier = match (&whole, &begun) {
        (Some(_), _) => Earlier::Whole,
        (None, Some(_)) => Earlier::Parts,
        (None, None) => Earlier::Nothing,
    };
    if let (true, Some(found)) = (resume, whole.as_ref().or(begun.as_ref())) {
        let difference =
            found.difference(identity).or((found.shard != identity.shard).then_some("another shard"));
        if let Some(what) = difference {
            let problem = format!("holds a sweep with {what}; give another --out, or leave --resume out");
            return Err(SweepError::folder(out, problem));
        }
        if earlier == Earlier::Whole && !out.join(TABLE).exists() {
            let problem =
                format!("{DOCUMENT} is there and {TABLE} is not; leave --resume out to run it anew");
            return Err(SweepError::folder(out, problem));
        }
        begin(out, identity)?;
        return Ok((earlier, lock));
    }
    match earlier {
        Earlier::Parts => {
            let problem =
                "holds a sweep that was not finished; go on with --resume, give another --out, or remove it";
            return Err(SweepError::folder(out, problem));
        }
        Earlier::Whole => clear(out)?,
        Earlier::Nothing => refuse_foreign(out)?,
    }
    begin(out, identity)?;
    Ok((Earlier::Nothing, lock))
}

/// Makes a folder ready for what is joined from parts of a sweep: created with its parents, or cleared of the same sweep
/// where that is complete.
pub(crate) fn prepare_merge(out: &Path, whole: &Identity) -> Result<Lock, SweepError> {
    let refused = |problem: String| Err(SweepError::folder(out, problem));
    match (Document::read(out)?.map(|document| document.sweep), begun(out)?) {
        (Some(found), _) if found.shard != Shard::WHOLE => {
            return refused(format!("holds part {} of a sweep; give another --out", found.shard));
        }
        (Some(found), _) => {
            if let Some(what) = found.difference(whole) {
                return refused(format!("holds a sweep with {what}; give another --out or remove it"));
            }
            let lock = Lock::write(out)?;
            clear(out)?;
            return Ok(lock);
        }
        (None, Some(_)) => {
            return refused(
                "holds a sweep that was not finished; give another --out or remove it".to_owned(),
            );
        }
        (None, None) => refuse_foreign(out)?,
    }
    Lock::write(out)
}

/// Whose parts there are.
fn begun(out: &Path) -> Result<Option<Identity>, SweepError> {
    read_json(&out.join(PARTS).join(IDENTITY))
}

fn begin(out: &Path, identity: &Identity) -> Result<(), SweepError> {
    let parts = out.join(PARTS);
    fs::create_dir_all(&parts).map_err(SweepError::file(&parts))?;
    let path = parts.join(IDENTITY);
    let text = serde_json::to_string_pretty(identity).map_err(SweepError::document(&path))?;
    write(&path, &text)
}

/// Removes the runs of the best of an earlier end of the same sweep.
pub(crate) fn clear_top(out: &Path) -> Result<(), SweepError> {
    removed(&out.join(TOP), |path| fs::remove_dir_all(path))
}

/// Removes the files of a complete sweep, and only those.
fn clear(out: &Path) -> Result<(), SweepError> {
    clear_top(out)?;
    removed(&out.join(PARTS), |path| fs::remove_dir_all(path))?;
    // The document goes last: until then the folder is one of a sweep.
    for name in [TABLE, PAGE, CONFIG, DOCUMENT] {
        removed(&out.join(name), |path| fs::remove_file(path))?;
    }
    Ok(())
}

fn removed(path: &PathBuf, remove: impl Fn(&PathBuf) -> io::Result<()>) -> Result<(), SweepError> {
    match remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(SweepError::file(path)(error)),
        _ => Ok(()),
    }
}

/// Refuses a folder that holds anything but a sweep.
fn refuse_foreign(out: &Path) -> Result<(), SweepError> {
    match fs::read_dir(out) {
        Ok(mut entries) => {
            // A process may have been killed before it wrote whose the folder is.
            let own = |entry: &fs::DirEntry| entry.file_name() == PARTS || entry.file_name() == LOCK;
            let foreign = entries.any(|entry| entry.map_or(true, |entry| !own(&entry)));
            let problem = match (foreign, out.join(LOCK).exists()) {
                (false, _) => return Ok(()),
                (true, true) => {
                    "holds what a sweep left that was not finished; give another --out or empty it"
                }
                (true, false) => "is not empty and holds no sweep; give another --out or empty it",
            };
            Err(SweepError::folder(out, problem))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(SweepError::folder(out, "is not a folder; give another --out"))
        }
        Err(error) => Err(SweepError::file(out)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_writer_or_any_number_of_readers() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |lock: Result<Lock, SweepError>| {
            let error = lock.unwrap_err();
            assert_eq!(error.exit_code(), cryptobot_run::ExitCode::Usage);
            assert!(error.to_string().contains("is being written by another process"), "{error}");
        };
        assert!(Lock::read(folder.path()).unwrap().is_none(), "nobody wrote it");
        let writer = Lock::write(folder.path()).unwrap();
        refused(Lock::write(folder.path()));
        refused(Lock::read(folder.path()).map(Option::unwrap));
        drop(writer);
        let readers = [1, 2].map(|_| Lock::read(folder.path()).unwrap().unwrap());
        refused(Lock::write(folder.path()));
        drop(readers);
        Lock::write(folder.path()).unwrap();
    }

    #[test]
    fn a_foreign_folder_is_told_from_what_a_sweep_left() {
        let folder = tempfile::tempdir().unwrap();
        refuse_foreign(folder.path()).unwrap();
        let lock = Lock::write(folder.path()).unwrap();
        fs::create_dir(folder.path().join(PARTS)).unwrap();
        refuse_foreign(folder.path()).unwrap();
        fs::write(folder.path().join(TABLE), "").unwrap();
        assert!(refuse_foreign(folder.path()).unwrap_err().to_string().contains("was not finished"));
        drop(lock);
        fs::remove_file(folder.path().join(LOCK)).unwrap();
        assert!(refuse_foreign(folder.path()).unwrap_err().to_string().contains("holds no sweep"));
    }
}
