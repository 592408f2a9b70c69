//! Plugin files: finding, building, checking and describing them, and starting new ones.
//!
//! Nothing here prints: the command line shows what these functions return. Only a compiler that is run on behalf
//! of the user writes to standard error itself.
#![allow(clippy::disallowed_types, reason = "this crate is at the edge: it opens files and measures time")]
#![forbid(unsafe_code)]

pub mod accepted;
pub mod backend;
pub mod build;
pub mod check;
pub mod find;
pub mod inspect;
pub mod kept;
pub mod limits;
pub mod manifest;
pub mod project;
pub mod watch;

pub use accepted::{Accepted, AcceptedError, Standing, plugin_name};
pub use backend::{Limits, LoadError, Loader, Plugin, PluginFile};
pub use build::{BuildError, BuiltPlugin, build};
pub use check::{CheckReport, check};
pub use find::{ResolveError, cache_folder, plugin_folders, resolve};
pub use inspect::{InspectError, Inspection, inspect};
pub use kept::{RollbackError, RolledBack, keep, rollback};
pub use limits::host_limits;
pub use project::{Language, NewError, NewProject, new};
pub use watch::{NewVersion, Patience, Unfit, Watch};
