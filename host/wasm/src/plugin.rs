//! A compiled plugin.

use std::fmt;
use std::sync::Arc;

use cryptobot_engine::{Delivery, Desk, DeskLimits, Fault};
use cryptobot_model::{Capability, ParamValue, PluginInfo, StrategyId};

use crate::bindings::Ready;
use crate::contract::{Surface, capability};
use crate::describe;
use crate::drive;
use crate::file::PluginFile;
use crate::host::HostState;
use crate::limits::Limits;
use crate::page::Page;
use crate::strategy::{Instance, WasmStrategy};
use crate::ticker::Ticker;
use crate::version::ContractVersion;

/// Whether a plugin had to be compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompileOutcome {
    /// It was compiled now.
    Compiled {
        /// Whether the result is in the cache for the next start.
        stored: bool,
    },
    /// It was taken from the cache.
    Cached,
}

/// A checked and compiled plugin, ready to be instantiated any number of times.
#[derive(Clone)]
pub struct Plugin {
    pre: Ready,
    ticker: Arc<Ticker>,
    strict: bool,
    sha256: String,
    bytes: usize,
    surface: Arc<Surface>,
    outcome: CompileOutcome,
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("sha256", &self.sha256).finish_non_exhaustive()
    }
}

impl Plugin {
    pub(crate) fn new(
        pre: Ready,
        ticker: Arc<Ticker>,
        strict: bool,
        file: &PluginFile,
        outcome: CompileOutcome,
    ) -> Self {
        let (sha256, bytes) = (file.sha256().to_owned(), file.bytes().len());
        Self { pre, ticker, strict, sha256, bytes, surface: Arc::new(file.surface().clone()), outcome }
    }

    /// SHA-256 of the file, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Size of the file.
    pub fn size_bytes(&self) -> usize {
        self.bytes
    }

    /// Version of the contract that it was built for.
    pub fn contract(&self) -> ContractVersion {
        self.surface.version
    }

    /// Interfaces it imports, by full name.
    pub fn imports(&self) -> &[String] {
        &self.surface.imports
    }

    /// Interfaces it exports, by full name.
    pub fn exports(&self) -> &[String] {
        &self.surface.exports
    }

    /// Whether it had to be compiled.
    pub fn compile_outcome(&self) -> CompileOutcome {
        self.outcome
    }

    /// What the plugin says of itself, checked for sense. Runs in an instance of its own.
    pub fn describe(&self, limits: &Limits) -> Result<PluginInfo, Fault> {
        let desk = Desk::new(StrategyId(0), Vec::new(), 0, 0, 0, DeskLimits::default());
        let info = self.start(desk, limits)?.describe()?;
        describe::checked(info)
    }

    /// Whether it takes pages of bars. Where instructions are counted, they are counted by bar, and it gets none.
    pub fn takes_pages(&self) -> bool {
        self.pre.takes_pages() && !self.strict
    }

    /// A strategy at a desk, which gets its bars as `delivery` says, where it can. `params` are all declared parameters in
    /// the declared order, already checked.
    pub fn instantiate(
        &self,
        desk: Desk,
        params: Vec<(String, ParamValue)>,
        limits: &Limits,
        delivery: Delivery,
    ) -> Result<WasmStrategy, Fault> {
        let strategy = WasmStrategy::new(self.start(desk, limits)?, params);
        Ok(match delivery {
            Delivery::Event => strategy.driven(),
            Delivery::Paged | Delivery::Auto if self.takes_pages() => strategy.in_pages(),
            Delivery::Single | Delivery::Paged | Delivery::Auto => strategy,
        })
    }

    /// Whether it can be driven.
    pub fn is_driven(&self) -> bool {
        self.pre.is_driven()
    }

    fn start(&self, desk: Desk, limits: &Limits) -> Result<Instance, Fault> {
        let spare = if self.is_driven() { drive::MEMORY_BYTES } else { 0 };
        let computed = [Some(Capability::Indicators), Some(Capability::Features)];
        let asks_for_indicators =
            self.surface.imports.iter().any(|name| computed.contains(&capability(name)));
        Instance::start(
            &self.pre,
            HostState::new(desk, limits, spare, Page::new(asks_for_indicators)),
            *limits,
            self.strict,
            Arc::clone(&self.ticker),
        )
    }
}
