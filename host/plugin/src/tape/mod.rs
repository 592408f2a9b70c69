//! Tape tests: a built plugin, a few bars, and what must come of them.
//!
//! A case is a folder with `tape.csv` (the bars) and `case.yaml` (parameters, account and expectations). The plugin runs
//! as it does in `host run`: the same file, in the sandbox, in the same engine.

mod bars;
mod case;
mod expected;
mod lines;
mod play;

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

use crate::loaded::Loaded;
use case::Case;

/// File of a case with its bars.
const TAPE: &str = "tape.csv";
/// File of a case with everything else.
const CASE: &str = "case.yaml";

/// Why a folder of cases cannot be played.
#[derive(Debug, Error)]
pub enum CasesError {
    /// The folder cannot be read.
    #[error("cannot read the folder of test cases {}: {source}; name another one with --tests", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It has no cases.
    #[error(
        "{} has no test cases; a case is a folder in it with {TAPE} (bars) and {CASE} (parameters, expectations)",
        .0.display()
    )]
    NoCases(PathBuf),
    /// No case has the asked name.
    #[error("there is no test case `{name}`; there are {}", known.join(", "))]
    NoCase {
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
}

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaseResult {
    /// Name of its folder.
    pub name: String,
    /// What it shows, in the words of its author.
    pub about: String,
    /// What differs from the expectations, or is wrong with the case; empty = passed.
    pub problems: Vec<String>,
    /// Whether its expectations were written anew.
    pub updated: bool,
}

impl CaseResult {
    /// Whether everything came as expected.
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

/// The folders of cases in `folder`, by name; only `only` where it is not empty.
pub fn cases(folder: &Path, only: &[String]) -> Result<Vec<PathBuf>, CasesError> {
    let unreadable = |source| CasesError::Folder { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.join(CASE).is_file() || path.join(TAPE).is_file() {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(CasesError::NoCases(folder.to_owned()));
    }
    let known: Vec<String> = found.iter().map(|path| name(path)).collect();
    if let Some(missing) = only.iter().find(|name| !known.contains(name)) {
        return Err(CasesError::NoCase { name: missing.clone(), known });
    }
    found.retain(|path| only.is_empty() || only.contains(&name(path)));
    Ok(found)
}

/// Plays the case in a folder. With `update` its expectations are replaced by what came of it.
pub fn test(plugin: &Loaded, folder: &Path, update: bool) -> CaseResult {
    let mut result =
        CaseResult { name: name(folder), about: String::new(), problems: Vec::new(), updated: false };
    if let Err(problem) = played(plugin, folder, update, &mut result) {
        result.problems.push(problem);
    }
    result
}

fn played(plugin: &Loaded, folder: &Path, update: bool, result: &mut CaseResult) -> Result<(), String> {
    let file = folder.join(CASE);
    let text = read(&file)?;
    let case = Case::parse(&text).map_err(|error| format!("{}{error}", file.display()))?;
    result.about.clone_from(&case.about);
    let in_case = |problem: String| format!("{}: {problem}", file.display());
    let terms = case.terms().map_err(in_case)?;
    let params = plugin
        .info()
        .complete(&case.params)
        .map_err(|error| in_case(format!("params.{}: {error}", error.name())))?;
    let tape = folder.join(TAPE);
    let bars =
        bars::parse(&read(&tape)?, terms.timeframe).map_err(|error| format!("{}:{error}", tape.display()))?;
    let actual = play::play(plugin, &params, &terms, bars).map_err(in_case)?;
    if update {
        let renewed = expected::renew(&text, case.expect.as_ref(), &actual);
        result.updated = renewed != text;
        if result.updated {
            fs::write(&file, renewed).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        }
        return Ok(());
    }
    let expect = case.expect.as_ref().ok_or_else(|| {
        in_case("nothing is expected; add `expect:`, or let --update write what the plugin does".to_owned())
    })?;
    result.problems = expect.differences(&actual);
    Ok(())
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}
