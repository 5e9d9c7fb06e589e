# Everything a stranger needs, each in one command. Nothing is installed outside of .venv but
# Debian's packages, and of these only what is missing (tools/setup-debian says what).

PYTHON = python3
VENV = .venv
# Passed on: make run RUN_ARGS="--http 0"
RUN_ARGS =

# Apt-get runs once at a time, and before anything that needs what it installs.
.NOTPARALLEL:
.PHONY: help run test trial check clean python debian-run debian-test

help:  ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile | expand -t 12

run: $(VENV)/run.stamp  ## Start ECM and a private ejabberd with a chat page; Ctrl-C stops them
	@exec $(VENV)/bin/ecm-demo $(RUN_ARGS)

test: $(VENV)/test.stamp  ## Run the tests, with real ejabberd and Chromium
	$(VENV)/bin/pytest

trial: $(VENV)/test.stamp  ## Run the same tests with trial
	$(VENV)/bin/trial tests

check: $(VENV)/check.stamp  ## Lint, check formatting and types, compile mod_ecm without a warning
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy ecm tests
	ERL_COMPILER_OPTIONS='[warnings_as_errors]' $(VENV)/bin/python -m ecm.demo.stub build/ebin

clean:  ## Remove all that these commands made in this folder
	rm -rf $(VENV) build dist *.egg-info _trial_temp* .hypothesis .*_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# A stamp says that .venv has what setup.cfg asks for. Debian's packages are looked at every time.
$(VENV)/run.stamp: setup.cfg pyproject.toml | debian-run $(VENV)/bin/python
	$(VENV)/bin/pip install -qq -e .
	@touch $@

$(VENV)/test.stamp: setup.cfg pyproject.toml | debian-test $(VENV)/bin/python
	$(VENV)/bin/pip install -qq -e '.[test]'
	@touch $@

$(VENV)/check.stamp: setup.cfg pyproject.toml | debian-test $(VENV)/bin/python
	$(VENV)/bin/pip install -qq -e '.[test,check]'
	@touch $@

$(VENV)/bin/python: | python
	$(PYTHON) -m venv $(VENV)

python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Megaphone needs Python 3.11 or newer: make PYTHON=python3.11 ...")'

debian-run debian-test: debian-%: python
	@tools/setup-debian $*
