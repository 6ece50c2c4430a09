"""Real backends for the contract suite, loaded in this process from one small export."""

import tempfile
from pathlib import Path

import pytest

from simx.exporter.jobs.export import export
from simx.exporter.jobs.plan import Exported, ExportPlan
from simx.exporter.store.entry import Entry
from simx.exporter.store.store import Store
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Backbone
from simx.models.catalogue import load
from simx.runner.backends.contract import Runtime, Task
from tests.runner.runtimes import RUNTIMES, runtime_of

WEIGHTS = Path(__file__).resolve().parent.parent / "data" / "squeezenet1_1.safetensors"


@pytest.fixture(scope="session")
def backbone() -> Backbone:
    """The one small network whose trained weights are at hand."""
    return next(found for found in load() if found.name == "squeezenet1_1")


@pytest.fixture(scope="session")
def entry(backbone: Backbone, tmp_path_factory: pytest.TempPathFactory) -> Entry:
    """Its export, made once."""
    store = Store(tmp_path_factory.mktemp("store"))
    plan = ExportPlan(embedding="pooled", request=WeightsRequest("file", WEIGHTS), threads=2)
    (outcome,) = export([backbone], store, plan)
    assert isinstance(outcome, Exported), outcome
    return outcome.entry


@pytest.fixture(scope="session")
def compiled_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the code of compiled networks; in a run it is among the temporary files."""
    return tmp_path_factory.mktemp("code")


@pytest.fixture
def kept_code(compiled_code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep that code in its folder, as long as the tests run."""
    monkeypatch.setattr(tempfile, "tempdir", str(compiled_code))


@pytest.fixture(params=RUNTIMES)
def runtime(request: pytest.FixtureRequest, kept_code: None) -> Runtime:  # noqa: ARG001 - a place
    """Every real backend's runtime, in this process instead of a worker."""
    return runtime_of(request.param)


@pytest.fixture
def task(backbone: Backbone, entry: Entry) -> Task:
    """What to load: the export, on the CPU."""
    return Task(
        backbone=backbone,
        embedding="pooled",
        provider="CPUExecutionProvider",
        threads=1,
        model_path=str(entry.model_path),
        weights_path=str(entry.weights_path),
    )
