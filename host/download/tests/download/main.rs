//! Downloads over real sockets, from exchanges on a loopback address.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]
#![allow(clippy::disallowed_types, reason = "they measure time and read files")]

mod rig;

mod complete;
mod refusals;
mod resumption;
mod troubles;
mod venues;
