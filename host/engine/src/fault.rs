//! What goes wrong inside a plugin: an event of the run, never a failure of the host.

use std::fmt;
use std::time::Duration;

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
    /// A callback used up its instructions: the deadline of strict mode, the same on every machine.
    Instructions = 9,
    /// All callbacks of a run together took longer than they may.
    TotalTime = 10,
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
            Self::Instructions => "instructions",
            Self::TotalTime => "total-time",
        }
    }

    /// Whether it came of wall time, so that a run in which it happened cannot be repeated exactly.
    pub const fn is_of_wall_time(self) -> bool {
        matches!(self, Self::Deadline | Self::TotalTime)
    }
}

/// A call into a strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum GuestCall {
    /// Getting the instance up, before any of its functions.
    Instantiate = 0,
    /// What it says of itself.
    Describe = 1,
    /// Its beginning.
    Init = 2,
    /// A bar closed.
    OnBar = 3,
    /// An order took a step.
    OnOrder = 4,
    /// A position closed.
    OnPositionClose = 5,
    /// A timer was due.
    OnTimer = 6,
    /// Its state is read.
    Snapshot = 7,
    /// Its state is given back.
    Restore = 8,
    /// The end of the run.
    Stop = 9,
    /// New values of parameters.
    Tune = 10,
}

impl GuestCall {
    /// The name in the contract, in journals and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Instantiate => "instantiate",
            Self::Describe => "describe",
            Self::Init => "init",
            Self::OnBar => "on-bar",
            Self::OnOrder => "on-order",
            Self::OnPositionClose => "on-position-close",
            Self::OnTimer => "on-timer",
            Self::Snapshot => "snapshot",
            Self::Restore => "restore",
            Self::Stop => "stop",
            Self::Tune => "tune",
        }
    }
}

/// What a strategy had in use. None of it is in the journal: it differs between languages and builds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Memory of the instance, bytes; `None` where the back-end does not count it.
    pub memory_bytes: Option<u64>,
    /// Instructions of its newest call, in the back-end's units; `None` where they are not counted.
    pub fuel: Option<u64>,
    /// Wall time of all its calls; where it is sampled an estimate, good to one sample. `None` where it is not taken.
    pub called: Option<Duration>,
    /// Orders, changes and cancels that it asked for in the call.
    pub orders: usize,
    /// Log lines that it wrote in the call.
    pub log_lines: usize,
}

/// Longest message of a fault, bytes.
const MESSAGE_BYTES: usize = 400;

/// A fault with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of fault.
    pub kind: FaultKind,
    /// What happened, in one line. The same in every repetition of a run: it names no function, address or time that
    /// was measured.
    pub message: String,
    /// The call that it happened in; the engine adds it where the back-end does not say.
    pub call: Option<GuestCall>,
    /// What else is known. Apart, because every call into a strategy returns a fault or none.
    pub detail: Box<FaultDetail>,
}

/// What is known of a fault and differs between builds, machines and languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultDetail {
    /// Functions of the strategy that were running, the innermost first; empty where they are not known.
    pub backtrace: Vec<String>,
    /// What was in use.
    pub used: Resources,
}

impl Fault {
    /// A fault of a kind with its message, which is cut where it is too long.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        let mut message = message.into();
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES));
        Self { kind, message, call: None, detail: Box::default() }
    }
}

/// `kind: message in function`: one line.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.message)?;
        self.detail.backtrace.first().map_or(Ok(()), |function| write!(f, " in `{function}`"))
    }
}

impl std::error::Error for Fault {}
