"""The reference workload's times in a run: they show a disturbed machine while it is measured on.

The report calls it the canary: a fixed matrix product, taken in every round.
"""

from collections.abc import Iterable, Mapping

from simx.results.schema.report import Canary
from simx.results.schema.times import Block
from simx.results.statistics.noise import CanaryKey, canary_ns, canary_reference, is_slow


class ReferenceWorkloadHistory:
    """What it took in this run so far, on each backend and provider."""

    def __init__(self) -> None:
        self._seen: dict[CanaryKey, list[float]] = {}

    def are_slow(self, canaries: Mapping[CanaryKey, Block]) -> bool:
        """Take note of one round's canaries, and say whether they were disturbed."""
        taken = {key: canary_ns(block) for key, block in canaries.items()}
        for key, ns in taken.items():
            self._seen.setdefault(key, []).append(ns)
        return is_slow(taken, self.references())

    def remember(self, canaries: Iterable[Canary]) -> None:
        """Take note of canaries that were measured before."""
        for canary in canaries:
            seen = self._seen.setdefault((canary.backend, canary.provider), [])
            seen += [canary_ns(block) for launch in canary.launches for block in launch.blocks]

    def references(self) -> dict[CanaryKey, float]:
        """Return what an undisturbed canary takes on each backend and provider, in nanoseconds."""
        return {key: canary_reference(ns) for key, ns in self._seen.items()}
