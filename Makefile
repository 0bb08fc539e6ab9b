# Two commands on a fresh machine with Python 3.11+: `make book` builds the site, `make test` tests everything.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready-$(shell cat requirements.txt pyproject.toml 2>/dev/null | cksum | cut -d' ' -f1)
SITE := _build/html
# One thread a process: on shared cores two threads can be ten times slower than one.
export OMP_NUM_THREADS := 1
export PYTHONHASHSEED := 0
NOTEBOOKS := $(shell find chapters -name '*.ipynb' -not -path '*/.ipynb_checkpoints/*' | sort)

fail = { echo; echo "make $@: $(1)" >&2; exit 1; }

.PHONY: help book test unit nbval site-test wheel-test browser notebooks serve lab bench lint format pins clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(READY): requirements.txt pyproject.toml
	@[ -n "$(PYTHON)" ] || $(call fail,no Python 3.11 or newer found; install one or say make PYTHON=/path/to/python)
	[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV) || \
		$(call fail,could not make $(VENV): on Debian and Ubuntu install the package python3-venv)
	echo "installing into $(VENV) (once; a few minutes) ..."
	$(BIN)/python -m pip install -qq -r requirements.txt || $(call fail,pip could not install requirements.txt)
	$(BIN)/python -m pip install -qq --no-deps --no-build-isolation -e . || $(call fail,pip could not install the library)
	rm -f $(VENV)/.ready-*
	touch $@

book: $(READY) ## build the site into _build/html, clean, warnings as errors
	@rm -rf _build; mkdir -p _build
	$(BIN)/jupyter-book build . --warningiserror --keep-going --quiet > _build/book.log 2>&1 || \
		{ grep -nE 'WARNING|ERROR|Error' _build/book.log | head -40; \
		$(call fail,the site did not build without warnings; the whole log: _build/book.log); }
	echo "The site is built. Open it:  file://$(CURDIR)/$(SITE)/index.html  (or: make serve)"

test: $(READY) ## everything: unit tests, exercises, notebooks, hygiene, the site, the wheel
	@$(MAKE) --no-print-directory browser unit nbval book site-test wheel-test
	echo "make test: all passed"

unit: $(READY) ## the library, the exercises' matrix, the notebooks' hygiene
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile tests --ignore tests/test_site.py --ignore tests/test_wheel.py || \
		$(call fail,unit tests failed)

nbval: $(READY) ## re-run every notebook and compare the outputs tagged nbval-check-output
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --nbval-lax --nbval-cell-timeout 600 $(NOTEBOOKS) || \
		$(call fail,a notebook no longer prints what it stores: look above, then make notebooks)

browser: $(READY)
	@bash scripts/ensure_chromium.sh

site-test: $(READY) ## load every page of the built site in headless Chromium
	@[ -f $(SITE)/index.html ] || $(call fail,no site: run make book first)
	$(BIN)/python -m pytest -q -n 2 tests/test_site.py || $(call fail,the built site is not clean)

wheel-test: $(READY) ## the wheel, installed alone, runs a notebook (what Colab does)
	@$(BIN)/python -m pytest -q tests/test_wheel.py || $(call fail,the wheel alone does not run the notebook)

notebooks: $(READY) ## re-execute and normalise all notebooks
	@$(BIN)/python scripts/notebooks.py || $(call fail,some notebooks were left as they were)

serve: ## serve the built site on http://localhost:8000
	@[ -f $(SITE)/index.html ] || $(call fail,no site: run make book first)
	$(BIN)/python -m http.server --directory $(SITE) --bind 127.0.0.1 8000

lab: $(READY) ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab chapters

bench: $(READY) ## the performance ratios, side by side in one run
	@$(BIN)/python benchmarks/run.py

lint: $(READY) ## what pre-commit checks
	@$(BIN)/ruff check . || $(call fail,ruff found faults)
	$(BIN)/ruff format --check . || $(call fail,run make format)
	$(BIN)/codespell . || $(call fail,codespell found misspellings)

format: $(READY) ## format code and notebooks
	@$(BIN)/ruff format .

pins: $(READY) ## resolve requirements.in anew into requirements.txt
	@bash scripts/pins.sh

clean: ## remove what was built (not .venv)
	@rm -rf _build dist build
