//! The two kinds of plugins behind one face: components and scripts.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::Path;

use cryptobot_engine::{Delivery, Desk, Fault, Strategy};
use cryptobot_model::{Capability, Declaration, Manifest, ParamValue, PluginInfo, PluginLimits};
use cryptobot_rhai::Script;
use cryptobot_wasm::{Runtime, RuntimeConfig, RuntimeError};
use thiserror::Error;

/// Extension of scripts.
pub const SCRIPT_EXTENSION: &str = "rhai";

/// What one plugin may use, whatever it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// What a component may use.
    pub component: cryptobot_wasm::Limits,
    /// What a script may use.
    pub script: cryptobot_rhai::Limits,
}

impl Limits {
    /// These limits with those that are stated in their place.
    #[must_use]
    pub fn with(self, stated: &PluginLimits) -> Self {
        Self { component: self.component.with(stated), script: self.script.with(stated) }
    }

    /// Of these limits and the stated ones the stricter.
    #[must_use]
    pub fn at_most(self, stated: &PluginLimits) -> Self {
        Self { component: self.component.at_most(stated), script: self.script.at_most(stated) }
    }
}

/// Why a file is not a plugin.
#[derive(Debug, Error)]
pub enum LoadError {
    /// It is no component.
    #[error(transparent)]
    Component(#[from] cryptobot_wasm::LoadError),
    /// It is no script.
    #[error(transparent)]
    Script(#[from] cryptobot_rhai::LoadError),
    /// The runtime of components cannot start.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

impl LoadError {
    /// `:line:column` of the mistake in the file, to be put behind its name; nothing where it has no place.
    pub fn place(&self) -> String {
        match self {
            Self::Script(error) => {
                error.at().map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default()
            }
            Self::Component(_) | Self::Runtime(_) => String::new(),
        }
    }
}

/// Loads plugins of both kinds. The runtime of components starts with the first of them.
pub struct Loader {
    config: RuntimeConfig,
    components: OnceCell<Runtime>,
}

impl Loader {
    /// A loader whose runtime of components is set up by `config`.
    pub fn new(config: RuntimeConfig) -> Self {
        Self { config, components: OnceCell::new() }
    }

    /// Reads and checks a plugin file and compiles it.
    pub fn load(&self, path: &Path) -> Result<Plugin, LoadError> {
        self.compile(&PluginFile::read(path)?)
    }

    /// Compiles a checked plugin, or takes it from the cache of compiled ones.
    pub fn compile(&self, file: &PluginFile) -> Result<Plugin, LoadError> {
        Ok(match file {
            PluginFile::Component(file) => Plugin::Component(Box::new(self.components()?.compile(file)?)),
            PluginFile::Script(script) => Plugin::Script(script.clone()),
        })
    }

    fn components(&self) -> Result<&Runtime, RuntimeError> {
        if let Some(runtime) = self.components.get() {
            return Ok(runtime);
        }
        let runtime = Runtime::new(&self.config)?;
        Ok(self.components.get_or_init(|| runtime))
    }
}

/// Whether a path is that of a script.
pub(crate) fn is_script(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == SCRIPT_EXTENSION)
}

/// A plugin file that was read and checked. Nothing of it has been compiled or run.
#[derive(Clone, Debug)]
pub enum PluginFile {
    /// A component.
    Component(Box<cryptobot_wasm::PluginFile>),
    /// A script.
    Script(Script),
}

impl PluginFile {
    /// Reads and checks a file: a script where its name ends in `.rhai`, else a component.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        if is_script(path) {
            return Ok(Self::Script(Script::load(path)?));
        }
        Ok(Self::from(cryptobot_wasm::PluginFile::read(path)?))
    }

    /// Whether a file of this name may have these contents.
    pub(crate) fn check(path: &Path, contents: &[u8]) -> Result<(), LoadError> {
        if is_script(path) {
            Script::load_bytes(path, contents)?;
        } else {
            cryptobot_wasm::validate(contents)?;
        }
        Ok(())
    }

