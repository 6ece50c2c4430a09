"""``simx bench --on`` a cluster of three nodes on this machine, of which some are killed."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="ray is not installed here; run make test-ray")

from simx.results.files.assembly import forward_of
from simx.results.files.journal import journal_path, read_journal
from simx.results.files.report import read
from simx.results.schema.report import MeasuredCell, Report
from tests.cluster.clusters import ROOT, Driver, Nodes, left
from tests.cluster.timed import BACKBONES, CANARY_SECONDS, SLOWNESS, calls, overlaps
from tests.runner.benches import small_pictures

NAMES = tuple(each.name for each in BACKBONES[:5])
LAUNCHES = 3


class Bench:
    """A driver that measures, and its report."""

    def __init__(self, nodes: Nodes, store: Path, folder: Path) -> None:
        self._nodes = nodes
        self._store = store
        self._pictures = small_pictures(folder)
        self.path = folder / "report.json"

    def start(self, *options: str) -> Driver:
        pictures = self._pictures
        return self._nodes.driver(
            *("bench", *NAMES, "--backend", "timed", "--weights", "random", "--threads", "1"),
            *("--launches", str(LAUNCHES), "--rounds", "3", "--store", str(self._store)),
            *("--anchor", str(pictures.anchor), "--positive", str(pictures.positive)),
            *("--negative", str(pictures.negative), "-o", str(self.path)),
            *("--on", self._nodes.address, *options),
        )

    def resume(self, *options: str) -> Driver:
        return self._nodes.driver("bench", "--resume", str(self.path), *options)

    def wait_for_launches(self, number: int) -> None:
        """Wait until so many launches are in the journal."""
        while True:
            path = journal_path(self.path)
            if path.exists() and len(read_journal(path).launches) >= number:
                return
            time.sleep(0.2)


@pytest.fixture
def bench(nodes: Nodes, store: Path, tmp_path: Path) -> Bench:
    return Bench(nodes, store, tmp_path)


def end(driver: Driver, code: int = 0) -> str:
    """Wait for a driver's end, and return what it wrote."""
    found, output = driver.end()

    assert found == code, output
    return output


def measured(report: Report) -> dict[str, list[int]]:
    """Return the indices of the launches of each backbone."""
    return {
        f"{cell.identity.model}": [launch.index for launch in forward_of(cell)]
        for cell in report.cells
        if isinstance(cell, MeasuredCell)
    }


def libraries(report: Report) -> dict[str, str]:
    assert report.environment is not None
    return report.environment.libraries


EVERYTHING = {name: list(range(LAUNCHES)) for name in NAMES}


def test_backbones_are_spread_over_nodes(bench: Bench, log: Path) -> None:
    """One backbone is one node's, each node does one thing at a time, and none has a name."""
    end(bench.start())
    report = read(bench.path)
    places = {stop.model: stop.node for stop in report.stops}
    text = bench.path.read_text(encoding="utf-8")

    assert measured(report) == EVERYTHING
    assert len(set(places.values())) > 1
    assert set(places.values()) <= set(range(1, len(report.nodes) + 1))
    assert {times.identity.model for node in report.nodes for times in node.reference} == {NAMES[0]}
    assert overlaps(calls(log)) == []
    assert socket.gethostname() not in text
    assert socket.gethostbyname(socket.gethostname()) not in text


def test_a_lost_node_costs_what_it_was_measuring(bench: Bench, nodes: Nodes) -> None:
    """That begins again elsewhere, without the launches of the lost node."""
    driver = bench.start()
    bench.wait_for_launches(2)
    before = read_journal(journal_path(bench.path))
    finished = [each for each in before.launches if each.backbone in before.finished]
    nodes.kill(0)
    nodes.kill(0)
    nodes.add()
    nodes.add()
    output = end(driver)
    report = read(bench.path)
    kept = {
        launch
        for cell in report.cells
        if isinstance(cell, MeasuredCell)
        for launch in forward_of(cell)
    }

    assert "was lost while it measured" in output
    assert any("a node was lost while it measured" in note for note in report.notes)
    assert measured(report) == EVERYTHING
    for launch in finished:
        for cell in launch.cells:
            assert isinstance(cell, MeasuredCell)
            assert set(forward_of(cell)) <= kept


def test_a_killed_driver_leaves_no_process_and_resumes(
    bench: Bench, nodes: Nodes, log: Path
) -> None:
    """What was acknowledged stays; only on a cluster can the rest be measured."""
    driver = bench.start()
    bench.wait_for_launches(4)
    driver.process.kill()
    driver.end()
    before = read_journal(journal_path(bench.path))

    assert left(log, "simx.workers") == []
    assert "resume it with --on" in end(bench.resume(), 2)
    end(bench.resume("--on", nodes.address))
    report = read(bench.path)
    assert measured(report) == EVERYTHING
    assert before.finished <= {(stop.model, stop.weights, stop.kind) for stop in report.stops}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_everything(
    bench: Bench, log: Path, number: signal.Signals, code: int
) -> None:
    """No process is left, and the message says how to go on."""
    driver = bench.start()
    bench.wait_for_launches(1)
    driver.process.send_signal(number)

    output = end(driver, code)
    assert "what is finished is kept; go on: simx bench --resume" in output
    assert "--on ADDRESS" in output
    assert left(log, "simx.workers") == []
    assert left(log, "simx bench") == []


