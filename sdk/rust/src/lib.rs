//! What a plugin author depends on: the strategy trait, the host's functions and a test kit.
