//! What this machine has for building and running plugins, and how to get what is missing.
//!
//! Each finding is one line with its fix, an exact command wherever there is one. Looking changes nothing.
#![allow(clippy::disallowed_types, reason = "this crate is at the edge: it opens files and runs programs")]
#![forbid(unsafe_code)]

mod data;
mod machine;
mod plugins;
mod tools;

use std::path::PathBuf;

use serde::Serialize;

/// Where to look.
#[derive(Clone, Debug)]
pub struct Places {
    /// Folder of market data.
    pub data: PathBuf,
    /// Folder of compiled plugins; `None` = the user has no home folder.
    pub cache: Option<PathBuf>,
    /// Folders in which plugins are looked up by name.
    pub plugins: Vec<PathBuf>,
}

/// How it stands with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// As it should be.
    Ok,
    /// Something works less well or is wasted.
    Note,
    /// Missing, and not needed for building and running plugins in Rust.
    Optional,
    /// Missing or unusable.
    Missing,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub name: &'static str,
    /// How it stands.
    pub state: State,
    /// What was found, for people.
    pub found: String,
    /// What to do; `None` where nothing is to do.
    pub fix: Option<String>,
}

impl Finding {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, state: State::Ok, found: found.into(), fix: None }
    }

    fn but(name: &'static str, state: State, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, state, found: found.into(), fix: Some(fix.into()) }
    }
}

/// Everything that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// Whether nothing that is needed is missing.
    pub ok: bool,
    /// The findings.
    pub findings: Vec<Finding>,
}

/// Looks at the machine.
pub fn examine(places: &Places) -> Diagnosis {
    let mut findings = machine::findings();
    findings.extend(tools::findings());
    findings.extend(plugins::findings(places));
    findings.extend(data::findings(&places.data));
    Diagnosis { ok: findings.iter().all(|finding| finding.state != State::Missing), findings }
}

/// A size for people.
pub fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
