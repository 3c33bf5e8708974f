# What a developer does, and a cloud team (install-infra, deploy). `make run` needs Python 3.11 or later with venv, and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STACK ?= dev

.PHONY: help install install-dev install-infra install-compiled run test lint compile compile-clean bench deploy connector clean

help:  ## Say what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(VENV)/.installed  ## Make .venv with the hub and its command line

install-compiled: $(VENV)/.installed-compiled

install-dev: $(VENV)/.installed-dev  ## The same, with what the tests and checks need

install-infra: .venv-infra/.installed  ## Make .venv-infra with what `pulumi up` needs

run: install  ## Start the hub on this machine and send the samples (ARGS="--fresh" begins anew)
	@$(BIN)/caduceus up $(ARGS)

test: install-dev  ## Run every test that needs no account in Azure
	@$(BIN)/python -m pytest --numprocesses auto --dist worksteal $(ARGS)

lint: install-dev  ## Check style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

compile: install-compiled  ## Compile the hot code (needs a C compiler; docs/compiled.md)
	@$(BIN)/python -m local.compile

compile-clean:  ## Remove the compiled code: plain Python runs again
	rm -rf .compiled

bench: install-dev install-compiled  ## Print the measured ratios of this machine, compiled if it can be (CADUCEUS_COMPILED=off: plain)
	@[ "$$CADUCEUS_COMPILED" = off ] || $(BIN)/python -m local.compile || echo "so plain Python is measured" >&2
	@$(BIN)/python -m bench $(ARGS)

deploy: install-infra  ## Send the code of this folder to a hub in Azure that exists (STACK=dev)
	@.venv-infra/bin/python -m infra.deployment --stack $(STACK)

connector:  ## Pack the on-premises connector: dist/caduceus-connector-VERSION.tar.gz
	@mkdir -p dist
	@version=$$(sed -n 's/^VERSION = "\(.*\)"/\1/p' connector/__init__.py); \
	  tar czf dist/caduceus-connector-$$version.tar.gz --exclude=__pycache__ --sort=name --owner=0 --group=0 \
	    LICENSE docs/connector.md docs/connector-in-flight.md connector relay \
	    shared/__init__.py shared/compiled.py shared/trust.py shared/hl7 shared/message shared/mllp shared/observe && echo "dist/caduceus-connector-$$version.tar.gz"

clean:  ## Remove .venv and .venv-infra; the data in .caduceus stays
	rm -rf $(VENV) .venv-infra

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Caduceus needs Python 3.11 or later; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml requirements.txt
	@echo "installing into $(VENV) (about a minute the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[cli]'
	@touch $@

$(VENV)/.installed-compiled: $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[compiled]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@$(BIN)/python -m tests.doubles.install
	@touch $@

# Azure runs Python 3.12, and so does what makes its package, if it is here.
.venv-infra/.installed: infra/requirements.txt requirements.txt
	@echo "installing into .venv-infra (about a minute the first time)"
	@$(shell command -v python3.12 || echo $(PYTHON)) -m venv .venv-infra || { rm -rf .venv-infra; exit 1; }
	@.venv-infra/bin/python -m pip install --quiet --disable-pip-version-check --requirement infra/requirements.txt
	@touch $@
