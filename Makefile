# make run: everything on this machine.  make test: the tests (ARGS="-k sip -x").  make check: style, types, flows.
# PYTHON=... chooses an interpreter; by default the first of 3.11 or newer on the PATH.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v $$p && break; done)

.PHONY: run test check clean
.DEFAULT_GOAL := run

run: $(VENV)/.voice
	@$(BIN)/callwright run

test: $(VENV)/.dev
	@$(BIN)/pytest -n logical --dist loadfile $(ARGS)

check: $(VENV)/.dev
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/callwright check flows
	@$(BIN)/callwright test flows

clean:
	rm -rf $(VENV) build dist *.egg-info

$(BIN)/python:
	@test -n "$(PYTHON)" || { \
	  echo "Callwright needs Python 3.11 or newer and there is none on the PATH (Debian, Ubuntu: apt-get install python3;" \
	       "anywhere: https://www.python.org/downloads/), or name one: make PYTHON=/path/to/python3"; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) can't make virtual environments: apt-get install python3-venv (Debian, Ubuntu)"; exit 1; }
	@"$(PYTHON)" -m venv $(VENV)

# Installed again only when pyproject.toml has changed.
$(VENV)/.voice: pyproject.toml | $(BIN)/python
	@echo "Installing into $(VENV): the first time takes about a minute..."
	@$(BIN)/python -m pip install --disable-pip-version-check --use-pep517 -q -e '.[voice,speech,phone]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	@echo "Installing into $(VENV), with what the tests need..."
	@$(BIN)/python -m pip install --disable-pip-version-check --use-pep517 -q -e '.[voice,speech,phone,vosk,pocketsphinx,pyvoip,dev]'
	@touch $@ $(VENV)/.voice
