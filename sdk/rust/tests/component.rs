//! The first-party plugins as components: they build, validate and import only what they use.
//!
//! Skipped with the reason where the compiler has no `wasm32-unknown-unknown`.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The core module of a package of the workspace.
fn build(package: &str) -> Option<Vec<u8>> {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().unwrap();
    let sysroot = String::from_utf8(sysroot.stdout).unwrap();
    if !Path::new(sysroot.trim()).join("lib/rustlib/wasm32-unknown-unknown").exists() {
        println!("skipped: rustup target add wasm32-unknown-unknown");
        return None;
    }
    // A folder of its own, because cargo may hold the lock of the one it tests in.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugins");
    let status = Command::new(env!("CARGO"))
        .current_dir(repository())
        .args([
            "build",
            "--quiet",
            "--profile",
            "plugin",
            "--target",
            "wasm32-unknown-unknown",
            "-p",
            package,
        ])
        .arg("--target-dir")
        .arg(&target)
        .status()
        .unwrap();
    assert!(status.success(), "{package} does not build");
    let file = format!("wasm32-unknown-unknown/plugin/{}.wasm", package.replace('-', "_"));
    Some(std::fs::read(target.join(file)).unwrap())
}

/// Names of a component's own imports and exports, without the version.
fn interface(component: &[u8]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut imports, mut exports) = (BTreeSet::new(), BTreeSet::new());
    let name = |name: &str| name.split('@').next().unwrap_or(name).replace("cryptobot:plugin/", "");
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) if depth > 0 => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                imports.extend(section.into_iter().map(|import| name(import.unwrap().name.name)));
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                exports.extend(section.into_iter().map(|export| name(export.unwrap().name.name)));
            }
            _ => {}
        }
    }
    (imports, exports)
}

fn check(package: &str, uses: &[&str]) {
    let Some(core) = build(package) else { return };
    let mut encoder = ComponentEncoder::default();
    let component = encoder.validate(true).module(&core).unwrap().encode().unwrap();
    let (imports, exports) = interface(&component);
    // The panic hook logs; the types of the contract come along with any interface that uses them. Every plugin of the SDK
    // takes pages; `paging` is for those that ask the host for something that differs between rows.
    let expected: BTreeSet<String> =
        uses.iter().chain(&["log", "types"]).map(|name| (*name).to_owned()).collect();
    assert_eq!(imports, expected, "{package}");
    assert_eq!(exports, ["events", "lifecycle", "paged"].map(str::to_owned).into(), "{package}");
    println!("{package}: {} bytes as a component", component.len());
    assert!(component.len() < 200_000, "{package}: {} bytes", component.len());
}

#[test]
fn plugins_import_only_what_they_use() {
    check("sma-flip", &["orders"]);
    check("buy-and-hold", &["account", "orders", "paging"]);
    check("trend", &["account", "orders", "paging"]);
    check("mean-reversion", &["account", "advanced-orders", "indicators", "orders", "paging", "signals"]);
    check("guarded-flip", &["account", "orders", "paging"]);
    check("signal-flip", &["signals"]);
    check("breakout", &["account", "advanced-orders", "orders", "paging", "signals"]);
    check("arbitrage-scout", &["account", "orders", "signals", "paging"]);
}
