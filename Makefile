# Every target creates what it needs, says so in one line, and is silent about what is up to date.
# A fresh clone needs Python 3.11 or newer, make and git.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-builtin-rules --no-print-directory

ENV ?= dev
ROWS ?= 200000
DAYS ?= 30
SEED ?= 2026
START ?= 2026-10-01
CASE ?=
FROM ?=
NAME ?=
LAND ?=
FOLDER ?=
RUNS ?= 3
KILLS ?= 25
VENV ?= .venv
WORKERS ?= auto

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check
PACKAGES := sluicegate flows tasks contracts simulator
CACHES := .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist

# A stamp is named after the content of what it stands for, and after the folder, because a virtual
# environment cannot be moved: a changed lock or a copied clone has no stamp, and is installed anew.
key = $(shell { pwd; cat $(1); } | cksum | cut -d ' ' -f 1)
BOOTSTRAP := $(VENV)/.bootstrap-$(call key,requirements/bootstrap.txt)
RUNTIME := $(VENV)/.runtime-$(call key,requirements/runtime.txt pyproject.toml)
DEV := $(VENV)/.dev-$(call key,requirements/dev.txt pyproject.toml)

say = @printf '→ %s\n'

##@ Use
.PHONY: help run deploy worker docs stop data source
help: ## Show this help
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z0-9-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@printf '\nVariables: ENV=%s ROWS=%s DAYS=%s SEED=%s START=%s PYTHON=%s\n' \
	  '$(ENV)' '$(ROWS)' '$(DAYS)' '$(SEED)' '$(START)' '$(or $(PYTHON),the newest found)'

run: $(RUNTIME) ## Install, start the services, run the pipeline (ENV=dev)
	@[[ -n "$${SLUICEGATE_LANDING__ROOT:-}" || -n "$$(ls -A data/landing/payments 2>/dev/null)" ]] \
	  || $(MAKE) data
	@$(BIN)/sluicegate up --env '$(ENV)'
	@$(BIN)/sluicegate run --env '$(ENV)'

deploy: $(RUNTIME) ## Put the environment's flows and schedules on the Prefect server (ENV=dev)
	@$(BIN)/sluicegate up --env '$(ENV)'
	@$(BIN)/sluicegate deploy --env '$(ENV)'

worker: $(RUNTIME) ## Run what was deployed, as it falls due, until Ctrl-C (ENV=dev)
	@$(BIN)/sluicegate up --env '$(ENV)'
	@exec $(BIN)/sluicegate worker --env '$(ENV)'

docs: $(RUNTIME) ## Write the documentation of the models as one page (ENV=dev)
	@$(BIN)/sluicegate docs --env '$(ENV)'

stop: ## Stop the services that a target above started
	@if [[ -x $(BIN)/sluicegate ]]; then $(BIN)/sluicegate down; else echo 'Nothing is running.'; fi

data: $(RUNTIME) ## Write all sources and their truth (ROWS=200000 DAYS=30 SEED=2026 START=2026-10-01)
	$(say) 'Writing payments over $(DAYS) days from $(START), and what belongs to them (seed $(SEED))'
	@$(BIN)/python -m simulator.data --rows '$(ROWS)' --days '$(DAYS)' --seed '$(SEED)' \
	  --start '$(START)' --landing data/landing --truth data/truth --processor data/processor

source: $(RUNTIME) ## Propose a source from a file: contract, model, test (FROM=path-or-url NAME=x LAND=)
	@[[ -n '$(NAME)' && -n "$${FROM:-}" ]] || { \
	  echo 'Say what to read, and how to call it: make source FROM=path-or-url NAME=x' >&2; exit 2; }
	@$(BIN)/sluicegate source '$(NAME)' --from "$$FROM" $(if $(LAND),--land)

##@ Develop
.PHONY: test test-unit test-lake test-files test-models test-store test-integration test-stories test-e2e test-exports test-crash test-mutations
.PHONY: bench lint format ci browser screenshots lock
# Groups of tests that share a server or a clone stay in one process: see tests/conftest.py.
PYTEST = @$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder
test: $(DEV) ## Run the tests: unit and integration
	$(say) 'Unit and integration tests'
	$(PYTEST) tests/integration tests/unit $(addprefix --ignore=,$(SLOW) $(OTHERS))

test-unit: $(DEV) ## Run the tests of the library (seconds, no services)
	$(say) 'Unit tests'
	$(PYTEST) tests/unit

test-lake: $(DEV) ## Run the tests of the lake: refs, branches, publishes, rollback, diff, masks, backup
	$(say) 'Tests of the lake'
	$(PYTEST) tests/lake

