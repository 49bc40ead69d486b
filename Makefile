# Everything this project does, one target each. `make help` lists them.
# All paths are relative, so that the checkout may lie in a folder whose name has a space.

VENV  := .venv
BIN   := $(VENV)/bin
# Made last: it is there only if the whole installation went through.
READY := $(VENV)/ready
BUILD := $(BIN)/jupyter-book build . -W -n --keep-going
# Made last as well, inside what it stands for. Folders are among the sources, so that a file that was
# deleted or renamed counts as a change; git's configuration says where the book is published.
BUILT := _build/html/.built
SOURCES := _config.yml _toc.yml references.bib $(wildcard .git/config) \
	$(shell find book/. lenet_utils/. -name __pycache__ -prune -o -print)
# Where Python is: ruff would put the code inside Markdown into its style as well.
CODE  := lenet_utils experiments tests book/_ext
# The scripts that have runs to make; the other files there only serve them.
EXPERIMENTS := $(addprefix experiments/,few_numbers.py sparse_c3.py activations.py rivals.py popular_versions.py paper_table.py printed_recipe.py parts_of_1998.py digits_of_1989.py pretrained.py other_hands.py elsewhere.py speed.py single_images.py)

# Two processes of tests: a runner's cores. conftest.py says which tests stay in one process, and begins
# with those that take longest; xdist would begin with the modules that have most.
TOGETHER := -n 2 --dist loadgroup --no-loadscope-reorder

# The first Python on this machine that is new enough; `make book PYTHON=/path/to/python` chooses another.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$python -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$python && break; done)

# `make setup CPU=1` leaves out the lock's CUDA libraries and asks PyTorch's own index, whose 2.15.0+cpu
# is newer than PyPI's 2.15.0 by pip's rules, and satisfies the lock.
CPU   :=
CUDA  := ^(cuda|nvidia|triton)
CPU_INDEX := https://download.pytorch.org/whl/cpu

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup book page pdf pot check test test-all style bench mutants audit lab results format clean clean-all

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## make .venv with the locked packages (the other targets do this by themselves)

book: $(BUILT) ## build the book into _build/html; only chapters whose code changed are run
	@echo "The book is built. Open: $(CURDIR)/_build/html/index.html"

page: $(READY) ## build one chapter while writing it, without the others: make page CHAPTER=lenet-5
	@$(BIN)/python book/_ext/make_page.py "$(CHAPTER)"

pdf: $(READY) ## print the whole book into _build/pdf/book.pdf and beside its pages; needs a Chromium
	@$(BUILD) --builder singlehtml
	@PYTHONPATH=book/_ext $(BIN)/python -m printing.make_pdf _build/singlehtml/book/intro.html _build/pdf/book.pdf
	@$(BUILD)

style: $(READY) ## check style and types
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/mypy
	@$(BIN)/python book/_ext/sentences.py book/*.md

pot: $(READY) ## collect the book's texts for translators, as templates for gettext, into _build/gettext
	@$(BUILD) --builder custom --custom-builder gettext

check: style ## the same, then run the fast tests: well under a minute in all
	@$(BIN)/python -m pytest $(TOGETHER) -q -m "not slow and not long"

test: style ## the same, then run the tests (they build the book too) but for those that take long
	@$(BIN)/python -m pytest $(TOGETHER) -m "not long" --cov

test-all: style ## the same, then run all tests, as a workflow does once a week
	@$(BIN)/python -m pytest $(TOGETHER) --cov

bench: book ## measure speed and memory into _build/bench.csv; for people to look at, no test does
	@PYTHONPATH=book/_ext:experiments:tests/support $(BIN)/python tests/bench.py

mutants: $(READY) ## see whether the tests notice small changes of the code they are about (an hour)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check mutmut==3.8.1
	@$(BIN)/mutmut run
	@$(BIN)/mutmut results

audit: $(READY) ## ask PyPI's advisory service about known holes in the locked packages
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	@grep -v '^-e' requirements.txt | $(BIN)/pip-audit --requirement /dev/stdin --no-deps --disable-pip --strict

lab: $(READY) ## open JupyterLab, where the chapters open as notebooks
	@$(BIN)/jupytext-config --settings-file $(VENV)/share/jupyter/lab/settings/overrides.json \
		set-default-viewer markdown
	@$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/book/intro.md

results: $(READY) ## do the runs that lenet_utils/assets/results lacks; delete a CSV to repeat it (hours)
	@set -e; for script in $(EXPERIMENTS); do echo "Running $$script"; $(BIN)/python "$$script"; done

format: $(READY) ## put code and chapters into the project's style
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)
	@$(BIN)/python book/_ext/sentences.py --write book/*.md

clean: ## remove the built book, its kept results and all caches
	@rm -rf _build mutants .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name $(VENV) -prune -o -type d -name __pycache__ -exec rm -rf {} +

clean-all: clean ## remove .venv as well
	@rm -rf $(VENV)

$(BUILT): $(SOURCES) $(READY)
	@$(BUILD)
	@touch $@

# An environment without its mark is one whose installation was cut short: pip would take packages that
# it had half unpacked for installed. So it is made anew. What is no environment is left alone: it has no
# pyvenv.cfg, yet more in it than the folders that come before that file.
define REMOVE_UNFINISHED
if [ -e $(VENV) ] || [ -L $(VENV) ]; then \
	others=$$(ls -A $(VENV)/. | grep -vxE 'bin|include|lib|lib64|share|etc|requirements\.txt'); \
	if [ -L $(VENV) ] || ! [ -d $(VENV) ] || { ! [ -f $(VENV)/pyvenv.cfg ] && [ -n "$$others" ]; }; then \
		echo "$(VENV) is not an environment that make made. Move it elsewhere, then try again." >&2; exit 1; \
	fi; \
	echo "The set-up of $(VENV) was not finished: it is made anew."; \
	rm -rf $(VENV); \
fi
endef

$(READY): requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python >= 3.11 found. Install one, or: make PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -c '$(NEW_ENOUGH)' || { \
		echo "Python >= 3.11 is needed; $(PYTHON) is $$("$(PYTHON)" --version 2>&1)" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' || { \
		echo "$(PYTHON) cannot make virtual environments. On Debian: apt install python3-venv" >&2; exit 1; }
	@test -e $@ || { $(REMOVE_UNFINISHED); }
	@rm -f $@
	"$(PYTHON)" -m venv $(VENV)
	@$(if $(CPU),grep -vE '$(CUDA)',cat) requirements.txt > $(VENV)/requirements.txt
	$(BIN)/python -m pip install --disable-pip-version-check \
		$(if $(CPU),--extra-index-url $(CPU_INDEX)) --requirement $(VENV)/requirements.txt
	@touch $@
