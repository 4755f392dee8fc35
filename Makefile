# `make run` and `make test` do all the set-up themselves: they need python3.11 to 3.13, make and git.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
    $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 5000
ARGS ?=

.PHONY: help run test test-slow test-faults fuzz test-ray test-launchers test-postgres test-browser lint types bench docs docs-serve ui lock clean
.DEFAULT_GOAL := help

help:  ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

run: $(VENV)/.installed  ## the main job: train, score and record a run (ARGS="dataset=denoised head=big")
	$(BIN)/python train.py $(ARGS)

test: $(VENV)/.installed-dev lint types  ## everything that CI checks
	$(BIN)/python -m pytest -n 2 $(ARGS)

test-slow: $(VENV)/.installed-dev  ## the tests that take long or much memory
	$(BIN)/python -m pytest -m slow $(ARGS)

test-faults: $(VENV)/.installed-dev  ## sweeps and servers that are killed, locked, frozen (a quarter of an hour)
	$(BIN)/python -m pytest -m "slow or not slow" tests/faults tests/test_spool.py $(ARGS)

fuzz: $(VENV)/.installed-dev  ## a thousand damaged inputs of every kind (five minutes; ARGS="--seed 7 --kind sounds")
	$(BIN)/python -m tests.faults.fuzz $(ARGS)

test-ray: $(VENV)/.installed-dev  ## embedding on a Ray cluster with a killed worker (installs Ray)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .[ray]
	$(BIN)/python -m pytest -m "slow or not slow" tests/test_ray.py $(ARGS)

test-launchers: $(VENV)/.installed-dev  ## jobs in processes, by submitit, on a stand-in for Slurm and on Ray (installs both)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .[submitit,ray]
	$(BIN)/python -m pytest -m "slow or not slow" tests/test_launchers.py tests/test_optuna.py $(ARGS)

test-postgres: $(VENV)/.installed-dev  ## runs on an MLflow server with PostgreSQL (installs the driver; needs initdb)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .[postgres] 'mlflow[auth]'
	$(BIN)/python -m pytest -m "slow or not slow" tests/test_server.py $(ARGS)

test-browser: $(VENV)/.installed-dev  ## pages in a browser (installs Playwright; needs Chromium, or fetches it)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .[browser]
	command -v chromium >/dev/null || $(BIN)/python -m playwright install chromium
	$(BIN)/python -m pytest -m browser tests/browser $(ARGS)

lint: $(VENV)/.installed-dev  ## style, spelling and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/lint-imports --no-cache

types: $(VENV)/.installed-dev  ## static types
	$(BIN)/mypy

bench: $(VENV)/.installed-dev  ## measure every step, whole runs and memory against their plain forms (half an hour)
	$(BIN)/python -m benchmarks

docs: $(VENV)/.installed-dev  ## the documentation as a site, in site/ (installs MkDocs)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .[docs]
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict
	$(BIN)/python -m pytest -m "slow or not slow" tests/test_site.py $(ARGS)

docs-serve: docs  ## the same, on http://127.0.0.1:8000 (PORT=...)
	$(BIN)/python -m http.server --directory site --bind 127.0.0.1 $(if $(filter file,$(origin PORT)),8000,$(PORT))

ui: $(VENV)/.installed  ## MLflow's page on http://127.0.0.1:5000 (PORT=...)
	@$(BIN)/python -m sarcasm.tracking.page $(PORT)
	MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false $(BIN)/python -m mlflow ui --workers 1 --host 127.0.0.1 --port $(PORT)

lock:  ## pin every dependency anew (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	    --upgrade pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	    --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:  ## remove the environment and caches; runs and data stay
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# A stamp is written last, so that an installation that was cut off is taken up again.
$(VENV)/.installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: python 3.11, 3.12 or 3.13 is needed; name one with make PYTHON=..." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@
