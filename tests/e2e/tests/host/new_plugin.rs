//! From nothing to a strategy of one's own.

use std::process::Command;

use cryptobot_e2e::{Ran, Sandbox, run_to_end, scratch, skip, start};

/// Words of cargo that mean: no network.
const NO_NETWORK: [&str; 4] =
    ["Could not resolve host", "failed to download", "network failure", "Could not connect"];

/// Runs a command in the new project. Builds go to a folder that is kept, so that only the first is long.
fn in_project(sandbox: &Sandbox, command: &mut Command) -> Ran {
    let home = std::env::var_os("HOME").unwrap_or_default();
    let cargo_home =
        std::env::var_os("CARGO_HOME").unwrap_or_else(|| std::path::Path::new(&home).join(".cargo").into());
    let rustup_home =
        std::env::var_os("RUSTUP_HOME").unwrap_or_else(|| std::path::Path::new(&home).join(".rustup").into());
    command
        .current_dir(sandbox.path("my-strategy"))
        .env("CARGO_HOME", cargo_home)
        .env("RUSTUP_HOME", rustup_home)
        .env("CARGO_TARGET_DIR", scratch().join("new-plugin"))
        .env("CARGO_TERM_COLOR", "never");
    run_to_end(start(command))
}

#[test]
fn a_new_plugin_is_tested_built_checked_and_run() {
    let sandbox = Sandbox::with_sample();
    let made = sandbox.host("plugin new my-strategy").expect(0);
    assert!(made.stdout.contains("host plugin build"), "{}", made.stdout);
    sandbox.host("plugin new my-strategy").refused(2, &["my-strategy exists already"]);
    sandbox.host("plugin new My_Strategy").refused(2, &["`My_Strategy`", "small letters"]);

    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tested = in_project(&sandbox, Command::new(cargo).arg("test"));
    if NO_NETWORK.iter().any(|words| tested.stderr.contains(words)) {
        return skip("the package registry cannot be reached");
    }
    assert!(tested.expect(0).stdout.contains("test result: ok"));

    let built = in_project(&sandbox, &mut sandbox.command("plugin build")).expect(0);
    assert!(built.stdout.contains("dist/my-strategy.wasm"), "{}", built.stdout);
    let played = in_project(&sandbox, &mut sandbox.command("plugin test")).expect(0);
    assert!(played.stdout.ends_with("1 passed, 0 failed\n"), "{}", played.stdout);
    let case = "my-strategy/tests/rise-and-fall/case.yaml";
    sandbox.write(case, sandbox.read(case).replace("equity: 930", "equity: 931"));
    let failed = sandbox.host("plugin test my-strategy").expect(1);
    assert!(failed.stdout.contains("equity: expected 931, is 930"), "{}", failed.stdout);
    let failed = sandbox.host("plugin test my-strategy --format json").expect(1).json();
    assert_eq!((&failed["failed"], &failed["cases"][0]["name"]), (&1.into(), &"rise-and-fall".into()));
    sandbox.host("plugin test my-strategy --case none").refused(2, &["no test case `none`", "rise-and-fall"]);
    sandbox.host("plugin test my-strategy --update").expect(0);
    sandbox.host("plugin test my-strategy/dist/my-strategy.wasm").expect(0);
    let plugin = "my-strategy/dist/my-strategy.wasm";
    let checked = sandbox.host(&format!("plugin check {plugin}")).expect(0);
    assert!(!checked.stdout.contains("problem"), "{}", checked.stdout);
    let inspected = sandbox.host(&format!("plugin inspect {plugin} --format json")).expect(0).json();
    assert_eq!(inspected["name"], "my-strategy");
    assert!(!inspected["params"].as_array().unwrap().is_empty());
    let summary =
        sandbox.host(&format!("run --plugin {plugin} --timeframe 1h --format json")).expect(0).json();
    assert_eq!(summary["run"]["plugin"], "my-strategy");
    assert_eq!(summary["run"]["plugin_sha256"], inspected["sha256"]);
    assert!(summary["trades"].as_u64().unwrap() > 0, "a new project trades: {}", summary["refused"]);
}
