# Every target does its own set-up: .venv in this folder, from the hash-pinned lock. `make demo` is the place to begin.

PYTHON ?= python3
BIN := .venv/bin
SEED ?= 1
SEEDS ?= 2000
KILLS ?= 200
READY := .venv/.ready

.PHONY: demo test check fix bench budget soak sim pictures lock clean

demo: $(READY)
	$(BIN)/overmind demo

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 4 --dist worksteal

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)
	$(BIN)/python -m bench

# Machine instructions of the usual work, against bench/budget.json. Needs valgrind.
budget: $(READY)
	$(BIN)/python -m bench.budget

soak: $(READY)
	$(BIN)/python -m tests.sim.simulate 1 $(SEEDS)
	$(BIN)/python -m tests.e2e.killing $(KILLS) $(SEED)

sim: $(READY)
	$(BIN)/python -m tests.sim.simulate $(SEED)

# The picture of the demo in the README, made from the real program.
pictures: $(READY)
	$(BIN)/python -m tools.pictures docs/pictures/demo.svg

# The only step that needs the network.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or newer is needed, this is " + sys.version'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# After a change of the dependencies in pyproject.toml. Needs uv, which writes neither addresses nor hosts here.
lock:
	uv pip compile --quiet --generate-hashes --extra dev --no-header --output-file requirements.lock pyproject.toml

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build src/*.egg-info
