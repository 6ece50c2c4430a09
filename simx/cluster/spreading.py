"""Work that is spread over nodes: each does one thing at a time, and nothing else.

What a lost node was doing begins again, elsewhere if the node is gone.
"""

import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from typing import Generic, TypeVar

from simx.cluster.connection import Lost, Node, Running
from simx.cluster.exporting import MOST_TRIES, given_up
from simx.cluster.nodes import Nodes
from simx.cluster.tasks import Answer, Noticed, Refused, Task
from simx.common.errors import SystemFailureError
from simx.exporter.jobs.plan import ExportListener

Unit = TypeVar("Unit")
"""What a node does at a time; it is hashable."""

_REFRESH_SECONDS = 5.0
"""Between looks for nodes that have joined."""

_PATIENCE_SECONDS = 600.0
"""Without any node, for one to join."""


class Spread(Generic[Unit]):
    """What waits, and what runs.

    Args:
        nodes: Which may do it.
        units: In their order.
        task_of: Returns what a node is to do of a unit, also of one that was lost.
        doing: Returns for messages what is done, such as ``it measured resnet18``.
        how_to_go_on: For the message that no node is left.
        listener: Gets messages.
    """

    def __init__(
        self,
        nodes: Nodes,
        units: Sequence[Unit],
        task_of: Callable[[Unit, Node], Task],
        doing: Callable[[Unit], str],
        how_to_go_on: str,
        listener: ExportListener,
    ) -> None:
        self._nodes = nodes
        self._waiting = [*units]
        self._task_of = task_of
        self._doing = doing
        self._how_to_go_on = how_to_go_on
        self._listener = listener
        self._running: dict[Running, tuple[Unit, Node]] = {}
        self._crashes = Counter[Unit]()
        self._looked = time.monotonic()

    def answers(self) -> Generator[tuple[Unit, Node, Answer | Lost | None]]:
        """Yield what nodes answer, None at the end, until all is done.

        ``Lost`` means that a unit was lost too often.

        Raises:
            SystemFailureError: No node was left for a long time.
        """
        seen = time.monotonic()
        while True:
            self._begin()
            for found in self._nodes.cluster.answers(self._running, _REFRESH_SECONDS):
                match found:
                    case (unit, node), Lost() as gone:
                        if self._begins_again(unit, node, gone):
                            self._wait_again(unit)
                        else:
                            yield unit, node, Lost(given_up(gone), gone.is_gone)
                    case _, Refused() as refused:
                        raise refused.error()
                    case _, Noticed(text):
                        self._listener.notice(text)
                    case (unit, node), answer:
                        yield unit, node, answer
                self._begin()
                seen = time.monotonic()
            if not self._waiting:
                return
            if time.monotonic() - seen > _PATIENCE_SECONDS:
                raise SystemFailureError(
                    f"--on: no node is left that can do what is open; {self._how_to_go_on}"
                )
            time.sleep(1)

    def _begin(self) -> None:
        """Give each node that is free a unit."""
        if self._waiting and time.monotonic() - self._looked > _REFRESH_SECONDS:
            self._nodes.refresh()
            self._looked = time.monotonic()
        if len(self._running) >= len(self._nodes.usable):
            return
        busy = {node.id for _, node in self._running.values()}
        for node in [each for key, each in self._nodes.usable.items() if key not in busy]:
            if (unit := self._next_for(node)) is not None:
                task, start = self._task_of(unit, node), self._nodes.cluster.start
                running = start(task, cpus=node.cpus, gpus=node.gpus, node=node)
                self._running[running] = unit, node

    def _next_for(self, node: Node) -> Unit | None:  # noqa: ARG002 - others choose by it
        """Take what a free node does next out of what waits; None if there is nothing for it."""
        return self._waiting.pop(0) if self._waiting else None

    def _begins_again(self, unit: Unit, node: Node, gone: Lost) -> bool:
        """Say what was lost, and return whether it may be tried again."""
        what = f"node {node.address} was lost while {self._doing(unit)}: {gone.reason}"
        self._listener.notice(what)
        if gone.is_gone:
            self._nodes.usable.pop(node.id, None)
        else:
            self._crashes[unit] += 1
        return self._crashes[unit] < MOST_TRIES

    def _wait_again(self, unit: Unit) -> None:
        """Let a unit begin again before what waits."""
        self._waiting.insert(0, unit)
