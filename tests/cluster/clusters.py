"""Ray clusters of several nodes on this machine, whose nodes can be killed, and drivers of them."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cluster.timed import LOG, NODE

ROOT = Path(__file__).resolve().parent.parent.parent
SITE = ROOT / "tests" / "cluster" / "site"

_SMALLEST = 80 * 2**20

_TRIES = 5


class Driver:
    """``simx`` in a process. What it writes goes to a file: Ray writes more than a pipe holds."""

    def __init__(self, variables: dict[str, str], arguments: Sequence[str]) -> None:
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - ``end`` closes it
        self.process = subprocess.Popen(
            [sys.executable, "-m", "simx", *arguments],
            cwd=ROOT,
            env=variables,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def end(self) -> tuple[int, str]:
        """Wait for its end, and return its exit code and what it wrote."""
        code = self.process.wait(timeout=900)
        with self._output as output:
            output.seek(0)
            return code, output.read()


class Nodes:
    """The nodes of a cluster that runs here; its head has no processors for tasks."""

    def __init__(self, folder: Path) -> None:
        from ray.cluster_utils import Cluster  # noqa: PLC0415 - an extra

        self._folder = folder
        self._number = 0
        small = {"object_store_memory": _SMALLEST, "include_dashboard": False}
        self._cluster: Any = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "env_vars": self.variables(""), **small},
        )
        self.alive: list[Any] = []

    @property
    def address(self) -> str:
        address: str = self._cluster.address
        return address

    def variables(self, node: str) -> dict[str, str]:
        """Return those of a node, or of a driver; each has a cache of its own."""
        path = os.pathsep.join((str(ROOT), str(SITE), os.environ.get("PYTHONPATH", "")))
        return {
            LOG: str(self._folder),
            NODE: node,
            "PYTHONPATH": path.rstrip(os.pathsep),
            "XDG_CACHE_HOME": str(self._folder / f"cache of {node}"),
        }

    def add(self, cpus: int = 2, memory: int = 2 * 2**30, **variables: str) -> None:
        """Add a node; on a busy machine Ray may give one up, which is tried again."""
        self._number += 1
        of_node = self.variables(f"node {self._number}") | variables
        options = {"num_cpus": cpus, "memory": memory, "object_store_memory": _SMALLEST}
        for left in reversed(range(_TRIES)):
            try:
                self.alive.append(self._cluster.add_node(**options, env_vars=of_node))
            except Exception:  # Ray raises no other
                if not left:
                    raise
            else:
                return

    def kill(self, place: int) -> None:
        """Kill a node's processes, as the loss of a machine would."""
        self._cluster.remove_node(self.alive.pop(place), allow_graceful=False)

    def driver(self, *arguments: str) -> "Driver":
        """Start ``simx`` with arguments; it knows the backend of known times."""
        return Driver(os.environ | self.variables("driver"), arguments)

    def shut_down(self) -> None:
        self._cluster.shutdown()


@contextmanager
def cluster(folder: Path, nodes: int) -> Iterator[Nodes]:
    """Yield a cluster of some nodes, whose calls are logged in a folder."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    found = Nodes(folder)
    try:
        for _ in range(nodes):
            found.add()
        yield found
    finally:
        found.shut_down()


def processes(folder: Path, part: str = "") -> list[str]:
    """Return the commands of all processes that have the folder's variable, with a part in them."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            environment = (path / "environ").read_bytes().split(b"\0")
            command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        is_of_ours = f"{LOG}={folder}".encode() in environment
        if is_of_ours and command and part in command and int(path.name) != os.getpid():
            found.append(command)
    return found


def left(folder: Path, part: str = "", seconds: float = 30.0) -> Sequence[str]:
    """Return the processes that are still there after some time."""
    end = time.monotonic() + seconds
    while (found := processes(folder, part)) and time.monotonic() < end:
        time.sleep(0.2)
    return found
