//! From wasmtime's errors to faults of one line.

use cryptobot_engine::{Fault, FaultKind};
use rustc_demangle::demangle;
use wasmtime::{Trap, WasmBacktrace};

use crate::host::printable;

/// Longest text of a plugin that a fault quotes, bytes.
const QUOTED_BYTES: usize = 300;

/// Functions in a backtrace at most.
const FRAMES: usize = 32;

/// What a failed call into a guest means. `error_line` is what the guest logged last as an error, `deadline_ms` the
/// deadline it had.
pub(crate) fn of_error(error: &wasmtime::Error, error_line: Option<&str>, deadline_ms: u64) -> Fault {
    let mut fault = told(error, error_line, deadline_ms);
    fault.detail.backtrace = backtrace(error);
    fault
}

fn told(error: &wasmtime::Error, error_line: Option<&str>, deadline_ms: u64) -> Fault {
    if let Some(fault) = error.downcast_ref::<Fault>() {
        return fault.clone();
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => Fault::new(FaultKind::Deadline, format!("ran longer than {deadline_ms} ms")),
        Some(Trap::OutOfFuel) => Fault::new(FaultKind::Instructions, "used up its instructions"),
        Some(trap) => {
            let said = error_line.map(|line| format!("; it said: {}", quoted(line))).unwrap_or_default();
            Fault::new(FaultKind::Trap, format!("{}{said}", name(*trap)))
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

/// The functions that were running, innermost first, without the panic machinery of the plugin's language.
fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    const MACHINERY: [&str; 8] =
        ["core::", "std::", "alloc::", "rust_panic", "__rust", "rust_begin_unwind", "abort", "panic_abort"];
    let frames = error.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames).unwrap_or_default();
    frames
        .iter()
        .flat_map(|frame| {
            let symbols: Vec<&str> = frame.symbols().iter().filter_map(|symbol| symbol.name()).collect();
            // Symbols tell of inlined functions too; the name section knows the others.
            let names = if symbols.is_empty() { frame.func_name().into_iter().collect() } else { symbols };
            names.into_iter().map(|name| quoted(&format!("{:#}", demangle(name)))).collect::<Vec<_>>()
        })
        .skip_while(|name| MACHINERY.iter().any(|machinery| name.starts_with(machinery)))
        .take(FRAMES)
        .collect()
}
