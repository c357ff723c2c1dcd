# `make run` and `make test` do all the set-up they need: python3.11 and make are enough.
PYTHON ?= python3.11
HOST ?= 127.0.0.1
PORT ?= 8000
BIN := .venv/bin

.PHONY: run setup test test-all bench lint clean
run: setup
	@$(BIN)/python -m service run --demo --host $(HOST) --port $(PORT)

setup: .venv/.ready

.venv/.ready: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on -r requirements.lock
	@$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	@touch $@

.venv/.ready-dev: requirements-dev.lock .venv/.ready
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on -r requirements-dev.lock
	@touch $@

# Two processes; tests/parting.py says which tests stay together and which begin.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder

test: .venv/.ready-dev
	$(PYTEST) -m "not long"

test-all: .venv/.ready-dev
	$(PYTEST)

bench: .venv/.ready-dev
	$(BIN)/python -m tests.benchmarks

lint: .venv/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv var
