"""A Ray cluster: reaching it, its nodes, tasks on them, and their answers.

Imports Ray, which is an extra, when a cluster is reached.
"""

import logging
import os
import secrets
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec

from simx.cluster.tasks import Answer, Task, decoded, encoded, run
from simx.common.errors import InputError, ProviderUnavailableError
from simx.common.signals import ENDING
from simx.runner.bench.threads import default_threads

LOCAL = "local"
"""The address that starts Ray on this machine alone."""

_INSTALL = "pip install 'simx-bench[ray]'"

_OBJECT_STORE_BYTES = 80 * 2**20
"""About the least that Ray takes. Answers are small, and go to the driver directly."""

_REACH_SECONDS = 10.0

Running = Any
"""Ray's handle of a task's answers, which is hashable."""

Unit = TypeVar("Unit")
"""What a task is for."""


class Node(msgspec.Struct, frozen=True):
    """A node that is alive, by Ray's random identifier, and what Ray may give of it to tasks.

    ``address`` is for messages, and in no report.
    """

    id: str
    address: str
    cpus: float
    gpus: float
    memory: int


class Lost(msgspec.Struct, frozen=True):
    """A task ended before its last answer; with its node, if that ``is_gone``."""

    reason: str
    is_gone: bool


class Cluster:
    """The nodes of a cluster that was reached; see ``connected``."""

    def __init__(self, ray: Any) -> None:  # noqa: ANN401 - the module
        self._ray = ray
        self._run = ray.remote(max_retries=0, num_returns="streaming")(run)

    def nodes(self) -> dict[str, Node]:
        """Return the nodes that are alive and have processors for tasks, by their identifiers."""
        found = (
            Node(
                id=each["NodeID"],
                address=each["NodeManagerAddress"],
                cpus=each["Resources"].get("CPU", 0.0),
                gpus=each["Resources"].get("GPU", 0.0),
                memory=int(each["Resources"].get("memory", 0)),
            )
            for each in self._ray.nodes()
            if each["Alive"]
        )
        return {node.id: node for node in found if node.cpus >= 1}

    def start(
        self,
        task: Task,
        *,
        cpus: float = 0,
        gpus: float = 0,
        memory: int = 0,
        node: Node | None = None,
    ) -> Running:
        """Start a task as soon as a node, or the named one, has so much to give."""
        strategies = self._ray.util.scheduling_strategies
        where = node and strategies.NodeAffinitySchedulingStrategy(node.id, soft=False)
        options = self._run.options(
            num_cpus=cpus, num_gpus=gpus, memory=memory, scheduling_strategy=where or "DEFAULT"
        )
        return options.remote(encoded(task))

    def answers(
        self, running: dict[Running, Unit], seconds: float | None = None
    ) -> Iterator[tuple[Unit, Answer | Lost | None] | None]:
        """Yield each answer with what its task is for, until no task runs.

        Args:
            running: what tasks are for; others may be added meanwhile. A task that ends, with None,
                or that is lost, is removed before that is yielded. All that are left are ended when
                the caller stops.
            seconds: without an answer, after which None is yielded.
        """
        errors = self._ray.exceptions
        try:
            while running:
                ready, _ = self._ray.wait(list(running), num_returns=1, timeout=seconds)
                if not ready:
                    yield None
                    continue
                task = ready[0]
                try:
                    yield running[task], decoded(self._ray.get(next(task)))
                except StopIteration:
                    yield running.pop(task), None
                except errors.RayError as error:
                    is_gone = isinstance(
                        error, errors.NodeDiedError | errors.TaskUnschedulableError
                    )
                    yield running.pop(task), Lost(_first_line(error), is_gone)
        finally:
            for task in running:
                self.cancel(task)

    def cancel(self, task: Running) -> None:
        """End a task, and the process it runs in."""
        self._ray.cancel(task, force=True)


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """Reach a cluster, or start one here; leave it, or end it, with the context.

    Args:
        address: ``local``, ``auto`` for the cluster that this machine is a node of, or HOST:PORT of
            a cluster's head, from one of its nodes.

    Raises:
        InputError: the address is no such address.
        ProviderUnavailableError: Ray is not installed, or no cluster is there.
    """
    if "://" in address or not (address in {LOCAL, "auto"} or ":" in address):
        raise InputError(
            f"--on {address}: give local, auto, or HOST:PORT of the head of a Ray cluster, and run "
            "simx on one of its nodes"
        )
    # Nothing is sent to Ray's makers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address == LOCAL:
        # Ray listens on every network: nobody else has the token, which Ray's processes inherit.
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    try:
        import ray  # noqa: PLC0415 - an extra
        import ray.util.scheduling_strategies  # noqa: PLC0415
    except ModuleNotFoundError:
        raise ProviderUnavailableError(f"--on {address}: needs Ray; {_INSTALL}") from None
    ours = {
        "num_cpus": default_threads(),
        "object_store_memory": _OBJECT_STORE_BYTES,
        "include_dashboard": False,
    }
    options = ours if address == LOCAL else {}
    handlers = {number: signal.getsignal(number) for number in ENDING}
    host, _, port = address.rpartition(":")
    try:
        if host:  # Ray itself waits for minutes
            socket.create_connection((host, port), _REACH_SECONDS).close()
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **options)
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():  # of which Ray has replaced one
                signal.signal(number, handler)
        yield Cluster(ray)
    except (OSError, RuntimeError, ValueError) as error:
        if ray.is_initialized():
            raise
        raise ProviderUnavailableError(
            f"--on {address}: no Ray cluster can be used there ({_first_line(error)}); start one "
            "with 'ray start --head', or see 'ray status'"
        ) from None
    finally:
        ray.shutdown()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
