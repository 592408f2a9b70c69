//! What stands between a file and the compiler: manifests, capabilities, caps, and a child that compiles.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_types)]

mod common;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use common::dummy;
use cryptobot_model::{Capability, Declaration, Manifest};
use cryptobot_wasm::{
    ChildCompiler, CompileLimits, Compiler, LoadError, MAX_DECLARATIONS, MAX_FUNCTION_BYTES, MAX_FUNCTIONS,
    MAX_IMPORTS, MAX_MODULES, MAX_NESTING, MAX_TYPES, PluginFile, Runtime, RuntimeConfig, read_manifest,
};
use wasm_encoder::{
    CodeSection, Component, ComponentSection, ConstExpr, CustomSection, EntityType, Function,
    FunctionSection, GlobalSection, GlobalType, ImportSection, Module, ModuleSection, NestedComponentSection,
    TypeSection, ValType,
};

/// A strategy in which every function traps, and which imports these interfaces.
fn importing(interfaces: &[&str]) -> Vec<u8> {
    let imports: Vec<String> =
        interfaces.iter().map(|name| format!("import cryptobot:plugin/{name}@0.1.0;")).collect();
    let imports = imports.join(" ");
    dummy(&format!(
        "world w {{ {imports} export cryptobot:plugin/lifecycle@0.1.0; export cryptobot:plugin/events@0.1.0; }}"
    ))
}

fn manifest(interfaces: impl IntoIterator<Item = Capability>) -> Manifest {
    Manifest {
        format: Manifest::FORMAT,
        plugin: "dummy".to_owned(),
        version: "1.0.0".to_owned(),
        declares: Declaration { interfaces: interfaces.into_iter().collect(), ..Declaration::default() },
    }
}

fn with_manifest(component: &[u8], manifest: &Manifest) -> Vec<u8> {
    let mut bytes = component.to_owned();
    cryptobot_plugin::manifest::embed(&mut bytes, manifest).unwrap();
    bytes
}

/// The refusal in one line.
fn refusal(bytes: Vec<u8>) -> String {
    let line = PluginFile::parse(bytes).unwrap_err().to_string();
    assert!(!line.contains(char::is_control), "{line:?}");
    line
}

const SERVED: [Capability; 9] = [
    Capability::Market,
    Capability::Orders,
    Capability::AdvancedOrders,
    Capability::Signals,
    Capability::Account,
    Capability::Indicators,
    Capability::Features,
    Capability::Timers,
    Capability::Random,
];

#[test]
fn each_capability_has_to_be_declared() {
    for capability in SERVED {
        let component = importing(&[capability.name()]);
        let others = SERVED.into_iter().filter(|other| *other != capability);
        let line = refusal(with_manifest(&component, &manifest(others)));
        let expected = format!("imports cryptobot:plugin/{capability}, which its manifest does not declare");
        assert!(line.contains(&expected), "{line}");

        let file = PluginFile::parse(with_manifest(&component, &manifest([capability]))).unwrap();
        assert_eq!(file.capabilities(), BTreeSet::from([capability]));
        assert_eq!(file.declaration(), manifest([capability]).declares);
    }
    for capability in Capability::ALL.into_iter().filter(|capability| !SERVED.contains(capability)) {
        let line = refusal(with_manifest(&importing(&[capability.name()]), &manifest([capability])));
        assert!(line.contains("which this host does not serve yet"), "{line}");
    }
}

#[test]
fn the_base_needs_no_declaration() {
    let file =
        PluginFile::parse(with_manifest(&importing(&["types", "log", "clock"]), &manifest([]))).unwrap();
    assert_eq!(file.capabilities(), BTreeSet::new());
}

#[test]
fn without_a_manifest_imports_are_what_is_declared() {
    let file = PluginFile::parse(importing(&["orders", "log", "random"])).unwrap();
    assert!(file.manifest().is_none());
    let expected = Declaration::of_imports([Capability::Orders, Capability::Random].into());
    assert_eq!(file.declaration(), expected);
}

