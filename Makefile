# Two commands on a fresh machine with Python 3.11+: `make book` builds the site, `make test` tests everything.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c

# Which Python: the one that PYTHON names, else the first that is new enough (scripts/venv.sh).
# Its programs are called as modules: the scripts beside them name the folder in which they were installed.
BIN := .venv/bin
SITE := _build/html
# One thread a process: on shared cores two threads can be ten times slower than one.
export OMP_NUM_THREADS := 1
export PYTHONHASHSEED := 0
# Huge pages for malloc: on a virtual machine tensors of 20 MB were read and written seven times faster with them.
export GLIBC_TUNABLES := glibc.malloc.hugetlb=1
NOTEBOOKS := $(shell find chapters -name '*.ipynb' -not -path '*/.ipynb_checkpoints/*' | sort)

fail = { echo; echo "make $@: $(1)" >&2; exit 1; }

.PHONY: help ready book test unit nbval site-test wheel-test browser notebooks serve lab bench lint format pins clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

ready:
	@bash scripts/venv.sh

book: ready ## build the site into _build/html, clean, warnings as errors
	@rm -rf _build; mkdir -p _build
	$(BIN)/python -c 'from jupyter_book.cli.main import main; main()' \
		build . --warningiserror --keep-going --quiet > _build/book.log 2>&1 || \
		{ grep -nE 'WARNING|ERROR|Error' _build/book.log | head -40; \
		$(call fail,the site did not build without warnings; the whole log: _build/book.log); }
	url=$$($(BIN)/python -c 'from pathlib import Path; print(Path("$(SITE)/index.html").resolve().as_uri())')
	echo "The site is built. Open it:  $$url  (or: make serve)"

test: ready ## everything: unit tests, exercises, notebooks, hygiene, the site, the wheel
	@$(MAKE) --no-print-directory browser unit nbval book site-test wheel-test
	echo "make test: all passed"

unit: ready ## the library, the exercises' matrix, the notebooks' hygiene
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile tests --ignore tests/test_site.py --ignore tests/test_wheel.py || \
		$(call fail,unit tests failed)

nbval: ready ## re-run every notebook and compare the outputs tagged nbval-check-output
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --nbval-lax --nbval-cell-timeout 600 $(NOTEBOOKS) || \
		$(call fail,a notebook no longer prints what it stores: look above, then make notebooks)

browser: ready
	@bash scripts/ensure_chromium.sh

site-test: ready ## load every page of the built site in headless Chromium
	@[ -f $(SITE)/index.html ] || $(call fail,no site: run make book first)
	$(BIN)/python -m pytest -q -n 2 tests/test_site.py || $(call fail,the built site is not clean)

wheel-test: ready ## the wheel, installed alone, runs a notebook (what Colab does)
	@$(BIN)/python -m pytest -q tests/test_wheel.py || $(call fail,the wheel alone does not run the notebook)

notebooks: ready ## re-execute and normalise all notebooks
	@$(BIN)/python scripts/notebooks.py || $(call fail,some notebooks were left as they were)

serve: ## serve the built site on http://localhost:8000
	@[ -f $(SITE)/index.html ] || $(call fail,no site: run make book first)
	$(BIN)/python -m http.server --directory $(SITE) --bind 127.0.0.1 8000

lab: ready ## open the notebooks in JupyterLab
	@$(BIN)/python -m jupyterlab chapters

bench: ready ## the performance ratios, side by side in one run
	@$(BIN)/python benchmarks/run.py

lint: ready ## what pre-commit checks, and that the library's modules import only downwards
	@$(BIN)/python -m ruff check . || $(call fail,ruff found faults)
	$(BIN)/python -m ruff format --check . || $(call fail,run make format)
	$(BIN)/python -m codespell_lib . || $(call fail,codespell found misspellings)
	$(BIN)/python -c 'from importlinter.cli import lint_imports_command as lint; lint()' --no-cache --no-logo || \
		$(call fail,a module imports from above its place in pyproject.toml)

format: ready ## format code and notebooks
	@$(BIN)/python -m ruff format .

pins: ## resolve requirements.in into requirements.txt, keeping what can stay
	@bash scripts/pins.sh

clean: ## remove what was built (not .venv)
	@rm -rf _build dist build
