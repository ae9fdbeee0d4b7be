# Everything a reader or a CI needs; `make help` lists it.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
ARCHIVE := build/archive
STAMP := build/stamps

RECORDS := $(shell find results -type f 2>/dev/null)
CLAIMS := $(wildcard claims/*.toml)
LIGHT_CODE := $(shell find layercurv/claims layercurv/figures layercurv/fits layercurv/page layercurv/results -name '*.py') \
	layercurv/errors.py layercurv/files.py
PAPER_TEXT := $(shell find paper -name '*.typ' -o -name '*.bib' -o -name 'build.py')

.PHONY: all help verify audit figures paper report test test-all archive fuzz mutate mutate-code lint bench bench-optimizers experiment \
	queue reproduce table freeze lock clean
.DELETE_ON_ERROR:

all: ## Verify claims, draw figures, compile the paper (no torch, no GPU)
	@$(MAKE) --no-print-directory --jobs=2 --output-sync $(STAMP)/paper

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

# The light environment: locked with hashes, wheels only.
$(STAMP)/light: requirements/light.txt
	@mkdir -p $(STAMP)
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"error: expected Python >= 3.11, got {v[0]}.{v[1]}; set PYTHON=")'
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r $<
	@touch $@

# The full environment: torch and the rest, on top of the light one.
$(STAMP)/full: $(STAMP)/light pyproject.toml requirements/constraints.txt
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint requirements/constraints.txt --editable '.[experiments,test]'
	@touch $@

# The environment of the archive: its validator asks for versions that the others exclude.
$(STAMP)/archive: requirements/archive.txt requirements/light.txt
	@mkdir -p $(STAMP)
	test -x $(ARCHIVE)/bin/python || $(PYTHON) -m venv $(ARCHIVE)
	$(ARCHIVE)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(STAMP)/verified: $(STAMP)/light verify_claims.py $(LIGHT_CODE) $(CLAIMS) $(RECORDS)
	$(RUN) verify_claims.py --json build/claims.json --latex paper/values.tex
	@touch $@

$(STAMP)/figures: $(STAMP)/light generate_figures.py $(LIGHT_CODE) $(RECORDS)
	$(RUN) generate_figures.py
	@touch $@

$(STAMP)/paper: $(STAMP)/verified $(STAMP)/figures $(PAPER_TEXT)
	$(RUN) paper/build.py
	$(RUN) verify_claims.py coverage
	@touch $@

verify: $(STAMP)/light ## Check every claim against the frozen records, always
	$(RUN) verify_claims.py --json build/claims.json --latex paper/values.tex

audit: $(STAMP)/light ## Recompute the audit of the source paper from its own JSON: PUBLISHED=folder
	$(RUN) verify_claims.py --published $(PUBLISHED)

figures: $(STAMP)/light ## Redraw all figures, always
	$(RUN) generate_figures.py

paper: verify figures ## Verify, redraw and compile the paper, tell its every numeral, always
	$(RUN) paper/build.py
	$(RUN) verify_claims.py coverage

lint: $(STAMP)/full ## Style and import rules
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(VENV)/bin/lint-imports

test: $(STAMP)/full ## Install the experiments and test extras, check style, run the tests
	@$(MAKE) --no-print-directory lint
	$(RUN) -m pytest --numprocesses auto --dist loadfile -m 'not slow'

test-all: $(STAMP)/full ## The tests, slow ones too
	$(RUN) -m pytest --numprocesses auto --dist loadfile

report: verify figures ## One self-contained HTML page of all claims, the audit, figures and records: build/report.html
	$(RUN) -m layercurv.page.page

archive: report paper $(STAMP)/archive ## Code, records, figures, paper, verified claims and provenance as one RO-Crate, validated: build/layercurv-*.zip
	$(ARCHIVE)/bin/python -m layercurv.archive.pack
	$(ARCHIVE)/bin/python -m layercurv.archive.validation build/crate

fuzz: $(STAMP)/full ## Hostile input for every file the gate reads: N=10000 (about 3 minutes)
	$(RUN) -m tests.fuzz --n $(N)

mutate: $(STAMP)/full ## Does the gate see every change that matters? PUBLISHED=folder adds the source paper's JSON (two hours or more)
	$(RUN) -m tests.mutation $(if $(PUBLISHED),--published $(PUBLISHED))
	@$(MAKE) --no-print-directory mutate-code

mutate-code: $(STAMP)/full ## Do the tests see every change of the gate's own code? (about an hour)
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint requirements/constraints.txt --editable '.[mutation]'
	$(VENV)/bin/mutmut run
	$(RUN) -m tests.mutation.code

bench: $(STAMP)/full ## Compare the speed of the curvature engines with other ways (about 10 minutes on two cores)
	$(RUN) -m benchmarks.curvature_engines

bench-optimizers: $(STAMP)/full ## Milliseconds per step of Spectral Newton, Muon, AdamW and SGD (about a minute)
	$(RUN) -m benchmarks.optimizer_steps

N ?= 10000
SCALE ?= small
BUDGET ?= 8h
WORKERS ?= 1
RESULTS ?= results
experiment: $(STAMP)/full ## Run one experiment: make experiment EXP=alpha_map ARGS='subject=vit_cifar10 seed=1'
	$(RUN) -m experiments.$(EXP) $(ARGS)

queue: $(STAMP)/full ## Run what is missing: SCALE=small BUDGET=9m WORKERS=2 RESULTS=folder; resumes where it was
	$(RUN) -m experiments._queue $(SCALE) --budget $(BUDGET) --workers $(WORKERS) --results $(RESULTS)

reproduce: $(STAMP)/full ## Run one frozen experiment again from scratch and judge it: EXP=alpha_map SCALE=small
	$(RUN) -m experiments._reproduce $(EXP) --scale $(SCALE)

table: $(STAMP)/full ## All records: seeds, minutes, headlines beside the source paper's
	$(RUN) -m experiments._table --results $(RESULTS)

freeze: $(STAMP)/light ## Seal results/ anew after a deliberate change; prints what changed
	$(RUN) -m layercurv.results.manifest results

lock: ## Renew requirements/light.txt from pyproject.toml (needs uv)
	uv pip compile --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-header \
		--no-annotate pyproject.toml -o requirements/light.txt
	sed -i '1i # Locked light environment (verify, figures, paper). Renew: make lock' requirements/light.txt

clean: ## Remove build products and the virtual environment; records, figures and checkpoints stay
	rm -rf build $(VENV)
