//! `host plugin test`.

use std::path::{Path, PathBuf};

use cryptobot_plugin::tape;
use cryptobot_plugin::{CaseResult, tests_folder};
use cryptobot_run::ExitCode;
use serde_json::json;

use super::opened;
use crate::args::Format;
use crate::commands::CommandError;
use crate::output::print;

pub(super) fn run(
    plugin: &str,
    tests: Option<PathBuf>,
    only: &[String],
    update: bool,
    format: Format,
) -> Result<ExitCode, CommandError> {
    let (path, loaded) = opened(plugin)?;
    let folder = tests.unwrap_or_else(|| tests_folder(&path));
    let cases = tape::cases(&folder, only)?;
    let mut results = Vec::with_capacity(cases.len());
    for case in &cases {
        let result = tape::test(&loaded, case, update);
        if format == Format::Human {
            show(&result)?;
        }
        results.push(result);
    }
    let passed = results.iter().filter(|result| result.passed()).count();
    let failed = results.len() - passed;
    match format {
        Format::Human => print(format_args!("{passed} passed, {failed} failed"))?,
        Format::Json => print(document(&path, &loaded, &results, (passed, failed))?)?,
    }
    Ok(if failed == 0 { ExitCode::Done } else { ExitCode::Failed })
}

fn show(result: &CaseResult) -> std::io::Result<()> {
    let word = match (result.passed(), result.updated) {
        (false, _) => "FAILED ",
        (true, true) => "updated",
        (true, false) => "ok     ",
    };
    let about = if result.about.is_empty() { String::new() } else { format!("  ({})", result.about) };
    print(format_args!("{word}  {}{about}", result.name))?;
    result
        .problems
        .iter()
        .try_for_each(|problem| problem.lines().try_for_each(|line| print(format_args!("         {line}"))))
}

fn document(
    path: &Path,
    plugin: &cryptobot_plugin::Loaded,
    results: &[CaseResult],
    (passed, failed): (usize, usize),
) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&json!({
        "plugin": plugin.info().name,
        "file": path,
        "sha256": plugin.sha256(),
        "passed": passed,
        "failed": failed,
        "cases": results,
    }))
}