@contextmanager
def strange_node(nodes: Nodes, folder: Path) -> Iterator[None]:
    """Add a node with another build of ONNX Runtime."""
    build = folder / "site" / "onnxruntime_strange-9.9.dist-info"
    build.mkdir(parents=True)
    (build / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: onnxruntime-strange\nVersion: 9.9\n"
    )
    (build / "RECORD").write_text("onnxruntime/__init__.py,,\n")
    path = nodes.variables("")["PYTHONPATH"]
    nodes.add(PYTHONPATH=f"{build.parent}:{path}")
    try:
        yield
    finally:
        nodes.kill(len(nodes.alive) - 1)


def test_nodes_of_another_kind_are_named_and_left_out(
    bench: Bench, nodes: Nodes, tmp_path: Path
) -> None:
    """The largest kind measures, or the one that is named."""
    with strange_node(nodes, tmp_path):
        assert "is left out: is of another kind" in end(bench.start("--launches", "1"))
        assert "onnxruntime-strange" not in libraries(read(bench.path))
        bench.path.unlink()
        end(bench.start("--launches", "1", "--kind", "strange 9.9"))
        report = read(bench.path)
        assert libraries(report)["onnxruntime-strange"] == "9.9"
        assert len(report.nodes) == 1
        assert "no kind of nodes" in end(bench.start("--force", "--kind", "sparc"), 2)


def test_each_kind_measures_everything(bench: Bench, nodes: Nodes, tmp_path: Path) -> None:
    """The tables have all kinds, with their costs; a driver that dies resumes all of them."""
    options = ("--per", "kind", "--price", "strange 9.9=3.6USD/h", "--launches", "2")
    with strange_node(nodes, tmp_path):
        driver = bench.start(*options)
        bench.wait_for_launches(3)
        driver.process.kill()
        driver.end()
        output = end(bench.resume("--on", nodes.address))
    report = read(bench.path)
    strange = next(kind for kind in report.kinds if "strange" in kind.name)

    assert {(cell.identity.model, cell.identity.kind) for cell in report.cells} == {
        (name, kind.name) for name in NAMES for kind in report.kinds
    }
    assert all(isinstance(cell, MeasuredCell) for cell in report.cells)
    assert [kind.price is None for kind in report.kinds] == [True, False]
    assert strange.environment.libraries["onnxruntime-strange"] == "9.9"
    for stop in report.stops:
        assert stop.node is not None
        assert report.nodes[stop.node - 1].kind == stop.kind
    assert "Kinds of nodes" in output
    assert "USD" in output


def test_a_sick_node_is_named_and_left_out(bench: Bench, nodes: Nodes) -> None:
    """Nothing that it has measured counts."""
    nodes.add(2, 2 * 2**30, **{SLOWNESS: "3"})
    try:
        output = end(bench.start())
    finally:
        nodes.kill(len(nodes.alive) - 1)
    report = read(bench.path)

    assert "is left out: is sick: its canary takes" in output
    assert any("a node was left out: it is sick" in note for note in report.notes)
    assert measured(report) == EVERYTHING
    slowest = max(
        min(block.ns)
        for canary in report.canary
        for launch in canary.launches
        for block in launch.blocks
    )
    assert slowest < 2.9e9 * CANARY_SECONDS


def test_an_address_without_a_cluster(nodes: Nodes) -> None:
    """It is said in one line, with what to do."""
    driver = nodes.driver("export", "alexnet", "--on", "127.0.0.1:1")
    output = end(driver, 4)

    assert "no Ray cluster can be used there" in output
    assert "Traceback" not in output
    assert "give local, auto, or HOST:PORT" in end(
        nodes.driver("export", "alexnet", "--on", "x"), 2
    )


def test_nobody_else_gets_into_a_local_cluster() -> None:
    """It listens on the network, and Ray runs what anybody sends who has its token."""
    inside = (
        "import os, subprocess, sys\n"
        "from simx.cluster.connection import connected\n"
        "with connected('local'):\n"
        "    import ray\n"
        "    address = ray.get_runtime_context().gcs_address\n"
        "    code = f'import ray; ray.init({address!r})'\n"
        "    own = dict(os.environ)\n"
        "    others = {name: own[name] for name in own if 'RAY_AUTH' not in name}\n"
        "    for variables in (own, others):\n"
        "        ran = subprocess.run([sys.executable, '-c', code], env=variables)\n"
        "        print('came in' if ran.returncode == 0 else 'refused')\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", inside], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert ran.stdout.split("\n")[:2] == ["came in", "refused"], ran.stdout
