//! Components that no compiler made: no strategies, or strategies that are never run.

use std::fs;
use std::path::Path;

use wasm_encoder::{
    CodeSection, ComponentSection, Function, FunctionSection, Instruction, Module, ModuleSection,
    TypeSection, ValType,
};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, PackageId, Resolve, SourceMap};

/// A component of a world in which every function traps.
pub fn component_of(world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("other.wit", &format!("package other:thing;\n{world}")).expect("a world");
    encoded(&resolve, package, None)
}

/// The world `strategy` of a contract whose version is called another one; every function traps.
pub fn strategy_of(contract: &Path, version: &str, called: &str) -> Vec<u8> {
    let mut files = SourceMap::default();
    for file in fs::read_dir(contract).expect("a contract") {
        let path = file.expect("a file").path();
        let text = fs::read_to_string(&path).expect("a text");
        files.push_str(
            &path.display().to_string(),
            text.replace(&format!("@{version}"), &format!("@{called}")),
        );
    }
    let mut resolve = Resolve::default();
    let group = files.parse().map_err(|(_, error)| error).expect("a contract");
    let package = resolve.push_group(group).expect("a package");
    encoded(&resolve, package, Some("strategy"))
}

fn encoded(resolve: &Resolve, package: PackageId, world: Option<&str>) -> Vec<u8> {
    let world = resolve.select_world(&[package], world).expect("one world");
    let mut module = dummy_module(resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8, false).expect("a module");
    ComponentEncoder::default().module(&module).expect("a module").encode().expect("a component")
}

/// A strategy of this contract that imports these interfaces, and in which every function traps.
pub fn strategy_importing(interfaces: &[&str]) -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve.push_dir(crate::repository().join("wit/v0.1")).expect("the contract");
    let imports: Vec<String> =
        interfaces.iter().map(|name| format!("import cryptobot:plugin/{name}@0.1.0;")).collect();
    let imports = imports.join(" ");
    let exports = "export cryptobot:plugin/lifecycle@0.1.0; export cryptobot:plugin/events@0.1.0;";
    let world = format!("package test:test;\nworld w {{ {imports} {exports} }}");
    let package = resolve.push_str("test.wit", &world).expect("a world");
    encoded(&resolve, package, None)
}

/// Adds a manifest that declares what `table` says in JSON.
pub fn with_manifest(mut component: Vec<u8>, plugin: &str, declares: &serde_json::Value) -> Vec<u8> {
    let manifest =
        serde_json::json!({"format": 1, "plugin": plugin, "version": "1.0.0", "declares": declares});
    let manifest = serde_json::from_value(manifest).expect("a manifest");
    cryptobot_plugin::manifest::embed(&mut component, &manifest).expect("a manifest");
    component
}

/// A strategy that nothing is wrong with, and beside it a module of `functions` functions of about `bytes` bytes each,
/// which is never called and takes a compiler long.
pub fn compile_bomb(functions: u32, bytes: usize) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    let (mut section, mut code) = (FunctionSection::new(), CodeSection::new());
    for seed in 0..functions {
        section.function(0);
        let mut body = Function::new([(64, ValType::I32)]);
        for step in 0..bytes as u32 / 12 {
            let local = |offset: u32| 1 + (step.wrapping_mul(7) + offset + seed) % 64;
            body.instruction(&Instruction::LocalGet(local(0)))
                .instruction(&Instruction::LocalGet(local(13)))
                .instruction(&Instruction::I32Mul)
                .instruction(&Instruction::I32Const((step % 64) as i32))
                .instruction(&Instruction::I32Xor)
                .instruction(&Instruction::LocalTee(local(29)))
                .instruction(&Instruction::LocalSet(local(31)));
        }
        body.instruction(&Instruction::LocalGet(1)).instruction(&Instruction::End);
        code.function(&body);
    }
    let mut module = Module::new();
    module.section(&types).section(&section).section(&code);
    let mut component = strategy_importing(&["orders"]);
    ModuleSection(&module).append_to_component(&mut component);
    component
}