#[test]
fn manifests_that_make_no_sense_are_named() {
    let component = importing(&["orders"]);
    let section = |json: &[u8]| {
        let mut bytes = component.clone();
        let data = json.to_owned().into();
        CustomSection { name: Manifest::SECTION.into(), data }.append_to_component(&mut bytes);
        bytes
    };
    let long = " ".repeat(70_000).into_bytes();
    for (json, words) in [
        (&b""[..], "its manifest cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"{\"format\":2,\"news\":true}", "has format 2, this host reads 1; take a newer host"),
        (b"{\"format\":1}", "missing field `plugin`"),
        (b"{\"format\":1,\"plugin\":\"../a\",\"version\":\"1\",\"declares\":{}}", "is wrong: plugin must be"),
        (
            b"{\"format\":1,\"plugin\":\"a\",\"version\":\"1\",\"declares\":{\"interfaces\":[\"files\"]}}",
            "unknown variant `files`",
        ),
        (
            b"{\"format\":1,\"plugin\":\"a\",\"version\":\"1\",\"declares\":{\"limits\":{\"memory_mib\":0}}}",
            "declares.limits.memory_mib must lie in 1..65536",
        ),
        (&long, "at most 65536 are read"),
    ] {
        let line = refusal(section(json));
        assert!(line.contains(words), "expected `{words}` in: {line}");
    }
    let twice = with_manifest(&with_manifest(&component, &manifest(SERVED)), &manifest([]));
    assert!(refusal(twice).contains("stands in it twice"));
    // Deep nesting of JSON is the parser's to bound.
    assert!(read_manifest("[".repeat(60_000).as_bytes()).is_err());
}

/// A component around one core module.
fn around(module: &Module) -> Vec<u8> {
    let mut component = Component::new();
    component.section(&ModuleSection(module));
    component.finish()
}

#[test]
fn what_has_too_much_of_anything_is_refused_before_it_is_validated() {
    let mut nested = Component::new();
    for _ in 0..MAX_NESTING {
        let mut outer = Component::new();
        outer.section(&NestedComponentSection(&nested));
        nested = outer;
    }
    let mut modules = Component::new();
    (0..MAX_MODULES).for_each(|_| {
        modules.section(&ModuleSection(&Module::new()));
    });
    let mut types = TypeSection::new();
    (0..=MAX_TYPES).for_each(|_| types.ty().function([], []));
    let mut functions = FunctionSection::new();
    (0..=MAX_FUNCTIONS).for_each(|_| {
        functions.function(0);
    });
    let mut imports = ImportSection::new();
    (0..=MAX_IMPORTS).for_each(|_| {
        imports.import("a", "b", EntityType::Function(0));
    });
    let mut globals = GlobalSection::new();
    let global = GlobalType { val_type: ValType::I32, mutable: false, shared: false };
    (0..=MAX_DECLARATIONS).for_each(|_| {
        globals.global(global, &ConstExpr::i32_const(0));
    });
    let mut long = Function::new([]);
    long.raw(vec![0x01; MAX_FUNCTION_BYTES as usize]);
    let mut code = CodeSection::new();
    code.function(&long);

    let mut one_type = TypeSection::new();
    one_type.ty().function([], []);
    let mut one_function = FunctionSection::new();
    one_function.function(0);
    let mut bomb = Module::new();
    bomb.section(&one_type).section(&one_function).section(&code);

    for (bytes, what) in [
        (nested.finish(), "levels of nesting"),
        (modules.finish(), "modules"),
        (around(Module::new().section(&types)), "types"),
        (around(Module::new().section(&functions)), "functions"),
        (around(Module::new().section(&imports)), "imports"),
        (around(Module::new().section(&globals)), "declarations"),
        (around(&bomb), "bytes in one function"),
    ] {
        let started = Instant::now();
        match PluginFile::parse(bytes) {
            Err(LoadError::TooMany { what: named, count, most }) => {
                assert_eq!(named, what);
                assert!(count > most);
            }
            other => panic!("{what}: {other:?}"),
        }
        assert!(started.elapsed() < Duration::from_secs(5), "{what}");
    }
}

/// A runtime whose compiler is a shell script.
fn compiled_by(script: &str) -> Runtime {
    let compiler = Compiler::Child(ChildCompiler {
        program: "/bin/sh".into(),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        limits: CompileLimits { wall_s: 1, ..CompileLimits::default() },
    });
    Runtime::new(&RuntimeConfig { compiler, ..RuntimeConfig::default() }).unwrap()
}

#[test]
fn whatever_the_compiling_child_does_is_one_line() {
    let component = importing(&["orders"]);
    for (script, words) in [
        ("exec sleep 60", "it took more than 1 s"),
        ("exit 0", "the compiler's answer is damaged"),
        ("head -c 100000 /dev/zero", "the compiler's answer is damaged"),
        ("printf 'no such instruction\\nat all'; exit 1", "cannot be compiled: no such instruction"),
        ("exit 101", "the compiler failed"),
        ("kill -XCPU $$", "it took more than 120 s of processor time"),
        ("kill -ABRT $$", "the compiler gave up; it may use 4096 MiB"),
        ("kill -KILL $$", "the compiler was killed"),
        // SHA-256 of no bytes, followed by none: a sound answer with unsound code.
        (
            "printf '\\343\\260\\304\\102\\230\\374\\034\\024\\232\\373\\364\\310\\231\\157\\271\\044\\047\\256\\101\\344\\144\\233\\223\\114\\244\\225\\231\\033\\170\\122\\270\\125'",
            "its code is not for this host",
        ),
    ] {
        let line = compiled_by(script).load_bytes(&component).unwrap_err().to_string();
        assert!(line.contains(words), "{script}: expected `{words}` in: {line}");
        assert!(!line.contains(char::is_control), "{line:?}");
    }
    let nowhere = Compiler::Child(ChildCompiler::new("/nowhere/host".into(), "plugin-compiler"));
    let runtime = Runtime::new(&RuntimeConfig { compiler: nowhere, ..RuntimeConfig::default() }).unwrap();
    let line = runtime.load_bytes(&component).unwrap_err().to_string();
    assert!(line.contains("the compiler cannot be started"), "{line}");
}
