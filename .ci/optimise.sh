#!/usr/bin/env bash
# optimise.sh host|cryptobot-bench: builds it once more, optimised for what runs do most. A build that counts is sent
# through backtests and sweeps, and the compiler lays out and inlines by its counts. What runs compute is the same, to
# the bit. Called by the Makefile, which has set CARGO_TARGET_DIR and has built the host, the plugins and the sample.
set -Eeuo pipefail
cd "$(dirname "$0")/.."

readonly NAME="$1"
readonly FOLDER="$CARGO_TARGET_DIR/profile-guided"
readonly COUNTS="$FOLDER/$NAME-counts"
TRIPLE=$(rustc -vV | sed -n 's/^host: //p')
readonly TRIPLE
TOOLS="$(rustc --print sysroot)/lib/rustlib/$TRIPLE/bin"
readonly TOOLS
readonly COUNTING="$FOLDER/counting/$TRIPLE/release/$NAME"
readonly LOG="$FOLDER/$NAME-counting.log"
readonly RUNS="$FOLDER/runs"

say() { echo "optimise: $*"; }
trap 'say "failed; $LOG says why where it is about a run" >&2' ERR

# built FLAG FOLDER: with a target named, the flag is not one of build scripts and macros. Both builds have the same
# profile: a function's name depends on it, and counts are found by name.
built() {
    RUSTFLAGS="$1" cargo build --locked --release --target "$TRIPLE" --target-dir "$FOLDER/$2" --package "$NAME"
}

counting() { LLVM_PROFILE_FILE="$COUNTS/%p-%m.profraw" "$COUNTING" "$@" >> "$LOG" 2>&1; }

host() {
    # The host compiles plugins in a process that may write no file, counts included: it finds them compiled.
    export XDG_CACHE_HOME="$FOLDER/cache"
    local plugin delivery
    for plugin in sma-flip guarded-flip trend; do
        "$CARGO_TARGET_DIR/release/host" run --plugin $plugin --to 2024-02-01 --accept --out "$RUNS/of-$plugin" >> "$LOG" 2>&1
    done
    for delivery in event paged single; do
        counting run --plugin sma-flip --timeframe 1m --set quantity=0.1 --delivery $delivery --accept --out "$RUNS/$delivery"
    done
    counting run --plugin trend --accept --out "$RUNS/trend"
    counting run --plugin guarded-flip --timeframe 15m --leverage 3 --set quantity=0.1 --set stop=0.01 --accept \
        --out "$RUNS/guarded"
    counting sweep --plugin sma-flip --timeframe 15m --set quantity=0.1 --param fast=2..6 --param slow=20..60:10 --accept \
        --out "$RUNS/sweep"
    unset XDG_CACHE_HOME
}

cryptobot-bench() {
    local plugins=(plugins/dist/{sma,signal,guarded}-flip.wasm) delivery way
    for delivery in native event pages single; do
        counting job "${plugins[0]}" 3 $delivery
    done
    for way in ideal margin stops late; do
        counting fidelity $way
        counting fidelity $way "${plugins[@]}"
        counting fidelity $way "${plugins[@]}" single
    done
}

if [ ! -x "$TOOLS/llvm-profdata" ]; then
    command -v rustup > /dev/null || { say "llvm-profdata is missing and there is no rustup to add it" >&2; exit 1; }
    say "adding the compiler's llvm-tools, for llvm-profdata"
    rustup component add llvm-tools
fi
mkdir -p "$COUNTS"
rm -rf "${COUNTS:?}"/* "$RUNS"
: > "$LOG"

say "building $NAME so that it counts"
built "-Cprofile-generate=$COUNTS" counting
say "counting"
"$NAME"
"$TOOLS/llvm-profdata" merge -o "$FOLDER/$NAME.profdata" "$COUNTS"/*.profraw
rm -rf "$COUNTS" "$RUNS"
say "building $NAME with the counts"
built "-Cprofile-use=$FOLDER/$NAME.profdata" optimised
ln -sf "optimised/$TRIPLE/release/$NAME" "$FOLDER/$NAME"
say "ready: $FOLDER/$NAME"
