//! The plugin files of a run in real time, kept in its folder: what runs now may be another file tomorrow.

use std::fs;
use std::path::{Path, PathBuf};

use cryptobot_data::file_sha256;

use crate::error::RunError;

/// The folder of plugin files in a run folder.
const FOLDER: &str = "plugins";

/// Where a plugin file with this hash lies in a run folder; it has the extension of its source.
pub(crate) fn kept_plugin(folder: &Path, sha256: &str, source: &Path) -> PathBuf {
    let mut path = folder.join(FOLDER).join(sha256);
    if let Some(extension) = source.extension() {
        path.set_extension(extension);
    }
    path
}

/// Keeps a plugin file in a run folder.
///
/// # Errors
/// It cannot be read or written, or is no longer the file with this hash.
pub(crate) fn keep(folder: &Path, sha256: &str, source: &Path) -> Result<(), RunError> {
    let kept = kept_plugin(folder, sha256, source);
    let failed = |source| RunError::Tape { path: kept.clone(), source };
    fs::create_dir_all(folder.join(FOLDER)).map_err(failed)?;
    fs::copy(source, &kept).map_err(failed)?;
    let copied = file_sha256(&kept)?;
    if copied != sha256 {
        let problem = format!("{} changed while the run was prepared; run again", source.display());
        return Err(RunError::Engine(problem));
    }
    Ok(())
}
