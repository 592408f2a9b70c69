//! The product from outside: the real `host` binary, run as users run it.
//!
//! Every test works in a [`Sandbox`]: a folder with the layout of a checkout (`data`, `plugins/dist`, `config`), its
//! own home and its own caches. The binary, the plugins and the bundled sample are made once, by the product itself.
//!
//! `CRYPTOBOT_HOST_RELEASE` names a release binary to compare journals with, `CRYPTOBOT_E2E_RELEASE=1` builds one;
//! `CRYPTOBOT_PYTHON` is a Python with numpy and pyarrow for the benchmark's data.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "it is test code"
)]
#![allow(clippy::disallowed_types, reason = "it measures the wall time of processes")]

mod built;
mod catalog;
mod component;
mod crafted;
mod process;
mod sandbox;

pub use built::{built_release, host_binary, plugin, repository, sample, scratch};
pub use catalog::{MINUTE_MS, START_MS, write_minutes};
pub use component::{compile_bomb, component_of, strategy_importing, strategy_of, with_manifest};
pub use crafted::{Craft, crafted};
pub use process::{Ran, run_to_end, start};
pub use sandbox::Sandbox;

/// Says why a test does nothing.
pub fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}
