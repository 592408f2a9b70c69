//! What a file is, before anything is compiled: the checks that turn a wrong file into a clear message.

use cryptobot_model::{Capability, Manifest};
use thiserror::Error;
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

use crate::caps;
use crate::host::printable;
use crate::version::{ContractVersion, spoken};

/// Largest plugin file. Components that carry a language runtime measure up to about 20 MB.
pub const MAX_COMPONENT_BYTES: u64 = 64 << 20;

/// The package of the contract.
const PACKAGE: &str = "cryptobot:plugin/";
/// What messages tell authors to build for.
const NEWEST: ContractVersion = ContractVersion::NEWEST;

/// Interfaces a strategy must export, in every version.
const REQUIRED: [&str; 2] = ["lifecycle", "events"];

/// Why a file is not a plugin that this host can run. The message speaks of the file without naming it.
#[derive(Debug, Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// It is a folder, a device or something else without contents.
    #[error("not a file; give the path of a .wasm component")]
    NotAFile,
    /// It is larger than any plugin may be.
    #[error(
        "{bytes} bytes long; the largest that is loaded is {MAX_COMPONENT_BYTES}: build it for release and without \
         debug information"
    )]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// It has more of something than any plugin may have, and would keep the compiler busy for nothing.
    #[error("{count} {what}; a plugin may have {most}")]
    TooMany {
        /// What.
        what: &'static str,
        /// How many it has.
        count: u64,
        /// How many it may have.
        most: u64,
    },
    /// Its manifest is damaged or makes no sense.
    #[error("its manifest {0}")]
    Manifest(String),
    /// It imports what its manifest does not declare.
    #[error(
        "it imports {PACKAGE}{0}, which its manifest does not declare; \
         add \"{0}\" to the interfaces of the plugin's project and build it again"
    )]
    Undeclared(Capability),
    /// It does not begin like WebAssembly.
    #[error("not a WebAssembly file; build the plugin with `host plugin build`")]
    NotWasm,
    /// It begins like WebAssembly and is broken further on.
    #[error("the component is damaged or truncated ({0}); build or download it again")]
    Damaged(String),
    /// A module, not yet wrapped as a component.
    #[error("a core WebAssembly module, not a component; `host plugin build` makes a component of it")]
    CoreModule,
    /// A component for something else.
    #[error(
        "a component, but not a strategy: it does not export {PACKAGE}{missing}@{NEWEST}; \
         build it for the world `strategy` of {folder}", folder = NEWEST.folder()
    )]
    OtherWorld {
        /// The first interface it lacks.
        missing: &'static str,
    },
    /// A component that wraps a model.
    #[error(
        "a model wrapper (it exports {PACKAGE}predictor); this host runs strategies only: \
         build it for the world `strategy` of {}", NEWEST.folder()
    )]
    Model,
    /// It speaks a version of the contract that came after this host.
    #[error(
        "built for plugin contract {theirs}, which is newer than what this host speaks ({}); \
         take a newer host, or build the plugin with the SDK of this one",
        spoken()
    )]
    NewerVersion {
        /// The version it was built for.
        theirs: String,
    },
    /// It speaks another version of the contract.
    #[error(
        "built for plugin contract {theirs}, which this host does not speak (it speaks {}); \
         build the plugin with the SDK of this host",
        spoken()
    )]
    OtherVersion {
        /// The version it was built for.
        theirs: String,
    },
    /// Its interfaces are of several versions of the contract.
    #[error("it mixes plugin contracts {one} and {other}; build it with one SDK")]
    MixedVersions {
        /// A version.
        one: String,
        /// Another one.
        other: String,
    },
    /// It needs an interface that exists in the contract but not in this host.
    #[error(
        "it imports {PACKAGE}{0}, which this host does not serve yet; remove its use or take a newer host"
    )]
    NotServed(String),
    /// It needs the operating system.
    #[error(
        "it imports `{0}`: plugins get no files, network, clock or environment; \
         build it for wasm32-unknown-unknown without WASI"
    )]
    Wasi(String),
    /// It needs something that the contract does not know.
    #[error(
        "it imports `{import}`, which is not part of the plugin contract {version}; \
         remove its use: a plugin gets only the interfaces of the world `strategy` of {}", version.folder()
    )]
    Unknown {
        /// The import.
        import: String,
        /// The version it was built for.
        version: ContractVersion,
    },
    /// It names the contract's interfaces but means other types.
    #[error("it does not fit plugin contract {version} ({reason}); rebuild it with a matching SDK")]
    Mismatch {
        /// The version it was built for.
        version: ContractVersion,
        /// What does not fit.
        reason: String,
    },
    /// Valid, but the compiler refuses it or needs more than it may have.
    #[error("the component cannot be compiled: {0}")]
    Compile(String),
}

