//! Typed bindings of contract 0.0, the first draft, generated from `wit/v0.0`.
#![allow(missing_docs, clippy::pedantic)] // Generated code.

wasmtime::component::bindgen!({
    path: "../../wit/v0.0",
    world: "strategy",
    imports: { default: trappable },
});
