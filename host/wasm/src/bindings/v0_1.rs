//! Typed bindings of contract 0.1, generated from `wit/v0.1`. It is the newest, so that its types are those that the
//! host's functions are written for, and nothing has to be adapted.
#![allow(missing_docs, clippy::pedantic)] // Generated code.

wasmtime::component::bindgen!({
    path: "../../wit/v0.1",
    world: "strategy",
    imports: { default: trappable },
});

/// What only plugins that take pages have and use.
pub(crate) mod pages {
    wasmtime::component::bindgen!({
        path: "../../wit/v0.1",
        world: "pages",
        imports: { default: trappable },
    });
}
