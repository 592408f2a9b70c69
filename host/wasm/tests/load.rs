//! What is not a plugin is refused with a message that helps, and nothing makes the loader panic.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_types)]

mod common;

use std::fs;
use std::path::Path;

use common::{dummy, dummy_of, hostile, liar, runtime};
use cryptobot_engine::FaultKind;
use cryptobot_wasm::{Limits, LoadError, MAX_COMPONENT_BYTES, Runtime};
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
            dummy(&format!("world w {{ {strategy} import cryptobot:plugin/features@0.1.0; }}")),
            "cryptobot:plugin/features, which this host does not serve yet",
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

#[test]
fn other_versions_of_the_contract_are_named() {
    let contract = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/v0.1");
    for file in fs::read_dir(source).unwrap() {
        let file = file.unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        fs::write(contract.path().join(file.file_name()), text.replace("plugin@0.1.0", "plugin@0.2.0"))
            .unwrap();
    }
    let bytes = dummy_of(contract.path(), "world w { include cryptobot:plugin/strategy@0.2.0; }");
    let line = refusal(&runtime(), &bytes);
    assert!(line.contains("built for plugin contract 0.2.0, this host speaks 0.1"), "{line}");
}

#[test]
fn changed_types_are_noticed() {
    let contract = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/v0.1");
    for file in fs::read_dir(source).unwrap() {
        let file = file.unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        let changed = text.replace("equity: func() -> f64", "equity: func() -> string");
        fs::write(contract.path().join(file.file_name()), changed).unwrap();
    }
    let bytes = dummy_of(contract.path(), "world w { include cryptobot:plugin/strategy@0.1.0; }");
    assert!(matches!(runtime().load_bytes(&bytes), Err(LoadError::Mismatch(_))));
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
