//! Makes the calls into a component cheaper: between its exports and the core modules that implement them stands a module
//! that hands their functions on.
//!
//! For every call of a function that a core module *defines*, wasmtime looks up its code by address, which takes a third
//! of a call. A function that a module *imports* stands ready in its instance, wherever it was defined. So the exports are
//! taken from a module that imports those functions and exports them again: nothing is added on the way, since what is
//! called is the function itself.

use std::collections::BTreeMap;
use std::ops::Range;

use wasm_encoder::{
    Alias, ComponentAliasSection, EntityType, ExportKind, ExportSection, ImportSection, InstanceSection,
    Module, ModuleArg, ModuleSection, RawSection, TypeSection, ValType,
};
use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentAliasSectionReader, ExternalKind, FuncType, Instance, Parser,
    Payload, TypeRef,
};

/// A valid component with such a module; `None` where it has none that could be put between, and stays as it is.
pub(crate) fn relayed(component: &[u8]) -> Option<Vec<u8>> {
    let outline = Outline::read(component)?;
    let exported = outline.exported();
    let first = exported.keys().next()?;
    // What comes later and is counted would have other numbers behind a new module.
    let at = outline.sections.iter().position(|section| section.functions.contains(first))?;
    if outline.sections[at..].iter().any(|section| section.counts) {
        return None;
    }
    let relay = outline.relay(&exported)?;
    let mut into = wasm_encoder::Component::new();
    for (index, section) in outline.sections.iter().enumerate() {
        if index == at {
            into.section(&ModuleSection(&relay)).section(&outline.instantiation(&exported));
        }
        let data = &component[section.range.clone()];
        if exported.range(section.functions.clone()).next().is_none() {
            into.section(&RawSection { id: section.id, data });
            continue;
        }
        let aliases = ComponentAliasSectionReader::new(wasmparser::BinaryReader::new(data, 0)).ok()?;
        into.section(&outline.redirected(aliases, section.functions.start, &exported)?);
    }
    Some(into.finish())
}

/// Shows the sections of a component in their order, and whether each is its own or that of something nested in it. What
/// is nested begins behind the section that holds it, which belongs to what is around it. `None` where the component is
/// damaged or `visit` says so.
pub(crate) fn walk<'a>(
    component: &'a [u8],
    mut visit: impl FnMut(bool, &Payload<'a>) -> Option<()>,
) -> Option<()> {
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload.ok()? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.checked_sub(1)?,
            payload => visit(depth == 1, &payload)?,
        }
    }
    Some(())
}

/// A section of the component itself.
struct Section {
    id: u8,
    range: Range<usize>,
    /// The core functions that it adds.
    functions: Range<u32>,
    /// Whether it adds core modules or their instances.
    counts: bool,
}

/// A function that the component exports, as the export of an instance of a module.
struct Exported<'a> {
    instance: u32,
    name: &'a str,
    /// Its number among them, its name in the relay.
    number: usize,
}

/// The parts of a component that its exports are made of.
#[derive(Default)]
struct Outline<'a> {
    sections: Vec<Section>,
    modules: Vec<&'a [u8]>,
    /// The module of each core instance that has one.
    instances: Vec<Option<u32>>,
    /// Of each core function, the instance and export that it is, where it is one.
    functions: Vec<Option<(u32, &'a str)>>,
    /// The core functions behind the component's functions.
    lifted: Vec<u32>,
}

impl<'a> Outline<'a> {
    fn read(component: &'a [u8]) -> Option<Self> {
        let mut outline = Self::default();
        walk(component, |is_own, payload| if is_own { outline.add(component, payload) } else { Some(()) })?;
        Some(outline)
    }

