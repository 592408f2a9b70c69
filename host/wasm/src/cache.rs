//! Compiled plugins on disk.
//!
//! Loading one is the only unsafe block of this host: machine code is mapped and later run. It is sound because
//! * only this module writes entries, from components that this program compiled, in this process or in a child of its
//!   own (`compile`), and never from anything downloaded;
//! * the folder and each entry must belong to the user who runs the host and be writable by nobody else; both are
//!   checked on open handles that follow no symbolic link, so nothing can be exchanged after the check;
//! * an entry begins with the SHA-256 of what follows, checked on the very bytes that are loaded: a disk's mistake
//!   is a miss;
//! * its name is made of the component's SHA-256, the engine's compatibility hash (wasmtime version, settings,
//!   target, processor features) and what this host makes of components, and wasmtime checks the engine again.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{self, AtFlags, Mode, OFlags};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

const DIGEST_BYTES: usize = 32;
/// Rises when other code is made of the same component by the same engine.
const MAKE: u32 = 3;

/// An open folder of compiled plugins.
#[derive(Debug)]
pub(crate) struct Cache {
    dir: OwnedFd,
    /// End of the names of the engine's entries.
    tag: String,
}

impl Cache {
    /// Opens the folder, and makes it where it does not exist. An error says why it cannot be trusted or used.
    pub(crate) fn open(dir: &Path, engine: &Engine) -> Result<Self, String> {
        let fail = |why: String| format!("{}: {why}", dir.display());
        make(dir).map_err(|error| fail(error.to_string()))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = fs::open(dir, flags, Mode::empty()).map_err(|error| fail(error.to_string()))?;
        if !private(&handle) {
            return Err(fail("must belong to you and be writable by nobody else (chmod 700)".to_owned()));
        }
        Ok(Self { dir: handle, tag: Self::tag(engine) })
    }

    /// What tells the entries of an engine from those of others: its version, settings and processor.
    pub(crate) fn tag(engine: &Engine) -> String {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        MAKE.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    /// The compiled component, where there is a sound entry for it.
    pub(crate) fn get(&self, engine: &Engine, component_hash: &str) -> Option<Component> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let entry = fs::openat(&self.dir, self.name(component_hash), flags, Mode::empty()).ok()?;
        if !private(&entry) {
            return None;
        }
        let mut bytes = Vec::new();
        File::from(entry).read_to_end(&mut bytes).ok()?;
        let (digest, code) = bytes.split_at_checked(DIGEST_BYTES)?;
        if Sha256::digest(code).as_slice() != digest {
            return None;
        }
        load(engine, code)
    }

    /// Keeps a compiled component. A failure costs the next start a compilation and nothing else.
    pub(crate) fn put(&self, component_hash: &str, component: &Component) -> Result<(), String> {
        let code = component.serialize().map_err(|error| error.to_string())?;
        let name = self.name(component_hash);
        let temporary = format!("{name}.{}", std::process::id());
        self.write(&temporary, &code)
            .and_then(|()| Ok(fs::renameat(&self.dir, &temporary, &self.dir, &name)?))
            .map_err(|error| {
                // Best effort: the temporary file may not even exist.
                let _ = fs::unlinkat(&self.dir, &temporary, AtFlags::empty());
                error.to_string()
            })
    }

    fn write(&self, name: &str, code: &[u8]) -> std::io::Result<()> {
        // A file of that name can only be the remainder of a process that died while writing.
        let _ = fs::unlinkat(&self.dir, name, AtFlags::empty());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(fs::openat(&self.dir, name, flags, Mode::RUSR | Mode::WUSR)?);
        file.write_all(&Sha256::digest(code))?;
        file.write_all(code)?;
        file.sync_all()
    }

    fn name(&self, component_hash: &str) -> String {
        format!("{component_hash}-{}", self.tag)
    }
}

/// Maps compiled code. `code` must be what this host's own compiler made: of an entry that passed the checks of
/// [`Cache::get`], or the answer of a child.
pub(crate) fn load(engine: &Engine, code: &[u8]) -> Option<Component> {
    #[expect(unsafe_code, reason = "the bytes are this host's own work, see the module's documentation")]
    // SAFETY: made by this host's compiler under the same user, unchanged since; see the module's documentation.
    let component = unsafe { Component::deserialize(engine, code) };
    component.ok()
}

/// Makes the folder and what leads to it, for the owner only.
fn make(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Whether an open file or folder belongs to this user and nobody else may write to it.
fn private(handle: &OwnedFd) -> bool {
    let Ok(stat) = fs::fstat(handle) else { return false };
    let others_write = Mode::WGRP | Mode::WOTH;
    stat.st_uid == rustix::process::geteuid().as_raw()
        && !Mode::from_raw_mode(stat.st_mode).intersects(others_write)
        && matches!(
            fs::FileType::from_raw_mode(stat.st_mode),
            fs::FileType::RegularFile | fs::FileType::Directory
        )
}
