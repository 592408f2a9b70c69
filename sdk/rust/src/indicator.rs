//! Handles of the host's indicators that survive snapshot and restore.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Series, features};

thread_local! {
    /// The indicators that this instance has created: a stored handle means nothing to another one, so that a
    /// restored state finds its indicators again by what they are.
    static CREATED: RefCell<Vec<Indicator>> = const { RefCell::new(Vec::new()) };

    /// The last stored indicator, or features, not found again.
    static MISSING: Cell<Option<String>> = const { Cell::new(None) };
}

/// No indicator has it: its values are NaN.
const NO_HANDLE: u32 = u32::MAX;

/// An indicator of the host, made by [`Host::indicator`](crate::Host::indicator).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indicator {
    handle: u32,
    description: String,
}

impl Indicator {
    pub(crate) fn handle(&self) -> u32 {
        self.handle
    }
}

/// Forgets the indicators and features of an earlier instance on this thread.
pub(crate) fn forget_all() {
    CREATED.with_borrow_mut(Vec::clear);
    features::forget_all();
    MISSING.set(None);
}

/// Notes what the state read last uses and this instance has not created.
pub(crate) fn note_missing(description: String) {
    MISSING.set(Some(description));
}

/// What the state read last uses and this instance has not created: an indicator, or features.
pub(crate) fn take_missing() -> Option<String> {
    MISSING.take()
}

/// Notes an indicator that the host has created.
pub(crate) fn remember(handle: u32, series: &Series, kind: &str, params: &[(&str, f64)]) -> Indicator {
    let mut description =
        format!("{kind} on {} {} {} {}", series.venue, series.symbol, series.role, series.timeframe_ns);
    for (name, value) in params {
        // Writing to a String cannot fail.
        let _ = write!(description, " {name}={value}");
    }
    let indicator = Indicator { handle, description };
    CREATED.with_borrow_mut(|created| created.push(indicator.clone()));
    indicator
}

impl Serialize for Indicator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.description.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Indicator {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let description = String::deserialize(deserializer)?;
        let found = CREATED.with_borrow(|created| {
            created.iter().find(|indicator| indicator.description == description).cloned()
        });
        Ok(found.unwrap_or_else(|| {
            note_missing(description.clone());
            Self { handle: NO_HANDLE, description }
        }))
    }
}
