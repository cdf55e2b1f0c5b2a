# Two commands on a fresh machine: `make demo` and `make test`. Both install into .venv first.
PYTHON ?= python3
BIN := .venv/bin
HOST ?= 127.0.0.1
PORT ?= 8000

.PHONY: demo test lint bench kills dirty fuzz attack clean

demo: .venv/installed
	$(BIN)/recommend demo --host $(HOST) --port $(PORT) $(if $(DATA),--data $(DATA))

test: .venv/installed-dev lint
	$(BIN)/python -m pytest

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/installed-dev
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m benchmarks

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
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv demo dist build .mypy_cache .pytest_cache .ruff_cache
