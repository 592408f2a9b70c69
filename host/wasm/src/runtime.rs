//! The engine: how plugins are compiled and run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use thiserror::Error;
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, OptLevel};

use crate::bindings::Ready;
use crate::cache::Cache;
use crate::compile::Compiler;
use crate::contract::{LoadError, first_line};
use crate::file::PluginFile;
use crate::host::HostState;
use crate::plugin::{CompileOutcome, Plugin};
use crate::ticker::Ticker;

/// How a runtime is set up.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// Folder of compiled plugins; `None` = compile at every start.
    pub cache_dir: Option<PathBuf>,
    /// Count instructions and canonicalise every NaN, so that equal runs are equal on every machine and a deadline
    /// falls on the same instruction. Float-heavy plugins run two to four times slower.
    pub strict: bool,
    /// Where code is compiled that is not in the cache.
    pub compiler: Compiler,
}

/// Call stack of guest code, bytes.
pub const STACK_BYTES: usize = 512 << 10;

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self { cache_dir: None, strict: false, compiler: Compiler::InProcess }
    }
}

/// Why no runtime can be had.
#[derive(Debug, Error)]
#[error("the plugin runtime cannot start: {0}")]
pub struct RuntimeError(String);

/// Compiles plugins. One per process is enough; plugins and instances keep what they need of it alive.
pub struct Runtime {
    engine: Engine,
    linker: Linker<HostState>,
    cache: Option<Cache>,
    cache_problem: Option<String>,
    ticker: Arc<Ticker>,
    strict: bool,
    compiler: Compiler,
}

impl Runtime {
    /// Sets the engine up and starts its deadline clock.
    pub fn new(config: &RuntimeConfig) -> Result<Self, RuntimeError> {
        let fail = |error: wasmtime::Error| RuntimeError(first_line(&error.to_string()));
        let engine = Engine::new(&engine_config(config.strict)).map_err(fail)?;
        let mut linker = Linker::new(&engine);
        Ready::link(&mut linker).map_err(fail)?;
        let ticker = Ticker::start(&engine).map_err(|error| RuntimeError(error.to_string()))?;
        let (cache, cache_problem) = match config.cache_dir.as_deref().map(|dir| Cache::open(dir, &engine)) {
            None => (None, None),
            Some(Ok(cache)) => (Some(cache), None),
            Some(Err(problem)) => (None, Some(problem)),
        };
        Ok(Self {
            engine,
            linker,
            cache,
            cache_problem,
            ticker: Arc::new(ticker),
            strict: config.strict,
            compiler: config.compiler.clone(),
        })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Why the folder of compiled plugins is not used, where one was given.
    pub fn cache_problem(&self) -> Option<&str> {
        self.cache_problem.as_deref()
    }

    /// Reads a plugin file, checks it and compiles it or takes it from the cache.
    pub fn load(&self, path: &Path) -> Result<Plugin, LoadError> {
        self.compile(&PluginFile::read(path)?)
    }

    /// Checks the bytes of a plugin and compiles them or takes the result from the cache.
    pub fn load_bytes(&self, bytes: &[u8]) -> Result<Plugin, LoadError> {
        self.compile(&PluginFile::parse(bytes.to_owned())?)
    }

    /// Compiles a checked plugin or takes it from the cache.
    pub fn compile(&self, file: &PluginFile) -> Result<Plugin, LoadError> {
        let (component, outcome) = self.component(file)?;
        let version = file.surface().version;
        let mismatch = |error: wasmtime::Error| LoadError::Mismatch {
            version,
            reason: first_line(&format!("{error:#}")),
        };
        let pre = self.linker.instantiate_pre(&component).map_err(mismatch)?;
        let pre = Ready::new(file.surface(), pre).map_err(mismatch)?;
        Ok(Plugin::new(pre, Arc::clone(&self.ticker), self.strict, file, outcome))
    }

    fn component(&self, file: &PluginFile) -> Result<(Component, CompileOutcome), LoadError> {
        let sha256 = file.sha256();
        if let Some(component) = self.cache.as_ref().and_then(|cache| cache.get(&self.engine, sha256)) {
            return Ok((component, CompileOutcome::Cached));
        }
        let component = self.compiler.compile(&self.engine, self.strict, file.bytes())?;
        let stored = self.cache.as_ref().map(|cache| cache.put(sha256, &component));
        Ok((component, CompileOutcome::Compiled { stored: matches!(stored, Some(Ok(()))) }))
    }
}

/// The SHA-256 of a plugin's bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // Writing to a string cannot fail.
        text
    })
}

pub(crate) fn engine_config(strict: bool) -> Config {
    let mut engine = Config::new();
    engine
        .cranelift_opt_level(OptLevel::Speed)
        .epoch_interruption(true)
        .consume_fuel(strict)
        .cranelift_nan_canonicalization(strict)
        .max_wasm_stack(STACK_BYTES)
        // Memories keep wasmtime's reservation of 4 GiB of addresses, not of memory: it spares a bounds check per
        // access, and a thousand instances fit (tested).
        // Synchronous calls are 3.4 times slower where concurrency may happen, and another crate of the build may
        // switch the feature on.
        .concurrency_support(false)
        // The same results on every processor, and memory that the limits count.
        .wasm_relaxed_simd(false)
        .wasm_threads(false)
        .wasm_memory64(false);
    engine
}