test-files: $(DEV) ## Run the tests of files: how they land, in whatever format and dialect
	$(say) 'Tests of files and of how they are read'
	$(PYTEST) tests/files

test-models: $(DEV) ## Run what builds with dbt: what models promise, on data made for it
	$(say) 'Tests of the dbt project'
	$(PYTEST) tests/models

test-store: $(DEV) ## Run the tests of the lake on a folder and on object storage, side by side
	$(say) 'Tests of folder and object storage'
	@$(BIN)/python -m pytest tests/store

test-integration: $(DEV) ## Run the tests against one Prefect server
	$(say) 'Integration tests'
	$(PYTEST) tests/integration

# Whole runs that are killed, that meet others, or that tell a story of several days.
SLOW := $(addprefix tests/integration/test_,correct.py ingest.py interrupt.py isolate.py object_storage.py scaffold.py sources.py)
test-stories: $(DEV) ## Tell stories of whole runs: days that come late, runs that are killed or meet
	$(say) 'Stories of whole runs'
	$(PYTEST) $(SLOW)

# What waits for a browser or for the clock has the machine to itself.
test-e2e: $(DEV) ## Walk through README and docs, look at the UI, deploy, raise alerts
	$(say) 'End-to-end tests'
	@$(BIN)/python -m pytest tests/e2e

# What reads our exports comes with an environment of its own: it has another DuckDB, and pandas.
OTHERS := tests/integration/test_exported_contracts.py
EXPORTS := .venv-exports/.exports-$(call key,requirements/exports.txt)
test-exports: $(DEV) $(EXPORTS) ## Let datacontract-cli judge the ODCS documents, and a lake by them
	$(say) 'Exported contracts, read by others'
	@$(BIN)/python -m pytest $(OTHERS)

test-crash: $(DEV) ## Kill writers of the lake, cut the power, fill the disk, beside readers (KILLS=25)
	$(say) 'Killing writers ($(KILLS) at random moments), beside readers'
	@KILLS='$(KILLS)' $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile tests/crash

test-mutations: $(DEV) ## Take one safeguard of lake and ingestion away at a time: a test must notice each
	$(say) 'Taking safeguards away, one after the other: some minutes'
	@$(BIN)/python -m tests.mutations

bench: $(DEV) ## Measure cases beside their baselines (CASE=pipeline RUNS=3 ROWS=200000 FOLDER=)
	@FOLDER='$(FOLDER)' $(BIN)/python -m benchmarks --case '$(CASE)' --runs '$(RUNS)' --rows '$(ROWS)'

