# Everything needs Python 3.11 or newer and make, and installs the rest into .venv by itself.
#   make run      serve: PORT=8001 make run for another port, settings.py has every setting
#   make test     run the tests
#   make check    what CI runs: format, lint, types and tests, on both PostgreSQLs where there are two
#   make format   format, and mend what the linter can
#   make bench    measure beside others, which takes 25 minutes: BENCH_ARGS=--quick for a look
#   make faults   sell under faults for ten minutes and say what broke: SEED=1 repeats a run's faults
#   make fuzz     send 2,000 generated requests, for 15 seconds: CASES=20000, SEED=1 repeats a run
#   make docs     build the documentation's site in .site, from docs/ and the schema
#   make sdl      write schema/schema.graphql from the code
#   make manual   write the commands' help into docs/cli.md
#   make smoke    build the image, start compose.yaml and book a seat: needs Docker
#   make audit    look for known holes in the pinned dependencies: 0 none, 1 some, 3 nobody to ask
#   make clean    remove what was installed; the data in .data stays

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: run test test-wheel check lint types format bench faults fuzz docs sdl manual audit \
	smoke release-notes install install-dev install-bench install-load install-docs clean

run: install
	@VENV=$(VENV) exec ./boxoffice serve

test: install-dev
	$(BIN)/python -m pytest $(PYTEST_ARGS)

# The tests that need a database, once more: on the package's PostgreSQL where the first run had
# another.
test-wheel: test
	@! command -v postgres >/dev/null || $(BIN)/python -m pytest --postgres=wheel $(PYTEST_ARGS)

check: lint types test test-wheel

lint: install-dev
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .

types: install-dev
	$(BIN)/python -m mypy --strict

format: install-dev
	$(BIN)/python -m ruff format .
	$(BIN)/python -m ruff check --fix .

bench: install-bench
	@command -v wrk >/dev/null || echo "wrk is not here: install it (Debian, Ubuntu: apt-get install wrk)" >&2
	$(BIN)/python -m bench $(or $(BENCH_ARGS),--plot docs/bench.png)

# SECONDS=100 for a look. FAULTS_ARGS: python -m faults --help.
faults: install-dev
	$(BIN)/python -m faults $(if $(SEED),--seed $(SEED)) $(if $(SECONDS),--seconds $(SECONDS)) $(FAULTS_ARGS)

fuzz: install-dev
	$(BIN)/python -m tests.fuzz $(if $(SEED),--seed $(SEED)) $(if $(CASES),--cases $(CASES))

# -W: a warning is an error, be it a link that leads nowhere or a page that none leads to.
docs: install-docs
	@rm -rf .site
	$(BIN)/python -m sphinx -W --keep-going --quiet --builder html docs .site
	@echo "Open .site/index.html"

sdl: install
	$(BIN)/python -m resolvers.api

manual: install
	$(BIN)/python -m cli.manual

# make itself exits with 2 where this doesn't with 0; `python -m tests.known_holes` has its own status.
audit: install-dev
	@$(BIN)/python -m tests.known_holes $(AUDIT_ARGS)

# Of a house of its own, which is gone afterwards.
smoke:
	@deploy/smoke.sh

# What the changelog says of TAG=v1.2.3, if it, the version and the changelog agree.
release-notes:
	@$(PYTHON) -m docs.changelog "$$TAG"

clean:
	@test ! -e $(VENV) -o -e $(VENV)/pyvenv.cfg || { echo "$(VENV) is no venv of ours" >&2; exit 1; }
	rm -rf $(VENV) .site .mypy_cache .ruff_cache .pytest_cache .hypothesis

install:
	$(call install,requirements.txt)

install-dev:
	$(call install,requirements-dev.txt)

install-load: install
	$(call install,requirements-load.txt)

install-docs: install
	$(call install,requirements-docs.txt)

# matplotlib, and the peers with their own lock file: a peer that can't be had is left out.
install-bench: install
	$(call install,requirements-bench.txt)
	@cmp -s bench/peers/package-lock.json bench/peers/node_modules/.installed || { \
		npm ci --prefix bench/peers --no-audit --no-fund --loglevel=error && \
		cp bench/peers/package-lock.json bench/peers/node_modules/.installed; } || \
		echo "the peers could not be installed (npm ci in bench/peers): measuring without" >&2

# A copy of the requirements in the venv says that they were installed, to the end. A venv without
# one was interrupted, and one without pip was made by another Python: both are made anew.
define install
@cmp -s $(1) $(VENV)/$(1) && $(BIN)/python -c 'import pip' 2>/dev/null || { \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Boxoffice needs Python 3.11 or newer, and $(PYTHON) is" \
			"$$($(PYTHON) --version 2>/dev/null || echo not there)." >&2; \
		echo "Install one, or name it: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) lacks venv and ensurepip: install them (Debian, Ubuntu: python3-venv)," \
			"or name another Python: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }; \
	echo "Installing $(1) into $(VENV), which takes up to a minute ..." >&2; \
	rm -f $(VENV)/$(1); \
	ls $(VENV)/requirements*.txt >/dev/null 2>&1 && $(BIN)/python -c 'import pip' 2>/dev/null || \
		$(PYTHON) -m venv --clear $(VENV) && \
	$(BIN)/python -m pip --disable-pip-version-check --quiet install --no-input --require-hashes \
		--requirement $(1) && \
	cp $(1) $(VENV)/$(1).part && mv $(VENV)/$(1).part $(VENV)/$(1); }
endef
