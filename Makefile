# `make run` and `make test` need nothing installed but Python 3.11+ and make.
# .venv is made with the system's own where that is one we know: distributions build Python with
# optimisations that pyenv leaves out. A Python that somebody has chosen comes first.
PYTHON ?= $(if $(VIRTUAL_ENV)$(CONDA_PREFIX)$(wildcard .python-version),python3,$(shell \
  /usr/bin/python3 -c 'import ensurepip, sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' \
  2>/dev/null && echo /usr/bin/python3 || echo python3))
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test quick lint format browser clean

run: $(VENV)/.installed
	@$(BIN)/obidient up --prepare

# Tests start hundreds of processes: each would compile all modules anew where this is set.
test quick: export PYTHONDONTWRITEBYTECODE :=

# Lint and types first: they are quick, and pytest's counts stay the last lines.
# Five at a time on two cores, since many tests wait for something more than they work.
test: $(VENV)/.installed-test browser lint
	$(BIN)/python -m pytest -n 5 --dist worksteal

# The loop one lives in: nothing slow, no browser, SQLite alone.
quick: $(VENV)/.installed-test lint
	$(BIN)/python -m pytest -q -n 3 --dist worksteal -m "not slow and not browser" -k "not postgres"

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tests/house.py
	$(BIN)/lint-imports

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Chromium for the browser tests: from the system, installed here only where that is allowed.
# Its form without windows takes a quarter less of the processor.
browser:
	@command -v chromium-headless-shell >/dev/null 2>&1 \
	  || command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 \
	  || command -v google-chrome >/dev/null 2>&1 \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 \
	       && apt-get update -qq && { apt-get install -y -qq chromium-headless-shell >/dev/null 2>&1 \
	                                  || apt-get install -y -qq chromium >/dev/null; }; } \
	  || echo "Chromium is not installed: browser tests will be skipped."

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Obidient needs Python 3.11 or newer: make PYTHON=python3.11 …" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.installed: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[audio]'
	@touch $@

$(VENV)/.installed-test: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
