//! What a script may use.

use cryptobot_model::PluginLimits;
use rhai::Engine;

/// Calls inside calls. With [`VARIABLES`] it bounds how many values a script can hold at once.
const CALL_LEVELS: usize = 16;
/// Variables of one call.
const VARIABLES: usize = 64;
/// Expressions inside expressions, and statements inside statements: at the top of a script and in its functions.
const NESTING: (usize, usize) = (96, 64);
/// Functions of a script.
const FUNCTIONS: usize = 500;
/// What a value in an array takes, bytes: lists grow by doubling.
const VALUE_BYTES: usize = 32;
/// What an entry of a map takes, bytes, its key included.
const ENTRY_BYTES: usize = 64;

/// What one script may use. Limits on orders, logs and timers are those of the desk.
///
/// Operations are the limit that decides: they are counted, so that a script that does not end is stopped at the same
/// step everywhere. The deadlines only keep the host alive where single operations are slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What the largest value of every variable of the deepest call comes to, bytes: it sets the length of texts,
    /// arrays and maps.
    pub memory_bytes: usize,
    /// Indicators it may create.
    pub indicators: u32,
    /// Operations of one callback: about one per operator, call and statement.
    pub callback_operations: u64,
    /// Operations of the top of the script and of `init`.
    pub init_operations: u64,
    /// Wall time of one callback, ms.
    pub callback_deadline_ms: u64,
    /// Wall time of the top of the script and of `init`, ms.
    pub init_deadline_ms: u64,
    /// Wall time of all calls of an instance together, ms, for scripts that are slow by a little every time; `None` = no
    /// limit.
    pub total_ms: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            indicators: 256,
            callback_operations: 1_000_000,
            init_operations: 20_000_000,
            callback_deadline_ms: 2_000,
            init_deadline_ms: 30_000,
            total_ms: None,
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
            callback_operations: stated.script_operations.unwrap_or(self.callback_operations),
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
            callback_operations: self.callback_operations.min(other.callback_operations),
            callback_deadline_ms: self.callback_deadline_ms.min(other.callback_deadline_ms),
            init_deadline_ms: self.init_deadline_ms.min(other.init_deadline_ms),
            total_ms: match (self.total_ms, other.total_ms) {
                (Some(ours), Some(theirs)) => Some(ours.min(theirs)),
                (ours, theirs) => ours.or(theirs),
            },
            ..self
        }
    }

    /// Sets the limits that hold for every call. All are set: the interpreter's defaults differ between builds.
    pub(crate) fn apply(&self, engine: &mut Engine) {
        engine
            .set_max_call_levels(CALL_LEVELS)
            .set_max_expr_depths(NESTING.0, NESTING.1)
            .set_max_variables(VARIABLES)
            .set_max_functions(FUNCTIONS)
            .set_max_string_size(self.largest(1))
            .set_max_array_size(self.largest(VALUE_BYTES))
            .set_max_map_size(self.largest(ENTRY_BYTES))
            .set_max_operations(self.init_operations);
    }

    /// How many items of a size one value may have. Never 0, which would mean no limit.
    fn largest(&self, item_bytes: usize) -> usize {
        (self.memory_bytes / (CALL_LEVELS * VARIABLES * item_bytes)).max(16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_memory() {
        let limits = Limits::default();
        assert_eq!([1, VALUE_BYTES, ENTRY_BYTES].map(|item| limits.largest(item)), [65_536, 2_048, 1_024]);
        assert_eq!(Limits { memory_bytes: 0, ..limits }.largest(1), 16);
    }
}
