# Every target runs in the local virtual environment (.venv), which is made at first use.
# Settings come from the environment or .env; the commands read .env themselves, make reads only its own tunables.

SHELL := /bin/sh
.DEFAULT_GOAL := help

setting = $(shell sed -n 's/^[[:space:]]*$(1)[[:space:]]*=[[:space:]]*//p' .env 2>/dev/null | tail -n 1 | tr -d "\"'" | tr -cd '[:alnum:] ._,:/=+-')
PER_PAGE ?= $(or $(call setting,PER_PAGE),200)
DAYS ?= $(or $(call setting,DAYS),21)
ENRICH_ARGS ?= $(or $(call setting,ENRICH_ARGS),--since-days $(DAYS) --cushion-15min 0 --cushion-daily 0)
ENRICH_ALL_ARGS ?= $(or $(call setting,ENRICH_ALL_ARGS),--all --cushion-15min 0 --cushion-daily 0)
ARGS ?=
export PER_PAGE DAYS
DUCKDB_NEXT ?= 2.0.0

PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3.14 python3; do \
	$$python -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; done)
VENV := .venv
CLI := $(VENV)/bin/strava-stats
DEMO_CLI := $(CLI) --data-dir demo/data --secrets-dir demo/secrets --logs-dir demo/logs

.PHONY: help build auth run run-lite run-all compact recompact enrich enrich-all flow flow-backfill refresh duck \
	plan status doctor verify backup restore-drill demo demo-duck test check test-slow test-mutations test-duckdb-next bench lock clean-logs

help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## /{printf "  %-18s %s\n", $$1, $$2}' Makefile
	@echo '  sql-"SELECT …"     a query, also with / % quotes and $$ in it (demo-sql-"…" for the demo)'

# ---------------------------------------------------------------------------------------------- environment

$(VENV)/made: requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with its venv module is needed: install it, or set PYTHON=/path/to/python3" >&2; exit 78; }
	@echo "Setting up $(VENV) with $(PYTHON) …" >&2
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/made-dev: requirements-dev.txt $(VENV)/made
	@echo "Adding the tools for checks and tests …" >&2
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

build: $(VENV)/made ## set up the local environment

# ---------------------------------------------------------------------------------------------- the pipeline

auth: $(VENV)/made ## connect an athlete
	@$(CLI) auth $(ARGS)

run: $(VENV)/made ## pull: list activities since the watermark minus DAYS
	@$(CLI) pull $(ARGS)

run-lite: $(VENV)/made ## pull without look-back
	@$(CLI) pull --lite $(ARGS)

run-all: $(VENV)/made ## pull everything
	@$(CLI) pull --all $(ARGS)

compact: $(VENV)/made ## load what is new on disk into the warehouse
	@$(CLI) compact $(ARGS)

recompact: $(VENV)/made ## make the warehouse anew from bronze, offline
	@$(CLI) compact --rebuild $(ARGS)

enrich: $(VENV)/made ## details of recent activities, kudos sync
	@$(CLI) enrich $(ENRICH_ARGS) $(ARGS)

enrich-all: $(VENV)/made ## details of every activity that has none
	@$(CLI) enrich $(ENRICH_ALL_ARGS) $(ARGS)

flow: $(VENV)/made ## run → compact → enrich, in one
	@$(CLI) flow $(ENRICH_ARGS) $(ARGS)

flow-backfill: $(VENV)/made ## run-all → compact → enrich-all, in one
	@$(CLI) flow --backfill $(ENRICH_ALL_ARGS) $(ARGS)

refresh: ## build → run → compact
	@$(MAKE) --no-print-directory build
	@$(MAKE) --no-print-directory run
	@$(MAKE) --no-print-directory compact

plan: $(VENV)/made ## what the next flow and the backlog would cost
	@$(CLI) plan $(ARGS)

status: $(VENV)/made ## freshness and backlog
	@$(CLI) status $(ARGS)

doctor: $(VENV)/made ## check the environment
	@$(CLI) doctor $(ARGS)

verify: $(VENV)/made ## hold journals, shards and warehouse against each other; changes nothing
	@$(CLI) verify $(ARGS)

backup: $(VENV)/made ## all that cannot be made anew, in one file below backups/
	@$(CLI) backup $(ARGS)

restore-drill: $(VENV)/made-dev ## back up a demo, restore it elsewhere, verify and compare
	@$(VENV)/bin/python -m pytest -q tests/system/test_system_restore_drill.py $(ARGS)

duck: $(VENV)/made ## the DuckDB shell on the warehouse, read-only
	@$(CLI) duck

demo: $(VENV)/made ## the whole way with a simulated athlete; needs no account
	@$(CLI) demo $(ARGS)

demo-duck: $(VENV)/made ## the DuckDB shell on the demo's warehouse
	@$(DEMO_CLI) duck

clean-logs: ## delete logs
	@rm -rf logs/flow logs/scheduler

# A query holds slashes, quotes and percent signs: no pattern rule matches it, .DEFAULT does. The goal reaches the
# command through the environment, so that neither make nor the shell reads it.
export STRAVA_STATS_GOAL = $(value MAKECMDGOALS)
.DEFAULT:
	@test -f $(VENV)/made || $(MAKE) --no-print-directory build
	@case "$$STRAVA_STATS_GOAL" in \
	sql-*) exec $(CLI) sql $(ARGS) -- "$${STRAVA_STATS_GOAL#sql-}" ;; \
	demo-sql-*) exec $(DEMO_CLI) sql $(ARGS) -- "$${STRAVA_STATS_GOAL#demo-sql-}" ;; \
	*) printf "make: there is no target '%s'; 'make help' lists them\n" "$$STRAVA_STATS_GOAL" >&2; exit 2 ;; esac

# ---------------------------------------------------------------------------------------------- checks

test: $(VENV)/made-dev ## all checks: ruff, mypy, import-linter, pytest
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-cache
	@$(VENV)/bin/python -m pytest -n 2 -m "not slow" $(ARGS)

check: test ## the same

test-slow: $(VENV)/made-dev ## the long runs
	@$(VENV)/bin/python -m pytest -n 2 -m slow $(ARGS)

test-mutations: $(VENV)/made-dev ## break each promise in turn: the tests have to notice (docs/decisions/012)
	@$(VENV)/bin/python tests/mutations/check.py $(ARGS)

test-duckdb-next: $(VENV)/made-dev ## the tests on the newest DuckDB (DUCKDB_NEXT) and on the oldest supported
	@for version in $(DUCKDB_NEXT) 1.4.4; do \
		target=$(VENV)-duckdb-$$version; \
		test -x $$target/bin/python || { $(VENV)/bin/python -m venv $$target || exit 1; \
		$$target/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt || exit 1; \
		$$target/bin/python -m pip install --quiet --disable-pip-version-check "duckdb==$$version" || exit 1; \
		$$target/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . || exit 1; }; \
		echo "DuckDB $$version"; $$target/bin/python -m pytest -n 2 -m "not slow" $(ARGS) || exit 1; \
	done

bench: $(VENV)/made-dev ## ratios against the bare minimum on this machine
	@$(VENV)/bin/python benchmarks/run.py $(ARGS)

lock: $(VENV)/made-dev ## lock the requirements anew, with hashes
	@printf 'duckdb==1.5.5\nduckdb-cli==1.5.5\n' | $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header --constraint - --extra build pyproject.toml -o requirements.txt
	@printf 'duckdb==1.5.5\nduckdb-cli==1.5.5\n' | $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header --constraint - --extra build --extra dev pyproject.toml -o requirements-dev.txt
