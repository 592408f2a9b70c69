//! The one loop: event queue, clock, routing, and the Strategy and Venue traits.
#![forbid(unsafe_code)]

pub mod desk;
pub mod fault;
pub mod history;
pub mod random;
pub mod recorder;
pub mod source;
pub mod strategy;

pub use desk::{AccountView, Desk, DeskLimits, Intent, LogLevel, LogLine, TimerCommand};
pub use fault::{Fault, FaultKind};
pub use history::{BarRing, Column};
pub use recorder::{Decision, Entry, Mark, NoRecorder, Recorder};
pub use source::{BarBlock, BarSource, MemorySource, SourceError};
pub use strategy::Strategy;
