//! What has to be known of a component to drive it.

use std::collections::{BTreeMap, BTreeSet};

use wasm_encoder::ValType;
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind, ComponentTypeRef,
    ExternalKind, Instance, Parser, Payload, TypeRef,
};

use super::modules::ON_BAR;
use crate::relay::{type_of, values, walk};

/// Interfaces by whose functions a plugin asks for something: a delivery ends with the row in which it did.
const WISHES: [&str; 4] = ["orders", "advanced-orders", "signals", "timers"];

/// A function that the plugin's module imports.
pub(super) struct Import<'a> {
    pub(super) module: &'a str,
    pub(super) name: &'a str,
    pub(super) params: Vec<ValType>,
    pub(super) results: Vec<ValType>,
    pub(super) is_wish: bool,
}

/// The plugin's own module in its component.
pub(super) struct Main<'a> {
    /// Its core instance.
    pub(super) instance: u32,
    /// Core modules and core functions before that instance is made.
    pub(super) modules: u32,
    pub(super) functions: u32,
    /// What the instance is made with: names and core instances.
    pub(super) arguments: Vec<(&'a str, u32)>,
    /// The names of its export `on-bar`, and of what is to be called after it.
    pub(super) on_bar: &'a str,
    pub(super) post_return: Option<&'a str>,
    pub(super) imports: Vec<Import<'a>>,
    /// In all of the component: core functions, core memories and functions.
    pub(super) core_functions: u32,
    pub(super) memories: u32,
    pub(super) component_functions: u32,
}

/// A core instance that is made of a module.
struct Instantiated<'a> {
    module: u32,
    modules: u32,
    functions: u32,
    arguments: Vec<(&'a str, u32)>,
}

#[derive(Default)]
struct Counts<'a> {
    modules: Vec<&'a [u8]>,
    instances: Vec<Option<Instantiated<'a>>>,
    /// Of each core function, the instance and export that it is, where it is one.
    functions: Vec<Option<(u32, &'a str)>>,
    /// Of core functions behind functions, those that are to be called afterwards.
    post_returns: BTreeMap<u32, u32>,
    memories: u32,
    component_functions: u32,
    /// Whether there is something by a name of the driver's.
    is_taken: bool,
}

impl<'a> Main<'a> {
    /// Finds it; `None` where the component is of another kind than those that can be driven.
    pub(super) fn find(component: &'a [u8]) -> Option<Self> {
        let mut counts = Counts::default();
        walk(component, |is_own, payload| match payload {
            payload if is_own => counts.add(component, payload),
            // Code that the gate does not stand around.
            Payload::ModuleSection { .. } => None,
            _ => Some(()),
        })?;
        counts.main()
    }
}

