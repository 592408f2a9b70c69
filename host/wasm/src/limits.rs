//! What a plugin may use, and the guard that refuses more.

use cryptobot_engine::{Fault, FaultKind};
use cryptobot_model::PluginLimits;
use wasmtime::ResourceLimiter;

/// What one plugin may use. Limits on orders, logs and timers are those of the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of all its modules together, bytes.
    pub memory_bytes: usize,
    /// Entries of all its tables together.
    pub table_elements: usize,
    /// Indicators it may create.
    pub indicators: u32,
    /// Bytes it may hand over in one host call, and the host may read from one answer.
    pub transfer_bytes: usize,
    /// Wall time of one callback, ms. Enforced to about 10 ms.
    pub callback_deadline_ms: u64,
    /// Wall time of `describe`, `init`, `snapshot` and `restore`, ms.
    pub init_deadline_ms: u64,
    /// Wall time of all calls of an instance together, ms, for plugins that are slow by a little every time; `None` =
    /// no limit.
    pub total_ms: Option<u64>,
    /// Strict mode only: instructions of one callback, in wasmtime's units of fuel (about one per instruction).
    pub callback_fuel: u64,
    /// Strict mode only: instructions of `describe`, `init`, `snapshot` and `restore`.
    pub init_fuel: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            table_elements: 100_000,
            indicators: 256,
            transfer_bytes: 4 << 20,
            callback_deadline_ms: 2_000,
            init_deadline_ms: 30_000,
            total_ms: None,
            callback_fuel: 2_000_000_000,
            init_fuel: 30_000_000_000,
        }
    }
}

impl Limits {
    /// These limits with those that are stated in their place.
    #[must_use]
    pub fn with(self, stated: &PluginLimits) -> Self {
        Self {
            memory_bytes: stated.memory_mib.map_or(self.memory_bytes, |mebibytes| (mebibytes << 20) as usize),
            indicators: stated.indicators.map_or(self.indicators, |count| count as u32),
            callback_deadline_ms: stated.callback_deadline_ms.unwrap_or(self.callback_deadline_ms),
            init_deadline_ms: stated.init_deadline_ms.unwrap_or(self.init_deadline_ms),
            total_ms: stated.total_callbacks_s.map(|seconds| seconds.saturating_mul(1_000)).or(self.total_ms),
            ..self
        }
    }

    /// Of these limits and the stated ones the stricter.
    #[must_use]
    pub fn at_most(self, stated: &PluginLimits) -> Self {
        let other = self.with(stated);
        Self {
            memory_bytes: self.memory_bytes.min(other.memory_bytes),
            indicators: self.indicators.min(other.indicators),
            callback_deadline_ms: self.callback_deadline_ms.min(other.callback_deadline_ms),
            init_deadline_ms: self.init_deadline_ms.min(other.init_deadline_ms),
            total_ms: match (self.total_ms, other.total_ms) {
                (Some(ours), Some(theirs)) => Some(ours.min(theirs)),
                (ours, theirs) => ours.or(theirs),
            },
            ..self
        }
    }
}

/// Instances, memories and tables of one component. A component of several modules (a language runtime with its
/// adapters) has a handful of each; the count bounds what the host keeps per instance.
const PARTS: usize = 64;

/// Counts memory and tables of a store. A refusal is a fault at once: a guest that cannot have its memory aborts
/// sooner or later, and only the refusal tells why.
#[derive(Debug)]
pub(crate) struct Guard {
    memory_bytes: Budget,
    /// Of it, what is the host's own.
    spare: usize,
    table_elements: Budget,
}

#[derive(Debug)]
struct Budget {
    used: usize,
    limit: usize,
}

impl Budget {
    /// Takes what growing from `current` to `desired` needs; `false` where it is not there.
    fn grow(&mut self, current: usize, desired: usize) -> bool {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        if used > self.limit {
            return false;
        }
        self.used = used;
        true
    }
}

impl Guard {
    /// `spare` bytes of memory are the host's own.
    pub(crate) fn new(limits: &Limits, spare: usize) -> Self {
        Self {
            spare,
            memory_bytes: Budget { used: 0, limit: limits.memory_bytes.saturating_add(spare) },
            table_elements: Budget { used: 0, limit: limits.table_elements },
        }
    }

    /// Linear memory in use, bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes.used.saturating_sub(self.spare)
    }

    fn memory_fault(&self, wanted: &str) -> Fault {
        let limit = (self.memory_bytes.limit - self.spare) as f64 / f64::from(1 << 20);
        Fault::new(FaultKind::Memory, format!("wanted {wanted}; a plugin may have {limit} MiB"))
    }
}

impl ResourceLimiter for Guard {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if self.memory_bytes.grow(current, desired) {
            return Ok(true);
        }
        let mebibytes = desired.div_ceil(1 << 20);
        Err(self.memory_fault(&format!("{mebibytes} MiB of memory")).into())
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(self.memory_fault("more memory than the machine has left").into())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if self.table_elements.grow(current, desired) {
            return Ok(true);
        }
        let limit = self.table_elements.limit;
        let message = format!("wanted a table of {desired} entries; a plugin may have {limit}");
        Err(Fault::new(FaultKind::Memory, message).into())
    }

    fn instances(&self) -> usize {
        PARTS
    }

    fn tables(&self) -> usize {
        PARTS
    }

    fn memories(&self) -> usize {
        PARTS
    }
}
