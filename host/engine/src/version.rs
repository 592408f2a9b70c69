//! Versions of a strategy: what instances are made of, at the start, after a fault and in a swap.

use std::fmt;
use std::sync::Arc;

use cryptobot_model::{ParamValue, PluginInfo, SeriesInfo};

use crate::fault::Fault;
use crate::strategy::Strategy;

/// Values of parameters: all that a version declares, in its order.
pub type Params = Vec<(String, ParamValue)>;

/// Makes an instance with its parameters, at a vacant desk: whoever asks for it gives it another one.
pub type Make = dyn Fn(&Params) -> Result<Box<dyn Strategy>, Fault> + Send + Sync;

/// One version of a strategy, verified and compiled.
pub struct Version {
    /// What it says of itself.
    pub info: PluginInfo,
    /// SHA-256 of what it was made of, in hexadecimal.
    pub sha256: String,
    /// Its series in the run, in the order in which `init` gets them.
    pub series: Vec<SeriesInfo>,
    /// Closed bars of each series that it may look back on through the host.
    pub look_back: usize,
    /// Makes instances.
    pub make: Box<Make>,
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Version")
            .field("info", &self.info)
            .field("sha256", &self.sha256)
            .finish_non_exhaustive()
    }
}

/// What an instance was made of.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Its version.
    pub version: Arc<Version>,
    /// Its parameters, as they are now.
    pub params: Params,
}
