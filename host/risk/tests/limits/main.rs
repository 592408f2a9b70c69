//! The risk engine from outside: each limit with numbers computed by hand, and invariants over random flows.
#![allow(
    clippy::unwrap_used,
    clippy::large_types_passed_by_value,
    clippy::similar_names,
    missing_docs,
    reason = "a test stops at what it did not expect"
)]

mod cases;
mod flows;
mod states;
mod trader;
