# Everything a person or CI does with this project. `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := $(VENV)/.demo
READY := $(VENV)/.ready
DATA ?= .flytelike
SEEDS ?= 10000
CHAOS_SEEDS ?= 20
CHAOS_KILLS ?= 8
FILES ?=
CONSOLE := flytelike/console/web
# Tests start thousands of processes: where Python may keep nothing that it compiled, each compiles all it imports again.
unexport PYTHONDONTWRITEBYTECODE
# What messages must stay compatible with: Flyte's, and what idl/additions.txtpb has frozen of ours.
CONTRACT := $(VENV)/.contract.binpb

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  %-10s %s\n", $$1, $$2}'

.PHONY: demo
demo: $(DEMO) ## execute examples/flights on the embedded platform
	@$(BIN)/flytelike execute --data $(DATA) examples/flights/flights.py flight_delays
	@echo 'look at it in the console: make up, then open http://127.0.0.1:8088/' >&2

.PHONY: up
up: $(DEMO) ## run the platform and its console on the demo's data
	@$(MAKE) --no-print-directory console || true
	@$(BIN)/flytelike up --data $(DATA)

.PHONY: console
console: ## build the console's pages (Node.js 20.19 or newer)
	@if test -x $(BIN)/python; then $(BIN)/python $(CONSOLE)/build.py; else $(PYTHON) $(CONSOLE)/build.py; fi

.PHONY: console-screenshots
console-screenshots: $(READY) console ## take pictures of all pages of the console, into build/console
	@$(BIN)/python -m tests.console.screenshots

.PHONY: console-check
console-check: $(READY) # without Node.js it is left out, but not in CI
	@$(BIN)/python $(CONSOLE)/build.py --check || { [ $$? = 3 ] && [ "$$CI" != true ]; }

.PHONY: setup
setup: $(READY) ## make .venv with everything the checks and tests need

$(VENV)/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip -q install 'uv>=0.5'

$(DEMO): pyproject.toml constraints.txt | $(VENV)/bin/uv
	@echo "Installing flytelike and what the examples need into $(VENV) ..." >&2
	@$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e '.[examples]'
	@touch $@

$(READY): pyproject.toml constraints.txt | $(VENV)/bin/uv
	@echo "Installing flytelike and what its tests need into $(VENV) ..." >&2
	@$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e '.[dev]'
	@touch $@ $(DEMO)

.PHONY: test
test: $(READY) ## install what the tests need and run them
	@tests/services/install.sh
	@$(BIN)/python $(CONSOLE)/build.py || test "$$CI" != true
	@tests/wire/install.sh >/dev/null || test "$$CI" != true
	@$(BIN)/python -m tests.kube.programs control-plane >/dev/null || test "$$CI" != true
	@$(BIN)/python -m tests.kube.programs helm >/dev/null || test "$$CI" != true
	@tests/kube/install.sh
	@$(BIN)/python -m tests.kube.programs node >/dev/null || test "$$CI" != true
	@$(BIN)/python -m tests.chart.built_image || test "$$CI" != true
	@$(BIN)/pytest -n 2 --dist worksteal -q

.PHONY: test-kube
test-kube: $(READY) ## build Kubernetes if it is not there (minutes, once a machine) and test on it
	@$(BIN)/python -m tests.kube.programs control-plane >/dev/null
	@$(BIN)/python -m tests.kube.programs helm >/dev/null
	@tests/kube/install.sh
	@$(BIN)/python -m tests.kube.programs node >/dev/null
	@$(BIN)/python -m tests.chart.built_image
	@$(BIN)/pytest -q tests/kube tests/chart tests/unit/propeller_kube tests/contracts/test_objects_contract.py

.PHONY: test-chart-on-node
test-chart-on-node: $(READY) ## install the chart on the tests' node and execute through its pods by itself
	@$(BIN)/python -m tests.kube.programs control-plane >/dev/null
	@$(BIN)/python -m tests.kube.programs helm >/dev/null
	@tests/kube/install.sh
	@$(BIN)/python -m tests.kube.programs node >/dev/null
	@$(BIN)/python -m tests.chart.built_image
	@$(BIN)/pytest -q tests/chart/test_chart_on_node.py

