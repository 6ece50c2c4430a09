# Two commands do it all on a fresh machine with Python and make: `make bench` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STORE ?= .simx/store

.PHONY: bench test test-all test-html test-providers test-faults test-offline cuda-acceptance check install readme benchmark clean

bench: $(VENV)/.installed  ## export GFLOPS range 0, measure it on the CPU, print the tables
	mkdir -p .simx
	$(BIN)/simx bench --gflops 0 --profile quick --store $(STORE) -o .simx/report.json

test: check  ## lint, type-check and run the quick suite
	$(BIN)/python -m pytest -m "not slow"

test-all: check  ## the quick suite and the slow one
	$(BIN)/python -m pytest

test-html: $(VENV)/.installed-browser  ## the HTML page, in headless Chromium
	SIMX_TEST_BROWSER=1 $(BIN)/python -m pytest tests/report/formats/page/test_browser.py

test-faults: $(VENV)/.installed-dev  ## the long form of the faults that `make test` only samples; hours
	SIMX_TEST_FAULTS=1 $(BIN)/python -m pytest tests/faults
	$(MAKE) test-offline

test-offline: $(VENV)/.installed-dev  ## the quick suite where no network can be reached; Linux
	$(BIN)/python scripts/without_network.py $(BIN)/python -m pytest -m "not slow"

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

OTHERS := openvino gpu plugins conflict
PACKAGES_openvino := onnxruntime-openvino
PACKAGES_gpu := onnxruntime-gpu
PACKAGES_plugins := onnxruntime onnxruntime-ep-openvino onnxruntime-ep-webgpu onnxruntime-qnn
PACKAGES_conflict := onnxruntime onnxruntime-openvino
# Two gigabytes of libraries: asked for with OTHERS=wheels.
PACKAGES_wheels := "onnxruntime-gpu[cuda,cudnn]"
WITHOUT_TORCH := click jinja2 msgspec numpy Pillow platformdirs psutil rich safetensors scipy threadpoolctl

FOR_CUDA := torch torchvision onnx onnxscript 'onnxruntime-gpu[cuda,cudnn]' nvidia-ml-py

test-providers: $(VENV)/.installed-dev $(OTHERS:%=$(VENV)-%/.installed)  ## other builds of ONNX Runtime, without torch
	$(BIN)/simx export squeezenet1_1 mobilenet_v3_small regnet_y_400mf --store $(STORE)
	SIMX_TEST_STORE=$(abspath $(STORE)) $(BIN)/python -m pytest tests/providers

cuda-acceptance:  ## everything about GPUs, for real, on a machine that has one; a verdict a line
	@$(PYTHON) scripts/cuda_acceptance/gpu.py
	$(MAKE) $(VENV)-cuda/.installed
	$(VENV)-cuda/bin/python -m scripts.cuda_acceptance --store $(STORE) --folder .simx/cuda-acceptance

install: $(VENV)/.installed  ## install simx into .venv

readme: $(VENV)/.installed  ## make the README's tables and picture again from .simx/report.json
	$(BIN)/python scripts/make_readme.py .simx/report.json

BENCHMARKS := export_speed export_profile warm_export precisions overhead coverage false_alarms slowdown plain_script interleaving order flags fresh_processes

benchmark: $(VENV)/.installed  ## measure what METHODOLOGY claims; two hours and a half, on a machine left alone
	for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python benchmarks/$$name.py || exit 1; done
	$(BIN)/python benchmarks/export_speed.py --all
	mkdir -p .simx
	$(BIN)/simx bench --gflops 0 --budget 40s --store $(STORE) -o .simx/precision.json > .simx/precision.txt
	$(BIN)/python benchmarks/precision.py .simx/precision.json
	$(BIN)/simx bench --gflops 0 --budget 40s --store $(STORE) -o .simx/again.json > .simx/again.txt
	$(BIN)/python benchmarks/run_to_run.py .simx/precision.json .simx/again.json
	$(BIN)/python benchmarks/diff_speed.py .simx/precision.json --cells 2000

clean:  ## remove what make made
	rm -rf $(VENV) $(OTHERS:%=$(VENV)-%) $(VENV)-cuda .simx build dist *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)-%/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)-$*
	$(VENV)-$*/bin/python -m pip install --quiet $(WITHOUT_TORCH) $(PACKAGES_$*)
	$(VENV)-$*/bin/python -m pip install --quiet --no-deps --editable .
	touch $@

$(VENV)-cuda/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)-cuda
	$(VENV)-cuda/bin/python -m pip install --quiet $(WITHOUT_TORCH) $(FOR_CUDA)
	$(VENV)-cuda/bin/python -m pip install --quiet --no-deps --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

$(VENV)/.installed-browser: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --editable ".[browser]"
	touch $@
