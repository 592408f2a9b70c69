#!/usr/bin/env bash
# Formatting, clippy and documentation, without a warning. Called by the Makefile.
set -uo pipefail
cd "$(dirname "$0")/.."

failed=0
step() {
    echo "lint: $*"
    "$@" || failed=1
}

# Versions stand in one place: members name only what the workspace pins. The SDK and the indicators are copied beside
# new plugins, outside of the workspace, and cannot.
versions_in_one_place() {
    local own
    own=$(git ls-files '*/Cargo.toml' ':!sdk/rust' ':!host/indicators' \
        | xargs awk '/^\[/ { inside = /dependencies\]$/ } inside && /^[a-z]/ && !/workspace/ { print FILENAME ": " $0 }')
    [ -z "$own" ] && return
    echo "dependencies with a version of their own; use workspace = true"
    echo "$own"
    return 1
}

step cargo fmt --all --check
step versions_in_one_place
step cargo clippy --locked --quiet --workspace --all-targets -- -D warnings
# What only exists inside the sandbox.
step cargo clippy --locked --quiet --target wasm32-unknown-unknown \
    --package trend --package mean-reversion --package buy-and-hold --package sma-flip \
    --package breakout --package guarded-flip --package signal-flip --package arbitrage-scout --package first-draft \
    --package noise -- -D warnings
export RUSTDOCFLAGS="-D warnings"
step cargo doc --locked --quiet --workspace --no-deps

[ "$failed" = 0 ] && echo "lint: clean"
exit "$failed"
