# The pipeline's targets run in Docker Compose where an engine answers, else in the virtual environment .venv, and
# RUNNER=docker|local decides it (scripts/run.sh). Either is made at first use. Demo and tests always use .venv.
# Settings come from the environment or .env; the commands read .env themselves, make reads only its own tunables.

SHELL := /bin/sh
.DEFAULT_GOAL := help

setting = $(shell root=. && . ./scripts/settings.sh && env_file_value $(1) | tr -cd '[:alnum:] ._,:/=+-')
DAYS ?= $(or $(call setting,DAYS),21)
ENRICH_ARGS ?= $(or $(call setting,ENRICH_ARGS),--since-days $(DAYS) --cushion-15min 0 --cushion-daily 0)
ENRICH_ALL_ARGS ?= $(or $(call setting,ENRICH_ALL_ARGS),--all --cushion-15min 0 --cushion-daily 0)
ARGS ?=
RUNNER ?=
export RUNNER
DUCKDB_NEXT ?= 2.0.0

PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3.14 python3; do \
	$$python -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; done)
VENV := .venv
CLI := $(VENV)/bin/strava-stats
RUN := sh scripts/run.sh
export MAKE_PROGRAM := $(MAKE)
DEMO_CLI := $(CLI) --data-dir demo/data --secrets-dir demo/secrets --logs-dir demo/logs

.PHONY: help build auth run run-lite run-all compact recompact enrich enrich-all flow flow-backfill refresh duck \
	plan status doctor verify backup restore-drill demo demo-duck test check test-slow test-mutations test-duckdb-next test-docker test-airflow \
	bench lock clean-logs flow-now flow-latest schedule-build schedule-up schedule-down schedule-restart schedule-logs \
	schedule-ps schedule-exec schedule-time schedule-doctor schedule-shell

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

$(VENV)-airflow/made: requirements-airflow.txt $(VENV)/made
	@echo "Setting up $(VENV)-airflow …" >&2
	@test -x $(VENV)-airflow/bin/python || $(VENV)/bin/python -m venv $(VENV)-airflow
	@$(VENV)-airflow/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-airflow.txt
	@touch $@

$(VENV)/made-dev: requirements-dev.txt $(VENV)/made
	@echo "Adding the tools for checks and tests …" >&2
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

build: ## make both images, or set up the local environment
	@$(RUN) build

# ---------------------------------------------------------------------------------------------- the pipeline

auth: ## connect an athlete
	@$(RUN) cli auth $(ARGS)

run: ## pull: list activities since the watermark minus DAYS
	@$(RUN) cli pull $(ARGS)

run-lite: ## pull without look-back
	@$(RUN) cli pull --lite $(ARGS)

run-all: ## pull everything
	@$(RUN) cli pull --all $(ARGS)

import: ## take in a bulk export: make import ARCHIVE=path of the ZIP or folder
	@$(RUN) import "$(ARCHIVE)" $(ARGS)

compact: ## load what is new on disk into the warehouse
	@$(RUN) cli compact $(ARGS)

recompact: ## make the warehouse anew from bronze, offline
	@$(RUN) cli compact --rebuild $(ARGS)

enrich: ## details of recent activities, kudos sync
	@$(RUN) cli enrich $(ENRICH_ARGS) $(ARGS)

enrich-all: ## details of every activity that has none
	@$(RUN) cli enrich $(ENRICH_ALL_ARGS) $(ARGS)

flow: ## run → compact → enrich, in one
	@$(RUN) cli flow $(ENRICH_ARGS) $(ARGS)

flow-backfill: ## run-all → compact → enrich-all, in one
	@$(RUN) cli flow --backfill $(ENRICH_ALL_ARGS) $(ARGS)

refresh: ## build → run → compact
	@$(RUN) build
	@STRAVA_STATS_RUNNER_SAID=1 $(RUN) cli pull $(ARGS)
	@STRAVA_STATS_RUNNER_SAID=1 $(RUN) cli compact $(ARGS)

plan: ## what the next flow and the backlog would cost
	@$(RUN) cli plan $(ARGS)

status: ## freshness and backlog
	@$(RUN) cli status $(ARGS)

doctor: ## check the environment
	@$(RUN) cli doctor $(ARGS)

verify: ## hold journals, shards and warehouse against each other; changes nothing
	@$(RUN) cli verify $(ARGS)

backup: ## all that cannot be made anew, in one file below backups/
	@$(RUN) cli backup $(ARGS)

restore-drill: $(VENV)/made-dev ## back up a demo, restore it elsewhere, verify and compare
	@$(VENV)/bin/python -m pytest -q tests/system/test_system_restore_drill.py $(ARGS)

duck: ## the DuckDB shell on the warehouse, read-only
	@$(RUN) cli duck

flow-now: ## the flow on this host, by scripts/flow.sh
	@sh scripts/flow.sh $(ENRICH_ARGS) $(ARGS)

flow-latest: ## the end of the newest flow's log (ARGS=-f follows it)
	@sh scripts/logs.sh latest $(ARGS)

# ---------------------------------------------------------------------------------------------- the scheduler

schedule-build: ## its image, or the local environment
	@$(RUN) schedule-build

schedule-up: ## start it; it comes back after a reboot of the engine
	@$(RUN) schedule-up

schedule-down: ## stop it
	@$(RUN) schedule-down

