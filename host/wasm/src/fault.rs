//! From wasmtime's errors to faults of one line.

use cryptobot_engine::{Fault, FaultKind};
use rustc_demangle::demangle;
use wasmtime::{Trap, WasmBacktrace};

use crate::host::printable;

/// Longest text of a plugin that a fault quotes, bytes.
const QUOTED_BYTES: usize = 300;

/// What a failed call into a guest means. `error_line` is what the guest logged last as an error, `deadline_ms` the
/// deadline it had.
pub(crate) fn of_error(error: &wasmtime::Error, error_line: Option<&str>, deadline_ms: u64) -> Fault {
    if let Some(fault) = error.downcast_ref::<Fault>() {
        return fault.clone();
    }
    let function = function(error);
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => {
            Fault::new(FaultKind::Deadline, format!("ran longer than {deadline_ms} ms{function}"))
        }
        Some(Trap::OutOfFuel) => {
            Fault::new(FaultKind::Deadline, format!("used up its instructions{function}"))
        }
        Some(trap) => {
            let said = error_line.map(|line| format!("; it said: {}", quoted(line))).unwrap_or_default();
            Fault::new(FaultKind::Trap, format!("{}{function}{said}", name(*trap)))
        }
        // What is neither a trap nor a fault of ours comes from values that break the canonical ABI.
        None => {
            let cause = quoted(&error.root_cause().to_string());
            Fault::new(
                FaultKind::Contract,
                format!("handed over a value that the host does not take: {cause}"),
            )
        }
    }
}

/// A text of a plugin, short enough and fit for a one-line message.
pub(crate) fn quoted(text: &str) -> String {
    printable(&text[..text.floor_char_boundary(QUOTED_BYTES)])
}

/// Refused by the plugin itself, in its words.
pub(crate) fn refused(callback: &str, reason: &str) -> Fault {
    Fault::new(FaultKind::Refused, format!("{callback}: {}", quoted(reason)))
}

/// A trap in words.
fn name(trap: Trap) -> String {
    match trap {
        Trap::UnreachableCodeReached => "the plugin panicked or aborted".to_owned(),
        Trap::StackOverflow => "the plugin's call stack overflowed".to_owned(),
        other => other.to_string(),
    }
}

/// ` in function`, the innermost one that belongs to the plugin rather than to its language's panic machinery.
fn function(error: &wasmtime::Error) -> String {
    const MACHINERY: [&str; 8] =
        ["core::", "std::", "alloc::", "rust_panic", "__rust", "rust_begin_unwind", "abort", "panic_abort"];
    let frames = error.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames).unwrap_or_default();
    frames
        .iter()
        .flat_map(|frame| {
            let symbols = frame.symbols().iter().filter_map(|symbol| symbol.name());
            symbols.chain(frame.func_name()).map(|name| format!("{:#}", demangle(name)))
        })
        .find(|name| !MACHINERY.iter().any(|machinery| name.starts_with(machinery)))
        .map(|name| format!(" in `{}`", quoted(&name)))
        .unwrap_or_default()
}
