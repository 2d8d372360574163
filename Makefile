# Everything runs in a virtual environment of its own, .venv, which the first target that needs it makes. No root, no
# compiler and no audio library of the system is needed. Another interpreter: make test PYTHON=python3.12

PYTHON ?= python3
VENV ?= .venv
PYTEST_ARGS ?=
# Processes that share the quick tests, a file each at a time: most tests wait for something, and each process loads torch.
TEST_PROCESSES ?= 2

BIN := $(VENV)/bin
# Touched when everything is installed: an interrupted set-up leaves none.
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow ladder lint format docs site clean
.DELETE_ON_ERROR:

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(READY) ## synthesise speech, train on it, print the word error rate: minutes on two cores
	$(BIN)/asr run recipes/digits.toml

test: $(READY) ## the tests, minutes (PYTEST_ARGS='-k audio' for some of them)
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile $(PYTEST_ARGS)

test-slow: $(READY) ## the tests that take minutes each
	$(BIN)/python -m pytest -m slow --timeout 3600 $(PYTEST_ARGS)

ladder: $(READY) ## the levels of docs/ladder.md, the long tests included
	$(BIN)/python -m pytest -m 'slow or not slow' --timeout 3600 tests/ladder tests/claims tests/evaluation tests/corpora \
	    tests/runs tests/training tests/publish $(PYTEST_ARGS)

lint: $(READY) ## style and types, as checked in CI
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(READY) ## put the code into the house style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(READY) ## renew what is generated in docs/: tables of keys, schema of the record
	$(BIN)/python docs/generate.py

site: $(READY) ## the documentation as a site, in site/; what is wrong in it is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo 'look at it: $(BIN)/python -m http.server --directory site --bind 127.0.0.1'

clean: ## remove the environment and caches; runs/ and downloaded corpora stay
	rm -rf $(VENV) build dist site *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find asr benchmarks docs tests -name __pycache__ -type d -prune -exec rm -rf {} +

# One set-up for all targets. setuptools comes first and pip may not build in isolation: otherwise it would fetch
# whatever setuptools is the newest that day, and constraints.txt would not hold for it.
$(READY): pyproject.toml setup.py constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo >&2 "$(PYTHON) is not there; name a Python 3.11 or newer: \
	make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Attest needs Python 3.11 or newer, and " \
	    + sys.executable + " is " + sys.version.split()[0] + "; name another: make PYTHON=python3.12")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo >&2 "$(PYTHON) cannot make virtual environments: \
	its modules venv and ensurepip are missing (on Debian and Ubuntu they are the package python3-venv); \
	install them, or name another Python: make PYTHON=python3.12"; exit 1; }
	@! test -x $(BIN)/python || test "$$($(BIN)/python -V)" = "$$($(PYTHON) -V)" || { echo >&2 "$(VENV) holds \
	$$($(BIN)/python -V), not $$($(PYTHON) -V): make clean first"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --constraint constraints.txt setuptools
	$(BIN)/python -m pip install --constraint constraints.txt --no-build-isolation --editable '.[dev]'
	@touch $@
