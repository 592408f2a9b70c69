//! The folder of generated data: it appears whole or not at all, and replaces nothing but generated data.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use serde::{Deserialize, Serialize};

use super::error::SyntheticError;
use crate::error::DataError;
use crate::hash::file_sha256;
use crate::sample::{files_below, write_json};

const MANIFEST: &str = "manifest.json";

/// What was generated, kept beside it, so that the generator can tell its own files from others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    synthetic: bool,
    /// What everything that shows the data says about them.
    label: String,
    /// SHA-256 of each file by its path below the folder.
    files: BTreeMap<String, String>,
}

/// Lets `fill` fill a folder that then takes the place of `out`, unless something else is there. Answers what `fill` does,
/// and the files, sorted.
pub(super) fn put<T>(
    out: &Path,
    label: &str,
    fill: impl FnOnce(&Path) -> Result<T, SyntheticError>,
) -> Result<(T, Vec<String>), SyntheticError> {
    let occupied = is_ours(out)?;
    let hidden = |ending: &str| {
        let name = out.file_name().unwrap_or_default().to_string_lossy();
        out.with_file_name(format!(".{name}.{}.{ending}", process::id()))
    };
    let (made, old) = (hidden("tmp"), hidden("old.tmp"));
    let put = || {
        let done = fill(&made)?;
        let files = hashes(&made)?;
        let names = files.keys().cloned().collect();
        let manifest = Manifest { synthetic: true, label: label.to_owned(), files };
        write_json(&made.join(MANIFEST), &manifest)?;
        if occupied {
            fs::rename(out, &old).map_err(DataError::io(out))?;
        }
        fs::rename(&made, out).map_err(DataError::io(out))?;
        Ok((done, names))
    };
    let result = put();
    for leftover in [&made, &old] {
        let _ = fs::remove_dir_all(leftover);
    }
    result
}

/// Whether there is a folder that may be replaced: an empty one, or one with nothing but unchanged generated files.
/// `false` = there is nothing. Anything else is refused.
fn is_ours(out: &Path) -> Result<bool, SyntheticError> {
    let occupied =
        |path: &Path, problem: &'static str| SyntheticError::Occupied { path: path.to_owned(), problem };
    if !out.exists() {
        return Ok(false);
    }
    if !out.is_dir() {
        return Err(occupied(out, "is not a folder"));
    }
    let there = data_files(out)?;
    let text = fs::read_to_string(out.join(MANIFEST)).unwrap_or_default();
    let Ok(manifest) = serde_json::from_str::<Manifest>(&text) else {
        return match there.first() {
            Some(file) => Err(occupied(file, "is here already")),
            None => Ok(true),
        };
    };
    for file in there.iter().filter(|file| **file != out.join(MANIFEST)) {
        match manifest.files.get(&name_below(out, file)) {
            Some(known) if *known == file_sha256(file)? => {}
            Some(_) => return Err(occupied(file, "was changed after it was generated")),
            None => return Err(occupied(file, "was not generated")),
        }
    }
    Ok(true)
}

/// All files below a folder but locks and the catalog's database, which follow from the others.
fn data_files(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut files = Vec::new();
    files_below(folder, &mut files)?;
    files.retain(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name != ".lock" && !name.starts_with("catalog.sqlite")
    });
    Ok(files)
}

fn hashes(folder: &Path) -> Result<BTreeMap<String, String>, DataError> {
    let files = data_files(folder)?;
    files.iter().map(|file| Ok((name_below(folder, file), file_sha256(file)?))).collect()
}

fn name_below(folder: &Path, file: &Path) -> String {
    file.strip_prefix(folder).unwrap_or(file).to_string_lossy().replace('\\', "/")
}
