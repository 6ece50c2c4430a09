"""``simx tune --on`` a cluster of three nodes: each search is one node's."""

import json
import time
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="ray is not installed here; run make test-ray")

from simx.results.files.journal import journal_path, read_journal
from tests.cluster.clusters import Driver, Nodes, left
from tests.cluster.test_measuring import end
from tests.cluster.timed import BACKBONES, calls, overlaps

NAMES = tuple(each.name for each in BACKBONES[:2])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tuned.json"


def start(nodes: Nodes, store: Path, path: Path, *options: str) -> Driver:
    return nodes.driver(
        *("tune", *NAMES, "--backend", "timed", "--weights", "random", "--threads", "2"),
        *("--budget", "1s", "--store", str(store), "-o", str(path), "--on", nodes.address),
        *options,
    )


def found(path: Path) -> list[tuple[str, bool]]:
    """Return which models have a winner."""
    models = json.loads(path.read_text(encoding="utf-8"))["models"]
    return [(each["model"], each["winner"] is not None) for each in models]


EVERYTHING = [(each.model, True) for each in BACKBONES[:2]]


def test_searches_are_spread_over_nodes(nodes: Nodes, store: Path, path: Path, log: Path) -> None:
    """All calls of a model are on one node, which makes one at a time."""
    before = len(calls(log))
    output = end(start(nodes, store, path))
    made = sorted(calls(log), key=lambda call: call.begun)[before:]

    assert found(path) == EVERYTHING
    assert {len({call.node for call in made if call.model == name}) for name in NAMES} == {1}
    assert overlaps(made) == []
    assert "measuring" in output
    assert not journal_path(path).exists()


def test_a_finished_search_is_kept(nodes: Nodes, store: Path, path: Path, log: Path) -> None:
    """A lost node costs its own search, and a lost driver those that had not ended."""
    driver = start(nodes, store, path)
    while not (journal_path(path).exists() and read_journal(journal_path(path)).searched):
        time.sleep(0.1)
    driver.process.kill()
    driver.end()
    kept = read_journal(journal_path(path)).searched

    assert left(log, "simx.workers") == []
    assert "resume it with --on" in end(nodes.driver("tune", "--resume", str(path)), 2)
    end(nodes.driver("tune", "--resume", str(path), "--on", nodes.address))
    assert found(path) == EVERYTHING
    winners = {each["model"]: each["seconds"] for each in json.loads(path.read_text())["models"]}
    for (model, _), search in kept.items():
        assert winners[model] == search.seconds
