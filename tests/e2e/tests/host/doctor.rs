//! What the machine has, and what is said where something is missing.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use cryptobot_e2e::{Ran, Sandbox, run_to_end, start};
use serde_json::Value;

/// Runs a command without any program to be found.
fn without_tools(sandbox: &Sandbox, arguments: &str) -> Ran {
    run_to_end(start(sandbox.command(arguments).env("PATH", sandbox.path("home"))))
}

fn finding<'a>(diagnosis: &'a Value, name: &str) -> &'a Value {
    let findings = diagnosis["findings"].as_array().unwrap();
    findings
        .iter()
        .find(|finding| finding["name"] == name)
        .unwrap_or_else(|| panic!("no {name}: {diagnosis}"))
}

#[test]
fn what_is_missing_comes_with_its_fix() {
    let sandbox = Sandbox::new();
    let diagnosis = without_tools(&sandbox, "doctor --format json").expect(1).json();
    assert_eq!(diagnosis["ok"], false);
    for (name, state, fix) in [
        ("rustc", "missing", "https://sh.rustup.rs | sh"),
        ("cargo", "missing", "https://sh.rustup.rs | sh"),
        ("target", "missing", "rustup target add wasm32-unknown-unknown"),
        ("node", "optional", "apt-get install nodejs"),
        ("data", "missing", "host data generate"),
        ("plugins", "note", "host plugin new"),
    ] {
        let found = finding(&diagnosis, name);
        assert_eq!(found["state"], state, "{found}");
        assert!(found["fix"].as_str().unwrap().contains(fix), "{found}");
    }
    let shown = without_tools(&sandbox, "doctor").expect(1).stdout;
    assert!(shown.contains("missing   rustc") && shown.ends_with("that are needed are missing\n"), "{shown}");
    assert!(!sandbox.path("home/.cache").exists(), "looking changes nothing");
}

#[test]
fn a_build_without_a_toolchain_says_how_to_get_one() {
    let sandbox = Sandbox::new();
    sandbox.host("plugin new mine").expect(0);
    let said = without_tools(&sandbox, "plugin build mine");
    said.refused(1, &["cannot run `cargo`", "https://sh.rustup.rs | sh", "host doctor"]);
}

#[test]
fn compiled_plugins_are_counted_and_evicted() {
    let sandbox = Sandbox::with_sample();
    sandbox.host("plugin inspect sma-flip").expect(0);
    let place = "home/.cache/cryptobot-pro/compiled";
    let old = sandbox.path(format!("{place}/{}-{}", "a".repeat(64), "b".repeat(16)));
    fs::write(&old, b"old").unwrap();
    let diagnosis = sandbox.host("doctor --format json").json();
    assert!(
        finding(&diagnosis, "cache")["found"].as_str().unwrap().contains("mode 700, 2 entries"),
        "{diagnosis}"
    );
    assert_eq!(finding(&diagnosis, "sample")["state"], "ok");
    assert_eq!(finding(&diagnosis, "data")["state"], "ok");

    assert!(sandbox.host("doctor --clean").stderr.contains("removed 1 compiled plugins"));
    assert!(!old.exists());
    assert!(sandbox.host("doctor --clean all").stderr.contains("removed 1 compiled plugins"));
    sandbox.host("plugin inspect sma-flip").expect(0);

    fs::set_permissions(sandbox.path(place), fs::Permissions::from_mode(0o777)).unwrap();
    sandbox.host("doctor --clean").refused(1, &["nothing was removed", "chmod 700"]);
    let diagnosis = sandbox.host("doctor --format json").json();
    assert!(finding(&diagnosis, "cache")["fix"].as_str().unwrap().contains("chmod 700"), "{diagnosis}");
}
