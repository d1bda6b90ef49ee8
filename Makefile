# Everything a person or CI does with this checkout. The environments stay in the checkout: .venv is casemate's own,
# .venv-shop is the one of the example program, .venv-programs that of what users run (casemate is installed apart from
# what it examines).
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test runtimes check lint types imports docs guest lock bench soak clean
.DEFAULT_GOAL := help

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 16

demo: .venv/run .venv-shop/ready ## audit, confine and attack the example shop, and print what was obtained
	$(BIN)/python examples/shop/demo.py

# These look at what is left on the whole host: alone, after all others have run two at once.
ALONE := tests/sandbox/test_soak.py tests/verify/test_judgement.py

test: .venv/dev .venv-programs/ready ## run all tests
	$(BIN)/pytest -q --numprocesses 2 --dist worksteal tests $(ALONE:%=--ignore=%)
	$(BIN)/pytest -q $(ALONE)

runtimes: .venv/run ## fetch the runtimes of the backends wasm and graalpy, for tests that skip without them
	$(BIN)/casemate backends install wasm
	$(BIN)/casemate backends install graalpy

check: lint types imports docs test ## run every check: what CI runs

lint: .venv/dev ## check the format, and ruff with all rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/dev ## mypy and pyright, both strict
	$(BIN)/mypy & mypy=$$!; $(BIN)/pyright; seen=$$?; wait $$mypy && exit $$seen

imports: .venv/dev ## check that imports run one way
	$(BIN)/lint-imports

docs: .venv/dev ## compare the generated reference pages with the code
	$(BIN)/python docs/generate.py --check

guest: .venv/dev ## compile the guest of the graalpy backend anew (a JDK 17, and its runtime: make runtimes)
	PYTHONPATH=. $(BIN)/python tests/sandbox/graalpy/compiling.py

lock: .venv/dev ## renew requirements/*.txt from requirements/*.in (exact versions, hashes, no index)
	$(BIN)/pip install -q uv
	for name in build run dev shop programs; do $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --universal \
	  --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
	  requirements/$$name.in -o requirements/$$name.txt || exit 1; done

bench: .venv/dev ## measure against bandit, ruff and other sandboxes; prints ratios (minutes)
	$(BIN)/python benchmarks/compare.py
	$(BIN)/python benchmarks/start.py
	$(BIN)/python benchmarks/backends.py

soak: .venv/dev ## run casemate 2,000 times, kill it at random, and look at what is left (minutes)
	$(BIN)/python benchmarks/soak.py

clean: ## remove the environments and what the tools left
	rm -rf .venv .venv-shop .venv-programs .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "casemate needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 …" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/run: requirements/run.txt pyproject.toml bin/casemate | .venv/python
	$(BIN)/pip install -q --require-hashes -r requirements/build.txt -r requirements/run.txt
	$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: requirements/dev.txt .venv/run
	$(BIN)/pip install -q --require-hashes -r requirements/dev.txt
	@touch $@

.venv-shop/ready: requirements/shop.txt
	$(PYTHON) -m venv .venv-shop
	.venv-shop/bin/pip install -q --require-hashes -r requirements/shop.txt
	@touch $@

# The suite of flask comes with its source distribution: the very version and hash of requirements/programs.txt.
.venv-programs/ready: requirements/programs.txt
	$(PYTHON) -m venv .venv-programs
	.venv-programs/bin/pip install -q --require-hashes -r requirements/programs.txt
	sed -n '/^flask==/,/[^\\]$$/p' requirements/programs.txt >.venv-programs/flask.txt
	.venv-programs/bin/pip download -q --require-hashes --no-deps --no-build-isolation --no-binary :all: \
	  -d .venv-programs/sources -r .venv-programs/flask.txt
	@touch $@
