//! The limits that hold where nobody states others.

use cryptobot_engine::DeskLimits;
use cryptobot_model::PluginLimits;

use crate::backend::Limits;

/// Orders open at once.
const OPEN_ORDERS: u64 = 200;
/// Closed bars that a plugin can look back on through the host.
const HISTORY_BARS: u64 = 1_024;

/// All limits as the host has them.
pub fn host_limits() -> PluginLimits {
    let (desk, limits) = (DeskLimits::default(), Limits::default());
    let wasm = limits.component;
    PluginLimits {
        memory_mib: Some((wasm.memory_bytes >> 20) as u64),
        callback_deadline_ms: Some(wasm.callback_deadline_ms),
        init_deadline_ms: Some(wasm.init_deadline_ms),
        script_operations: Some(limits.script.callback_operations),
        total_callbacks_s: None,
        orders_per_callback: Some(desk.intents as u64),
        orders_per_minute: Some(desk.intents_per_minute as u64),
        open_orders: Some(OPEN_ORDERS),
        log_lines_per_callback: Some(desk.log_lines as u64),
        log_lines_per_minute: Some(desk.log_lines_per_minute as u64),
        timers: Some(desk.timers as u64),
        timers_per_minute: Some(desk.timers_per_minute as u64),
        indicators: Some(u64::from(wasm.indicators)),
        history_bars: Some(HISTORY_BARS),
        state_kib: Some((desk.state_bytes >> 10) as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_states_every_limit_and_means_its_defaults() {
        let limits = host_limits();
        let open: Vec<_> = limits.by_name().filter(|(_, value)| value.is_none()).collect();
        assert_eq!(open, [("total_callbacks_s", None)]);
        assert_eq!(Limits::default().with(&limits), Limits::default());
        assert_eq!(DeskLimits::default().with(&limits), DeskLimits::default());
    }
}
