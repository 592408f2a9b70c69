//! Versions of a strategy: what instances are made of, at the start, after a fault and in a swap.

use std::fmt;
use std::sync::Arc;

use cryptobot_model::{ParamSpec, ParamValue, PluginInfo, SeriesInfo};

use crate::desk::DeskLimits;
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
    /// How much it may ask for at its desk: in force from the moment on in which it takes over.
    pub desk_limits: DeskLimits,
    /// Orders it may have open at once.
    pub max_open_orders: usize,
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

impl Version {
    /// Whether it wants the series that the running version has: a swap keeps the subscriptions of the run.
    pub(crate) fn check_series(&self, running: &[SeriesInfo]) -> Result<(), String> {
        let key = |info: &SeriesInfo| (info.instrument, info.timeframe);
        if self.series.iter().map(key).eq(running.iter().map(key)) {
            return Ok(());
        }
        let listed = |series: &[SeriesInfo]| {
            let one = |info: &SeriesInfo| format!("{} {}", info.symbol, info.timeframe);
            series.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        Err(format!(
            "it wants the series {}, the running version has {}; a swap keeps the series",
            listed(&self.series),
            listed(running)
        ))
    }

    /// The parameters of an instance that takes over: what is `set`, else what is `running` under the same name, else the
    /// default. Also the names of running ones that it does not have.
    pub(crate) fn params_after(
        &self,
        running: &Params,
        set: &Params,
    ) -> Result<(Params, Vec<String>), String> {
        self.check_names(set)?;
        let find = |values: &Params, name: &str| {
            values.iter().find(|(of, _)| of == name).map(|(_, value)| value.clone())
        };
        let value = |spec: &ParamSpec| {
            let value = find(set, &spec.name).or_else(|| find(running, &spec.name));
            let value = value.map_or(Ok(spec.default.clone()), |value| spec.accept(value));
            value.map(|value| (spec.name.clone(), value)).map_err(|error| error.to_string())
        };
        let params = self.info.params.iter().map(value).collect::<Result<_, _>>()?;
        let dropped = running.iter().map(|(name, _)| name).filter(|name| self.spec(name).is_none());
        Ok((params, dropped.cloned().collect()))
    }

    /// The running parameters with new values of live-tunable ones.
    pub(crate) fn tuned(&self, running: &Params, set: &Params) -> Result<Params, String> {
        self.check_names(set)?;
        let mut params = running.clone();
        for (name, value) in set {
            let Some(spec) = self.spec(name).filter(|spec| spec.tunable) else {
                return Err(format!("`{name}` cannot change while the strategy runs; swap it to change it"));
            };
            let value = spec.accept(value.clone()).map_err(|error| error.to_string())?;
            params.iter_mut().filter(|(of, _)| of == name).for_each(|(_, now)| now.clone_from(&value));
        }
        Ok(params)
    }

    fn check_names(&self, set: &Params) -> Result<(), String> {
        match set.iter().find(|(name, _)| self.spec(name).is_none()) {
            None => Ok(()),
            Some((name, _)) => {
                let known: Vec<&str> = self.info.params.iter().map(|spec| spec.name.as_str()).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                Err(format!("plugin {} has no parameter `{name}`; it has {known}", self.info.name))
            }
        }
    }

    fn spec(&self, name: &str) -> Option<&ParamSpec> {
        self.info.params.iter().find(|spec| spec.name == name)
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
