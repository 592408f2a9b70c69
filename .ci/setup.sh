#!/usr/bin/env bash
# Checks what building needs and installs what is missing; with `test` also what tests use and can do without.
# Called by the Makefile, which has set CARGO_TARGET_DIR.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly WASM_TARGET=wasm32-unknown-unknown

say() { echo "setup: $*"; }
stop() { say "$*" >&2; exit 1; }
has() { command -v "$1" > /dev/null 2>&1; }

# Runs apt-get as root, directly or through sudo without a password. Fails where neither is possible.
apt() {
    local -a as_root=()
    echo "there is no apt-get" > "$LOG"
    has apt-get || return 1
    if [ "$(id -u)" != 0 ]; then
        echo "that needs root or sudo without a password" > "$LOG"
        has sudo && sudo -n true 2> /dev/null || return 1
        as_root=(sudo -n)
    fi
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 "$@" > "$LOG" 2>&1
}

# install PACKAGE...: Debian packages; on failure what went wrong stays in $LOG.
install() {
    say "installing with apt-get: $*"
    apt install -y --no-install-recommends "$@" || { apt update && apt install -y --no-install-recommends "$@"; }
}

rust() {
    has cargo || stop "cargo is missing; install Rust from https://rustup.rs and open a new shell"
    if ! cargo --version > /dev/null 2>&1 && has rustup; then
        say "installing the stable Rust toolchain"
        rustup toolchain install stable --profile default --no-self-update
        rustup default stable
    fi
    local wanted have
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    have=$(rustc --version | cut -d' ' -f2)
    if ! printf '%s\n' "$wanted" "${have%%-*}" | sort -C -V; then
        stop "Rust $wanted or newer is needed, this is $have; run: rustup update stable && rustup default stable"
    fi
    if [ ! -d "$(rustc --print target-libdir --target $WASM_TARGET)" ]; then
        has rustup || stop "this Rust has no $WASM_TARGET and there is no rustup to add it; see https://rustup.rs"
        say "adding the compiler target $WASM_TARGET"
        rustup target add $WASM_TARGET
    fi
}

c_compiler() {
    has cc || install build-essential || stop "a C compiler is missing; install the package build-essential"
}

# The chart library of the report comes through npm.
node_js() {
    has npm && has node && return
    install nodejs npm || stop "npm is missing and could not be installed ($(tail -n 1 "$LOG")); install Node.js with npm"
}

browser() {
    local name
    for name in chromium chromium-browser google-chrome; do
        has "$name" && return
    done
    install chromium || say "no Chromium ($(tail -n 1 "$LOG")): the report's browser test will be skipped"
}

# Published implementations that indicators and metrics are compared with.
oracles() {
    local venv="$CARGO_TARGET_DIR/python" requirements=.ci/python-requirements.txt
    cmp -s $requirements "$venv/installed.txt" && return
    local skipped="comparisons with published implementations will be skipped"
    has python3 || install python3 || { say "no Python ($(tail -n 1 "$LOG")): $skipped"; return; }
    if ! python3 -c 'import ensurepip' 2> /dev/null && ! install python3-venv; then
        say "no venv module ($(tail -n 1 "$LOG")): $skipped"
        return
    fi
    say "making a Python environment in $venv"
    if python3 -m venv --clear "$venv" > "$LOG" 2>&1 \
        && "$venv/bin/pip" install --quiet --disable-pip-version-check --prefer-binary -r $requirements > "$LOG" 2>&1
    then
        cp $requirements "$venv/installed.txt"
    else
        say "not installed ($(tail -n 1 "$LOG")): $skipped"
    fi
}

mkdir -p "$CARGO_TARGET_DIR"
readonly LOG="$CARGO_TARGET_DIR/setup.log"
: > "$LOG"
c_compiler
rust
node_js
if [ "${1:-}" = test ]; then
    browser
    oracles
fi
say "ready: $(rustc --version | cut -d' ' -f1,2), node $(node --version)"
