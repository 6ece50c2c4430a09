# Two commands do it all on a fresh machine with Python and make: `make bench` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STORE ?= .simx/store

# What is measured stays a range; all else is installed as constraints.txt has it, its build too.
INSTALL := -m pip install --quiet --constraint constraints.txt
EDITABLE := $(INSTALL) --no-build-isolation --editable
NEEDS := setup.cfg pyproject.toml constraints.txt
QUICK := -m pytest -m "not slow" --numprocesses auto --dist worksteal

.PHONY: help bench test test-all test-html test-engines test-providers test-faults test-offline \
	test-latest test-lowest test-ray coverage cuda-acceptance check docs install update dist readme benchmark \
	benchmark-builds benchmark-cluster benchmark-others benchmark-pictures clean

help:  ## list the targets
	@sed -nE 's/^([a-z][a-z -]*):.*  ## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 26

bench: $(VENV)/.installed  ## measure trained weights, then GFLOPS range 0, on the CPU; print the tables
	mkdir -p .simx
	$(BIN)/simx bench mobilenet_v2:v1 --weights tests/data/mobilenet_v2_headless.safetensors --profile quick --store $(STORE) -o .simx/trained.json
	$(BIN)/simx bench --gflops 0 --profile quick --store $(STORE) -o .simx/report.json

test: check  ## lint, type-check and run the quick suite
	$(BIN)/python $(QUICK)

test-all: check  ## the quick suite and the slow one, with examples that no run had before
	$(BIN)/python -m pytest --hypothesis-profile=searching --numprocesses auto --dist worksteal

test-html: $(VENV)/.installed-browser  ## the HTML page, in headless Chromium
	SIMX_TEST_BROWSER=1 $(BIN)/python -m pytest tests/report/formats/page/test_browser.py

test-engines: $(VENV)/.installed-engines  ## OpenVINO and ExecuTorch, which it installs, and PyTorch's compiler
	$(BIN)/python -m pytest tests/runner/backends

test-ray: $(VENV)-ray/.installed  ## a Ray cluster of three nodes on this machine, in an environment of its own
	$(VENV)-ray/bin/python -m pytest tests/cluster

test-faults: $(VENV)/.installed-dev  ## the long form of the faults that `make test` only samples; hours
	SIMX_TEST_FAULTS=1 $(BIN)/python -m pytest tests/faults
	$(MAKE) test-offline

test-offline: $(VENV)/.installed-dev  ## the quick suite where no network can be reached; Linux
	$(BIN)/python scripts/without_network.py $(BIN)/python $(QUICK)

RESOLUTION_latest := highest
RESOLUTION_lowest := lowest-direct

test-latest test-lowest: test-%: $(VENV)/.installed-dev  ## the quick suite on the newest, or the oldest, dependencies
	$(PYTHON) -m venv --clear $(VENV)-$*
	$(BIN)/uv pip install --quiet --python $(VENV)-$* --resolution $(RESOLUTION_$*) --editable ".[dev,docs]"
	$(BIN)/uv pip list --python $(VENV)-$*
	$(VENV)-$*/bin/python $(QUICK)

coverage: $(VENV)/.installed-dev  ## the quick suite, and which lines and branches of simx/ it runs
	$(BIN)/python $(QUICK) --cov --cov-report=term:skip-covered

check: $(VENV)/.installed-dev  ## lint and type-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.installed-dev  ## build the documentation into site/; a warning is an error
	$(BIN)/mkdocs build --strict

OTHERS := openvino gpu plugins conflict
PACKAGES_openvino := onnxruntime-openvino
PACKAGES_gpu := onnxruntime-gpu
PACKAGES_plugins := onnxruntime onnxruntime-ep-openvino onnxruntime-ep-webgpu onnxruntime-qnn
PACKAGES_conflict := onnxruntime onnxruntime-openvino
# Two gigabytes of libraries: asked for with OTHERS=wheels.
PACKAGES_wheels := "onnxruntime-gpu[cuda,cudnn]"
WITHOUT_TORCH := click jinja2 msgspec numpy Pillow platformdirs psutil rich scipy threadpoolctl

PACKAGES_cuda := torch torchvision onnx onnxscript 'onnxruntime-gpu[cuda,cudnn]' nvidia-ml-py

test-providers: $(VENV)/.installed-dev $(OTHERS:%=$(VENV)-%/.installed)  ## other builds of ONNX Runtime, beside the plain one and without torch
	$(BIN)/simx export squeezenet1_1 mobilenet_v3_small regnet_y_400mf --store $(STORE)
	SIMX_TEST_STORE=$(abspath $(STORE)) $(BIN)/python -m pytest tests/providers

cuda-acceptance:  ## everything about GPUs, for real, on a machine that has one; a verdict a line
	@$(PYTHON) scripts/cuda_acceptance/gpu.py
	$(MAKE) $(VENV)-cuda/.installed
	$(VENV)-cuda/bin/python -m scripts.cuda_acceptance --store $(STORE) --folder .simx/cuda-acceptance

install: $(VENV)/.installed  ## install simx into .venv

MEASURED := torch|torchvision|onnx|onnxruntime[a-z-]*|openvino[a-z-]*|executorch
WITH_TORCH := triton|cuda-[a-z]+|nvidia-(cu|nc|nv)[a-z0-9-]*

update: $(VENV)/.installed-dev  ## resolve constraints.txt anew, with the newest of everything
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --all-extras \
		--annotation-style line --custom-compile-command "make update" --output-file constraints.txt setup.cfg
	sed -i -E '/^($(MEASURED)|$(WITH_TORCH))==/d' constraints.txt

