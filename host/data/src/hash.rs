//! SHA-256 of files and of a run's input data, with a cache.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use cryptobot_model::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::DataError;
use crate::file::{Stamp, TouchedFile};
use crate::write::replace_file;

/// The SHA-256 of bytes, in hexadecimal digits.
pub(crate) fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('?'));
        }
        text
    })
}

/// The SHA-256 of a file, in hexadecimal digits.
pub fn file_sha256(path: &Path) -> Result<String, DataError> {
    let mut file = File::open(path).map_err(DataError::io(path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer).map_err(DataError::io(path))? {
            0 => return Ok(hex(&hasher.finalize())),
            length => hasher.update(&buffer[..length]),
        }
    }
}

/// The hash of everything that a run reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataHash {
    /// SHA-256 over the period and every file's path and SHA-256.
    pub sha256: String,
    /// Path below the catalog's root and SHA-256 of each file, sorted by path.
    pub files: BTreeMap<String, String>,
}

/// A hash under way on its own thread.
#[derive(Debug)]
pub struct HashJob {
    thread: JoinHandle<Result<DataHash, DataError>>,
}

impl HashJob {
    /// Starts to hash files for a period. `cache` remembers hashes of files that do not change.
    pub fn start(files: Vec<TouchedFile>, period: (Timestamp, Timestamp), cache: Option<PathBuf>) -> Self {
        Self { thread: thread::spawn(move || hash_files(&files, period, cache.as_deref())) }
    }

    /// Waits for the hash. Fails if a file has changed since it was opened for reading.
    pub fn join(self) -> Result<DataHash, DataError> {
        self.thread.join().unwrap_or(Err(DataError::Thread { doing: "hashing the data" }))
    }
}

fn hash_files(
    files: &[TouchedFile],
    period: (Timestamp, Timestamp),
    cache: Option<&Path>,
) -> Result<DataHash, DataError> {
    let mut known = cache.map(Cache::load).unwrap_or_default();
    let mut fresh = Vec::new();
    let mut hashes = BTreeMap::new();
    for file in files {
        if hashes.contains_key(&file.relative) {
            continue;
        }
        let hash = if let Some(hash) = known.get(file) {
            hash
        } else {
            let hash = file_sha256(&file.path)?;
            fresh.push((file, hash.clone()));
            hash
        };
        // The stamp was taken when the reader opened the file: the hash must be of that state.
        let metadata = fs::metadata(&file.path).map_err(DataError::io(&file.path))?;
        if Stamp::of(&metadata) != file.stamp {
            return Err(DataError::Changed { file: file.relative.clone() });
        }
        hashes.insert(file.relative.clone(), hash);
    }
    if let Some(path) = cache
        && !fresh.is_empty()
    {
        known.add(fresh);
        known.save(path);
    }
    let mut text = format!("{}\t{}\n", period.0.0, period.1.0);
    for (path, hash) in &hashes {
        text.push_str(path);
        text.push('\t');
        text.push_str(hash);
        text.push('\n');
    }
    Ok(DataHash { sha256: sha256(text), files: hashes })
}

/// Hashes of files by absolute path. It may be lost or spoilt at any time: then files are hashed again.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Cache {
    files: BTreeMap<PathBuf, Cached>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Cached {
    stamp: Stamp,
    sha256: String,
}

/// A file that changed less than this before the cache was written may change again without another time stamp.
const SETTLED_NS: i64 = 2_000_000_000;
/// Entries that the cache keeps at most; it starts again when there are more.
const CACHE_ENTRIES: usize = 10_000;

impl Cache {
    fn load(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn get(&self, file: &TouchedFile) -> Option<String> {
        let cached = self.files.get(&absolute(file)?)?;
        let whole = cached.sha256.len() == 64 && cached.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        (cached.stamp == file.stamp && whole).then(|| cached.sha256.clone())
    }

    fn add(&mut self, hashes: Vec<(&TouchedFile, String)>) {
        if self.files.len() + hashes.len() > CACHE_ENTRIES {
            self.files.clear();
        }
        for (file, sha256) in hashes {
            if let Some(path) = absolute(file) {
                self.files.insert(path, Cached { stamp: file.stamp, sha256 });
            }
        }
    }

    /// Writes the cache; a failure only costs time later.
    fn save(mut self, path: &Path) {
        let _ = replace_file(path, |file| {
            // The new file's own stamp is the file system's clock: no other clock can be trusted to agree with it.
            let now = Stamp::of(&file.metadata()?).mtime_ns;
            self.files.retain(|_, cached| cached.stamp.mtime_ns < now - SETTLED_NS);
            let text = serde_json::to_string(&self)?;
            file.write_all(text.as_bytes())
        });
    }
}

fn absolute(file: &TouchedFile) -> Option<PathBuf> {
    fs::canonicalize(&file.path).ok()
}
