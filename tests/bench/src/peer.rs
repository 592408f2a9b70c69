//! The same work done by other tools, right after ours, where a Python has them.

use std::env;
use std::process::Command;

/// What the script prints, run by `CRYPTOBOT_PYTHON` (or `python3`), which needs the package of that name. Where it gives
/// no result, says why.
pub(crate) fn measure(package: &str, script: &str, arguments: &[&str]) -> Option<String> {
    let python = env::var_os("CRYPTOBOT_PYTHON").unwrap_or_else(|| "python3".into());
    let name = python.to_string_lossy().into_owned();
    let output = match Command::new(python).args(["-c", script]).args(arguments).output() {
        Ok(output) => output,
        Err(error) => {
            println!("{package}: skipped, {name} (see CRYPTOBOT_PYTHON): {error}");
            return None;
        }
    };
    if output.status.success() {
        return Some(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    // Some packages explain their errors at length below them.
    let named = complaint.lines().rfind(|line| line.contains("Error"));
    let reason = named.or_else(|| complaint.lines().last()).unwrap_or("it ended without a word");
    println!("{package}: skipped, {name} (see CRYPTOBOT_PYTHON): {reason}");
    None
}
