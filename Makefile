# Everything this project does, one target each. `make help` lists them.
# All paths are relative, so that the checkout may lie in a folder whose name has a space.

VENV  := .venv
BIN   := $(VENV)/bin
# Made last: it is there only if the whole installation went through.
READY := $(VENV)/ready
# Where Python is: ruff would put the code inside Markdown into its style as well.
CODE  := lenet_utils experiments tests book/_ext
# The scripts that have runs to make; the other files there only serve them.
EXPERIMENTS := $(addprefix experiments/,sparse_c3.py activations.py rivals.py paper_table.py)

# The first Python on this machine that is new enough; `make book PYTHON=/path/to/python` chooses another.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$python -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$python && break; done)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup book test lab results format clean clean-all

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## make .venv with the locked packages (the other targets do this by themselves)

book: $(READY) ## build the book into _build/html; only chapters whose code changed are run
	@$(BIN)/jupyter-book build . -W -n --keep-going
	@echo "The book is built. Open: $(CURDIR)/_build/html/index.html"

test: $(READY) ## check the style, then run all tests (they build the book too)
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/python -m pytest

lab: $(READY) ## open JupyterLab, where the chapters open as notebooks
	@$(BIN)/jupytext-config --settings-file $(VENV)/share/jupyter/lab/settings/overrides.json \
		set-default-viewer markdown
	@$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/book/intro.md

results: $(READY) ## run the long experiments again, writing lenet_utils/assets/results (hours)
	@set -e; for script in $(EXPERIMENTS); do echo "Running $$script"; $(BIN)/python "$$script"; done

format: $(READY) ## put the Python code into the project's style
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

clean: ## remove the built book, its kept results and all caches
	@rm -rf _build .pytest_cache .ruff_cache
	@find . -name $(VENV) -prune -o -type d -name __pycache__ -exec rm -rf {} +

clean-all: clean ## remove .venv as well
	@rm -rf $(VENV)

$(READY): requirements.txt pyproject.toml
	@rm -f $@
	@test -n "$(PYTHON)" || { echo "No Python >= 3.11 found. Install one, or: make PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -c '$(NEW_ENOUGH)' || { \
		echo "Python >= 3.11 is needed; $(PYTHON) is $$("$(PYTHON)" --version 2>&1)" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' || { \
		echo "$(PYTHON) cannot make virtual environments. On Debian: apt install python3-venv" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --requirement requirements.txt
	@touch $@
