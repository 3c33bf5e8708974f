# The four things a developer does. `make run` needs Python 3.11 or later and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help install install-dev run test lint bench clean

help:  ## Say what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(VENV)/.installed  ## Make .venv with the hub and its command line

install-dev: $(VENV)/.installed-dev  ## The same, with what the tests and checks need

run: install  ## Start the hub on this machine and send the samples (ARGS="--fresh" begins anew)
	@$(BIN)/caduceus up $(ARGS)

test: install-dev  ## Run every test that needs no account in Azure
	@$(BIN)/python -m pytest $(ARGS)

lint: install-dev  ## Check style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install-dev  ## Print the measured ratios of this machine
	@$(BIN)/python -m bench $(ARGS)

clean:  ## Remove .venv; the data in .caduceus stays
	rm -rf $(VENV)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Caduceus needs Python 3.11 or later; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml requirements.txt
	@echo "installing into $(VENV) (about a minute the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[cli]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@$(BIN)/python -m tests.doubles.install
	@touch $@
