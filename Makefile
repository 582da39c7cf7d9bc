# The only door. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/uv
# Compiled at install: a service that compiles its imports at every start is up half a second later.
PIP := env -u PYTHONDONTWRITEBYTECODE $(UV) pip install --quiet --compile-bytecode
DISTS := common inference camera_ingest edgectl
EDITABLE := $(foreach dist,$(DISTS),-e services/$(dist))
SOURCES := services models tests benchmarks docs Dockerfiles charts k3s
RUNTIME_LOCKS := requirements/inference.txt requirements/camera.txt requirements/edgectl.txt
TRAIN := .train
TORCH := 2.13.0

.PHONY: help setup run up test coverage test-deploy test-process test-frameworks frameworks docs-check check lint type bench bench-camera images image-report image-test charts airgap e2e models lock clean

help:  ## list these targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(VENV)/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "want Python 3.11 or newer, found $$($(PYTHON) --version); set PYTHON=..."; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/.runtime: $(RUNTIME_LOCKS) $(wildcard services/*/pyproject.toml) | $(VENV)/bin/uv
	@echo "setting up: what the services need"
	@$(PIP) --require-hashes $(addprefix -r ,$(RUNTIME_LOCKS))
	@$(PIP) --no-deps $(EDITABLE)
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@echo "setting up: what the tests need"
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

setup: $(VENV)/.dev  ## make .venv with the services (editable) and every tool

run: $(VENV)/.runtime  ## the main job: a clip through the whole chain, then figures; ends by itself
	@$(BIN)/edgectl demo

up: $(VENV)/.runtime  ## the same without an end, until Ctrl-C
	@$(BIN)/edgectl demo --forever

# Three processes for two cores: many tests wait for a process of their own. --dist loadfile: a file's fixtures once.
TESTS := $(BIN)/python -m pytest -q -n 3 --dist loadfile
QUICK := not e2e and not images and not frameworks and not process and not deploy

test: $(VENV)/.dev  ## the quick tests: units and contracts, with real HTTP and real models
	$(TESTS) -m "$(QUICK)"

# Of its own, since it takes longer than the tests themselves (101 against 218 CPU seconds for tests/unit).
coverage: $(VENV)/.dev  ## the quick tests again, and what they cover
	$(TESTS) -m "$(QUICK)" --cov --cov-report=
	@echo "covered in this process (the services' own processes are not measured): $$($(BIN)/coverage report --format=total) %"

test-deploy: $(VENV)/.dev  ## charts through helm, alert rules through promtool, rollouts on a played cluster
	$(TESTS) -m deploy

test-process: $(VENV)/.dev  ## the services as real processes: cameras, brokers, full disks, SIGKILL, load
	$(TESTS) -m process

test-frameworks: $(TRAIN)/.done  ## conversions from every framework, each really installed (.train, 4 GB)
	OMP_NUM_THREADS=1 $(TRAIN)/bin/python -m pytest -q -n 2 --dist loadfile -m frameworks tests/frameworks

frameworks: $(TRAIN)/.done  ## an environment with every framework (.train, 4 GB)

docs-check: $(TRAIN)/.done  ## run every command that docs/models and docs/bundle.md print
	$(TRAIN)/bin/python docs/check.py

lint: $(VENV)/.dev  ## ruff: rules and format
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

type: $(VENV)/.dev  ## mypy --strict
	$(BIN)/mypy services/*/src
	MYPYPATH=benchmarks $(BIN)/mypy benchmarks
	MYPYPATH=tests $(BIN)/mypy tests
	MYPYPATH=charts $(BIN)/mypy charts
	$(BIN)/mypy k3s/airgap.py docs/check.py
	MYPYPATH=Dockerfiles $(BIN)/mypy Dockerfiles
	@for model in models/*/; do (cd $$model && "$(CURDIR)/$(BIN)/mypy" .) || exit 1; done

check: lint type test test-deploy test-process test-frameworks docs-check  ## everything CI runs, in CI's order

bench: $(VENV)/.dev  ## the serving path against raw onnxruntime, a bare socket and MLServer; writes benchmarks/results
	$(BIN)/python benchmarks/run.py

bench-camera: $(VENV)/.dev  ## four cameras with belt-detector, beside a plain OpenCV loop; writes benchmarks/results
	PYTHONPATH=benchmarks $(BIN)/python -m camera.run

$(TRAIN)/.done: requirements/train.txt $(wildcard services/common/pyproject.toml) | $(VENV)/bin/uv
	$(PYTHON) -m venv $(TRAIN)
	$(TRAIN)/bin/python -m pip install --quiet --disable-pip-version-check "torch==$(TORCH)"
	VIRTUAL_ENV="$(CURDIR)/$(TRAIN)" $(BIN)/uv pip install --quiet --require-hashes -r requirements/train.txt
	VIRTUAL_ENV="$(CURDIR)/$(TRAIN)" $(BIN)/uv pip install --quiet --no-deps -e services/common -e services/inference -e services/edgectl
	@touch $@

images: $(VENV)/.runtime  ## build all container images: runtime, one a model, camera-ingest
	$(BIN)/python Dockerfiles/build.py

image-report: $(VENV)/.runtime  ## compressed and unpacked size of each layer, the largest files in it
	@$(BIN)/python Dockerfiles/report.py

charts: $(VENV)/.dev  ## make the charts' README and schema from their values and from the services' settings
	$(BIN)/python charts/docs.py

airgap: $(VENV)/.dev  ## list every image that a gateway's charts can start
	@$(BIN)/python k3s/airgap.py list

image-test: $(VENV)/.dev  ## build the images anew where needed, and test them
	$(BIN)/python -m pytest -q -p no:xdist -m images tests/images

E2E ?= tests/e2e
e2e: $(VENV)/.dev  ## the whole on a real cluster (LAB, or KUBECONFIG and REGISTRY); KEEP=1 leaves it running
	$(BIN)/python -m pytest -q -p no:xdist -s --durations=0 --durations-min=5 $(E2E)

models: $(TRAIN)/.done  ## retrain every model and write the bundles, the cards and the clip
	$(TRAIN)/bin/python models/pump-failure/recipe.py
	$(TRAIN)/bin/python models/belt-detector/recipe.py
	@for script in models/*/train.py; do echo "$$script"; $(TRAIN)/bin/python $$script || exit 1; done
	@for recipe in $$(find models -name recipe.toml | sort); do \
	  echo "$$recipe"; $(TRAIN)/bin/edgectl model build $$recipe --force || exit 1; done

lock: $(VENV)/bin/uv  ## resolve requirements/*.txt anew: versions and hashes, no index addresses
	@for set in dev inference camera edgectl guard train; do requirements/lock.sh $$set || exit 1; done

clean:  ## remove what this Makefile made
	rm -rf $(VENV) $(TRAIN) models/*/work .bench .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
