"""``simx evaluate --on`` a cluster of three nodes, some of which are killed."""

import time
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("ray", reason="ray is not installed here; run make test-ray")

from simx.results.files.evaluation import read_evaluation
from simx.results.schema.evaluation import EvaluatedCell
from tests.cluster.clusters import Driver, Nodes, left
from tests.cluster.test_measuring import end
from tests.cluster.timed import BACKBONES, calls, fill
from tests.evaluation.labelled import labelled_folder

NAMES = tuple(each.name for each in BACKBONES[:2])
PICTURES = 73


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a damaged picture."""
    folder = labelled_folder(tmp_path_factory.mktemp("pictures"), copies=6)
    (folder / "anchor 1" / "damaged.png").write_bytes(b"no picture")
    return folder


class Evaluating:
    """Drivers that evaluate; each has a cache and a report of its own, unless it is named."""

    def __init__(self, nodes: Nodes, store: Path | str, pictures: Path, folder: Path) -> None:
        self._nodes = nodes
        self._common = (
            *("evaluate", str(pictures), *NAMES, "--backend", "timed", "--weights", "random"),
            *("--threads", "1", "--batch", "2", "--resamples", "200", "--store", str(store)),
        )
        self._folder = folder

    def start(self, name: str, *options: str) -> Driver:
        where = ("-o", str(self.path(name)), "--cache", str(self.cache(name)), "--force")
        return self._nodes.driver(*self._common, *where, *options)

    def start_on_nodes(self, name: str, *options: str) -> Driver:
        return self.start(name, "--on", self._nodes.address, *options)

    def path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def cache(self, name: str) -> Path:
        return self._folder / name

    def cells(self, name: str) -> list[EvaluatedCell]:
        """Return the cells of a report, without what took time."""
        found = read_evaluation(self.path(name))
        assert found.pictures.pictures == PICTURES - 1
        assert len(found.pictures.unreadable) == 1
        cells = [each for each in found.cells if isinstance(each, EvaluatedCell)]
        return [
            msgspec.structs.replace(
                each,
                search_seconds=None,
                throughput=msgspec.structs.replace(
                    each.throughput,
                    embedded=0,
                    reused=0,
                    images_per_second=None,
                    decoded_per_second=None,
                    bound=None,
                ),
            )
            for each in cells
        ]

    def rows(self, name: str) -> list[bytes]:
        """Return the kept embeddings, each with its picture, in the order of their hashes."""
        return sorted(
            record
            for path in sorted(self.cache(name).glob("*/embeddings"))
            for record in records(path.read_bytes())
        )

    def wait_for_rows(self, name: str, number: int) -> None:
        while len(self.rows(name)) < number:
            time.sleep(0.05)


def require_equal(here: Evaluating, there: Evaluating) -> None:
    """Require that both have the embeddings and figures of one machine."""
    assert there.rows("there") == here.rows("here")
    assert there.cells("there") == here.cells("here")


def records(data: bytes) -> list[bytes]:
    """Return the whole records of a file of embeddings of eight numbers."""
    size = 64 + 4 + 4 * 8
    return [data[at : at + size] for at in range(0, len(data) - size + 1, size)]


@pytest.fixture
def evaluating(nodes: Nodes, store: Path, pictures: Path, tmp_path: Path) -> Evaluating:
    return Evaluating(nodes, store, pictures, tmp_path)


def test_figures_are_those_of_one_machine(evaluating: Evaluating, log: Path) -> None:
    """To the last digit, and so are the embeddings; each picture was embedded by one node."""
    end(evaluating.start("here"))
    end(evaluating.start_on_nodes("there"))
    names = {call.node for call in calls(log)}

    assert evaluating.rows("there") == evaluating.rows("here")
    assert len(evaluating.rows("here")) == len(NAMES) * (PICTURES - 1)
    assert evaluating.cells("there") == evaluating.cells("here")
    assert len(names - {"driver"}) > 1


def test_a_store_behind_a_url_makes_no_difference(
    nodes: Nodes, store: Path, pictures: Path, tmp_path: Path
) -> None:
    """Each node embeds with the files of a copy of its own."""
    url = f"file://{tmp_path}/there"
    fill(url, BACKBONES[: len(NAMES)])
    here = Evaluating(nodes, store, pictures, tmp_path)
    there = Evaluating(nodes, url, pictures, tmp_path)
    end(here.start("here"))
    end(there.start_on_nodes("there"))

    require_equal(here, there)


def test_a_lost_node_costs_its_shard(evaluating: Evaluating, nodes: Nodes) -> None:
    """What the driver had stays, and the figures do too."""
    end(evaluating.start("here"))
    driver = evaluating.start_on_nodes("there")
    evaluating.wait_for_rows("there", 10)
    nodes.kill(0)
    nodes.kill(0)
    nodes.add()
    nodes.add()
    output = end(driver)

    assert "was lost while it embedded with" in output
    require_equal(evaluating, evaluating)


def test_a_killed_driver_goes_on(evaluating: Evaluating, log: Path) -> None:
    """By the same command; what was kept is not embedded again, and no process is left."""
    end(evaluating.start("here"))
    driver = evaluating.start_on_nodes("there")
    evaluating.wait_for_rows("there", 20)
    driver.process.kill()
    driver.end()
    kept = evaluating.rows("there")

    assert left(log, "simx.workers") == []
    end(evaluating.start_on_nodes("there"))
    found = read_evaluation(evaluating.path("there")).cells
    assert sum(each.throughput.reused for each in found if isinstance(each, EvaluatedCell)) == len(
        kept
    )
    require_equal(evaluating, evaluating)
