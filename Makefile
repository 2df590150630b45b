# Everything a developer does here, by one word each. `make` alone lists the words.

PYTHON ?= python3
# What the shell says to other Pythons.
unexport PYTHONHOME PYTHONPATH
BIN    := .venv/bin
PROTOS := $(shell find protos -name '*.proto')
CODE   := $(wildcard server clients/emporium tests)
IMAGE  := build/image.binpb
BUF    := $(BIN)/buf
HALF   := $(BIN)/pytest -p no:cacheprovider --cov --cov-report= --cov-fail-under=0

# The programs that campaigns run, and what these need.
CAMPAIGN_LOCK := tests/campaign/requirements.lock
RESOLVE = UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile $(ARGS) --quiet \
	  --universal --python-version 3.11 --generate-hashes --no-emit-index-url

# Refuses a Python that is too old, in one line; pyproject.toml says which are not.
OLDEST_PYTHON = $(shell sed -n 's/^requires-python = ">=\([0-9.]*\)"$$/\1/p' pyproject.toml)
FOUND_PYTHON = $$($(PYTHON) -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null)
REQUIRE_PYTHON = $(PYTHON) -c 'import sys; \
	  sys.exit(sys.version_info < tuple(map(int, "$(OLDEST_PYTHON)".split("."))))' 2>/dev/null || \
	{ found=$(FOUND_PYTHON); \
	  echo "make: Python $(OLDEST_PYTHON) or newer is needed, and '$(PYTHON)' is $${found:-not there};" \
	    "name another: make PYTHON=python$(OLDEST_PYTHON)" >&2; exit 1; }

# Installs what pip cannot bring; with SYSTEM_PACKAGES=no it names that and stops.
SYSTEM_PACKAGES_FOR = PYTHON=$(PYTHON) sh deploy/system-packages.sh need

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup up down test check generate record bench campaign lock format
.PHONY: check-format check-lint check-walls check-contract check-fresh check-frozen check-types
.PHONY: tests tests-of-server tests-of-others

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-9s %s\n", $$1, $$2 }' Makefile

setup: .venv/.installed ## Prepare the virtual environment, if the lock has changed

up: setup .venv/.generated ## Start everything; ARGS="..." go to `emporium up`
	@$(BIN)/emporium up $(ARGS)

down: setup ## Stop what `up` left running
	@$(BIN)/emporium down $(ARGS)

test: setup ## All that CI runs: every check, every test, coverage
	@$(SYSTEM_PACKAGES_FOR) test
	@began=$$(date +%s); $(MAKE) --no-print-directory check tests; code=$$?; \
	echo "make test: $$(( $$(date +%s) - began )) s, exit code $$code"; exit $$code

check: setup check-format check-lint check-walls check-contract check-fresh check-frozen check-types ## All that needs no database

generate: setup ## Derive stubs and the edge's files from the protos
	$(BIN)/python -P -m server.contract
	@touch .venv/.generated

record: setup ## Freeze the migrations that are new
	$(BIN)/python -P -m server.migrations

bench: setup .venv/.generated ## Measure; ARGS="--against REV" compares with a revision
	@$(SYSTEM_PACKAGES_FOR) bench
	@$(BIN)/python -m tests.bench $(ARGS)

campaign: setup .venv/.generated .venv/campaign/.installed ## Long seeded tests, not in CI; ARGS="NAME --seed N"
	@$(BIN)/python -m tests.campaign $(ARGS)

lock: setup ## Resolve the dependencies again, within pyproject.toml; ARGS=--upgrade for newer ones
	$(RESOLVE) pyproject.toml --all-extras --output-file requirements.lock
	$(RESOLVE) --group campaign --output-file $(CAMPAIGN_LOCK)

format: setup ## Put code and protos into shape
	$(BIN)/ruff check --fix-only $(CODE)
	$(BIN)/ruff format $(CODE)
	$(BUF) format protos --write

# ---------------------------------------------------------------- the checks, cheapest first

check-format:
	$(BIN)/ruff format --check $(CODE)
	$(BUF) format protos --diff --exit-code

check-lint:
	$(BIN)/ruff check $(CODE)

check-walls:
	$(BIN)/lint-imports --no-logo

check-contract: $(IMAGE)
	$(BUF) lint $(IMAGE) --path emporium --config buf.yaml
	$(BUF) breaking $(IMAGE) --path emporium --config buf.yaml --against protos/released.binpb

check-fresh:
	$(BIN)/python -P -m server.contract --check

check-frozen:
	$(BIN)/python -P -m server.migrations --check

check-types:
	$(BIN)/mypy $(CODE)

# One test after the other takes hardly more than one core: where there are two, two halves run side by
# side, each with engines of its own. With ARGS it is one run.
tests:
ifdef ARGS
	$(BIN)/pytest --cov --cov-report=term $(ARGS)
else
	@mkdir -p build
	@$(MAKE) --no-print-directory --keep-going --jobs=$$(nproc) tests-of-server tests-of-others; code=$$?; \
	cat build/tests-of-server.txt; \
	$(BIN)/coverage combine --quiet && $(BIN)/coverage report && exit $$code
endif

# Beside those of the server some that need no others, so that both halves take as long.
WITH_SERVER := tests/server tests/bench tests/upgrade

# Without MAKEFLAGS: a test may call make, which then is nobody's child.
tests-of-server:
	@unset MAKEFLAGS; COVERAGE_FILE=.coverage.server $(HALF) $(WITH_SERVER) > build/tests-of-server.txt 2>&1

tests-of-others:
	@unset MAKEFLAGS; COVERAGE_FILE=.coverage.others $(HALF) $(addprefix --ignore=,$(WITH_SERVER))

# ---------------------------------------------------------------- what is made once

# uv installs the lock faster than pip, and is itself in it, so pip fetches uv first, by hash. uv does
# not read pip's settings (a mirror, say): where it finds nothing, pip does it all.
.venv/.installed: requirements.lock pyproject.toml deploy/system-packages.txt
	@$(REQUIRE_PYTHON)
	@$(SYSTEM_PACKAGES_FOR) setup
	$(PYTHON) -m venv .venv
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.lock
	$(BIN)/pip install --quiet --require-hashes --requirement .venv/uv.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps -r requirements.lock || \
	  $(BIN)/pip install --quiet --require-hashes --no-deps --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# Apart, so that what they need binds neither the product nor its tests.
.venv/campaign/.installed: $(CAMPAIGN_LOCK) | .venv/.installed
	$(PYTHON) -m venv --without-pip .venv/campaign
	$(BIN)/uv pip install --quiet --python .venv/campaign/bin/python --require-hashes --no-deps -r $< || \
	  $(BIN)/pip --python .venv/campaign/bin/python install --quiet --require-hashes --no-deps --requirement $<
	@touch $@

.venv/.generated: .venv/.installed $(PROTOS) $(wildcard server/contract/*.py server/contract/openapi/*.py)
	$(BIN)/python -P -m server.contract
	@touch $@

$(IMAGE): .venv/.installed $(PROTOS) $(wildcard server/contract/*.py server/contract/openapi/*.py)
	$(BIN)/python -P -m server.contract --image $@
