//! A plugin's way from a new folder to a checked component, as the command line walks it.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use cryptobot_model::RunMode;
use cryptobot_plugin::inspect::Interface;
use cryptobot_plugin::{BuildError, Language, Limits, Loader, PluginFile, build, check, inspect, new};
use cryptobot_wasm::RuntimeConfig;
use proptest::prelude::*;

fn plugins() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins")
}

fn loader() -> Loader {
    Loader::new(RuntimeConfig::default())
}

/// The hostile plugin, which is honest by default; built once.
fn honest() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("honest");
        build(&plugins().join("hostile"), &out).unwrap_or_else(|error| panic!("{error}")).path
    })
}

/// A crate without dependencies in a folder of its own.
fn package(dir: &Path, lib: &str, source: &str) {
    fs::create_dir_all(dir.join("src")).unwrap();
    let manifest = format!(
        "[package]\nname = \"sample\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{lib}\n[workspace]\n"
    );
    fs::write(dir.join("Cargo.toml"), manifest).unwrap();
    fs::write(dir.join("src/lib.rs"), source).unwrap();
}

#[test]
fn a_new_project_tests_builds_and_passes_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("my-first");
    let project = new(&dir, Language::Rust, None).unwrap();
    assert!(project.files.iter().all(|file| dir.join(file).is_file()));

    // A build folder apart from the repository's, of which nothing may be needed; kept for the next time.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-projects");
    fs::create_dir(folder.path().join(".cargo")).unwrap();
    fs::write(folder.path().join(".cargo/config.toml"), format!("[build]\ntarget-dir = {target:?}\n"))
        .unwrap();

    let own_tests = Command::new("cargo")
        .args(["test", "--quiet"])
        .current_dir(&dir)
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&own_tests.stderr);
    assert!(own_tests.status.success(), "{}{said}", String::from_utf8_lossy(&own_tests.stdout));
    assert!(!said.contains("warning"), "{said}");
    let ran = String::from_utf8_lossy(&own_tests.stdout);
    assert!(!ran.starts_with("\nrunning 0 tests"), "{ran}");

    let built = build(&dir, &dir).unwrap();
    assert_eq!(built.path, dir.join("my-first.wasm"));
    assert_eq!(built.size_bytes, fs::metadata(&built.path).unwrap().len());
    let report = check(&loader(), &built.path, &Limits::default());
    assert!(report.is_ok(), "{:?}", report.problems);
    assert_eq!(report.info.unwrap().name, "my-first");

    // What it declares is what it is held to.
    assert_eq!(built.notes, Vec::<String>::new());
    let project = fs::read_to_string(dir.join("Cargo.toml")).unwrap();
    let declaring = |interfaces: &str| {
        let changed = project.replace(r#"interfaces = ["orders", "account"]"#, interfaces);
        assert_ne!(changed, project);
        fs::write(dir.join("Cargo.toml"), changed).unwrap();
        build(&dir, &dir)
    };
    let error = declaring("interfaces = [\"account\"]").unwrap_err().to_string();
    assert!(error.contains("uses orders, which it does not declare"), "{error}");
    let line = "write interfaces = [\"orders\", \"account\"] below [package.metadata.cryptobot] in ";
    assert!(error.contains(line), "{error}");
    let error = declaring("interfaces = [\"accounts\"]").unwrap_err().to_string();
    assert!(
        error.contains("Cargo.toml: [package.metadata.cryptobot]: interfaces: unknown variant `accounts`"),
        "{error}"
    );
    let unused = declaring("interfaces = [\"orders\", \"account\", \"random\"]").unwrap();
    assert!(unused.notes[0].starts_with("it declares random and does not use it"), "{:?}", unused.notes);
    let manifest = PluginFile::read(&unused.path).unwrap().manifest().cloned().unwrap();
    assert_eq!((manifest.plugin.as_str(), manifest.version.as_str()), ("my-first", "0.1.0"));
    assert_eq!(manifest.declares.limits.memory_mib, Some(16));
}

#[test]
fn a_project_can_use_an_sdk_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("mine");
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/rust");
    new(&dir, Language::Rust, Some(&sdk)).unwrap();
    assert!(!dir.join("sdk").exists());
    let manifest = fs::read_to_string(dir.join("Cargo.toml")).unwrap();
    let expected = format!("cryptobot-sdk = {{ path = \"{}\" }}", fs::canonicalize(sdk).unwrap().display());
    assert!(manifest.contains(&expected), "{manifest}");
}

#[test]
fn what_cannot_be_built_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let out = dir.join("out");
    let error = |dir: &Path| build(dir, &out).unwrap_err();

    assert!(matches!(error(dir), BuildError::NoManifest(_)));
    fs::write(dir.join("Cargo.toml"), "[package").unwrap();
    assert!(matches!(error(dir), BuildError::Manifest { .. }));
    fs::write(dir.join("Cargo.toml"), "[workspace]\n").unwrap();
    assert!(matches!(error(dir), BuildError::Workspace(_)));

    let cdylib = "[lib]\ncrate-type = [\"cdylib\"]";
    package(&dir.join("rlib"), "", "");
    assert!(matches!(error(&dir.join("rlib")), BuildError::NotCdylib(name) if name == "sample"));
    package(&dir.join("broken"), cdylib, "fn main( {");
    assert!(matches!(error(&dir.join("broken")), BuildError::Compile(name) if name == "sample"));
    package(
        &dir.join("stranger"),
        cdylib,
        "#[unsafe(no_mangle)] pub extern \"C\" fn add(a: i32) -> i32 { a + 1 }",
    );
    let stranger = error(&dir.join("stranger"));
    assert!(matches!(stranger, BuildError::Component { .. } | BuildError::Refused { .. }), "{stranger}");
    assert!(!out.exists(), "nothing is written for what was not built");
}