schedule-restart: ## start it anew, with the newest image and settings
	@$(RUN) schedule-restart

schedule-logs: ## what it said (ARGS=-f follows it)
	@$(RUN) schedule-logs $(ARGS)

schedule-ps: ## whether it runs
	@$(RUN) schedule-ps $(ARGS)

schedule-exec: ## one flow now, as when it is due
	@$(RUN) schedule-exec $(ARGS)

schedule-time: ## its local time, zone and next runs
	@$(RUN) schedule-time $(ARGS)

schedule-doctor: ## its checks
	@$(RUN) schedule-doctor $(ARGS)

schedule-shell: ## a shell where it runs
	@$(RUN) schedule-shell $(ARGS)

# ---------------------------------------------------------------------------------------------- demo, logs, queries

demo: $(VENV)/made ## the whole way with a simulated athlete; needs no account
	@$(CLI) demo $(ARGS)

demo-duck: $(VENV)/made ## the DuckDB shell on the demo's warehouse
	@$(DEMO_CLI) duck

clean-logs: ## delete logs
	@sh scripts/logs.sh clean

# A query holds slashes, quotes and percent signs: no pattern rule matches it, .DEFAULT does. The goal reaches the
# command through the environment, so that neither make nor the shell reads it.
export STRAVA_STATS_GOAL = $(value MAKECMDGOALS)
.DEFAULT:
	@case "$$STRAVA_STATS_GOAL" in \
	sql-*) exec $(RUN) cli sql $(ARGS) -- "$${STRAVA_STATS_GOAL#sql-}" ;; \
	demo-sql-*) test -f $(VENV)/made || "$$MAKE_PROGRAM" --silent --no-print-directory $(VENV)/made || exit; \
		exec $(DEMO_CLI) sql $(ARGS) -- "$${STRAVA_STATS_GOAL#demo-sql-}" ;; \
	*) printf "make: there is no target '%s'; 'make help' lists them\n" "$$STRAVA_STATS_GOAL" >&2; exit 2 ;; esac

# ---------------------------------------------------------------------------------------------- checks

test: $(VENV)/made-dev ## all checks: ruff, mypy, import-linter, pytest
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-cache
	@$(VENV)/bin/python -m pytest -n 4 -m "not slow and not docker" $(ARGS)

check: test ## the same

test-slow: $(VENV)/made-dev ## the long runs
	@$(VENV)/bin/python -m pytest -n 4 -m slow $(ARGS)

test-mutations: $(VENV)/made-dev ## break each promise in turn: the tests have to notice (docs/decisions/012)
	@$(VENV)/bin/python tests/mutations/check.py $(ARGS)

test-airflow: $(VENV)/made-dev $(VENV)-airflow/made ## the example DAG in a real Airflow
	@AIRFLOW_BIN=$(VENV)-airflow/bin $(VENV)/bin/python -m pytest -n 2 tests/airflow $(ARGS)

# All that DuckDB has a hand in; what is about addresses, tokens, scripts and processes is the same with any.
DUCKDB_TESTS := tests/sql tests/recorded tests/property/test_property_rebuild.py \
	tests/contract/test_contract_import.py tests/contract/test_contract_streams.py tests/property/test_property_export.py \
	tests/contract/test_contract_reconcile.py tests/contract/test_contract_time.py tests/contract/test_contract_purge.py \
	tests/unit/test_warehouse_publish.py tests/unit/test_warehouse_query.py tests/unit/test_shards.py \
	tests/unit/test_verify.py tests/unit/test_one_bad_thing.py tests/unit/test_docs.py tests/system/test_system_flow.py \
	tests/system/test_system_rebuild.py tests/system/test_system_clients.py tests/system/test_system_bad_bytes.py

test-duckdb-next: $(VENV)/made-dev ## the warehouse's tests on the newest DuckDB (DUCKDB_NEXT) and on the oldest supported
	@for version in $(DUCKDB_NEXT) 1.4.4; do \
		target=$(VENV)-duckdb-$$version; \
		test -x $$target/bin/python || { $(VENV)/bin/python -m venv $$target || exit 1; \
		$$target/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt || exit 1; \
		$$target/bin/python -m pip install --quiet --disable-pip-version-check "duckdb==$$version" || exit 1; \
		$$target/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . || exit 1; }; \
		echo "DuckDB $$version"; $$target/bin/python -m pytest -n 4 -m "not slow" $(DUCKDB_TESTS) $(ARGS) || exit 1; \
	done

test-docker: $(VENV)/made-dev ## the images, the flow and the scheduler in a real engine
	@$(VENV)/bin/python -m pytest -m docker $(ARGS)

bench: $(VENV)/made-dev ## ratios against the bare minimum on this machine
	@$(VENV)/bin/python benchmarks/run.py $(ARGS)

lock: $(VENV)/made-dev ## lock the requirements anew, with hashes
	@printf 'duckdb==1.5.5\nduckdb-cli==1.5.5\n' | $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header --constraint - --extra build pyproject.toml -o requirements.txt
	@printf 'duckdb==1.5.5\nduckdb-cli==1.5.5\n' | $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header --constraint - --extra build --extra dev pyproject.toml -o requirements-dev.txt
	@echo 'apache-airflow>=3.3,<4' | $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header - -o requirements-airflow.txt
