//! One bar of an instrument.

use serde::{Deserialize, Serialize};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::Timestamp;

/// What traded in the interval `[open time, ts)`. Delivered at `ts`, never before.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Serialize,
    Deserialize,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
)]
#[repr(C)]
pub struct Bar {
    /// Close time.
    pub ts: Timestamp,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Traded amount in base units.
    pub volume: f64,
}

impl AsRef<Self> for Bar {
    fn as_ref(&self) -> &Self {
        self
    }
}
