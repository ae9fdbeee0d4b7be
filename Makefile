# Everything a reader or a CI needs; `make help` lists it.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
ARCHIVE := build/archive
# What is installed is known by the content of the lists it came from, never by dates, and lies where it is installed.
checksum = $(firstword $(shell cat $(1) | cksum))
INSTALL = $(RUN) -m pip install --quiet --disable-pip-version-check --constraint requirements/constraints.txt
LIGHT := $(VENV)/light-$(call checksum,requirements/light.txt)
FULL := $(VENV)/full-$(call checksum,requirements/light.txt pyproject.toml requirements/constraints.txt)
ARCHIVE_STAMP := $(ARCHIVE)/all-$(call checksum,requirements/archive.txt requirements/light.txt)

# A worker that dies ends the run; a test that hangs dies after a while (pyproject.toml), whatever it is stuck in.
TESTS := $(RUN) -m pytest --numprocesses auto --dist loadfile --max-worker-restart 0

.PHONY: all accept help verify audit figures drawn paper report test test-all archive bytes fuzz mutate mutate-code lint types docs bench bench-gate bench-triplets \
	bench-optimizers experiment cluster faults gpu-check scale queue reproduce table freeze lock clean
.DELETE_ON_ERROR:

all: ## Verify claims, draw figures, compile the paper (no torch, no GPU)
	@$(MAKE) --no-print-directory --jobs=2 --output-sync paper

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

# The light environment: locked with hashes, wheels only.
$(LIGHT):
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"error: expected Python >= 3.11, got {v[0]}.{v[1]}; set PYTHON=")'
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/light.txt
	@touch $@

# The full environment: torch and the rest, on top of the light one.
$(FULL): $(LIGHT)
	$(INSTALL) --editable '.[experiments,test]'
	@touch $@

# The environment of the archive: its validator asks for versions that the others exclude.
$(ARCHIVE_STAMP):
	test -x $(ARCHIVE)/bin/python || $(PYTHON) -m venv $(ARCHIVE)
	$(ARCHIVE)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/archive.txt
	@touch $@

verify: $(LIGHT) ## Check every claim against the frozen records, always
	$(RUN) verify_claims.py --json build/claims.json --latex paper/values.tex

audit: $(LIGHT) ## Recompute the audit of the source paper from its own JSON: PUBLISHED=folder
	$(RUN) verify_claims.py --published $(PUBLISHED)

figures: $(LIGHT) ## Redraw all figures, always
	$(RUN) generate_figures.py

# Drawing alone is saved, and only while all that went in and came out has the content it had.
drawn: $(LIGHT)
	$(RUN) generate_figures.py --ledger build/drawn.json

paper: verify drawn ## Verify, redraw what changed, compile the paper, tell its every numeral, always
	$(RUN) paper/build.py
	$(RUN) verify_claims.py coverage

accept: drawn ## Build, show which sentences and figures differ from those accepted, and accept them: read what it prints
	$(RUN) verify_claims.py --quiet --json build/claims.json --latex paper/values.tex || true
	$(RUN) paper/build.py
	$(RUN) verify_claims.py sentences --accept

lint: $(FULL) ## Style and import rules
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(VENV)/bin/lint-imports

test: $(FULL) ## Install the experiments and test extras, check style, run the tests
	@$(MAKE) --no-print-directory lint
	$(TESTS) -m 'not slow and not cluster'

test-all: $(FULL) ## The tests, slow ones too
	$(TESTS) -m 'not cluster'

cluster: $(FULL) ## A sweep on a real Slurm of this machine, nodes and jobs killed in the middle (3 to 5 minutes)
	$(INSTALL) --editable '.[cluster]'
	$(RUN) -m pytest -m cluster tests/cluster

faults: $(FULL) ## Kills, full disks, damaged files: is anything ever lost? (half an hour)
	$(INSTALL) --editable '.[cluster]'
	$(RUN) -m tests.faults

gpu-check: $(FULL) ## On a machine with a GPU: engines against float64 on the CPU, then the goal on ResNet-50 (at most 8 minutes)
	$(RUN) -m benchmarks.gpu_check

scale: $(FULL) ## What a measurement costs here, and on 1, 8 and 64 devices: ARGS='--device-tflops 50'
	$(RUN) -m benchmarks.extrapolate $(ARGS)

