# make repro · make test · make check · make bench      each sets up what it needs first
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
.DEFAULT_GOAL := help
.PHONY: help setup repro status doctor test deepspeech-test cluster-test check format lock bench faults clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 17

$(BIN)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v < (3, 14) else f"make: expected Python 3.11 to 3.13, found {v[0]}.{v[1]}; call make PYTHON=python3.11")'
	@echo "setting up .venv (about 6 GB, some minutes, once)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(BIN)/.installed  ## install the locked environment into .venv

repro: setup  ## run what has changed, from the corpora to the report
	@dvc repro
	@echo "look at reports/index.md (tables and figures) · results/scores.parquet (every number) · dvc metrics show"

status: setup  ## how far the runs are: done, running, failed, left, and the time left
	@$(BIN)/python -m emofuse.status || test $$? -eq 1  # 1: a run has failed, which the page says

doctor: setup  ## check a corpus that you have just unpacked: make doctor CORPUS=iemocap ROOT=/data/IEMOCAP_full_release
	@test -n "$(CORPUS)" -a -n "$(ROOT)" || { echo "make doctor: expected CORPUS=<name> ROOT=<folder>, and RELEASE=<release> if you like"; exit 2; }
	@$(BIN)/python -m emofuse.doctor "$(CORPUS)" "$(ROOT)" $(if $(RELEASE),"$(RELEASE)")

test: setup  ## run the tests, on two cores
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder  # two files at a time; the long ones start in the middle

deepspeech-test: setup  ## install DeepSpeech beside a Python 3.9, where there is one, and recognise with it
	@$(BIN)/python -m pytest tests/transcription/test_deepspeech_genuine.py -m installs

cluster-test: setup  ## run on a real Slurm of one node, which is installed where root and apt-get can
	@$(BIN)/python -m pytest tests/cluster -m cluster -rs

check: setup  ## format, lint and types
	@ruff format --check . && ruff check . && mypy

format: setup  ## write the format
	@ruff format . && ruff check --fix .

lock:  ## pin every package of pyproject.toml with its hashes (needs uv)
	@uv pip compile pyproject.toml --extra dev --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate -q -o requirements.lock

faults: setup  ## disturb a hundred calls at random moments (kills, full disks, damaged files, two calls at once) and look for losses; about half an hour
	@$(BIN)/python tests/faults/campaign.py $(if $(FAULTS),--faults $(FAULTS)) $(if $(SEED),--seed $(SEED)) $(if $(KINDS),--kinds "$(KINDS)")

bench: setup  ## measure feature extraction against librosa, the cutting of windows, and the reading of 60,000 clips
	@$(BIN)/python tests/benchmarks/features.py
	@$(BIN)/python tests/benchmarks/windows.py
	@$(BIN)/python tests/benchmarks/ingest.py

clean:  ## delete finished runs and logs (the next repro trains again what DVC's cache does not have)
	@rm -rf runs logs build