impl<'a> Counts<'a> {
    fn add(&mut self, component: &'a [u8], payload: &Payload<'a>) -> Option<()> {
        match payload {
            Payload::ModuleSection { unchecked_range, .. } => {
                let range = usize::try_from(unchecked_range.start).ok()?
                    ..usize::try_from(unchecked_range.end).ok()?;
                self.modules.push(component.get(range)?);
            }
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    let made = self.instantiated(&instance.ok()?);
                    self.instances.push(made);
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    match alias.ok()? {
                        ComponentAlias::CoreInstanceExport { kind, instance_index, name } => match kind {
                            ExternalKind::Func => self.functions.push(Some((instance_index, name))),
                            ExternalKind::Memory => self.memories += 1,
                            _ => {}
                        },
                        ComponentAlias::InstanceExport { kind: ComponentExternalKind::Func, .. } => {
                            self.component_functions += 1;
                        }
                        _ => {}
                    }
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section.clone() {
                    match function.ok()? {
                        CanonicalFunction::Lift { core_func_index, options, .. } => {
                            self.component_functions += 1;
                            for option in options {
                                if let CanonicalOption::PostReturn(after) = option {
                                    self.post_returns.insert(core_func_index, after);
                                }
                            }
                        }
                        _ => self.functions.push(None),
                    }
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    let import = import.ok()?;
                    self.is_taken |= import.name.name.starts_with(super::PREFIX);
                    self.component_functions += u32::from(matches!(import.ty, ComponentTypeRef::Func(_)));
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    let export = export.ok()?;
                    self.is_taken |= export.name.name.starts_with(super::PREFIX);
                    self.component_functions += u32::from(export.kind == ComponentExternalKind::Func);
                }
            }
            _ => {}
        }
        Some(())
    }

    fn instantiated(&self, instance: &Instance<'a>) -> Option<Instantiated<'a>> {
        let Instance::Instantiate { module_index, args } = instance else { return None };
        Some(Instantiated {
            module: *module_index,
            modules: self.modules.len() as u32,
            functions: self.functions.len() as u32,
            arguments: args.iter().map(|argument| (argument.name, argument.index)).collect(),
        })
    }

    fn main(mut self) -> Option<Main<'a>> {
        let is_on_bar = |name: &str| {
            name.strip_prefix("cryptobot:plugin/events@0.1.").is_some_and(|rest| rest.ends_with("#on-bar"))
        };
        let found = self.functions.iter().enumerate().find_map(|(index, function)| {
            function
                .filter(|(_, name)| is_on_bar(name))
                .map(|(instance, name)| (index as u32, instance, name))
        });
        let (function, instance, on_bar) = found?;
        if self.is_taken {
            return None;
        }
        let post_return = match self.post_returns.get(&function) {
            None => None,
            Some(after) => match (*self.functions.get(*after as usize)?)? {
                (of, name) if of == instance => Some(name),
                _ => return None,
            },
        };
        let made = self.instances.get_mut(instance as usize)?.take()?;
        let module = *self.modules.get(made.module as usize)?;
        let mut others = self.instances.iter().flatten().map(|other| self.modules.get(other.module as usize));
        if !others.all(|other| other.is_some_and(|module| is_passive(module))) {
            return None;
        }
        let of_type = type_of(module, on_bar)?;
        if values(of_type.params())? != ON_BAR || !of_type.results().is_empty() {
            return None;
        }
        Some(Main {
            instance,
            modules: made.modules,
            functions: made.functions,
            arguments: made.arguments,
            on_bar,
            post_return,
            imports: imports(module)?,
            core_functions: self.functions.len() as u32,
            memories: self.memories,
            component_functions: self.component_functions,
        })
    }
}

/// Whether a module calls nothing but what its caller gave it: it has no code, or takes no functions. So does whatever an
/// encoder puts beside a plugin's own module, and no adapter or library that could ask the host past the gate.
fn is_passive(module: &[u8]) -> bool {
    let (mut takes, mut has_code) = (false, false);
    for payload in Parser::new(0).parse_all(module) {
        match payload {
            Ok(Payload::ImportSection(section)) => {
                let mut imports = section.into_imports();
                takes |= imports
                    .any(|import| !matches!(import, Ok(import) if !matches!(import.ty, TypeRef::Func(_))));
            }
            Ok(Payload::CodeSectionStart { count, .. }) => has_code |= count > 0,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    !(takes && has_code)
}

/// What a module imports; `None` where that is not only functions.
fn imports(module: &[u8]) -> Option<Vec<Import<'_>>> {
    let (mut types, mut imports, mut known) = (Vec::new(), Vec::new(), BTreeSet::new());
    for payload in Parser::new(0).parse_all(module) {
        match payload.ok()? {
            Payload::TypeSection(section) => {
                types = section.into_iter_err_on_gc_types().collect::<Result<Vec<_>, _>>().ok()?;
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.ok()?;
                    let TypeRef::Func(of_type) = import.ty else { return None };
                    let of_type = types.get(of_type as usize)?;
                    if known.insert((import.module, import.name)) {
                        imports.push(Import {
                            module: import.module,
                            name: import.name,
                            params: values(of_type.params())?,
                            results: values(of_type.results())?,
                            is_wish: is_wish(import.module),
                        });
                    }
                }
            }
            _ => {}
        }
    }
    Some(imports)
}

fn is_wish(interface: &str) -> bool {
    let name = interface.strip_prefix("cryptobot:plugin/").and_then(|rest| rest.split('@').next());
    name.is_some_and(|name| WISHES.contains(&name))
}