bytes: $(LIGHT) ## `make all` in every environment this machine has, one SHA-256 each (10 minutes): PYTHONS='/opt/python3.14/bin/python3 ...'
	$(RUN) -m tests.same_bytes $(PYTHONS)

report: verify drawn ## One self-contained HTML page of all claims, the audit, figures and records: build/report.html
	$(RUN) -m layercurv.page.page
	$(RUN) verify_claims.py report build/report.html

archive: report paper $(ARCHIVE_STAMP) ## Code, records, figures, paper, verified claims and provenance as one RO-Crate, validated: build/layercurv-*.zip
	$(ARCHIVE)/bin/python -m layercurv.archive.pack
	$(ARCHIVE)/bin/python -m layercurv.archive.validation build/crate

fuzz: $(FULL) ## Hostile input for every file the gate reads: N=10000 (about 3 minutes)
	$(RUN) -m tests.fuzz --n $(N)

mutate: $(FULL) ## Does the gate see every change that matters? PUBLISHED=folder adds the source paper's JSON (two hours or more)
	$(RUN) -m tests.mutation $(if $(PUBLISHED),--published $(PUBLISHED))
	@$(MAKE) --no-print-directory mutate-code

mutate-code: $(FULL) ## Do the tests see every change of the gate's own code? (about an hour)
	$(INSTALL) --editable '.[mutation]'
	$(VENV)/bin/mutmut run
	$(RUN) -m tests.mutation.code

types: $(FULL) ## The public modules under mypy --strict
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint requirements/constraints.txt --editable '.[types]'
	$(RUN) -m mypy

docs: $(FULL) ## The site: build/docs/index.html (tutorials are run, tables come from records; no network)
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint requirements/constraints.txt --editable '.[docs]'
	$(RUN) docs/build.py

bench: $(FULL) ## Compare the speed of the curvature engines with other ways (about 10 minutes on two cores)
	$(RUN) -m benchmarks.curvature_engines

bench-verify: $(FULL) ## Seconds of verify_claims.py over those of plain parsing, and of make all again (about a minute)
	$(RUN) -m benchmarks.verify_claims

bench-gate: $(FULL) ## Seconds of `claimgate check` on 1,000 claims over 500 records, over those of plain parsing (about two minutes)
	$(RUN) -m benchmarks.claimgate

bench-optimizers: $(FULL) ## Milliseconds per step of Spectral Newton, Muon, AdamW and SGD (about a minute)
	$(RUN) -m benchmarks.optimizer_steps

bench-triplets: $(FULL) ## Seconds for the 20 leading singular triplets of a 4096 x 4096 matrix, over those of decomposing it (about 5 minutes)
	$(RUN) -m benchmarks.leading_triplets

N ?= 10000
SCALE ?= small
BUDGET ?= 8h
WORKERS ?= 1
LAUNCHER ?= local
RESULTS ?= results
experiment: $(FULL) ## Run one experiment: make experiment EXP=alpha_map ARGS='subject=vit_cifar10 seed=1'
	$(RUN) -m experiments.$(EXP) $(ARGS)

queue: $(FULL) ## Run what is missing: SCALE=small BUDGET=9m WORKERS=2 RESULTS=folder, or LAUNCHER=slurm ARGS='hydra.launcher.partition=gpu'; resumes where it was
	$(RUN) -m experiments._queue $(SCALE) --launcher $(LAUNCHER) --budget $(BUDGET) --workers $(WORKERS) --results $(RESULTS) $(ARGS)

reproduce: $(FULL) ## Run one frozen experiment again from scratch and judge it: EXP=alpha_map SCALE=small
	$(RUN) -m experiments._reproduce $(EXP) --scale $(SCALE)

table: $(FULL) ## All records: seeds, minutes, headlines beside the source paper's
	$(RUN) -m experiments._table --results $(RESULTS)

freeze: $(LIGHT) ## Seal results/ anew after a deliberate change; prints what changed
	$(RUN) -m layercurv.results.manifest results

lock: ## Renew requirements/light.txt from pyproject.toml (needs uv)
	uv pip compile --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-header \
		--no-annotate pyproject.toml -o requirements/light.txt
	sed -i '1i # Locked light environment (verify, figures, paper). Renew: make lock' requirements/light.txt

clean: ## Remove build products and the virtual environment; records, figures and checkpoints stay
	rm -rf build $(VENV)
