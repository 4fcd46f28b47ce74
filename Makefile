# Two commands do everything: `make serve` and `make test`. They need Python 3.11 or newer, pip and make.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
TORCH := torch==2.13.0

.DEFAULT_GOAL := serve
.PHONY: serve test index eval bench load-test models lint types check train sbom audit clean

$(RUN):
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --upgrade pip==26.1

# What serving needs: no torch.
$(VENV)/serving: requirements.lock | $(RUN)
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.lock
	touch $@

# Everything: test tools, sentence-transformers and torch, which goes first lest another build of it be taken.
$(VENV)/everything: requirements-dev.lock requirements.lock | $(RUN)
	$(RUN) -m pip install --quiet --disable-pip-version-check $(TORCH)
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	touch $@

serve: $(VENV)/serving
	$(RUN) -m service ensure-index
	exec $(RUN) -m service serve

index: $(VENV)/serving
	$(RUN) -m service ensure-index

models: $(VENV)/everything

check: $(VENV)/serving
	$(RUN) -m corpus check

lint: $(VENV)/everything
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

types: $(VENV)/everything
	$(RUN) -m mypy

test: $(VENV)/everything lint types
	$(RUN) -m corpus check
	$(RUN) -m service ensure-index
	$(RUN) -m pytest

eval: $(VENV)/everything
	$(RUN) -m service ensure-index
	$(RUN) -m eval run

train: $(VENV)/everything
	$(RUN) -m index train

# What the benchmarks compare with, apart from the rest; whatever cannot be installed is left out of the table.
$(VENV)-peers/ready: requirements-peers.lock
	$(PYTHON) -m venv $(VENV)-peers
	-$(VENV)-peers/bin/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	-$(VENV)-peers/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-peers.lock
	touch $@

bench: $(VENV)/everything $(VENV)-peers/ready
	$(RUN) -m service ensure-index
	$(RUN) -m eval.benchmarks --peers-python $(VENV)-peers/bin/python

load-test: $(VENV)/everything
	$(RUN) -m service ensure-index
	$(RUN) -m eval.benchmarks.load

# The bill of materials of what serves, and what is known against anything pinned.
sbom: $(VENV)/everything
	$(RUN) -m cyclonedx_py requirements requirements.lock --pyproject pyproject.toml --mc-type application \
		--output-reproducible --of JSON --output-file $(VENV)/sbom.cdx.json
	@echo "The bill of materials is $(VENV)/sbom.cdx.json"

audit: $(VENV)/everything
	$(RUN) -m service.deploy.audit requirements.lock requirements-dev.lock

clean:
	rm -rf $(VENV) $(VENV)-peers index/models index/snapshots eval/results
