//! One call of the host for many bars, and still one call of the plugin for each: between the two stands a driver that
//! calls the plugin's `on-bar` for one row of a page after another.
//!
//! It works for plugins in any language that know nothing of it. The page lies in a memory that the plugin cannot reach,
//! so that there is nothing to read ahead in. Whatever the plugin asks of the host goes through a gate, which first tells
//! the host at which row it is; after a row in which it asked for something the driver returns. Nothing of the plugin's
//! own modules is changed: its component is put together anew around them.

mod modules;
mod read;

use wasm_encoder::reencode::{Error, Reencode, ReencodeComponent, component_utils};
use wasm_encoder::{
    Alias, CanonicalFunctionSection, CanonicalOption, Component, ComponentAliasSection, ComponentExportKind,
    ComponentExportSection, ComponentImportSection, ComponentTypeRef, ComponentTypeSection, ComponentValType,
    ExportKind, InstanceSection, ModuleArg, ModuleSection, PrimitiveValType, RawSection,
};
use wasmparser::{Instance, Parser, Payload};

use read::Main;

pub(crate) use modules::MEMORY_BYTES;

/// What the names of the driver's import and exports begin with.
const PREFIX: &str = "drive-";
/// The function by which the gate tells the host the row.
pub(crate) const CURSOR: &str = "drive-cursor";
/// The driver's functions, as the component exports them.
pub(crate) const EXPORTS: [&str; 3] = ["drive-layout", "drive-load", "drive-run"];

/// The types of the driver's functions, in front of all others.
const CURSOR_TYPE: u32 = 0;
const NUMBERS: u32 = 1;
const LONG_NUMBERS: u32 = 2;
const LAYOUT_TYPE: u32 = 3;
const LOAD_TYPE: u32 = 4;
const RUN_TYPE: u32 = 5;
const TYPES: u32 = 6;

/// Whether a plugin exports something by a name that a driver's function could have.
pub(crate) fn is_taken(exports: &[String]) -> bool {
    exports.iter().any(|name| name.starts_with(PREFIX))
}

/// A valid component with a driver; `None` where it is of a kind that cannot be driven, and stays as it is.
pub(crate) fn driven(component: &[u8]) -> Option<Vec<u8>> {
    let main = Main::find(component)?;
    let mut around = Around { depth: 0, wrapped: namespaces(&main), instances: 0, main };
    let mut into = Component::new();
    begin(&mut into);
    around.parse_component(&mut into, Parser::new(0), component).ok()?;
    around.finish(&mut into);
    Some(into.finish())
}

/// What everything else stands behind: the host's function, as an instance of its own.
fn begin(into: &mut Component) {
    let number = ComponentValType::Primitive(PrimitiveValType::U32);
    let none: Option<ComponentValType> = None;
    let mut types = ComponentTypeSection::new();
    types.function().params([("row", number)]).result(none);
    types.defined_type().list(PrimitiveValType::U32);
    types.defined_type().list(PrimitiveValType::U64);
    types.function().params([("series", ComponentValType::Type(NUMBERS))]).result(none);
    types.function().params([("rows", ComponentValType::Type(LONG_NUMBERS))]).result(none);
    types.function().params([("at", number), ("until", number)]).result(Some(number));
    let mut imports = ComponentImportSection::new();
    imports.import(CURSOR, ComponentTypeRef::Func(CURSOR_TYPE));
    let mut canonical = CanonicalFunctionSection::new();
    canonical.lower(0, []);
    let mut instances = InstanceSection::new();
    instances.export_items([("cursor", ExportKind::Func, 0)]);
    into.section(&types).section(&imports).section(&canonical).section(&instances);
}

/// The core instances that the plugin's module takes its functions from, by name.
fn namespaces<'a>(main: &Main<'a>) -> Vec<&'a str> {
    let mut names: Vec<&str> = main.imports.iter().map(|import| import.module).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Puts a component together anew: what is new is counted in all numbers behind it.
struct Around<'a> {
    main: Main<'a>,
    wrapped: Vec<&'a str>,
    /// How deep in nested components and types.
    depth: u32,
    /// Core instances so far.
    instances: u32,
}

impl<'a> Around<'a> {
    /// The gate, and instances that stand for those which the plugin's module takes its functions from.
    fn put_gate(&self, into: &mut Component) {
        let Main { arguments, imports, .. } = &self.main;
        into.section(&ModuleSection(&modules::gate(imports)));
        let given = arguments.iter().map(|(name, instance)| (*name, ModuleArg::Instance(instance + 1)));
        let given: Vec<_> = given.chain([("drive", ModuleArg::Instance(0))]).collect();
        let mut gate = InstanceSection::new();
        gate.instantiate(self.main.modules, given);
        into.section(&gate);
        let mut aliases = ComponentAliasSection::new();
        let names: Vec<String> = (0..imports.len()).map(|number| number.to_string()).collect();
        for name in &names {
            aliases.alias(Alias::CoreInstanceExport { instance: self.gate(), kind: ExportKind::Func, name });
        }
        into.section(&aliases);
        let mut wrapped = InstanceSection::new();
        for namespace in &self.wrapped {
            let theirs = imports.iter().enumerate().filter(|(_, import)| import.module == *namespace);
            let items =
                theirs.map(|(number, import)| (import.name, ExportKind::Func, self.handed_on(number as u32)));
            wrapped.export_items(items.collect::<Vec<_>>());
        }
        into.section(&wrapped);
    }