    fn add(&mut self, component: &'a [u8], payload: &Payload<'a>) -> Option<()> {
        let Some((id, range)) = payload.as_section() else { return Some(()) };
        let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
        let (functions, counted) = (self.functions.len() as u32, self.modules.len() + self.instances.len());
        match payload {
            Payload::ModuleSection { .. } => self.modules.push(component.get(range.clone())?),
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    self.instances.push(match instance.ok()? {
                        Instance::Instantiate { module_index, .. } => Some(module_index),
                        Instance::FromExports(_) => None,
                    });
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    if let ComponentAlias::CoreInstanceExport { kind, instance_index, name } = alias.ok()?
                        && kind == ExternalKind::Func
                    {
                        self.functions.push(Some((instance_index, name)));
                    }
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section.clone() {
                    match function.ok()? {
                        CanonicalFunction::Lift { core_func_index, .. } => self.lifted.push(core_func_index),
                        _ => self.functions.push(None),
                    }
                }
            }
            _ => {}
        }
        self.sections.push(Section {
            id,
            range,
            functions: functions..self.functions.len() as u32,
            counts: self.modules.len() + self.instances.len() > counted,
        });
        Some(())
    }

    /// What the component exports of its modules, by core function.
    fn exported(&self) -> BTreeMap<u32, Exported<'a>> {
        let mut exported = BTreeMap::new();
        for index in &self.lifted {
            let number = exported.len();
            if let Some(Some((instance, name))) = self.functions.get(*index as usize) {
                exported.entry(*index).or_insert(Exported { instance: *instance, name, number });
            }
        }
        exported
    }

    /// The module that imports what is exported, and exports it again.
    fn relay(&self, exported: &BTreeMap<u32, Exported<'a>>) -> Option<Module> {
        let (mut types, mut imports) = (TypeSection::new(), ImportSection::new());
        let mut exports = ExportSection::new();
        for (place, Exported { instance, name, number }) in exported.values().enumerate() {
            let module = (*self.instances.get(*instance as usize)?)?;
            let of_type = type_of(self.modules.get(module as usize)?, name)?;
            types.ty().function(values(of_type.params())?, values(of_type.results())?);
            imports.import(&instance.to_string(), name, EntityType::Function(place as u32));
            exports.export(&number.to_string(), ExportKind::Func, place as u32);
        }
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&exports);
        Some(module)
    }

    /// Makes the instance of the relay.
    fn instantiation(&self, exported: &BTreeMap<u32, Exported<'a>>) -> InstanceSection {
        let instances: BTreeMap<u32, String> =
            exported.values().map(|exported| (exported.instance, exported.instance.to_string())).collect();
        let arguments = instances.iter().map(|(index, name)| (name.as_str(), ModuleArg::Instance(*index)));
        let mut section = InstanceSection::new();
        section.instantiate(self.modules.len() as u32, arguments);
        section
    }

    /// A section of aliases, whose first core function is `next`, with what is exported taken from the relay.
    fn redirected(
        &self,
        aliases: ComponentAliasSectionReader<'a>,
        mut next: u32,
        exported: &BTreeMap<u32, Exported<'a>>,
    ) -> Option<ComponentAliasSection> {
        let mut section = ComponentAliasSection::new();
        for alias in aliases {
            // Other kinds of aliases stand in sections of their own.
            let ComponentAlias::CoreInstanceExport { kind, instance_index, name } = alias.ok()? else {
                return None;
            };
            let mut alias = Alias::CoreInstanceExport { instance: instance_index, kind: kind.into(), name };
            let number;
            if kind == ExternalKind::Func {
                if let Some(exported) = exported.get(&next) {
                    number = exported.number.to_string();
                    let instance = self.instances.len() as u32;
                    alias = Alias::CoreInstanceExport { instance, kind: ExportKind::Func, name: &number };
                }
                next += 1;
            }
            section.alias(alias);
        }
        Some(section)
    }
}

