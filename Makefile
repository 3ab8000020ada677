# The developer's whole menu. CI calls the same targets.

PYTHON ?= python3
BIN := .venv/bin
ifndef SEED
SEED := $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
endif
export UV_CUSTOM_COMPILE_COMMAND := make lock
export UV_PYTHON_DOWNLOADS := never
LOCK = $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url $(UPGRADE)

.DEFAULT_GOAL := help
.PHONY: help setup native s3server browser awscli contenders airflow engine demo test trino unit fuzz faults sabotage cluster check lint types policy \
  format docs golden lock bench bench-check measure upkeep text-time reports proof scale clean

help:  ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

setup:  ## an environment in .venv with everything locked, Spark's jars and defaults (needs Python 3.11+ and Java 17)
	@command -v $(PYTHON) >/dev/null || \
	  { echo "setup: Python 3.11 or later is needed (found none): apt install python3 python3-venv, or brew install python@3.13" >&2; exit 1; }
	@$(PYTHON) tools/setup.py setup

native: setup  ## the native kernel, which decodes faster (needs Rust); everything works without it
	@$(BIN)/python tools/native.py build

s3server: setup  ## the S3 server that the tests talk to (needs Go)
	@$(BIN)/python tools/setup.py s3server

browser: setup  ## the browser that the tests open pages in (by apt, as root, where there is none)
	@$(BIN)/python tools/setup.py browser

awscli: setup  ## the AWS CLI that the tests compare with
	@$(BIN)/python tools/setup.py awscli

contenders: setup  ## ClickHouse and a bare parser, that the bench measures beside
	@$(BIN)/python tools/setup.py contenders

airflow: setup s3server  ## each DAG on a real Airflow, in an environment of its own, with jobs that are killed (ten minutes)
	@$(BIN)/python tools/setup.py airflow
	$(BIN)/pytest -q -m airflow

demo: setup  ## a small believable log bucket, ingested and asked
	@$(BIN)/trailhouse demo

test: setup s3server browser awscli contenders  ## everything; SEED=n repeats a run of the properties
	@echo "hypothesis seed $(SEED): repeat with make test SEED=$(SEED)"
	$(BIN)/pytest -q -n 2 --dist loadfile -m "not spark and not engine and not airflow and not cluster" --hypothesis-seed=$(SEED)
	$(BIN)/pytest -q -m "spark and not airflow and not cluster" --hypothesis-seed=$(SEED)

engine: setup  ## the query engine that Athena runs on, for the tests (by Maven; needs Java 24+ beside Spark's)
	@$(BIN)/python tools/engine.py

cluster: setup s3server  ## a Spark cluster of processes that share nothing carries it, on both lanes (ten minutes, Linux)
	@$(BIN)/python tools/lanes.py setup
	$(BIN)/pytest -q -m cluster tests/cluster
	$(BIN)/python tools/lanes.py pytest -q -m spark tests/ingest tests/lake tests/faults/test_workers.py

trino: engine s3server  ## reports and views on Athena's engine, over its API, and on this machine: the same answers
	$(BIN)/pytest -q -m engine

unit: setup  ## the tests that need neither Spark nor a server nor a browser
	$(BIN)/pytest -q -n 2 --dist loadfile -m "not spark and not s3 and not browser and not engine and not airflow and not cluster" --hypothesis-seed=$(SEED)

fuzz: setup  ## ten minutes of hostile files against the reference reader; FUZZ_SECONDS=n and SEED=n
	$(BIN)/python -m tests.fuzz --seed $(SEED)

faults: setup s3server  ## runs that die, requests that fail, runs that race: under an hour; FULL=1 takes every pair; SEED=n
	$(BIN)/python -W ignore -m tests.faults.sweep --seed $(SEED) $(if $(FULL),--full)
	$(BIN)/python -W ignore -m tests.faults.races --seed $(SEED)

sabotage: setup native s3server  ## break ingest on purpose, one way after another: each must turn a named test red (an hour)
	$(BIN)/python tools/sabotage.py

check: lint types policy  ## all that reads the code without running it

lint: setup  ## ruff: rules and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup  ## mypy, strict
	$(BIN)/mypy

policy: setup  ## the repository's own rules
	$(BIN)/pytest -q tests/policy

format: setup  ## write the code as ruff would
	$(BIN)/ruff format
	$(BIN)/ruff check --fix --select I

bench: native s3server awscli contenders  ## speed beside what else there is, into docs/bench.md (half an hour); PART="ingest …", EVENTS=n, ROUNDS=n
	@$(BIN)/python -W ignore -m bench $(if $(PART),--part $(PART)) $(if $(EVENTS),--events $(EVENTS)) $(if $(ROUNDS),--rounds $(ROUNDS))

measure: setup  ## rates, memory and layouts on this machine, into docs/measured.md (about ten minutes)
	@$(BIN)/python -m tools.measure

upkeep: setup  ## a lake fed 96 times a day, before and after maintain, into docs/upkeep.md (half an hour); MINUTES=n
	@$(BIN)/python tools/upkeep.py --minutes $(or $(MINUTES),20)

reports: engine s3server  ## what reports read and how long they take, into docs/reports-measured.md (half an hour)
	@$(BIN)/python -W ignore -m tools.measure_reports

proof: setup s3server awscli  ## how long a verification takes, beside the AWS CLI, into docs/integrity-measured.md (ten minutes)
	@$(BIN)/python -W ignore -m tools.measure_verify

scale: setup s3server  ## planning and committing at sizes past this machine, into docs/scale.md and docs/cost.md (half an hour)
	@$(BIN)/python -W ignore -m tools.scale

bench-check: setup s3server  ## counts that must not grow: requests, Spark jobs, bytes, instructions (two minutes)
	@$(BIN)/python -W ignore -m bench.check

text-time: setup  ## what the text of eventTime costs and saves, into docs/text-time.md (four minutes)
	@$(BIN)/python -W ignore -m tools.measure_text_time

docs: setup  ## write docs/settings.md and docs/tables.md anew
	$(BIN)/python tools/docs.py

golden: setup s3server awscli  ## write expected outputs anew; read the diff
	$(BIN)/pytest -q -n 2 --dist loadfile -m "not spark and not engine and not airflow and not cluster" --update-golden

lock: setup  ## pin dependencies and jars anew, as pyproject.toml and jars/pom.xml say; UPGRADE=--upgrade for newer ones
	$(LOCK) requirements/uv.in -o requirements/uv.txt
	$(LOCK) requirements/build.in -o requirements/build.txt
	$(LOCK) requirements/awscli.in -o requirements/awscli.txt
	$(LOCK) requirements/native.in -o requirements/native.txt
	$(LOCK) requirements/airflow.in -o requirements/airflow.txt
	$(LOCK) requirements/bench.in -o requirements/bench.txt
	$(LOCK) pyproject.toml --extra dev -c requirements/constraints.in -o requirements/dev.txt
	$(LOCK) pyproject.toml -c requirements/dev.txt --no-emit-package pyspark --no-emit-package py4j -o requirements/run.txt
	$(LOCK) requirements/spark41.in -c requirements/dev.txt -o requirements/spark41.txt
	$(LOCK) requirements/spark35.in -o requirements/spark35.txt
	$(BIN)/python tools/setup.py sums
	$(BIN)/python tools/lanes.py sums
	$(BIN)/python tools/native.py lock $(UPGRADE)

clean:  ## remove the environment and all that tools left behind
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis dist spark-warehouse metastore_db derby.log
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
