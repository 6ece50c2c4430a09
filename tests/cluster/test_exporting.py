"""``simx export --on`` a cluster of three nodes, each with memory for one export."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="ray is not installed here; run make test-ray")

from simx.exporter.store.store import Store
from simx.results.files.report import read
from simx.results.schema.report import MeasuredCell
from tests.cluster.clusters import Nodes

NAMES = ("squeezenet1_0", "squeezenet1_1", "shufflenet_v2_x0_5", "mnasnet0_5")


def test_exports_are_admitted_by_memory_and_published_once(nodes: Nodes, tmp_path: Path) -> None:
    """Two drivers at once make each export once, never more of them than there is memory for."""
    order = ("export", *NAMES, "--weights", "random", "--store", str(tmp_path))
    drivers = [nodes.driver(*order, "--on", nodes.address, "--format", "csv") for _ in range(2)]
    codes, outputs = zip(*(driver.end() for driver in drivers), strict=True)
    manifests = [entry.manifest for entry in Store(tmp_path).entries()]

    assert codes == (0, 0), outputs
    assert sorted(each.identity.model for each in manifests) == sorted(NAMES)
    assert sum(output.count(",exported,") for output in outputs) == len(NAMES)
    assert [*(tmp_path / "unfinished").iterdir()] == []
    ends = [datetime.fromisoformat(each.created) for each in manifests]
    spans = [
        (end - timedelta(seconds=each.seconds), end)
        for end, each in zip(ends, manifests, strict=True)
    ]
    for begin, _ in spans:
        assert sum(one <= begin < other for one, other in spans) <= 3


def test_nodes_share_a_store_behind_a_url(nodes: Nodes, tmp_path: Path) -> None:
    """Each makes a copy of what it needs; exports are made once, and measured from there."""
    url = f"file://{tmp_path}/there"
    order = ("squeezenet1_0", "squeezenet1_1", "--weights", "random", "--store", url)
    on = ("--on", nodes.address)
    made, again = (nodes.driver("export", *order, *on, "--format", "csv").end() for _ in range(2))
    bench = ("--backend", "ort", "--profile", "quick", "-o", str(tmp_path / "report.json"), *on)
    measured = nodes.driver("bench", *order, *bench).end()

    assert (made[0], again[0], measured[0]) == (0, 0, 0), (made, again, measured)
    assert made[1].count(",exported,") == 2
    assert again[1].count(",present,") == 2
    assert len([*(tmp_path / "there" / "exports").rglob("*.json")]) == 2
    assert all(isinstance(each, MeasuredCell) for each in read(tmp_path / "report.json").cells)
