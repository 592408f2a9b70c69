//! Caps on what is handed to the validator and the compiler, whose work grows with the number of things in a file and
//! not with its size alone. All are counted from section headers, before anything is validated.

use wasmparser::{BinaryReaderError, Parser, Payload};

use crate::contract::{LoadError, MAX_COMPONENT_BYTES};

/// Components and modules inside each other. What the tools of the languages make is two or three deep.
pub const MAX_NESTING: usize = 8;
/// Modules and components in all.
pub const MAX_MODULES: u64 = 256;
/// Functions in all. Components that carry a language runtime measure up to about 25,000.
pub const MAX_FUNCTIONS: u64 = 100_000;
/// Longest body of a function, bytes. The largest of interpreters measure a few hundred KiB.
pub const MAX_FUNCTION_BYTES: u64 = 1 << 20;
/// Types in all.
pub const MAX_TYPES: u64 = 50_000;
/// Imports in all.
pub const MAX_IMPORTS: u64 = 10_000;
/// Everything else that a file can declare in large numbers: exports, aliases, instances, globals, tables, segments,
/// canonical functions.
pub const MAX_DECLARATIONS: u64 = 500_000;

#[derive(Default)]
struct Counts {
    depth: usize,
    modules: u64,
    functions: u64,
    types: u64,
    imports: u64,
    declarations: u64,
}

/// Refuses files that have more of anything than a plugin may have.
pub(crate) fn check(bytes: &[u8]) -> Result<(), LoadError> {
    if bytes.len() as u64 > MAX_COMPONENT_BYTES {
        return Err(LoadError::TooLarge { bytes: bytes.len() as u64 });
    }
    let mut counts = Counts::default();
    for payload in Parser::new(0).parse_all(bytes) {
        counts.add(&payload.map_err(|error| damaged(&error))?)?;
    }
    Ok(())
}

fn damaged(error: &BinaryReaderError) -> LoadError {
    crate::contract::damaged(error)
}

fn at_most(what: &'static str, count: u64, most: u64) -> Result<(), LoadError> {
    if count > most { Err(LoadError::TooMany { what, count, most }) } else { Ok(()) }
}

impl Counts {
    fn add(&mut self, payload: &Payload<'_>) -> Result<(), LoadError> {
        match payload {
            Payload::Version { .. } => {
                self.depth += 1;
                self.modules += 1;
                at_most("levels of nesting", self.depth as u64, MAX_NESTING as u64)?;
                return at_most("modules", self.modules, MAX_MODULES);
            }
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::CodeSectionEntry(body) => {
                let range = body.range();
                return at_most("bytes in one function", range.end - range.start, MAX_FUNCTION_BYTES);
            }
            Payload::FunctionSection(section) => self.functions += u64::from(section.count()),
            Payload::TypeSection(section) => self.types += u64::from(section.count()),
            Payload::CoreTypeSection(section) => self.types += u64::from(section.count()),
            Payload::ComponentTypeSection(section) => self.types += u64::from(section.count()),
            Payload::ImportSection(section) => self.imports += u64::from(section.count()),
            Payload::ComponentImportSection(section) => self.imports += u64::from(section.count()),
            other => self.declarations += u64::from(declarations(other)),
        }
        at_most("functions", self.functions, MAX_FUNCTIONS)?;
        at_most("types", self.types, MAX_TYPES)?;
        at_most("imports", self.imports, MAX_IMPORTS)?;
        at_most("declarations", self.declarations, MAX_DECLARATIONS)
    }
}

/// How many things a section declares.
fn declarations(payload: &Payload<'_>) -> u32 {
    match payload {
        Payload::ExportSection(section) => section.count(),
        Payload::GlobalSection(section) => section.count(),
        Payload::MemorySection(section) => section.count(),
        Payload::TableSection(section) => section.count(),
        Payload::ElementSection(section) => section.count(),
        Payload::DataSection(section) => section.count(),
        Payload::InstanceSection(section) => section.count(),
        Payload::ComponentInstanceSection(section) => section.count(),
        Payload::ComponentAliasSection(section) => section.count(),
        Payload::ComponentCanonicalSection(section) => section.count(),
        Payload::ComponentExportSection(section) => section.count(),
        _ => 0,
    }
}
