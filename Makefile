# `make` alone says what there is. Everything is put into .venv; nothing outside is changed but
# the folder ~/.cache/handover, where the Temporal programs are kept.

PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
  $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; done; echo $$name)
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
UV = $(or $(shell command -v uv 2>/dev/null),$(BIN)/uv)
SDK := sdk/python/pyproject.toml sdk/python/handover/_version.py

# Each process of a test, and each start of the service, would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run doctor test newest soak check .check-style .check-types .check-tests lint format languages bench faults key secrets lock
.DELETE_ON_ERROR:

help:
	@echo "make run      Temporal, worker and API on this machine, until Ctrl-C (docs/running.md)"
	@echo "make doctor   check that service, or the one in HANDOVER_BASE_URL"
	@echo "make test     all tests that this machine can run; ARGS='-k name' passes pytest arguments,"
	@echo "              REQUIRE_ALL=1 makes a test that cannot run a failure"
	@echo "make check    before a commit, a minute: style, types of changed files, the rules,"
	@echo "              and one decision all the way"
	@echo "make newest   the SDK's tests on the newest LangGraph and LangChain"
	@echo "make soak     the same tests with the load of a release: agents, mails and tries"
	@echo "make lint     ruff, pyright, typos"
	@echo "make format   what ruff can fix, and its layout"
	@echo "make languages  put new texts into templates/languages/*.po, and list the untranslated"
	@echo "make bench    what a decision costs, beside a bare Temporal workflow"
	@echo "make faults   check that the tests notice faults that are planted in a copy;"
	@echo "              ARGS='--only links proof --jobs 2' chooses, --help lists the rest"
	@echo "make key      a new API key: NAME=refund-bot is an agent's; SCOPES='keys:admin audit:read' an"
	@echo "              administrator's; EXPIRES=30d, APPROVERS='@example.com,owner@example.org'"
	@echo "make secrets  fresh secrets for a .env file"
	@echo "make lock     choose the versions in requirements/ anew; UPGRADE=1 takes the newest"
	@echo "PYTHON=...    the Python to make .venv with (3.11 or newer)"

run: $(VENV)/.service
	@exec $(BIN)/python -m embedded.run

# Of the key and the port that `make run` has, unless others are named.
doctor: $(VENV)/.service
	@HANDOVER_API_KEY="$${HANDOVER_API_KEY:-$$(cat "$${HANDOVER_DATA_DIR:-.handover}/api-key" 2>/dev/null)}" \
	  HANDOVER_BASE_URL="$${HANDOVER_BASE_URL:-http://127.0.0.1:$${HANDOVER_PORT:-8000}}" \
	  $(BIN)/python -m handover.doctor $(ARGS)

test: $(VENV)/.dev
	@$(BIN)/python -m pytest --numprocesses $(PROCESSES) $(ARGS)

# One more than two cores: tests that wait for a clock leave a core to others.
PROCESSES ?= 3

# The SDK on the newest LangGraph and LangChain. Not part of CI: what others release is not to
# hold up what is released here.
newest: $(VENV)/.dev
	@$(UV) venv --quiet --clear --python $(BIN)/python $(NEWEST)
	@$(UV) pip install --quiet --python $(NEWEST)/bin/python --require-hashes -r requirements/dev.txt
	@$(UV) pip install --quiet --python $(NEWEST)/bin/python --upgrade \
	  langchain langgraph langgraph-checkpoint-sqlite pydantic-ai-slim
	@$(UV) pip install --quiet --python $(NEWEST)/bin/python --no-deps --no-build-isolation -e sdk/python
	@$(UV) pip list --quiet --python $(NEWEST)/bin/python | grep -E '^(lang|pydantic)'
	@$(NEWEST)/bin/python -m pytest --numprocesses $(PROCESSES) $(or $(ARGS),tests/sdk tests/examples)

NEWEST := .venv-newest

# With a load as before a release: an hour and more.
soak: $(VENV)/.dev
	@SOAK=1 $(BIN)/python -m pytest --numprocesses $(PROCESSES) --timeout 1800 $(ARGS)

# What one runs before each commit, at once: the style, the types of what has changed, the tests of
# the rules, and one decision all the way.
check: $(VENV)/.dev
	@$(MAKE) --no-print-directory --jobs 3 --output-sync=target .check-style .check-types .check-tests

.check-style:
	@$(BIN)/ruff check --quiet && $(BIN)/ruff format --check --quiet && $(BIN)/typos

.check-types:
	@changed="$(CHANGED)"; [ -z "$$changed" ] || $(BIN)/pyright $$changed

.check-tests:
	@$(BIN)/python -m pytest --quiet --numprocesses 2 --durations 0 --durations-min 5 $(CHECKED)

CHANGED = $(shell { git diff --name-only --diff-filter=d HEAD -- '*.py'; \
  git ls-files --others --exclude-standard -- '*.py'; } 2>/dev/null)

CHECKED = tests/contracts tests/links tests/histories \
  $(addprefix tests/workflows/test_,answers.py lifecycle.py replay.py sentences.py) \
  $(addprefix tests/outgoing/test_,addresses.py urls.py) \
  $(addprefix tests/templates/test_,messages.py payload.py text.py) tests/activities/test_holding.py \
  $(addprefix tests/sdk/test_,patience.py policy.py public_face.py verify.py webhooks.py) \
  tests/api/test_waiting.py::test_a_held_request_answers_when_the_decision_is_settled

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/typos

# What cannot be mended is left to `make lint`, which says so.
format: $(VENV)/.dev
	$(BIN)/ruff check --fix --exit-zero --quiet
	$(BIN)/ruff format

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
	@$(BIN)/python -c "import secrets; from settings.keys import new_secrets; new = new_secrets(); \
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
