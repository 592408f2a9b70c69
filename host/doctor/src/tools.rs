//! Programs that build plugins and the host.

use std::path::Path;

use cryptobot_plugin::toolchain::{
    GetTarget, INSTALL_RUST, RUST_VERSION, TARGET, has_target, is_at_least, version,
};

use crate::{Finding, State};

pub(crate) fn findings() -> Vec<Finding> {
    let here = Path::new(".");
    vec![
        rust("rustc", version("rustc", here)),
        rust("cargo", version("cargo", here)),
        target(has_target(here).unwrap_or(false)),
        other("node", &["node"], "builds the report's charts when the host is built from source", "nodejs"),
        other("npm", &["npm"], "brings the report's chart library when the host is built from source", "npm"),
        other("python", &["python3", "python"], "compares indicators and metrics in tests", "python3"),
    ]
}

fn rust(name: &'static str, found: Option<String>) -> Finding {
    let install = || format!("install Rust with `{INSTALL_RUST}`, then open a new shell");
    match found {
        None => Finding::but(name, State::Missing, "not found: Rust plugins cannot be built", install()),
        Some(found) if is_at_least(&found, RUST_VERSION) => Finding::ok(name, found),
        Some(found) => {
            let fix = match GetTarget::here() {
                GetTarget::Rustup => "run `rustup update stable`".to_owned(),
                GetTarget::WithoutRustup => install(),
            };
            Finding::but(name, State::Missing, format!("{found}; the SDK needs {RUST_VERSION} or newer"), fix)
        }
    }
}

fn target(is_there: bool) -> Finding {
    if is_there {
        Finding::ok("target", TARGET)
    } else {
        let fix = GetTarget::here().to_string();
        Finding::but("target", State::Missing, format!("{TARGET} is not installed"), fix)
    }
}

fn other(name: &'static str, programs: &[&str], what: &str, package: &str) -> Finding {
    if let Some(found) = programs.iter().find_map(|program| version(program, Path::new("."))) {
        return Finding::ok(name, format!("{found}; {what}"));
    }
    let fix = format!("only where it is wanted: `sudo apt-get install {package}`");
    Finding::but(name, State::Optional, format!("not found; {what}"), fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_names_its_command() {
        let missing = rust("rustc", None);
        assert_eq!(missing.state, State::Missing);
        assert!(missing.fix.unwrap().contains(INSTALL_RUST));
        let old = rust("rustc", Some("rustc 1.60.0".to_owned()));
        assert!(old.state == State::Missing && old.found.contains("needs"), "{old:?}");
        assert!(rust("rustc", Some(format!("rustc {RUST_VERSION}.0"))).fix.is_none());
        assert!(target(false).fix.unwrap().contains(&format!("rustup target add {TARGET}")));
        let optional = other("node", &["no-such-program-anywhere"], "draws", "nodejs");
        assert_eq!((optional.state, optional.found.as_str()), (State::Optional, "not found; draws"));
    }
}
