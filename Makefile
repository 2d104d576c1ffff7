# Every command of the repository. Needs Python 3.11 or later and make, nothing else: the environment with all tools,
# the compilers for native/ among them, is made in .venv from the locked names, versions and hashes in requirements/.
# Recipes call Python only, so that they run where no other program is installed.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed
SOURCES := $(wildcard pyproject.toml hatch_build.py verifier/pyproject.toml requirements/*.txt tools/environment.py \
             native/*.py native/*.go native/go.* native/*/*.go native/*/*/*.go)
export PYTHONUTF8 = 1

.DEFAULT_GOAL := help
.PHONY: help install demo test check docs generate lock clean

help:  ## Show the commands.
	@$(PYTHON) tools/environment.py help

install: $(STAMP)  ## Make .venv with the project, its native library and all tools.

$(STAMP): $(SOURCES)
	$(PYTHON) tools/environment.py install

demo: $(STAMP)  ## Run the demonstration; options go in ARGS, for example ARGS="--home demo-home".
	$(BIN)/xinglin demo $(ARGS)

test: $(STAMP)  ## Run all tests on all cores; options of pytest go in ARGS, "-n 0" for one core.
	$(BIN)/python -m pytest -n auto --maxprocesses=8 --dist=loadfile $(ARGS)

check: $(STAMP)  ## Lint, types, import contracts, generated pages, documentation.
	$(BIN)/python tools/check.py

docs: $(STAMP)  ## Build the documentation into docs/_build/html.
	$(BIN)/python tools/check.py docs

generate: $(STAMP)  ## Write the generated pages again (requirements, errors, commands, settings, list of decisions).
	$(BIN)/python -m tools.generate

lock:  ## Resolve the dependencies again and write requirements/*.txt; ARGS=--upgrade takes newer versions.
	$(PYTHON) tools/lock.py $(ARGS)

clean:  ## Remove everything that was made from the sources.
	$(PYTHON) tools/environment.py clean
