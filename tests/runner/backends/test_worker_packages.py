"""What the workers of a backend need in their environment: these packages, these releases."""

import json
import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

from simx.common.errors import ProviderUnavailableError
from simx.exporter.store.entry import Entry
from simx.models.backbone import Backbone
from simx.results.schema.report import MeasuredCell
from simx.runner.backends.interpreters import LEAST, installed_at, interpreter_at
from simx.runner.backends.providers import probe
from simx.runner.backends.registry import BACKENDS, BackendSpec, backend_named
from simx.runner.bench.cells import Workload
from simx.runner.bench.targets import Target, open_targets, started
from tests.runner.benches import PLAN, run, small_pictures
from tests.runner.environments import environment_with, install, packages_of
from tests.runner.runtimes import needs

CPU = "CPUExecutionProvider"

_WATCHED = """
import builtins, importlib, json, sys
real, names = builtins.__import__, set()
def watched(name, globals=None, *others, **named):
    if globals and globals.get("__name__", "").startswith("simx."):
        names.add(name.partition(".")[0])
    return real(name, globals, *others, **named)
builtins.__import__ = watched
importlib.import_module("simx.workers.server")
importlib.import_module(sys.argv[1])
print(json.dumps(sorted(names - sys.stdlib_module_names)))
"""


INSTALLED = [pytest.param(each, id=each.name, marks=needs(each.name)) for each in BACKENDS]


@pytest.mark.parametrize("backend", INSTALLED)
def test_workers_import_what_they_are_said_to_need(backend: BackendSpec) -> None:
    """A worker's modules import the listed packages and no others, and each of those."""
    module = backend.entry.partition(":")[0]
    command = [sys.executable, "-c", _WATCHED, module]
    imported = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

    assert {*imported} - {"simx", "threadpoolctl"} == {backend.package, *backend.beside}


@pytest.mark.parametrize("backend", INSTALLED)
def test_a_backbone_is_measured_with_those_packages_alone(
    backend: BackendSpec, backbone: Backbone, entry: Entry, tmp_path: Path
) -> None:
    """A whole benchmark runs where pip installed what a worker needs and nothing else."""
    other = environment_with(tmp_path / "venv", backend.package, *backend.beside)
    assert not (packages_of(other) / "safetensors").exists()
    target = Target(backend_named(f"{backend.name}@{other}"), CPU)
    plan = PLAN.of(PLAN.config, small_pictures(tmp_path))
    with open_targets([target]) as opened:
        report = run(plan, opened, [Workload(backbone, {"fp32": entry})], tmp_path / "r.json")

    assert [type(cell) for cell in report.cells] == [MeasuredCell]


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that is said to have exactly the oldest releases."""
    folder = environment_with(tmp_path_factory.mktemp("right") / "venv")
    for name, version in LEAST.items():
        install(folder, name, version)
    return folder


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_the_oldest_releases_suffice(right: Path, backend: BackendSpec) -> None:
    """Every package that a backend needs has an oldest release, which is accepted."""
    found = installed_at(interpreter_at(str(right)), backend.package, backend.beside)

    assert {(name, LEAST[name]) for name in (backend.package, *backend.beside)} <= {
        *found.libraries.items()
    }


@pytest.mark.parametrize(
    ("name", "version", "is_refused"),
    [
        ("numpy", "1.9.3", True),
        ("numpy", "1.23.1", True),
        ("numpy", "1.100", False),
        ("msgspec", "0.15.1", True),
        ("msgspec", "0.16.0", False),
        ("onnxruntime", "1.16.2", True),
        ("onnxruntime", "1.25.0.dev20260101+cpu", False),
        ("onnxruntime-openvino", "1.15.0", True),
        ("onnxruntime-openvino", "1.24.1", False),
    ],
)
def test_what_is_too_old_is_one_line_with_the_pip_command(
    tmp_path: Path, name: str, version: str, *, is_refused: bool
) -> None:
    """An older release is named with the oldest that is enough, and a newer one is accepted."""
    folder = environment_with(tmp_path / "venv")
    package = name.partition("-")[0]
    for each, enough in LEAST.items():
        install(folder, name if each == package else each, version if each == package else enough)
    interpreter = interpreter_at(str(folder))
    if not is_refused:
        assert backend_named(f"ort@{folder}").interpreter == interpreter
        return
    with pytest.raises(ProviderUnavailableError) as refused:
        backend_named(f"ort@{folder}")

    assert str(refused.value) == (
        f"environment {interpreter}: {name} {version} is older than {LEAST[package]}; "
        f"{interpreter} -m pip install '{name}>={LEAST[package]}'"
    )


def test_what_simx_itself_requires_is_enough_for_its_workers() -> None:
    """No package has to be newer in another environment than in this one."""
    stated = "\n".join(requires("simx-bench") or ())
    least = dict(re.findall(r"^([\w-]+)>=([\d.]+)(?:$|;)", stated, re.MULTILINE))
    numbers = {name: [int(part) for part in least[name].split(".")] for name in LEAST}

    assert all(
        [int(part) for part in version.split(".")] <= numbers[name]
        for name, version in LEAST.items()
    )


def test_packages_on_this_interpreters_path_are_not_seen_there(
    right: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PYTHONPATH and PYTHONHOME are this interpreter's: there they would replace packages."""
    install_here = tmp_path / "numpy-9.0.dist-info"
    install_here.mkdir()
    (install_here / "METADATA").write_text("Name: numpy\nVersion: 9.0\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))

    assert ("numpy", LEAST["numpy"]) in backend_named(f"ort@{right}").libraries


def test_workers_have_the_runtime_of_their_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package of the same name on PYTHONPATH is not what a worker there imports."""
    other = environment_with(tmp_path / "venv", "onnxruntime", "numpy", "msgspec")
    (tmp_path / "onnxruntime.py").write_text("raise ImportError('another one')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with started(backend_named(f"ort@{other}")) as launcher:
        reply = probe(CPU, launcher)

    assert not hasattr(reply, "reason")
