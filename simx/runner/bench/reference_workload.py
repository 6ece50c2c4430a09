"""Remembers a run's canaries, so that a disturbed machine shows while it is being measured."""

from collections.abc import Iterable, Mapping

from simx.results.schema.report import Canary
from simx.results.schema.times import Block
from simx.results.statistics.noise import Executor, canary_ns, canary_reference, is_slow


class CanaryHistory:
    """What each backend's canary took in this run so far."""

    def __init__(self) -> None:
        self._seen: dict[Executor, list[float]] = {}

    def are_slow(self, canaries: Mapping[Executor, Block]) -> bool:
        """Take note of one round's canaries, and say whether they were disturbed."""
        taken = {executor: canary_ns(block) for executor, block in canaries.items()}
        for executor, ns in taken.items():
            self._seen.setdefault(executor, []).append(ns)
        return is_slow(taken, self.references())

    def remember(self, canaries: Iterable[Canary]) -> None:
        """Take note of canaries that were measured before."""
        for canary in canaries:
            seen = self._seen.setdefault((canary.backend, canary.provider), [])
            seen += [canary_ns(block) for launch in canary.launches for block in launch.blocks]

    def references(self) -> dict[Executor, float]:
        """Return what an undisturbed canary takes on each backend and provider, in nanoseconds."""
        return {executor: canary_reference(ns) for executor, ns in self._seen.items()}
