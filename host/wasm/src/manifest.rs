//! The manifest inside a component, read with suspicion.

use cryptobot_model::{Declaration, Manifest};
use serde::Deserialize;

use crate::contract::{LoadError, first_line};

/// Longest manifest, bytes.
pub(crate) const MAX_MANIFEST_BYTES: usize = 64 << 10;

/// The only part of a manifest that every format has.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// Reads the contents of the custom section [`Manifest::SECTION`].
pub fn read_manifest(json: &[u8]) -> Result<Manifest, LoadError> {
    let unreadable = |error: serde_json::Error| {
        LoadError::Manifest(format!("cannot be read: {}", first_line(&error.to_string())))
    };
    if json.len() > MAX_MANIFEST_BYTES {
        let problem = format!("is {} bytes long; at most {MAX_MANIFEST_BYTES} are read", json.len());
        return Err(LoadError::Manifest(problem));
    }
    let Format { format } = serde_json::from_slice(json).map_err(unreadable)?;
    if format != Manifest::FORMAT {
        let problem = format!("has format {format}, this host reads {}; take a newer host", Manifest::FORMAT);
        return Err(LoadError::Manifest(problem));
    }
    let manifest: Manifest = serde_json::from_slice(json).map_err(unreadable)?;
    match manifest.problem() {
        None => Ok(manifest),
        Some((field, problem)) => Err(LoadError::Manifest(format!("is wrong: {field} {problem}"))),
    }
}

/// Checks that a component imports no more than its manifest declares.
pub(crate) fn check_imports(manifest: &Manifest, imports: &Declaration) -> Result<(), LoadError> {
    let undeclared = imports.interfaces.difference(&manifest.declares.interfaces).next();
    undeclared.map_or(Ok(()), |interface| Err(LoadError::Undeclared(*interface)))
}
