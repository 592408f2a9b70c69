//! The folder of a sweep: what may be in it before, and what is left of an earlier one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::document::{DOCUMENT, Document, read_json, write};
use crate::error::SweepError;
use crate::identity::Identity;
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
/// what is there of the same sweep stays.
pub(crate) fn prepare(out: &Path, identity: &Identity, resume: bool) -> Result<Earlier, SweepError> {
    let begun: Option<Identity> = read_json(&out.join(PARTS).join(IDENTITY))?;
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
        begin(out, identity)?;
        return Ok(earlier);
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
    Ok(Earlier::Nothing)
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
pub(crate) fn refuse_foreign(out: &Path) -> Result<(), SweepError> {
    match fs::read_dir(out) {
        Ok(mut entries) => {
            // A process may have been killed before it wrote whose the folder is.
            let foreign = entries.any(|entry| entry.map_or(true, |entry| entry.file_name() != PARTS));
            if foreign {
                let problem = "is not empty and holds no sweep; give another --out or empty it";
                return Err(SweepError::folder(out, problem));
            }
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(SweepError::folder(out, "is not a folder; give another --out"))
        }
        Err(error) => Err(SweepError::file(out)(error)),
    }
}
