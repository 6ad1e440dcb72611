# `make` alone lists the targets. No target needs anything but a Python and make.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup run demo proxy dashboard worker beat test flow chaos bench profile soak soak-pages bench-storage pictures check fix lock release clean

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/requirements.stamp
STACK = $(BIN)/python -m nexus_project.stack
# A file is for one process, which has its servers started; the order is that of tests/order.py.
PYTEST = $(BIN)/python -m pytest -n $(TEST_PROCESSES) --maxprocesses 4 --dist loadfile --no-loadscope-reorder
SOURCES := nexus_project accounts proxy dashboard tests manage.py
TEST_OPTIONS ?=
# A process more than there are cores: tests of real processes wait for most of their time.
TEST_PROCESSES ?= $$(($$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN) + 1))
CHAOS_OPTIONS ?=
BENCH_OPTIONS ?=
PROFILE_OPTIONS ?=
SOAK_OPTIONS ?=
SOAK_SECONDS ?= 60
PICTURES_OPTIONS ?=
LOCK_OPTIONS ?=
CLEAN_OPTIONS ?=
UV_VERSION := 0.13.9

# The newest first: the locked wheels are there for each of them.
FIND_PYTHON = for name in python3.14 python3.13 python3.12 python3.11 python3; do \
	if $$name -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; \
	then echo $$name; break; fi; done

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv and install the locked requirements

$(STAMP): requirements/dev.txt
	@python=$$($(FIND_PYTHON)); \
	if [ -z "$$python" ]; then \
		echo "nexus: Python 3.11 to 3.14 with its venv module is needed and none is on PATH: install one (apt install python3-venv, brew install python@3.13)." >&2; \
		exit 1; \
	fi; \
	[ -x $(BIN)/python ] || { echo "Making $(VENV) with $$($$python --version)"; $$python -m venv $(VENV); }
	@echo "Installing the $$(grep -c '==' requirements/dev.txt) packages of requirements/dev.txt, each checked against its hash; the first time takes minutes"
	@$(BIN)/python -m pip install --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	@touch $@
	@echo "Ready: make demo, or make run"

run: $(STAMP) ## start everything, against https://api.anthropic.com
	@$(STACK) run

demo: $(STAMP) ## start everything, against an emulator, with sample traffic: no key needed
	@$(STACK) demo

proxy dashboard worker beat: $(STAMP)
	@$(STACK) $@

proxy: ## start only the proxy (port 3000)
dashboard: ## start only the dashboard (port 3001)
worker: ## start only the worker that stores the record
beat: ## start only the clock of the periodic tasks

test: $(STAMP) ## run the whole suite, several processes at a time (TEST_OPTIONS="tests/stack -x" TEST_PROCESSES=0)
	@$(PYTEST) $(TEST_OPTIONS)

flow: $(STAMP) ## run the tests that `make test` leaves out: they take long and rarely fail
	@$(PYTEST) -m slow $(TEST_OPTIONS)

chaos: $(STAMP) ## kill and disturb everything at random under load and look for losses (15 minutes; CHAOS_OPTIONS="--seed 7")
	@$(BIN)/python -m tests.chaos $(CHAOS_OPTIONS)

bench: $(STAMP) ## measure the proxy: CPU, delays, memory, against bars (3 minutes; BENCH_OPTIONS="--only small,burst")
	@$(BIN)/python -m tests.bench $(BENCH_OPTIONS)

profile: $(STAMP) ## draw a flame graph of the proxy under load, in var/ (PROFILE_OPTIONS="--workload burst")
	@$(BIN)/python -m tests.bench.profile $(PROFILE_OPTIONS)

soak: $(STAMP) ## mixed load for minutes: memory and descriptors stay flat, nothing is lost (SOAK_OPTIONS="--minutes 10")
	@$(BIN)/python -m tests.bench.soak $(SOAK_OPTIONS)

soak-pages: $(STAMP) ## open every page beside live traffic for a minute each, all at once: nothing moves (SOAK_SECONDS=60)
	@NEXUS_TEST_STILL_SECONDS=$(SOAK_SECONDS) $(BIN)/python -m pytest -n 0 -q tests/browser/test_stillness.py

bench-storage: $(STAMP) ## measure pages, API and ingest on 10 million exchanges (BENCH_OPTIONS="--exchanges 1000000")
	@$(BIN)/python -m tests.bench_storage $(BENCH_OPTIONS)

pictures: $(STAMP) ## take the pictures of the documents anew, of a dashboard with made-up traffic (needs Chromium)
	@$(BIN)/python -m tests.pictures $(PICTURES_OPTIONS)

check: $(STAMP) ## what CI runs: lint, imports, types, migrations, deployment checks, tests
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/lint-imports
	@$(BIN)/mypy
	@sh .ci/django-checks $(BIN)/python
	@$(BIN)/python .ci/audit $(BIN)/pip-audit requirements/base.txt
	@$(MAKE) --no-print-directory test

fix: $(STAMP) ## mend what ruff can mend, and format
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

# dev.txt first: the smaller files take their versions from it.
lock: var/uv/bin/uv ## write requirements/*.txt anew from *.in (LOCK_OPTIONS=--upgrade for newer versions)
	@for name in dev embedded base; do \
		constraint=""; [ $$name = dev ] || constraint="-c requirements/dev.txt"; \
		var/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
			--custom-compile-command "make lock" $(LOCK_OPTIONS) $$constraint \
			-o requirements/$$name.txt requirements/$$name.in || exit 1; \
	done

var/uv/bin/uv:
	@python=$$($(FIND_PYTHON)); mkdir -p var && $$python -m venv var/uv
	@var/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

release: $(STAMP) ## cut a release: number, notes, list of parts, commit and tag (RELEASE=0.3.0)
	@$(BIN)/python -m nexus_project.release $(RELEASE)

# Without $(STAMP): who cleans wants nothing installed.
clean: ## remove what this clone left on the machine, but no data (CLEAN_OPTIONS=--data: those as well)
	@[ -x $(BIN)/python ] || { echo "nexus: make clean needs $(VENV): run make setup first." >&2; exit 1; }
	@$(STACK) clean $(CLEAN_OPTIONS)