.PHONY: test-torch
test-torch: $(READY) ## install PyTorch (gigabytes) in an environment of its own and test its plugin
	@test -x $(VENV)/torch/bin/python || $(BIN)/python -m venv $(VENV)/torch
	@$(BIN)/uv pip install -q --python $(VENV)/torch/bin/python -e . torch numpy pytest pytest-timeout hypothesis
	@$(VENV)/torch/bin/python -m pytest -q --noconftest -p no:cacheprovider tests/optional

.PHONY: check
check: $(READY) ## formatting, lints, types, layers, protobuf rules, dead code, the console's sources
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy
	@$(BIN)/pyright --warnings > $(VENV)/.pyright || { cat $(VENV)/.pyright; exit 1; }
	@$(BIN)/python -m tests.spec.public_types
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python idl/generate.py --check
	@cd idl && ../$(BIN)/buf lint
	@$(MAKE) --no-print-directory breaking
	@$(BIN)/codespell
	@$(BIN)/deptry .
	@$(BIN)/vulture
	@$(MAKE) --no-print-directory console-check

.PHONY: fix
fix: $(READY) ## format, and mend what can be mended
	@$(BIN)/ruff check -q --fix . || true
	@$(BIN)/ruff format -q .

.PHONY: snapshots
snapshots: $(READY) ## write what is told of the examples into tests/spec/compile, docs/errors and docs/type_errors.md
	@$(BIN)/python -m tests.spec.snapshots
	@$(BIN)/python -m tests.spec.type_errors

.PHONY: gen
gen: $(READY) ## generate flytelike_idl from idl/proto
	@$(BIN)/python idl/generate.py

.PHONY: breaking
breaking: $(READY)
	@$(BIN)/python -m tests.idl.frozen baseline $(CONTRACT)
	@cd idl && ../$(BIN)/buf breaking --against ../$(CONTRACT)

.PHONY: freeze
freeze: $(READY) breaking ## freeze what was added to Flyte's messages: clients may rely on it
	@$(BIN)/python -m tests.idl.frozen freeze

.PHONY: bench
bench: $(READY) ## measure, print a table, and write bench/results.json
	@$(BIN)/python -m bench

.PHONY: bench-cluster
bench-cluster: $(READY) ## measure the operator at scale, on a real API server (half an hour)
	@$(BIN)/python -m bench cluster

.PHONY: bench-console
bench-console: $(READY) console ## measure the console's pages in headless Chromium
	@$(BIN)/python -m bench.console

.PHONY: simulate
simulate: $(READY) ## run the simulations of propeller's core and engine on SEEDS seeds (10000)
	@$(BIN)/python -m tests.simulation.run --seeds $(SEEDS)
	@$(BIN)/python -m tests.simulation.engine.run --seeds $(SEEDS)

.PHONY: mutants
mutants: $(READY) ## plant faults in propeller; the simulations must find each
	@$(BIN)/python -m tests.simulation.planting

.PHONY: mutation
mutation: $(READY) ## plant every small fault in propeller/core, one at a time (hours); FILES=settle,stop for some
	@nice -n 10 $(BIN)/python -m tests.simulation.mutation --files "$(FILES)" $(if $(AGAIN),--again)

.PHONY: golden
golden: $(READY) ## add histories and half-way states that golden files do not show yet; none is written over
	@$(BIN)/python -m tests.golden.record
	@$(BIN)/python -m tests.golden.halfway

.PHONY: chaos
chaos: $(READY) ## hurt the real platform as CHAOS_SEEDS seeds (20) draw it, or as CHAOS_SEED does, and check the guarantees
	@CHAOS_SEEDS=$(CHAOS_SEEDS) CHAOS_KILLS=$(CHAOS_KILLS) $(BIN)/pytest -q -p no:cacheprovider tests/e2e/chaos

.PHONY: constraints
constraints: $(READY) ## renew constraints.txt, and what tests/wire installs
	@$(BIN)/uv pip compile -q --upgrade pyproject.toml --extra dev --no-emit-index-url --no-header --no-annotate -o constraints.txt
	@$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate tests/wire/requirements.in -o tests/wire/requirements.txt

.PHONY: clean
clean: ## remove what the other targets made
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
