//! What goes wrong inside a plugin: an event of the run, never a failure of the host.

use std::fmt;

/// The kind of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FaultKind {
    /// The guest trapped: a panic, an unreachable instruction, an out-of-bounds access, a stack overflow.
    Trap = 0,
    /// A callback ran past its deadline.
    Deadline = 1,
    /// The guest asked for more memory than it may have.
    Memory = 2,
    /// Too many orders in one callback.
    OrderFlood = 3,
    /// Too many log lines in one callback.
    LogFlood = 4,
    /// Too many orders with numbers that are not finite or not positive.
    InvalidArgumentFlood = 5,
    /// Too many timers.
    TimerFlood = 6,
    /// `init` or `restore` answered with an error.
    Refused = 7,
    /// The guest broke the contract in another way.
    Contract = 8,
}

impl FaultKind {
    /// The name in journals and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::OrderFlood => "order-flood",
            Self::LogFlood => "log-flood",
            Self::InvalidArgumentFlood => "invalid-argument-flood",
            Self::TimerFlood => "timer-flood",
            Self::Refused => "refused",
            Self::Contract => "contract",
        }
    }
}

/// A fault with its message for people: one line, without a backtrace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of fault.
    pub kind: FaultKind,
    /// What happened, in one line.
    pub message: String,
}

impl Fault {
    /// A fault of a kind with its message.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.message)
    }
}

impl std::error::Error for Fault {}
