//! Typed bindings of the contract, generated from `wit/v0.1`.
//!
//! One module per contract track; the rest of the crate translates to the vocabulary of the host.
#![allow(missing_docs, clippy::pedantic)] // Generated code.

wasmtime::component::bindgen!({
    path: "../../wit/v0.1",
    world: "strategy",
    imports: { default: trappable },
});
