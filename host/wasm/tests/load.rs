//! What is not a plugin is refused with a message that helps, and nothing makes the loader panic.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_types)]

mod common;

use std::fs;
use std::path::Path;

use common::{dummy, dummy_of, hostile, liar, runtime};
use cryptobot_engine::FaultKind;
use cryptobot_wasm::{ContractVersion, Limits, LoadError, MAX_COMPONENT_BYTES, Runtime};
use proptest::prelude::*;

fn refusal(runtime: &Runtime, bytes: &[u8]) -> String {
    let line = runtime.load_bytes(bytes).unwrap_err().to_string();
    assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
    line
}

#[test]
fn wrong_files_are_named_for_what_they_are() {
    let runtime = runtime();
    let strategy = "include cryptobot:plugin/strategy@0.1.0;";
    let cases = [
        (Vec::new(), "not a WebAssembly file"),
        (b"#!/bin/sh\necho hello\n".to_vec(), "not a WebAssembly file"),
        (b"\0asm\x01\0\0\0".to_vec(), "not a component; `host plugin build`"),
        (b"\0asm\x0d\0\x01\0".to_vec(), "does not export cryptobot:plugin/lifecycle@0.1"),
        (hostile()[..hostile().len() / 2].to_vec(), "damaged or truncated"),
        (dummy("world w { export run: func(); }"), "not a strategy"),
        (
            dummy("world w { include cryptobot:plugin/model@0.1.0; }"),
            "inference, which this host does not serve yet",
        ),
        (
            dummy(&format!("world w {{ {strategy} import cryptobot:plugin/predictions@0.1.0; }}")),
            "cryptobot:plugin/predictions, which this host does not serve yet",
        ),
        (
            dummy(&format!("world w {{ {strategy} import steal: interface {{ keys: func() -> string; }} }}")),
            "imports `steal`, which is not part of the plugin contract 0.1",
        ),
    ];
    for (bytes, words) in cases {
        let line = refusal(&runtime, &bytes);
        assert!(line.contains(words), "expected `{words}` in: {line}");
    }
}

