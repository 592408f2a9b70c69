#!/usr/bin/env bash
# Runs every test and ends with the line `N passed, N failed`. Called by the Makefile, which has set CARGO_TARGET_DIR
# and CRYPTOBOT_HOST_RELEASE and has made everything that tests need.
set -uo pipefail
cd "$(dirname "$0")/.."

passed=0
failed=0

# Comparisons with published implementations use the environment that setup made.
if [ -z "${CRYPTOBOT_PYTHON:-}" ] && [ -e "$CARGO_TARGET_DIR/python/installed.txt" ]; then
    export CRYPTOBOT_PYTHON="$CARGO_TARGET_DIR/python/bin/python"
fi

# The same random cases every time, so that a change is blamed for nothing but itself; campaigns look for new ones.
export PROPTEST_RNG_SEED="${PROPTEST_RNG_SEED:-1}"

log="$CARGO_TARGET_DIR/test.log"
cargo test --locked --workspace --no-fail-fast 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
read -r passed failed < <(awk '/^test result: / { passed += $4; failed += $6 } END { print passed + 0, failed + 0 }' "$log")
if [ "$status" != 0 ] && [ "$failed" = 0 ]; then
    echo "cargo test ended with exit code $status"
    failed=1
fi

echo "the run report in a browser (tests/report)"
export CRYPTOBOT_SAMPLE_REPORT="$CARGO_TARGET_DIR/debug/examples/sample_report"
if npm ci --prefix tests/report --ignore-scripts --no-audit --no-fund --loglevel=error; then
    # A sweep of three parameters, for its page.
    sweep="$CARGO_TARGET_DIR/sweep-report"
    "$CRYPTOBOT_HOST_RELEASE" sweep --plugin plugins/dist/sma-flip.wasm --symbol BTCUSDT --timeframe 1h --to 2024-03-01 \
        --param fast=2..20 --param slow=30..120:10 --param quantity=0.05,0.1 --top 3 --out "$sweep"
    export CRYPTOBOT_SWEEP_REPORT="$sweep/sweep.html"
    { node tests/report/run.mjs && node tests/report/sweep.mjs; } 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    passed=$((passed + $(grep -c '^ok ' "$log")))
    broken=$(grep -c '^FAILED ' "$log")
    [ "$status" = 0 ] || [ "$broken" != 0 ] || broken=1
    failed=$((failed + broken))
else
    echo "skipped: the packages of tests/report could not be installed"
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
