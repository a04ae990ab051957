# Everything a person or CI does with this project. `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{printf "  %-12s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/pip -q install 'uv>=0.5'
	@echo "Installing what flytelike and its tests need into $(VENV) ..." >&2
	@$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e '.[dev]'
	@touch $@

.PHONY: setup
setup: $(STAMP) ## make .venv with everything the tests need

.PHONY: gen
gen: $(STAMP) ## generate flytelike_idl from idl/proto
	@$(BIN)/python idl/generate.py

.PHONY: fix
fix: $(STAMP) ## format, and mend what can be mended
	@$(BIN)/ruff check -q --fix . || true
	@$(BIN)/ruff format -q .

.PHONY: check
check: $(STAMP) ## formatting, lints, types, layers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy flytelike propeller
	@$(BIN)/python idl/generate.py --check

.PHONY: test
test: $(STAMP) ## run the tests
	@$(BIN)/pytest
