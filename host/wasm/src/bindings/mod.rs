//! Typed bindings of every version of the contract that this host speaks, and what makes one of them all.
//!
//! The host is written for the newest version, whose bindings are re-exported here: its functions are implemented in
//! `host` and `orders`. A module per older version adapts: imports turn their arguments into those of the newest version
//! and call its implementation, exports are behind [`Guest`]. A version is known before anything is instantiated, and
//! then every call is compiled for it: an older contract costs the newest one nothing.

mod from_v0_0;
mod guest;
mod v0_0;
mod v0_1;

pub(crate) use guest::{Driver, Guest, Guests, Instantiated, Pages, Ready};
pub(crate) use v0_1::{cryptobot, exports, pages};
