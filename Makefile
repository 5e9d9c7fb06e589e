# Everything a stranger needs, each in one command. Nothing is installed outside of .venv but
# Debian's packages, and of these only what is missing (tools/setup-debian says what).

PYTHON = python3
VENV = .venv
# Another ejabberd than that of the system, for whatever starts one: make test EJABBERD=24.12, or
# 26.07, which tools/debian-ejabberd fetches once (some 60 MB); or a folder that it has made.
EJABBERD ?=
# Beside that of the system in make bench CASE=versions, and in CASE=end_to_end PEERS=all.
NEWER = 24.12 26.07
NEWER_PROSODY = 13.0.1
# Passed on: make run RUN_ARGS="--http 0"
RUN_ARGS =
# Tried again: make fuzz-erlang SEED=17
SEED =
# Passed on: make bench CASE=ejabberd USERS=200000, make faults USERS=200
USERS =
# What is broken: make faults FAULT="link-rst worker-kill"; each so many times: ROUNDS=3
FAULT =
ROUNDS =
# A case of bench/cases: make bench CASE=front_cpu ARGS="--rounds 9"
CASE =
ARGS =
# Passed on: make soak HOURS=0.25
HOURS =
# Passed on: make fuzz SECONDS=3600
SECONDS =

# make conformance URL=... DOMAIN=... USERS=alice:secret,bob:secret, or PEER="ejabberd prosody". What
# else `python -m conformance --help` lists goes into ARGS. Only Megaphone itself needs more than
# Python.
CONFORMANCE_ARGS = $(if $(URL),'$(URL)') $(if $(DOMAIN),--domain '$(DOMAIN)') \
    $(if $(USERS),--users '$(USERS)') $(ARGS)
CONFORMANCE_SERVERS = $(if $(PEER),$(CONFORMANCE_PYTHON) -m testkit.servers $(PEER) --)
CONFORMANCE_PYTHON = $(if $(filter megaphone,$(PEER)),$(VENV)/bin/python,$(PYTHON))

# What starts ejabberd reads it in ecm/tools/ejabberd/installation.py.
ifneq ($(EJABBERD),)
IS_FOLDER = $(findstring /,$(EJABBERD))
export ECM_EJABBERD := $(if $(IS_FOLDER),$(abspath $(EJABBERD)),$(CURDIR)/build/ejabberd-$(EJABBERD))
endif

# Before a command of the shell: its Erlang is the one that is chosen.
WITH_ERLANG = found=$$($(PYTHON) -m ecm.tools.ejabberd.installation) && eval "$$found" &&

# Workers of pytest, which take a module at a time (tests/conftest.py). Three for two cores: tests of
# processes wait half of their time.
SIDE_BY_SIDE = -n 3 --dist loadfile --no-loadscope-reorder

# Apt-get runs once at a time, and before anything that needs what it installs.
.NOTPARALLEL:
.PHONY: help run test try unit trial interop fuzz fuzz-erlang check docs clean
.PHONY: conformance dialyze ejabberd newer-ejabberds newer-prosody python lock release deb try-deb
.PHONY: bench bench-readme bench-reload faults stream-faults million soak
.PHONY: debian-python debian-run debian-test debian-interop debian-bench debian-conformance debian-dialyzer
.PHONY: debian-faults debian-profile debian-deb

help:  ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile | expand -t 20

run: $(VENV)/run.stamp  ## Start ECM and a private ejabberd with a chat page; Ctrl-C stops them
	@exec $(VENV)/bin/ecm-demo $(RUN_ARGS)

test: $(VENV)/test.stamp  ## Run the tests, with real ejabberd and Chromium
	$(VENV)/bin/pytest $(SIDE_BY_SIDE)

try: $(VENV)/test.stamp debian-conformance  ## Try another ejabberd in minutes: EUnit without a warning, a chat, conformance; EJABBERD=24.12
	$(VENV)/bin/pytest -q tests/system/test_mod_ecm_eunit.py
	tools/try-run
	$(MAKE) --no-print-directory conformance PEER=megaphone

unit: $(VENV)/test.stamp  ## Run the tests that need no process, in seconds
	$(VENV)/bin/pytest -q tests/unit

trial: TESTS = tests
trial: $(VENV)/test.stamp  ## Run the same tests with trial; or some: TESTS=tests.unit
	$(VENV)/bin/trial --jobs=3 $(TESTS)

interop: $(VENV)/test.stamp debian-interop build/interop/stamp  ## Run the tests with other people's clients and proxies, and systemd
	$(VENV)/bin/pytest -o python_files='*_test.py' tests/interop

conformance: $(if $(PEER),debian-conformance,python) $(if $(filter megaphone,$(PEER)),$(VENV)/run.stamp)  ## Run the conformance suite on a BOSH server: URL=http://host:port/path, or PEER=ejabberd|prosody
	@$(CONFORMANCE_SERVERS) $(CONFORMANCE_PYTHON) -m conformance $(CONFORMANCE_ARGS)

