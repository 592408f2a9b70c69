//! Canonical journal entries, hash chain, verification.
