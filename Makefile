# `make site` and `make test` do their own set-up, in .venv. Plain make: GNU make 3.81 (macOS) is enough.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BOOK := $(BIN)/jupyter-book build . -n -W --keep-going
PEERS := $(patsubst tests/peers/%.txt,$(VENV)/peers/%/.installed,$(wildcard tests/peers/*.txt))

.DEFAULT_GOAL := help
.PHONY: help setup site pdf audit peers test check sync exercise notebooks lint train bench dist clean

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

pdf: site ## Print the whole course into _build/grokcourse.pdf (needs Chromium or Chrome)
	$(BIN)/python -m grokcourse.publishing.pdf

audit: setup ## Measure the built site with Lighthouse (ARGS="book/index --form phone"; needs node and Chromium)
	$(BIN)/python tools/audit.py $(ARGS)

peers: $(PEERS) ## Install the programs that tests run ours against, each in an environment of its own

# Behind what a peer's environment has itself stands all that $(VENV) has, so that torch is not installed twice; and all
# that another peer's has, where one is named here.
$(VENV)/peers/transformer_lens_3/.installed: $(VENV)/peers/transformer_lens/.installed
$(VENV)/peers/%/.installed: tests/peers/%.txt $(STAMP)
	@rm -rf $(@D)
	$(BIN)/python -m venv $(@D)
	@for behind in $(patsubst %/.installed,%,$(filter %/.installed,$^)); do \
		$$behind/bin/python -c 'import sys, sysconfig; print(f"import site; site.addsitedir({sysconfig.get_path(sys.argv[1])!r})")' purelib; done \
		> "$$($(@D)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/grokcourse-peers.pth"
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

test: site peers ## Build the site, then run all tests, those of the built site included
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

check: lint ## In a minute or two: lint, types, and the tests of the core (all but slow, site, sandbox, peer)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --maxprocesses 4 -m "not (slow or site or sandbox or peer)"

lint: setup ## Check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

sync: setup ## Renew what is generated: the stubs in the chapters, the site, and the package's notebooks (commit them)
	$(BIN)/python -m grokcourse.publishing.stubs book/*.md
	$(BOOK)
	$(BIN)/grokcourse notebooks

exercise: setup ## Begin an exercise (NAME=… CHAPTER=… REFERENCE=…), or write its stub, run its gate, build its page (NAME=…)
	$(BIN)/python tools/exercise.py $(NAME) $(CHAPTER) $(REFERENCE)

notebooks: site ## Take the site's student notebooks over into the package (commit them)
	$(BIN)/grokcourse notebooks

train: setup ## Train the reference runs that are not in runs/ yet (hours; ARGS="--only main" for one)
	$(BIN)/python tools/train_reference_runs.py $(ARGS)

bench: setup ## Time the training step, runs side by side, and grading, against their peers (an hour)
	$(BIN)/python benchmarks/train_step.py
	$(BIN)/python benchmarks/grading.py
	$(BIN)/python benchmarks/side_by_side.py

dist: setup ## Build the package's sdist and wheel into dist/
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist

clean: ## Remove the built site and every cached result (.venv and runs stay)
	rm -rf _build
