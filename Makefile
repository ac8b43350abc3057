# Every target works as the first command after a clone: it makes .venv from the hash-pinned lock when that is needed.
PYTHON ?= python3
STACK ?= dev
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
KFP := .kfp
LOOP := .loop
ROOTS := components stacks policies

.PHONY: preview test check engine-test loop loop-test kfp benchmark format lock clean help

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mlplatform needs Python 3.11 or later; set PYTHON=")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

preview: $(READY)  ## Show offline what STACK (dev, staging or prod; dev when not given) creates
	@$(BIN)/mlplatform preview $(STACK)

test: $(READY)  ## Run the tests, on all cores
	@$(BIN)/python -m pytest --numprocesses auto --dist worksteal

check: $(READY)  ## Lint, format, types and layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@for root in $(ROOTS); do $(BIN)/mypy $$root || exit 1; done
	@PYTHONPATH=. $(BIN)/lint-imports

engine-test: $(READY)  ## Deploy, change, interrupt and destroy every environment in the real engine: needs the Pulumi CLI, half an hour
	@$(BIN)/python -m pytest tests/engine --environments --capture=no --numprocesses 0

loop: $(LOOP)/.ready  ## The whole life of a model on this machine, without a cloud
	@$(LOOP)/bin/python -m loop

loop-test: $(LOOP)/.ready  ## The same story, and what must fail well, as tests: ten minutes
	@$(LOOP)/bin/python -m pytest tests/loop --confcutdir tests/loop -p no:cacheprovider

$(LOOP)/.ready: requirements/loop.txt pyproject.toml
	@test -x $(LOOP)/bin/python || $(PYTHON) -m venv $(LOOP)
	@$(LOOP)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/loop.txt
	@$(LOOP)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

kfp: $(KFP)/.ready  ## Compile and run Kubeflow pipelines with the SDK itself, in an environment of its own
	@$(KFP)/bin/python -m pytest tests/kfp --confcutdir tests/kfp --override-ini 'pythonpath=tests/kfp tests/support'

$(KFP)/.ready: requirements/kfp.txt
	@test -x $(KFP)/bin/python || $(PYTHON) -m venv $(KFP)
	@$(KFP)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/kfp.txt
	@touch $@

benchmark: $(READY)  ## Measure how times grow with a program: preview, policies, comparison
	@$(BIN)/python benchmarks/preview.py
	@$(BIN)/python benchmarks/policies.py
	@$(BIN)/python benchmarks/diff.py

format: $(READY)  ## Format the code
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

# The locks are for every platform (--universal) and carry no registry address.
COMPILE = .lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	--no-emit-index-url --no-emit-find-links $(UPGRADE)
lock: UPGRADE := --upgrade
lock:  ## Resolve the dependencies anew into requirements/
	@test -x .lock/bin/uv || ($(PYTHON) -m venv .lock && .lock/bin/python -m pip install --quiet 'uv>=0.13,<0.14')
	@$(COMPILE) --group dev --output-file requirements/dev.txt pyproject.toml
	@$(COMPILE) --group loop --output-file requirements/loop.txt pyproject.toml
	@$(COMPILE) --group runtime --output-file requirements/runtime.txt
	@$(COMPILE) --group build --output-file requirements/build.txt
	@$(COMPILE) --group kfp --output-file requirements/kfp.txt

clean:  ## Remove what the targets made
	@rm -rf $(VENV) $(KFP) $(LOOP) build .lock .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
