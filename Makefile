# Each target works alone on a machine with Python 3.11, make and a package index.
PYTHON ?= python3
BIN := .venv/bin
NEXT := .venv-next/bin

.PHONY: quickstart test check test-next mini-base clean

quickstart: .venv/installed  ## install, then the main job on the embedded world, offline
	$(BIN)/adapterstilts quickstart

test: .venv/installed  ## install, then the whole test suite
	$(BIN)/pytest -n 2

check: .venv/installed  ## style, types, floors, size budgets
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest tests/test_budgets.py

test-next: .venv-next/installed  ## the suite without `adapters`, with the newest transformers 5
	$(NEXT)/pytest -n 2 -p no:cacheprovider

mini-base: .venv/installed  ## make the embedded base anew, by recipes/mini/base.yaml
	$(BIN)/adapterstilts pretrain mini/base --out build/mini-base

clean:
	rm -rf .venv .venv-next

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bottleneck,dev]'
	touch $@

# transformers 5 brings its own huggingface_hub and tokenizers; all other pins stay.
.venv-next/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-next
	$(NEXT)/python -m pip install --quiet --upgrade pip
	grep -vE '^(transformers|adapters|huggingface_hub|hf-xet|tokenizers)==' constraints.txt > .venv-next/constraints.txt
	$(NEXT)/python -m pip install --quiet --constraint .venv-next/constraints.txt 'transformers>=5,<6' --editable '.[dev]'
	touch $@
