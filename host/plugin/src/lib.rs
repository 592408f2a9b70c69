//! Plugin files: finding, building, checking, testing, measuring and describing them, and starting new ones.
//!
//! Nothing here prints: the command line shows what these functions return. Only a compiler that is run on behalf
//! of the user writes to standard error itself.
#![allow(clippy::disallowed_types, reason = "this crate is at the edge: it opens files and measures time")]
#![forbid(unsafe_code)]

pub mod accepted;
mod advice;
pub mod backend;
pub mod bench;
pub mod build;
pub mod check;
pub mod find;
pub mod inspect;
pub mod kept;
pub mod limits;
pub mod loaded;
pub mod machine;
pub mod manifest;
pub mod project;
mod stage;
pub mod tape;
pub mod toolchain;
pub mod watch;

pub use accepted::{Accepted, AcceptedError, Standing, plugin_name};
pub use backend::{Limits, LoadError, Loader, Plugin, PluginFile};
pub use bench::{BenchError, BenchOptions, BenchReport, BenchTape, bench};
pub use build::{BuildError, BuiltPlugin, build};
pub use check::{CheckReport, check};
pub use find::{BuiltError, ResolveError, built, cache_folder, plugin_folders, resolve, tests_folder};
pub use inspect::{InspectError, Inspection, inspect};
pub use kept::{RollbackError, RolledBack, keep, rollback};
pub use limits::host_limits;
pub use loaded::Loaded;
pub use machine::Machine;
pub use project::{Language, NewError, NewProject, new};
pub use tape::{CaseResult, CasesError};
pub use watch::{NewVersion, Patience, Unfit, Watch};
