# `make run` and `make test` do all the set-up they need: python3.11 and make are enough.
PYTHON ?= python3.11
HOST ?= 127.0.0.1
PORT ?= 8000
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check
LOCK = $(BIN)/uv pip compile pyproject.toml -q --generate-hashes --universal --python-version 3.11 --no-emit-index-url \
	--custom-compile-command "make lock" $(UPGRADE) --output-file

.PHONY: run setup lock wheel test test-all bench lint clean
run: .venv/.ready
	@$(BIN)/python -m service run --demo --host $(HOST) --port $(PORT) $(YES)

# Everything: serving, training, tests.
setup: .venv/.ready-dev

# One line that says what to do, where the environment cannot be made.
define MAKE_VENV
$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
	echo "Python 3.11 is needed, and $(PYTHON) is not that: install python3.11 and python3.11-venv, or name it with PYTHON=/path/to/python3.11" >&2; exit 1; }; \
$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	echo "$(PYTHON) cannot make environments: install python3.11-venv" >&2; exit 1; }; \
$(PYTHON) -m venv .venv
endef

# What serving needs, and no more.
.venv/.ready: requirements.lock pyproject.toml
	@test -x $(BIN)/python || { $(MAKE_VENV); }
	@$(PIP) --progress-bar on --require-hashes -r requirements.lock
	@$(PIP) -q --no-deps --no-build-isolation -e .
	@touch $@

.venv/.ready-dev: requirements-dev.lock .venv/.ready
	@$(PIP) --progress-bar on --require-hashes -r requirements-dev.lock
	@touch $@

# Exact versions, with the hashes of their files, of what pyproject.toml asks for. A version that is locked stays while it
# fits; `make lock UPGRADE=--upgrade` takes the newest that fit.
lock: .venv/.ready-dev
	$(LOCK) requirements.lock --extra service --extra oidc --group build
	$(LOCK) requirements-dev.lock --extra dev --group build --constraint requirements.lock

wheel: .venv/.ready-dev
	$(BIN)/hatchling build

# Two processes; tests/conftest.py says which tests stay together and which begin.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder

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
