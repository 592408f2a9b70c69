#!/usr/bin/env bash
# Builds `host` and `cryptobot-bench` once more, optimised for what runs do most: a build that counts is sent through
# backtests and sweeps, and the compiler lays out and inlines by its counts. What runs compute is the same, to the bit.
# Called by the Makefile, which has set CARGO_TARGET_DIR and has built the plugins and the sample.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly FOLDER="$CARGO_TARGET_DIR/profile-guided"
readonly COUNTS="$FOLDER/counts"
readonly PACKAGES=(--package host --package cryptobot-bench)
TRIPLE=$(rustc -vV | sed -n 's/^host: //p')
readonly TRIPLE
TOOLS="$(rustc --print sysroot)/lib/rustlib/$TRIPLE/bin"
readonly TOOLS

say() { echo "optimise: $*"; }

if [ ! -x "$TOOLS/llvm-profdata" ]; then
    command -v rustup > /dev/null || { say "llvm-profdata is missing and there is no rustup to add it" >&2; exit 1; }
    say "adding the compiler's llvm-tools, for llvm-profdata"
    rustup component add llvm-tools
fi

rm -rf "$COUNTS"
mkdir -p "$COUNTS"
say "building what counts"
# With a target named, the flags are not those of build scripts and macros. What is counted is the same in any build, so
# this one is spared what takes the linker long.
RUSTFLAGS="-Cprofile-generate=$COUNTS" CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    cargo build --locked --release --target "$TRIPLE" --target-dir "$FOLDER/counting" "${PACKAGES[@]}"

say "counting"
export LLVM_PROFILE_FILE="$COUNTS/%p-%m.profraw"
bin="$FOLDER/counting/$TRIPLE/release"
out="$FOLDER/runs"
log="$FOLDER/counting.log"
host() { "$bin/host" "$@" >> "$log"; }
bench() { "$bin/cryptobot-bench" "$@" >> "$log"; }
: > "$log"
rm -rf "$out"
plugins=(plugins/dist/{sma,signal,guarded}-flip.wasm)
# The host compiles plugins in a process that may write no file, counts included; here it finds them compiled.
export XDG_CACHE_HOME="$FOLDER/cache"
rm -rf "$XDG_CACHE_HOME"
bench compile "$XDG_CACHE_HOME/cryptobot-pro/compiled" "${plugins[@]}" plugins/dist/trend.wasm
for delivery in event paged single; do
    host run --plugin sma-flip --timeframe 1m --set quantity=0.1 --delivery $delivery --accept --out "$out/$delivery"
done
host run --plugin trend --accept --out "$out/trend"
host run --plugin guarded-flip --timeframe 15m --leverage 3 --set quantity=0.1 --set stop=0.01 --accept \
    --out "$out/guarded"
host sweep --plugin sma-flip --timeframe 15m --param fast=2..6 --param slow=20..60:10 --accept --out "$out/sweep"
for delivery in native event pages single; do
    bench job "${plugins[0]}" 3 $delivery
done
for way in ideal margin stops late; do
    bench fidelity $way
    bench fidelity $way "${plugins[@]}"
    bench fidelity $way "${plugins[@]}" single
done
unset LLVM_PROFILE_FILE XDG_CACHE_HOME
"$TOOLS/llvm-profdata" merge -o "$FOLDER/counts.profdata" "$COUNTS"/*.profraw
rm -rf "$COUNTS" "$out"

say "building with the counts"
RUSTFLAGS="-Cprofile-use=$FOLDER/counts.profdata" \
    cargo build --locked --release --target "$TRIPLE" --target-dir "$FOLDER/optimised" "${PACKAGES[@]}"
say "ready:"
for name in host cryptobot-bench; do
    ln -sf "optimised/$TRIPLE/release/$name" "$FOLDER/$name"
    echo "$FOLDER/$name"
done