lint: $(DEV) ## Check style, types, layers and locks
	$(say) 'Checking style, types, layers and locks'
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo 'Not formatted: run `make format`.'; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@out=$$($(BIN)/lint-imports --no-logo 2>&1) || { echo "$$out"; exit 1; }
	@! grep -nE '://|--(extra-)?index-url|--find-links|^-[fi]' requirements/*.txt \
	  || { echo 'A lock names where packages come from: run `make lock`.'; exit 1; }

format: $(DEV) ## Format the code and fix what can be fixed
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

ci: browser lint test test-lake test-files test-models test-store test-stories test-e2e test-exports test-crash ## What continuous integration runs

# Only CI calls this by itself: a test must not install programs on somebody's machine.
browser: ## Install the browser that looks at Prefect's UI in tests (Debian's chromium, as root)
	@if command -v chromium chromium-browser google-chrome >/dev/null; then exit 0; \
	elif [[ $$(id -u) = 0 ]] && command -v apt-get >/dev/null; then \
	  echo '→ Installing chromium with apt-get'; \
	  export DEBIAN_FRONTEND=noninteractive; \
	  apt-get -qq update && apt-get -qq install --yes --no-install-recommends chromium fonts-dejavu-core >/dev/null; \
	else \
	  echo 'There is no chromium, and it can be installed only as root with apt-get.' >&2; exit 1; \
	fi

screenshots: $(DEV) browser ## Take the pictures of docs/images anew, from a run on the default data
	$(say) 'Taking docs/images/*.png: a run in a folder of its own takes a minute'
	@$(BIN)/python -m tests.screenshots docs/images

COMPILE = cd requirements && $(abspath $(BIN))/uv --no-config pip compile --quiet --universal \
  --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
  --custom-compile-command 'make lock' $(LOCK)
lock: $(BOOTSTRAP) ## Resolve the locks again (LOCK=--upgrade, LOCK='-P NAME' to move versions)
	$(say) 'Resolving requirements/*.txt from pyproject.toml'
	@$(COMPILE) --group ../pyproject.toml:bootstrap -o bootstrap.txt
	@$(COMPILE) ../pyproject.toml --group ../pyproject.toml:build -o runtime.txt
	@$(COMPILE) ../pyproject.toml --group ../pyproject.toml:build --group ../pyproject.toml:dev \
	  -c runtime.txt -o dev.txt
	@$(COMPILE) --group ../pyproject.toml:bench -o bench.txt
	@$(COMPILE) --group ../pyproject.toml:exports -o exports.txt
	@$(COMPILE) --group ../pyproject.toml:server -c runtime.txt -o server.txt

##@ Clean up
.PHONY: clean distclean
clean: stop ## Stop the services; remove lake, generated files, state and caches (not data/backups)
	@rm -rf data/lake data/landing data/processor data/truth data/*.duckdb data/restored .sluicegate $(CACHES) \
	  dbt_project/target dbt_project/logs logs
	@find $(PACKAGES) tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + \
	  2>/dev/null || true

distclean: clean ## The same, and remove the virtual environment
	@rm -rf '$(VENV)' .venv-exports

# What follows builds the virtual environment. Python must be found by running it: a name on the
# path may be a stub that fails.
define find_python
for python in $(if $(PYTHON),'$(PYTHON)',python3.13 python3.12 python3.11 python3 python); do \
  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && break; \
  python=; \
done; \
if [[ -z "$$python" ]]; then \
  echo 'Sluicegate needs Python 3.11 or newer, and $(if $(PYTHON),PYTHON=$(PYTHON) is not,there is none on the PATH).' >&2; \
  echo 'Install one, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)' >&2; \
  exit 1; \
fi; \
"$$python" -c 'import ensurepip, venv' 2>/dev/null || { \
  echo "$$python cannot create virtual environments: install its venv package (python3-venv)." >&2; \
  exit 1; \
}
endef

# `uv pip sync` takes one lock file as the whole truth. Where uv cannot reach an index that pip is
# configured for, pip installs the same lock, slower.
define install
[[ -x $(BIN)/uv ]] && $(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes $(1) \
  2>$(VENV)/uv.log || { \
  echo '  uv could not do it (see $(VENV)/uv.log); pip installs the same lock, more slowly'; \
  $(PIP) install --require-hashes --no-deps -r $(1); \
} && $(PIP) install --no-deps --no-build-isolation --editable .
endef

$(BOOTSTRAP):
	@$(find_python); \
	echo "→ Creating $(VENV) with $$("$$python" --version)"; \
	if ! $(BIN)/python -c '' 2>/dev/null || ! grep -q 'venv $(abspath $(VENV))$$' $(VENV)/pyvenv.cfg; \
	then rm -rf '$(VENV)'; fi; \
	"$$python" -m venv '$(VENV)'; \
	rm -f $(VENV)/.*-[0-9]*; \
	$(PIP) install --require-hashes -r requirements/bootstrap.txt \
	  || echo '  uv cannot be installed here; pip does its work, more slowly'
	@touch $@

$(RUNTIME): | $(BOOTSTRAP)
	@shopt -s nullglob; kind=runtime; dev=($(VENV)/.dev-*); [[ $${#dev[@]} = 0 ]] || kind=dev; \
	echo "→ Installing $$(grep -c == requirements/$$kind.txt) packages from requirements/$$kind.txt"; \
	$(call install,requirements/$$kind.txt); \
	rm -f $(VENV)/.runtime-* $(VENV)/.dev-*; \
	[[ $$kind = runtime ]] || touch $(DEV)
	@touch $@

$(DEV): | $(BOOTSTRAP)
	@echo "→ Installing $$(grep -c == requirements/dev.txt) packages from requirements/dev.txt"; \
	$(call install,requirements/dev.txt); \
	rm -f $(VENV)/.runtime-* $(VENV)/.dev-*
	@touch $(RUNTIME) $@

$(EXPORTS): | $(BOOTSTRAP)
	@echo "→ Installing $$(grep -c == requirements/exports.txt) packages into .venv-exports"; \
	$(BIN)/python -m venv --clear .venv-exports; \
	[[ -x $(BIN)/uv ]] && $(BIN)/uv pip sync --quiet --python .venv-exports/bin/python \
	  --require-hashes requirements/exports.txt 2>$(VENV)/uv.log || \
	.venv-exports/bin/python -m pip --quiet --quiet --disable-pip-version-check install \
	  --require-hashes --no-deps -r requirements/exports.txt
	@touch $@
