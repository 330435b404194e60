# What can be done with this checkout? `make help` lists it. Every target makes the virtual environment
# it needs; nothing outside this folder is touched. For Windows, README.md gives the same without make.

VENV ?= .venv
# The first Python on the path that is new enough; name another with `make PYTHON=/path/to/python3`.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; exit; }; done; echo python3)
WORKERS ?= 2

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
RUNTIME := $(VENV)/.runtime-installed
TESTING := $(VENV)/.testing-installed
PURE := reconciler/config/*,reconciler/planning/*,reconciler/looking/*,reconciler/apply/*,reconciler/plan.py,reconciler/journal*.py,reconciler/model*.py
.PHONY: help demo test check lint types tests docs sdk azurite bench fuzz faults torture defects build clean
.DEFAULT_GOAL := help

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

# ------------------------------------------------------------------------------------- the product

# The demo tenant holds a purchase and conflicts, so its apply must end with 4, "applied in part".
# It starts the sandbox of this folder (.reconciler/) afresh and leaves it there to go on exploring.
demo: $(RUNTIME) ## Load the demo tenant, plan, apply, plan again
	$(BIN)/reconciler sandbox reset
	$(BIN)/reconciler plan
	@echo '$(BIN)/reconciler apply --partial --auto-approve --accept-data-loss'
	@$(BIN)/reconciler apply --partial --auto-approve --accept-data-loss; status=$$?; \
	if [ $$status -ne 4 ]; then echo "make demo: apply ended with $$status; expected 4 (applied in part)" >&2; exit 1; fi
	@echo 'Exit code 4, applied in part: what is blocked only people can resolve.'
	@echo '$(BIN)/reconciler plan'
	@plan=$$($(BIN)/reconciler plan) || exit 1; printf '%s\n' "$$plan"; \
	case "$$plan" in *'Nothing to do'*) ;; *) echo 'make demo: the second plan still finds something to do' >&2; exit 1;; esac
	@echo 'Next: read README.md from "A tour" on; begin with $(BIN)/reconciler sandbox reset.'

# --------------------------------------------------------------------------------------- the proof

test: check ## Run everything that CI runs

check: lint types tests ## The same, by its usual name

lint: $(TESTING) ## Style and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(TESTING) ## Types
	$(BIN)/mypy

tests: $(TESTING) ## Tests, with branch coverage: 90 % of everything, 100 % of the pure core
	$(BIN)/python -m pytest -n $(WORKERS) --cov --cov-report= --cov-fail-under=90
	$(BIN)/coverage report --include='$(PURE)' --fail-under=100

docs: $(TESTING) ## Write what the commands print now into README.md and docs/
	UPDATE_DOCS=1 $(BIN)/python -m pytest -q tests/test_documents.py

fuzz: $(TESTING) ## The laws again, over many more random tenants
	$(BIN)/python -m pytest tests/laws tests/config --hypothesis-profile=fuzz

faults: $(TESTING) ## Every fault at every call of a plan and an apply: see docs/reference/sandbox.md
	FAULTS=all $(BIN)/python -m pytest -q tests/faults/test_campaign.py -n $(WORKERS)

torture: $(TESTING) ## Kill apply at every boundary, let eight run at once, feed it what is hostile: an hour
	TORTURE=all $(BIN)/python -m pytest -q tests/torture tests/report/test_tampering.py -n $(WORKERS)

defects: $(TESTING) ## Plant known mistakes, one at a time, in a copy: the tests have to find each
	$(BIN)/python tests/torture/defects.py

sdk: ## Microsoft's own SDK for Graph against the sandbox, in an environment of its own (400 MB)
	$(MAKE) $(VENV)-sdk/.testing-installed VENV=$(VENV)-sdk
	$(VENV)-sdk/bin/python -m pip --disable-pip-version-check --quiet install -c constraints.txt --no-build-isolation -e '.[sdk]'
	$(VENV)-sdk/bin/python -m pytest tests/sdk -W ignore::DeprecationWarning -W ignore::pytest.PytestUnraisableExceptionWarning

azurite: $(TESTING) ## The shared journal against Microsoft's emulator of Azure storage (npm, 370 MB)
	npm install --no-audit --no-fund --silent --prefix $(VENV)-azurite azurite@3.37.0
	AZURITE=$(VENV)-azurite/node_modules/.bin/azurite-blob $(BIN)/python -m pytest -q tests/test_journal_shared.py

bench: $(RUNTIME) ## Time and memory of cold plans; requests and time of plan and apply over HTTP
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/graph.py

# --------------------------------------------------------------------------------------- the house

build: $(TESTING) ## Wheel and source distribution in dist/
	$(BIN)/hatchling build

clean: ## Remove what building and testing left (not the environment, not the sandbox)
	rm -rf build dist htmlcov .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find reconciler tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo "Reconciler needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; \
	echo "Name another: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	echo "$(PYTHON) can't make virtual environments: install its venv package" >&2; \
	echo "(Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The build backend is installed by the same constraints, so that its next release can't break this build.
$(RUNTIME): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt hatchling editables
	$(PIP) install -c constraints.txt --no-build-isolation -e .
	@touch $@

$(TESTING): $(RUNTIME)
	$(PIP) install -c constraints.txt --no-build-isolation -e '.[test]'
	@touch $@
