# `make` alone says what there is. Everything is put into .venv; nothing outside is changed but
# the folder ~/.cache/handover, where the Temporal programs are kept.

PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
  $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; done; echo $$name)
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
UV = $(or $(shell command -v uv 2>/dev/null),$(BIN)/uv)
SDK := sdk/python/pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help run test lint languages bench faults key secrets lock
.DELETE_ON_ERROR:

help:
	@echo "make run      Temporal, worker and API on this machine, until Ctrl-C (docs/running.md)"
	@echo "make test     all tests that this machine can run; ARGS='-k name' passes pytest arguments,"
	@echo "              REQUIRE_ALL=1 makes a test that cannot run a failure"
	@echo "make lint     ruff, pyright, typos"
	@echo "make languages  put new texts into templates/languages/*.po, and say what is untranslated"
	@echo "make bench    what a decision costs, beside a bare Temporal workflow"
	@echo "make faults   whether the tests notice faults that are planted in a copy;"
	@echo "              ARGS='--only links proof --jobs 2' chooses, --help says what else"
	@echo "make key      a new API key: NAME=refund-bot is an agent's; SCOPES='keys:admin audit:read' an"
	@echo "              administrator's; EXPIRES=30d, APPROVERS='@example.com,owner@example.org'"
	@echo "make secrets  fresh secrets for a .env file"
	@echo "make lock     choose the versions in requirements/ anew; UPGRADE=1 takes the newest"
	@echo "PYTHON=...    the Python to make .venv with (3.11 or newer)"

run: $(VENV)/.service
	@exec $(BIN)/python -m embedded.run

test: $(VENV)/.dev
	@$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/typos

languages: $(VENV)/.dev
	@$(BIN)/python -m templates.extraction

bench: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.run $(ARGS)

faults: $(VENV)/.dev
	@$(BIN)/python -m tests.faults.run $(ARGS)

key: $(VENV)/.service
	@$(BIN)/python -m api.make_key $(if $(NAME),"$(NAME)",--help) $(SCOPES:%=--scope %) \
	  $(if $(EXPIRES),--expires "$(EXPIRES)") $(if $(APPROVERS),--approvers "$(APPROVERS)")

secrets: $(VENV)/.service
	@$(BIN)/python -c "import secrets; from config import new_secrets; new = new_secrets(); \
	print(f'POSTGRES_PASSWORD={secrets.token_urlsafe(32)}'); \
	[print(f'HANDOVER_{name.upper()}={new[name]}') for name in new if name.endswith('_keys')]"

lock: $(VENV)/.uv
	$(UV) pip compile $(COMPILE) pyproject.toml -o requirements/service.txt
	$(UV) pip compile $(COMPILE) pyproject.toml --group dev -o requirements/dev.txt

COMPILE = --quiet --universal --generate-hashes --no-header --python-version 3.11 \
  $(if $(UPGRADE),--upgrade)

# One stamp per set of packages: it is older than a requirements file that has changed.
$(VENV)/.service: requirements/service.txt $(SDK) $(VENV)/.uv
	$(call install,requirements/service.txt)

$(VENV)/.dev: requirements/dev.txt $(SDK) $(VENV)/.uv
	$(call install,requirements/dev.txt)

define install
@echo "Installing $(1) into $(VENV) ..." >&2
@$(UV) pip install --python $(BIN)/python --require-hashes -r $(1)
@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e sdk/python
@touch $@
endef

$(VENV)/.uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Handover needs Python 3.11 or newer, which $(PYTHON) is not: install it, or name one with 'make PYTHON=/path/to/python'." >&2; \
	  exit 1; }
	@if command -v uv >/dev/null; then \
	  echo "Making $(VENV) with uv ..." >&2; \
	  uv venv --quiet --allow-existing --python $(PYTHON) $(VENV); \
	else \
	  $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	    echo "$(PYTHON) cannot make virtual environments: install its venv module (Debian, Ubuntu: apt install python3-venv), or uv." >&2; \
	    exit 1; }; \
	  echo "Making $(VENV), and putting uv $(UV_VERSION) into it ..." >&2; \
	  $(PYTHON) -m venv $(VENV) && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); \
	fi
	@touch $@
