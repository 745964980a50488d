# Two commands matter to a newcomer: `make demo` and `make test`.
# Both create .venv by themselves, and again only when requirements.lock or pyproject.toml changed.

SHELL := /bin/bash
TARGET ?= de
DEMO ?= work/demo-$(TARGET)
WORKERS ?= 2
PY := .venv/bin/python
READY := .venv/.installed

.PHONY: help install demo test test-slow test-flink test-cloud bench lint format type clean lock

help:
	@echo "make demo [TARGET=de]  the whole job on a real corpus: fetch, prepare, pretrain, train, translate, report"
	@echo "make test              the tests (some 14 minutes on 2 cores);  make test-slow: the long ones"
	@echo "make test-flink        a Flink cluster on this machine (needs Java; fetches Flink once, 400 MB)"
	@echo "make test-cloud        object stores, Dataflow's API, schedules (fetches 1 GB once)"
	@echo "make bench             timings against peers, written to tests/benchmarks/RESULTS.md"
	@echo "make install           the environment alone, in .venv: then 'source .venv/bin/activate'"
	@echo "make lint format type  ruff and pyright;  make clean: remove the environment and what was built"

$(READY): requirements.lock pyproject.toml .ci/environment
	@bash .ci/environment

install: $(READY)
	@echo "Ready. Next: source .venv/bin/activate && electra doctor"

demo: $(READY)
	@$(PY) -m runners demo --target $(TARGET) --workdir $(DEMO) --workers $(WORKERS)

test: $(READY)
	@$(PY) -m pytest -n 2 --dist worksteal -m "not slow and not network and not gpu and not flink and not cloud"

test-slow: $(READY)
	@$(PY) -m pytest -m "(slow or network) and not flink and not cloud"

test-flink: $(READY)
	@$(PY) -m pytest -m flink tests/runners

test-cloud: $(READY)
	@$$($(PY) -m tests.cloud.environments) -m pytest -m cloud tests/cloud

bench: $(READY)
	@$(PY) -m tests.benchmarks

lint: $(READY)
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .

format: $(READY)
	@.venv/bin/ruff check --fix . && .venv/bin/ruff format .

type: $(READY)
	@.venv/bin/pyright

# Needs uv; users do not. Writes exact versions with hashes and no addresses.
lock:
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --extra dev pyproject.toml -o requirements.lock
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --extra gcp --extra s3 -c requirements.lock \
	  pyproject.toml -o requirements.cloud.lock

clean:
	@rm -rf .venv build *.egg-info .pytest_cache .ruff_cache
	@find electra_model pipelines runners tests -name __pycache__ -prune -exec rm -rf {} +
	@echo "Kept: work/ (corpora, models, results). Remove it by hand if you mean to."
