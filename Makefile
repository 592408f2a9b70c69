# Everyday commands; CONTRIBUTING.md describes them. Everything that is built goes to $CARGO_TARGET_DIR (target/ unless
# it is set), except the plugins, which go to plugins/dist/.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

export CARGO_TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
# Where rustup puts cargo, for shells that were opened before.
export PATH := $(PATH):$(HOME)/.cargo/bin

HOST := $(CARGO_TARGET_DIR)/release/host
BENCH := $(CARGO_TARGET_DIR)/profile-guided/cryptobot-bench
PLUGINS := arbitrage-scout breakout buy-and-hold guarded-flip mean-reversion signal-flip sma-flip trend
DEMO_OUT := runs/demo

.PHONY: setup demo build host plugins sample optimised test lint bench campaign fuzz docs clean

setup:
	@.ci/setup.sh build

host: setup
	cargo build --release --locked --package host

plugins: host
	@for plugin in $(PLUGINS); do $(HOST) plugin build plugins/$$plugin --out plugins/dist; done

build: host plugins

sample: host
	@$(HOST) data generate

# `host` as fast as it can be made, in $(CARGO_TARGET_DIR)/profile-guided.
optimised: build sample
	@.ci/optimise.sh host

demo: build sample
	@$(HOST) run --plugin plugins/dist/trend.wasm --accept --out $(DEMO_OUT)
	@echo; echo "$(CURDIR)/$(DEMO_OUT)/report.html"

test: build sample
	@.ci/setup.sh test
	@CRYPTOBOT_HOST_RELEASE=$(HOST) .ci/test.sh

lint: setup
	@.ci/lint.sh

bench: build
	@.ci/optimise.sh cryptobot-bench
	cargo bench --locked --package cryptobot-analytics --bench mark
	cargo bench --locked --package cryptobot-data --bench read
	cargo bench --locked --package cryptobot-indicators --bench updates
	cargo bench --locked --package cryptobot-wasm --bench calls
	$(BENCH) job plugins/dist/sma-flip.wasm
	$(BENCH) fidelity plugins/dist/sma-flip.wasm plugins/dist/signal-flip.wasm plugins/dist/guarded-flip.wasm
	$(BENCH) catalog $(CARGO_TARGET_DIR)/tmp/bench-catalog 5 1
	@for bars in 100000 1000000 10000000; do $(BENCH) stream $$bars; done

# Long random campaigns, of which everyday tests run a small part. PROPTEST_CASES overrides what a test asks for: it is
# for small cases only, flows and whole runs have a number of their own.
campaign: setup
	PROPTEST_CASES=20000 cargo test --locked --package cryptobot-model --package cryptobot-ledger \
	  --package cryptobot-risk --package cryptobot-journal
	PROPTEST_CASES=20000 cargo test --locked --package cryptobot-sim --lib
	CRYPTOBOT_CASES=2000 cargo test --locked --package cryptobot-sim --test order_flows --test recorded
	CRYPTOBOT_CASES=500 cargo test --locked --package cryptobot-determinism
	PROPTEST_CASES=1000 cargo test --locked --package cryptobot-data --test store
	PROPTEST_CASES=100 cargo test --locked --package cryptobot-data --test check
	CRYPTOBOT_CASES=200 cargo test --locked --package cryptobot-e2e --test e2e -- killed

# Many mutations of what a stranger can hand over; another seed each time, which is printed.
fuzz: setup
	CRYPTOBOT_FUZZ_CASES=$${CRYPTOBOT_FUZZ_CASES:-1000000} CRYPTOBOT_FUZZ_SEED=$${CRYPTOBOT_FUZZ_SEED:-$$RANDOM} \
	  cargo test --locked --release --package cryptobot-fuzz --test targets -- --nocapture

docs: host
	$(HOST) reference > docs/src/reference/commands.md
	$(HOST) config schema > config/run.schema.json
	CRYPTOBOT_WRITE_DOCS=1 cargo test --quiet --locked --package cryptobot-indicators --test reference_page
	@if command -v mdbook > /dev/null; then mdbook build docs; \
	else echo "docs: no mdbook, so the book was not built (cargo install mdbook)"; fi

clean:
	cargo clean
	rm -rf plugins/dist runs data/synthetic
