//! The wasmtime runtime behind the Strategy trait.