/// The instances a component imports and exports, by full name, and its manifest as it stands in the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surface {
    pub(crate) version: ContractVersion,
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
    pub(crate) manifest: Option<Vec<u8>>,
}

/// Checks that bytes are a valid strategy component of this contract, without compiling them.
pub fn validate(bytes: &[u8]) -> Result<(), LoadError> {
    check(bytes).map(|_| ())
}

/// The checks of [`validate`], and what the component imports and exports.
pub(crate) fn check(bytes: &[u8]) -> Result<Surface, LoadError> {
    if bytes.len() as u64 > MAX_COMPONENT_BYTES {
        return Err(LoadError::TooLarge { bytes: bytes.len() as u64 });
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(LoadError::NotWasm);
    }
    if Parser::is_core_wasm(bytes) {
        return Err(LoadError::CoreModule);
    }
    caps::check(bytes)?;
    Validator::new_with_features(features()).validate_all(bytes).map_err(|error| damaged(&error))?;
    let mut surface = surface(bytes)?;
    let names = surface.exports.iter().chain(&surface.imports);
    let version = ContractVersion::of(names.filter_map(|name| Some(ours(name)?.1)))?;
    surface.version = version.unwrap_or(NEWEST);
    surface.imports.iter().try_for_each(|import| check_import(surface.version, import))?;
    check_exports(&surface.exports)?;
    Ok(surface)
}

/// What the runtime's engine accepts: no threads, no 64-bit memories, no relaxed SIMD, nothing that is unfinished.
fn features() -> WasmFeatures {
    WasmFeatures::WASM2
        | WasmFeatures::COMPONENT_MODEL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::TAIL_CALL
}

pub(crate) fn damaged(error: &wasmparser::BinaryReaderError) -> LoadError {
    LoadError::Damaged(format!("{} at byte {}", first_line(error.message()), error.offset()))
}

/// The first line of a message, fit for a terminal.
pub(crate) fn first_line(message: &str) -> String {
    printable(message.lines().next().unwrap_or_default())
}

fn surface(bytes: &[u8]) -> Result<Surface, LoadError> {
    let broken = |error| damaged(&error);
    let mut surface = Surface::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(broken)? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    surface.imports.push(import.map_err(broken)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    surface.exports.push(export.map_err(broken)?.name.name.to_owned());
                }
            }
            Payload::CustomSection(section) if depth == 1 && section.name() == Manifest::SECTION => {
                let before = surface.manifest.replace(section.data().to_owned());
                if before.is_some() {
                    return Err(LoadError::Manifest("stands in it twice".to_owned()));
                }
            }
            _ => {}
        }
    }
    Ok(surface)
}

/// The interface and version of a name of our package: `cryptobot:plugin/log@0.1.0` = (`log`, `0.1.0`).
fn ours(name: &str) -> Option<(&str, &str)> {
    let name = name.strip_prefix(PACKAGE)?;
    Some(name.split_once('@').unwrap_or((name, "")))
}

/// The capability that an import is, by its full name.
pub(crate) fn capability(name: &str) -> Option<Capability> {
    Capability::of_interface(ours(name)?.0)
}

fn check_import(version: ContractVersion, name: &str) -> Result<(), LoadError> {
    let unknown = || LoadError::Unknown { import: printable(name), version };
    let Some((interface, _)) = ours(name) else {
        return Err(if name.starts_with("wasi:") { LoadError::Wasi(printable(name)) } else { unknown() });
    };
    if version.served().contains(&interface) {
        Ok(())
    } else if version.not_served().contains(&interface) {
        Err(LoadError::NotServed(interface.to_owned()))
    } else {
        Err(unknown())
    }
}

fn check_exports(exports: &[String]) -> Result<(), LoadError> {
    let has =
        |interface: &str| exports.iter().filter_map(|name| ours(name)).any(|(name, _)| name == interface);
    if has("predictor") {
        return Err(LoadError::Model);
    }
    match REQUIRED.into_iter().find(|interface| !has(interface)) {
        Some(missing) => Err(LoadError::OtherWorld { missing }),
        None => Ok(()),
    }
}