/// The type of a function that a module exports.
pub(crate) fn type_of(module: &[u8], name: &str) -> Option<FuncType> {
    let (mut types, mut functions) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(module) {
        match payload.ok()? {
            Payload::TypeSection(section) => {
                types = section.into_iter_err_on_gc_types().collect::<Result<_, _>>().ok()?;
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    if let TypeRef::Func(of_type) = import.ok()?.ty {
                        functions.push(of_type);
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for of_type in section {
                    functions.push(of_type.ok()?);
                }
            }
            Payload::ExportSection(section) => {
                let mut exports = section.into_iter().filter_map(Result::ok);
                let export =
                    exports.find(|export| export.kind == ExternalKind::Func && export.name == name)?;
                let of_type = functions.get(export.index as usize)?;
                return types.get(*of_type as usize).cloned();
            }
            _ => {}
        }
    }
    None
}

/// Types of parameters or results; what crosses the border of a component are numbers only.
pub(crate) fn values(types: &[wasmparser::ValType]) -> Option<Vec<ValType>> {
    let number = |of_type: &wasmparser::ValType| match of_type {
        wasmparser::ValType::I32 => Some(ValType::I32),
        wasmparser::ValType::I64 => Some(ValType::I64),
        wasmparser::ValType::F32 => Some(ValType::F32),
        wasmparser::ValType::F64 => Some(ValType::F64),
        _ => None,
    };
    types.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;
    use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
    use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve};

    use super::*;
    use crate::contract;

    fn component() -> Vec<u8> {
        let mut resolve = Resolve::default();
        let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/v0.1");
        let (package, _) = resolve.push_dir(contract).unwrap();
        let world = resolve.select_world(&[package], Some("paged-strategy")).unwrap();
        let mut module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
        ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
    }

    #[test]
    fn every_export_comes_from_a_module_that_only_imports() {
        let plain = component();
        let relayed = relayed(&plain).unwrap();
        let (before, after) = (Outline::read(&plain).unwrap(), Outline::read(&relayed).unwrap());
        assert_eq!(after.modules[..before.modules.len()], before.modules);
        let exported = after.exported();
        assert_eq!(exported.len(), before.exported().len());
        assert!(exported.len() > 10, "{}", exported.len());
        assert!(exported.values().all(|exported| exported.instance as usize == before.instances.len()));
        let relay = Parser::new(0).parse_all(after.modules[before.modules.len()]);
        let defines = |payload: Payload<'_>| matches!(payload, Payload::FunctionSection(_));
        assert!(!relay.map(Result::unwrap).any(defines));

        let (one, other) = (contract::check(&plain).unwrap(), contract::check(&relayed).unwrap());
        assert_eq!((one.imports, one.exports), (other.imports, other.exports));
    }

    #[test]
    fn functions_keep_their_types_and_names() {
        let plain = component();
        let relayed = relayed(&plain).unwrap();
        let (before, after) = (Outline::read(&plain).unwrap(), Outline::read(&relayed).unwrap());
        let (before_exports, after_exports) = (before.exported(), after.exported());
        let relay = after.modules.last().unwrap();
        for (index, Exported { instance, name, .. }) in before_exports {
            let module = before.instances[instance as usize].unwrap();
            let of_type = type_of(before.modules[module as usize], name).unwrap();
            assert_eq!(type_of(relay, after_exports[&index].name).unwrap(), of_type, "{name}");
        }
    }

    #[test]
    fn a_component_of_another_order_stays_as_it_is() {
        let mut counted_behind = component();
        let section = ModuleSection(&Module::new());
        let mut with = wasm_encoder::Component::new();
        with.section(&section);
        // Without the eight bytes that every component begins with.
        counted_behind.extend_from_slice(&with.finish()[8..]);
        assert!(contract::check(&counted_behind).is_ok());
        assert_eq!(relayed(&counted_behind), None);
        assert_eq!(relayed(&wasm_encoder::Component::new().finish()), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// What is put into the compiler has been checked; still, nothing here may depend on that.
        #[test]
        fn damage_is_no_panic(at in any::<prop::sample::Index>(), byte: u8, length in any::<prop::sample::Index>()) {
            let mut bytes = component();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = relayed(&bytes);
            bytes.truncate(length.index(bytes.len()));
            let _ = relayed(&bytes);
        }
    }
}
