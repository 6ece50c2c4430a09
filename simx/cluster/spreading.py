"""Work that is spread over the nodes of one kind: each does one thing at a time, and nothing else.

What a lost node was doing begins again, elsewhere if the node is gone.
"""

import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from typing import Generic, TypeVar

from simx.cluster.connection import Lost, Node, Running
from simx.cluster.exporting import MOST_TRIES
from simx.cluster.measuring import PATIENCE_SECONDS, REFRESH_SECONDS
from simx.cluster.nodes import Nodes
from simx.cluster.tasks import Answer, Noticed, Refused, Task
from simx.common.errors import SystemFailureError
from simx.exporter.jobs.plan import ExportListener

Unit = TypeVar("Unit")
"""What a node does at a time; it is hashable."""


class Spread(Generic[Unit]):
    """What waits, and what runs.

    Args:
        nodes: Which may do it.
        units: In their order.
        task_of: Returns what is to be done of a unit, also of one that was lost.
        doing: For messages, such as ``it measured``.
        listener: Gets messages.
    """

    def __init__(
        self,
        nodes: Nodes,
        units: Sequence[Unit],
        task_of: Callable[[Unit], Task],
        doing: str,
        listener: ExportListener,
    ) -> None:
        self._nodes = nodes
        self._waiting = [*units]
        self._task_of = task_of
        self._doing = doing
        self._listener = listener
        self._running: dict[Running, tuple[Unit, Node]] = {}
        self._crashes = Counter[Unit]()
        self._looked = time.monotonic()

    def answers(self) -> Generator[tuple[Unit, Node, Answer | Lost]]:
        """Yield what nodes answer, or that a unit was lost too often, until all is done.

        Raises:
            SystemFailureError: No node was left for a long time.
        """
        seen = time.monotonic()
        while True:
            self._begin()
            for found in self._nodes.cluster.answers(self._running, REFRESH_SECONDS):
                match found:
                    case (unit, node), Lost() as gone if lost := self._lose(unit, node, gone):
                        yield unit, node, lost
                    case _, Refused() as refused:
                        raise refused.error()
                    case _, Noticed(text):
                        self._listener.notice(text)
                    case (unit, node), answer if answer and not isinstance(answer, Lost):
                        yield unit, node, answer
                self._begin()
                seen = time.monotonic()
            if not self._waiting:
                return
            if time.monotonic() - seen > PATIENCE_SECONDS:
                raise SystemFailureError("--on: no node is left; what is finished is kept")
            time.sleep(1)

    def _begin(self) -> None:
        """Give each node that is free a unit."""
        if self._waiting and time.monotonic() - self._looked > REFRESH_SECONDS:
            self._nodes.refresh()
            self._looked = time.monotonic()
        busy = {node.id for _, node in self._running.values()}
        for node in [each for key, each in self._nodes.usable.items() if key not in busy]:
            if self._waiting:
                unit = self._waiting.pop(0)
                task, start = self._task_of(unit), self._nodes.cluster.start
                running = start(task, cpus=node.cpus, gpus=node.gpus, node=node)
                self._running[running] = unit, node

    def _lose(self, unit: Unit, node: Node, gone: Lost) -> Lost | None:
        """Let a unit begin again, or return that it was lost too often."""
        what = f"node {node.address} was lost while {self._doing}: {gone.reason}"
        self._listener.notice(what)
        if gone.is_gone:
            self._nodes.usable.pop(node.id, None)
        else:
            self._crashes[unit] += 1
        if self._crashes[unit] < MOST_TRIES:
            self._waiting.insert(0, unit)
            return None
        return Lost(f"its process was lost {MOST_TRIES} times: {gone.reason}", gone.is_gone)
