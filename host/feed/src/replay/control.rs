//! The handle by which another thread controls a replay.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cryptobot_model::Timestamp;

/// How fast event time passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many seconds of event time in a second.
    Times(f64),
    /// As fast as possible.
    Max,
}

/// Why a text is no speed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no speed; write a number above 0, for example 10 for ten seconds in one, or max")]
pub struct ParseSpeedError(String);

impl FromStr for Speed {
    type Err = ParseSpeedError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let number = text.strip_suffix('x').unwrap_or(text).parse().ok();
        let number = number.filter(|speed: &f64| (1e-3..=1e9).contains(speed));
        number.map(Self::Times).ok_or_else(|| ParseSpeedError(text.to_owned()))
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Times(times) => write!(f, "{times}x"),
            Self::Max => f.write_str("max"),
        }
    }
}

/// Where a replay is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Status {
    /// The moment that was begun last; `None` before the first.
    pub at: Option<Timestamp>,
    /// How fast event time passes.
    pub speed: Speed,
    /// Whether it stands still.
    pub paused: bool,
    /// Whether everything has been delivered.
    pub ended: bool,
}

/// What is to be done once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Step,
    SkipTo(Timestamp),
}

#[derive(Debug)]
struct Shared {
    status: Status,
    orders: VecDeque<Order>,
}

/// Controls a replay from any thread. What it asks for is done when the feed is asked for its next event.
#[derive(Clone, Debug)]
pub struct ReplayHandle(Arc<Mutex<Shared>>);

impl ReplayHandle {
    /// Stops event time: nothing arrives until [`ReplayHandle::resume`], but by steps and leaps.
    pub fn pause(&self) {
        self.lock().status.paused = true;
    }

    /// Lets event time pass again, from the moment that was delivered last.
    pub fn resume(&self) {
        self.lock().status.paused = false;
    }

    /// Delivers the next moment now: everything that has the same time. A replay that is paused stays so.
    pub fn step(&self) {
        self.lock().orders.push_back(Order::Step);
    }

    /// Delivers everything up to a time as fast as possible. Nothing is left out.
    pub fn skip_to(&self, to: Timestamp) {
        self.lock().orders.push_back(Order::SkipTo(to));
    }

    /// Lets event time pass at another speed.
    pub fn set_speed(&self, speed: Speed) {
        self.lock().status.speed = speed;
    }

    /// Where the replay is.
    pub fn status(&self) -> Status {
        self.lock().status
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Every change is one assignment: a thread that panicked has left nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The replay's own side.
#[derive(Debug)]
pub(super) struct Control(ReplayHandle);

impl Control {
    pub(super) fn new(speed: Speed) -> (Self, ReplayHandle) {
        let status = Status { at: None, speed, paused: false, ended: false };
        let handle = ReplayHandle(Arc::new(Mutex::new(Shared { status, orders: VecDeque::new() })));
        (Self(handle.clone()), handle)
    }

    pub(super) fn take(&self) -> Option<Order> {
        self.0.lock().orders.pop_front()
    }

    pub(super) fn is_paused(&self) -> bool {
        self.0.lock().status.paused
    }

    pub(super) fn speed(&self) -> Speed {
        self.0.lock().status.speed
    }

    pub(super) fn reached(&self, at: Timestamp) {
        self.0.lock().status.at = Some(at);
    }

    pub(super) fn end(&self) {
        self.0.lock().status.ended = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_read_as_they_are_written() {
        for (text, speed) in [("1", Speed::Times(1.0)), ("10x", Speed::Times(10.0)), ("max", Speed::Max)] {
            assert_eq!(text.parse::<Speed>().unwrap(), speed);
            assert_eq!(speed.to_string().parse::<Speed>().unwrap(), speed);
        }
        for text in ["", "0", "-1", "x", "nan", "inf", "fast"] {
            let error = text.parse::<Speed>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")) && error.contains("max"), "{error}");
        }
    }
}