dist: $(VENV)/.installed-dev  ## build wheel and source archive into dist/
	$(BIN)/python -m build --no-isolation

readme: $(VENV)/.installed  ## make the README's table, the picture and docs/example-run.md again from .simx/report.json
	$(BIN)/python scripts/make_readme.py .simx/report.json

BENCHMARKS := moderation export_speed export_profile warm_export precisions overhead coverage plain_script interleaving order flags fresh_processes conditioning evaluation_scale fine_tuning queueing history planted_causes

benchmark: $(VENV)/.installed  ## measure what the methodology claims; eight hours, on a machine that does nothing else
	for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python -m benchmarks.$$name || exit 1; done
	$(BIN)/python -m benchmarks.export_speed --all
	$(BIN)/python $(INSTALL) scikit-image
	$(BIN)/python -m benchmarks.quantisation --store $(STORE)
	$(BIN)/python -m benchmarks.quantisation --choices --store $(STORE)
	$(BIN)/python $(EDITABLE) ".[openvino,executorch]"
	$(BIN)/python -m benchmarks.engines --store $(STORE)
	$(BIN)/python $(EDITABLE) ".[timm]"
	$(BIN)/python -m benchmarks.timm_parity --store $(STORE)
	mkdir -p .simx
	$(BIN)/python -m benchmarks.false_alarms --store $(STORE)
	$(BIN)/python -m benchmarks.slowdown --percent 3 --trials 20 --budget 60 --store $(STORE)
	$(BIN)/python -m benchmarks.slowdown --percent 1 --model resnet18 --trials 10 --budget 300 --store $(STORE)
	$(BIN)/python -m benchmarks.slowdown --percent 3 --trials 3 --neighbour --store $(STORE)
	$(BIN)/python -m benchmarks.tuning gains --store $(STORE)
	$(BIN)/python -m benchmarks.tuning planted --trials 10 --store $(STORE)
	$(BIN)/python -m benchmarks.tuning alike --trials 20 --store $(STORE)
	$(BIN)/python -m benchmarks.precision --store $(STORE) --folder .simx
	$(BIN)/simx bench --gflops 0 --budget 40s --store $(STORE) -o .simx/again.json > .simx/again.txt
	$(BIN)/python -m benchmarks.run_to_run .simx/default.json .simx/again.json
	$(BIN)/python -m benchmarks.diff_speed .simx/default.json --cells 2000
	$(BIN)/python -m benchmarks.history --days
	$(BIN)/python -m benchmarks.history --targets
	$(BIN)/python -m benchmarks.real_history --store $(STORE)
	$(BIN)/python -m benchmarks.history_reports .simx/report.json --reports 1000
	$(BIN)/python -m benchmarks.scheduling .simx/report.json

benchmark-cluster: $(VENV)-ray/.installed  ## nodes of a Ray cluster on this machine that are killed while they measure; half an hour
	$(VENV)-ray/bin/python -m benchmarks.cluster
	$(VENV)-ray/bin/python -m benchmarks.scheduling .simx/report.json --ray --nodes 20 --backbones 500

benchmark-builds: $(VENV)/.installed  ## ONNX Runtime's releases and its OpenVINO build, from the package index, in one run
	$(BIN)/python -m benchmarks.builds --store $(STORE)

TIMM ?= benchmark.py

benchmark-others: $(VENV)/.installed  ## OpenVINO's benchmark_app, and TIMM=FILE, timm's benchmark.py, beside simx; it installs openvino and timm
	$(BIN)/python $(EDITABLE) ".[timm]"
	$(PYTHON) -m venv $(VENV)-benchmark-app
	$(VENV)-benchmark-app/bin/python $(INSTALL) openvino
	$(BIN)/python -m benchmarks.others --timm $(TIMM) --openvino $(VENV)-benchmark-app --store $(STORE)

benchmark-pictures: $(VENV)/.installed-dev  ## trained and random weights on scikit-image's pictures, which it installs
	$(BIN)/python $(INSTALL) scikit-image
	$(BIN)/python -m benchmarks.labelled_pictures

clean:  ## remove what make made
	rm -rf $(VENV) $(VENV)-* .simx build dist site *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(NEEDS) | $(VENV)/bin/python
	$(BIN)/python $(INSTALL) setuptools
	$(BIN)/python $(EDITABLE) .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python $(EDITABLE) ".[dev,docs]"
	touch $@

$(VENV)/.installed-browser: $(VENV)/.installed-dev
	$(BIN)/python $(EDITABLE) ".[browser]"
	touch $@

$(VENV)/.installed-engines: $(VENV)/.installed-dev
	$(BIN)/python $(EDITABLE) ".[openvino,executorch]"
	touch $@

$(VENV)-ray/.installed: $(NEEDS)
	$(PYTHON) -m venv $(VENV)-ray
	$(VENV)-ray/bin/python $(INSTALL) setuptools
	$(VENV)-ray/bin/python $(EDITABLE) ".[dev,ray]"
	touch $@

$(VENV)-%/.installed: $(NEEDS)
	$(PYTHON) -m venv $(VENV)-$*
	$(VENV)-$*/bin/python $(INSTALL) setuptools $(WITHOUT_TORCH) $(PACKAGES_$*)
	$(VENV)-$*/bin/python $(EDITABLE) . --no-deps
	touch $@
