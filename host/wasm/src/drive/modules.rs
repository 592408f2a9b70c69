//! The two core modules that drive a plugin: the gate in front of what it imports, and the driver behind its `on-bar`.
//!
//! They share a memory of their own, which the plugin's code cannot name: it holds the page.

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, ImportSection, MemArg, MemArgTarget, MemorySection, MemoryType, Module,
    TypeSection, ValType,
};

use super::read::Import;

/// What the shared memory has, always.
pub(crate) const MEMORY_BYTES: usize = 1 << 20;
const MEMORY_PAGES: u64 = MEMORY_BYTES as u64 >> 16;
/// Bytes of a row: `open time, close time, open, high, low, close, volume`.
const ROW_BYTES: i32 = 56;
/// Where in it the values of the bar are, and where the close time.
const VALUES_AT: [u64; 5] = [16, 24, 32, 40, 48];
const TIME_AT: u64 = 8;

/// Flat parameters of `on-bar`: series, close time, values of the bar.
pub(super) const ON_BAR: [ValType; 7] =
    [ValType::I32, ValType::I64, ValType::F64, ValType::F64, ValType::F64, ValType::F64, ValType::F64];

/// What gate and driver share, by number and name: the row that is being delivered, whether the host need not be told of
/// it (any more), whether the plugin asked for something in it, and the end of what the memory holds, without and with
/// what stays.
const GLOBALS: [&str; 5] = ["row", "told", "wish", "top", "floor"];
const ROW: u32 = 0;
const TOLD: u32 = 1;
const WISH: u32 = 2;
const TOP: u32 = 3;
const FLOOR: u32 = 4;

const SHARED: GlobalType = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
const MEMORY: MemoryType = MemoryType {
    minimum: MEMORY_PAGES,
    maximum: Some(MEMORY_PAGES),
    memory64: false,
    shared: false,
    page_size_log2: None,
};

