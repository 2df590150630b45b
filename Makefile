# Everything a developer does here, by one word each. `make` alone lists the words.

PYTHON ?= python3
BIN    := .venv/bin
PROTOS := $(shell find protos -name '*.proto')
CODE   := $(wildcard server clients/emporium tests)
IMAGE  := build/image.binpb
BUF    := $(BIN)/buf

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup up down test check generate bench lock format
.PHONY: check-format check-lint check-walls check-contract check-fresh check-types tests

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-9s %s\n", $$1, $$2 }' Makefile

setup: .venv/.installed ## Prepare the virtual environment, if the lock has changed

up: setup .venv/.generated ## Start everything; ARGS="..." go to `emporium up`
	@$(BIN)/emporium up $(ARGS)

down: setup ## Stop what `up` left running
	@$(BIN)/emporium down $(ARGS)

test: setup ## All that CI runs: every check, every test, coverage
	@began=$$(date +%s); $(MAKE) --no-print-directory check tests; code=$$?; \
	echo "make test: $$(( $$(date +%s) - began )) s, exit code $$code"; exit $$code

check: setup check-format check-lint check-walls check-contract check-fresh check-types ## All that needs no database

generate: setup ## Derive stubs and the edge's files from the protos
	$(BIN)/python -m server.contract
	@touch .venv/.generated

bench: setup .venv/.generated ## Measure; ARGS="..." go to the bench
	@$(call debian,command -v h2load,nghttp2-client)
	@$(BIN)/python -m tests.bench $(ARGS)

lock: setup ## Resolve the dependencies again, within pyproject.toml; ARGS=--upgrade for newer ones
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile pyproject.toml $(ARGS) --quiet \
	  --universal --python-version 3.11 --all-extras --generate-hashes --no-emit-index-url \
	  --output-file requirements.lock

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
	$(BIN)/python -m server.contract --check

check-types:
	$(BIN)/mypy $(CODE)

tests:
	$(BIN)/pytest --cov --cov-report=term $(ARGS)

# ---------------------------------------------------------------- what is made once

# mongod's wheel, which is for Linux, needs libcurl and does not bring it.
LIBCURL = test "$$(uname)" != Linux || /sbin/ldconfig -p | grep -q libcurl.so.4

# uv installs the lock four times faster than pip, and is itself in it, so pip fetches uv first, by
# hash. uv does not read pip's settings (a mirror, say): where it finds nothing, pip does it all.
.venv/.installed: requirements.lock pyproject.toml
	@$(call debian,$(LIBCURL),libcurl4)
	$(PYTHON) -m venv .venv
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.lock
	$(BIN)/pip install --quiet --require-hashes --requirement .venv/uv.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock || \
	  $(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.generated: .venv/.installed $(PROTOS) $(wildcard server/contract/*.py)
	$(BIN)/python -m server.contract
	@touch $@

$(IMAGE): .venv/.installed $(PROTOS) $(wildcard server/contract/*.py)
	$(BIN)/python -m server.contract --image $@

# $(call debian,test,package): installs a package where the test fails and we may; else names it.
debian = { $(1); } >/dev/null 2>&1 || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes \
	--no-install-recommends $(2) >/dev/null; } || echo "Please install $(2) (Debian's name for it)."