    /// The plugin's module, which takes its functions from the gate, and the driver.
    fn put_main(&self, module: u32, into: &mut Component) {
        let mut instances = InstanceSection::new();
        let from = |(number, name): (u32, &&'a str)| (*name, ModuleArg::Instance(self.gate() + number));
        let given: Vec<_> = (1..).zip(&self.wrapped).map(from).collect();
        instances.instantiate(module, given);
        into.section(&instances);
        into.section(&ModuleSection(&modules::driver(self.main.on_bar, self.main.post_return)));
        let main = self.gate() + self.wrapped.len() as u32 + 1;
        let mut driver = InstanceSection::new();
        let given = [("main", ModuleArg::Instance(main)), ("gate", ModuleArg::Instance(self.gate()))];
        driver.instantiate(self.main.modules + 1, given);
        into.section(&driver);
    }

    /// The driver's functions as exports.
    fn finish(&self, into: &mut Component) {
        let mut aliases = ComponentAliasSection::new();
        let driver = self.gate() + self.wrapped.len() as u32 + 2;
        let mut alias = |instance, kind, name| {
            aliases.alias(Alias::CoreInstanceExport { instance, kind, name });
        };
        for name in ["layout", "load", "run"] {
            alias(driver, ExportKind::Func, name);
        }
        alias(self.gate(), ExportKind::Func, "realloc");
        alias(self.gate(), ExportKind::Memory, "memory");
        into.section(&aliases);
        let first = self.main.core_functions + 1 + self.main.imports.len() as u32;
        let lists = [CanonicalOption::Memory(self.main.memories), CanonicalOption::Realloc(first + 3)];
        let mut canonical = CanonicalFunctionSection::new();
        canonical.lift(first, LAYOUT_TYPE, lists).lift(first + 1, LOAD_TYPE, lists);
        canonical.lift(first + 2, RUN_TYPE, []);
        into.section(&canonical);
        let mut exports = ComponentExportSection::new();
        for (number, name) in (self.main.component_functions + 1..).zip(EXPORTS) {
            exports.export(name, ComponentExportKind::Func, number, None);
        }
        into.section(&exports);
    }

    /// The core instance of the gate: behind those that the plugin's module is made with.
    fn gate(&self) -> u32 {
        self.main.instance + 1
    }

    /// The core function that hands on an import.
    fn handed_on(&self, number: u32) -> u32 {
        self.main.functions + 1 + number
    }
}

type Done = Result<(), Error<std::convert::Infallible>>;

impl Reencode for Around<'_> {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error<Self::Error>> {
        let gate = if function < self.main.functions { 0 } else { self.main.imports.len() as u32 };
        Ok(function + 1 + gate)
    }
}

