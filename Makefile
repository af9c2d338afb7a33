# Two commands need nothing but Python 3.11+ and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
N ?= 4000

.PHONY: demo test test-all check bench kill soundness format docs clean

$(READY): pyproject.toml uv.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --quiet --frozen --inexact --compile-bytecode
	@touch $@

demo: $(READY) ## build the demo end to end and show what a newcomer should see
	@$(BIN)/python tests/demo/show.py $(BIN)

check: $(READY) ## lint, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check

test: check ## every test that CI runs
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow"

test-all: check ## the longer proofs too
	HYPOTHESIS_PROFILE=random $(BIN)/pytest -n 2 --dist loadfile

kill: $(READY) ## kill a worker N times and check after each
	$(BIN)/python -m tests.kill.harness --kills $(N)

soundness: $(READY) ## N random edits of random projects against dbt; SEED=... replays, ONLY=world:island a single one
	@$(BIN)/python tests/soundness/trials.py --edits $(N) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY))

bench: $(READY) ## seconds, ratios and peak memory against dbt and raw SQL, in one run
	$(BIN)/python benchmarks/bench.py

format: $(READY) ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY) ## write the reference pages from the models
	$(BIN)/python docs/generate.py

clean: ## forget the environment and everything built
	rm -rf $(VENV) .demo build dist
