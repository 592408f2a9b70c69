//! What an author can do about a fault.

use cryptobot_engine::{Fault, FaultKind};

/// The fault with what to do about it, in one line.
pub(crate) fn advised(fault: &Fault) -> String {
    format!("{fault}; {}", advice(fault.kind))
}

fn advice(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Trap => {
            "a panic, an index out of range or deep recursion does this: run the plugin's own tests"
        }
        FaultKind::Deadline | FaultKind::Instructions => {
            "look for a loop that does not end, or for work that grows with every bar"
        }
        FaultKind::Memory => {
            "keep a bounded number of bars, or let the host keep them (`market`, `indicators`)"
        }
        FaultKind::OrderFlood => "place an order when something changes, not in a loop",
        FaultKind::LogFlood => "log what changes, not every step",
        FaultKind::TimerFlood => "set one timer again instead of many",
        FaultKind::InvalidArgumentFlood => {
            "quantities and prices must be finite and positive: an indicator is NaN while it warms up"
        }
        FaultKind::Refused => "the defaults of its parameters must be accepted on one symbol, or on two",
        FaultKind::TotalTime => "do less per bar, or let the host compute it (`indicators`)",
        FaultKind::Contract => "build it with the SDK of this host",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_followed_by_what_to_do() {
        let fault = Fault::new(FaultKind::Deadline, "ran longer than 2000 ms");
        let line = advised(&fault);
        assert!(line.starts_with("deadline: ran longer than 2000 ms; look for a loop"), "{line}");
    }
}