impl ReencodeComponent for Around<'_> {
    fn push_depth(&mut self) {
        self.depth += 1;
    }

    fn pop_depth(&mut self) {
        self.depth -= 1;
    }

    fn component_type_index(&mut self, index: u32) -> u32 {
        if self.depth == 0 { index + TYPES } else { index }
    }

    fn outer_component_type_index(&mut self, count: u32, index: u32) -> u32 {
        if count == self.depth { index + TYPES } else { index }
    }

    fn component_func_index(&mut self, index: u32) -> u32 {
        if self.depth == 0 { index + 1 } else { index }
    }

    fn module_index(&mut self, index: u32) -> u32 {
        if self.depth == 0 && index >= self.main.modules { index + 2 } else { index }
    }

    fn outer_module_index(&mut self, count: u32, index: u32) -> u32 {
        if count == self.depth && index >= self.main.modules { index + 2 } else { index }
    }

    fn instance_index(&mut self, index: u32) -> u32 {
        let (main, wrapped) = (self.main.instance, self.wrapped.len() as u32);
        match index {
            _ if self.depth > 0 => index,
            _ if index < main => index + 1,
            _ if index == main => index + 2 + wrapped,
            _ => index + 3 + wrapped,
        }
    }

    /// Modules stay as they are.
    fn parse_component_submodule(&mut self, into: &mut Component, _parser: Parser, module: &[u8]) -> Done {
        into.section(&RawSection { id: wasm_encoder::ComponentSectionId::CoreModule as u8, data: module });
        Ok(())
    }

    fn parse_component_payload(&mut self, into: &mut Component, payload: Payload<'_>, whole: &[u8]) -> Done {
        match payload {
            Payload::InstanceSection(section) if self.depth == 0 => {
                for (number, instance) in (self.instances..).zip(section) {
                    self.instances = number + 1;
                    match instance? {
                        Instance::Instantiate { module_index, .. } if number == self.main.instance => {
                            self.put_gate(into);
                            let module = self.module_index(module_index);
                            self.put_main(module, into);
                        }
                        instance => {
                            let mut one = InstanceSection::new();
                            self.parse_instance(&mut one, instance)?;
                            into.section(&one);
                        }
                    }
                }
                Ok(())
            }
            // Names by number, of which many are others now; they are for people who read the component.
            Payload::CustomSection(section) if section.name() == "component-name" => Ok(()),
            payload => component_utils::parse_component_payload(self, into, payload, whole),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;
    use wasm_encoder::{
        CodeSection, EntityType, ExportSection, Function, FunctionSection, ImportSection, Module, TypeSection,
    };
    use wasmparser::{Validator, WasmFeatures};
    use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
    use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve};

    use super::*;
    use crate::relay;

    fn component(world: &str) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/v0.1");
        let (package, _) = resolve.push_dir(contract).unwrap();
        let world = resolve.select_world(&[package], Some(world)).unwrap();
        let mut module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
        ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
    }

    /// Core modules of the component itself.
    fn modules(component: &[u8]) -> Vec<&[u8]> {
        let found = Parser::new(0).parse_all(component).filter_map(|payload| match payload.unwrap() {
            Payload::ModuleSection { unchecked_range, .. } => {
                Some(&component[unchecked_range.start as usize..unchecked_range.end as usize])
            }
            _ => None,
        });
        found.collect()
    }

    #[test]
    fn a_driven_component_is_valid_and_has_the_plugins_modules_as_they_are() {
        for world in ["strategy", "paged-strategy"] {
            let plain = component(world);
            let driven = driven(&plain).unwrap();
            let relayed = relay::relayed(&driven).unwrap();
            for made in [&driven, &relayed] {
                Validator::new_with_features(WasmFeatures::all()).validate_all(made).unwrap();
            }
            let (before, after) = (modules(&plain), modules(&driven));
            assert_eq!(after.len(), before.len() + 2, "a gate and a driver");
            assert!(before.iter().all(|module| after.contains(module)));
        }
    }

    #[test]
    fn functions_by_which_a_plugin_asks_are_known() {
        let plain = component("strategy");
        let main = Main::find(&plain).unwrap();
        let asks = |module: &str| {
            let mut theirs = main.imports.iter().filter(|import| import.module.contains(module));
            theirs.next().unwrap().is_wish
        };
        assert!(["/orders@", "/advanced-orders@", "/signals@", "/timers@"].into_iter().all(asks));
        assert!(!["/log@", "/clock@", "/random@", "/market@", "/account@"].into_iter().any(asks));
    }

    #[test]
    fn other_components_stay_as_they_are() {
        assert_eq!(driven(&component("model")), None, "it has no on-bar");
        assert_eq!(driven(&Component::new().finish()), None);
        let twice = driven(&component("strategy")).unwrap();
        assert_eq!(driven(&twice), None, "its names are taken");
    }

    /// A module with a function, which is exported; where it takes one, it calls that.
    fn library(takes: bool) -> Module {
        let (mut types, mut imports, mut functions) =
            (TypeSection::new(), ImportSection::new(), FunctionSection::new());
        let (mut exports, mut code, mut body) = (ExportSection::new(), CodeSection::new(), Function::new([]));
        types.ty().function([], []);
        if takes {
            imports.import("from", "function", EntityType::Function(0));
            body.instructions().call(0);
        }
        body.instructions().end();
        functions.function(0);
        exports.export("function", ExportKind::Func, takes.into());
        code.function(&body);
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&functions).section(&exports).section(&code);
        module
    }

    #[test]
    fn code_that_could_ask_the_host_past_the_gate_is_not_driven() {
        let mut whole = component("strategy");
        let instances = Parser::new(0).parse_all(&whole).map(|payload| match payload.unwrap() {
            Payload::InstanceSection(section) => section.count(),
            _ => 0,
        });
        let (instances, count) = (instances.sum(), modules(&whole).len() as u32);
        let mut library_of = |takes: bool, module, given: Vec<(&str, ModuleArg)>| {
            let (mut into, mut section) = (Component::new(), InstanceSection::new());
            section.instantiate(module, given);
            into.section(&ModuleSection(&library(takes))).section(&section);
            // Without the eight bytes that every component begins with.
            whole.extend_from_slice(&into.finish()[8..]);
            driven(&whole)
        };
        let alone = library_of(false, count, Vec::new());
        assert!(alone.is_some(), "it takes nothing, and asks nobody");
        let between = library_of(true, count + 1, vec![("from", ModuleArg::Instance(instances))]);
        assert_eq!(between, None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// What is put into the compiler has been checked; still, nothing here may depend on that.
        #[test]
        fn damage_is_no_panic(at in any::<prop::sample::Index>(), byte: u8, length in any::<prop::sample::Index>()) {
            let mut bytes = component("strategy");
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = driven(&bytes);
            bytes.truncate(length.index(bytes.len()));
            let _ = driven(&bytes);
        }
    }
}