/// A module that hands on every function it imports, under its number. Before the first of them that is called in a row,
/// it tells the host the row. Not before those by which a plugin asks for something: it takes note of them, and the row is
/// the last one that is delivered.
pub(super) fn gate(imports: &[Import<'_>]) -> Module {
    let (mut types, mut from, mut functions) =
        (TypeSection::new(), ImportSection::new(), FunctionSection::new());
    let (mut exports, mut code, mut globals) =
        (ExportSection::new(), CodeSection::new(), GlobalSection::new());
    types.ty().function([ValType::I32], []);
    from.import("drive", "cursor", EntityType::Function(0));
    for (number, import) in (1..).zip(imports) {
        types.ty().function(import.params.clone(), import.results.clone());
        from.import(import.module, import.name, EntityType::Function(number));
    }
    let count = imports.len() as u32;
    for (number, import) in (1..).zip(imports) {
        functions.function(number);
        exports.export(&(number - 1).to_string(), ExportKind::Func, count + number);
        code.function(&handing_on(number, import));
    }
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    functions.function(count + 1);
    exports.export("realloc", ExportKind::Func, 2 * count + 1);
    code.function(&realloc());
    for (number, name) in (0..).zip(GLOBALS) {
        // Outside of a page there is no row to tell of.
        globals.global(SHARED, &ConstExpr::i32_const(i32::from(number == TOLD)));
        exports.export(name, ExportKind::Global, number);
    }
    let mut memories = MemorySection::new();
    memories.memory(MEMORY);
    exports.export("memory", ExportKind::Memory, 0);
    let mut module = Module::new();
    module.section(&types).section(&from).section(&functions).section(&memories);
    module.section(&globals).section(&exports).section(&code);
    module
}

fn handing_on(number: u32, import: &Import<'_>) -> Function {
    let mut function = Function::new([]);
    let mut body = function.instructions();
    if import.is_wish {
        body.i32_const(1).global_set(WISH);
    } else {
        body.global_get(TOLD).i32_eqz().if_(BlockType::Empty);
        body.i32_const(1).global_set(TOLD).global_get(ROW).call(0).end();
    }
    for parameter in 0..import.params.len() as u32 {
        body.local_get(parameter);
    }
    body.call(number).end();
    function
}

/// `realloc(old, old size, align, new size)`: what is handed over lies behind what was handed over before. Memory that is
/// not there is a trap at the first write behind it.
fn realloc() -> Function {
    let (align, size) = (2, 3);
    let mut function = Function::new([(1, ValType::I32)]);
    let place = 4;
    let mut body = function.instructions();
    body.global_get(TOP).local_get(align).i32_add().i32_const(1).i32_sub();
    body.i32_const(0).local_get(align).i32_sub().i32_and().local_tee(place);
    body.local_get(size).i32_add().global_set(TOP);
    body.local_get(place).end();
    function
}

/// A module that calls `on-bar`, an export of the plugin by this name, for one row of the page after another, and what is
/// to be called after it.
pub(super) fn driver(on_bar: &str, post_return: Option<&str>) -> Module {
    let (mut types, mut from, mut globals) = (TypeSection::new(), ImportSection::new(), GlobalSection::new());
    types.ty().function(ON_BAR, []);
    types.ty().function([ValType::I32; 2], []);
    types.ty().function([ValType::I32; 2], []);
    types.ty().function([ValType::I32; 2], [ValType::I32]);
    types.ty().function([], []);
    from.import("main", on_bar, EntityType::Function(0));
    if let Some(post_return) = post_return {
        from.import("main", post_return, EntityType::Function(4));
    }
    let imported = 1 + u32::from(post_return.is_some());
    from.import("gate", "memory", EntityType::Memory(MEMORY));
    for name in GLOBALS {
        from.import("gate", name, EntityType::Global(SHARED));
    }
    for _ in 0..OWN {
        globals.global(SHARED, &ConstExpr::i32_const(0));
    }
    let (mut functions, mut exports, mut code) =
        (FunctionSection::new(), ExportSection::new(), CodeSection::new());
    let own = [("layout", layout()), ("load", load()), ("run", run(post_return.is_some()))];
    for (number, (name, body)) in (0..).zip(own) {
        functions.function(number + 1);
        exports.export(name, ExportKind::Func, number + imported);
        code.function(&body);
    }
    let mut module = Module::new();
    module.section(&types).section(&from).section(&functions).section(&globals);
    module.section(&exports).section(&code);
    module
}

/// The driver's own: where the series of the rows of a step lie, how many they are, where the page lies.
const SERIES: u32 = 5;
const WIDTH: u32 = 6;
const PAGE: u32 = 7;
const OWN: u32 = 3;

/// `layout(series, count)`: it stays.
fn layout() -> Function {
    let mut function = Function::new([]);
    let mut body = function.instructions();
    body.local_get(0).global_set(SERIES).local_get(1).global_set(WIDTH);
    body.global_get(TOP).global_set(FLOOR).end();
    function
}

/// `load(rows, count)`: the next page will lie where this one does.
fn load() -> Function {
    let mut function = Function::new([]);
    let mut body = function.instructions();
    body.local_get(0).global_set(PAGE);
    body.global_get(FLOOR).global_set(TOP).end();
    function
}

/// `run(at, until)`: delivers rows up to the first one in which the plugin asked for something; returns the row behind.
fn run(post_return: bool) -> Function {
    let (row, until) = (0, 1);
    let (place, bar) = (2, 3);
    let mut function = Function::new([(2, ValType::I32)]);
    let mut body = function.instructions();
    let at = |offset, align| MemArg { offset, align, target: MemArgTarget::Memory(0), ordering: None };
    body.local_get(row).global_get(WIDTH).i32_rem_u().local_set(place);
    body.local_get(row).i32_const(ROW_BYTES).i32_mul().global_get(PAGE).i32_add().local_set(bar);
    body.i32_const(0).global_set(WISH);
    body.loop_(BlockType::Empty);
    body.local_get(row).global_set(ROW).i32_const(0).global_set(TOLD);
    body.local_get(place).i32_const(2).i32_shl().global_get(SERIES).i32_add().i32_load(at(0, 2));
    body.local_get(bar).i64_load(at(TIME_AT, 3));
    for value in VALUES_AT {
        body.local_get(bar).f64_load(at(value, 3));
    }
    body.call(0);
    if post_return {
        body.call(1);
    }
    body.local_get(row).i32_const(1).i32_add().local_set(row);
    body.local_get(bar).i32_const(ROW_BYTES).i32_add().local_set(bar);
    body.local_get(place).i32_const(1).i32_add().local_tee(place).global_get(WIDTH).i32_eq();
    body.if_(BlockType::Empty).i32_const(0).local_set(place).end();
    body.global_get(WISH).i32_eqz().local_get(row).local_get(until).i32_lt_u().i32_and().br_if(0);
    body.end();
    body.i32_const(1).global_set(TOLD).local_get(row).end();
    function
}
