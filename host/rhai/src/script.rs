//! A script file.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::Read;
use std::path::Path;

use cryptobot_engine::{Desk, Fault};
use cryptobot_model::{ParamValue, PluginInfo};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::api::GROUPS;
use crate::declare::as_name;
use crate::limits::Limits;
use crate::program::{Program, parse};
use crate::source::{Problem, Source};
use crate::strategy::ScriptStrategy;

/// Largest script, bytes.
pub const MAX_SCRIPT_BYTES: u64 = 1 << 20;

/// Why a file is not a script that this host can run. The message speaks of the file without naming it.
#[derive(Debug, Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// It is a folder, a device or something else without contents.
    #[error("not a file; give the path of a .rhai script")]
    NotAFile,
    /// It is larger than any script may be.
    #[error("{bytes} bytes long; the longest script that is loaded has {MAX_SCRIPT_BYTES}")]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// It is no text.
    #[error("not a text in UTF-8; a script is written with a text editor")]
    NotText,
    /// It breaks the rules of the language, or calls what does not exist.
    #[error("{0}")]
    Syntax(Problem),
}

impl LoadError {
    /// Line and column of the mistake, from 1, where they are known.
    pub fn at(&self) -> Option<(usize, usize)> {
        match self {
            Self::Syntax(problem) => problem.at,
            _ => None,
        }
    }
}

/// A script whose syntax is right, ready to be instantiated any number of times.
#[derive(Clone, Debug)]
pub struct Script {
    source: Source,
    sha256: String,
    calls: BTreeSet<String>,
}

impl Script {
    /// Reads a script file and checks its syntax.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        Self::load_bytes(path, &read(path)?)
    }

    /// Checks the bytes of a script; `path` names it in messages.
    pub fn load_bytes(path: &Path, bytes: &[u8]) -> Result<Self, LoadError> {
        if bytes.len() as u64 > MAX_SCRIPT_BYTES {
            return Err(LoadError::TooLarge { bytes: bytes.len() as u64 });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| LoadError::NotText)?;
        let source = Source::new(path, text);
        let calls =
            parse(&source, &Limits::default()).map_err(|failure| LoadError::Syntax(failure.problem))?;
        Ok(Self { source, sha256: sha256(bytes), calls })
    }

    /// SHA-256 of the file, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Size of the file.
    pub fn size_bytes(&self) -> usize {
        self.source.text.len()
    }

    /// What the script says of itself: its top is run with the defaults of its parameters.
    pub fn describe(&self, limits: &Limits) -> Result<PluginInfo, Fault> {
        let program = self.program(Vec::new(), limits)?;
        let stem = self.source.name.strip_suffix(".rhai").unwrap_or(&self.source.name);
        let info = program.context.borrow().declared.info(&as_name(stem), program.wants());
        Ok(info)
    }

    /// The interfaces of the plugin contract whose functions the script calls, each with those functions.
    pub fn interfaces(&self) -> Vec<(&'static str, Vec<&'static str>)> {
        let of_group = |group: &crate::api::Group| {
            let used = group.functions.iter().map(crate::api::Function::name);
            let used: Vec<&str> = used.filter(|name| self.calls.contains(*name)).collect();
            group.interface.filter(|_| !used.is_empty()).map(|interface| (interface, used))
        };
        GROUPS.iter().filter_map(of_group).collect()
    }

    /// A strategy at a desk. `params` are all declared parameters, already checked.
    pub fn instantiate(
        &self,
        desk: Desk,
        params: Vec<(String, ParamValue)>,
        limits: &Limits,
    ) -> ScriptStrategy {
        ScriptStrategy::new(self.source.clone(), desk, params, *limits)
    }

    /// The line of the script that a fault speaks of, with a mark below the column; `None` where it names none.
    pub fn excerpt(&self, message: &str) -> Option<String> {
        self.source.excerpt_of(message)
    }

    fn program(&self, params: Vec<(String, ParamValue)>, limits: &Limits) -> Result<Program, Fault> {
        Program::load(&self.source, params, limits).map_err(|failure| failure.fault(&self.source))
    }
}

/// The file's bytes; no more than a script may have, whatever the file claims to be.
fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(LoadError::NotAFile);
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_SCRIPT_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_SCRIPT_BYTES {
        return Err(LoadError::TooLarge { bytes: metadata.len() });
    }
    Ok(bytes)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // Writing to a string cannot fail.
        text
    })
}
