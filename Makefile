# `make site` and `make test` do their own set-up, in .venv. Plain make: GNU make 3.81 (macOS) is enough.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BOOK := $(BIN)/jupyter-book build . -n -W --keep-going

.DEFAULT_GOAL := help
.PHONY: help setup site test notebooks lint train bench clean

help: ## Say what there is (this)
	@echo "make TARGET, where TARGET is one of"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo "Each sets up $(VENV) first if need be (PYTHON=python3.12 chooses the Python)."

setup: $(STAMP) ## Create .venv and install what requirements.txt pins, and the package itself

$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "grokcourse needs Python 3.11 or newer, and '$(PYTHON)' is not one: install one, or name yours, as in: make site PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "'$(PYTHON) -m venv' does not work here (on Debian or Ubuntu: apt-get install python3-venv)." >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $(STAMP)

site: setup ## Build the site into _build/html, running every chapter that has changed
	$(BOOK)

test: site ## Build the site, then run all tests, those of the built site included
	$(BIN)/python -m pytest

lint: setup ## Check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

notebooks: site ## Take the site's student notebooks over into the package (commit them)
	$(BIN)/grokcourse notebooks

train: setup ## Train the reference runs that are not in runs/ yet (hours; ARGS="--only main" for one)
	$(BIN)/python tools/train_reference_runs.py $(ARGS)

bench: setup ## Time the training step against its peers
	$(BIN)/python benchmarks/train_step.py

clean: ## Remove the built site and every cached result (.venv and runs stay)
	rm -rf _build
