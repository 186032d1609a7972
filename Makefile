# One verb a chore. Each works from a clean clone on a machine that has Python 3.11 and make.

PYTHON ?= python3.11
VENV := .venv
PY := $(VENV)/bin/python
# Tests run on this many processes, each with servers of its own.
TEST_WORKERS ?= 2
# `make test PYTEST="tests/curation -k pairing"` runs a part.
PYTEST ?=
# `make demo SERVE=0` stops what it started and exits.
SERVE ?= 1

.PHONY: help setup setup-dev browser demo test up check fix bench parity trainers capabilities lock clean

help:
	@echo "make demo          a drawn sample project from prompts to an exported dataset, then the site (SERVE=0: no site)"
	@echo "make up            web, workers and scheduler, configured by .env"
	@echo "make test          the whole test suite, browser included"
	@echo "make check         format, lint, types, import rules, migrations"
	@echo "make fix           format and mend what the linter can mend"
	@echo "make capabilities  which capabilities have tests that passed in the last run"
	@echo "make bench         every benchmark"
	@echo "make parity        full-size architectures against independent implementations"
	@echo "make trainers      every trainer's reader on our exports; two trainers get environments of their own"
	@echo "make lock          pin everything anew from pyproject.toml (UPGRADE=1: newest versions)"
	@echo "make clean         remove the virtual environment and caches, never any data"

# -- installation ----------------------------------------------------------------------------

setup: $(VENV)/runtime.stamp
setup-dev: $(VENV)/dev.stamp

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "$(PYTHON) is not installed. Install Python 3.11 (Debian: apt-get install python3.11 python3.11-venv), or name one: make PYTHON=/path/to/python ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && apt-get install -y -qq python3-venv; \
	  else echo "This Python cannot make virtual environments. Debian: sudo apt-get install python3-venv"; exit 1; fi; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/runtime.stamp: requirements.txt | $(VENV)/bin/python
	@echo "Installing requirements.txt into $(VENV) (some minutes the first time)"
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt | $(VENV)/bin/python
	@echo "Installing requirements-dev.txt into $(VENV) (some minutes the first time)"
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/runtime.stamp

# The browser tests drive the system's Chromium, which no Python package brings.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing Chromium for the browser tests"; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	  else \
	    echo "The browser tests need Chromium. Debian and Ubuntu: sudo apt-get install chromium"; exit 1; \
	  fi; }

# -- running ---------------------------------------------------------------------------------

# The demonstration has data of its own and uses no server named for the real installation.
demo: setup
	@env -u DATABASE_URL -u REDIS_URL -u PAIRWRIGHT_S3_BUCKET -u HF_TOKEN -u PAIRWRIGHT_HUB_TOKEN PAIRWRIGHT_ENV_FILE= \
	  PAIRWRIGHT_DATA="$${PAIRWRIGHT_DEMO_DATA:-$$($(PY) -m config.folders demo)}" \
	  $(PY) manage.py demo --serve=$(SERVE)

up: setup
	@$(PY) manage.py up

# -- proving ---------------------------------------------------------------------------------

test: setup-dev browser
	@$(PY) -m pytest -n $(TEST_WORKERS) $(PYTEST)

# Settings are loaded to check types and models, so they get an empty folder, not the real data.
check: setup-dev
	@data=$$(mktemp -d) && trap 'rm -rf "$$data"' EXIT && \
	export PAIRWRIGHT_ENV_FILE= PAIRWRIGHT_DATA="$$data" && \
	$(PY) -m ruff format --check . && \
	$(PY) -m ruff check . && \
	$(PY) -m mypy && \
	$(VENV)/bin/lint-imports && \
	$(PY) manage.py check_migrations

fix: setup-dev
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

capabilities: setup-dev
	@$(PY) -m tests.capability_table

bench: setup
	@for file in benchmarks/*.py; do echo "== $$file"; $(PY) $$file || exit 1; done

parity: setup-dev
	@$(PY) -m pytest -q -m parity --full-size $(PYTEST)

# The two readers of pictures pin a torch of their own and are loaded without what they ship beside it.
trainers: setup-dev
	@$(PY) -m pip install --quiet --no-deps hpsv2==1.2.0 hpsv3==1.0.0
	@$(PY) -m tests.trainers.environments
	@$(PY) -m pytest -q -m trainers --environments --write-trainers $(PYTEST)

# -- upkeep ----------------------------------------------------------------------------------

# The lock fits CPU and GPU hosts alike: torch without a local suffix, and none of the CUDA
# packages, which the installer of a GPU build brings itself.
lock: setup-dev
	@$(call compile,requirements.txt,)
	@$(call compile,requirements-dev.txt,--extra dev -c requirements.txt)

define compile
$(VENV)/bin/uv pip compile --quiet --python-version 3.11 --no-header --no-annotate $(if $(UPGRADE),--upgrade) $(2) pyproject.toml -o $(1) && \
sed -E -i.old -e '/^(nvidia-|cuda-|triton==)/d' -e 's/^(torch(vision)?==[0-9.]+)\+.*/\1/' $(1) && \
{ echo "# Locked from pyproject.toml by \`make lock\`; never edited by hand."; cat $(1); } > $(1).old && mv $(1).old $(1)
endef

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
