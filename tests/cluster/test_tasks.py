"""What a node does with a task, in this process, and what is said where Ray is missing."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pytest

from simx.cluster import tasks
from simx.cluster.connection import Cluster, Node
from simx.cluster.exporting import export_on
from simx.cluster.tasks import Export, Look, Looked, Made, Noticed, Refused, Task, decoded, encoded
from simx.common.errors import ExitCode, InputError
from simx.evaluation.embedding import Batch, Embed, Embedded, Proven
from simx.exporter.jobs.plan import Exported, ExportListener, ExportPlan
from simx.exporter.store.manifest import MODEL_FILE
from simx.exporter.store.remote import opened_store
from simx.exporter.store.store import Store
from simx.exporter.weights.request import WeightsRequest
from simx.images.decoding import decode
from simx.images.pictures import bundled, fingerprint
from simx.images.preprocessing import preprocess
from simx.runner.bench.cells import PlannedCell
from simx.runner.bench.environment import describe_environment
from simx.runner.measure.messages import unpack
from simx.runner.measure.picture_messages import Item
from tests.cli.support import Simx
from tests.cluster.timed import BACKBONES, fill
from tests.evaluation.labelled import labelled_folder
from tests.runner.fakes import BACKBONE, PRESET, embed, entry_in, target


def answers(task: Task) -> list[tasks.Answer]:
    return [decoded(each) for each in tasks.run(encoded(task))]


def test_a_node_describes_itself() -> None:
    """As a report of this machine would."""
    (found,) = answers(Look((), ()))

    assert isinstance(found, Looked)
    assert found.environment == describe_environment()


def test_an_error_is_a_message() -> None:
    """Nothing is raised, which Ray would pickle; the driver raises it as it was."""
    (refused,) = answers(Look(("abacus",), ()))

    assert isinstance(refused, Refused)
    assert isinstance(refused.error(), InputError)
    assert "simx has no such backend" in str(refused.error())


def test_a_bug_is_a_message_with_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no error of simx on the driver either."""
    monkeypatch.setattr(tasks, "describe_environment", lambda *_: 1 / 0)
    (refused,) = answers(Look((), ()))

    assert isinstance(refused, Refused)
    assert type(refused.error()) is RuntimeError
    assert "ZeroDivisionError" in str(refused.error())


def test_a_task_keeps_paths_and_weights(tmp_path: Path) -> None:
    """An export that the store holds is found by the node, from the request as it was asked."""
    fill(tmp_path, BACKBONES[:2])
    plan = ExportPlan(embedding="pooled", request=WeightsRequest("random"), threads=1)
    found = answers(Export(BACKBONES[:2], str(tmp_path), plan))

    assert [(each.backbone, each.fresh) for each in found if isinstance(each, Made)] == [
        (each, False) for each in BACKBONES[:2]
    ]
    assert not any(isinstance(each, Noticed) for each in found)


def test_a_node_brings_exports_from_behind_a_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into a copy of its own; the driver finds the entry by the same name in another one."""
    url = f"file://{tmp_path}/there"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "first"))
    fill(url, BACKBONES[:1])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "node"))
    plan = ExportPlan(embedding="pooled", request=WeightsRequest("random"), threads=1, checked=True)
    made, *_ = answers(Export(BACKBONES[:1], url, plan))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "driver"))

    class Answering(FakeCluster):
        def answers(self, running: object) -> Iterator[Any]:
            assert isinstance(running, dict)
            yield from [(group, made) for group in running.values()]

    answering = Answering()
    (outcome,) = export_on(
        cast("Cluster", answering), BACKBONES[:1], opened_store(url), plan, ExportListener()
    )

    assert isinstance(made, Made)
    assert not made.fresh
    assert (Path(made.folder) / MODEL_FILE).read_bytes() == b"graph"
    assert Path(made.folder).is_relative_to(tmp_path / "node")
    assert isinstance(outcome, Exported)
    assert outcome.entry.folder.is_relative_to(tmp_path / "driver")
    (sent,) = answering.tasks
    assert isinstance(sent, Export)
    assert sent.store == url


class FakeCluster:
    """One node, which refuses every task and remembers it."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def nodes(self) -> dict[str, Node]:
        return {"a": Node(id="a", address="10.0.0.1", cpus=2, gpus=0, memory=2**33)}

    def start(self, task: Task, **_: object) -> int:
        self.tasks.append(task)
        return len(self.tasks)

    def answers(self, _: object) -> Iterator[tuple[object, Refused]]:
        yield None, Refused(code=InputError.exit_code, reason="enough")


