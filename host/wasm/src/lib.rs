//! The wasmtime runtime behind the [`Strategy`](cryptobot_engine::Strategy) trait.
//!
//! [`Runtime`] compiles plugin files into [`Plugin`]s, a plugin describes itself and is instantiated as a
//! [`WasmStrategy`]. A plugin sees nothing but the functions of the contract (`wit/`), in the version
//! that it was built for: it has no files, network,
//! clock or threads, and its memory, time, stack and host calls are limited by [`Limits`].
#![allow(clippy::disallowed_types, reason = "this crate is at the edge: it opens files and measures time")]

mod bindings;
mod cache;
mod caps;
mod compile;
mod contract;
mod convert;
mod describe;
mod drive;
mod fault;
mod file;
mod host;
mod limits;
mod manifest;
mod orders;
mod page;
mod plugin;
mod relay;
mod runtime;
mod stored;
mod strategy;
mod ticker;
mod version;

pub use caps::{
    MAX_DECLARATIONS, MAX_FUNCTION_BYTES, MAX_FUNCTIONS, MAX_IMPORTS, MAX_MODULES, MAX_NESTING, MAX_TYPES,
};
pub use compile::{ChildCompiler, CompileLimits, Compiler, compile_child};
pub use contract::{LoadError, MAX_COMPONENT_BYTES, validate};
pub use file::PluginFile;
pub use limits::Limits;
pub use manifest::read_manifest;
pub use plugin::{CompileOutcome, Plugin};
pub use runtime::{Runtime, RuntimeConfig, RuntimeError, STACK_BYTES, sha256};
pub use stored::{Amount, Evict, EvictError, StoredPlugins, evict_plugins, stored_plugins};
pub use strategy::WasmStrategy;
pub use version::ContractVersion;