#[test]
fn inspection_tells_what_a_plugin_is() {
    let inspection = inspect(&loader(), honest(), &Limits::default()).unwrap();
    assert_eq!((inspection.name.as_str(), inspection.contract.as_str()), ("hostile", "0.1.0"));
    assert_eq!(inspection.sha256, cryptobot_wasm::sha256(&fs::read(honest()).unwrap()));
    let functions = |interfaces: &[Interface], name: &str| {
        let interface = interfaces.iter().find(|interface| interface.name == name);
        interface.unwrap_or_else(|| panic!("no {name}")).functions.clone()
    };
    assert_eq!(functions(&inspection.imports, "cryptobot:plugin/log@0.1.0"), ["write"]);
    let events = functions(&inspection.exports, "cryptobot:plugin/events@0.1.0");
    assert_eq!(events, ["on-bar", "on-order", "on-position-close", "on-timer"]);

    assert!(inspection.manifest.is_none());
    assert_eq!(inspection.default_modes, [RunMode::Backtest, RunMode::Simulation, RunMode::Paper].into());

    let json = serde_json::to_value(&inspection).unwrap();
    assert_eq!(json["params"][0]["name"], "behaviour");
    assert_eq!(json["params"][0]["type"], "text");
    assert_eq!(json["params"][0]["default"], "none");
    assert_eq!(json["series"][0]["timeframe"], serde_json::Value::Null);
    assert_eq!(json["wants"], serde_json::json!(["bars", "orders", "position-closes", "timers"]));
}

#[test]
fn first_party_plugins_pass_the_check() {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("first-party");
    for name in ["sma-flip", "trend", "mean-reversion", "buy-and-hold", "arbitrage-scout", "breakout"] {
        let built = build(&plugins().join(name), &out).unwrap_or_else(|error| panic!("{error}"));
        let report = check(&loader(), &built.path, &Limits::default());
        assert!(report.is_ok(), "{name}: {:?}", report.problems);
        assert_eq!(report.info.unwrap().name, name);
        assert_eq!(built.notes, Vec::<String>::new(), "{name} declares exactly what it uses");
        assert_eq!(PluginFile::read(&built.path).unwrap().manifest().unwrap().plugin, name);
        // A capability is an interface: who places no brackets does not ask for it.
        let inspection = inspect(&loader(), &built.path, &Limits::default()).unwrap();
        let advanced =
            inspection.imports.iter().find(|import| import.name == "cryptobot:plugin/advanced-orders@0.1.0");
        let functions = advanced.map(|interface| interface.functions.join(" "));
        let uses = match name {
            "breakout" => Some("submit submit-bracket"),
            "mean-reversion" => Some("submit-bracket"),
            _ => None,
        };
        assert_eq!(functions.as_deref(), uses, "{name}");
    }
}

#[test]
fn the_check_says_what_is_wrong() {
    let good = check(&loader(), honest(), &Limits::default());
    assert!(good.is_ok(), "{:?}", good.problems);
    assert!(good.passed.iter().any(|line| line.contains("survives 500 bars")), "{:?}", good.passed);

    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("liar");
    let liar = build(&plugins().join("hostile/liar"), &out).unwrap();
    let report = check(&loader(), &liar.path, &Limits::default());
    assert!(!report.is_ok());
    assert!(report.problems[0].contains("the default of `fast` must lie in 20..30"), "{:?}", report.problems);

    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let report = check(&loader(), &text, &Limits::default());
    assert!(report.problems[0].contains("not a WebAssembly file"), "{:?}", report.problems);
}

proptest! {
    // Each case may compile and run a component.
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_file_is_the_check_ends_in_plain_lines(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 0..4),
        kept in prop_oneof![3 => Just(1.0), 1 => 0.0..1.0_f64],
        noise in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut bytes = fs::read(honest()).unwrap();
        for (index, change) in flips {
            let index = index.index(bytes.len());
            bytes[index] ^= change;
        }
        bytes.truncate((bytes.len() as f64 * kept) as usize);
        bytes.extend(&noise);
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        let mut limits = Limits::default();
        limits.component.callback_deadline_ms = 100;
        limits.component.init_deadline_ms = 400;
        let report = check(&loader(), file.path(), &limits);
        for line in report.passed.iter().chain(&report.problems) {
            prop_assert!(!line.is_empty() && !line.contains(char::is_control), "{line:?}");
        }
        prop_assert!(report.is_ok() || report.problems.iter().all(|line| line.len() < 1_000), "{report:?}");
    }
}
