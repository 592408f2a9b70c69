#!/usr/bin/env bash
# Formatting, clippy and documentation, without a warning. Called by the Makefile.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { echo "lint: $*"; "$@"; }

step cargo fmt --all --check
step cargo clippy --locked --quiet --workspace --all-targets -- -D warnings
# What only exists inside the sandbox.
step cargo clippy --locked --quiet --target wasm32-unknown-unknown \
    --package trend --package mean-reversion --package buy-and-hold --package sma-flip -- -D warnings
RUSTDOCFLAGS="-D warnings" step cargo doc --locked --quiet --workspace --no-deps

# Versions stand in one place: members name only what the workspace pins. The SDK and the indicators are copied beside
# new plugins, outside of the workspace, and cannot.
own=$(git ls-files '*/Cargo.toml' ':!sdk/rust' ':!host/indicators' \
    | xargs awk '/^\[/ { inside = /dependencies\]$/ } inside && /^[a-z]/ && !/workspace/ { print FILENAME ": " $0 }')
if [ -n "$own" ]; then
    echo "lint: dependencies with a version of their own; use workspace = true"
    echo "$own"
    exit 1
fi
echo "lint: clean"
