"""One cluster of three nodes for the tests that need Ray, and the command line for the others."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.fixtures import folder, simx
from tests.cluster.clusters import Nodes, cluster
from tests.cluster.timed import BACKBONES, fill

__all__ = ["folder", "simx"]


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("calls")


@pytest.fixture(scope="session")
def nodes(log: Path) -> Iterator[Nodes]:
    """Three nodes, of which a test may kill some and add others."""
    with cluster(log, 3) as found:
        yield found


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that the backend of known times can run."""
    root = tmp_path_factory.mktemp("store")
    fill(root, BACKBONES[:8])
    return root