def test_paths_of_a_task_mean_the_same_on_a_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights and store are named by absolute paths, wherever the driver stands."""
    monkeypatch.chdir(tmp_path)
    Path("weights.safetensors").touch()
    request = WeightsRequest("file", Path("weights.safetensors"))
    plan = ExportPlan(embedding="pooled", request=request, threads=1)
    cluster = FakeCluster()

    with pytest.raises(InputError, match="enough"):
        export_on(cast("Cluster", cluster), BACKBONES[:1], Store(Path("s")), plan, ExportListener())

    (sent,) = cluster.tasks
    assert isinstance(sent, Export)
    assert sent.store == str(tmp_path / "s")
    assert sent.plan.request.path == tmp_path / "weights.safetensors"


def order(folder: Path, *paths: Path) -> Embed:
    """Return the order to embed files by the fake network."""
    (folder / "entry").mkdir()
    cell = PlannedCell(BACKBONE, target("right"), entry_in(folder / "entry"), 1)
    items = tuple(Item(str(path), fingerprint(path)[0], None, 0) for path in paths)
    keys = frozenset(item.key for item in items)
    return Embed((cell,), (keys,), (items[:2], items[2:]), 1)


def test_a_node_embeds_what_is_lacking(tmp_path: Path) -> None:
    """Batch after batch, and says at the end what ran where."""
    paths = [path for _, path in bundled().files()][:3]
    first, second, ended = answers(order(tmp_path, *paths))

    assert isinstance(first, Batch)
    assert isinstance(second, Batch)
    assert isinstance(ended, Embedded)
    assert (first.pictures, second.pictures) == (2, 1)
    for batch, of in ((first, paths[:2]), (second, paths[2:])):
        (rows,) = batch.rows
        assert rows is not None
        right = embed(np.concatenate([preprocess(decode(path), PRESET) for path in of]))
        assert np.array_equal(unpack(rows.embeddings), right)
    (proven,) = ended.cells
    assert isinstance(proven, Proven)
    assert proven.placement == {"CPUExecutionProvider": 3}


def test_a_node_embeds_with_its_own_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a URL, the paths of an order are the driver's, and not there on a node."""
    asked = order(tmp_path, next(iter(bundled().files()))[1])
    (cell,) = asked.cells
    url = f"file://{tmp_path}/there"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "driver"))
    store = opened_store(url)
    with store.workspace() as workspace:
        shutil.copytree(cell.entry.folder, workspace / "entry")
        shutil.copy(cell.entry.model_path, workspace / "weights")
        entry = store.publish(
            workspace / "entry", workspace / "weights", cell.entry.manifest, "0" * 16
        )
    shutil.rmtree(tmp_path / "driver")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "node"))
    moved = msgspec.structs.replace(cell, entry=entry)
    *_, ended = answers(msgspec.structs.replace(asked, cells=(moved,), store=url))

    assert isinstance(ended, Embedded)
    (proven,) = ended.cells
    assert isinstance(proven, Proven)


def test_a_node_that_lacks_the_pictures_is_an_error(tmp_path: Path) -> None:
    """None is left out because a folder is not shared."""
    path = tmp_path / "1.png"
    path.write_bytes(b"picture")
    asked = order(tmp_path, path)
    path.unlink()
    (refused,) = answers(asked)

    assert isinstance(refused, Refused)
    assert "a node does not have it; give pictures that all nodes share" in refused.reason


@pytest.mark.parametrize(
    "command", [("export",), ("bench",), ("tune",), ("evaluate", "pictures")], ids=lambda of: of[0]
)
def test_without_ray_its_package_is_named(
    simx: Simx, monkeypatch: pytest.MonkeyPatch, folder: Path, command: tuple[str, ...]
) -> None:
    """One line, and the exit code of what cannot be used here."""
    labelled_folder(folder / "pictures", copies=2)
    monkeypatch.setitem(sys.modules, "ray", None)
    outcome = simx(*command, "resnet18", "--on", "local")

    assert outcome.code == ExitCode.PROVIDER_UNAVAILABLE
    assert outcome.err.splitlines()[-1] == (
        "simx: --on local: needs Ray; pip install 'simx-bench[ray]'"
    )


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("bench", "resnet18", "--kind", "EPYC"), "--kind EPYC: works only with --on"),
        (("bench", "resnet18", "--per", "kind"), "--per kind: works only with --on"),
        (("bench", "resnet18", "--price", "a=1USD"), "--price a=1USD: works only with --on"),
        (("bench", "resnet18", "--on", "local", "--price", "1USD/h"), "write it as EPYC=0.40USD/h"),
        (("bench", "resnet18", "--on", "local", "--price", "a=0EUR"), "write it as EPYC=0.40USD/h"),
        (
            ("bench", "resnet18", "--on", "local", "--price", "a=1USD", "--price", "b=1EUR"),
            "give all prices in one currency",
        ),
        (
            ("bench", "resnet18", "--on", "local", "--per", "kind", "--kind", "EPYC"),
            "omit one of the two",
        ),
        (("tune", "resnet18", "--kind", "EPYC"), "--kind EPYC: works only with --on"),
        (("evaluate", "x", "--kind", "EPYC"), "--kind EPYC: works only with --on"),
        (("export", "resnet18", "--on", "ray://head:10001"), "give local, auto, or HOST:PORT"),
        (("export", "resnet18", "--on", "local", "--jobs", "2"), "--jobs: with --on"),
        (("export", "--prune", "--on", "local"), "omit --on"),
    ],
)
def test_what_makes_no_sense_is_refused(simx: Simx, options: tuple[str, ...], reason: str) -> None:
    """Before Ray is looked for."""
    outcome = simx(*options)

    assert outcome.code == ExitCode.USAGE
    assert reason in outcome.err
