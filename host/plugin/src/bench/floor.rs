//! A component whose callbacks do nothing: what a call costs before a plugin does anything.

use wasm_encoder::{CodeSection, Function, Instruction, Module, RawSection};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, SourceMap};

use crate::project::SDK_FILES;

/// Where the contract is among the files of the SDK.
const CONTRACT: &str = "wit/v0.1/";

/// The component. It can be called, but neither describes itself nor starts: functions with a result trap.
pub(super) fn component() -> Result<Vec<u8>, String> {
    let encode = || {
        let mut contract = SourceMap::default();
        for (file, text) in SDK_FILES.iter().filter(|(file, _)| file.starts_with(CONTRACT)) {
            contract.push_str(file, *text);
        }
        let mut resolve = Resolve::default();
        let package = contract
            .parse()
            .map_err(|(_, error)| wasm_error(error))
            .and_then(|group| resolve.push_group(group).map_err(wasm_error))?;
        let world = resolve.select_world(&[package], Some("strategy")).map_err(wasm_error)?;
        let trapping = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
        let mut module = returning(&trapping).map_err(wasm_error)?;
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)
            .map_err(wasm_error)?;
        ComponentEncoder::default()
            .validate(true)
            .module(&module)
            .and_then(ComponentEncoder::encode)
            .map_err(wasm_error)
    };
    encode().map_err(|error: String| format!("the empty plugin cannot be made: {error}"))
}

fn wasm_error(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The module with every function that has no result returning at once.
fn returning(bytes: &[u8]) -> Result<Vec<u8>, wasmparser::BinaryReaderError> {
    let mut module = Module::new();
    let (mut resultless, mut functions) = (Vec::new(), Vec::new());
    let mut code = CodeSection::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        match &payload {
            Payload::TypeSection(types) => {
                for function in types.clone().into_iter_err_on_gc_types() {
                    resultless.push(function?.results().is_empty());
                }
            }
            Payload::FunctionSection(section) => {
                for function in section.clone() {
                    functions.push(function?);
                }
            }
            Payload::CodeSectionStart { .. } => continue,
            Payload::CodeSectionEntry(body) => {
                let of_type = functions.get(code.len() as usize).map_or(0, |index| *index as usize);
                if resultless.get(of_type) == Some(&true) {
                    let mut nothing = Function::new([]);
                    nothing.instruction(&Instruction::End);
                    code.function(&nothing);
                } else {
                    code.raw(body.as_bytes());
                }
                if code.len() as usize == functions.len() {
                    module.section(&code);
                }
                continue;
            }
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            module.section(&RawSection { id, data: &bytes[range.start as usize..range.end as usize] });
        }
    }
    Ok(module.finish())
}