fuzz: $(VENV)/fuzz.stamp  ## Fuzz every parser, for two minutes; or SECONDS=3600
	@$(VENV)/bin/python -m tests.fuzz all $(SECONDS)

fuzz-erlang: SECONDS = 60
fuzz-erlang: debian-test  ## Fuzz mod_ecm's XML parser against ejabberd's, for a minute; or SECONDS=600
	rm -rf build/fuzz-erlang
	mkdir -p build/fuzz-erlang
	$(WITH_ERLANG) erlc -o build/fuzz-erlang erlang_stub/mod_ecm/src/*.erl \
	    $(patsubst %,erlang_stub/mod_ecm/test/%.erl,ecm_fuzz ecm_bodies ecm_expat ecm_hostile ecm_pieces)
	$(WITH_ERLANG) SECONDS=$(SECONDS) SEED=$(SEED) erl -noinput -pa build/fuzz-erlang -s ecm_fuzz main

# Of these each can be run alone: make bench CASE=typed_link, or make bench-typed_link. What
# `.venv/bin/python -m bench CASE --help` lists goes into ARGS; USERS=N is short for ARGS="--users N", and
# PEERS=all of end_to_end fetches the newer peers, too.
CASES = $(patsubst bench/cases/%.py,%,$(filter-out %/__init__.py,$(wildcard bench/cases/*.py)))
PROMISED = front_cpu memory end_to_end scaling
.PHONY: $(CASES:%=bench-%)

bench: $(if $(CASE),bench-$(CASE),$(PROMISED:%=bench-%) bench-readme)  ## Run the benchmarks of what is promised, and write README's table; or one: CASE=typed_link

$(CASES:%=bench-%): bench-%: $(VENV)/bench.stamp
	$(VENV)/bin/python -m bench $* $(if $(USERS),--users $(USERS)) $(if $(PEERS),--peers $(PEERS)) $(ARGS)

bench-front_cpu bench-memory bench-end_to_end bench-low_load: debian-bench
bench-ejabberd bench-end_to_end bench-logins bench-low_load bench-scaling bench-million: debian-run
bench-slow_reader bench-soak bench-streams bench-versions: debian-run
bench-end_to_end: debian-conformance
bench-profile: debian-profile
bench-versions: newer-ejabberds
bench-end_to_end: $(if $(PEERS),newer-ejabberds newer-prosody)

million:  ## A million users at once; TRANSPORT=websocket, websocket-tls or tls, USERS=100000
	@$(MAKE) --no-print-directory bench-million ARGS="$(if $(TRANSPORT),--transport $(TRANSPORT)) $(ARGS)"

# A piece is appended to those before; Ctrl-C ends it early. HOURS=0 judges what there is.
soak:  ## Have 20,000 users come, chat, vanish and return, and look for growth: HOURS=8, USERS=
	@$(MAKE) --no-print-directory bench-soak ARGS="$(if $(HOURS),--hours $(HOURS)) $(ARGS)"

# ARGS=--list lists the faults, ARGS=--quick tries them with few users, ARGS=--help has the rest.
faults: $(VENV)/bench.stamp debian-faults  ## Break the link, ECM, ejabberd …, and count what users notice: FAULT=name, USERS=, ROUNDS=, ARGS=--list
	@$(VENV)/bin/python -m bench.faults $(FAULT) $(if $(USERS),--users $(USERS)) \
	    $(if $(ROUNDS),--rounds $(ROUNDS)) $(ARGS)
	@$(if $(FAULT)$(ARGS),,$(MAKE) --no-print-directory stream-faults)

stream-faults: $(VENV)/test.stamp  ## The part of it for streams: cut the link, kill workers, do not read, over each transport with and without TLS
	ECM_CUTS=60 $(VENV)/bin/pytest -o python_files='*_test.py' tests/faults \
	    tests/system/test_stream_cuts.py tests/system/test_stream_workers.py tests/system/test_slow_readers.py

# Longest silences of chatting users, of ECM, HAProxy and nginx in one run, and of a restart of ECM.
bench-reload: USERS := $(or $(USERS),1000)
bench-reload: faults  ## Reload ECM, and HAProxy and nginx in front of it, while users chat: USERS=1000, ROUNDS=
bench-reload: FAULT = reload reload-haproxy reload-nginx ecm-restart

bench-readme: $(VENV)/bench.stamp  ## Write pages, pictures and the tables of README.md and docs again, from bench/results
	$(VENV)/bin/python -m bench.report.pages
	$(VENV)/bin/python -m bench.report.figures
	$(VENV)/bin/python -m bench.report.growth
	$(VENV)/bin/python -m bench.report.readme
	$(VENV)/bin/python -m bench.report.benchmarks_text
	$(VENV)/bin/python -m bench.faults.report

check: $(VENV)/check.stamp  ## Lint, check formatting and types, compile mod_ecm without a warning
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy ecm tests testkit conformance bench
	ERL_COMPILER_OPTIONS='[warnings_as_errors]' $(VENV)/bin/python -m ecm.tools.ejabberd.mod_ecm_build build/ebin

PLT = build/dialyzer$(if $(EJABBERD),-$(notdir $(ECM_EJABBERD))).plt
dialyze: $(VENV)/check.stamp $(PLT)  ## Run Dialyzer on mod_ecm
	rm -rf build/ebin
	$(VENV)/bin/python -m ecm.tools.ejabberd.mod_ecm_build build/ebin
	$(WITH_ERLANG) dialyzer --quiet --plt $(PLT) build/ebin

docs: $(VENV)/test.stamp  ## Write again what is made in docs: examples, diagrams, options, pictures
	$(VENV)/bin/python -m testkit.protocol_text
	$(VENV)/bin/python -m testkit.configuration_text
	$(VENV)/bin/python -m testkit.metrics_text
	$(VENV)/bin/python -m testkit.pictures
	$(VENV)/bin/python -m testkit.status_pictures

# What the .deb and the image bring: the newest versions that setup.cfg allows, with their hashes.
lock: $(VENV)/release.stamp  ## Lock the newest versions of what ECM needs, with hashes
	$(VENV)/bin/uv pip compile setup.cfg --quiet --upgrade --universal --python-version 3.11 \
	    --extra websocket --generate-hashes --no-emit-find-links --no-annotate \
	    --custom-compile-command 'make lock' --output-file packaging/requirements.lock

release: $(VENV)/release.stamp  ## Build what is published: sdist, wheel, SBOM, and ask for known faults of what is locked
	tools/release $(VENV)/bin/python build/release

deb: $(VENV)/deb.stamp debian-deb  ## Build the Debian packages ecm and ejabberd-mod-ecm, in build/deb
	tools/build-deb $(VENV)/bin/python build/deb

try-deb: deb  ## Install these packages in a fresh Debian, and have two users talk; as root
	tools/try-deb build/deb

clean:  ## Remove everything that these commands created in this folder
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

$(VENV)/fuzz.stamp: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/pip install -q -e '.[test,fuzz]'
	@touch $@

$(VENV)/deb.stamp: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/pip install -qq -e '.[deb]'
	@touch $@

$(VENV)/release.stamp: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/pip install -q -e '.[release]'
	@touch $@

$(VENV)/bench.stamp: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/pip install -q -e '.[bench]'
	@touch $@

# What Dialyzer knows of Erlang, and of all modules of ejabberd that mod_ecm calls. It takes a minute
# or two, once. Status 2 says that they call others, which is no fault: newer ones tell.
PLT_APPS = erts kernel stdlib crypto public_key ssl mnesia p1_cache_tab p1_utils p1_xml p1_xmpp p1_yconf
PLT_MODULES = acl econf ejabberd_auth ejabberd_c2s ejabberd_cluster ejabberd_commands ejabberd_config \
    ejabberd_hooks ejabberd_listener ejabberd_mnesia ejabberd_option ejabberd_pkix ejabberd_router \
    ejabberd_shaper ejabberd_sm gen_mod misc mod_muc mod_offline
$(PLT): Makefile | debian-dialyzer
	mkdir -p $(@D)
	$(WITH_ERLANG) ebin=$$(ls -d "$$ERL_LIBS"/ejabberd-*/ebin | tail -n 1) && \
	dialyzer --quiet --build_plt --output_plt $@.new --apps $(PLT_APPS) \
	    $(PLT_MODULES:%="$$ebin"/%.beam) || [ $$? = 2 ]
	mv $@.new $@

build/interop/stamp: tests/interop/package.json tests/interop/package-lock.json | debian-interop
	mkdir -p $(@D)
	cp $^ $(@D)
	npm ci --ignore-scripts --loglevel=error --no-audit --no-fund --prefix $(@D)
	@touch $@

$(VENV)/bin/python: | debian-python
	$(PYTHON) -m venv $(VENV)

python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Megaphone needs Python 3.11 or newer: make PYTHON=python3.11 ...")'

# A complete folder is left as it is.
ejabberd:
	@$(if $(EJABBERD),$(if $(IS_FOLDER),,tools/debian-ejabberd $(EJABBERD) $(ECM_EJABBERD)))

newer-prosody:
	@tools/debian-prosody $(NEWER_PROSODY) $(CURDIR)/build/prosody-$(NEWER_PROSODY)

newer-ejabberds:
	@for each in $(NEWER); do tools/debian-ejabberd $$each $(CURDIR)/build/ejabberd-$$each || exit; done

debian-run debian-test debian-interop debian-conformance debian-dialyzer debian-profile debian-faults: ejabberd

debian-python debian-run debian-test debian-interop debian-bench debian-conformance debian-dialyzer debian-profile debian-faults debian-deb: debian-%: python
	@tools/setup-debian $*