#[test]
fn an_interface_is_imported_by_those_who_use_it() {
    let runtime = runtime();
    let exports = "export cryptobot:plugin/lifecycle@0.1.0; export cryptobot:plugin/events@0.1.0;";
    let imports = |imports: &str| {
        let plugin = runtime.load_bytes(&dummy(&format!("world w {{ {imports} {exports} }}"))).unwrap();
        let names = plugin.imports().iter().map(|name| name.split(['/', '@']).nth(1).unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(imports("import cryptobot:plugin/orders@0.1.0;"), ["types", "orders"]);
    assert_eq!(
        imports("import cryptobot:plugin/advanced-orders@0.1.0; import cryptobot:plugin/signals@0.1.0;"),
        ["types", "advanced-orders", "signals"]
    );
}

#[test]
fn operating_systems_are_not_served() {
    let contract = tempfile::tempdir().unwrap();
    let wasi = "package wasi:filesystem@0.2.0; interface types { read: func() -> u32; }";
    fs::write(contract.path().join("wasi.wit"), wasi).unwrap();
    let bytes = dummy_of(contract.path(), "world w { import wasi:filesystem/types@0.2.0; }");
    let line = refusal(&runtime(), &bytes);
    assert!(
        line.contains("wasi:filesystem/types@0.2.0") && line.contains("wasm32-unknown-unknown"),
        "{line}"
    );
}

/// A component of a contract that differs from the newest one by a replacement in its text.
fn of_changed_contract(from: &str, to: &str, world: &str) -> Vec<u8> {
    let contract = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/v0.1");
    for file in fs::read_dir(source).unwrap() {
        let file = file.unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        fs::write(contract.path().join(file.file_name()), text.replace(from, to)).unwrap();
    }
    dummy_of(contract.path(), world)
}

#[test]
fn other_versions_of_the_contract_are_named() {
    let of = |version: &str| {
        let world = format!("world w {{ include cryptobot:plugin/strategy@{version}; }}");
        let bytes = of_changed_contract("plugin@0.1.0", &format!("plugin@{version}"), &world);
        refusal(&runtime(), &bytes)
    };
    for newer in ["0.2.0", "1.0.0", "1.2.3"] {
        let line = of(newer);
        assert!(
            line.contains(&format!("plugin contract {newer}, which is newer than what this host speaks")),
            "{line}"
        );
        assert!(line.contains("(0.0.1 and 0.1); take a newer host"), "{line}");
    }
    let line = of("0.0.7");
    assert!(
        line.contains("contract 0.0.7, which this host does not speak (it speaks 0.0.1 and 0.1)"),
        "{line}"
    );
}

#[test]
fn a_later_patch_of_a_track_is_taken_as_far_as_it_is_known() {
    let world = "world w { include cryptobot:plugin/strategy@0.1.4; }";
    let same = of_changed_contract("plugin@0.1.0", "plugin@0.1.4", world);
    assert_eq!(runtime().load_bytes(&same).unwrap().contract(), ContractVersion::V0_1);
}

#[test]
fn changed_types_are_noticed() {
    let world = "world w { include cryptobot:plugin/strategy@0.1.0; }";
    let bytes = of_changed_contract("equity: func() -> f64", "equity: func() -> string", world);
    let version = ContractVersion::V0_1;
    assert!(
        matches!(runtime().load_bytes(&bytes), Err(LoadError::Mismatch { version: of, .. }) if of == version)
    );
}

#[test]
fn the_version_is_read_from_the_component() {
    let first = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/v0.0");
    let world = "world w { include cryptobot:plugin/strategy@0.0.1; }";
    let plugin = runtime().load_bytes(&dummy_of(&first, world)).unwrap();
    assert_eq!(plugin.contract(), ContractVersion::V0_0);
    let newest =
        runtime().load_bytes(&dummy("world w { include cryptobot:plugin/strategy@0.1.0; }")).unwrap();
    assert_eq!(newest.contract(), ContractVersion::V0_1);
}

#[test]
fn paths_that_are_no_files_are_refused() {
    let runtime = runtime();
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(runtime.load(folder.path()), Err(LoadError::NotAFile)));
    assert!(matches!(runtime.load(&folder.path().join("none.wasm")), Err(LoadError::Io(_))));
    assert!(matches!(runtime.load(Path::new("/dev/zero")), Err(LoadError::NotAFile)));
    let huge = folder.path().join("huge.wasm");
    fs::File::create(&huge).unwrap().set_len(MAX_COMPONENT_BYTES + 1).unwrap();
    assert!(matches!(runtime.load(&huge), Err(LoadError::TooLarge { .. })));
}

#[test]
fn a_description_is_not_believed() {
    let runtime = runtime();
    let lie = runtime.load_bytes(&liar()).unwrap().describe(&Limits::default()).unwrap_err();
    assert_eq!(lie.to_string(), "contract: describe: the default of `fast` must lie in 20..30, not 10");
    let trapping =
        runtime.load_bytes(&dummy("world w { include cryptobot:plugin/strategy@0.1.0; }")).unwrap();
    assert_eq!(trapping.describe(&Limits::default()).unwrap_err().kind, FaultKind::Trap);
    let honest = runtime.load_bytes(hostile()).unwrap().describe(&Limits::default()).unwrap();
    assert_eq!((honest.name.as_str(), honest.params.len()), ("hostile", 2));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn truncated_files_are_refused(fraction in 0.0..1.0_f64) {
        let length = (hostile().len() as f64 * fraction) as usize;
        prop_assert!(cryptobot_wasm::validate(&hostile()[..length]).is_err());
    }

    #[test]
    fn random_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2_000), magic in any::<bool>()) {
        let mut file = if magic { b"\0asm\x0d\0\x01\0".to_vec() } else { Vec::new() };
        file.extend(bytes);
        prop_assert!(cryptobot_wasm::validate(&file).is_err());
    }
}

proptest! {
    // Each case may compile and run a component.
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bytes_never_harm_the_host(flips in proptest::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4)) {
        let mut bytes = hostile().to_vec();
        for (index, change) in flips {
            let index = index.index(bytes.len());
            bytes[index] ^= change;
        }
        // Most are refused; what loads may describe itself wrongly or trap, and nothing else.
        if let Ok(plugin) = runtime().load_bytes(&bytes) {
            let short = Limits { init_deadline_ms: 400, ..Limits::default() };
            let _ = plugin.describe(&short);
        }
    }
}
