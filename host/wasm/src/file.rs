//! A plugin file that was read and checked, and not yet compiled.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Read;
use std::path::Path;

use cryptobot_model::{Capability, Declaration, Manifest};

use crate::contract::{self, LoadError, MAX_COMPONENT_BYTES, Surface};
use crate::manifest;
use crate::runtime::sha256;

/// The bytes of a plugin, found to be a valid component of the contract that imports no more than its manifest
/// declares. Nothing of it has been compiled or run.
#[derive(Clone)]
pub struct PluginFile {
    bytes: Vec<u8>,
    sha256: String,
    surface: Surface,
    manifest: Option<Manifest>,
}

impl fmt::Debug for PluginFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginFile").field("sha256", &self.sha256).finish_non_exhaustive()
    }
}

impl PluginFile {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        Self::parse(read(path)?)
    }

    /// Checks the bytes of a plugin.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, LoadError> {
        let surface = contract::check(&bytes)?;
        let manifest = surface.manifest.as_deref().map(manifest::read_manifest).transpose()?;
        let file = Self { sha256: sha256(&bytes), bytes, surface, manifest };
        if let Some(manifest) = &file.manifest {
            manifest::check_imports(manifest, &file.imported())?;
        }
        Ok(file)
    }

    /// The file's contents.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the file, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Interfaces it imports and exports.
    pub(crate) fn surface(&self) -> &Surface {
        &self.surface
    }

    /// The capabilities among its actual imports.
    pub fn capabilities(&self) -> BTreeSet<Capability> {
        self.surface.imports.iter().filter_map(|name| contract::capability(name)).collect()
    }

    /// Its manifest, where it has one.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// What it declares; without a manifest, what follows from its imports.
    pub fn declaration(&self) -> Declaration {
        self.manifest.as_ref().map_or_else(|| self.imported(), |manifest| manifest.declares.clone())
    }

    fn imported(&self) -> Declaration {
        Declaration::of_imports(self.capabilities())
    }
}

/// The file's bytes; no more than a plugin may have, whatever the file claims to be.
fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(LoadError::NotAFile);
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_COMPONENT_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_COMPONENT_BYTES {
        return Err(LoadError::TooLarge { bytes: metadata.len() });
    }
    Ok(bytes)
}
