# Everything in a virtual environment of this checkout, with pinned versions.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
RUN := . $(VENV)/bin/activate &&
CORES ?= $(shell getconf _NPROCESSORS_ONLN)

.PHONY: help setup demo test py4dstem lint format clean

help:
	@echo "make demo    real micrographs and patterns, read with the published weights (minutes)"
	@echo "make test    unit and physics tests, dry runs of all configs, the tiny workflow"
	@echo "make py4dstem  py4DSTEM in .venv-py4dstem, for its tests and benchmark (1 GB)"
	@echo "make lint    ruff, snakefmt, snakemake --lint"

setup: $(READY)

$(READY): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name it: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) pip install --quiet --constraint constraints.txt torch
	$(RUN) pip install --quiet --constraint constraints.txt --editable '.[test]'
	$(RUN) pip install --quiet --no-deps quantem==0.1.10
	@touch $(READY)

DEMO := --configfile config/laptop.yaml config/published.yaml config/demo.yaml

demo: setup
	@$(RUN) python scripts/tools/quietly.py --label "demo  " --log logs/demo.log -- \
		snakemake --cores $(CORES) $(DEMO)
	@$(RUN) python scripts/tools/quietly.py --label "report" --log logs/demo-report.log -- \
		snakemake --cores 1 $(DEMO) --report results/demo/report.html
	@$(RUN) python scripts/tools/front_page.py results/demo
	@echo
	@echo "Open this in a browser:  results/demo/index.html"
	@echo "The whole report:        results/demo/report.html"
	@echo "All figures:             results/demo/figures/"
	@echo "Your own micrograph:     latticework predict FILE --study graphene -o atoms.csv"

test: setup lint
	# File by file: there is one cluster.
	$(RUN) python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 25

# The versions of the conda environment that its rule uses.
py4dstem: $(VENV)-py4dstem/.ready

$(VENV)-py4dstem/.ready: envs/py4dstem.yaml
	$(PYTHON) -m venv $(VENV)-py4dstem
	sed -n 's/^  - \(.*==\)/\1/p' envs/py4dstem.yaml | grep -v '^python==' > $(VENV)-py4dstem/pins.txt
	$(VENV)-py4dstem/bin/pip install --quiet --requirement $(VENV)-py4dstem/pins.txt
	@touch $@

lint: setup
	$(RUN) ruff check . && ruff format --check . && snakefmt --check Snakefile rules
	$(RUN) for c in config laptop tiny; do snakemake --lint --configfile config/$$c.yaml || exit 1; done

format: setup
	$(RUN) ruff check --fix . ; ruff format . ; snakefmt Snakefile rules

clean:
	rm -rf results logs benchmarks .snakemake
