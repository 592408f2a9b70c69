//! The engine: how plugins are compiled and run.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use thiserror::Error;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine, OptLevel};

use crate::bindings::{Strategy, StrategyPre};
use crate::cache::Cache;
use crate::contract::{self, LoadError, MAX_COMPONENT_BYTES, first_line};
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
    /// Call stack of guest code, bytes.
    pub stack_bytes: usize,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self { cache_dir: None, strict: false, stack_bytes: 512 << 10 }
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
}

impl Runtime {
    /// Sets the engine up and starts its deadline clock.
    pub fn new(config: &RuntimeConfig) -> Result<Self, RuntimeError> {
        let fail = |error: wasmtime::Error| RuntimeError(first_line(&error.to_string()));
        let engine = Engine::new(&engine_config(config)).map_err(fail)?;
        let mut linker = Linker::new(&engine);
        Strategy::add_to_linker::<HostState, HasSelf<HostState>>(&mut linker, |state| state).map_err(fail)?;
        let ticker = Ticker::start(&engine).map_err(|error| RuntimeError(error.to_string()))?;
        let (cache, cache_problem) = match config.cache_dir.as_deref().map(|dir| Cache::open(dir, &engine)) {
            None => (None, None),
            Some(Ok(cache)) => (Some(cache), None),
            Some(Err(problem)) => (None, Some(problem)),
        };
        Ok(Self { engine, linker, cache, cache_problem, ticker: Arc::new(ticker), strict: config.strict })
    }

    /// Why the folder of compiled plugins is not used, where one was given.
    pub fn cache_problem(&self) -> Option<&str> {
        self.cache_problem.as_deref()
    }

    /// Reads a plugin file, checks it and compiles it or takes it from the cache.
    pub fn load(&self, path: &Path) -> Result<Plugin, LoadError> {
        self.load_bytes(&read(path)?)
    }

    /// Checks the bytes of a plugin and compiles them or takes the result from the cache.
    pub fn load_bytes(&self, bytes: &[u8]) -> Result<Plugin, LoadError> {
        let surface = contract::check(bytes)?;
        let sha256 = sha256(bytes);
        let (component, outcome) = self.component(bytes, &sha256)?;
        let mismatch = |error: wasmtime::Error| LoadError::Mismatch(first_line(&format!("{error:#}")));
        let pre = self.linker.instantiate_pre(&component).map_err(mismatch)?;
        let pre = StrategyPre::new(pre).map_err(mismatch)?;
        Ok(Plugin::new(pre, Arc::clone(&self.ticker), self.strict, sha256, bytes.len(), surface, outcome))
    }

    fn component(&self, bytes: &[u8], sha256: &str) -> Result<(Component, CompileOutcome), LoadError> {
        if let Some(component) = self.cache.as_ref().and_then(|cache| cache.get(&self.engine, sha256)) {
            return Ok((component, CompileOutcome::Cached));
        }
        let component = Component::from_binary(&self.engine, bytes)
            .map_err(|error| LoadError::Compile(first_line(&format!("{error:#}"))))?;
        let stored = self.cache.as_ref().map(|cache| cache.put(sha256, &component));
        Ok((component, CompileOutcome::Compiled { stored: matches!(stored, Some(Ok(()))) }))
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

/// The SHA-256 of a plugin's bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // Writing to a string cannot fail.
        text
    })
}

fn engine_config(config: &RuntimeConfig) -> Config {
    let mut engine = Config::new();
    engine
        .cranelift_opt_level(OptLevel::Speed)
        .epoch_interruption(true)
        .consume_fuel(config.strict)
        .cranelift_nan_canonicalization(config.strict)
        .max_wasm_stack(config.stack_bytes)
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