    /// Its manifest, where it has one; scripts have none.
    pub fn manifest(&self) -> Option<&Manifest> {
        match self {
            Self::Component(file) => file.manifest(),
            Self::Script(_) => None,
        }
    }

    /// The capabilities that it uses: those among the imports of a component, those whose functions a script calls.
    pub fn capabilities(&self) -> BTreeSet<Capability> {
        match self {
            Self::Component(file) => file.capabilities(),
            Self::Script(script) => {
                let interfaces = script.interfaces();
                interfaces.iter().filter_map(|(name, _)| Capability::of_interface(name)).collect()
            }
        }
    }

    /// What it declares; without a manifest, what follows from the capabilities that it uses.
    pub fn declaration(&self) -> Declaration {
        match self {
            Self::Component(file) => file.declaration(),
            Self::Script(_) => Declaration::of_imports(self.capabilities()),
        }
    }
}

impl From<cryptobot_wasm::PluginFile> for PluginFile {
    fn from(file: cryptobot_wasm::PluginFile) -> Self {
        Self::Component(Box::new(file))
    }
}

/// A plugin that is loaded, ready to be instantiated any number of times.
#[derive(Clone, Debug)]
pub enum Plugin {
    /// A component.
    Component(Box<cryptobot_wasm::Plugin>),
    /// A script.
    Script(Script),
}

impl Plugin {
    /// SHA-256 of the file, in hexadecimal.
    pub fn sha256(&self) -> &str {
        match self {
            Self::Component(plugin) => plugin.sha256(),
            Self::Script(script) => script.sha256(),
        }
    }

    /// Size of the file.
    pub fn size_bytes(&self) -> usize {
        match self {
            Self::Component(plugin) => plugin.size_bytes(),
            Self::Script(script) => script.size_bytes(),
        }
    }

    /// What the plugin says of itself, checked for sense.
    pub fn describe(&self, limits: &Limits) -> Result<PluginInfo, Fault> {
        match self {
            Self::Component(plugin) => plugin.describe(&limits.component),
            Self::Script(script) => script.describe(&limits.script),
        }
    }

    /// Whether it reads closed bars from the host; only for such plugins the host shows any.
    pub fn looks_back(&self) -> bool {
        self.uses(Capability::Market)
    }

    /// Whether it asks the host for features.
    pub fn wants_features(&self) -> bool {
        self.uses(Capability::Features)
    }

    fn uses(&self, capability: Capability) -> bool {
        match self {
            Self::Component(plugin) => {
                let interface = format!("/{capability}@");
                plugin.imports().iter().any(|import| import.contains(&interface))
            }
            Self::Script(script) => {
                script.interfaces().iter().any(|(interface, _)| *interface == capability.name())
            }
        }
    }

    /// Whether it takes pages of bars: components may, scripts do not.
    pub fn takes_pages(&self) -> bool {
        matches!(self, Self::Component(plugin) if plugin.takes_pages())
    }

    /// A strategy at a desk. `params` are all declared parameters in the declared order, already checked. It gets its bars
    /// as `delivery` says, where it can.
    pub fn instantiate(
        &self,
        desk: Desk,
        params: Vec<(String, ParamValue)>,
        limits: &Limits,
        delivery: Delivery,
    ) -> Result<Box<dyn Strategy>, Fault> {
        Ok(match self {
            Self::Component(plugin) => {
                Box::new(plugin.instantiate(desk, params, &limits.component, delivery)?)
            }
            Self::Script(script) => Box::new(script.instantiate(desk, params, &limits.script)),
        })
    }

    /// The lines of the plugin's source that the message of a fault speaks of, for terminals; `None` where the plugin
    /// is no source or the message names no place.
    pub fn excerpt(&self, message: &str) -> Option<String> {
        match self {
            Self::Component(_) => None,
            Self::Script(script) => script.excerpt(message),
        }
    }
}
